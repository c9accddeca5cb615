"""Decoded images over a square of two numbers, the form of figure 4.3 of Serdega (2019)."""

from collections.abc import Mapping, Sequence

import numpy as np

from companion.show.plots import Picture, style


def tile_panels(
    panels: Mapping[str, np.ndarray], up: Sequence[float], across: Sequence[float], names: tuple[str, str] = ("", "")
) -> Picture:
    """Panels side by side, each of images in rows and columns, ink dark on white, 0 to 1.

    panels : by title, each ``[len(up), len(across), H, W]``
    up, across : what the rows and the columns are decoded at, written beside them; the first row is drawn at the top
    names : of the two axes, up first

    Raises ``ValueError`` without panels, or for one of another shape.

    >>> picture = tile_panels({"λ = 0": np.zeros((2, 3, 8, 8))}, up=[-1, 1], across=[-3, 0, 3])
    >>> [label.get_text() for label in picture.axes[0].get_xticklabels()]
    ['-3', '0', '3']
    """
    shapes = {np.shape(panel) for panel in panels.values()}
    if len(shapes) != 1 or len(shape := next(iter(shapes))) != 4 or shape[:2] != (len(up), len(across)):
        raise ValueError(f"panels: expected all of one shape [{len(up)}, {len(across)}, H, W], got {sorted(shapes)}")
    rows, columns, height, width = shape
    with style():
        size = len(panels) * (0.5 + 0.44 * columns), 0.6 + 0.44 * rows
        picture = Picture(figsize=size, layout="constrained")
        grid = picture.subplots(1, len(panels), squeeze=False, sharey=True)[0]
        for axes, (title, panel) in zip(grid, panels.items(), strict=True):
            whole = np.asarray(panel, float).transpose(0, 2, 1, 3).reshape(rows * height, columns * width)
            axes.imshow(whole, cmap="gray_r", vmin=0, vmax=1, interpolation="nearest")
            axes.set_xticks((np.arange(columns) + 0.5) * width - 0.5, [f"{value:g}" for value in across])
            axes.set_yticks((np.arange(rows) + 0.5) * height - 0.5, [f"{value:g}" for value in up])
            axes.set(title=title, xlabel=names[1])
            axes.tick_params(length=0, labelsize=9)
            axes.spines[:].set_visible(False)
        grid[0].set_ylabel(names[0])
    return picture
