"""The record of an image set; ``load`` makes it of published files, ``ImageData.from_arrays`` of any arrays."""

import hashlib
import inspect
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from companion.atomic import atomic_write
from companion.data import formats
from companion.data.arrays import read_npz
from companion.data.files import DataError, cache_folder, check_writable, locate, read
from companion.data.formats import SPLITS, Arrays
from companion.data.sets import BINARISATIONS, NAMES, SETS, ImageSet
from companion.seeds import HELD_OUT, ORDER, PIXELS, numpy_generator

HELD_OUT_SEED = 0  # of the fixed draws under ``dynamic``


@dataclass(frozen=True, eq=False)
class ImageData:
    """Images in three splits, each ``[n, H, W]``: bool when binary (True is ink), uint8 when grey.

    Labels are ``[n]`` whole numbers, or None where there are none. ``binarise`` names the rule used, one of
    ``BINARISATIONS``. Under ``dynamic``, the splits hold one fixed draw and ``epoch`` draws the training images anew.
    Made by ``load`` or by ``from_arrays``, which check all this.
    """

    name: str
    binarise: str
    train: np.ndarray
    validation: np.ndarray
    test: np.ndarray
    train_labels: np.ndarray | None
    validation_labels: np.ndarray | None
    test_labels: np.ndarray | None
    licence: str
    source: str
    grey_train: np.ndarray | None = field(default=None, repr=False)

    @property
    def image_shape(self) -> tuple[int, int]:
        """Height and width in pixels."""
        return self.train.shape[1:]

    def epoch(self, number: int, seed: int = 0) -> np.ndarray:
        """The training images of epoch ``number``: a new draw under ``dynamic``, else always ``train``."""
        return self.train if self.grey_train is None else bernoulli(self.grey_train, seed, PIXELS, number)

    def shuffled(self, number: int, seed: int = 0) -> np.ndarray:
        """The training images of epoch ``number``, in a random order that this epoch alone has."""
        order = numpy_generator(seed, ORDER, number).permutation(len(self.train))
        return self.epoch(number, seed)[order]

    @classmethod
    def from_arrays(
        cls,
        train: Any,
        validation: Any,
        test: Any,
        *,
        name: str = "arrays",
        binarise: str = "static",
        train_labels: Any = None,
        validation_labels: Any = None,
        test_labels: Any = None,
        licence: str = "",
        source: str = "",
    ) -> "ImageData":
        """The record of any images: arrays of numpy, or what ``np.asarray`` takes, each ``[n, H, W]``.

        Args:
            train, validation, test: under the rule ``static``, binary images, bool or the numbers 0 and 1, which become
                bool; under the other rules, grey images of unsigned bytes, 0 to 255
            name, licence, source: what the images are, who may use them, and where they are from
            binarise: the rule that makes grey images binary, one of ``BINARISATIONS``
            train_labels, validation_labels, test_labels: ``[n]`` whole numbers from 0, or None

        Raises ``ValueError`` for an unknown rule, for images of another form or of different sizes, for a split
        without images, and for labels that are not one whole number from 0 an image.

        >>> rng = np.random.default_rng(0)
        >>> bars = rng.integers(0, 2, (500, 1, 8)).repeat(8, axis=1)
        >>> ImageData.from_arrays(bars[:300], bars[300:400], bars[400:], name="bars").image_shape
        (8, 8)
        """
        if binarise not in BINARISATIONS:
            raise ValueError(f"binarise: expected one of {', '.join(BINARISATIONS)}, got {binarise!r}")
        given = dict(zip(SPLITS, (train, validation, test), strict=True))
        images = {split: _checked_images(split, array, binarise) for split, array in given.items()}
        if len({array.shape[1:] for array in images.values()}) > 1:
            sizes = ", ".join(f"{split} {list(array.shape)}" for split, array in images.items())
            raise ValueError(f"train, validation, test: expected images of one size, got {sizes}")
        labels = zip(SPLITS, (train_labels, validation_labels, test_labels), strict=True)
        arrays: dict[str, Any] = {split: _binary(images[split], binarise, i) for i, split in enumerate(SPLITS)}
        arrays |= {f"{split}_labels": _checked_labels(split, found, len(images[split])) for split, found in labels}
        grey_train = images["train"] if binarise == "dynamic" else None
        return cls(name=name, binarise=binarise, licence=licence, source=source, grey_train=grey_train, **arrays)


