"""Questions, how their answers are judged, and the check in the student's own notebook.

A question is a function that the student writes. Its instances are drawn from a seed: that of a class is the
instructor's secret, and the notebooks use a public one, so that nothing can be learnt by heart. The reference solution
is that of the package ``companion``. A ``CommonMistake`` is a function that makes a mistake which many make: an answer
that equals its value gets its hint, and the partial credit that the rubric gives it. Any other wrong answer is compared
with the question's invariant, an identity or inequality that every right answer fulfils.

Inputs and answers are what JSON can hold, with arrays for lists of numbers: numbers, texts, arrays and dicts of these.
"""

from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import dataclass
from hashlib import sha256
from importlib import import_module
from typing import Any

import numpy as np

#: The assignments, in the order of the book.
NAMES = ("surgery", "rate_distortion", "toy", "sweep", "information", "bits")
PUBLIC_SEED = "self-study"
Inputs = dict[str, Any]


@dataclass(frozen=True)
class CommonMistake:
    """A mistake that is recognised by the value it gives.

    Attributes:
        name: what went wrong, in a few words, for the table of common mistakes
        hint: what a student is told; it explains and never gives the answer
        answer: takes the inputs of the question and makes the mistake
        credit: share of the instance's points, from 0 to below 1

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

    Attributes:
        name: of the function
        points: for all instances together, shared equally among them
        draw: an instance from a generator, the function's arguments by name
        reference: the reference solution, called with the same arguments
        invariant: takes the answer first and then the arguments; says in a sentence, with the values, which identity or
            inequality the answer breaks, or returns None. It reveals only what the other parts of the answer imply
        mistakes: the common mistakes, in the order in which they are tried
        tolerance: relative, and absolute for values below 1
        instances: number drawn from one seed

    Raises ``ValueError`` where points or instances are not positive.
    """

    name: str
    points: int
    draw: Callable[[np.random.Generator], Inputs]
    reference: Callable[..., Any]
    invariant: Callable[..., str | None]
    mistakes: tuple[CommonMistake, ...]
    tolerance: float = 1e-6
    instances: int = 5

    def __post_init__(self) -> None:
        if self.points < 1 or self.instances < 1:
            raise ValueError(f"points, instances: expected at least 1 of each, got {self.points}, {self.instances}")


@dataclass(frozen=True)
class ManualQuestion:
    """A question that is answered in words and graded manually, by a rubric.

    Attributes:
        rubric: points by what earns them
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

    Attributes:
        name: of the notebook and of its files
        minutes: a student's time
        manual: the questions that are graded manually
    """

    name: str
    title: str
    minutes: int
    questions: tuple[Question, ...]
    manual: tuple[ManualQuestion, ...] = ()

    @property
    def points(self) -> int:
        """Of all questions, those in words included."""
        return sum(q.points for q in self.questions) + sum(q.points for q in self.manual)

    def question(self, name: str) -> Question:
        """The question of that name; raises ``ValueError`` for an unknown one."""
        for question in self.questions:
            if question.name == name:
                return question
        raise ValueError(f"name: expected one of {', '.join(q.name for q in self.questions)}, got {name!r}")


@dataclass(frozen=True)
class Verdict:
    """What one answer earns: a credit from 0 to 1; below 1 also a hint, and the common mistake's name, if any."""

    credit: float
    hint: str = ""
    mistake: str = ""


def assignment(name: str) -> Assignment:
    """The assignment of that name; raises ``ValueError`` for an unknown one.

    >>> assignment("surgery").minutes > 0
    True
    """
    if name not in NAMES:
        raise ValueError(f"assignment: expected one of {', '.join(NAMES)}, got {name!r}")
    found: Assignment = import_module(f"elbo_coursework.assignments.{name}").ASSIGNMENT
    return found


def instances(assignment: str, question: Question, seed: str) -> list[Inputs]:
    """The instances of a question under ``seed``: any text, one stream for each question of each assignment."""
    entropy = int.from_bytes(sha256(f"{assignment}/{question.name}/{seed}".encode()).digest())
    rng = np.random.default_rng(entropy)
    return [question.draw(rng) for _ in range(question.instances)]


