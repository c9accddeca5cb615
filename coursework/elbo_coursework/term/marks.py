"""Marks by hand: ``marks.csv``, a log to which rows are added and from which none is ever taken.

The last row of a submission's question counts. A row that says why is an override: for a question in code of what
grading gave, for one in words of the mark before, whose rubric and comment stay. A row without points takes back what
stood before; one that says why as well takes back the overrides, and the mark under them counts again. The file may be
edited in a spreadsheet.
"""

import csv
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from getpass import getuser
from io import StringIO
from pathlib import Path
from typing import Any

from companion.atomic import atomic_write
from companion.locks import locked
from elbo_coursework.grading import Piece
from elbo_coursework.questions import Assignment
from elbo_coursework.term.tables import cell, columns, csv_text, decoded, number, one_line, read_rows, separator_of
from elbo_coursework.text import digest, write_text

FILE = "marks.csv"
COLUMNS = ("when", "who", "submission", "question", "points", "comment", "why", "rubric", "answer")
REQUIRED = ("submission", "question", "points")
LONGEST = 5000  # characters of a comment
MAX_BYTES = 20 * 10**6
#: Between the lines of a rubric in one cell of older files; newer ones have a list in JSON.
BETWEEN = "|"
UTF16 = {b"\xff\xfe": "utf-16-le", b"\xfe\xff": "utf-16-be"}


@dataclass(frozen=True)
class Mark:
    """One row.

    Attributes:
        points: None takes back what stood before
        comment: for the student
        why: the reason of an override, which the student reads too
        rubric: the lines of the rubric that were given
        answer: the name of the answer that was marked, see ``answer_name``; "" where it is not known
        row: its place in the file, from 1; 0 where it comes from elsewhere
    """

    submission: str
    question: str
    points: float | None
    comment: str = ""
    why: str = ""
    rubric: tuple[str, ...] = ()
    when: str = ""
    who: str = ""
    answer: str = ""
    row: int = 0

    def cells(self) -> list[object]:
        """The row of the table."""
        return [
            self.when,
            self.who,
            self.submission,
            self.question,
            self.points,
            self.comment,
            self.why,
            json.dumps(self.rubric, ensure_ascii=False) if self.rubric else "",
            self.answer,
        ]


def answer_name(pieces: Iterable[Piece]) -> str:
    """What tells an answer in words from another: a hash of its text, code and pictures, but not of what code printed.

    >>> answer_name([Piece("text", "So it is."), Piece("output", "1")]) == answer_name([Piece("text", "So  it is.")])
    True
    """
    told = [(piece.kind, " ".join(piece.content.split())) for piece in pieces if piece.kind != "output"]
    return f"a{digest(repr(told))}"


def read_marks(path: Path, assignment: Assignment) -> tuple[Mark, ...]:
    """All rows of the log, in its order; none where there is no file.

    Raises ``ValueError`` with one sentence that names the row and the column where a row that counts cannot be
    understood; points outside the question's range are for ``clipped`` to tell.
    """
    return _read(path, assignment)


def _read(path: Path, assignment: Assignment, new: Iterable[Mark] = ()) -> tuple[Mark, ...]:
    """The rows of the log; what is wrong with one that a later one, or one of ``new``, stands for is no error."""
    if not path.exists():
        return ()
    header, *rows = read_rows(path)
    places = columns(header, {name: (name,) for name in COLUMNS})
    if missing := [name for name in REQUIRED if name not in places]:
        got = ", ".join(map(one_line, header))[:200]
        raise ValueError(f"{path.name}, row 1: expected the columns {', '.join(missing)} as well, got {got}")
    found = []
    for row, values in enumerate(rows, 2):
        if any(values):
            named = {name: values[place] if place < len(values) else "" for name, place in places.items()}
            found.append(_mark(named, assignment, f"{path.name}, row {row}", row))
    last = {_key(mark): i for i, (mark, _) in enumerate(found)}
    replaced = {_key(mark) for mark in new}
    for i, (mark, problem) in enumerate(found):
        if problem and last[_key(mark)] == i and _key(mark) not in replaced:
            raise ValueError(problem)
    return tuple(mark for mark, _ in found)


def _key(mark: Mark) -> tuple[str, str]:
    """What a mark is of: the submission, as a name in one line, and the question."""
    return one_line(mark.submission), mark.question


def _mark(values: Mapping[str, str], assignment: Assignment, where: str, row: int) -> tuple[Mark, str]:
    """The mark of a row's texts, and a sentence where it cannot be, or ""."""
    text = values["points"]
    points = number(text)
    known = next((list(q.rubric) for q in assignment.manual if q.name == values["question"]), [])
    kept = {
        name: values.get(name, "") for name in ("submission", "question", "comment", "why", "when", "who", "answer")
    }
    mark = Mark(**kept, points=points, rubric=rubric_lines(values.get("rubric", ""), known), row=row)
    if not mark.submission:
        return mark, f"{where}, column submission: expected the name of a submission, got nothing"
    if text and points is None:
        return mark, f"{where}, column points: expected a number such as 2.5, got {one_line(text)[:60]!r}"
    return mark, _problem(mark, assignment, where)


