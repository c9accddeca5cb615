"""Means of independent values with their standard errors."""

from dataclasses import dataclass, field
from math import inf, sqrt

from torch import Tensor


@dataclass(frozen=True)
class Estimate:
    """A mean with its standard error, from ``n`` independent units: pairs, or minibatches.

    ``each`` holds the units' values, ``[n]`` in double precision, with their gradient. One unit has no standard error
    to offer: infinity.

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
        if each.ndim != 1 or len(each) == 0:
            raise ValueError(f"each: expected independent values of shape [n], got {list(each.shape)}")
        each = each.double()
        se = (each.detach().std() / sqrt(len(each))).item() if len(each) > 1 else inf
        return cls(each.detach().mean().item(), se, len(each), each)

    def __str__(self) -> str:
        return f"{self.value:.3f} ± {self.se:.3f} nats, n = {self.n}"
