"""The record of an image set, and ``load``: verified, parsed once into a packed cache, binarised by a named rule."""

import hashlib
import zipfile
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from companion.atomic import replacing
from companion.data.files import DataError, cache_folder, check_writable, locate, read
from companion.data.sets import HELD_OUT_SEED, NAMES, PARSER_VERSION, SETS, SPLITS, Arrays
from companion.seeds import HELD_OUT, PIXELS, numpy_generator


@dataclass(frozen=True)
class ImageData:
    """Images in three splits, each ``[n, H, W]``: bool when binary (True is ink), uint8 when grey.

    Labels are ``[n]`` whole numbers, or None where upstream publishes none. ``binarise`` names the rule used, one of
    ``BINARISATIONS``. Under ``dynamic``, the splits hold one fixed draw and ``epoch`` draws the training images anew.
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


def load(name: str, binarise: str | None = None) -> ImageData:
    """The image set ``name``, one of ``NAMES``, binarised by the rule ``binarise``, one of ``BINARISATIONS``.

    Without a rule: ``mnist-static`` is published binary, ``digits`` is thresholded, and ``mnist``, ``fashion-mnist``
    and ``omniglot`` stay grey. Files are verified by sha256 and parsed once, into a packed cache.

    Raises ``ValueError`` for an unknown name, or a rule the set does not offer, and ``DataError`` for a file that
    cannot be had, is altered, or cannot be cached.

    >>> load("digits").binarise, load("digits", binarise="grey").train.max().item()
    ('threshold', 255)
    """
    if name not in SETS:
        raise ValueError(f"name: expected one of {', '.join(NAMES)}, got {name!r}")
    known = SETS[name]
    rule = binarise or known.rules[0]
    if rule not in known.rules:
        raise ValueError(f"binarise: {name} offers {', '.join(known.rules)}, got {rule!r}")
    arrays = _parsed(name)
    images = [arrays[split] for split in SPLITS]
    if rule == "threshold":
        images = [grey >= 128 for grey in images]
    if rule == "dynamic":
        images = [bernoulli(grey, HELD_OUT_SEED, HELD_OUT, i) for i, grey in enumerate(images)]
    return ImageData(
        name=name,
        binarise=rule,
        train=images[0],
        validation=images[1],
        test=images[2],
        train_labels=arrays.get("train_labels"),
        validation_labels=arrays.get("validation_labels"),
        test_labels=arrays.get("test_labels"),
        licence=known.licence,
        source=known.source,
        grey_train=arrays["train"] if rule == "dynamic" else None,
    )


def available(name: str) -> bool:
    """Whether ``load(name)`` needs no network: its files or its packed cache are at hand."""
    known = SETS[name]
    return _packed(name).is_file() or any(all(locate(s) for s in group) for group in known.sources)


def bernoulli(grey: np.ndarray, *seed: int) -> np.ndarray:
    """One draw of binary images: each pixel is ink with probability exactly ``grey / 255``."""
    return numpy_generator(*seed).integers(0, 255, grey.shape, dtype=np.uint8) < grey


def _parsed(name: str) -> Arrays:
    """The arrays of a set from its packed cache, made first where it is missing."""
    known, path = SETS[name], _packed(name)
    if not known.sources[0]:
        return known.parse([])
    if not path.is_file():
        check_writable(path.parent)
        group = next((g for g in known.sources if all(locate(s) for s in g)), known.sources[0])
        arrays = known.parse([read(source) for source in group])
        with replacing(path) as temporary, temporary.open("wb") as file:
            packed = {k: np.packbits(a, axis=2) if a.dtype == bool else a for k, a in arrays.items()}
            np.savez(file, **packed)  # type: ignore[arg-type]
    try:
        with path.open("rb") as stored, np.load(stored) as archive:
            arrays = {key: archive[key] for key in archive.files}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise DataError(f"{path}: the packed cache is damaged ({error}): delete it and load again") from error
    if known.rules[0] == "static":
        arrays = {k: np.unpackbits(a, axis=2, count=28).view(bool) for k, a in arrays.items()}
    return arrays


def _packed(name: str) -> Path:
    """Where the packed cache of a set lies; its name changes with the published files and their parsing."""
    digest = hashlib.sha256(
        PARSER_VERSION.encode() + "".join(s.sha256 for group in SETS[name].sources for s in group).encode()
    ).hexdigest()
    return cache_folder() / "packed" / f"{name}-{digest[:12]}.npz"
