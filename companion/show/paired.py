"""Runs that share a seed under rising weights: their trend, in words and as a picture.

A seed's runs start from the same weights and see the same batches, so they are compared with each other first, and the
seeds' answers are averaged afterwards. Rows are those of the tables in ``book/results``.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import sqrt
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from scipy.stats import spearmanr
from scipy.stats import t as student

from companion.show.plots import PALETTE, Picture, style

MARKS = "osD^v"


@dataclass(frozen=True, eq=False)
class Paired:
    """One quantity of runs that share a seed.

    levels : of what is varied, rising, ``[L]``
    seeds : one for each row of ``values``
    values : ``[S, L]``
    """

    levels: np.ndarray
    seeds: tuple[int, ...]
    values: np.ndarray

    def against_first(self) -> "Paired":
        """The differences to each seed's value at the first level."""
        return replace(self, values=self.values - self.values[:, :1])

    def rank_correlations(self) -> np.ndarray:
        """Spearman's correlation of level and value within each seed, ``[S]``: 1 where the value rises at every step.

        Equal values share the mean of their ranks. The mean over seeds is, but for ties, a rising linear function of
        the statistic of Page (1963), so that ``scipy.stats.page_trend_test`` gives its distribution where the levels
        make no difference.

        Raises ``ValueError`` for fewer than two levels, or a seed whose values are all the same.
        """
        if len(self.levels) < 2 or (np.ptp(self.values, axis=1) == 0).any():
            raise ValueError(f"values: expected two or more levels, and differences in each seed, got {self.values}")
        return np.array([spearmanr(self.levels, each).statistic for each in self.values])


@dataclass(frozen=True)
class Interval:
    """A mean over ``n`` seeds with Student's interval, exact for normal values."""

    mean: float
    low: float
    high: float
    n: int

    @classmethod
    def of(cls, values: Any, confidence: float = 0.95) -> "Interval":
        """The interval of independent ``values`` ``[n]``; raises ``ValueError`` for fewer than two, or another shape.

        Where all values are the same its length is 0, which says nothing about another seed.

        >>> print(Interval.of([1.0, 2.0, 3.0]))
        2.000 (-0.484 to 4.484), n = 3
        """
        each = np.asarray(values, dtype=np.float64)
        if each.ndim != 1 or len(each) < 2:
            raise ValueError(f"values: expected two or more of shape [n], got {list(each.shape)}")
        half = student.ppf((1 + confidence) / 2, len(each) - 1) * each.std(ddof=1) / sqrt(len(each))
        return cls(float(each.mean()), float(each.mean() - half), float(each.mean() + half), len(each))

    def __str__(self) -> str:
        return f"{self.mean:.3f} ({self.low:.3f} to {self.high:.3f}), n = {self.n}"


def paired(rows: Sequence[Mapping[str, Any]], column: str, across: str = "lambda") -> Paired:
    """What ``column`` says at each value of ``across`` in each seed; seeds that lack one of the values are left out.

    rows : of one split, with the keys ``seed``, ``column`` and ``across``

    Raises ``ValueError`` where a seed has two rows of one value, or no seed has all values.

    >>> rows = [{"seed": s, "lambda": w, "rate": 10.0 * s + w} for s in (3, 4) for w in (1.0, 0.0)]
    >>> paired([*rows, {"seed": 5, "lambda": 0.0, "rate": 50.0}], "rate").values
    array([[30., 31.],
           [40., 41.]])
    """
    found: dict[tuple[int, float], float] = {}
    for row in rows:
        place = row["seed"], row[across]
        if place in found:
            raise ValueError(f"rows: expected one for each seed and {across}, got two for {place}")
        found[place] = row[column]
    levels = sorted({level for _, level in found})
    seeds = tuple(s for s in sorted({seed for seed, _ in found}) if all((s, level) in found for level in levels))
    if not seeds:
        raise ValueError(f"rows: expected a seed with every {across} of {levels}, got none")
    return Paired(np.array(levels), seeds, np.array([[found[s, level] for level in levels] for s in seeds]))


def paired_panels(
    panels: Mapping[str, Mapping[str, Paired]], up: str, across: str = "λ", linear: float | None = None
) -> Picture:
    """A panel for each title of ``panels``, a colour for each quantity in it: thin lines are seeds, marks their means.

    Levels stand side by side at equal distances. ``up`` and ``across`` name the axes; up is linear, or, where
    ``linear`` is given, within that distance of zero only, and logarithmic beyond.

    Raises ``ValueError`` without panels, for a panel without quantities or with more than five.

    >>> one = Paired(np.array([0.0, 1.0]), (0,), np.array([[1.0, 2.0]]))
    >>> paired_panels({"MNIST": {"rate": one}}, "nats").axes[0].get_title()
    'MNIST'
    """
    if not panels or not all(0 < len(quantities) <= len(MARKS) for quantities in panels.values()):
        counts = [len(quantities) for quantities in panels.values()]
        raise ValueError(f"panels: expected some, each of 1 to {len(MARKS)} quantities, got {counts}")
    with style():
        picture = Picture(figsize=(max(5, 4 * len(panels)), 3.6), layout="constrained")
        grid = picture.subplots(1, len(panels), squeeze=False)[0]
        for axes, (title, quantities) in zip(grid, panels.items(), strict=True):
            if linear is not None:
                axes.set_yscale("symlog", linthresh=linear)
            for i, (name, one) in enumerate(quantities.items()):
                _draw(axes, one, name, i)
            axes.set(title=title, xlabel=across)
        grid[0].set_ylabel(up)
        handles, names = grid[0].get_legend_handles_labels()
        if len(names) > 1:
            picture.legend(handles, names, loc="outside lower center", ncols=min(len(names), 3), frameon=False)
    return picture


def _draw(axes: Axes, one: Paired, name: str, i: int) -> None:
    places = np.arange(len(one.levels))
    axes.plot(places, one.values.T, color=PALETTE[i], linewidth=0.8, alpha=0.5)
    look: Any = {"color": PALETTE[i], "marker": MARKS[i], "linewidth": 2}
    axes.plot(places, one.values.mean(0), label=name, **look)
    axes.set_xticks(places, [f"{level:g}" for level in one.levels])
