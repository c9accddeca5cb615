"""The rate-distortion frontier of a fixed distortion, by the iteration of Blahut (1972) and Arimoto (1972).

For data p*(x) and a distortion d(x, z), the encoder e(z|x) that minimises R + s D at slope s > 0 is

    e(z|x) = m(z) exp(-s d(x, z)) / Z(x),    Z(x) = sum_z m(z) exp(-s d(x, z)),

and a convex problem in the marginal remains: minimise F(m) = -sum_x p*(x) log Z(x). With

    c(z) = sum_x p*(x) exp(-s d(x, z)) / Z(x),

F(m) exceeds its minimum by at most log max_z c(z) (Blahut (1972)). This gap is the certificate of optimality: the
search stops when it reaches the tolerance. One iteration is m(z) <- m(z) c(z). It converges slowly near slopes where
the probability of a code goes to zero, so every 25 iterations a projected Newton step is tried, and taken if it lowers
F. The certificate holds for any m, however it was found.

The slope s = -dR/dD is 1/beta of the objective D + beta R.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.optimize import nnls
from scipy.special import xlogy

from companion.exact.tables import check_distribution, mean_kl

NEWTON_EVERY = 25  # iterations
HALVINGS = 12  # of a Newton step that overshoots
KEPT = 1e-10  # share of its weight that a code keeps in a Newton step, so that it can come back


class ConvergenceError(RuntimeError):
    """The search reached its maximal number of iterations before its gap reached the tolerance."""


@dataclass(frozen=True, eq=False)
class FrontierPoint:
    """A point of the frontier, in nats and units of the distortion, with its certificate.

    Attributes:
        rate: I(X; Z) of the encoder
        distortion: E d(x, z)
        encoder: e(z|x), ``[X, Z]``
        marginal: its aggregate p_e(z), ``[Z]``
        gap: R + s D exceeds its minimum over all encoders by at most this, in nats. R and D separately can be further
            off where the frontier is nearly straight
        iterations: the number of iterations
    """

    rate: float
    distortion: float
    encoder: np.ndarray
    marginal: np.ndarray
    gap: float
    iterations: int


def blahut_arimoto(
    p_x: Any, distortion: Any, slope: float, tolerance: float = 1e-8, max_iterations: int = 200_000
) -> FrontierPoint:
    """The encoder that minimises R + slope * D, to within ``tolerance`` nats.

    Args:
        p_x: data p*(x), ``[X]``
        distortion: d(x, z), ``[X, Z]``; infinity forbids a code, and no x may forbid all
        slope: s > 0, in nats per unit of distortion; 1/beta of D + beta R
        tolerance: the gap at which to stop, in nats
        max_iterations: how many iterations to allow

    Raises ``ValueError`` naming the argument that is out of range, and ``ConvergenceError`` after ``max_iterations``.

    >>> point = blahut_arimoto([0.5, 0.5], hamming(2), slope=2.0)
    >>> bool(np.isclose(point.rate, bernoulli_rate(0.5, point.distortion)))
    True
    """
    p, d = _check(p_x, distortion)
    return _search(p, d, slope, tolerance, max_iterations, np.full(d.shape[1], 1 / d.shape[1]))


def frontier(
    p_x: Any, distortion: Any, slopes: Iterable[float], tolerance: float = 1e-8, max_iterations: int = 200_000
) -> list[FrontierPoint]:
    """``blahut_arimoto`` at each of ``slopes``, in their order, each search starting from the marginal before.

    Raises as ``blahut_arimoto`` does.

    >>> [round(point.rate, 3) for point in frontier([0.5, 0.5], hamming(2), [1.0, 2.0, 4.0])]
    [0.111, 0.328, 0.603]
    """
    p, d = _check(p_x, distortion)
    uniform = np.full(d.shape[1], 1 / d.shape[1])
    start, points = uniform, []
    for slope in slopes:
        points.append(_search(p, d, slope, tolerance, max_iterations, start))
        start = 0.99 * points[-1].marginal + 0.01 * uniform
    return points


def _search(
    p: np.ndarray, d: np.ndarray, slope: float, tolerance: float, max_iterations: int, start: np.ndarray
) -> FrontierPoint:
    for name, value in (("slope", slope), ("tolerance", tolerance), ("max_iterations", max_iterations)):
        if not 0 < value < np.inf:
            raise ValueError(f"{name}: expected a positive, finite number, got {value!r}")
    likelihood = np.exp(-slope * (d - d.min(1, keepdims=True)))  # the shift cancels in e and c
    used = p > 0
    rows, weights, m = likelihood[used], p[used], start
    for iteration in range(1, max_iterations + 1):
        total = rows @ m
        c = (weights / total) @ rows
        gap = max(0.0, float(np.log(c.max())))
        if gap <= tolerance:
            return _point(p, d, likelihood, m, gap, iteration)
        m = m * c  # sums to one, as the weights do
        if iteration % NEWTON_EVERY == 0:
            m = _newton(rows, weights, m)
    raise ConvergenceError(
        f"blahut_arimoto: after {max_iterations} iterations at slope {slope:g} the gap is {gap:.2e}, "
        f"above the tolerance {tolerance:.2e}: raise max_iterations or tolerance, or move the slope a little"
    )


def _newton(rows: np.ndarray, weights: np.ndarray, m: np.ndarray) -> np.ndarray:
    """``m`` moved towards the minimum over the simplex of F's second-order expansion, if F falls; ``m`` otherwise.

    The expansion is |B y - 2 b|^2 / 2 up to a constant, with b = sqrt(p) and B = b / Z * exp(-s d). One heavy further
    equation keeps the sum of y at one, and non-negative least squares does the rest.
    """
    total, root = rows @ m, np.sqrt(weights)
    design = root[:, None] * rows / total[:, None]
    heavy = 1e3 * max(1.0, float(np.abs(design).max()))
    try:
        y, _ = nnls(np.vstack([design, np.full(len(m), heavy)]), np.append(2 * root, heavy))
    except RuntimeError:  # it cycled: the plain step stands
        return m
    y = y / y.sum()
    before = weights @ np.log(total)
    for halving in range(HALVINGS):
        trial = m + (1 - KEPT) * 0.5**halving * (y - m)
        if weights @ np.log(rows @ trial) > before:
            return trial
    return m


def _point(
    p: np.ndarray, d: np.ndarray, likelihood: np.ndarray, m: np.ndarray, gap: float, iterations: int
) -> FrontierPoint:
    """The record of the last iterate; an x of probability 0 that no used code may encode gets the marginal."""
    encoder = m * likelihood
    total = encoder.sum(1, keepdims=True)
    encoder = np.divide(encoder, total, out=np.tile(m, (len(p), 1)), where=total > 0)
    joint = p[:, None] * encoder
    aggregate = joint.sum(0)
    expected = float((joint * np.where(joint > 0, d, 0.0)).sum())
    return FrontierPoint(mean_kl(p, encoder, aggregate), expected, encoder, aggregate, gap, iterations)


def _check(p_x: Any, distortion: Any) -> tuple[np.ndarray, np.ndarray]:
    p = check_distribution("p_x", p_x)
    d = np.asarray(distortion, dtype=np.float64)
    if d.ndim != 2 or len(d) != len(p) or d.shape[1] == 0:
        raise ValueError(f"distortion: expected shape ({len(p)}, number of codes), got {d.shape}")
    if np.isnan(d).any() or np.isneginf(d).any():
        raise ValueError("distortion: expected numbers or +inf, got NaN or -inf")
    if np.isinf(d).all(1).any():
        raise ValueError(f"distortion: expected a finite entry in every row, got none in {np.isinf(d).all(1).argmax()}")
    return p / p.sum(), d


def hamming(n: int) -> np.ndarray:
    """The Hamming distortion, ``[n, n]``: 0 for the right symbol, on the diagonal, and 1 for a wrong one.

    Raises ``ValueError`` unless ``n`` is 1 or more.

    >>> hamming(2)
    array([[0., 1.],
           [1., 0.]])
    """
    if n < 1:
        raise ValueError(f"n: expected at least 1 symbol, got {n}")
    return 1.0 - np.eye(n)


def binary_entropy(p: float) -> float:
    """h(p) = -p log p - (1 - p) log(1 - p), in nats. Raises ``ValueError`` unless ``p`` lies between 0 and 1.

    >>> round(binary_entropy(0.5), 4)
    0.6931
    """
    if not 0 <= p <= 1:
        raise ValueError(f"p: expected a probability, got {p}")
    return 0.0 - float(xlogy(p, p) + xlogy(1 - p, 1 - p))


def bernoulli_rate(p: float, distortion: float) -> float:
    """The closed form R(D) = h(p) - h(D) of a Bernoulli(p) source under Hamming distortion, 0 from D = min(p, 1-p).

    Args:
        p: probability of a one
        distortion: share of symbols that may be wrong, between 0 and 1

    In nats (Cover and Thomas (2006), theorem 10.3.1). Raises ``ValueError`` for either number outside 0 to 1.

    >>> round(bernoulli_rate(0.5, 0.11), 3)
    0.347
    """
    if not 0 <= distortion <= 1:
        raise ValueError(f"distortion: expected a share of the symbols, 0 to 1, got {distortion}")
    source = binary_entropy(p)
    return source - binary_entropy(distortion) if distortion < min(p, 1 - p) else 0.0
