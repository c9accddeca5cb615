"""A whole number as a stack: instances, answers and invariants of those questions of *Pay the rate* that write on it.

Every distribution is a list of whole numbers, its weights, and everything is exact.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from elbo_coursework.assignments import common
from elbo_coursework.questions import Inputs

Array = np.ndarray
#: Takes a code from a number: the number, the weights of e(z|x) and of m(z); gives the code and the number left.
Choice = Callable[[int, list[int], list[int]], tuple[int, int]]
LARGEST = 2**53  # whole numbers below it are exact in JSON and in float64
LARGEST_MISTAKE = 2**62  # and below this one in numpy's int64


def weights(rng: np.random.Generator, size: int, total: int, least: int = 1) -> Array:
    """Whole numbers ``[size]`` from ``least`` on that add up to ``total``.

    >>> int(weights(np.random.default_rng(0), 4, 16).sum())
    16
    """
    return least + rng.multinomial(total - least * size, common.distribution(rng, size))


def model(rng: np.random.Generator) -> Inputs:
    """The tables of a model, whose distributions all have one total; the encoder alone may hold zeros."""
    (x, z), total = common.sizes(rng, 3, 5), int(rng.integers(16, 33))
    encoder = np.array([weights(rng, z, total, least=0) for _ in range(x)])
    decoder = np.array([weights(rng, x, total) for _ in range(z)])
    codes = {"encoder": encoder, "decoder": decoder, "marginal": weights(rng, z, total)}
    return {"frequency": weights(rng, x, total)} | codes


def number(rng: np.random.Generator) -> Inputs:
    """A number to pop from, often one that ends on the first slot of a symbol."""
    size, total = int(rng.integers(3, 6)), int(rng.integers(20, 41))
    found, drawn = weights(rng, size, total, least=int(rng.integers(2))), int(rng.integers(10**4, 10**6))
    if rng.random() < 0.4:
        drawn += int(found[: rng.integers(1, size)].sum()) - drawn % total
    return {"number": drawn, "weights": found}


def message(rng: np.random.Generator) -> Inputs:
    """Images to send, for which the numbers of mistakes tell them apart, and all stay below the largest."""
    while True:
        tables = model(rng)
        p_x = tables.pop("frequency") / tables["marginal"].sum()
        images = rng.choice(len(p_x), int(rng.integers(5, 9)), p=p_x)
        inputs: Inputs = {"images": images, "start": int(rng.integers(2**14, 2**18))} | tables
        right, *wrong = (send(choose, **inputs) for choose in (borrow, peek, likeliest, borrow_blindly))
        if right < LARGEST and max(wrong) < LARGEST_MISTAKE and len({right, *wrong}) == 4:
            return inputs


def push(number: int, symbol: int, weights: Sequence[int]) -> int:
    """The number after ``symbol`` is written on it."""
    weight = weights[symbol]
    return number // weight * sum(weights) + sum(weights[:symbol]) + number % weight


def pop(number: int, weights: Sequence[int]) -> tuple[int, int]:
    """The symbol that was written last, and the number before that.

    >>> pop(push(1_000_000, 1, [7, 2, 1]), [7, 2, 1])
    (1, 1000000)
    """
    rest, slot = divmod(number, sum(weights))
    symbol = next(s for s in range(len(weights)) if slot < sum(weights[: s + 1]))
    return symbol, rest * weights[symbol] + slot - sum(weights[:symbol])


def popped(number: int, weights: Array) -> tuple[int, int]:
    """``pop`` for an array of weights."""
    return pop(number, weights.tolist())


def leaving(rest: Callable[[int, int, int, int], int]) -> Callable[..., tuple[int, int]]:
    """The right symbol with the number ``rest(quotient, slot, first, weight)``, a mistake's own.

    ``number`` is quotient times the total plus slot; the symbol's slots begin at ``first``.
    """

    def answer(number: int, weights: Array) -> tuple[int, int]:
        symbol, _ = popped(number, weights)
        quotient, slot = divmod(number, int(weights.sum()))
        return symbol, rest(quotient, slot, int(weights[:symbol].sum()), int(weights[symbol]))

    return answer


def popped_of_ten(number: int, weights: Array) -> tuple[int, int]:
    """The mistake of ten slots, those of decimal digits, whatever the weights add up to."""
    rest, slot = divmod(number, 10)
    symbol, within = pop(slot, weights.tolist())
    return symbol, rest * int(weights[symbol]) + within


def popped_late(number: int, weights: Array) -> tuple[int, int]:
    """The mistake of counting a symbol's first slot as the last of the symbol before."""
    rest, slot = divmod(number, int(weights.sum()))
    symbol = int(np.searchsorted(weights.cumsum(), slot))
    return symbol, rest * int(weights[symbol]) + slot - int(weights[:symbol].sum())