def judge(question: Question, inputs: Inputs, answer: Any) -> Verdict:
    """Compare an answer with the reference, then with the common mistakes, and at last with the invariant.

    A mistake that happens to equal the reference on these inputs costs nothing.
    """
    reference = question.reference(**inputs)
    if all_close(answer, reference, question.tolerance):
        return Verdict(1.0)
    for mistake in question.mistakes:
        if all_close(answer, mistake.answer(**inputs), question.tolerance):
            return Verdict(mistake.credit, mistake.hint, mistake.name)
    if message := structure_mismatch(answer, reference):
        return Verdict(0.0, message)
    try:
        message = question.invariant(answer, **inputs)
    except (ArithmeticError, LookupError, TypeError, ValueError):  # an answer too far off to be compared
        message = None
    return Verdict(0.0, message or "The value is wrong, though no identity shows it.")


def check(function: Callable[..., Any], name: str | Assignment) -> None:
    """Try the answer ``function`` to the question of its name, in the assignment ``name``, on public instances.

    Prints how many instances are right and what is wrong with the others. Grading draws other instances.

    Raises ``AssertionError`` with the first hint where one is wrong, and what the function itself raises.
    """
    asked = assignment(name) if isinstance(name, str) else name
    question = asked.question(function.__name__)
    drawn = instances(asked.name, question, PUBLIC_SEED)
    verdicts = [_judged(function, question, inputs) for inputs in drawn]
    hints = list(dict.fromkeys(verdict.hint for verdict in verdicts if verdict.hint))
    correct = sum(verdict.credit == 1 for verdict in verdicts)
    print(f"{question.name}: {correct} of {len(drawn)} instances are right.", *hints, sep="\n  ")
    assert not hints, hints[0]


def structure_mismatch(answer: Any, reference: Any, name: str = "the answer") -> str | None:
    """How the structure of ``answer`` differs from that of ``reference``, in a sentence, or None.

    >>> structure_mismatch([1.0, 2.0], [[1.0, 2.0]])
    'Expected the answer of shape (1, 2), got shape (2,).'
    """
    if answer is None:
        return f"Expected {name}, got nothing: is the function written, and does it return?"
    if isinstance(reference, dict):
        if not isinstance(answer, dict) or answer.keys() != reference.keys():
            return f"Expected a dict with the keys {', '.join(reference)}, got {_shown(answer)}."
        return next(
            (message for key in reference if (message := structure_mismatch(answer[key], reference[key], f"{key!r}"))),
            None,
        )
    if isinstance(reference, (str, bool)):
        return (
            None
            if isinstance(answer, type(reference))
            else f"Expected {name} as {_kind(reference)}, got {_shown(answer)}."
        )
    try:
        found = np.asarray(answer)
    except ValueError:  # of different lengths
        found = np.array(answer, dtype=object)
    if found.dtype.kind not in "biuf":
        return f"Expected {name} as numbers, got {_shown(answer)}."
    wanted = np.shape(reference)
    if found.shape != wanted:
        return f"Expected {name} of shape {wanted}, got shape {found.shape}."
    return f"Expected {name} without NaN, got {_shown(answer)}." if np.isnan(found).any() else None


def all_close(answer: Any, reference: Any, tolerance: float) -> bool:
    """Whether two values of one structure agree within ``tolerance``; infinity equals infinity only.

    >>> all_close({"rate": 1.0}, {"rate": 1.0 + 1e-9}, 1e-6)
    True
    """
    if structure_mismatch(answer, reference):
        return False
    if isinstance(reference, dict):
        return all(all_close(answer[key], reference[key], tolerance) for key in reference)
    if isinstance(reference, (str, bool)):
        return bool(answer == reference)
    return bool(np.allclose(np.asarray(answer, float), np.asarray(reference, float), rtol=tolerance, atol=tolerance))


def _judged(function: Callable[..., Any], question: Question, inputs: Inputs) -> Verdict:
    answer = function(**deepcopy(inputs))
    with np.errstate(all="ignore"):
        return judge(question, inputs, _as_arrays(answer))


def _as_arrays(answer: Any) -> Any:
    """The answer with arrays for tensors, as grading sees it."""
    if isinstance(answer, dict):
        return {name: _as_arrays(inner) for name, inner in answer.items()}
    if isinstance(answer, (list, tuple)):
        return [_as_arrays(inner) for inner in answer]
    return answer.detach().cpu().numpy() if hasattr(answer, "detach") else answer


def _kind(value: Any) -> str:
    return "a text" if isinstance(value, str) else "True or False"


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
