"""Nats, bits and bits per dimension.

Every quantity inside the package is in nats. This is the only place where log 2 appears.

>>> round(nats(120), 2)
83.18
>>> round(bits(80.2), 1)
115.7
>>> round(bits_per_dim(80.2, 28 * 28), 4)
0.1476
"""

from math import log
from typing import Any

#: log 2.
NATS_PER_BIT = log(2)


def bits(nats: Any) -> Any:
    """Convert ``nats`` (a number or an array) to bits."""
    return nats / NATS_PER_BIT


def nats(bits: Any) -> Any:
    """Convert ``bits`` (a number or an array) to nats."""
    return bits * NATS_PER_BIT


def bits_per_dim(nats: Any, dims: int) -> Any:
    """Convert ``nats`` for one example of ``dims`` dimensions to bits per dimension.

    Raises ``ValueError`` unless ``dims`` is a positive whole number.
    """
    if isinstance(dims, bool) or int(dims) != dims or dims < 1:
        raise ValueError(f"dims: expected a positive whole number of dimensions, got {dims!r}")
    return bits(nats) / dims
