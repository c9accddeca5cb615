"""One sample of e(z|x) sent by a number: relative-entropy coding by a Poisson process.

Li & El Gamal (2018). Both sides know m(z) and share a seed, and so the same endless list of points: codes z_1, z_2, ...
drawn from m, at times t_1 < t_2 < ... of a Poisson process of rate 1. The sender, who knows x as well, takes the point
with the smallest t_i m(z_i) / e(z_i|x), and sends its place i in the list. The code there is an exact draw from e(z|x),
and i is small where e is near m: E log i <= KL(e(z|x) || m) + 1 bit.
"""

import struct
import zlib
from collections.abc import Callable, Sequence
from math import inf, log
from typing import Any

import constriction
import numpy as np

from companion.seeds import POINTS, numpy_generator
from companion.units import bits

HEAD = struct.Struct("<II")  # of a message: how many places, and a checksum of the rest
BLOCK = 64  # points that are drawn together
FARTHEST = 20  # nats of ``largest``: the search takes exp(largest) points
PATIENCE = log(50)  # with two densities, a search finds nothing in 50 exp(largest) points once in exp(50) times
ROUNDING = 1e-9  # nats by which a ``log_ratio`` may exceed ``largest``
EXPONENTS = 62  # an index is below 2^EXPONENTS
UNIFORM = constriction.stream.model.Uniform(2)

Draw = Callable[[np.random.Generator, int], np.ndarray]


def select(log_ratio: Callable[[np.ndarray], Any], draw: Draw, largest: float, seed: int) -> tuple[int, np.ndarray]:
    """The place, from 1, of the point that stands for a draw of e(z|x), and the code there.

    Args:
        log_ratio: log e(z|x) - log m(z), ``[n]``, of codes ``[n, ...]``
        draw: ``draw(rng, n)`` gives n independent codes of m(z), ``[n, ...]``
        largest: an upper bound on ``log_ratio``, in nats, at most 20: the search ends where no later point can win,
            after about exp(largest) points, however small the divergence is
        seed: of the list of points; another one for each sample

    Raises ``ValueError`` for a ``largest`` that is no number, is above 20, or is exceeded at a code that was drawn; a
    bound that is too small and not met by any draw makes the sample unfair. The list is that of numpy's generators, so
    both sides need the same version.

    >>> def uniform(rng, n):
    ...     return rng.random(n)
    >>> place, z = select(lambda z: np.log(2 * z), uniform, np.log(2.0), seed=0)  # e has density 2 z
    >>> bool(z == selected(uniform, 0, place))
    True
    """
    if not -inf < largest <= FARTHEST:
        raise ValueError(f"largest: expected at most {FARTHEST} nats, for exp({FARTHEST}) points, got {largest!r}")
    place, best, code, start, block = 0, inf, np.empty(0), 0.0, 0
    while not block or log(start) - largest < best:
        codes, gaps = _points(draw, seed, block)
        times, ratios = start + gaps.cumsum(), np.asarray(log_ratio(codes), float)
        if ratios.shape != (BLOCK,):
            raise ValueError(f"log_ratio: expected a number for each of {BLOCK} codes, got shape {list(ratios.shape)}")
        if not ratios.max() <= largest + ROUNDING:
            raise ValueError(f"log_ratio: expected at most {largest:g} nats at {BLOCK} codes, got {ratios.max():g}")
        scores = np.log(times) - ratios
        first = int(scores.argmin())
        if scores[first] < best:
            place, best, code = block * BLOCK + first + 1, float(scores[first]), codes[first]
        start, block = float(times[-1]), block + 1
        if not place and log(start) > largest + PATIENCE:
            raise ValueError(f"log_ratio: expected that of two densities, got {ratios.max():g} nats or less so far")
    return place, code


def selected(draw: Draw, seed: int, place: int) -> np.ndarray:
    """The code at ``place``, as the receiver finds it; raises ``ValueError`` for a place below 1."""
    if not (isinstance(place, int | np.integer) and place >= 1):
        raise ValueError(f"place: expected a whole number of 1 or more, got {place!r}")
    block, within = divmod(int(place) - 1, BLOCK)
    code: np.ndarray = _points(draw, seed, block)[0][within]
    return code


def message_bound(rate: float) -> float:
    """An upper bound on the mean length, in bits, of the places that ``write_indices`` writes: R + log(R + 2) + 2.44.

    Args:
        rate: the mean of KL(e(z|x) || m), in nats

    >>> round(message_bound(0.0), 4)
    3.4427
    """
    check_rate(rate)
    return float(bits(rate + log(bits(rate) + 2) + 1)) + 1


def write_indices(places: Sequence[int], rate: float) -> bytes:
    """Places as bytes: the number of digits of each, by a geometric distribution of mean R + 1, then the digits.

    Args:
        places: whole numbers from 1 to 2^62 - 1
        rate: the mean of KL(e(z|x) || m), in nats, which the receiver knows, too

    Raises ``ValueError`` for other places, or a negative rate.

    >>> read_indices(write_indices([1, 5, 1000], rate=2.0), rate=2.0)
    [1, 5, 1000]
    """
    for place in places:
        if not (isinstance(place, int | np.integer) and 1 <= place < 2**EXPONENTS):
            raise ValueError(f"places: expected whole numbers from 1 to 2^{EXPONENTS} - 1, got {place!r}")
    coder, lengths = constriction.stream.stack.AnsCoder(), _lengths(rate)
    for place in reversed(places):
        digits = np.array([int(digit) for digit in f"{place:b}"[1:]], np.int32)
        coder.encode_reverse(digits, UNIFORM)
        coder.encode_reverse(len(digits), lengths)
    words = np.asarray(coder.get_compressed()).astype("<u4").tobytes()
    return HEAD.pack(len(places), zlib.crc32(words)) + words


def read_indices(data: bytes, rate: float) -> list[int]:
    """The places that ``write_indices`` wrote with the same ``rate``; ``ValueError`` for damaged bytes."""
    if len(data) % 4 or len(data) < HEAD.size:
        raise ValueError(f"data: expected bytes written by write_indices, a multiple of 4, got {len(data)}")
    count, checksum = HEAD.unpack_from(data)
    if checksum != zlib.crc32(data[HEAD.size :]) or count > 8 * len(data):  # a place takes a bit or more
        raise ValueError(f"data: expected bytes written by write_indices, got {len(data)} that are damaged")
    words = np.frombuffer(data, "<u4", offset=HEAD.size).astype(np.uint32)
    coder, lengths, places = constriction.stream.stack.AnsCoder(words), _lengths(rate), []
    for _ in range(count):
        digits = coder.decode(UNIFORM, int(coder.decode(lengths)))
        places.append(int("1" + "".join(map(str, digits)), 2))
    if not coder.is_empty():
        raise ValueError("data: expected bytes written by write_indices at this rate, got some that are left over")
    return places


def check_rate(rate: float) -> None:
    """Raise ``ValueError`` unless ``rate`` is a number of nats."""
    if not 0 <= rate < inf:
        raise ValueError(f"rate: expected a number of nats, 0 or more, got {rate!r}")


def _points(draw: Draw, seed: int, block: int) -> tuple[np.ndarray, np.ndarray]:
    """The codes of a block of points, and the time that passes before each."""
    rng = numpy_generator(seed, POINTS, block)
    gaps = rng.exponential(size=BLOCK)
    return np.asarray(draw(rng, BLOCK)), gaps


def _lengths(rate: float) -> Any:
    check_rate(rate)
    mean = float(bits(rate)) + 1
    return constriction.stream.model.Categorical((mean / (1 + mean)) ** np.arange(EXPONENTS), perfect=False)
