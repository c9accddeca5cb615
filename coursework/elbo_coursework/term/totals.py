"""What each submission and each student has in the end: code, words, overrides, and what being late costs."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from elbo_coursework.grading import Grade
from elbo_coursework.questions import Assignment
from elbo_coursework.term.late import Late, moment
from elbo_coursework.term.marks import Mark, answer_name, clipped, latest
from elbo_coursework.term.roster import Matching, Student, match
from elbo_coursework.term.tables import one_line

COMPLETE = "complete"
NOTHING = "nothing handed in"
EARLIER = "marked on an earlier file"
OTHER = "another attempt counts"


@dataclass(frozen=True)
class Result:
    """The points of one submission, or of a student without one.

    Attributes:
        grade: None where nothing was handed in
        student: None where there is no roster, or the submission is of nobody on it
        code: points of the questions in code by name, overrides included
        words: the marks of the questions in words by name; one that has no mark yet is missing
        overrides: the marks of the questions in code by name
        days_late: None where it is not known
        lost: the share of the points that being late costs
        file_time: whether the time is that of the file, which copying may change, and not a platform's
        of: the most that all questions earn
        counts: False where another submission of the student counts
    """

    grade: Grade | None
    student: Student | None
    of: int
    code: Mapping[str, float] = field(default_factory=dict)
    words: Mapping[str, Mark] = field(default_factory=dict)
    overrides: Mapping[str, Mark] = field(default_factory=dict)
    days_late: int | None = 0
    lost: float = 0.0
    counts: bool = True
    file_time: bool = False

    @property
    def name(self) -> str:
        """The submission's, or the student's where there is none."""
        return self.grade.submission if self.grade else self.student.shown if self.student else ""

    @property
    def shown(self) -> str:
        """The student's, or the submission's where nobody is known."""
        return self.student.shown if self.student else self.name

    @property
    def code_points(self) -> float:
        """Points of all questions in code."""
        return round(sum(self.code.values()), 2)

    @property
    def word_points(self) -> float:
        """Points of the questions in words that are marked."""
        return round(sum(mark.points or 0.0 for mark in self.words.values()), 2)

    @property
    def deduction(self) -> float:
        """The points that being late costs."""
        return round(self.lost * (self.code_points + self.word_points), 2)

    @property
    def total(self) -> float:
        """The points that remain; until all words are marked, what is known of them."""
        return round(self.code_points + self.word_points - self.deduction, 2)

    @property
    def changed(self) -> Mapping[str, Mark]:
        """The marks that say why: the overrides, and those in words that were changed after they were marked."""
        return {**self.overrides, **{name: mark for name, mark in self.words.items() if mark.why}}

    @property
    def earlier(self) -> tuple[str, ...]:
        """The questions in words whose mark was given to another answer, of an earlier file."""
        answers = self.grade.answers if self.grade else {}
        named = {name: mark.answer for name, mark in self.words.items() if mark.answer}
        return tuple(name for name, answer in named.items() if answer != answer_name(answers.get(name, ())))

    @property
    def unmarked(self) -> tuple[str, ...]:
        """The questions in words without a mark."""
        return tuple(name for name in self.grade.manual if name not in self.words) if self.grade else ()

    @property
    def status(self) -> str:
        """In a few words, whether the total is the last word."""
        if not self.grade:
            return NOTHING
        if not self.counts:
            return OTHER
        told = [("words not marked yet", self.unmarked), (EARLIER, self.earlier)]
        return "; ".join(f"{words}: {', '.join(names)}" for words, names in told if names) or COMPLETE


@dataclass(frozen=True)
class Class:
    """The results of all, those on the roster who handed in nothing included, and sentences to be looked at."""

    results: tuple[Result, ...]
    notes: tuple[str, ...] = ()

    @property
    def counting(self) -> tuple[Result, ...]:
        """One result for each student: those that another attempt replaces are left out."""
        return tuple(result for result in self.results if result.counts)


def totals(
    assignment: Assignment,
    grades: Sequence[Grade],
    marks: Sequence[Mark] = (),
    roster: Sequence[Student] = (),
    late: Late | None = None,
    file_times: Collection[str] = (),
) -> Class:
    """The results by the submissions' names, then those of the students without one, in the roster's order.

    Args:
        file_times: the submissions of which the time is that of the file
    """
    late, clips = late or Late(), {key: clipped(mark, assignment) for key, mark in latest(marks).items()}
    last = {key: mark for key, (mark, _) in clips.items()}
    matching = match({g.submission: g.file for g in grades}, roster) if roster else Matching()
    ordered = sorted(grades, key=lambda g: g.submission)
    results = [_result(assignment, g, last, matching.students.get(g.submission), late) for g in ordered]
    results = [replace(result, file_time=result.name in file_times) for result in _attempts(results, late)]
    times = times_told(results) if late.due else ()
    changed = [f"{result.name} ({', '.join(result.earlier)})" for result in results if result.counts and result.earlier]
    outdated = (
        (f"Marked on an earlier file, with another answer; look once more: {', '.join(changed)}.",) if changed else ()
    )
    results += [Result(None, student, assignment.points) for student in matching.absent]
    outside = [words for mark, words in sorted(clips.values(), key=lambda one: one[0].row) if words]
    return Class(tuple(results), (*times, *matching.notes, *outside, *outdated, *_notes(grades, marks, late)))


def _result(
    assignment: Assignment, grade: Grade, last: Mapping[tuple[str, str], Mark], student: Student | None, late: Late
) -> Result:
    name = one_line(grade.submission)
    earned = {question.name: question.earned for question in grade.questions}
    given = {question: mark for (submission, question), mark in last.items() if submission == name}
    overrides = {q.name: given[q.name] for q in assignment.questions if q.name in given}
    code = {
        q.name: overrides[q.name].points or 0.0 if q.name in overrides else earned.get(q.name, 0.0)
        for q in assignment.questions
    }
    extension = student.extension if student else 0
    return Result(
        grade=grade,
        student=student,
        of=assignment.points,
        code=code,
        words={name: given[name] for name in grade.manual if name in given},
        overrides=overrides,
        days_late=late.days_late(grade.handed_in, extension),
        lost=late.share_lost(grade.handed_in, extension),
    )


def _attempts(results: Sequence[Result], late: Late) -> list[Result]:
    """The results, with ``counts`` False where another submission of the same student counts."""

    def rank(place: int) -> tuple[float, float, int]:
        result = results[place]
        handed_in = result.grade.handed_in if result.grade else ""
        time = moment(handed_in).timestamp() if handed_in else 0.0
        return (result.total, time, place) if late.attempts == "best" else (time, float(place), place)

    chosen: dict[int, int] = {}
    for place, result in enumerate(results):
        key = id(result.student)
        if result.student and (key not in chosen or rank(place) > rank(chosen[key])):
            chosen[key] = place
    kept = set(chosen.values())
    return [replace(r, counts=r.student is None or place in kept) for place, r in enumerate(results)]


def times_told(results: Sequence[Result]) -> tuple[str, ...]:
    """A sentence on how many submissions have no other time than that of their file, or none."""
    there = [result for result in results if result.grade and result.counts]
    own = [result for result in there if result.file_time and result.grade and result.grade.handed_in]
    late = sum(bool(result.days_late) for result in own)
    if not own:
        return ()
    counts = "none counts" if not late else "1 counts" if late == 1 else f"{late} count"
    words = f"Times are the files' own for {len(own)} of {len(there)} submissions, of which {counts} as late"
    return (f"{words}: copying may change them.",)


def _notes(grades: Sequence[Grade], marks: Sequence[Mark], late: Late) -> Iterator[str]:
    """Sentences on marks of no submission, and on submissions of which it is not known when they came."""
    known = {one_line(grade.submission) for grade in grades}
    strangers = dict.fromkeys(mark.submission for mark in marks if one_line(mark.submission) not in known)
    for name in strangers:
        rows = ", ".join(str(mark.row) for mark in marks if mark.submission == name)
        yield f"marks.csv has marks for {name}, of whom there is no submission here (row {rows})."
    newer = {
        f"{name} ({mark.question})": None
        for grade in grades
        for (name, _), mark in latest(marks).items()
        if name == one_line(grade.submission) and not mark.answer and _before(mark, grade)
    }
    if newer:
        yield f"Newer than their marks; if handed in again, look once more: {', '.join(newer)}."
    timeless = [grade.submission for grade in grades if late.due and not grade.handed_in]
    if timeless:
        yield f"It is not known when these came, and they count as in time: {', '.join(timeless)}."


def _before(mark: Mark, grade: Grade) -> bool:
    """Whether a mark was given before the submission came, as far as both moments can be read."""
    try:
        return moment(mark.when) < moment(grade.handed_in)
    except ValueError:
        return False


def table(assignment: Assignment, whole: Class) -> list[list[object]]:
    """The rows of ``grades.csv``, its header first."""
    words = [f"{question.name} (of {question.points}, words)" for question in assignment.manual]
    code = [question.name for question in assignment.questions]
    header = ["id", "name", "email", "submission", "handed in", *code, "code", *words, "words"]
    rows: list[list[object]] = [[*header, "days late", "deduction", "total", "of", "status", "notes"]]
    for result in whole.results:
        student, grade = result.student or Student(), result.grade
        marked = [result.words[q.name].points if q.name in result.words else "" for q in assignment.manual]
        overridden = [f"{name}: overridden, {mark.why}" for name, mark in result.changed.items()]
        rows.append(
            [
                *(student.id, student.name, student.email),
                *((grade.submission, grade.handed_in) if grade else ("", "")),
                *(result.code.get(name, 0.0) for name in code),
                *(result.code_points, *marked, result.word_points),
                "" if result.days_late is None else result.days_late,
                *(result.deduction, result.total, result.of, result.status),
                " ".join([*overridden, *(grade.notes if grade else ())]),
            ]
        )
    return rows
