"""What categories hold, and how they came to hold it: counts of labels, and courses through training.

Rows are those of the table ``courses`` (``companion.studies.trajectories``): dicts, numbers in nats.
"""

from collections.abc import Mapping, Sequence
from math import log
from typing import Any

import numpy as np

from companion.show.plots import GUIDE, PALETTE, Picture, style
from companion.show.tables import heat_maps
from companion.show.widgets import Player

Rows = Sequence[Mapping[str, Any]]

CURVES: dict[str, tuple[str, dict[str, Any]]] = {  # column: its name, and its look
    "bound": ("what is rewarded", {"color": PALETTE[1], "linestyle": ":", "zorder": 3}),
    "mi_exact": ("I(c; x), exact", {"color": PALETTE[6]}),
    "kl_c": ("KL(c), the rate of c", {"color": PALETTE[3], "linestyle": "--"}),
    "kl_aggregate": ("KL of the aggregate", {"color": PALETTE[4], "linestyle": (0, (1, 3))}),
    "entropy_aggregate": ("H(c) of the aggregate", {"color": PALETTE[2], "linestyle": "-."}),
}
HISTOGRAMS = {"among": "a probability in e(c|x)", "share": "category c"}  # columns: what lies across
BINS = 10


def count_maps(counts: Mapping[str, np.ndarray], labels: Sequence[object], across: str = "category") -> Picture:
    """Tables of counts ``[labels, categories]`` by title, as heat maps with the counts written in; row 0 on top.

    A cell's colour is its share of the label's images: so the colours of a row sum to one, or to zero without images.

    Raises ``ValueError`` for tables without a row for each of ``labels``, and as ``tables.heat_maps`` does.

    >>> count_maps({"by hand": np.array([[3, 1], [0, 4]])}, "ab").axes[0].get_yticklabels()[1].get_text()
    'b'
    """
    tables = {title: np.asarray(table) for title, table in counts.items()}
    for title, table in tables.items():
        if len(table) != len(labels):
            raise ValueError(f"counts: expected a row for each of {len(labels)} labels, got {len(table)} for {title!r}")
    shares = {title: table / np.maximum(table.sum(1, keepdims=True), 1) for title, table in tables.items()}
    picture = heat_maps(shares, across=[across] * len(tables), label="share of the label's images", columns=2)
    picture.set_size_inches(1.2 + 4.2 * min(len(tables), 2), 4.1 * -(-len(tables) // 2))
    top = max(share.max() for share in shares.values())
    for axes, table, share in zip(picture.axes, tables.values(), shares.values(), strict=False):
        axes.set_yticks(range(len(labels)), [str(label) for label in labels])
        axes.set_xticks(range(table.shape[1]))
        axes.invert_yaxis()
        for (row, column), count in np.ndenumerate(table):
            ink = "black" if share[row, column] > top / 4 else "white"
            axes.text(column, row, str(count), ha="center", va="center", fontsize=7, color=ink)
    return picture


def course_curves(courses: Mapping[str, Rows]) -> Picture:
    """A panel for each of ``courses``, by name: the columns of ``CURVES`` over the steps, and log K as a line; nats.

    A bound that a run does not reward is left out.

    Raises ``ValueError`` without courses or for an empty one.

    >>> row = {"step": 1, "categories": 10, "bound": None} | dict.fromkeys(list(CURVES)[1:], 0.5)
    >>> [axes.get_title() for axes in course_curves({"ELBO": [row]}).axes]
    ['ELBO']
    """
    _check(courses)
    with style():
        picture = Picture(figsize=(1 + 2.4 * len(courses), 3.8), layout="constrained")
        grid = picture.subplots(1, len(courses), sharey=True, squeeze=False)[0]
        for axes, (name, rows) in zip(grid, courses.items(), strict=True):
            axes.axhline(log(rows[0]["categories"]), color=GUIDE, linewidth=1)
            for column, (label, look) in CURVES.items():
                told = [(row["step"], row[column]) for row in rows if row[column] is not None]
                axes.plot([s for s, _ in told], [v for _, v in told], label=label, linewidth=2, **look)
            axes.set(title=name, xlabel="training steps")
        grid[0].set_ylabel("nats")
        handles, labels = grid[0].get_legend_handles_labels()
        picture.legend(handles, labels, loc="outside lower center", ncols=3, frameon=False, fontsize=10)
    return picture


def course_player(courses: Mapping[str, Rows], frames: int = 14) -> Player:
    """Figure 4.7 of Serdega (2019) as it moves: a frame shows a column for each of ``courses``, at one step.

    Above, where the values of e(c|x) lie in [0, 1], as shares of all of them; below, the shares of the categories.
    The frames are steps that all courses have, closer together in the beginning.

    Raises ``ValueError`` as ``course_curves``, and for courses with fewer than two steps in common.
    """
    _check(courses)
    by_step = {name: {row["step"]: row for row in rows} for name, rows in courses.items()}
    steps = sorted(set.intersection(*(set(found) for found in by_step.values())))
    if len(steps) < 2:
        raise ValueError(f"courses: expected two or more steps that all have, got {steps}")
    some = sorted({int(i) for i in np.linspace(0, (len(steps) - 1) ** 0.5, frames) ** 2 + 0.5})
    moments = {steps[i]: {name: found[steps[i]] for name, found in by_step.items()} for i in some}
    captions = [
        f"{step} steps: I(c; x) = " + ", ".join(f"{row['mi_exact']:.2f}" for row in moment.values()) + " nats"
        for step, moment in moments.items()
    ]
    alt = f"Two rows of bars, a column each for {', '.join(courses)}. Above, the values of e(c|x) from 0 to 1, below, "
    alt += "the shares of the categories, at one step of training."
    return Player([_histograms(moment) for moment in moments.values()], captions, name="training", alt=alt)


def _histograms(moment: Mapping[str, Mapping[str, Any]]) -> Picture:
    """The histograms of one step, a column for each row of ``moment``."""
    bins = np.arange(BINS)
    with style():
        picture = Picture(figsize=(0.8 + 2.3 * len(moment), 3.9), layout="constrained")
        grid = picture.subplots(2, len(moment), sharey="row", squeeze=False)
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
    return picture


def _check(courses: Mapping[str, Rows]) -> None:
    if not courses or not all(courses.values()):
        raise ValueError(
            f"courses: expected one or more, none empty, got { ({k: len(v) for k, v in courses.items()}) }"
        )
