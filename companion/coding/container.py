"""The file around the coded images: whose it is, what is in it, and whether it is whole.

Little endian: four letters, the version, what must hold for the rest to be read, the words of the coder, and a checksum
of all of it. A file is refused before a single image is decoded from it, and what was decoded is checked once more.
"""

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from math import prod

import numpy as np

from companion.coding.integers import IntegerModel

MAGIC, VERSION = b"RDBB", 1
HEAD = struct.Struct("<4sBBHI16sIII")  # magic, version, axes, initial words, count, model, tables, images, words
CHECKSUM = struct.Struct("<I")
AXES, PIXELS = 8, 2**26  # at most, of one image: a false head is refused before anything of its size is made


class CodingError(ValueError):
    """A compressed file cannot be read; the message says why."""


@dataclass(frozen=True)
class Container:
    """What a compressed file holds.

    Attributes:
        count, image_shape: of the images
        model: of the weights, 16 bytes
        tables: a checksum of the tables that this machine makes for an empty image
        images: a checksum of the images
        initial_words: the 32-bit words that lay on the stack before the first image
        words: the stack, ``uint32``
    """

    count: int
    image_shape: tuple[int, ...]
    model: bytes
    tables: int
    images: int
    initial_words: int
    words: np.ndarray

    def to_bytes(self) -> bytes:
        """The file."""
        head = HEAD.pack(
            MAGIC,
            VERSION,
            len(self.image_shape),
            self.initial_words,
            self.count,
            self.model,
            self.tables,
            self.images,
            len(self.words),
        )
        body = head + struct.pack(f"<{len(self.image_shape)}H", *self.image_shape) + self.words.astype("<u4").tobytes()
        return body + CHECKSUM.pack(zlib.crc32(body))

    @classmethod
    def from_bytes(cls, data: bytes) -> "Container":
        """What ``data`` holds; raises ``CodingError`` for what is no such file, of another version, or damaged."""
        if len(data) < HEAD.size or data[:4] != MAGIC:
            raise CodingError(f"data: expected a file written by compress, got {len(data)} bytes that are none")
        _, version, axes, initial, count, model, tables, images, words = HEAD.unpack_from(data)
        if version != VERSION:
            raise CodingError(f"data: expected version {VERSION} of the format, got version {version}")
        length = HEAD.size + 2 * axes + 4 * words + CHECKSUM.size
        if len(data) != length:
            raise CodingError(f"data: expected {length} bytes, as the file says of itself, got {len(data)}")
        if zlib.crc32(data[:-4]) != CHECKSUM.unpack(data[-4:])[0]:
            raise CodingError("data: expected the checksum at its end to fit, got another: the file is damaged")
        if not 1 <= axes <= AXES:
            raise CodingError(f"data: expected images of 1 to {AXES} axes, got {axes}")
        shape = struct.unpack_from(f"<{axes}H", data, HEAD.size)
        stack = np.frombuffer(data, "<u4", words, HEAD.size + 2 * axes).astype(np.uint32)
        if not (count and 1 <= prod(shape) <= PIXELS and words and stack[-1]):
            raise CodingError(f"data: expected images and their bits, got {[count, *shape]} images, {words} words")
        return cls(count, shape, model, tables, images, initial, stack)

    def check_model(self, model: IntegerModel) -> None:
        """Raise ``CodingError`` where the file was written with other weights, or with other tables of the same."""
        if model_digest(model) != self.model:
            raise CodingError("model: expected the one that wrote the file, got a model with other weights")
        if tables_checksum(model) != self.tables:
            raise CodingError(
                "model: expected the tables that the file was written with, got others of the same weights: "
                "read it on such a processor, and with such versions of torch, NumPy and SciPy, as wrote it"
            )


def model_digest(model: IntegerModel) -> bytes:
    """16 bytes that stand for the weights of a model and their names."""
    digest = sha256()
    for name, tensor in sorted(model.model.state_dict().items()):
        digest.update(f"{name} {list(tensor.shape)}".encode())
        digest.update(tensor.numpy().tobytes())
    return digest.digest()[:16]


def tables_checksum(model: IntegerModel) -> int:
    """A checksum of the tables of an image without ink and of one at random, and of their most probable codes."""
    checksum = 0
    for image in _probes(model.image_shape):
        weights = model.encoder(image)
        for table in (weights, model.decoder(weights.argmax(1))):
            checksum = zlib.crc32(table.tobytes(), checksum)
    return checksum


def _probes(shape: tuple[int, ...]) -> Iterator[np.ndarray]:
    """An image without ink, by which a model refuses a wrong shape before the larger random numbers are drawn."""
    yield np.zeros(shape, bool)
    yield np.random.default_rng(0).random(shape) < 0.5


def images_checksum(images: np.ndarray) -> int:
    """A checksum of binary images ``[n, ...]``."""
    return zlib.crc32(np.packbits(images).tobytes())