def whole(value: Any) -> int:
    """``value`` as a whole number; raises ``ValueError`` for one that is not whole, or negative."""
    if int(value) != value or value < 0:
        raise ValueError(f"value: expected a whole number of 0 or more, got {value}")
    return int(value)


def popped_invariant(answer: Any, number: int, weights: Array) -> str | None:
    """A push undoes a pop."""
    try:
        symbol, left = map(whole, answer)
    except ValueError:
        return f"A symbol and a number are whole and not negative; yours are {answer[0]} and {answer[1]}."
    if symbol >= len(weights) or weights[symbol] == 0:
        return f"Symbol {symbol} owns no slot, so that it cannot be read."
    back = push(left, symbol, weights.tolist())
    return f"Pushing your {symbol} onto your {left} gives {back}, and {number} was read." if back != number else None


def borrow(number: int, row: list[int], marginal: list[int]) -> tuple[int, int]:
    """Ann's choice of a code: it is popped with e(z|x)."""
    return pop(number, row)


def peek(number: int, row: list[int], marginal: list[int]) -> tuple[int, int]:
    """The mistake of leaving on the number what chose the code."""
    return pop(number, row)[0], number


def likeliest(number: int, row: list[int], marginal: list[int]) -> tuple[int, int]:
    """The mistake of a code that is always the same for an image."""
    return int(np.argmax(row)), number


def borrow_blindly(number: int, row: list[int], marginal: list[int]) -> tuple[int, int]:
    """The mistake of a code popped with m(z)."""
    return pop(number, marginal)


def send(choose: Choice = borrow, code_first: bool = False, **inputs: Any) -> int:
    """The number after all images, of which each is a choice and two pushes: its pixels and its code."""
    found: int = inputs["start"]
    encoder, decoder, marginal = (inputs[key].tolist() for key in ("encoder", "decoder", "marginal"))
    for image in inputs["images"].tolist():
        z, found = choose(found, encoder[image], marginal)
        pushes = [(image, decoder[z]), (z, marginal)]
        for symbol, parts in reversed(pushes) if code_first else pushes:
            found = push(found, symbol, parts)
    return found


def receive(found: int, count: int, encoder: Array, decoder: Array, marginal: Array) -> tuple[list[int], int]:
    """``count`` images in the order in which they were sent, and the number left.

    That number is -1 where an image has a code which the encoder never gives it; the images after it are then missing.
    """
    images: list[int] = []
    while len(images) < count and found >= 0:
        z, found = pop(found, marginal.tolist())
        image, found = pop(found, decoder[z].tolist())
        found = push(found, z, encoder[image].tolist()) if encoder[image, z] else -1
        images.insert(0, image)
    return images, found


def send_invariant(answer: float, images: Array, start: int, **tables: Array) -> str | None:
    """Bob reads the images, and is left with the number at the start."""
    try:
        read, left = receive(whole(answer), len(images), **tables)
    except ValueError:
        return f"The file is a whole number and not negative, and yours is {answer:.6g}."
    if left < 0:
        return f"Bob reads image {read[0]} with a code that e(z|x) never gives it: what was pushed, and in which order?"
    if read != images.tolist():
        return f"From your number Bob reads the images {read}, and Ann sent {images.tolist()}."
    return f"Bob reads the images and is left with {left}, where Ann began with {start}." if left != start else None