def load(name: str, binarise: str | None = None) -> ImageData:
    """The image set ``name``, one of ``NAMES``, binarised by the rule ``binarise``, one of ``BINARISATIONS``.

    Without a rule: ``mnist-static`` is published binary, ``digits`` is thresholded, and ``mnist``, ``fashion-mnist``
    and ``omniglot`` stay grey. Files are verified by sha256 and parsed once, into a cache.

    Raises ``ValueError`` for an unknown name, or a rule the set does not offer, and ``DataError`` for a file that
    cannot be had, is altered, or cannot be cached.

    >>> load("digits").binarise, load("digits", binarise="grey").train.max().item()
    ('threshold', 255)
    """
    known = _known(name)
    rule = known.rules[0] if binarise is None else binarise
    if rule not in known.rules:
        raise ValueError(f"binarise: {name} offers {', '.join(known.rules)}, got {rule!r}")
    return ImageData.from_arrays(**_parsed(name), name=name, binarise=rule, licence=known.licence, source=known.source)


def available(name: str) -> bool:
    """Whether ``load(name)`` needs no network: its files or their parsed cache are at hand.

    Raises ``ValueError`` for an unknown name.
    """
    known = _known(name)
    return _cache_path(name).is_file() or any(all(locate(s) for s in group) for group in known.sources)


def bernoulli(grey: np.ndarray, *seed: int) -> np.ndarray:
    """One draw of binary images: each pixel is ink with probability exactly ``grey / 255``."""
    return numpy_generator(*seed).integers(0, 255, grey.shape, dtype=np.uint8) < grey


def _binary(images: np.ndarray, rule: str, split: int) -> np.ndarray:
    """Checked ``images`` of the split of that number under ``rule``."""
    if rule == "threshold":
        return images >= 128
    return bernoulli(images, HELD_OUT_SEED, HELD_OUT, split) if rule == "dynamic" else images


def _checked_images(split: str, given: Any, rule: str) -> np.ndarray:
    """The images of one split, bool under ``static`` and else uint8; raises ``ValueError`` for any others."""
    images = np.asarray(given)
    if images.ndim != 3 or 0 in images.shape:
        raise ValueError(f"{split}: expected images [n, H, W], at least one, got shape {list(images.shape)}")
    if rule != "static" and images.dtype != np.uint8:
        raise ValueError(f"{split}: expected unsigned bytes, 0 to 255, under the rule {rule}, got {images.dtype}")
    if rule == "static" and images.dtype != bool:
        if not np.isin(images, (0, 1)).all():
            wanted = "bool, or the numbers 0 and 1; for grey images name a rule, as binarise='dynamic'"
            raise ValueError(f"{split}: expected binary images, {wanted}, got {images.dtype} with other values")
        images = images.astype(bool)
    return np.ascontiguousarray(images)


def _checked_labels(split: str, given: Any, n: int) -> np.ndarray | None:
    """The labels of ``n`` images, or None; raises ``ValueError`` unless they are whole numbers from 0."""
    if given is None:
        return None
    labels = np.asarray(given)
    if labels.shape != (n,) or labels.dtype.kind not in "iu" or labels.min() < 0:
        raise ValueError(f"{split}_labels: expected {n} whole numbers from 0, one an image, got {labels!r}")
    return labels


def _known(name: str) -> ImageSet:
    if name not in SETS:
        raise ValueError(f"name: expected one of {', '.join(NAMES)}, got {name!r}")
    return SETS[name]


def _parsed(name: str) -> Arrays:
    """The arrays of a set from their cache, made first where it is missing."""
    known, path = SETS[name], _cache_path(name)
    if not known.sources[0]:
        return known.parse([])
    if not path.is_file():
        check_writable(path.parent)
        group = next((g for g in known.sources if all(locate(s) for s in g)), known.sources[0])
        arrays = known.parse([read(source) for source in group])
        with atomic_write(path) as temporary, temporary.open("wb") as file:
            np.savez_compressed(file, **arrays)  # type: ignore[arg-type]
    try:
        found = read_npz(path.read_bytes())
        if not {*SPLITS} <= found.keys() <= {*SPLITS, *(f"{split}_labels" for split in SPLITS)}:
            raise ValueError(f"expected {', '.join(SPLITS)} and their labels, got {', '.join(found)}")
        return found
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: the cache is damaged ({error}): delete it and load again") from error


def _cache_path(name: str) -> Path:
    """Where the parsed arrays of a set lie; the name changes with the published files and the code that parses them."""
    known = SETS[name]
    code = inspect.getsource(formats) + inspect.getsource(known.parse)
    digest = hashlib.sha256((code + "".join(s.sha256 for group in known.sources for s in group)).encode())
    return cache_folder() / "parsed" / f"{name}-{digest.hexdigest()[:12]}.npz"