def rubric_lines(text: str, known: Sequence[str]) -> tuple[str, ...]:
    """The lines of a rubric in the cell ``text``, a list in JSON or parts between bars; ``known`` ones as they are.

    >>> rubric_lines("H(n|z) grows | other", ["H(n|z)  grows"])
    ('H(n|z)  grows', 'other')
    """
    exact = {"".join(line.split()): line for line in known}
    try:
        listed = json.loads(text) if text.startswith("[") else None
    except (ValueError, RecursionError):
        listed = None
    if isinstance(listed, list) and all(isinstance(line, str) for line in listed):
        return tuple(exact.get("".join(line.split()), line) for line in map(str, listed))
    parts, longest = text.split(BETWEEN), 1 + max((line.count(BETWEEN) for line in known), default=0)
    lines: list[str] = []
    at = 0
    while at < len(parts):
        joined = ["".join(BETWEEN.join(parts[at : at + i]).split()) for i in range(longest + 1)]
        length = next((i for i in range(longest, 0, -1) if joined[i] in exact), 1)
        lines.append(exact.get(joined[length], parts[at].strip()))
        at += length
    return tuple(line for line in lines if line)


def check(mark: Mark, assignment: Assignment, where: str) -> None:
    """Raise ``ValueError``, one sentence that begins with ``where``, for a mark that the assignment cannot have."""
    if problem := _problem(mark, assignment, where):
        raise ValueError(problem)
    most = most_points(assignment)[mark.question]
    if mark.points is not None and not 0 <= mark.points <= most:
        raise ValueError(f"{where}, column points: expected from 0 to {most}, got {mark.points:g}")


def _problem(mark: Mark, assignment: Assignment, where: str) -> str:
    """What is wrong with a mark, but for the range of its points, as a sentence that begins with ``where``, or ""."""
    words, most = {question.name for question in assignment.manual}, most_points(assignment)
    if mark.question not in most:
        got = repr(one_line(mark.question)[:60])
        return f"{where}, column question: expected one of {', '.join(most)}, got {got}"
    if mark.question not in words and mark.points is not None and not mark.why:
        return f"{where}, column why: expected a reason, since {mark.question} is graded by its code"
    if len(mark.comment) > LONGEST or len(mark.why) > LONGEST:
        return f"{where}: expected a comment and a reason of at most {LONGEST} characters each, got more"
    return ""


def most_points(assignment: Assignment) -> dict[str, int]:
    """The most that each question earns, by its name; those in words first."""
    words = {question.name: question.points for question in assignment.manual}
    return words | {question.name: question.points for question in assignment.questions}


def latest(marks: Iterable[Mark]) -> dict[tuple[str, str], Mark]:
    """The mark that counts, by submission, as a name in one line, and question; one that was taken back is missing.

    An override of a mark has its rubric, and its comment where it has none of its own.
    """
    given: dict[tuple[str, str], Mark] = {}
    overrides: dict[tuple[str, str], Mark] = {}
    for mark in marks:
        key = _key(mark)
        if mark.points is None:
            taken = overrides.pop(key, None)
            if not (mark.why and taken):
                given.pop(key, None)
        elif mark.why:
            overrides[key] = mark
        else:
            given[key] = mark
            overrides.pop(key, None)
    for key, mark in overrides.items():
        if before := given.get(key):
            kept = {name: getattr(mark, name) or getattr(before, name) for name in ("rubric", "comment", "answer")}
            mark = replace(mark, **kept)
        given[key] = mark
    return given


def clipped(mark: Mark, assignment: Assignment) -> tuple[Mark, str]:
    """The mark with points that its question can have, and a sentence on it where that changed them, or ""."""
    points, most = mark.points or 0.0, most_points(assignment).get(mark.question, math.inf)
    kept = min(max(points, 0.0), float(most))
    if kept == points:
        return mark, ""
    words = f"{FILE}, row {mark.row}, column points: expected from 0 to {most} for {mark.question}, got {points:g}"
    return replace(mark, points=kept), f"{words}; {kept:g} counts until a later row gives other points."


def append_marks(path: Path, marks: Sequence[Mark], assignment: Assignment) -> None:
    """Add rows to the log, after those that it has, which stay as they are; the file is at every moment whole.

    Columns of your own stay too. Where a new row needs a column that is missing, the header gets it. Two commands at
    once wait for each other. A log that does not exist is begun, also where there are no ``marks``.

    Raises ``ValueError``, and writes nothing, for a mark that the assignment cannot have, or a log that cannot be read
    in what the new marks do not replace.
    """
    for mark in marks:
        check(mark, assignment, f"{mark.submission}, {mark.question}")
    with locked(path.with_name(f".{path.name}.lock")):
        if not path.exists():
            write_text(path, csv_text([COLUMNS, *(mark.cells() for mark in marks)]))
            return
        _read(path, assignment, marks)
        if marks:
            with atomic_write(path) as temporary:
                temporary.write_bytes(_with_rows(path, marks))


