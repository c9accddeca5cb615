"""Grading one submission: each question's code runs alone on instances from the seed, and is judged here."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from functools import cache
from hashlib import sha256
from itertools import takewhile
from math import inf
from pathlib import Path
from time import monotonic
from typing import Any, NamedTuple

import numpy as np

import companion
from elbo_coursework import questions, sandbox
from elbo_coursework.confinement import Isolation
from elbo_coursework.oracle import oracle
from elbo_coursework.questions import PUBLIC_SEED, Assignment, Question, Verdict, all_close, instances, judge
from elbo_coursework.sandbox import Answer, Limits
from elbo_coursework.submissions import Submission

MISSING = "The notebook does not define {}."
CONSTANT = "The answer is the same whatever the arguments are; that it is right here is chance."
ELSEWHERE = "The code raised an error on this instance, and raises none on the notebook's own."
HELPED = "Marked with the reference in place of your {}, which gives more."
WRONG = "Nothing in it is named after a question of the assignment {}; {} functions are named after those of {}."
LIMITS = Limits()


class Piece(NamedTuple):
    """A part of an answer in words: ``kind`` is text, code, output or image, a PNG or JPEG in base64."""

    kind: str
    content: str


@dataclass(frozen=True)
class QuestionGrade:
    """What one question earned.

    Attributes:
        earned: of ``points``, rounded to hundredths
        correct: instances answered as the reference says, of ``instances``
        hints: sentences for the student, by the number of instances each is about
        mistakes: names of the recognised mistakes
        notes: sentences on how it was marked
    """

    name: str
    points: int
    earned: float
    correct: int
    instances: int
    hints: dict[str, int]
    mistakes: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Grade:
    """What one submission earned, question by question, and what is left to mark by hand.

    Attributes:
        file: where the submission was found
        handed_in: when, in ISO 8601, where it is known
        key: a hash of the file, the assignment, the seed and the version; what has a record of its key is graded
        manual: points of the questions that are marked by hand, by name
        notes: on cells, or a whole file, that could not be read
        answers: to the questions that are marked by hand
    """

    submission: str
    assignment: str
    file: str
    handed_in: str
    key: str
    questions: tuple[QuestionGrade, ...]
    manual: dict[str, int]
    notes: tuple[str, ...] = ()
    answers: dict[str, tuple[Piece, ...]] = field(default_factory=dict)

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
    def from_record(cls, record: Mapping[str, Any]) -> "Grade":
        """The grade of a ``record``; raises ``KeyError``, ``TypeError`` or ``ValueError`` for what is none."""
        known = {name: record[name] for name in ("submission", "assignment", "file", "handed_in", "key", "manual")}
        texts = ("mistakes", "notes")
        parts = tuple(QuestionGrade(**q | {name: tuple(q[name]) for name in texts}) for q in record["questions"])
        answers = {name: tuple(Piece(*piece) for piece in pieces) for name, pieces in record["answers"].items()}
        return cls(**known, questions=parts, notes=tuple(record["notes"]), answers=answers)


def grade(
    submission: Submission, assignment: Assignment, seed: str, *, isolated: Isolation, limits: Limits = LIMITS
) -> Grade:
    """Grade a submission: whatever its code does, there is a grade, and a file that cannot be read earns nothing.

    A question that misses points and leads to an earlier one that misses some is marked a second time, with the
    reference in place of the earlier, so that one mistake is charged once; the better counts.

    Args:
        isolated: what ``confinement.isolation`` gives
    """
    manual = {question.name: question.points for question in assignment.manual}
    named: dict[str, Any] = {
        "submission": submission.name,
        "assignment": assignment.name,
        "manual": manual,
        "file": submission.file,
    }
    named |= {"handed_in": submission.handed_in, "key": cache_key(submission, assignment, seed)}
    if submission.problem:
        return Grade(**named, questions=(), notes=(submission.problem,))
    sent = {"content": submission.content, "file": submission.file, "helpers": submission.helpers}
    until = monotonic() + limits.submission
    held = sandbox.survey(sent, limits, isolated)
    grades: list[QuestionGrade] = []
    for question in assignment.questions:
        if question.name in held["functions"]:
            marker = Marker(sent, assignment, question, seed, limits, isolated, until)
            grades.append(marker.grade([g.name for g in grades if g.earned < g.points]))
        else:
            missing = {MISSING.format(question.name): question.instances}
            grades.append(QuestionGrade(question.name, question.points, 0.0, 0, question.instances, missing))
    notes = (*held["problems"], *wrong_assignment(held["functions"], assignment))
    pieces = {name: tuple(Piece(*p) for p in held["answers"].get(name, ())) for name in manual}
    return Grade(**named, questions=tuple(grades), notes=notes, answers=pieces)


@dataclass(frozen=True)
class Marker:
    """Marks one question of one submission, ``until`` the clock says so."""

    submission: Mapping[str, Any]
    assignment: Assignment
    question: Question
    seed: str
    limits: Limits
    isolated: Isolation
    until: float = inf

    def grade(self, unsure: list[str]) -> QuestionGrade:
        """The better of what the code earns by itself, and with the references in place of the ``unsure`` functions."""
        verdicts, uses = self.verdicts({})
        helped = [name for name in unsure if name in uses]
        notes: tuple[str, ...] = ()
        if helped and credit(verdicts) < len(verdicts) and self.assignment.name in questions.NAMES:
            asked = oracle(self.assignment.name)
            again, _ = self.verdicts({name: asked.function(name) for name in helped})
            if credit(again) > credit(verdicts):
                verdicts, notes = again, (HELPED.format(" and ".join(helped)),)
        hints: dict[str, int] = {}
        for hint in (verdict.hint for verdict in verdicts if verdict.hint):
            hints[hint] = hints.get(hint, 0) + 1
        question = self.question
        earned = round(question.points * credit(verdicts) / len(verdicts), 2)
        correct = sum(verdict.credit == 1 for verdict in verdicts)
        mistakes = tuple(dict.fromkeys(verdict.mistake for verdict in verdicts if verdict.mistake))
        return QuestionGrade(question.name, question.points, earned, correct, len(verdicts), hints, mistakes, notes)

    def verdicts(self, references: Mapping[str, Any]) -> tuple[list[Verdict], set[str]]:
        """A verdict for each instance, and the names that the function leads to."""
        drawn = instances(self.assignment.name, self.question, self.seed)
        answers, uses = self.call(drawn, references)
        told = self.retold(answers, references)
        verdicts = []
        for inputs, answer in zip(drawn, answers, strict=True):
            with np.errstate(all="ignore"):
                judged = judge(self.question, inputs, answer.value) if not answer.error else None
            verdicts.append(judged or Verdict(0.0, told.get(answer.error, answer.error)))
        if credit(verdicts) < len(verdicts) and constant(answers, self.question.tolerance):
            verdicts = [Verdict(0.0, CONSTANT) if verdict.credit else verdict for verdict in verdicts]
        return verdicts, uses

    def call(self, drawn: list[Any], references: Mapping[str, Any]) -> tuple[list[Answer], set[str]]:
        """The answers of the submission's function."""
        left = max(1.0, min(self.limits.wall_clock, self.until - monotonic()))
        limits = replace(self.limits, wall_clock=left)
        return sandbox.call(self.submission, self.question.name, drawn, limits, self.isolated, references)

    def retold(self, answers: list[Answer], references: Mapping[str, Any]) -> dict[str, str]:
        """What is told for the code's own words on its errors: those that it has for the public instances.

        Its words on the secret ones could carry these out.
        """
        own = {answer.error for answer in answers if answer.told}
        if not own or self.seed == PUBLIC_SEED:
            return {}
        again, _ = self.call(instances(self.assignment.name, self.question, PUBLIC_SEED), references)
        public = [answer.error for answer in again if answer.error]
        by_kind = {kind(text): text for text in reversed(public)}
        return {text: text if text in public else by_kind.get(kind(text), ELSEWHERE) for text in own}


