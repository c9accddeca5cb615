"""Pictures of finite distributions: conditionals as heat maps, and the panels of one model or several."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import PowerNorm

from companion.exact.toy import ToyPanels
from companion.show.plots import PALETTE, Picture, style

COLOURS = "cividis"  # even in lightness, the same to colour-blind eyes
MAPS = (
    ("encoder", "e(z|x)", "code z", "bin x"),
    ("decoder", "d(x|z)", "bin x", "code z"),
    ("reconstruction", "p(x'|x)", "bin x'", "bin x"),
)


def heat_maps(
    tables: Mapping[str, np.ndarray],
    *,
    across: Sequence[str] = (),
    up: Sequence[str] = (),
    label: str = "probability",
    columns: int = 3,
) -> Picture:
    """Conditionals as heat maps side by side: rows condition, columns are what is drawn, all in one scale of colours.

    tables : by title, each ``[A, B]``, row a holding the distribution of b given a; row 0 is drawn at the bottom
    across, up : the names of the axes, one a table: what is drawn, and what is given; empty for none
    label : of the colour bar
    columns : heat maps in a row of the picture

    Raises ``ValueError`` without tables, for a table of another number of dimensions, negative or not finite, or when
    the names are not one a table.

    >>> picture = heat_maps({"e(z|x)": np.eye(3)}, across=["z"], up=["x"])
    >>> picture.axes[0].get_title(), picture.axes[0].get_xlabel()
    ('e(z|x)', 'z')
    """
    _check(tables, across, up)
    rows, wide = -(-len(tables) // columns), min(columns, len(tables))
    with style():
        picture = Picture(figsize=(0.8 + 2.7 * wide, 2.9 * rows), layout="constrained")
        grid = np.atleast_1d(picture.subplots(rows, wide)).ravel()
        top = max(float(np.max(table)) for table in tables.values())
        for i, (title, table) in enumerate(tables.items()):
            image = draw_table(grid[i], table, top)
            grid[i].set(title=title, xlabel=across[i] if across else "", ylabel=up[i] if up else "")
        for axes in grid[len(tables) :]:
            axes.set_axis_off()
        picture.colorbar(image, ax=grid.tolist(), label=label)
    return picture


def _check(tables: Mapping[str, np.ndarray], across: Sequence[str], up: Sequence[str]) -> None:
    if not tables:
        raise ValueError("tables: expected at least one table, got none")
    for title, table in tables.items():
        if np.ndim(table) != 2 or not (np.isfinite(table).all() and np.min(table) >= 0):
            raise ValueError(f"tables: expected finite numbers, 0 or more, [A, B], for {title!r}: {np.shape(table)}")
    for name, names in (("across", across), ("up", up)):
        if names and len(names) != len(tables):
            raise ValueError(f"{name}: expected one for each of the {len(tables)} tables, got {len(names)}")


def draw_table(axes: Axes, table: np.ndarray, top: float | None = None) -> Any:
    """``table`` ``[A, B]`` as a heat map in ``axes``, row 0 at the bottom; returns the image.

    Colours run from 0 to ``top``, the table's largest entry by default, by the square root, so that small entries show.
    """
    norm = PowerNorm(0.5, 0, np.max(table) if top is None else top)
    return axes.imshow(table, origin="lower", cmap=COLOURS, norm=norm, aspect="auto", interpolation="nearest")


def model_panels(models: Mapping[str, ToyPanels]) -> Picture:
    """Figure 2 of Alemi et al. (2018): a column for each of ``models``, by name.

    Top: p*(x) as bars, g(x) and d(x) as lines. Below: the codes of each class, p(z*) e(z | z*), as stacked bars whose
    tops are the aggregate e(z), and m(z) as points. Then e(z|x), d(x|z) and p(x'|x) as heat maps, each row of maps in
    one scale of colours.

    Raises ``ValueError`` without models.
    """
    if not models:
        raise ValueError("models: expected at least one model, got none")
    with style():
        picture = Picture(figsize=(3.3 * len(models), 12.5), layout="constrained")
        grid = picture.subplots(5, len(models), squeeze=False)
        for column, (name, shown) in enumerate(models.items()):
            _draw_data(grid[0, column], shown)
            _draw_codes(grid[1, column], shown)
            grid[0, column].set_title(name)
        for row, (field, title, across, up) in enumerate(MAPS, start=2):
            top = max(float(getattr(shown, field).max()) for shown in models.values())
            for axes, shown in zip(grid[row], models.values(), strict=True):
                image = draw_table(axes, getattr(shown, field), top)
                axes.set(xlabel=across, ylabel=up)
            picture.colorbar(image, ax=grid[row].tolist(), label=title)
        for row in grid[:2]:
            top = max(axes.get_ylim()[1] for axes in row)
            for axes in row:
                axes.set_ylim(0, 1.4 * top)
        for axes in grid[:2, 0]:
            axes.legend(frameon=False, fontsize=8)
    return picture


def _draw_data(axes: Axes, shown: ToyPanels) -> None:
    bins = np.arange(len(shown.p_x))
    axes.bar(bins, shown.p_x, color="#BBBBBB", width=1, label="data p*(x)")
    axes.plot(bins, shown.generated, color=PALETTE[0], label="generated g(x)")
    axes.plot(bins, shown.reconstructed, "--", color=PALETTE[1], label="reconstructed d(x)")
    axes.set(xlabel="bin x", ylabel="probability")


def _draw_codes(axes: Axes, shown: ToyPanels) -> None:
    codes, base = np.arange(len(shown.marginal)), np.zeros(len(shown.marginal))
    for i, (weight, share) in enumerate(zip(shown.class_weights, shown.class_aggregates, strict=True)):
        colour = PALETTE[(3, 4, 2, 5, 0, 1, 6)[i % 7]]
        axes.bar(codes, weight * share, bottom=base, color=colour, width=1, label=f"codes of class {i}")
        base = base + weight * share
    axes.plot(codes, shown.marginal, ".", color=PALETTE[6], markersize=4, label="marginal m(z)")
    axes.set(xlabel="code z", ylabel="probability")
