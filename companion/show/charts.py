"""Charts of values over seeds and levels: dots with medians, and paired runs; heat maps of tables and of counts."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import PowerNorm

from companion.results.statistics import PairedValues, median_interval
from companion.show.figure import GUIDE, PALETTE, Figure, panels, style

MARKERS = "osD^v"
COLOURS = "cividis"  # even in lightness, the same to colour-blind eyes


@style()
def seed_dots(groups: Mapping[str, Sequence[float]], across: str, marks: Mapping[str, float] | None = None) -> Figure:
    """A line for each of ``groups``, the first on top: a dot a seed, a bar at the median, a band for its interval.

    The band is that of ``median_interval`` at 95 %, or all values where they are too few for it.

    Args:
        across: the name of the axis, with its unit
        marks: values for comparison by name, as dashed lines

    Raises ``ValueError`` without groups, and as ``median_interval`` does.

    >>> seed_dots({"asked": [0.6, 0.7]}, "purity", {"by chance": 0.1}).axes[0].get_xlabel()
    'purity'
    """
    if not groups:
        raise ValueError("groups: expected at least one, got none")
    figure, axes = panels((7, 1.2 + 0.38 * len(groups)))
    axes.use_sticky_edges = False  # of the bands, which may begin at the least value
    for i, values in enumerate(groups.values()):
        _draw_seeds(axes, i, values)
    for name, value in (marks or {}).items():
        axes.axvline(value, color=GUIDE, linestyle="--", linewidth=1, zorder=0)
        place: Any = {"xytext": (0, 2), "textcoords": "offset points", "ha": "center", "va": "bottom"}
        axes.annotate(name, (value, 1), xycoords=axes.get_xaxis_transform(), color="#595959", fontsize=9, **place)
    axes.set(xlabel=across, ylim=(len(groups) - 0.5, -0.5))
    axes.set_yticks(range(len(groups)), list(groups))
    return figure


def _draw_seeds(axes: Axes, place: int, values: Sequence[float]) -> None:
    """One group, its dots a little apart, so that equal ones show."""
    middle = median_interval(values)
    axes.barh(place, middle.high - middle.low, 0.5, middle.low, color=PALETTE[5], alpha=0.35, linewidth=0)
    axes.plot([middle.median] * 2, [place - 0.32, place + 0.32], color=PALETTE[1], linewidth=3)
    apart = 0.1 * (np.arange(len(values)) % 3 - 1)
    axes.plot(values, place + apart, "o", color=PALETTE[0], markersize=5)


@style()
def paired_panels(
    by_title: Mapping[str, Mapping[str, PairedValues]], up: str, across: str = "λ", linear: float | None = None
) -> Figure:
    """A panel for each title, a colour for each quantity in it: thin lines are seeds, marks their means.

    Levels stand side by side at equal distances. ``up`` and ``across`` name the axes; up is linear, or, where
    ``linear`` is given, within that distance of zero only, and logarithmic beyond.

    Raises ``ValueError`` without panels, for a panel without quantities or with more than five.

    >>> one = PairedValues(np.array([0.0, 1.0]), (0,), np.array([[1.0, 2.0]]))
    >>> paired_panels({"MNIST": {"rate": one}}, "nats").axes[0].get_title()
    'MNIST'
    """
    if not by_title or not all(0 < len(quantities) <= len(MARKERS) for quantities in by_title.values()):
        counts = [len(quantities) for quantities in by_title.values()]
        raise ValueError(f"by_title: expected some, each of 1 to {len(MARKERS)} quantities, got {counts}")
    figure, (grid,) = panels((max(5, 4 * len(by_title)), 3.6), 1, len(by_title), squeeze=False)
    for axes, (title, quantities) in zip(grid, by_title.items(), strict=True):
        if linear is not None:
            axes.set_yscale("symlog", linthresh=linear)
        for i, (name, one) in enumerate(quantities.items()):
            _draw_pairs(axes, one, name, i)
        axes.set(title=title, xlabel=across)
    grid[0].set_ylabel(up)
    handles, names = grid[0].get_legend_handles_labels()
    if len(names) > 1:
        figure.legend(handles, names, loc="outside lower center", ncols=min(len(names), 3), frameon=False)
    return figure


def _draw_pairs(axes: Axes, one: PairedValues, name: str, i: int) -> None:
    places = np.arange(len(one.levels))
    axes.plot(places, one.values.T, color=PALETTE[i], linewidth=0.8, alpha=0.5)
    look: Any = {"color": PALETTE[i], "marker": MARKERS[i], "linewidth": 2}
    axes.plot(places, one.values.mean(0), label=name, **look)
    axes.set_xticks(places, [f"{level:g}" for level in one.levels])


def draw_table(axes: Axes, table: np.ndarray, top: float | None = None) -> Any:
    """``table`` ``[A, B]`` as a heat map in ``axes``, row 0 at the bottom; returns the image.

    Colours run from 0 to ``top``, the table's largest entry by default, by the square root, so that small entries show.
    """
    norm = PowerNorm(0.5, 0, np.max(table) if top is None else top)
    return axes.imshow(table, origin="lower", cmap=COLOURS, norm=norm, aspect="auto", interpolation="nearest")


@style()
def count_maps(counts: Mapping[str, np.ndarray], labels: Sequence[object], across: str = "category") -> Figure:
    """Tables of counts ``[labels, categories]`` by title, as heat maps with the counts written in; row 0 on top.

    A cell's colour is its share of the label's images: so the colours of a row sum to one, or to zero without images.

    Raises ``ValueError`` without tables, and for one without a row for each of ``labels``.

    >>> count_maps({"by hand": np.array([[3, 1], [0, 4]])}, "ab").axes[0].get_yticklabels()[1].get_text()
    'b'
    """
    tables = {title: np.asarray(table) for title, table in counts.items()}
    if not tables or any(len(table) != len(labels) for table in tables.values()):
        found = {title: len(table) for title, table in tables.items()}
        raise ValueError(f"counts: expected tables with a row for each of {len(labels)} labels, got {found}")
    shares = [table / np.maximum(table.sum(1, keepdims=True), 1) for table in tables.values()]
    top = max(share.max() for share in shares)
    rows, wide = -(-len(tables) // 2), min(len(tables), 2)
    figure, grid = panels((1.2 + 4.2 * wide, 4.1 * rows), rows, wide, squeeze=False)
    for axes, (title, table), share in zip(grid.flat, tables.items(), shares, strict=False):
        image = draw_table(axes, share, top)
        axes.set(title=title, xlabel=across, xticks=range(table.shape[1]))
        axes.set_yticks(range(len(labels)), [str(label) for label in labels])
        axes.invert_yaxis()
        for (row, column), count in np.ndenumerate(table):
            ink = "black" if share[row, column] > top / 4 else "white"
            axes.text(column, row, str(count), ha="center", va="center", fontsize=7, color=ink)
    for axes in grid.flat[len(tables) :]:
        axes.set_axis_off()
    figure.colorbar(image, ax=grid.ravel().tolist(), label="share of the label's images")
    return figure
