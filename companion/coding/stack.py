"""Bits back: a file of images as long as the negative ELBO.

Hinton & van Camp (1993) and Frey & Hinton (1997); with asymmetric numeral systems, Townsend, Bird & Barber (2019). The
coder is a stack of bits. To send an image, first *read* a code z from the stack with the probabilities e(z|x), which
takes -log e(z|x) off it; then write x with d(x|z) and z with m(z). The stack grows by -log d - log m + log e, on
average by D + R. The receiver reads z, then x, can therefore compute e(z|x), and puts back the very bits that the
sender borrowed. The first image has nothing to borrow from, so a few words lie on the stack beforehand.

What is read is a draw from e(z|x) as far as the bits of the stack are fair coins. The code of the image before lies on
top of them, so this asks that codes be distributed as m(z): that the aggregate be the marginal, nearly.
"""

from dataclasses import dataclass
from hashlib import shake_256
from typing import Any

import constriction
import numpy as np
import torch
from tqdm.auto import tqdm

from companion.coding.container import (
    CodingError,
    Container,
    images_checksum,
    model_digest,
    tables_checksum,
)
from companion.coding.integers import BIN_BITS, IntegerModel
from companion.learn import threads
from companion.models import VAE
from companion.models.decoders import check_binary

Categorical = constriction.stream.model.Categorical
BERNOULLI = constriction.stream.model.Bernoulli(perfect=False)
DAMAGED = "the file is damaged, or this machine makes other tables than the one that wrote it"
RESERVE = 64  # bits that the coder keeps to itself


class StackError(Exception):
    """More is read from the stack than it holds, or a symbol comes off it that was never drawn."""


class Stack:
    """A stack of bits, to which symbols are pushed with the probabilities they have, and from which they are popped."""

    def __init__(self, words: np.ndarray) -> None:
        self.coder = constriction.stream.stack.AnsCoder(words)

    @property
    def bits(self) -> int:
        """How many bits lie on it."""
        return int(self.coder.num_valid_bits())

    @property
    def words(self) -> np.ndarray:
        """All that lies on it."""
        return np.asarray(self.coder.get_compressed())

    def push(self, symbols: np.ndarray, weights: np.ndarray) -> None:
        """Write one symbol a row of ``weights``, ``[rows, symbols]``; one of weight 0 is written with 2^-24."""
        self.coder.encode_reverse(symbols.astype(np.int32), Categorical(perfect=False), weights)

    def pop(self, weights: np.ndarray) -> np.ndarray:
        """Read one symbol a row of ``weights``; raises ``StackError`` where the bits have come to an end."""
        symbols = np.asarray(self.coder.decode(Categorical(perfect=False), weights))
        self._check()
        return symbols

    def draw(self, weights: np.ndarray) -> np.ndarray:
        """As ``pop``, but within the first and the last weight of a row: 4096 bins of 2^-24 in 64 rows make 1.6 %."""
        symbols = np.empty(len(weights), int)
        for i, (first, kept) in enumerate(map(_support, weights)):
            symbols[i] = first + int(self.coder.decode(Categorical(kept, perfect=False)))
        self._check()
        return symbols

    def undraw(self, symbols: np.ndarray, weights: np.ndarray) -> None:
        """Give back what ``draw`` has read."""
        for symbol, (first, kept) in zip(symbols[::-1], map(_support, weights[::-1]), strict=True):
            if not first <= symbol < first + len(kept):
                raise StackError
            self.coder.encode_reverse(int(symbol) - first, Categorical(kept, perfect=False))

    def _check(self) -> None:
        if self.bits < RESERVE:
            raise StackError

    def push_pixels(self, pixels: np.ndarray, ones: np.ndarray) -> None:
        """Write binary pixels, flat, with the probabilities ``ones`` of a one."""
        self.coder.encode_reverse(pixels.astype(np.int32), BERNOULLI, ones)

    def pop_pixels(self, ones: np.ndarray) -> np.ndarray:
        """Read binary pixels, flat."""
        return np.asarray(self.coder.decode(BERNOULLI, ones), bool)


@dataclass(frozen=True)
class BitsBack:
    """A file, and what each image did to the stack.

    Attributes:
        data: the file
        initial_bits: those that lay on the stack before the first image; they are in the file
        borrowed, pixels, code: bits ``[n]``: read with e(z|x), written with d(x|z), written with m(z); with a mixture
            as the marginal, the component is read and written as well
    """

    data: bytes
    initial_bits: int
    borrowed: np.ndarray
    pixels: np.ndarray
    code: np.ndarray

    @property
    def net(self) -> np.ndarray:
        """The bits ``[n]`` by which each image lengthened the stack."""
        return self.pixels + self.code - self.borrowed


