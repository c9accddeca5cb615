"""What the assignments share: random tables, and the checks of invariants.

Where a table is to hold zeros, the number of them and what they leave in use do not depend on the generator.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from companion.units import bits
from elbo_coursework.questions import CommonMistake, Inputs

REVERSED = "The divergence is the wrong way round: KL(a || b) averages log a - log b over draws from a."
SKIPPED = "You left out what the second distribution misses. Left out is what the first never draws, and nothing else."
SUMMED = "You summed over the examples. The quantity is per example: a mean over them."
INFINITE = "Your answer is infinite, and nothing that happens has probability 0 {}: what never happens costs nothing."
SLACK = 1e-9  # an inequality may be missed by rounding
TOLERANCE = 1e-6  # of answers


def distribution(rng: np.random.Generator, size: int, zeros: int = 0) -> np.ndarray:
    """A distribution ``[size]`` with ``zeros`` entries of probability 0, the others away from 0.

    >>> distribution(np.random.default_rng(0), 4, zeros=4 - 1).max()
    np.float64(1.0)
    """
    weights = rng.uniform(0.1, 1.0, size) ** 2
    weights[rng.permutation(size)[:zeros]] = 0.0
    return weights / weights.sum()


def table(rng: np.random.Generator, rows: int, columns: int, zeros: int = 0) -> np.ndarray:
    """A conditional distribution ``[rows, columns]``; each row has ``zeros`` entries of 0, 0 or 1.

    From two rows on every column is in use.

    >>> table(np.random.default_rng(0), 2, 3, zeros=1).min(1)
    array([0., 0.])
    """
    weights = rng.uniform(0.1, 1.0, (rows, columns)) ** 2
    weights[np.arange(rows), np.resize(rng.permutation(columns), rows)] *= 1 - zeros
    return weights / weights.sum(1, keepdims=True)


def without(rng: np.random.Generator, weights: np.ndarray) -> np.ndarray:
    """The distributions ``weights`` with a column, the same in all rows, that never comes.

    >>> without(np.random.default_rng(0), np.full((2, 3), 1 / 3)).tolist()
    [[0.5, 0.5, 0.0], [0.5, 0.5, 0.0]]
    """
    kept = np.array(weights)
    kept[..., rng.integers(weights.shape[-1])] = 0
    return kept / kept.sum(-1, keepdims=True)


def sizes(rng: np.random.Generator, low: int, high: int) -> tuple[int, int]:
    """Two different sizes from ``low`` up to ``high``, both included: a transposed axis shows.

    >>> sizes(np.random.default_rng(0), 2, 3) in {(2, 3), (3, 2)}
    True
    """
    first, second = rng.permutation(np.arange(low, high + 1))[:2]
    return int(first), int(second)


def until(draw: Callable[[], Inputs], holds: Callable[..., bool]) -> Inputs:
    """Draw until the inputs are as they should be.

    >>> rng = np.random.default_rng(0)
    >>> until(lambda: {"x": rng.uniform()}, lambda x: x > 0.9)["x"] > 0.9
    True
    """
    while not holds(**(inputs := draw())):
        pass
    return inputs


def apart(*values: float) -> list[str]:
    """The numbers with four digits, or with as many as they need in order to differ.

    >>> apart(1.5, 2.0), apart(1.00001, 1.0)
    (['1.5', '2'], ['1.00001', '1'])
    """
    for digits in range(4, 18):
        shown = [f"{value + 0.0:.{digits}g}" for value in values]  # -0.0 is 0
        if len(set(shown)) == len(set(values)):
            break
    return shown


def check_nonnegative(name: str, value: float) -> str | None:
    """The sentence for a quantity that cannot be below 0, or None.

    >>> check_nonnegative("A rate", -1.0)
    'A rate is never negative, and yours is -1.'
    """
    return f"{name} is never negative, and yours is {value:.4g}." if value < -SLACK else None


def check_at_most(name: str, value: float, bound: str, limit: float) -> str | None:
    """The sentence for a quantity above its bound, or None.

    >>> check_at_most("The information", 2.0, "log N", 1.5)
    'The information is at most log N = 1.5, and yours is 2.'
    """
    most, found = apart(limit, value)
    return f"{name} is at most {bound} = {most}, and yours is {found}." if value > limit + SLACK else None


def check_equal(name: str, values: Any, expected: Any) -> str | None:
    """The sentence for the entry that differs most, where any does by more than the tolerance of answers, or None.

    >>> check_equal("'code', the sum of your joint over n,", np.array([0.5, 0.25]), np.array([0.5, 0.5]))
    "'code', the sum of your joint over n, should be 0.5 at 1, and yours is 0.25 there."
    """
    found, wanted = (np.ravel(np.asarray(value, float)) for value in (values, expected))
    if np.allclose(found, wanted, rtol=TOLERANCE, atol=TOLERANCE):
        return None
    worst = int(np.abs(found - wanted).argmax())
    right, yours = apart(wanted[worst], found[worst])
    place = (f" at {worst}", " there") if np.ndim(values) else ("", "")
    return f"{name} should be {right}{place[0]}, and yours is {yours}{place[1]}."


def check_distribution(name: str, values: np.ndarray) -> str | None:
    """The sentence for probabilities that are negative or do not sum to one along the last axis, or None.

    >>> check_distribution("Your q(z)", np.array([0.5, 0.75]))
    'Your q(z) should sum to one along its last axis, and a sum is 1.25.'
    """
    if values.min() < -SLACK:
        return f"{name} should hold probabilities, and has an entry of {values.min():.4g}."
    sums = np.ravel(values.sum(-1))
    worst = float(sums[np.abs(sums - 1).argmax()])
    shown, _ = apart(worst, 1.0)
    return (
        f"{name} should sum to one along its last axis, and a sum is {shown}." if abs(worst - 1) > TOLERANCE else None
    )


def scaled(reference: Callable[..., Any], factor: float) -> Callable[..., Any]:
    """The function ``reference`` with its answer, or each entry of its dict, times ``factor``.

    >>> scaled(lambda x: {"rate": x}, 2.0)(x=1.5)
    {'rate': 3.0}
    """

    def answer(**inputs: Any) -> Any:
        found = reference(**inputs)
        return {key: value * factor for key, value in found.items()} if isinstance(found, dict) else found * factor

    return answer


def in_bits(reference: Callable[..., Any]) -> CommonMistake:
    """The common mistake of a logarithm to base 2, worth half.

    >>> in_bits(lambda p: -np.log(p)).answer(p=0.5).round(6)
    np.float64(1.0)
    """
    hint = "Your value is the right one in bits. The course counts in nats: use the natural logarithm."
    return CommonMistake("logarithm to base 2", hint, scaled(reference, bits(1.0)), 0.5)


def wrong_sign(reference: Callable[..., Any]) -> CommonMistake:
    """The common mistake of the opposite number, worth a quarter.

    >>> wrong_sign(lambda p: p).answer(p=0.5)
    -0.5
    """
    hint = "The sign is wrong. Logarithms of probabilities are negative: which way round does the definition take them?"
    return CommonMistake("wrong sign", hint, scaled(reference, -1), 0.25)
