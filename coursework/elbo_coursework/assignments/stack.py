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
LARGEST = 2**48  # whole numbers below it are exact in JSON and in float64, and so are their eighths
LARGEST_MISTAKE = 2**62  # and below this one in numpy's int64


def weights(rng: np.random.Generator, size: int, total: int, least: int = 1) -> Array:
    """Whole numbers ``[size]`` from ``least`` on that add up to ``total``.

    >>> int(weights(np.random.default_rng(0), 4, 16).sum())
    16
    """
    return least + rng.multinomial(total - least * size, common.distribution(rng, size))


def model(rng: np.random.Generator, trap: str) -> Inputs:
    """The tables of a model: of one total, or each distribution of another, ``totals``.

    The encoder alone may hold ``zeros``, one in each row with all codes in use, or an ``idle`` code that is in no row.
    """
    (x, z), total = common.sizes(rng, 3, 5), int(rng.integers(20, 33))

    def row(size: int, out: int | None = None) -> Array:
        found = weights(rng, size, total, least=1 + int(out is not None))
        if out is not None:  # what it loses goes to its neighbour
            found[(out + 1) % size] += found[out]
            found[out] = 0
        return found * rng.integers(2, 5) + rng.integers(1, 4) * (found > 0) if trap == "totals" else found

    order, idle = rng.permutation(z), int(rng.integers(z))
    left_out = {"zeros": [int(order[i % z]) for i in range(x)], "idle": [idle] * x}.get(trap, [None] * x)
    encoder = np.array([row(z, out) for out in left_out])
    codes = {"encoder": encoder, "decoder": np.array([row(x) for _ in range(z)]), "marginal": row(z)}
    frequency = row(x)
    while np.ptp(frequency) == 0:  # some images come more often
        frequency = row(x)
    return {"frequency": frequency} | codes


def number(rng: np.random.Generator, trap: str) -> Inputs:
    """A number to pop from, in a slot that is not the first of its symbol, which is not the first symbol.

    Or the slot is the first of it, on the ``border``; or a symbol has no slot, ``zero``, or stands before the border,
    ``zero border``; or the number is ``large``. Every symbol that owns slots owns two at least.
    """
    size, total = int(rng.integers(4, 6)), int(rng.integers(20, 41))
    found, symbol = weights(rng, size, total, least=2), int(rng.integers(2, size))
    if trap.startswith("zero"):
        found[symbol - 1] = 0
    first, within = int(found[:symbol].sum()), int(rng.integers(1, found[symbol]))
    slot = first if trap.endswith("border") else first + within
    quotient = int(rng.integers(2**40, 2**44) if trap == "large" else rng.integers(500, 25_000))
    return {"number": quotient * int(found.sum()) + slot, "weights": found}


def message(rng: np.random.Generator, trap: str) -> Inputs:
    """Images to send, for which the numbers of mistakes tell them apart, and all stay below the largest.

    A code whose first slot is read comes only with ``border``; the encoder holds ``zeros`` or not.
    """
    while True:
        tables = model(rng, trap)
        p_x = tables.pop("frequency") / tables["marginal"].sum()
        images = rng.choice(len(p_x), int(rng.integers(5, 9)), p=p_x)
        inputs: Inputs = {"images": images, "start": int(rng.integers(2**14, 2**18))} | tables
        right, *wrong = (send(choose, **inputs) for choose in (borrow, peek, likeliest, borrow_blindly))
        wrong += [send(code_first=True, **inputs), send(**inputs | {"images": images[::-1]})]
        if right >= LARGEST or max(wrong) >= LARGEST_MISTAKE or len({right, *wrong}) <= len(wrong):
            continue
        if (send(borrow_late, **inputs) != right) == (trap == "border"):
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


def borrow_late(number: int, row: list[int], marginal: list[int]) -> tuple[int, int]:
    """The mistake of ``popped_late``."""
    return popped_late(number, np.array(row))


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


