"""The roster of a class, and whose submission is whose.

A roster is a CSV file with a column for the name, or two, and for an id, an email or both. Columns are recognised as
they are called where a roster comes from: Canvas (the gradebook's export: Student, ID, SIS User ID, SIS Login ID,
Section), Moodle (First name, Last name or Surname, ID number, Email address), Gradescope (Name, or First Name and Last
Name, SID, Email, Sections). A column ``extension`` says how many days more than the others a student has, and a column
``submission`` whose a submission is that no name tells: it holds the submission's name, or Gradescope's number, as
the file of its *Download Grades* does.
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path

from elbo_coursework.term.tables import columns, csv_text, number, one_line, plain_name, read_rows

#: How each column may be called; the first form that a header has counts.
FORMS: dict[str, tuple[str, ...]] = {
    "id": ("sis user id", "student id", "sid", "id number", "student number", "matriculation number", "id"),
    "login": ("sis login id", "login id", "username", "user name", "login"),
    "email": ("email", "email address", "e-mail", "mail"),
    "name": ("name", "full name", "student", "student name", "fullname"),
    "first": ("first name", "given name", "firstname", "forename"),
    "last": ("last name", "surname", "family name", "lastname"),
    "section": ("section", "sections", "section name", "group"),
    "canvas": ("canvas id", "canvas user id", "id"),
    "extension": ("extension", "extra days"),
    "submission": ("submission", "submission id"),
}
#: The columns of a roster as ``roster_text`` writes them, by the name of the attribute.
WRITTEN = {"id": "student id", "first": "first name", "last": "last name", "canvas": "canvas id"}
#: Characters of an email address, an id, a name, a login, and first and last name, below which none is looked for in a
#: path, where ``(2)`` may stand for a second attempt.
SHORTEST = (3, 3, 2, 3, 3)
MOST_DAYS = 10_000  # of an extension


@dataclass(frozen=True)
class Student:
    """A line of the roster; what it does not say is an empty text.

    Attributes:
        name: as it is written there, or first and last name
        login: the name at login
        canvas: Canvas' own number, from its gradebook
        extension: days that this student has more than the others
        submission: the name of a submission, or its number
    """

    id: str = ""
    email: str = ""
    name: str = ""
    first: str = ""
    last: str = ""
    login: str = ""
    section: str = ""
    canvas: str = ""
    extension: int = 0
    submission: str = ""

    @property
    def shown(self) -> str:
        """The name, or what there is in its place."""
        return self.name or self.email or self.id

    @property
    def split_name(self) -> tuple[str, str]:
        """First and last name, where the roster has one column cut at a comma or at the last blank."""
        if self.first or self.last:
            return self.first, self.last
        if "," in self.name:
            last, first = self.name.split(",", 1)
        else:
            first, _, last = self.name.rpartition(" ")
        return first.strip(), last.strip()


@dataclass(frozen=True)
class Matching:
    """Whose each submission is.

    Attributes:
        students: the student of a submission, by its name; a submission without one is missing
        absent: students without a submission, in the roster's order
        notes: sentences on submissions of nobody, of perhaps several, and on students with several
    """

    students: Mapping[str, Student] = field(default_factory=dict)
    absent: tuple[Student, ...] = ()
    notes: tuple[str, ...] = ()


def read_roster(path: Path | str) -> tuple[Student, ...]:
    """The students of a roster.

    Raises ``ValueError`` with one sentence that names the row and the column where the file is no roster.
    """
    path = Path(path)
    header, *rows = read_rows(path)
    places = columns(header, FORMS)
    heads = list(map(plain_name, header))
    if "canvas" in places and heads[places["canvas"]] == "id":  # Canvas' own number, in its gradebook alone
        of_canvas = {"sisuserid", "sisloginid"} & set(heads)
        if not of_canvas or places["id"] == places["canvas"]:
            del places["id" if of_canvas else "canvas"]
    if not {"id", "email", "name", "last"} & places.keys():
        expected = "columns such as id, name and email"
        raise ValueError(f"{path.name}, row 1: expected {expected}, got {', '.join(map(one_line, header))[:200]}")
    students = [
        _student(row, places, f"{path.name}, row {place}")
        for place, row in enumerate(rows, 2)
        if any(row) and "points possible" not in row[0].lower()  # the second row of Canvas' gradebook
    ]
    students = [s for s in students if s.shown and plain_name(s.name) not in ("studenttest", "teststudent")]
    for kind in ("id", "email"):
        known = Counter(plain_name(value) for s in students if (value := getattr(s, kind)))
        if twice := next((value for value, count in known.items() if count > 1), None):
            raise ValueError(f"{path.name}, column {kind}: expected each once, got {twice!r} twice")
    if not students:
        raise ValueError(f"{path.name}: expected a row for each student, got none")
    return tuple(students)


def _student(row: Sequence[str], places: Mapping[str, int], where: str) -> Student:
    values = {name: one_line(row[place]) if place < len(row) else "" for name, place in places.items()}
    days = number(values.pop("extension", "") or "0")
    if days is None or days != int(days) or not 0 <= days <= MOST_DAYS:
        got = repr(row[places["extension"]])
        raise ValueError(f"{where}, column extension: expected a whole number of days, got {got}")
    if not values.get("name"):
        values["name"] = f"{values.get('first', '')} {values.get('last', '')}".strip()
    if not values.get("email") and "@" in values.get("login", ""):
        values["email"] = values["login"]
    return Student(**values, extension=int(days))


def roster_text(roster: Sequence[Student]) -> str:
    """The roster as CSV, for ``read_roster``."""
    names = [part.name for part in fields(Student)]
    rows = [[getattr(student, name) for name in names] for student in roster]
    return csv_text([[WRITTEN.get(name, name) for name in names], *rows])


def match(files: Mapping[str, str], roster: Sequence[Student]) -> Matching:
    """Whose each submission is: ``files`` has the path of its file, in the class's folder, by its name.

    A submission that is called as a student is, or by the id, is that student's. Else an email address counts first,
    then an id, the whole name, the login, and first and last name, each as whole words of the submission's name or
    path. Where several students remain, nobody is taken.
    """
    ways, found, notes = _ways(roster), {}, []
    for submission, file in files.items():
        whole = words_of(submission)
        exact = [student for student in roster if submission and submission in _submissions(student)]
        exact = exact or [student for student in roster if whole in [words for _, words in _namings(student)]]
        candidates = exact or _candidates(f"{submission}/{file}", ways)
        if len(candidates) == 1:
            found[submission] = candidates[0]
        else:
            names = " or ".join(student.shown for student in candidates)
            notes.append(f"{submission} may be of {names}." if names else f"{submission} is of nobody on the roster.")
    for student in roster:
        several = [submission for submission, other in found.items() if other is student]
        if len(several) > 1:
            notes.append(f"{student.shown} has {len(several)} submissions: {', '.join(several)}.")
    absent = tuple(student for student in roster if all(other is not student for other in found.values()))
    return Matching(found, absent, tuple(notes))


def _submissions(student: Student) -> tuple[str, ...]:
    return student.submission, f"submission_{student.submission}"


def _ways(roster: Sequence[Student]) -> list[dict[tuple[str, ...], list[Student]]]:
    """For each way of naming a student, the strongest first, the students by the words that name them."""
    ways: list[dict[tuple[str, ...], list[Student]]] = [{} for _ in SHORTEST]
    for student in roster:
        for way, words in _namings(student):
            if len("".join(words)) >= SHORTEST[way]:
                known = ways[way].setdefault(words, [])
                known += [] if student in known else [student]
    return ways


def _namings(student: Student) -> Iterator[tuple[int, tuple[str, ...]]]:
    """What names a student in a path, as words, with the number of its way."""
    yield 0, words_of(student.email)
    for number_of in (student.id, student.canvas):
        yield 1, words_of(number_of)
    first, last = (words_of(part) for part in student.split_name)
    whole = words_of(student.name)
    for way, names in ((2, (whole,)), (2, (first + last, last + first)), (4, (first[:1] + last, last + first[:1]))):
        for name in names:
            if len(name) > 1 or way == 2:
                yield way, name
                yield way, ("".join(name),)
    yield 3, words_of(student.login)
    yield 3, words_of(student.email.partition("@")[0])


def _candidates(path: str, ways: Sequence[Mapping[tuple[str, ...], list[Student]]]) -> list[Student]:
    """The students whom the words of a path name in the strongest way; of names within names, the longest count."""
    words = words_of(path)
    longest = min(len(words), max((len(known) for way in ways for known in way), default=0))
    for way in ways:
        for length in range(longest, 0, -1):
            runs = {words[i : i + length] for i in range(len(words) - length + 1)}
            if found := [student for run in runs for student in way.get(run, ())]:
                return list(dict.fromkeys(found))
    return []


def words_of(text: str) -> tuple[str, ...]:
    """The words of a text, without accents, in lower case.

    >>> words_of("Zoë O'Neill_12.ipynb")
    ('zoe', 'o', 'neill', '12', 'ipynb')
    """
    return tuple(filter(None, (plain_name(word) for word in re.findall(r"[^\W_]+(?:[\u0300-\u036f][^\W_]*)*", text))))
