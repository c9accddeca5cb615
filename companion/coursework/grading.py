"""Grading one submission: each question's code runs alone on instances from the seed, and is judged here."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np

from companion.coursework.isolation import Limits, call
from companion.coursework.questions import Assignment, Question, Verdict, instances, judge
from companion.coursework.submissions import Submission, code, read

MISSING = "The notebook does not define {}."
BLIND = "The answer is the same whatever the arguments are; that it is right here is chance."
LIMITS = Limits()


@dataclass(frozen=True)
class Marked:
    """What one question earned.

    earned : of ``points``, rounded to hundredths
    right : instances answered as the truth says, of ``instances``
    hints : sentences for the student, by the number of instances each is about
    slips : names of the recognised mistakes
    """

    name: str
    points: int
    earned: float
    right: int
    instances: int
    hints: dict[str, int]
    slips: tuple[str, ...] = ()


@dataclass(frozen=True)
class Grade:
    """What one submission earned, question by question, and what is left to mark by hand.

    key : a hash of the file, the assignment, the seed and the version; what has a record of its key is graded
    written : points of the questions that are answered in words, by name
    notes : on cells, or a whole file, that could not be read
    """

    submission: str
    assignment: str
    key: str
    questions: tuple[Marked, ...]
    written: dict[str, int]
    notes: tuple[str, ...] = ()

    @property
    def earned(self) -> float:
        """Points of the questions in code."""
        return round(sum(question.earned for question in self.questions), 2)

    @property
    def points(self) -> int:
        """The most that the questions in code can earn."""
        return sum(question.points for question in self.questions)

    def record(self) -> dict[str, Any]:
        """As JSON can hold it."""
        return asdict(self) | {"earned": self.earned, "points": self.points}

    @classmethod
    def of(cls, record: dict[str, Any]) -> "Grade":
        """The grade of a ``record``."""
        questions = tuple(Marked(**q | {"slips": tuple(q["slips"])}) for q in record["questions"])
        known = {name: record[name] for name in ("submission", "assignment", "key", "written")}
        return cls(**known, questions=questions, notes=tuple(record["notes"]))


def grade(path: Path | str, assignment: Assignment, seed: str, *, name: str = "", limits: Limits = LIMITS) -> Grade:
    """Grade the notebook or script at ``path``, as the submission ``name``, by default that of the file.

    Whatever the code does, there is a grade; a file that cannot be read earns nothing, with a note that says why.

    Raises ``OSError`` where the file cannot be opened, and ``ValueError`` on a system other than Linux.
    """
    path = Path(path)
    named = {"submission": name or path.stem, "assignment": assignment.name}
    named["key"] = key(path.read_bytes(), assignment, seed)
    try:
        submission = read(path)
    except ValueError as error:
        submission = Submission((), (f"The file cannot be read: {str(error).removeprefix('path: ')}.",))
    questions = tuple(mark(submission, question, assignment.name, seed, limits) for question in assignment.questions)
    written = {question.name: question.points for question in assignment.written}
    return Grade(**named, questions=questions, written=written, notes=submission.unread)


def mark(submission: Submission, question: Question, assignment: str, seed: str, limits: Limits = LIMITS) -> Marked:
    """Grade one question."""
    drawn = instances(assignment, question, seed)
    verdicts = list(_verdicts(submission, question, drawn, limits))
    hints: dict[str, int] = {}
    for hint in (verdict.hint for verdict in verdicts if verdict.hint):
        hints[hint] = hints.get(hint, 0) + 1
    earned = round(question.points * sum(verdict.credit for verdict in verdicts) / len(drawn), 2)
    right = sum(verdict.credit == 1 for verdict in verdicts)
    slips = tuple(dict.fromkeys(verdict.slip for verdict in verdicts if verdict.slip))
    return Marked(question.name, question.points, earned, right, len(drawn), hints, slips)


def _verdicts(submission: Submission, question: Question, drawn: list[Any], limits: Limits) -> Iterator[Verdict]:
    found = code(submission, question.name, question.forbids)
    told = found.refused or (None if found.source else MISSING.format(question.name))
    if told:
        yield from [Verdict(0.0, told)] * len(drawn)
        return
    answers, verdicts = call(found, question.name, drawn, limits), []
    for inputs, answer in zip(drawn, answers, strict=True):
        with np.errstate(all="ignore"):
            verdicts.append(Verdict(0.0, answer.told) if answer.told else judge(question, inputs, answer.value))
    blind = len({repr(answer) for answer in answers}) == 1 and any(verdict.credit < 1 for verdict in verdicts)
    yield from (Verdict(0.0, BLIND) if blind and verdict.credit else verdict for verdict in verdicts)


def key(content: bytes, assignment: Assignment, seed: str) -> str:
    """A hash of all that a grade depends on; the seed cannot be read from it, if it is hard to guess."""
    import companion

    rules = [(q.name, q.points, q.tolerance, q.instances, q.forbids) for q in assignment.questions]
    whole = repr((sha256(content).hexdigest(), assignment.name, rules, _sources(), seed, companion.__version__))
    return sha256(whole.encode()).hexdigest()[:32]


@cache
def _sources() -> str:
    """A hash of the code that grades, the questions included."""
    files = sorted(Path(__file__).parent.glob("*.py"))
    return sha256(b"".join(path.read_bytes() for path in files)).hexdigest()
