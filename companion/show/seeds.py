"""The same run from several seeds: a dot for each, and where their median lies."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from scipy.stats import binom

from companion.show.plots import GUIDE, PALETTE, Picture, style


class Middle(NamedTuple):
    """A sample's median, and two of its values that enclose the population's with probability ``coverage`` or more."""

    median: float
    low: float
    high: float
    coverage: float


def median_interval(values: Sequence[float], level: float = 0.95) -> Middle:
    """The median of ``values`` and an interval for that of all seeds, from independent ones, by order statistics.

    Of n values the k-th smallest and the k-th largest miss the median between them with probability 2 P(B < k) at most,
    B binomial of n fair coins, whatever the distribution. k is the largest with a coverage of ``level``; where there
    is none, as for n < 6 at 0.95, it is 1, and the coverage is less.

    Raises ``ValueError`` without values, and unless 0 < level < 1.

    >>> median_interval([3, 1, 4, 1, 5, 9, 2, 6, 5, 3])
    Middle(median=3.5, low=1.0, high=6.0, coverage=0.978515625)
    >>> median_interval([3, 1, 4]).coverage
    0.75
    """
    found = np.sort(np.asarray(values, float))
    if not len(found) or not 0 < level < 1:
        raise ValueError(f"values, level: expected numbers and 0 < level < 1, got {len(found)} and {level!r}")
    missed = 2 * binom.cdf(np.arange((len(found) + 1) // 2), len(found), 0.5)  # by the first, second, ... from each end
    k = max(int(np.sum(missed <= 1 - level)) - 1, 0)
    ends = float(found[k]), float(found[-1 - k])
    return Middle(float(np.median(found)), *ends, max(0.0, float(1 - missed[k])))


def seed_dots(groups: Mapping[str, Sequence[float]], across: str, marks: Mapping[str, float] | None = None) -> Picture:
    """A line for each of ``groups``, the first on top: a dot a seed, a bar at the median, a band for its interval.

    The band is that of ``median_interval`` at 95 %, or all values where they are too few for it.

    across : the name of the axis, with its unit
    marks : values for comparison by name, as dashed lines

    Raises ``ValueError`` without groups, and as ``median_interval`` does.

    >>> seed_dots({"asked": [0.6, 0.7]}, "purity", {"by chance": 0.1}).axes[0].get_xlabel()
    'purity'
    """
    if not groups:
        raise ValueError("groups: expected at least one, got none")
    with style():
        picture = Picture(figsize=(7, 1.2 + 0.38 * len(groups)), layout="constrained")
        axes = picture.subplots()
        axes.use_sticky_edges = False  # of the bands, which may begin at the least value
        for i, values in enumerate(groups.values()):
            _draw_line(axes, i, values)
        for name, value in (marks or {}).items():
            axes.axvline(value, color=GUIDE, linestyle="--", linewidth=1, zorder=0)
            place: Any = {"xytext": (0, 2), "textcoords": "offset points", "ha": "center", "va": "bottom"}
            axes.annotate(name, (value, 1), xycoords=axes.get_xaxis_transform(), color="#595959", fontsize=9, **place)
        axes.set(xlabel=across, ylim=(len(groups) - 0.5, -0.5))
        axes.set_yticks(range(len(groups)), list(groups))
    return picture


def _draw_line(axes: Axes, place: int, values: Sequence[float]) -> None:
    """One group, its dots a little apart, so that equal ones show."""
    middle = median_interval(values)
    axes.barh(place, middle.high - middle.low, 0.5, middle.low, color=PALETTE[5], alpha=0.35, linewidth=0)
    axes.plot([middle.median] * 2, [place - 0.32, place + 0.32], color=PALETTE[1], linewidth=3)
    apart = 0.1 * (np.arange(len(values)) % 3 - 1)
    axes.plot(values, place + apart, "o", color=PALETTE[0], markersize=5)
