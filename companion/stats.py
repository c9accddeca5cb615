"""Means of independent values with their standard errors."""

from dataclasses import dataclass, field
from math import inf, log, sqrt
from typing import Any

import numpy as np
from torch import Tensor

LARGEST_STAKE = 0.75  # of all one has, at the worst value


def as_float64(values: Any) -> np.ndarray:
    """A numpy array in double precision of ``values``: a numpy array, a list, or a torch tensor on any device."""
    if hasattr(values, "detach"):
        values = values.detach().cpu().double().numpy()
    return np.asarray(values, dtype=np.float64)


def mean_and_error(values: Any) -> tuple[float, float]:
    """The mean of independent ``values`` ``[n]``, and its standard error: infinity for one value, which offers none.

    Raises ``ValueError`` for another shape or no values.

    >>> mean_and_error([1.0, 3.0])
    (2.0, 1.0)
    """
    each = as_float64(values)
    if each.ndim != 1 or not each.size:
        raise ValueError(f"each: expected independent values of shape [n], got {list(each.shape)}")
    return float(each.mean()), float(each.std(ddof=1)) / sqrt(each.size) if each.size > 1 else inf


def bounded_mean_limit(values: Any, low: float, high: float, miss: float, upper: bool = False) -> float:
    """A limit of the mean of bounded, independent and identically distributed values, at any number of them.

    By betting (Waudby-Smith and Ramdas (2024), theorem 3): whoever bets on each value in turn against the belief that
    the mean is m, at stakes set by the values before it, multiplies their money by 1 / ``miss`` with a probability of
    at most ``miss`` if m is right. The limit is the first m for which the money was not multiplied so.

    Args:
        values: ``[n]``, one or more, in an order that does not depend on them: of sorted values the limit is wrong
        low, high: that all possible values lie between, not only those at hand
        miss: the probability, at most, that the mean is beyond the limit
        upper: the limit above the mean, in place of the one below

    Raises ``ValueError`` for values beyond ``low`` and ``high``, for none, and for a ``miss`` that is not between 0 and
    1.

    >>> round(bounded_mean_limit([0.0, 1.0] * 500, 0.0, 1.0, 0.05), 3)
    0.461
    """
    each = as_float64(values)
    if each.ndim != 1 or not len(each):
        raise ValueError(f"values: expected one or more, of shape [n], got {list(each.shape)}")
    if not (low <= each.min() and each.max() <= high):
        raise ValueError(f"values: expected them between {low:g} and {high:g}, got {each.min():g} to {each.max():g}")
    if not 0 < miss < 1:
        raise ValueError(f"miss: expected a probability between 0 and 1, got {miss!r}")
    share = (high - each if upper else each - low) / (high - low)
    found = _betting_limit(share, miss) * (high - low)
    return high - found if upper else low + found


def _betting_limit(share: np.ndarray, miss: float) -> float:
    """The lower limit of the mean of values from 0 to 1, by bisection: the higher m, the less money."""
    n = len(share)
    count = np.arange(1, n + 1)
    means = (0.5 + np.cumsum(share)) / (count + 1)
    variances = (0.25 + np.cumsum((share - means) ** 2)) / (count + 1)
    stakes = np.sqrt(2 * log(1 / miss) / (n * np.concatenate([[0.25], variances[:-1]])))
    believed, refuted = 1.0, 0.0
    for _ in range(50):
        m = (believed + refuted) / 2
        money = np.cumsum(np.log1p(np.minimum(stakes, LARGEST_STAKE / m) * (share - m)))
        believed, refuted = (believed, m) if money.max() >= log(1 / miss) else (m, refuted)
    return refuted


@dataclass(frozen=True)
class Estimate:
    """A mean with its standard error (``mean_and_error``), from ``n`` independent units: pairs, or minibatches.

    ``each`` holds the units' values, ``[n]`` in double precision, with their gradient.

    >>> import torch
    >>> print(Estimate.of(torch.tensor([1.0, 3.0])))
    2.000 ± 1.000 nats, n = 2
    """

    value: float
    se: float
    n: int
    each: Tensor = field(repr=False, compare=False)

    @classmethod
    def of(cls, each: Tensor) -> "Estimate":
        """The mean of independent values ``[n]``; raises ``ValueError`` for another shape or none."""
        return cls(*mean_and_error(each), len(each), each.double())

    def __str__(self) -> str:
        return f"{self.value:.3f} ± {self.se:.3f} nats, n = {self.n}"
