"""Images: sheets of them, galleries of samples, and figures that are stored as files."""

import html
from base64 import b64encode
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from companion.show.figure import Figure, panels, style

SIGNATURE = b"\x89PNG\r\n\x1a\n"


@style()
def image_sheet(rows: Mapping[str, np.ndarray]) -> Figure:
    """One row of images for each name in ``rows``: ``[n, H, W]``, ink dark on white, 0 to 1; names on the left.

    Raises ``ValueError`` without rows, or for arrays of another number of dimensions or different shapes.
    """
    shapes = {np.shape(images) for images in rows.values()}
    if len(shapes) != 1 or len(next(iter(shapes))) != 3:
        raise ValueError(f"rows: expected images of one shape [n, H, W], got {sorted(shapes)}")
    n, height, width = next(iter(shapes))
    figure, grid = panels((2.4 + 0.62 * n, 0.68 * len(rows)), len(rows), squeeze=False)
    for axes, (name, images) in zip(grid.flat, rows.items(), strict=True):
        tiles = np.pad(np.asarray(images, float), ((0, 0), (1, 1), (1, 1)))
        strip = tiles.transpose(1, 0, 2).reshape(height + 2, n * (width + 2))
        axes.imshow(strip, cmap="gray_r", vmin=0, vmax=1, interpolation="nearest")
        axes.set_ylabel(name, rotation=0, ha="right", va="center")
        axes.set(xticks=[], yticks=[])
        axes.spines[:].set_visible(False)
    return figure


class StoredFigure:
    """A PNG file that a notebook or a ``Player`` shows as it is, whatever resolution is asked for.

    Raises ``ValueError`` for a file that is no PNG.
    """

    def __init__(self, path: Path | str) -> None:
        self.path, self.bytes = Path(path), Path(path).read_bytes()
        if not self.bytes.startswith(SIGNATURE):
            raise ValueError(f"path: expected a PNG file, got {self.path}")

    def __repr__(self) -> str:
        return f"StoredFigure({str(self.path)!r})"

    def framed(self, alt: str) -> str:
        """The file as HTML, with the words ``alt`` for readers who do not see it."""
        data = b64encode(self.bytes).decode()
        return f'<img class="ink" src="data:image/png;base64,{data}" alt="{html.escape(alt)}">'

    def _repr_png_(self) -> bytes:
        return self.bytes


def sample_gallery(samples: np.ndarray, inputs: np.ndarray | None = None) -> Figure:
    """A panel of figure 4 of Alemi et al. (2018): inputs, one sample of each, and the mean of all; ink dark on white.

    Args:
        samples: ``[draws, n, H, W]``, 0 to 1, as ``VAE.reconstruct`` and ``VAE.generate`` give them; the first is shown
        inputs: the images that were reconstructed, ``[n, H, W]``; None for generated ones

    Raises ``ValueError`` for samples of another number of dimensions, or inputs of another shape than one draw's.

    >>> sheet = sample_gallery(np.zeros((5, 8, 28, 28)), np.zeros((8, 28, 28)))
    >>> [axes.get_ylabel() for axes in sheet.axes]
    ['input', 'one sample', 'mean of 5']
    """
    samples = np.asarray(samples, dtype=np.float64)
    if samples.ndim != 4 or not len(samples):
        raise ValueError(f"samples: expected shape [draws, n, H, W], got {list(samples.shape)}")
    rows = {} if inputs is None else {"input": np.asarray(inputs, dtype=np.float64)}
    return image_sheet({**rows, "one sample": samples[0], f"mean of {len(samples)}": samples.mean(0)})
