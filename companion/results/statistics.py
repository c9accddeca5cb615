"""Statistics of runs from several seeds: medians, means and paired differences, each with its interval.

Runs that share a seed share weights at the start, and batches: they are compared first, and averaged afterwards.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import floor, inf, log10
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from scipy.special import bdtr, stdtrit

from companion.stats import mean_and_error


class MedianInterval(NamedTuple):
    """A sample's median, and two of its values that enclose the population's with probability ``coverage`` or more."""

    median: float
    low: float
    high: float
    coverage: float


def median_interval(values: Sequence[float], level: float = 0.95) -> MedianInterval:
    """The median of ``values`` and an interval for that of all seeds, from independent ones, by order statistics.

    Of n values the k-th smallest and the k-th largest miss the median between them with probability 2 P(B < k) at most,
    B binomial of n fair coins, whatever the distribution. k is the largest with a coverage of ``level``; where there
    is none, as for n < 6 at 0.95, it is 1, and the coverage is less.

    Raises ``ValueError`` without values, and unless 0 < level < 1.

    >>> median_interval([3, 1, 4, 1, 5, 9, 2, 6, 5, 3])
    MedianInterval(median=3.5, low=1.0, high=6.0, coverage=0.978515625)
    >>> median_interval([3, 1, 4]).coverage
    0.75
    """
    found = np.sort(np.asarray(values, float))
    if not len(found) or not 0 < level < 1:
        raise ValueError(f"values, level: expected numbers and 0 < level < 1, got {len(found)} and {level!r}")
    missed = 2 * bdtr(np.arange((len(found) + 1) // 2), len(found), 0.5)  # by the first, second, ... from each end
    k = max(int(np.sum(missed <= 1 - level)) - 1, 0)
    ends = float(found[k]), float(found[-1 - k])
    return MedianInterval(float(np.median(found)), *ends, max(0.0, float(1 - missed[k])))


@dataclass(frozen=True)
class MeanInterval:
    """A mean over ``n`` seeds with Student's interval, exact for normal values."""

    mean: float
    low: float
    high: float
    n: int

    @classmethod
    def of(cls, values: Any, confidence: float = 0.95) -> "MeanInterval":
        """The interval of independent ``values`` ``[n]``; raises ``ValueError`` for fewer than two, or another shape.

        Where all values are the same its length is 0, which says nothing about another seed.

        >>> print(MeanInterval.of([1.0, 2.0, 3.0]))
        2.000 (-0.484 to 4.484), n = 3
        """
        each = np.asarray(values, dtype=np.float64)
        if each.ndim != 1 or len(each) < 2:
            raise ValueError(f"values: expected two or more of shape [n], got {list(each.shape)}")
        mean, error = mean_and_error(each)
        half = float(stdtrit(len(each) - 1, (1 + confidence) / 2)) * error
        return cls(mean, mean - half, mean + half, len(each))

    def __str__(self) -> str:
        return f"{self.mean:.3f} ({self.low:.3f} to {self.high:.3f}), n = {self.n}"


@dataclass(frozen=True, eq=False)
class PairedValues:
    """One quantity of runs that share a seed.

    Attributes:
        levels: of what is varied, rising, ``[L]``
        seeds: one for each row of ``values``
        values: ``[S, L]``
    """

    levels: np.ndarray
    seeds: tuple[int, ...]
    values: np.ndarray

    def against_first(self) -> "PairedValues":
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
        from scipy.stats import spearmanr  # which alters the filters of warnings where it is imported

        return np.array([spearmanr(self.levels, each).statistic for each in self.values])


def paired_values(
    rows: Sequence[Mapping[str, Any]] | pd.DataFrame, column: str, across: str = "lambda"
) -> PairedValues:
    """What ``column`` says at each value of ``across`` in each seed; seeds that lack one of the values are left out.

    Args:
        rows: of one split, with the keys ``seed``, ``column`` and ``across``

    Raises ``ValueError`` where a seed has two rows of one value, or no seed has all values.

    >>> rows = [{"seed": s, "lambda": w, "rate": 10.0 * s + w} for s in (3, 4) for w in (1.0, 0.0)]
    >>> paired_values([*rows, {"seed": 5, "lambda": 0.0, "rate": 50.0}], "rate").values
    array([[30., 31.],
           [40., 41.]])
    """
    frame = pd.DataFrame(rows, columns=["seed", across, column])
    if (twice := frame.duplicated(["seed", across])).any():
        place = tuple(frame.loc[twice, ["seed", across]].iloc[0].tolist())
        raise ValueError(f"rows: expected one for each seed and {across}, got two for {place}")
    whole = frame.pivot(index="seed", columns=across, values=column).dropna()
    if whole.empty:
        raise ValueError(f"rows: expected a seed with every {across} of {whole.columns.tolist()}, got none")
    return PairedValues(whole.columns.to_numpy(), tuple(whole.index.tolist()), whole.to_numpy())


@dataclass(frozen=True)
class PairedDifferences:
    """Differences of pairs: a quantity of one run minus that of its matched run, one a seed, in the quantity's unit.

    Raises ``ValueError`` without any.

    >>> print(PairedDifferences((-1.0, -3.0)))
    -2 ± 13, lower in 2 of 2
    """

    each: tuple[float, ...]

    def __post_init__(self) -> None:
        if not self.each:
            raise ValueError("each: expected at least one difference, got none")

    @property
    def mean(self) -> float:
        """Their mean."""
        return float(np.mean(self.each))

    @property
    def half_width(self) -> float:
        """Of the 95 % interval for the mean over seeds, by Student's t; infinite for one pair."""
        if len(self.each) == 1:
            return inf
        found = MeanInterval.of(self.each)
        return (found.high - found.low) / 2

    @property
    def lower(self) -> int:
        """The number of pairs in which the first is below its matched run."""
        return sum(difference < 0 for difference in self.each)

    def __str__(self) -> str:
        return f"{with_error(self.mean, self.half_width)}, lower in {self.lower} of {len(self.each)}"


def with_error(value: float, error: float) -> str:
    """Both to the second digit of the error; the value alone, in four digits, where the error is infinite or zero.

    >>> with_error(22.134, 0.0351), with_error(-0.134, 13.4), with_error(22.134, inf)
    ('22.134 ± 0.035', '0 ± 13', '22.13')
    """
    if not 0 < error < inf:
        return f"{value:.4g}"
    places = max(0, 1 - floor(log10(float(f"{error:.1e}"))))
    return f"{value:z.{places}f} ± {error:.{places}f}"
