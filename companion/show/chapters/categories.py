"""The page on categories: what they hold, how they came to hold it, and the runs of each objective.

Rows are those of the tables ``categories`` and ``trajectories``: dicts or frames, numbers in nats.
"""

from collections.abc import Mapping, Sequence
from math import log
from typing import Any

import numpy as np
import pandas as pd
from scipy.optimize import linear_sum_assignment

from companion.results.frames import load, records
from companion.results.statistics import median_interval
from companion.show.figure import GUIDE, PALETTE, Figure, panels, style
from companion.show.plane import empty_plane
from companion.show.tables import Table, spread
from companion.show.widgets import Player

Rows = Sequence[Mapping[str, Any]]

NAMES = {"beta_vae": "ELBO", "mi_literal": "literal", "mi_valid": "valid", "mi_drawn": "drawn"}
MARKS = dict(zip(NAMES, zip("osD^", (PALETTE[5], PALETTE[1], PALETTE[0], PALETTE[2]), strict=True), strict=True))
QUANTITIES = {
    "mi_exact": "I(c; x), exact",
    "kl_c": "R_c",
    "kl_aggregate": "KL(p_e(c) || m(c))",
    "entropy_aggregate": "H(c)",
    "mi_literal": "literal sum",
    "mi_valid": "valid bound on I(c; x̂)",
    "mi_direct": "valid bound on I(c; x)",
}
RATE = 1e-3  # of learning, in all settings that are named without theirs
DRAWINGS = {  # column: what it says of drawings, and its format
    "read_again": ("fresh z: read as given", ".3f"),
    "swap_read": ("an image's z, another category: read as given", ".3f"),
    "swap_cost": ("D higher by (nats)", ".1f"),
}

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
    figure, (grid,) = panels((1 + 2.4 * len(trajectories), 3.8), 1, len(trajectories), sharey=True, squeeze=False)
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
    told = {step: ", ".join(f"{row['mi_exact']:.2f}" for row in moment.values()) for step, moment in moments.items()}
    captions = [f"{step} steps: I(c; x) = {values} nats" for step, values in told.items()]
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
        counts = {name: len(rows) for name, rows in trajectories.items()}
        raise ValueError(f"trajectories: expected one or more, none empty, got {counts}")


