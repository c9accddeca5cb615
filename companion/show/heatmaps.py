"""Heat maps of conditionals and of counts."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import PowerNorm

from companion.show.figure import Figure, style

COLOURS = "cividis"  # even in lightness, the same to colour-blind eyes


@style()
def heat_maps(
    tables: Mapping[str, np.ndarray],
    *,
    across: Sequence[str] = (),
    up: Sequence[str] = (),
    label: str = "probability",
    columns: int = 3,
) -> Figure:
    """Conditionals as heat maps side by side: rows condition, columns are what is drawn, all in one scale of colours.

    Args:
        tables: by title, each ``[A, B]``, row a holding the distribution of b given a; row 0 is drawn at the bottom
        across, up: the names of the axes, one a table: what is drawn, and what is given; empty for none
        label: of the colour bar
        columns: heat maps in a row of the figure

    Raises ``ValueError`` without tables, for a table of another number of dimensions, negative or not finite, or when
    the names are not one a table.

    >>> figure = heat_maps({"e(z|x)": np.eye(3)}, across=["z"], up=["x"])
    >>> figure.axes[0].get_title(), figure.axes[0].get_xlabel()
    ('e(z|x)', 'z')
    """
    _check(tables, across, up)
    rows, wide = -(-len(tables) // columns), min(columns, len(tables))
    figure = Figure(figsize=(0.8 + 2.7 * wide, 2.9 * rows), layout="constrained")
    grid = np.atleast_1d(figure.subplots(rows, wide)).ravel()
    top = max(float(np.max(table)) for table in tables.values())
    for i, (title, table) in enumerate(tables.items()):
        image = draw_table(grid[i], table, top)
        grid[i].set(title=title, xlabel=across[i] if across else "", ylabel=up[i] if up else "")
    for axes in grid[len(tables) :]:
        axes.set_axis_off()
    figure.colorbar(image, ax=grid.tolist(), label=label)
    return figure


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


def count_maps(counts: Mapping[str, np.ndarray], labels: Sequence[object], across: str = "category") -> Figure:
    """Tables of counts ``[labels, categories]`` by title, as heat maps with the counts written in; row 0 on top.

    A cell's colour is its share of the label's images: so the colours of a row sum to one, or to zero without images.

    Raises ``ValueError`` for tables without a row for each of ``labels``, and as ``heat_maps`` does.

    >>> count_maps({"by hand": np.array([[3, 1], [0, 4]])}, "ab").axes[0].get_yticklabels()[1].get_text()
    'b'
    """
    tables = {title: np.asarray(table) for title, table in counts.items()}
    for title, table in tables.items():
        if len(table) != len(labels):
            raise ValueError(f"counts: expected a row for each of {len(labels)} labels, got {len(table)} for {title!r}")
    shares = {title: table / np.maximum(table.sum(1, keepdims=True), 1) for title, table in tables.items()}
    figure = heat_maps(shares, across=[across] * len(tables), label="share of the label's images", columns=2)
    figure.set_size_inches(1.2 + 4.2 * min(len(tables), 2), 4.1 * -(-len(tables) // 2))
    top = max(share.max() for share in shares.values())
    for axes, table, share in zip(figure.axes, tables.values(), shares.values(), strict=False):
        axes.set_yticks(range(len(labels)), [str(label) for label in labels])
        axes.set_xticks(range(table.shape[1]))
        axes.invert_yaxis()
        for (row, column), count in np.ndenumerate(table):
            ink = "black" if share[row, column] > top / 4 else "white"
            axes.text(column, row, str(count), ha="center", va="center", fontsize=7, color=ink)
    return figure
