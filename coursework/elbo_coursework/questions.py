"""Questions, how their answers are judged, and the check in the student's own notebook.

A question is a function that the student writes. Its instances are drawn from a seed: that of a class is the
instructor's secret, and the notebooks use a public one, so that nothing can be learnt by heart. What is hard about an
instance, its *trap*, is the same under every seed, so that a slip costs the same in every class. The reference solution
is that of the package ``companion``. A ``CommonMistake`` is a function that makes a mistake which many make: an answer
that equals its value gets its hint, and the partial credit that the rubric gives it. Any other wrong answer is compared
with the question's invariant, an identity or inequality that every right answer fulfils.

Inputs and answers are what JSON can hold, with arrays for lists of numbers: numbers, texts, arrays and dicts of these.
An answer is told apart from a right one by its value alone, whatever it is: a hint never shows a student's texts or
keys, only their kind and size, as an answer could carry an instance out.
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
LONGEST = 300  # characters of a hint
SHARES = {0.25: "a quarter", 0.5: "half", 0.75: "three quarters"}
PARTIAL = "Since nothing else is wrong, this instance earns {} of its points."
UNSHOWN = "The value is wrong, though no identity shows it."
UNDEFINED = "where does your code meet 0 log 0, 0 / 0 or inf - inf?"
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

    @property
    def told(self) -> str:
        """The hint, and the share of the instance's points, where there is one.

        >>> CommonMistake("in bits", "This is in bits.", abs, 0.5).told
        'This is in bits. Since nothing else is wrong, this instance earns half of its points.'
        """
        share = SHARES.get(self.credit, f"{self.credit:.0%}")
        return f"{self.hint} {PARTIAL.format(share)}" if self.credit else self.hint


@dataclass(frozen=True)
class Question:
    """A function to write.

    Attributes:
        name: of the function
        points: for all instances together, shared equally among them
        draw: an instance from a generator and a trap, the function's arguments by name
        reference: the reference solution, called with the same arguments
        invariant: takes the answer first and then the arguments; says in a sentence, with the values, which identity or
            inequality the answer breaks, or returns None. It reveals only what the other parts of the answer imply
        mistakes: the common mistakes, in the order in which they are tried
        tolerance: both relative and absolute: an answer may miss r by tolerance (1 + abs(r))
        traps: one for each instance, in their order: what ``draw`` makes hard about it, and "" for a plain one. Every
            seed gives these traps, and only the numbers differ

    Raises ``ValueError`` where there are no points or no instances.
    """

    name: str
    points: int
    draw: Callable[[np.random.Generator, str], Inputs]
    reference: Callable[..., Any]
    invariant: Callable[..., str | None]
    mistakes: tuple[CommonMistake, ...]
    tolerance: float = 1e-6
    traps: tuple[str, ...] = ("",) * 5

    def __post_init__(self) -> None:
        if self.points < 1 or not self.traps:
            raise ValueError(f"points, traps: expected at least 1 of each, got {self.points}, {len(self.traps)}")

    @property
    def instances(self) -> int:
        """The number of instances that are drawn from one seed."""
        return len(self.traps)


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
    return [question.draw(rng, trap) for trap in question.traps]


def judge(question: Question, inputs: Inputs, answer: Any) -> Verdict:
    """Compare an answer with the reference, then with the common mistakes, and at last with the invariant.

    A mistake that happens to equal the reference on these inputs costs nothing. Whatever the answer is, there is a
    verdict; its hint has no control characters, and at most 300 characters.
    """
    reference, answer = question.reference(**inputs), prepared(answer)
    with np.errstate(all="ignore"):
        if all_close(answer, reference, question.tolerance):
            return Verdict(1.0)
        for mistake in question.mistakes:
            if all_close(answer, mistake.answer(**inputs), question.tolerance):
                return Verdict(mistake.credit, mistake.told, mistake.name)
        try:
            message = structure_mismatch(answer, reference) or question.invariant(answer, **inputs)
        except Exception:  # an answer too far off to be compared
            message = None
    return Verdict(0.0, _plain(message or UNSHOWN))


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
        if not isinstance(answer, dict):
            return f"Expected a dict with the keys {', '.join(reference)}, got {described(answer)}."
        if answer.keys() != reference.keys():
            missing = ", ".join(key for key in reference if key not in answer)
            got = f"one without {missing}" if missing else f"{described(answer)}"
            return f"Expected a dict with the keys {', '.join(reference)} and no others, got {got}."
        found = (structure_mismatch(answer[key], reference[key], f"{key!r}") for key in reference)
        return next(filter(None, found), None)
    if isinstance(reference, (str, bool)):
        expected = "a text" if isinstance(reference, str) else "True or False"
        return (
            None if isinstance(answer, type(reference)) else f"Expected {name} as {expected}, got {described(answer)}."
        )
    return _array_mismatch(answer, np.shape(reference), name)


def _array_mismatch(answer: Any, wanted: tuple[int, ...], name: str) -> str | None:
    found = prepared(answer)
    if not isinstance(found, np.ndarray):
        return f"Expected {name} as {found.problem if isinstance(found, Unfit) else _no_numbers(found)}."
    if found.shape != wanted:
        got = f"shape {found.shape}" if found.ndim <= 4 else f"{found.ndim} dimensions"
        return f"Expected {name} of shape {wanted}, got {got}."
    missing = int(np.isnan(found).sum())
    got = f"NaN in {missing} of {found.size} entries" if found.ndim else "NaN"
    return f"Expected {name} without NaN, got {got}: {UNDEFINED}" if missing else None


@dataclass(frozen=True)
class Unfit:
    """In place of what is no array of real numbers.

    Attributes:
        problem: what was expected, and what it is
    """

    problem: str


def prepared(answer: Any) -> Any:
    """The answer with arrays for all that holds real numbers, computed once: it may be large, or no answer at all.

    >>> prepared({"a": [1, 2], "b": [1, "x"]})
    {'a': array([1, 2]), 'b': Unfit(problem='numbers, got a list of 2')}
    """
    try:
        if isinstance(answer, dict):
            return {key: prepared(answer[key]) for key in answer}
        if answer is None or isinstance(answer, (str, bytes, bool, Unfit)):
            return answer
        found = np.asarray(answer)
        if found.dtype.kind in "biuf":
            return found
        if found.dtype.kind == "c":
            return Unfit("real numbers, got complex ones")
        if found.dtype.kind == "O" and found.size and all(isinstance(value, int) for value in found.flat):
            return Unfit("numbers of at most 64 bits, got a larger whole number")
        return Unfit(_no_numbers(answer))
    except Exception:  # lists of different lengths, dicts in dicts without an end, or an object that resists
        return Unfit(_no_numbers(answer))


def _no_numbers(answer: Any) -> str:
    return f"numbers, got {described(answer)}"


def described(value: Any) -> str:
    """The kind and the size of a student's value, and never its content.

    >>> described("forty-two"), described({"a": 1}), described([1, 2, 3])
    ('a text of 9 characters', 'a dict of 1', 'a list of 3')
    """
    if isinstance(value, Unfit):
        return value.problem.partition("got ")[2]
    if isinstance(value, np.ndarray):
        return "an array of numbers" if value.dtype.kind in "biufc" else "an array that holds no numbers"
    try:
        name = next((name for kind, name in KINDS.items() if isinstance(value, kind)), "something else")
        return name.format(len(value)) if "{" in name else name
    except Exception:  # of a student's own object
        return "something else"


#: How a value is called, by its type; the first that fits counts.
KINDS: dict[type | tuple[type, ...], str] = {
    str: "a text of {} characters",
    bytes: "{} bytes",
    dict: "a dict of {}",
    (list, tuple): "a list of {}",
    (set, frozenset): "a set of {}",
    (bool, np.bool_): "True or False",
    (int, float, np.number): "a number",
    complex: "a complex number",
}


def all_close(answer: Any, reference: Any, tolerance: float) -> bool:
    """Whether two values of one structure agree within ``tolerance``; infinity equals infinity only.

    An answer that cannot be compared, whatever it is, does not agree.

    >>> all_close({"rate": 1.0}, {"rate": 1.0 + 1e-9}, 1e-6)
    True
    """
    try:
        if structure_mismatch(answer, reference):
            return False
        if isinstance(reference, dict):
            return all(all_close(answer[key], reference[key], tolerance) for key in reference)
        if isinstance(reference, (str, bool)):
            return bool(answer == reference)
        return bool(
            np.allclose(np.asarray(answer, float), np.asarray(reference, float), rtol=tolerance, atol=tolerance)
        )
    except Exception:  # of a student's own object
        return False


def _plain(text: str) -> str:
    """The text in one line, without control characters and not too long."""
    line = "".join(c if c.isprintable() else " " for c in text[: 4 * LONGEST])
    line = " ".join(line.split())
    return line if len(line) <= LONGEST else f"{line[: LONGEST - 3]}..."


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