def compress(model: VAE, images: Any) -> bytes:
    """Binary images as a file of about -ELBO bits each, which ``decompress`` turns back into them bit for bit.

    Args:
        model: a diagonal Gaussian e(z|x); a Gaussian or a mixture of Gaussians as m(z); Bernoulli pixels that are
            independent given z
        images: ``[n, ...]``, of zeros and ones

    The file is about as long as n (D + R), a frame of some 50 bytes, and initial bits: 12 a dimension of the code, and
    128. That holds where the aggregate is close to the marginal, the means of e(z|x) lie within about 3.5 standard
    deviations of the marginal's, and its widths are not far below those of the 4096 bins of equal probability.
    Elsewhere the images come back all the same, and the length is another one. Raises ``ValueError`` for another model,
    or other images.

    >>> from companion.models import family
    >>> model = family("---", image_shape=(8, 8), width=0.1, latent_dim=2)
    >>> images = np.eye(8, dtype=bool)[None].repeat(3, 0)
    >>> bool((decompress(model, compress(model, images)) == images).all())
    True
    """
    return bits_back(model, images).data


def bits_back(model: VAE, images: Any, progress: bool = False) -> BitsBack:
    """As ``compress``, with the account of every image.

    Args:
        progress: draw a bar
    """
    x = np.asarray(images)
    if x.ndim < 2 or not len(x):
        raise ValueError(f"images: expected binary ones of shape [n, ...], n at least 1, got shape {list(x.shape)}")
    check_binary(torch.as_tensor(x))
    if max(x.shape[1:]) >= 2**16:
        raise ValueError(f"images: expected fewer than 65536 pixels along an axis, got {list(x.shape[1:])}")
    with threads(1):
        tables = IntegerModel(model, x.shape[1:])
        initial = -(-len(tables.centre) * BIN_BITS // 32) + 4
        while initial < 2**16:
            try:
                return _written(tables, x.astype(bool), initial, progress)
            except StackError:
                initial *= 2
    raise ValueError(f"model: expected codes that borrow less than {2**21} bits, got more")


def decompress(model: VAE, data: bytes, progress: bool = False) -> np.ndarray:
    """The images that ``compress`` made ``data`` of with the same model: bool ``[n, ...]``.

    Raises ``CodingError`` for a file that is damaged, of another version, or of another model; ``ValueError`` for a
    model that ``compress`` refuses.
    """
    held = Container.from_bytes(data)
    with threads(1):
        tables = IntegerModel(model, held.image_shape)
        held.check_model(tables)
        stack = Stack(held.words)
        try:
            order = tqdm(range(held.count), unit="image", disable=not progress)
            images = np.array([_pop_image(stack, tables) for _ in order])
        except StackError:
            raise CodingError(f"data: expected the bits of {held.count} images, got others: {DAMAGED}") from None
    if images_checksum(images) != held.images or not np.array_equal(stack.words, initial_words(held.initial_words)):
        raise CodingError(f"data: expected the images that the file was made of, got others: {DAMAGED}")
    return images


def initial_words(count: int) -> np.ndarray:
    """What lies on the stack before the first image: the same everywhere, so its return speaks for the decoding."""
    return np.frombuffer(shake_256(b"bits back").digest(4 * count), "<u4").astype(np.uint32)


def _written(tables: IntegerModel, images: np.ndarray, initial: int, progress: bool) -> BitsBack:
    stack, checksum = Stack(initial_words(initial)), tables_checksum(tables)
    account = np.empty((len(images), 3))
    order = range(len(images) - 1, -1, -1)  # the receiver takes the last one off first
    for i in tqdm(order, unit="image", disable=not progress):
        account[i] = _push_image(stack, tables, images[i])
    if tables_checksum(tables) != checksum:
        raise ValueError(
            "model: expected the same tables each time, got others: does it draw numbers, as dropout does?"
        )
    shape, about = images.shape[1:], images_checksum(images)
    held = Container(len(images), shape, model_digest(tables), checksum, about, initial, stack.words)
    return BitsBack(held.to_bytes(), 32 * initial, *account.T)


def _push_image(stack: Stack, tables: IntegerModel, x: np.ndarray) -> tuple[int, int, int]:
    """Borrow a code, write the image and the code; the bits of the three."""
    before, which = stack.bits, np.zeros(1, int)
    bins = stack.draw(tables.encoder(x))
    if tables.components > 1:
        which = stack.pop(tables.responsibilities(bins))
    borrowed = stack.bits
    stack.push_pixels(x.reshape(-1), tables.decoder(bins))
    pixels = stack.bits
    stack.push(bins, tables.component(int(which[0])))
    if tables.components > 1:
        stack.push(which, tables.mixing())
    return before - borrowed, pixels - borrowed, stack.bits - pixels


def _pop_image(stack: Stack, tables: IntegerModel) -> np.ndarray:
    """Read the code and the image, and give back what was borrowed: ``_push_image``, line by line from its end."""
    which = stack.pop(tables.mixing()) if tables.components > 1 else np.zeros(1, int)
    bins = stack.pop(tables.component(int(which[0])))
    x = stack.pop_pixels(tables.decoder(bins)).reshape(tables.image_shape)
    if tables.components > 1:
        stack.push(which, tables.responsibilities(bins))
    stack.undraw(bins, tables.encoder(x))
    return x


def _support(row: np.ndarray) -> tuple[int, np.ndarray]:
    """Where the weights of a row begin, and those from there to the last; two symbols at least."""
    where = np.flatnonzero(row)
    first = min(int(where[0]), len(row) - 2)
    return first, row[first : max(int(where[-1]) + 1, first + 2)]