def _with_rows(path: Path, marks: Sequence[Mark]) -> bytes:
    """The bytes of a log with rows after those that it has, in its own encoding, separator and ends of lines."""
    content = path.read_bytes()
    text = decoded(content, path.name)
    lines = list(StringIO(text, newline=""))
    first = next(i for i, line in enumerate(lines) if line.strip() and not line.startswith("sep="))
    between, end = separator_of(text), "\r\n" if "\r\n" in text else "\n" if "\n" in text else "\r"
    reader = csv.reader(lines[first:], delimiter=between)
    header = next(reader)
    last = first + reader.line_num - 1  # the header's last line
    places = columns(header, {name: (name,) for name in COLUMNS})
    rows = [dict(zip(COLUMNS, mark.cells(), strict=True)) for mark in marks]
    added = [name for name in COLUMNS if name not in places and any(row[name] not in ("", None) for row in rows)]
    places |= {name: len(header) + i for i, name in enumerate(added)}
    if added:
        bare = lines[last].rstrip("\r\n")
        lines[last] = between.join([bare, *added]) + (lines[last][len(bare) :] or end)
    made = StringIO(newline="")
    writer = csv.writer(made, delimiter=between, lineterminator=end)
    for row in rows:
        cells: list[object] = [""] * (len(header) + len(added))
        for name, place in places.items():
            value = cell(row[name])
            decimal = between == ";" and isinstance(value, float)
            cells[place] = str(value).replace(".", ",") if decimal else value
        writer.writerow(cells)
    whole = "".join(lines)
    whole += "" if whole.endswith(("\r", "\n")) else end
    whole += made.getvalue()
    mark = content[:2] if content[:2] in UTF16 else content[:3] if content.startswith(b"\xef\xbb\xbf") else b""
    return mark + whole.encode(UTF16.get(mark, "utf-8"), "backslashreplace")


def saved_marks(path: Path, assignment: Assignment, known: Iterable[str]) -> tuple[Mark, ...]:
    """The marks in the file that the marking page saved, for the submissions that are ``known``.

    Raises ``ValueError`` with one sentence where it is of another assignment, or a mark in it cannot be.
    """
    if path.stat().st_size > MAX_BYTES:
        raise ValueError(f"{path.name}: expected at most {MAX_BYTES // 10**6} MB, and it is larger")
    try:
        saved = json.loads(path.read_text(encoding="utf-8-sig"))
        entries, of = saved["marks"], saved["assignment"]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise ValueError(f"{path.name}: expected the file that the marking page saves, and it is none") from error
    if of != assignment.name:
        raise ValueError(f"{path.name}: expected marks of the assignment {assignment.name}, got some of {str(of)[:60]}")
    if not isinstance(entries, list):
        raise ValueError(f"{path.name}: expected a list of marks, got {type(entries).__name__}")
    submissions = set(known)
    return tuple(_saved(e, assignment, submissions, f"{path.name}, mark {i}") for i, e in enumerate(entries, 1))


def _saved(entry: Any, assignment: Assignment, known: set[str], where: str) -> Mark:
    rubrics = {question.name: question.rubric for question in assignment.manual}
    texts = ("submission", "question", "comment", "when", "who")
    try:
        values = {name: entry[name] for name in texts} | {"answer": entry.get("answer", "")}
        points, rubric = entry["points"], entry["rubric"]
        right = all(isinstance(value, str) for value in [*values.values(), *rubric]) and type(points) in (int, float)
    except (KeyError, TypeError, AttributeError):
        right = False
    if not right or not math.isfinite(points):
        raise ValueError(f"{where}: expected {', '.join(texts)}, points and rubric of the marking page, got others")
    if values["submission"] not in known:
        raise ValueError(f"{where}: expected a submission of this folder, got {one_line(values['submission'])[:60]!r}")
    if values["question"] not in rubrics:
        expected = ", ".join(rubrics) or "none"
        got = repr(one_line(values["question"])[:60])
        raise ValueError(f"{where}: expected a question in words, one of {expected}, got {got}")
    if wrong := [line for line in rubric if line not in rubrics[values["question"]]]:
        got = repr(one_line(wrong[0])[:60])
        raise ValueError(f"{where}: expected lines of the rubric of {values['question']}, got {got}")
    mark = Mark(**values | {"comment": one_line(values["comment"])}, points=float(points), rubric=tuple(rubric))
    check(mark, assignment, where)
    return mark


def fresh(marks: Iterable[Mark], before: Iterable[Mark]) -> list[Mark]:
    """The marks that the log does not have yet: a file may be taken twice."""
    known = {_identity(mark) for mark in before}
    return [mark for mark in marks if _identity(mark) not in known]


def _identity(mark: Mark) -> tuple[object, ...]:
    return (*(one_line(str(value)) for value in mark.cells()[:4]), mark.points, one_line(mark.comment))


def now() -> str:
    """This moment in ISO 8601, to the second, with the zone."""
    return datetime.now().astimezone().isoformat(timespec="seconds")


def me() -> str:
    """Who works here, as the system knows it; "" where it does not."""
    try:
        return getuser()
    except (OSError, KeyError, ImportError):
        return ""