def constant(answers: list[Answer], tolerance: float) -> bool:
    """Whether the answers are one value, but for rounding, and of 5 or more but for one of them."""
    values = [answer.value for answer in answers if not answer.error]
    least = len(answers) - (len(answers) >= 5)
    return any(sum(all_close(other, value, tolerance) for other in values) >= least for value in values[:2])


def kind(text: str) -> str:
    """The beginning of a sentence on an error, up to its message: equal for errors of one kind."""
    return "".join(takewhile(lambda letter: letter not in ":,;", text))


def credit(verdicts: list[Verdict]) -> float:
    """The sum of the verdicts' credits."""
    return sum(verdict.credit for verdict in verdicts)


def wrong_assignment(functions: list[str], assignment: Assignment) -> list[str]:
    """A sentence where a submission answers none of the ``assignment``'s questions, but those of another."""
    if any(question.name in functions for question in assignment.questions):
        return []
    counts = {name: sum(q.name in functions for q in questions.assignment(name).questions) for name in questions.NAMES}
    most = max(counts, key=lambda name: counts[name])
    return [WRONG.format(assignment.name, counts[most], most)] if counts[most] else []


def cache_key(submission: Submission, assignment: Assignment, seed: str) -> str:
    """A hash of all that a grade depends on; the seed cannot be read from it, if it is hard to guess."""
    files = [("", submission.content), *sorted(submission.helpers.items())]
    hashes = [(name, sha256(content).hexdigest()) for name, content in files]
    rules = [(q.name, q.points, q.tolerance, q.instances) for q in assignment.questions]
    told = (
        hashes,
        submission.file,
        submission.problem,
        assignment.name,
        rules,
        _sources(),
        seed,
        companion.__version__,
    )
    return sha256(repr(told).encode()).hexdigest()[:32]


@cache
def _sources() -> str:
    """A hash of the code that grades, the questions included."""
    files = sorted(Path(__file__).parent.rglob("*.py"))
    return sha256(b"".join(path.read_bytes() for path in files)).hexdigest()
