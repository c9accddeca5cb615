"""The Pareto front and the convex hull of measured points of rate and distortion.

Each point (R, D) is one model. A point *dominates* another if it has no more of either quantity and less of one. If a
random choice between two models is known to both encoder and decoder, the mixture has a rate and a distortion on the
straight line between theirs (time sharing), so every point of the lower left hull is attainable. The models that
minimise D + beta R lie on that hull.
"""

from typing import Any

import numpy as np


def pareto_front(rates: Any, distortions: Any) -> np.ndarray:
    """The indices of the points that no other dominates, by increasing rate, so by decreasing distortion.

    Of points that coincide the first is listed. The staircase through these points is the black line in figure 3 of
    Alemi et al. (2018).

    Args:
        rates, distortions: ``[n]``, finite, in any unit (there in nats)

    Raises ``ValueError`` for other shapes, no points, or numbers that are not finite.

    >>> pareto_front([0.0, 6.2, 6.2, 8.0], [80.6, 74.1, 75.0, 74.1]).tolist()
    [0, 1]
    """
    r, d = _check(rates, distortions)
    order = np.lexsort((d, r))  # by rate, then by distortion, then by index
    lowest = np.minimum.accumulate(d[order])
    return order[np.concatenate([[True], d[order][1:] < lowest[:-1]])]


def lower_hull(rates: Any, distortions: Any) -> np.ndarray:
    """The indices of the corners of the lower left convex hull, by increasing rate, so by decreasing distortion.

    Each corner minimises D + beta R for an interval of beta > 0. Points on an edge between two corners, which do so for
    one beta only, are left out. Of points that coincide the first is listed. The hull is that of the points and of all
    they dominate: a straight line of slope -beta between two corners, vertical above the first and level right of the
    last.

    Args:
        rates, distortions: as for ``pareto_front``, which says what is raised

    >>> lower_hull([0.0, 1.0, 2.0, 3.0], [10.0, 8.0, 1.0, 0.5]).tolist()
    [0, 2, 3]
    """
    r, d = _check(rates, distortions)
    corners: list[int] = []
    for i in pareto_front(r, d).tolist():
        while len(corners) > 1 and _above(*(np.array([r[j], d[j]]) for j in (*corners[-2:], i))):
            corners.pop()
        corners.append(i)
    return np.array(corners)


def hull_distortion(rates: Any, distortions: Any, at: Any) -> np.ndarray:
    """The least distortion that mixtures of the points attain at rates of at most ``at``: the hull read at ``at``.

    Infinite at rates below those of all points, and constant from the last corner on.

    Args:
        rates, distortions: as for ``pareto_front``, which says what is raised
        at: rates, of any shape, which the result shares

    >>> hull_distortion([0.0, 2.0], [10.0, 1.0], [-1.0, 1.0, 5.0]).tolist()
    [inf, 5.5, 1.0]
    """
    r, d = _check(rates, distortions)
    corners = lower_hull(r, d)
    return np.interp(at, r[corners], d[corners], left=np.inf)


def excess(
    rates: Any, distortions: Any, betas: Any, rate_se: Any = 0.0, distortion_se: Any = 0.0, elbo_se: Any = None
) -> tuple[np.ndarray, np.ndarray]:
    """How much more each of several models pays at its own price than the best of the others, and the standard error.

    A model that was trained at beta minimises D + beta R, if its training has arrived. So if another model of the same
    family has a smaller sum at that beta, by the difference or more the first has not. Negative for a model that no
    other beats; -inf for one alone, whose arrival nothing tells.

    Args:
        rates, distortions: as for ``pareto_front``, which says what is raised
        betas: ``[n]``, 0 or more; NaN for a model trained otherwise: it has no excess (NaN), but may beat others
        rate_se, distortion_se: standard errors of both, ``[n]`` or one number
        elbo_se: that of R + D, which tells how the errors of R and D go together; by default they are independent

    The two models of a difference are taken to be measured on different images. On the same images their errors mostly
    cancel, so the standard error is then an upper one.

    >>> excess([10.0, 20.0, 5.0], [80.0, 60.0, 100.0], [1.0, 1.0, 4.0])[0].tolist()
    [10.0, -10.0, 0.0]
    """
    r, d = _check(rates, distortions)
    shape, errors = r.shape, (rate_se, distortion_se)
    b, r_se, d_se = (np.broadcast_to(np.asarray(a, dtype=np.float64), shape) for a in (betas, *errors))
    if (b < 0).any() or np.isinf(b).any():
        raise ValueError(f"betas: expected finite numbers, 0 or more, or NaN, got {b[(b < 0) | np.isinf(b)][0]}")
    both = 0.0 if elbo_se is None else np.square(np.asarray(elbo_se, dtype=np.float64)) - r_se**2 - d_se**2
    variances = d_se**2 + np.square(b)[:, None] * r_se**2 + b[:, None] * both  # [own price, model]
    sums = d + b[:, None] * r
    own, others = np.diag(sums), np.where(np.eye(len(r), dtype=bool), np.inf, sums)
    best = others.argmin(1)
    own_variance, best_variance = np.diag(variances), variances[np.arange(len(r)), best]
    variance = own_variance + (best_variance if len(r) > 1 else 0.0)
    return own - others.min(1), np.sqrt(np.maximum(variance, 0.0))


def _above(first: np.ndarray, middle: np.ndarray, last: np.ndarray) -> bool:
    """Whether ``middle`` lies above the line through the other two, or on it."""
    (x, y), (across, up) = middle - first, last - first
    return bool(y * across >= up * x)


def _check(rates: Any, distortions: Any) -> tuple[np.ndarray, np.ndarray]:
    r, d = (np.asarray(a, dtype=np.float64) for a in (rates, distortions))
    if r.ndim != 1 or r.shape != d.shape or not r.size:
        raise ValueError(f"distortions: expected the rates' shape [n], n of 1 or more, got {d.shape} for {r.shape}")
    if not (np.isfinite(r).all() and np.isfinite(d).all()):
        raise ValueError("rates, distortions: expected finite numbers, got one that is not")
    return r, d