def pixels(rng: np.random.Generator, trap: str) -> Inputs:
    """The number that Ann sends for images of several pixels; with ``zeros`` each code is certain of one pixel.

    The numbers of mistakes tell them apart, and all stay below the largest.
    """
    while True:
        (z, p), total = common.sizes(rng, 3, 5), int(rng.integers(6, 9))
        ink = rng.integers(1, total, (z, p))
        if trap == "zeros":
            ink[np.arange(z), rng.integers(p, size=z)] = total * rng.integers(2, size=z)
        tables = {"decoder": np.stack([total - ink, ink], -1), "marginal": weights(rng, z, int(rng.integers(8, 17)))}
        codes = rng.choice(z, int(rng.integers(4, 7)), p=tables["marginal"] / tables["marginal"].sum())
        number = send_pixels(
            rng.random((len(codes), p)) * total < ink[codes], int(rng.integers(2**14, 2**18)), **tables
        )
        inputs: Inputs = {"number": number, "count": len(codes)} | tables
        found = [receive_pixels(**inputs), *(receive_pixels(**inputs, wrong=wrong) for wrong in WRONGLY_READ)]
        different = {(answer["number"], answer["images"].tobytes()) for answer in found}
        largest = max(answer["number"] for answer in found)
        if len(different) == len(found) and number < LARGEST and largest < LARGEST_MISTAKE:
            return inputs


#: What may go wrong when Bob reads pixels, for ``receive_pixels``.
WRONGLY_READ = ("last first", "pixels turned", "not given back", "given back with m", "m left out")


def posterior(image: Sequence[int], decoder: Array, marginal: Array) -> list[int]:
    """The weights of e(z|x), m(z) times the product over pixels of d(x_i|z).

    >>> posterior([1, 0], np.array([[[1, 3], [2, 2]], [[4, 0], [1, 3]]]), np.array([2, 5]))
    [12, 0]
    """
    return [int(m) * int(np.prod(d[np.arange(len(image)), image])) for m, d in zip(marginal, decoder, strict=True)]


def send_pixels(images: Array, number: int, decoder: Array, marginal: Array) -> int:
    """The number after Ann has written images ``[n, P]`` of zeros and ones; -1 where the model has no such image."""
    for image in images.astype(int).tolist():
        row = posterior(image, decoder, marginal)
        if not sum(row):
            return -1
        z, number = pop(number, row)
        for pixel, parts in zip(image, decoder[z].tolist(), strict=True):
            number = push(number, pixel, parts)
        number = push(number, z, marginal.tolist())
    return number


def receive_pixels(number: int, count: int, decoder: Array, marginal: Array, wrong: str = "") -> dict[str, Any]:
    """The images ``[n, P]`` in the order in which they were sent, and the number left; or what is ``wrong`` with them.

    A mistake ends where it would push a code of weight 0; the images that it has not read are then 0.
    """
    images, size = np.zeros((count, decoder.shape[1]), int), decoder.shape[1]
    for n in range(count):
        z, number = pop(number, marginal.tolist())
        image = [0] * size
        for i in reversed(range(size)):
            image[size - 1 - i if wrong == "pixels turned" else i], number = pop(number, decoder[z, i].tolist())
        images[n if wrong == "last first" else count - 1 - n] = image
        row = posterior(image, decoder, np.ones_like(marginal) if wrong == "m left out" else marginal)
        if wrong == "given back with m":
            row = marginal.tolist()
        if wrong == "not given back":
            continue
        if not row[z]:
            break
        number = push(number, z, row)
    return {"images": images, "number": number}


def received_invariant(answer: dict[str, Any], number: int, count: int, decoder: Array, marginal: Array) -> str | None:
    """Ann's steps undo Bob's."""
    images = np.asarray(answer["images"])
    if not np.isin(images, (0, 1)).all():
        return "A pixel is 0 or 1, and some of yours are not."
    try:
        left = whole(answer["number"])
    except ValueError:
        return f"The number left is whole and not negative, and yours is {float(answer['number']):.6g}."
    again = send_pixels(images, left, decoder, marginal)
    if again < 0:
        return "You have read an image that no code of the model can give."
    return (
        f"If Ann begins with your {left} and sends your images, she has {again} in the end, and not {number}."
        * (again != number)
        or None
    )
