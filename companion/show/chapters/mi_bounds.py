"""The page on bounds on mutual information: what each misses the truth by.

Rows are those of ``book/results/mi_bounds.csv``: dicts, or a frame, with the keys of ``NEEDED``, numbers in nats.
"""

from collections.abc import Mapping, Sequence
from math import log
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import NullLocator

from companion.results.frames import records
from companion.show.figure import GUIDE, PALETTE, Figure, panels, style

Rows = Sequence[Mapping[str, Any]]

NEEDED = ("bound", "critic", "sinh_transformed", "dimensions", "nats", "value", "se", "batch_size")
PANELS = {  # title, and the side on which the bound is: -1 below the truth, 1 above
    "barber_agakov": ("Barber and Agakov: below", -1),
    "infonce": ("InfoNCE: below", -1),
    "nwj": ("NWJ: below, heavy tails", -1),
    "donsker_varadhan": ("Donsker-Varadhan: no bound", 0),
    "leave_one_out": ("leave-one-out: above", 1),
}
CRITICS = {"trained": {"color": PALETTE[0]}, "exact": {"color": PALETTE[1], "markerfacecolor": "white"}}
FAR = 1e9  # nats, beyond every axis


@style()
def bounds_figure(rows: Rows | pd.DataFrame) -> Figure:
    """A panel for each bound: the truth across, the estimate minus the truth up, with two standard errors; nats.

    Up is linear within one nat of the truth and logarithmic beyond. The side that a bound excludes is shaded. Filled
    marks have a trained critic, hollow ones the exact critic; squares are problems transformed by sinh. Problems of
    equal information stand side by side, more dimensions further right. Under InfoNCE the line is its ceiling, log B.

    Raises ``ValueError`` without rows, and for a row that lacks one of ``NEEDED`` or names another bound or critic.

    >>> row = {"bound": "nwj", "critic": "exact", "sinh_transformed": False, "dimensions": 2, "nats": 5.0}
    >>> bounds_figure([row | {"value": 4.9, "se": 0.1, "batch_size": 64}]).axes[2].get_title()
    'NWJ: below, heavy tails'
    """
    rows = records(rows, NEEDED)
    for row in rows:
        if row["bound"] not in PANELS or row["critic"] not in CRITICS:
            known = f"a bound of {', '.join(PANELS)} with a critic {' or '.join(CRITICS)}"
            raise ValueError(f"rows: expected {known}, got {row['bound']!r}, {row['critic']!r}")
    figure, grid = panels((9, 5.8), 2, 3, sharex=True)
    grid = grid.ravel()
    for axes, (bound, (name, side)) in zip(grid, PANELS.items(), strict=False):
        _draw_panel(axes, [row for row in rows if row["bound"] == bound], side)
        axes.set_title(name, fontsize=11)
    _draw_ceiling(grid[1], rows)
    grid[5].axis("off")
    grid[5].legend(handles=_legend(), loc="center", frameon=False)
    grid[2].tick_params(labelbottom=True)
    figure.supxlabel("true information I (nats)", fontsize=11)
    figure.supylabel("estimate − truth (nats)", fontsize=11)
    return figure


def _draw_panel(axes: Axes, rows: Rows, side: int) -> None:
    axes.set_xscale("log")
    axes.set(xlim=(0.4, 30), xticks=(0.5, 1, 2, 5, 10, 20), xticklabels=("½", "1", "2", "5", "10", "20"))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_yscale("symlog", linthresh=1)
    axes.yaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter(_plain)
    axes.axhline(0, color=GUIDE, linewidth=1)
    for row in rows:
        across = row["nats"] * (0.9 + 0.08 * np.log(row["dimensions"]))
        look: Any = {"fmt": "s" if row["sinh_transformed"] else "o", "markersize": 5, "linewidth": 1}
        look |= CRITICS[row["critic"]]
        axes.errorbar(across, row["value"] - row["nats"], yerr=2 * row["se"], **look)
    low, high = min(-1.5, axes.get_ylim()[0]), max(1.5, axes.get_ylim()[1])
    if side:
        axes.axhspan(0, -side * FAR, color="#E5E5E5", linewidth=0, zorder=0)
    axes.set_ylim(low, high)


def _plain(value: float, position: float) -> str:
    """A tick of the scale symlog: whole numbers below a thousand, powers of ten from there."""
    return f"{value:.0f}".replace("-", "−") if abs(value) < 1e3 else f"$10^{{{np.log10(value):.0f}}}$"


def _draw_ceiling(axes: Axes, rows: Rows) -> None:
    truth = np.geomspace(0.4, 30, 200)
    for size in sorted({row["batch_size"] for row in rows if row["bound"] == "infonce"}):
        axes.plot(truth, log(size) - truth, "--", color=GUIDE, linewidth=1)
        axes.annotate(f"log {size}", (12, log(size) - 12), color="#595959", ha="right", va="top")


def _legend() -> list[Line2D]:
    looks: dict[str, Any] = {
        "trained critic, frozen": CRITICS["trained"],
        "exact critic": CRITICS["exact"],
        "Gaussian pairs": {"color": GUIDE},
        "bent by sinh": {"color": GUIDE, "marker": "s"},
    }
    marks: Any = {"marker": "o", "linestyle": "", "markersize": 6}
    return [Line2D([], [], label=name, **marks | look) for name, look in looks.items()]
