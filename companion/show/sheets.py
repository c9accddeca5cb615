"""The stored sheets of a kept model: where their rows of images stand, the images themselves, and strips for a page.

``scripts/gallery.py`` draws them by ``sample_gallery``, ``DRAWS`` draws of ``COLUMNS`` images, so that their layout is
the one of an empty sheet.
"""

import io
from base64 import b64encode
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from companion.show.figure import Figure
from companion.show.images import sample_gallery

COLUMNS, DRAWS, SIDE, DPI = 10, 5, 28, 144
SHEETS: tuple[dict[str, str], ...] = (
    {"title": "Copies", "file": "reconstructions.png"},
    {"title": "Inventions", "file": "generations.png"},
)
ENLARGED = 3  # times, so that a strip stays sharp when a browser scales it


def _blank(file: str) -> Figure:
    nothing = np.zeros((DRAWS, COLUMNS, SIDE, SIDE))
    return sample_gallery(nothing, nothing[0] if file == SHEETS[0]["file"] else None)


@cache
def sheet_strips(file: str) -> list[dict[str, Any]]:
    """The rows of images of a stored sheet: name, and left, top, width and height in shares of the picture.

    >>> [strip["name"] for strip in sheet_strips("generations.png")]
    ['one sample', 'mean of 5']
    """
    figure = _blank(file)
    figure.draw_without_rendering()  # places the axes
    strips = []
    for axes in figure.axes:
        box = axes.get_position()
        shares = [round(float(each), 5) for each in (box.x0, 1 - box.y1, box.width, box.height)]
        strips.append({"name": axes.get_ylabel(), "box": shares})
    return strips


def stored_images(path: Path | str) -> dict[str, np.ndarray]:
    """The images of a stored sheet by the names of its rows: ``[10, 28, 28]``, ink from 0 to 1, in steps of 1/255.

    Raises ``ValueError`` for a picture of another size than ``sample_gallery`` draws.
    """
    path = Path(path)
    wide, high = check_sheet(path)
    grey = np.asarray(Image.open(path).convert("L"), dtype=np.float64)
    found = {}
    for strip in sheet_strips(path.name):
        left, top, width, height = (share * edge for share, edge in zip(strip["box"], (wide, high) * 2, strict=True))
        tall, long = SIDE + 2, COLUMNS * (SIDE + 2)  # every image has a rim of one pixel
        down = top + height * (np.arange(tall) + 0.5) / tall
        along = left + width * (np.arange(long) + 0.5) / long
        tiles = 1 - grey[np.ix_(down.astype(int), along.astype(int))] / 255
        found[strip["name"]] = tiles.reshape(tall, COLUMNS, tall).transpose(1, 0, 2)[:, 1:-1, 1:-1]
    return found


def check_sheet(path: Path) -> tuple[int, int]:
    """Width and height of a stored sheet in pixels; raises ``ValueError`` where they are not ``sample_gallery``'s."""
    wide, high = (int(edge * DPI) for edge in _blank(path.name).get_size_inches())
    with Image.open(path) as stored:
        if stored.size != (wide, high):
            raise ValueError(f"path: expected a sheet of {wide} x {high} pixels, got {stored.size} in {path}")
    return wide, high


def strip_uri(images: np.ndarray) -> str:
    """A row of images ``[n, H, W]``, ink from 0 to 1, as the address of a PNG file that stands in the page itself.

    Raises ``ValueError`` for another number of dimensions.
    """
    images = np.asarray(images, dtype=np.float64)
    if images.ndim != 3:
        raise ValueError(f"images: expected shape [n, H, W], got {list(images.shape)}")
    tiles = np.pad(1 - images, ((0, 0), (1, 1), (1, 1)), constant_values=1.0)
    strip = np.round(255 * np.hstack(list(tiles))).astype(np.uint8)
    buffer = io.BytesIO()
    large = strip.repeat(ENLARGED, 0).repeat(ENLARGED, 1)
    Image.fromarray(large).save(buffer, "PNG", optimize=True)
    return f"data:image/png;base64,{b64encode(buffer.getvalue()).decode()}"
