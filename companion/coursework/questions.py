"""What an assignment asks, and how an answer is judged: random instances, the truth, and slips that are recognised.

A question is a function that the student writes. Its instances are drawn from a seed: that of a class is the
instructor's secret, and the notebooks use a public one. So nothing can be learnt by heart. The truth is the package's.
A mistake that many make is written down as a ``Slip``, a function that makes it: an answer that equals the slip's is
told what went wrong, and gets the credit that the rubric gives it.

Inputs and answers are what JSON can hold, with arrays for lists of numbers: numbers, texts, arrays and dicts of these.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import numpy as np

PUBLIC_SEED = "self-study"
Inputs = dict[str, Any]


@dataclass(frozen=True)
class Slip:
    """A mistake that is recognised by the value it gives.

    name : what went wrong, in a few words, for the table of common mistakes
    hint : what a student is told; it explains and never gives the answer
    answer : takes the inputs of the question and makes the mistake
    credit : share of the instance's points, from 0 to below 1

    Raises ``ValueError`` for a credit outside that range.
    """

    name: str
    hint: str
    answer: Callable[..., Any]
    credit: float = 0.0

    def __post_init__(self) -> None:
        if not 0 <= self.credit < 1:
            raise ValueError(f"credit: expected from 0 to below 1, got {self.credit}")


@dataclass(frozen=True)
class Question:
    """A function to write.

    name : of the function
    points : for all instances together, shared equally among them
    draw : an instance from a generator, the function's arguments by name
    truth : the reference, called with the same arguments
    law : takes the answer first and then the arguments; says in a sentence, with the values, which identity the answer
        breaks, or gives None. It gives nothing away but what the other parts of the answer imply
    slips : in the order in which they are tried
    forbids : dotted names that do the work, such as ``companion.exact.tables.entropy`` or ``scipy.stats``: functions,
        classes or whole modules
    tolerance : relative, and absolute for values below 1
    instances : number drawn from one seed

    Raises ``ValueError`` where points or instances are not positive.
    """

    name: str
    points: int
    draw: Callable[[np.random.Generator], Inputs]
    truth: Callable[..., Any]
    law: Callable[..., str | None]
    slips: tuple[Slip, ...]
    forbids: tuple[str, ...]
    tolerance: float = 1e-6
    instances: int = 5

    def __post_init__(self) -> None:
        if self.points < 1 or self.instances < 1:
            raise ValueError(f"points, instances: expected at least 1 of each, got {self.points}, {self.instances}")


@dataclass(frozen=True)
class Written:
    """A question that is answered in words and marked by hand.

    rubric : points by what earns them
    """

    name: str
    rubric: Mapping[str, int]

    @property
    def points(self) -> int:
        """The sum of the rubric."""
        return sum(self.rubric.values())


@dataclass(frozen=True)
class Assignment:
    """The questions of one notebook.

    name : of the notebook and of its files
    minutes : a student's time
    """

    name: str
    title: str
    minutes: int
    questions: tuple[Question, ...]
    written: tuple[Written, ...] = ()

    @property
    def points(self) -> int:
        """Of all questions, those in words included."""
        return sum(q.points for q in self.questions) + sum(w.points for w in self.written)

    def question(self, name: str) -> Question:
        """The question of that name; raises ``ValueError`` for an unknown one."""
        for question in self.questions:
            if question.name == name:
                return question
        raise ValueError(f"name: expected one of {', '.join(q.name for q in self.questions)}, got {name!r}")


@dataclass(frozen=True)
class Verdict:
    """What one answer earns: a share from 0 to 1, unless it is 1 a hint, and the name of the slip, if it was one."""

    credit: float
    hint: str = ""
    slip: str = ""


def instances(assignment: str, question: Question, seed: str) -> list[Inputs]:
    """The instances of a question under ``seed``: any text, one stream for each question of each assignment."""
    entropy = int.from_bytes(sha256(f"{assignment}/{question.name}/{seed}".encode()).digest())
    rng = np.random.default_rng(entropy)
    return [question.draw(rng) for _ in range(question.instances)]


def judge(question: Question, inputs: Inputs, answer: Any) -> Verdict:
    """Compare an answer with the truth, then with the slips, and at last ask the law what is wrong with it.

    A slip that happens to equal the truth on these inputs costs nothing.
    """
    truth = question.truth(**inputs)
    if equal(answer, truth, question.tolerance):
        return Verdict(1.0)
    for slip in question.slips:
        if equal(answer, slip.answer(**inputs), question.tolerance):
            return Verdict(slip.credit, slip.hint, slip.name)
    if told := unlike(answer, truth):
        return Verdict(0.0, told)
    try:
        told = question.law(answer, **inputs)
    except (ArithmeticError, LookupError, TypeError, ValueError):  # an answer too far off to be compared
        told = None
    return Verdict(0.0, told or "The value is wrong, though no identity shows it.")


def unlike(answer: Any, truth: Any, name: str = "the answer") -> str | None:
    """How the form of ``answer`` differs from that of ``truth``, in a sentence, or None.

    >>> unlike([1.0, 2.0], [[1.0, 2.0]])
    'Expected the answer of shape (1, 2), got shape (2,).'
    """
    if answer is None:
        return f"Expected {name}, got nothing: is the function written, and does it return?"
    if isinstance(truth, dict):
        if not isinstance(answer, dict) or answer.keys() != truth.keys():
            return f"Expected a dict with the keys {', '.join(truth)}, got {_shown(answer)}."
        return next((told for key in truth if (told := unlike(answer[key], truth[key], f"{key!r}"))), None)
    if isinstance(truth, (str, bool)):
        return None if isinstance(answer, type(truth)) else f"Expected {name} as {_kind(truth)}, got {_shown(answer)}."
    try:
        found = np.asarray(answer)
    except ValueError:  # of different lengths
        found = np.array(answer, dtype=object)
    if found.dtype.kind not in "biuf":
        return f"Expected {name} as numbers, got {_shown(answer)}."
    wanted = np.shape(truth)
    if found.shape != wanted:
        return f"Expected {name} of shape {wanted}, got shape {found.shape}."
    return f"Expected {name} without NaN, got {_shown(answer)}." if np.isnan(found).any() else None


def equal(answer: Any, truth: Any, tolerance: float) -> bool:
    """Whether two values of one form agree; infinity equals infinity only.

    >>> equal({"rate": 1.0}, {"rate": 1.0 + 1e-9}, 1e-6)
    True
    """
    if unlike(answer, truth):
        return False
    if isinstance(truth, dict):
        return all(equal(answer[key], truth[key], tolerance) for key in truth)
    if isinstance(truth, (str, bool)):
        return bool(answer == truth)
    return bool(np.allclose(np.asarray(answer, float), np.asarray(truth, float), rtol=tolerance, atol=tolerance))


def _kind(value: Any) -> str:
    return "a text" if isinstance(value, str) else "True or False"


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