def label_counts(probabilities: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """How many images of each of ten labels have each of ten categories as their largest, ``[labels, categories]``."""
    table = np.zeros((10, 10), int)
    np.add.at(table, (labels, np.asarray(probabilities).argmax(1)), 1)
    return table


def matched_categories(counts: np.ndarray) -> np.ndarray:
    """The category of each label, one to one, that most images agree with."""
    return linear_sum_assignment(-counts)[1]


def simplex_figure(samples: Mapping[str, np.ndarray], p: Sequence[float]) -> Figure:
    """Relaxed draws ``[n, 3]`` by title, as points of a triangle whose corners bear the probabilities ``p``."""
    corners = np.array([[0.0, 0.0], [1.0, 0.0], [0.5, 0.75**0.5]])
    figure, grid = panels((7.5, 2.7), 1, len(samples))
    for axes, (title, soft) in zip(grid, samples.items(), strict=True):
        soft = np.asarray(soft)
        axes.plot(*corners[[0, 1, 2, 0]].T, color=GUIDE, linewidth=1)
        for k in range(3):
            mine = (soft @ corners.astype(soft.dtype))[soft.argmax(1) == k]
            axes.plot(*mine.T, "osD"[k], color=PALETTE[k], markersize=3)
            away = 1.3 * (corners[k] - corners.mean(0)) + corners.mean(0)
            axes.text(*away, f"{p[k]:.1f}", ha="center", va="center")
        axes.set(xlim=(-0.2, 1.2), ylim=(-0.2, 1.1), aspect="equal")
        axes.set_title(title)
        axes.axis("off")
    return figure


def runs(name: str, split: str = "test") -> dict[str, pd.DataFrame]:
    """The runs of a committed table on one split, by objective, each by seed; with a column ``setting``, in words."""
    frame = load(name).query("split == @split").sort_values("seed", kind="stable")
    frame["setting"] = [_setting(row) for row in records(frame)]
    return {key: frame[frame.objective == key] for key in NAMES}


def _setting(row: Mapping[str, Any]) -> str:
    name = row["objective"]
    if name == "beta_vae":
        return NAMES[name]
    reader = f", {row['critic_input']}" + ", augmented" * row["augmented"]
    if name == "mi_drawn":
        reader = f", ν {row['drawn']:g}" + ", balanced" * (row["balance"] > 0) + ", hard" * row["hard"]
    step = f", step {row['adversarial']:g}" * (row["adversarial"] > 0)
    slow = f", rate {row['learning_rate']:g}" * (row["learning_rate"] != RATE)
    return f"{NAMES[name]}, λ {row['lambda']:g}{reader}{step}{slow}"


def settings_table(groups: Mapping[str, pd.DataFrame]) -> Table:
    """A line for each setting of ``groups``: its purity, and what its category holds."""
    lines = []
    for name, rows in groups.items():
        values = [rows.accuracy.median(), rows.accuracy.mean(), rows.accuracy.max()]
        values += [rows[column].median() for column in ("mi_exact", "kl_c", "entropy_aggregate")]
        again = rows.read_again.median()
        lines.append([name, len(rows), *(f"{v:.2f}" for v in values), "—" if np.isnan(again) else f"{again:.2f}"])
    headings = ["setting", "seeds", "purity, median", "mean", "best", "I(c; x)", "R_c", "H(c)", "read again"]
    return Table(headings, lines)


def medians_table(title: str, groups: Mapping[str, pd.DataFrame]) -> Table:
    """A line for each of ``QUANTITIES``: for each objective the median over seeds, and the range."""
    lines = [
        [words, *(f"{rows[name].median():.3f} ({spread(rows[name], '.2f')})" for rows in groups.values())]
        for name, words in QUANTITIES.items()
    ]
    return Table([title, *(NAMES[key] for key in groups)], lines)


def drawings_table(title: str, groups: Mapping[str, pd.DataFrame]) -> Table:
    """A line for each of ``groups``: what its drawings show of the category, medians over seeds and ranges."""
    lines = []
    for name, rows in groups.items():
        cells = (f"{rows[c].median():{form}} ({spread(rows[c], form)})" for c, (_, form) in DRAWINGS.items())
        lines.append([name, len(rows), *cells])
    return Table([title, "seeds", *(words for words, _ in DRAWINGS.values())], lines)


def median_words(values: Sequence[float]) -> str:
    """The median of ``values`` with its interval and coverage, the best of them, and their number."""
    m = median_interval(values)
    span = f"median {m.median:.3f}, {m.low:.3f} to {m.high:.3f} ({m.coverage:.1%})"
    return f"{span}, best {max(values):.3f}, {len(values)} seeds"


def purity_table(groups: Mapping[str, Sequence[float]]) -> Table:
    """A line for each group of purities, one a seed: the median, its interval and coverage, and the best.

    >>> purity_table({"valid": [0.6, 0.7, 0.8]}).lines
    [['valid', '3', '0.700', '0.600 to 0.800 (75.0%)', '0.800']]
    """
    lines = []
    for name, values in groups.items():
        m = median_interval(values)
        span = f"{m.low:.3f} to {m.high:.3f} ({m.coverage:.1%})"
        lines.append([name, len(values), f"{m.median:.3f}", span, f"{max(values):.3f}"])
    return Table(["purity, test images", "seeds", "median", "interval (coverage)", "best"], lines)


def purity_plane(groups: Mapping[str, pd.DataFrame], tuning: Mapping[str, pd.DataFrame]) -> Figure:
    """Purity over I(c; x), filled for ``groups``, hollow for ``tuning``; the line is the least information of a purity.

    The line is that of a hard code whose errors are spread evenly; the hollow squares are its opposites, ten equal
    heaps of mixed labels, and a slight tilt to the right label everywhere.
    """
    figure = empty_plane("I(c; x), exact (nats)", "purity")
    axes = figure.axes[0]
    a = np.linspace(0.1, 1 - 1e-9, 200)
    axes.plot(log(10) + a * np.log(a) + (1 - a) * np.log((1 - a) / 9), a, color=GUIDE, linewidth=1)
    axes.axvline(log(10), color=GUIDE, linewidth=1)
    for key, (sign, colour) in MARKS.items():
        for rows, size, face in ((groups[key], 6, None), (tuning[key], 4, "none")):
            look: dict[str, Any] = {"color": colour, "linestyle": "none", "markersize": size, "markerfacecolor": face}
            label = NAMES[key] + ", tuning seeds" * (face == "none")
            axes.plot(rows.mi_exact, rows.accuracy, sign, label=label, **look)
    axes.plot([log(10), 0], [0.1, 1], "s", color="black", markerfacecolor="none")
    axes.set(xlim=(-0.08, 2.42), ylim=(0, 1.03))
    figure.legend(loc="outside lower center", ncols=2, frameon=False, fontsize=9)
    return figure


def objectives_plane(groups: Mapping[str, pd.DataFrame]) -> Figure:
    """The runs of each objective in the plane of rate and distortion; a dashed line has an objective's median ELBO."""
    figure = empty_plane()
    axes = figure.axes[0]
    for key, (sign, colour) in MARKS.items():
        axes.plot(groups[key].rate, groups[key].distortion, sign, color=colour, linestyle="none", label=NAMES[key])
    ends = np.array(axes.get_xlim())
    axes.set(xlim=ends, ylim=axes.get_ylim())
    for rows in groups.values():
        best = np.median(-rows.elbo)
        axes.plot(ends, best - ends, "--", color=GUIDE, linewidth=1)
    axes.legend(frameon=False)
    return figure


def named_trajectories(name: str) -> dict[str, Rows]:
    """The trajectories of a committed table, by the name of their objective."""
    groups = load(name).groupby("objective", sort=False)
    return {NAMES[str(key)]: records(rows) for key, rows in groups}


def milestones_table(trajectories: Mapping[str, Rows]) -> Table:
    """The first step measured at which information and penalty have reached a nat, and the end of each trajectory."""

    def since(rows: Rows, name: str) -> object:
        return min((row["step"] for row in rows if row[name] >= 1), default="never")

    lines = []
    for name, rows in trajectories.items():
        first = [since(rows, column) for column in ("mi_exact", "kl_aggregate")]
        lines.append([name, *first, *(f"{rows[-1][column]:.2f}" for column in ("mi_exact", "accuracy"))])
    return Table(["seed 0", "I ≥ 1 nat", "KL(p_e || m) ≥ 1 nat", "at the end: I", "purity"], lines)


def contents_table(counts: np.ndarray, names: Sequence[str]) -> Table:
    """A line for each category: its size, and its labels above a tenth of it."""
    lines = []
    for c in matched_categories(counts):
        size = counts[:, c].sum()
        some = [k for k in counts[:, c].argsort()[::-1] if counts[k, c] > size / 10]
        parts = [f"{names[k]} ({counts[k, c] / size:.0%})" for k in some]
        lines.append([c, size, ", ".join(parts) if size else "empty"])
    return Table(["category", "images", "labels, each above a tenth"], lines)


def naming_words(counts: np.ndarray, names: Sequence[str]) -> str:
    """What the majority's naming of the categories loses, and on which labels."""
    givers = counts.argmax(0)[counts.sum(0) > 0]
    lost = [k for k in range(10) if k not in givers]
    split = [k for k in range(10) if (givers == k).sum() > 1]
    listed = [", ".join(names[k] for k in some) or "none" for some in (lost, split)]
    wrong = counts.sum() - counts.max(0).sum()
    return (
        f"labels without a category: {listed[0]}\nlabels with two or more:   {listed[1]}\n"
        f"wrong: {wrong} of {counts.sum()} images, {counts[lost].sum()} of them of the lost"
    )


def prices_table(sets: Mapping[str, Mapping[str, pd.DataFrame]]) -> Table:
    """What the objectives pay: medians of the parts of R + D, and paired differences of two to the ELBO.

    Args:
        sets: for each set of images the runs by objective, as ``runs`` gives them
    """
    lines, paid = [], ("mi_valid", "mi_drawn")
    for kind, groups in sets.items():
        parts = {key: _parts(rows) for key, rows in groups.items()}
        for part in parts["beta_vae"]:
            medians = [f"{each[part].median():.2f}" for each in parts.values()]
            more = [median_interval((parts[key][part] - parts["beta_vae"][part]).dropna()) for key in paid]
            lines.append([kind, part, *medians, *(f"{m.median:+.2f} ({m.low:+.2f} to {m.high:+.2f})" for m in more)])
    names = [NAMES[key] for key in next(iter(sets.values()))]
    return Table(["test, nats", "", *names, *(f"{NAMES[key]} − ELBO, paired" for key in paid)], lines)


def _parts(rows: pd.DataFrame) -> pd.DataFrame:
    r = rows.set_index("seed")
    return pd.DataFrame({"R_z": r.rate - r.kl_c, "R_c": r.kl_c, "D": r.distortion, "R + D": -r.elbo})
