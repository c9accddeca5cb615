"""``compress`` and ``decompress``: images as a file of about -ELBO bits each, and back."""

import argparse
from math import prod
from pathlib import Path

import numpy as np

from companion import coding, data, learn, units
from companion.atomic import atomic_write
from companion.data.arrays import read_npy


def compress_command(options: argparse.Namespace) -> None:
    """Write the images under the model of a run, and print what the file is made of."""
    check_output(options.out)
    config, model = learn.load_run(options.run)
    split = options.split or "test"
    x = stored(options.images) if options.images else getattr(data.load(config.data, config.binarise), split)
    if options.first is not None and not 0 < options.first <= len(x):
        raise ValueError(f"first: expected 1 to {len(x)} images, got {options.first}")
    found = coding.bits_back(model, x[: options.first], progress=True)
    with atomic_write(options.out) as temporary:
        temporary.write_bytes(found.data)
    n, pixels = len(found.net), prod(x.shape[1:])
    each = {"borrowed": -found.borrowed, "pixels": found.pixels, "code": found.code, "net": found.net}
    print(f"{options.out}: {len(found.data)} bytes for {n} images of {n * pixels / 8:.0f} bytes at a bit a pixel")
    print("bits an image:", ", ".join(f"{name} {bits.mean():.2f}" for name, bits in each.items()))
    print(
        f"net {units.nats(found.net.mean()):.2f} nats, about D + R; {found.initial_bits} initial bits are in the file"
    )


def decompress_command(options: argparse.Namespace) -> None:
    """Read the images of a file under the model of a run, and store them."""
    check_output(options.out, options.file)
    images = coding.decompress(learn.load_run(options.run)[1], options.file.read_bytes(), progress=True)
    with atomic_write(options.out) as temporary, temporary.open("wb") as file:
        np.save(file, images)
    print(f"{options.out}: images {list(images.shape)}")


def stored(path: Path) -> np.ndarray:
    """The images in an ``.npy`` file; raises ``ValueError`` where there are none."""
    try:
        images = read_npy(path.read_bytes())
    except ValueError as error:
        raise ValueError(f"images: {path}: {error}") from error
    if images.ndim < 2 or images.dtype.kind not in "biuf":
        raise ValueError(
            f"images: expected numbers of shape [n, ...], got {images.dtype} of shape {list(images.shape)}"
        )
    return images.astype(images.dtype.newbyteorder("="))


def check_output(path: Path, read: Path | None = None) -> None:
    """Raise ``ValueError`` before the work where its result could not be written, or would replace what is read."""
    if path.is_dir() or (read and read.exists() and path.resolve() == read.resolve()):
        raise ValueError(
            f"out: expected a file to write, got {path}, which is {'a folder' if path.is_dir() else 'read'}"
        )
    path.parent.mkdir(parents=True, exist_ok=True)
