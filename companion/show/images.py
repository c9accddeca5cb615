"""Images: sheets and grids of them, galleries of samples, and figures that are stored as files."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from companion.show.figure import Figure, panels, style
from companion.show.widgets import Player

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
    figure = Figure(figsize=(2.4 + 0.62 * n, 0.68 * len(rows)), layout="constrained")
    grid = np.atleast_1d(figure.subplots(len(rows), 1))
    for axes, (name, images) in zip(grid, rows.items(), strict=True):
        tiles = np.pad(np.asarray(images, float), ((0, 0), (1, 1), (1, 1)))
        strip = tiles.transpose(1, 0, 2).reshape(height + 2, n * (width + 2))
        axes.imshow(strip, cmap="gray_r", vmin=0, vmax=1, interpolation="nearest")
        axes.set_ylabel(name, rotation=0, ha="right", va="center")
        axes.set(xticks=[], yticks=[])
        axes.spines[:].set_visible(False)
    return figure


@style()
def image_grid(
    by_title: Mapping[str, np.ndarray], up: Sequence[float], across: Sequence[float], names: tuple[str, str] = ("", "")
) -> Figure:
    """Panels side by side, each of images in rows and columns, ink dark on white, 0 to 1.

    Args:
        by_title: each ``[len(up), len(across), H, W]``
        up, across: what the rows and the columns are decoded at, written beside them; the first row is drawn at the top
        names: of the two axes, up first

    Raises ``ValueError`` without panels, or for one of another shape.

    >>> figure = image_grid({"λ = 0": np.zeros((2, 3, 8, 8))}, up=[-1, 1], across=[-3, 0, 3])
    >>> [label.get_text() for label in figure.axes[0].get_xticklabels()]
    ['-3', '0', '3']
    """
    shapes = {np.shape(panel) for panel in by_title.values()}
    if len(shapes) != 1 or len(shape := next(iter(shapes))) != 4 or shape[:2] != (len(up), len(across)):
        raise ValueError(f"by_title: expected all of one shape [{len(up)}, {len(across)}, H, W], got {sorted(shapes)}")
    rows, columns, height, width = shape
    size = len(by_title) * (0.5 + 0.44 * columns), 0.6 + 0.44 * rows
    figure, grid = panels(size, 1, len(by_title), squeeze=False, sharey=True)
    grid = grid[0]
    for axes, (title, panel) in zip(grid, by_title.items(), strict=True):
        whole = np.asarray(panel, float).transpose(0, 2, 1, 3).reshape(rows * height, columns * width)
        axes.imshow(whole, cmap="gray_r", vmin=0, vmax=1, interpolation="nearest")
        axes.set_xticks((np.arange(columns) + 0.5) * width - 0.5, [f"{value:g}" for value in across])
        axes.set_yticks((np.arange(rows) + 0.5) * height - 0.5, [f"{value:g}" for value in up])
        axes.set(title=title, xlabel=names[1])
        axes.tick_params(length=0, labelsize=9)
        axes.spines[:].set_visible(False)
    grid[0].set_ylabel(names[0])
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

    def png(self, dpi: int = 96) -> bytes:
        """The file's bytes."""
        return self.bytes

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


def beta_player(sheets: Mapping[float, Path | str], rows: Sequence[Mapping[str, Any]], alt: str) -> Player:
    """Stored ``sheets``, a PNG file for each beta, behind a slider from the largest beta to the smallest.

    Args:
        rows: of one family and one split, with the keys beta, rate, distortion and elbo in nats: one for each beta of
            the sheets, for the captions; others are passed over
        alt: what the sheets show

    Raises ``ValueError`` for a beta without a row or with several, fewer than two sheets, or a file that is no PNG.
    """
    betas = sorted(sheets, reverse=True)
    frames = [StoredFigure(sheets[beta]) for beta in betas]
    return Player(frames, [_caption(beta, rows) for beta in betas], name="β", alt=alt)


def _caption(beta: float, rows: Sequence[Mapping[str, Any]]) -> str:
    found = [row for row in rows if row["beta"] == beta]
    if len(found) != 1:
        raise ValueError(f"rows: expected one row for beta {beta:g}, got {len(found)}")
    rate, distortion, elbo = (found[0][name] for name in ("rate", "distortion", "elbo"))
    decimals = 1 if rate >= 0.1 else 4
    return f"β = {beta:g}: R {rate:.{decimals}f}, D {distortion:.1f}, R + D {-elbo:.1f} nats"
