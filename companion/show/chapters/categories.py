"""The page on categories: how they came to hold what they hold, by trajectories through training.

Rows are those of the table ``trajectories``: dicts, numbers in nats.
"""

from collections.abc import Mapping, Sequence
from math import log
from typing import Any

import numpy as np

from companion.show.figure import GUIDE, PALETTE, Figure, panels, style
from companion.show.widgets import Player

Rows = Sequence[Mapping[str, Any]]


CURVES: dict[str, tuple[str, dict[str, Any]]] = {  # column: its name, and its look
    "bound": ("what is rewarded", {"color": PALETTE[1], "linestyle": ":", "zorder": 3}),
    "mi_exact": ("I(c; x), exact", {"color": PALETTE[6]}),
    "kl_c": ("KL(c), the rate of c", {"color": PALETTE[3], "linestyle": "--"}),
    "kl_aggregate": ("KL of the aggregate", {"color": PALETTE[4], "linestyle": (0, (1, 3))}),
    "entropy_aggregate": ("H(c) of the aggregate", {"color": PALETTE[2], "linestyle": "-."}),
}
HISTOGRAMS = {"histogram": "a probability in e(c|x)", "share": "category c"}  # columns: what lies across
BINS = 10


@style()
def trajectory_curves(trajectories: Mapping[str, Rows]) -> Figure:
    """A panel for each of ``trajectories``, by name: ``CURVES`` over the steps, and log K as a line; nats.

    A bound that a run does not reward is left out.

    Raises ``ValueError`` without trajectories or for an empty one.

    >>> row = {"step": 1, "categories": 10, "bound": None} | dict.fromkeys(list(CURVES)[1:], 0.5)
    >>> [axes.get_title() for axes in trajectory_curves({"ELBO": [row]}).axes]
    ['ELBO']
    """
    _check(trajectories)
    figure, grid = panels((1 + 2.4 * len(trajectories), 3.8), 1, len(trajectories), sharey=True, squeeze=False)
    grid = grid[0]
    for axes, (name, rows) in zip(grid, trajectories.items(), strict=True):
        axes.axhline(log(rows[0]["categories"]), color=GUIDE, linewidth=1)
        for column, (label, look) in CURVES.items():
            told = [(row["step"], row[column]) for row in rows if row[column] is not None]
            axes.plot([s for s, _ in told], [v for _, v in told], label=label, linewidth=2, **look)
        axes.set(title=name, xlabel="training steps")
    grid[0].set_ylabel("nats")
    handles, labels = grid[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=3, frameon=False, fontsize=10)
    return figure


def trajectory_player(trajectories: Mapping[str, Rows], frames: int = 14) -> Player:
    """Figure 4.7 of Serdega (2019) as it moves: a frame shows a column for each of ``trajectories``, at one step.

    Above, where the values of e(c|x) lie in [0, 1], as shares of all of them; below, the shares of the categories.
    The frames are steps that all trajectories have, closer together in the beginning.

    Raises ``ValueError`` as ``trajectory_curves``, and for trajectories with fewer than two steps in common.
    """
    _check(trajectories)
    by_step = {name: {row["step"]: row for row in rows} for name, rows in trajectories.items()}
    steps = sorted(set.intersection(*(set(found) for found in by_step.values())))
    if len(steps) < 2:
        raise ValueError(f"trajectories: expected two or more steps that all have, got {steps}")
    some = sorted({int(i) for i in np.linspace(0, (len(steps) - 1) ** 0.5, frames) ** 2 + 0.5})
    moments = {steps[i]: {name: found[steps[i]] for name, found in by_step.items()} for i in some}
    captions = [
        f"{step} steps: I(c; x) = " + ", ".join(f"{row['mi_exact']:.2f}" for row in moment.values()) + " nats"
        for step, moment in moments.items()
    ]
    alt = f"Two rows of bars, a column each for {', '.join(trajectories)}. Above, the values of e(c|x) from 0 to 1, "
    alt += "below, the shares of the categories, at one step of training."
    return Player([_histograms(moment) for moment in moments.values()], captions, name="training", alt=alt)


@style()
def _histograms(moment: Mapping[str, Mapping[str, Any]]) -> Figure:
    """The histograms of one step, a column for each row of ``moment``."""
    bins = np.arange(BINS)
    figure, grid = panels((0.8 + 2.3 * len(moment), 3.9), 2, len(moment), sharey="row", squeeze=False)
    for column, (name, row) in zip(grid.T, moment.items(), strict=True):
        for axes, (kind, across), colour in zip(column, HISTOGRAMS.items(), PALETTE, strict=False):
            axes.bar(bins, [row[f"{kind}_{k}"] for k in bins], color=colour, width=0.9)
            axes.set(ylim=(0, 1))
            axes.set_xlabel(across, fontsize=9)
        column[0].set(title=name)
        column[0].set_xticks([-0.5, BINS / 2 - 0.5, BINS - 0.5], ["0", "0.5", "1"])
        column[1].axhline(1 / row["categories"], color=GUIDE, linewidth=1)
        column[1].set_xticks(bins)
    grid[0, 0].set_ylabel("share of all values", fontsize=9)
    grid[1, 0].set_ylabel("share of the images", fontsize=9)
    return figure


def _check(trajectories: Mapping[str, Rows]) -> None:
    if not trajectories or not all(trajectories.values()):
        raise ValueError(
            f"trajectories: expected one or more, none empty, got { ({k: len(v) for k, v in trajectories.items()}) }"
        )
