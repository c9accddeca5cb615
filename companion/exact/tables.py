"""Finite distributions as tables: their checks, and the elementary sums of information theory, in nats.

0 log 0 is 0. KL(p || q) is infinite where q gives probability 0 to something that p does not, and never NaN.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy.special import rel_entr, xlogy

TOLERANCE = 1e-9  # of sums that should be one


def check_distribution(name: str, values: Any, ndim: int = 1) -> np.ndarray:
    """``values`` as a float64 array whose last axis holds distributions.

    Raises ``ValueError`` naming ``name`` for another number of dimensions, an empty array, an entry that is negative or
    not finite, or a last axis that does not sum to one within 1e-9.

    >>> check_distribution("p_x", [0.25, 0.75])
    array([0.25, 0.75])
    """
    array = np.asarray(values, dtype=np.float64)
    if array.ndim != ndim or array.size == 0:
        raise ValueError(f"{name}: expected a non-empty array of {ndim} dimensions, got shape {array.shape}")
    if not np.isfinite(array).all() or (array < 0).any():
        raise ValueError(
            f"{name}: expected probabilities, finite and 0 or more, got {array.min():g} to {array.max():g}"
        )
    error = np.abs(array.sum(-1) - 1).max()
    if error > TOLERANCE:
        raise ValueError(f"{name}: expected sums of one along the last axis, got one that misses by {error:.3g}")
    return array


def check_shapes(**pairs: tuple[np.ndarray, tuple[int, ...]]) -> None:
    """Raise ``ValueError`` naming the first array whose shape is not the expected one: ``name=(array, expected)``."""
    for name, (array, expected) in pairs.items():
        if array.shape != expected:
            raise ValueError(f"{name}: expected shape {expected}, got {array.shape}")


def entropy(p: np.ndarray) -> float:
    """-sum p log p over all entries of the distribution ``p``.

    >>> round(entropy(np.array([0.5, 0.5, 0.0])), 4)
    0.6931
    """
    return 0.0 - float(xlogy(p, p).sum())


def cross_entropy(p: np.ndarray, q: np.ndarray) -> float:
    """-sum p log q over all entries: infinite where ``q`` is 0 and ``p`` is not.

    >>> cross_entropy(np.array([1.0, 0.0]), np.array([0.5, 0.5])) == entropy(np.array([0.5, 0.5]))
    True
    """
    return float(kl(p, q) + entropy(p))


def kl(p: np.ndarray, q: np.ndarray) -> float:
    """KL(p || q) = sum p log(p / q) over all entries, 0 or more up to rounding.

    Infinite where ``q`` is 0 and ``p`` is not.

    >>> kl(np.array([0.5, 0.5]), np.array([1.0, 0.0]))
    inf
    """
    return float(rel_entr(p, q).sum())


def mean_kl(weights: np.ndarray, rows: np.ndarray, reference: np.ndarray) -> float:
    """sum_i weights[i] KL(rows[i] || reference), 0 or more, in nats; rows of weight 0 are left out.

    Args:
        weights: a distribution, ``[A]``
        rows: one distribution over B in each row, ``[A, B]``
        reference: one distribution for all rows, ``[B]``, or one for each, ``[A, B]``

    >>> round(mean_kl(np.array([0.5, 0.5]), np.eye(2), np.array([0.5, 0.5])), 4)
    0.6931
    """
    used = weights > 0
    compared = np.broadcast_to(reference, rows.shape)
    return max(0.0, float(weights[used] @ rel_entr(rows[used], compared[used]).sum(1)))  # rounding may go below


def expected_log_ratio(p: np.ndarray, above: Sequence[np.ndarray], below: Sequence[np.ndarray]) -> float:
    """sum p (sum_i log above_i - sum_j log below_j) over the entries where ``p`` is positive.

    The arrays are broadcast to the shape of ``p``. In logs no product of small probabilities underflows. A zero below
    makes it infinite.
    """
    used = p > 0
    with np.errstate(divide="ignore"):
        over, under = (sum(np.log(np.broadcast_to(a, p.shape)[used]) for a in side) for side in (above, below))
    return float(p[used] @ (over - under))


def kl_from_product(joint: np.ndarray, factors: Sequence[np.ndarray]) -> float:
    """KL of ``joint``, shape ``[A, B, ...]``, from a product of one distribution for each axis, 0 or more.

    >>> kl_from_product(np.eye(2) / 2, [np.array([0.5, 0.5]), np.array([1.0, 0.0])])
    inf
    """
    last = joint.ndim - 1
    shaped = [factor.reshape(-1, *[1] * (last - axis)) for axis, factor in enumerate(factors)]
    return max(0.0, expected_log_ratio(joint, [joint], shaped))  # rounding may go below


def mutual_information(joint: np.ndarray) -> float:
    """I(A; B) of the joint distribution ``joint`` of shape ``[A, B]``.

    >>> round(mutual_information(np.eye(2) / 2), 4)
    0.6931
    """
    return total_correlation(joint)


def marginals(joint: np.ndarray) -> list[np.ndarray]:
    """The one-dimensional marginals of ``joint``, one for each axis in order.

    >>> marginals(np.array([[0.5, 0.25], [0.25, 0.0]]))
    [array([0.75, 0.25]), array([0.75, 0.25])]
    """
    axes = range(joint.ndim)
    return [joint.sum(tuple(i for i in axes if i != axis)) for axis in axes]


def total_correlation(joint: np.ndarray) -> float:
    """KL of ``joint``, shape ``[A, B, ...]``, from the product of its one-dimensional marginals.

    >>> round(total_correlation(np.eye(2) / 2), 4)
    0.6931
    """
    return kl_from_product(joint, marginals(joint))
