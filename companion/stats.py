"""Means of independent values with their standard errors."""

from dataclasses import dataclass, field
from math import inf, sqrt
from typing import Any

import numpy as np
from torch import Tensor


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
