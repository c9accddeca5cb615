"""``compress`` and ``decompress``: images as a file of about -ELBO bits each, and back."""

import argparse
from math import prod
from pathlib import Path

import numpy as np

from companion import coding, data, learn, units
from companion.atomic import atomic_write


def compress_command(options: argparse.Namespace) -> None:
    """Write the images under the model of a run, and print what the file is made of."""
    config, model = learn.load_run(options.run)
    x = stored(options.images) if options.images else getattr(data.load(config.data, config.binarise), options.split)
    if options.first is not None and not 0 < options.first <= len(x):
        raise ValueError(f"first: expected 1 to {len(x)} images, got {options.first}")
    found = coding.bits_back(model, x[: options.first], progress=True)
    with atomic_write(options.out) as temporary:
        temporary.write_bytes(found.data)
    n, pixels = len(found.net), prod(x.shape[1:])
    each = {"borrowed": -found.borrowed, "pixels": found.pixels, "code": found.code, "D + R": found.net}
    print(f"{options.out}: {len(found.data)} bytes for {n} images of {n * pixels / 8:.0f} bytes at a bit a pixel")
    print("bits an image:", ", ".join(f"{name} {bits.mean():.2f}" for name, bits in each.items()))
    print(f"D + R {units.nats(found.net.mean()):.2f} nats; {found.initial_bits} initial bits are in the file")


def decompress_command(options: argparse.Namespace) -> None:
    """Read the images of a file under the model of a run, and store them."""
    images = coding.decompress(learn.load_run(options.run)[1], options.file.read_bytes(), progress=True)
    with atomic_write(options.out) as temporary, temporary.open("wb") as file:
        np.save(file, images)
    print(f"{options.out}: images {list(images.shape)}")


def stored(path: Path) -> np.ndarray:
    """The images in an ``.npy`` file; raises ``ValueError`` where there are none."""
    try:
        images = np.load(path, allow_pickle=False)
    except (ValueError, EOFError) as error:
        raise ValueError(f"images: expected an array stored by numpy.save, got {path}: {error}") from error
    if not isinstance(images, np.ndarray):
        raise ValueError(f"images: expected one array stored by numpy.save, got an archive, {path}")
    return images
