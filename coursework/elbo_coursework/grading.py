"""Grading one submission: each question's code runs alone on instances from the seed, and is judged here."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np

from elbo_coursework.questions import Assignment, Question, Verdict, instances, judge
from elbo_coursework.sandbox import Limits, call
from elbo_coursework.submissions import Submission, code, read

MISSING = "The notebook does not define {}."
CONSTANT = "The answer is the same whatever the arguments are; that it is right here is chance."
LIMITS = Limits()


@dataclass(frozen=True)
class QuestionGrade:
    """What one question earned.

    Attributes:
        earned: of ``points``, rounded to hundredths
        correct: instances answered as the reference says, of ``instances``
        hints: sentences for the student, by the number of instances each is about
        mistakes: names of the recognised mistakes
    """

    name: str
    points: int
    earned: float
    correct: int
    instances: int
    hints: dict[str, int]
    mistakes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Grade:
    """What one submission earned, question by question, and what is left to grade manually.

    Attributes:
        key: a hash of the file, the assignment, the seed and the version; what has a record of its key is graded
        manual: points of the questions that are graded manually, by name
        notes: on cells, or a whole file, that could not be read
    """

    submission: str
    assignment: str
    key: str
    questions: tuple[QuestionGrade, ...]
    manual: dict[str, int]
    notes: tuple[str, ...] = ()

    @property
    def earned(self) -> float:
        """Points of the questions in code."""
        return round(sum(question.earned for question in self.questions), 2)

    @property
    def points(self) -> int:
        """The most that the questions in code can earn."""
        return sum(question.points for question in self.questions)

    def to_record(self) -> dict[str, Any]:
        """As JSON can hold it."""
        return asdict(self) | {"earned": self.earned, "points": self.points}

    @classmethod
    def from_record(cls, record: dict[str, Any]) -> "Grade":
        """The grade of a ``record``."""
        questions = tuple(QuestionGrade(**q | {"mistakes": tuple(q["mistakes"])}) for q in record["questions"])
        known = {name: record[name] for name in ("submission", "assignment", "key", "manual")}
        return cls(**known, questions=questions, notes=tuple(record["notes"]))


def grade(path: Path | str, assignment: Assignment, seed: str, *, name: str = "", limits: Limits = LIMITS) -> Grade:
    """Grade the notebook or script at ``path``, as the submission ``name``, by default that of the file.

    Whatever the code does, there is a grade; a file that cannot be read earns nothing, with a note that says why.

    Raises ``OSError`` where the file cannot be opened, and ``ValueError`` on a system other than Linux.
    """
    path = Path(path)
    named = {"submission": name or path.stem, "assignment": assignment.name}
    named["key"] = cache_key(path.read_bytes(), assignment, seed)
    try:
        submission = read(path)
    except ValueError as error:
        submission = Submission((), (f"The file cannot be read: {str(error).removeprefix('path: ')}.",))
    questions = tuple(
        grade_question(submission, question, assignment.name, seed, limits) for question in assignment.questions
    )
    manual = {question.name: question.points for question in assignment.manual}
    return Grade(**named, questions=questions, manual=manual, notes=submission.unreadable)


def grade_question(
    submission: Submission, question: Question, assignment: str, seed: str, limits: Limits = LIMITS
) -> QuestionGrade:
    """Grade one question."""
    drawn = instances(assignment, question, seed)
    verdicts = list(_verdicts(submission, question, drawn, limits))
    hints: dict[str, int] = {}
    for hint in (verdict.hint for verdict in verdicts if verdict.hint):
        hints[hint] = hints.get(hint, 0) + 1
    earned = round(question.points * sum(verdict.credit for verdict in verdicts) / len(drawn), 2)
    correct = sum(verdict.credit == 1 for verdict in verdicts)
    mistakes = tuple(dict.fromkeys(verdict.mistake for verdict in verdicts if verdict.mistake))
    return QuestionGrade(question.name, question.points, earned, correct, len(drawn), hints, mistakes)


def _verdicts(submission: Submission, question: Question, drawn: list[Any], limits: Limits) -> Iterator[Verdict]:
    found = code(submission, question.name, ())
    message = found.refused or (None if found.source else MISSING.format(question.name))
    if message:
        yield from [Verdict(0.0, message)] * len(drawn)
        return
    answers, verdicts = call(found, question.name, drawn, limits), []
    for inputs, answer in zip(drawn, answers, strict=True):
        with np.errstate(all="ignore"):
            verdicts.append(Verdict(0.0, answer.error) if answer.error else judge(question, inputs, answer.value))
    constant = len({repr(answer) for answer in answers}) == 1 and any(verdict.credit < 1 for verdict in verdicts)
    yield from (Verdict(0.0, CONSTANT) if constant and verdict.credit else verdict for verdict in verdicts)


def cache_key(content: bytes, assignment: Assignment, seed: str) -> str:
    """A hash of all that a grade depends on; the seed cannot be read from it, if it is hard to guess."""
    import companion

    rules = [(q.name, q.points, q.tolerance, q.instances) for q in assignment.questions]
    whole = repr((sha256(content).hexdigest(), assignment.name, rules, _sources(), seed, companion.__version__))
    return sha256(whole.encode()).hexdigest()[:32]


@cache
def _sources() -> str:
    """A hash of the code that grades, the questions included."""
    files = sorted(Path(__file__).parent.rglob("*.py"))
    return sha256(b"".join(path.read_bytes() for path in files)).hexdigest()
