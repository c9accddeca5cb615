"""Gaussian mixtures, and EM as coordinate ascent on an ELBO.

For any responsibilities r(k|x), the model's posterior p(k|x) among them,

    mean log p(x) = ELBO + gap,    ELBO = mean_n sum_k r(k|x_n) log(p(x_n, k) / r(k|x_n)),
                                   gap  = mean_n KL(r(k|x_n) || p(k|x_n)).

An E-step sets r to the posterior: the gap closes and the likelihood stays. An M-step maximises the ELBO over the model:
the likelihood rises at least as much (Neal & Hinton (1998)). The responsibilities are an encoder given as a table, one
row for each example.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.linalg import solve_triangular
from scipy.special import logsumexp

from companion.exact.tables import check_distribution

ROUNDING = 1e-9  # relative, of a variance that stands on its floor


@dataclass(frozen=True)
class GaussianMixture:
    """A mixture of K Gaussians in d dimensions.

    Attributes:
        weights: ``[K]``, p(k)
        means: ``[K, d]``
        covariances: ``[K, d, d]``, symmetric and positive definite

    Raises ``ValueError`` for weights that are no distribution, or shapes or covariances that do not fit.

    >>> two = GaussianMixture([0.5, 0.5], [[-1.0], [1.0]], [[[1.0]], [[1.0]]])
    >>> two.posterior([[0.0], [1.0]]).round(3)
    array([[0.5  , 0.5  ],
           [0.119, 0.881]])
    """

    weights: Any
    means: Any
    covariances: Any

    def __post_init__(self) -> None:
        weights = check_distribution("weights", self.weights)
        means, covariances = (np.asarray(a, dtype=np.float64) for a in (self.means, self.covariances))
        if means.ndim != 2 or len(means) != len(weights):
            raise ValueError(f"means: expected shape [{len(weights)}, d], got {list(means.shape)}")
        k, d = means.shape
        if covariances.shape != (k, d, d):
            raise ValueError(f"covariances: expected shape {[k, d, d]}, got {list(covariances.shape)}")
        if not np.allclose(covariances, covariances.swapaxes(1, 2)) or np.linalg.eigvalsh(covariances).min() <= 0:
            raise ValueError("covariances: expected symmetric positive definite matrices, got one that is not")
        for name, value in (("weights", weights), ("means", means), ("covariances", covariances)):
            object.__setattr__(self, name, value)

    def log_joint(self, x: Any) -> np.ndarray:
        """log p(x, k), ``[n, K]``, for ``x`` of shape ``[n, d]``; raises ``ValueError`` for another shape."""
        x = _check_points(x, self.means.shape[1])
        columns = []
        for weight, mean, covariance in zip(self.weights, self.means, self.covariances, strict=True):
            root = np.linalg.cholesky(covariance)
            scaled = solve_triangular(root, (x - mean).T, lower=True)
            log_volume = np.log(np.diag(root)).sum() + 0.5 * len(mean) * np.log(2 * np.pi)
            with np.errstate(divide="ignore"):  # a weight of zero is a log joint of -inf
                columns.append(np.log(weight) - log_volume - 0.5 * (scaled**2).sum(0))
        return np.stack(columns, 1)

    def log_prob(self, x: Any) -> np.ndarray:
        """log p(x), ``[n]``, in nats: a density, so it may be positive."""
        return logsumexp(self.log_joint(x), axis=1)

    def posterior(self, x: Any) -> np.ndarray:
        """p(k|x), ``[n, K]``: the E-step."""
        log_joint = self.log_joint(x)
        return np.exp(log_joint - logsumexp(log_joint, axis=1, keepdims=True))


@dataclass(frozen=True)
class EMState:
    """A mixture and responsibilities on the path of EM, in nats per example: ``log_likelihood = elbo + gap``.

    Attributes:
        step: the step that led here: "start", "E" or "M"
        mixture: the model p(x, k)
        responsibilities: ``[n, K]``, the encoder r(k|x)
        log_likelihood: mean log p(x)
        elbo: a lower bound on ``log_likelihood``, computed by its own sum
        gap: mean KL(r(k|x) || p(k|x)), 0 or more, computed by its own sum
    """

    step: str
    mixture: GaussianMixture
    responsibilities: np.ndarray
    elbo: float
    log_likelihood: float
    gap: float


def em_state(step: str, mixture: GaussianMixture, x: Any, responsibilities: Any) -> EMState:
    """The ELBO, the log likelihood and the gap of any responsibilities, whether they are the posterior or not.

    Args:
        step: a label for the record
        x: examples, ``[n, d]``
        responsibilities: r(k|x), ``[n, K]``

    Raises ``ValueError`` for responsibilities that are no distributions or of another shape.
    """
    log_joint = mixture.log_joint(x)
    r = _check_responsibilities(responsibilities, log_joint.shape)
    log_p = logsumexp(log_joint, axis=1, keepdims=True)
    used = r > 0
    log_r = np.log(r[used])
    elbo = float((r[used] * (log_joint[used] - log_r)).sum()) / len(r)
    gap = float((r[used] * (log_r - (log_joint - log_p)[used])).sum()) / len(r)  # in logs, which never underflow
    return EMState(step, mixture, r, elbo, float(log_p.mean()), gap)


def m_step(x: Any, responsibilities: Any, floor: float = 1e-6) -> GaussianMixture:
    """The mixture that maximises the ELBO at these responsibilities, among those whose variances are ``floor`` or more.

    Args:
        x, responsibilities: ``[n, d]`` and ``[n, K]``
        floor: the least eigenvalue of a covariance

    Eigenvalues of the weighted covariances below ``floor`` are raised to it: the exact maximiser under the constraint,
    so the ELBO still never falls in EM (with a ridge added to the diagonal it may). Without a floor the likelihood is
    unbounded: the variance of a component on a single example goes to zero.

    Raises ``ValueError`` for a floor that is not positive, or a component that no example belongs to.
    """
    x = _check_points(x)
    r = _check_responsibilities(responsibilities, (len(x), np.shape(responsibilities)[-1]))
    counts = r.sum(0)
    if not floor > 0:
        raise ValueError(f"floor: expected a positive variance, got {floor}")
    if (counts <= 0).any():
        raise ValueError(f"responsibilities: expected examples for every component, got counts {counts.tolist()}")
    means = (r.T @ x) / counts[:, None]
    covariances = []
    for weight, mean, count in zip(r.T, means, counts, strict=True):
        values, vectors = np.linalg.eigh((weight[:, None] * (x - mean)).T @ (x - mean) / count)
        covariance = (vectors * np.maximum(values, floor)) @ vectors.T
        covariances.append((covariance + covariance.T) / 2)
    return GaussianMixture(counts / counts.sum(), means, np.stack(covariances))


def em(x: Any, start: GaussianMixture, steps: int, floor: float = 1e-6) -> list[EMState]:
    """``steps`` steps of EM from ``start``: the start, then the state after each E-step and each M-step.

    The ELBO never falls along these 1 + 2 ``steps`` states. At the start the responsibilities of every example are the
    weights of ``start``: an encoder that ignores x.

    Raises ``ValueError`` for fewer than one step, for a start with a variance below ``floor`` (the first M-step would
    raise it, and the ELBO might fall), and as ``m_step`` does.

    >>> x = np.array([[-1.2], [-0.8], [0.9], [1.1]])
    >>> path = em(x, GaussianMixture([0.5, 0.5], [[-0.5], [0.5]], [[[0.1]], [[0.1]]]), steps=5)
    >>> [half.step for half in path[:4]], path[-1].mixture.means.round(2).ravel().tolist()
    (['start', 'E', 'M', 'E'], [-1.0, 1.0])
    """
    if steps < 1:
        raise ValueError(f"steps: expected 1 or more, got {steps}")
    least = np.linalg.eigvalsh(start.covariances).min()
    if least < floor * (1 - ROUNDING):
        raise ValueError(f"start: expected variances of at least the floor, {floor:g}, got one of {least:g}")
    x = _check_points(x)
    path = [em_state("start", start, x, np.tile(start.weights, (len(x), 1)))]
    for _ in range(steps):
        path.append(em_state("E", path[-1].mixture, x, path[-1].mixture.posterior(x)))
        r = path[-1].responsibilities
        path.append(em_state("M", m_step(x, r, floor), x, r))
    return path


def random_initialisation(x: Any, components: int, seed: int | Sequence[int] = 0) -> GaussianMixture:
    """A mixture to start EM from: means at random examples, equal weights, the covariance of the data for each.

    Args:
        x: examples, ``[n, d]``; components : K; seed : of the choice of examples

    Raises ``ValueError`` unless 1 <= components <= n.
    """
    x = _check_points(x)
    if not 1 <= components <= len(x):
        raise ValueError(f"components: expected 1 to {len(x)}, one example each, got {components}")
    chosen = np.random.default_rng(seed).choice(len(x), components, replace=False)
    covariance = np.atleast_2d(np.cov(x.T, ddof=0))
    return GaussianMixture(np.full(components, 1 / components), x[chosen], np.tile(covariance, (components, 1, 1)))


def _check_points(x: Any, dimensions: int | None = None) -> np.ndarray:
    x = np.asarray(x, dtype=np.float64)
    if x.ndim != 2 or x.size == 0 or (dimensions is not None and x.shape[1] != dimensions):
        raise ValueError(f"x: expected points of shape [n, {dimensions or 'd'}], got {list(x.shape)}")
    if not np.isfinite(x).all():
        raise ValueError("x: expected finite coordinates, got one that is not")
    return x


def _check_responsibilities(responsibilities: Any, shape: tuple[int, ...]) -> np.ndarray:
    r = check_distribution("responsibilities", responsibilities, ndim=2)
    if r.shape != shape:
        raise ValueError(f"responsibilities: expected shape {shape}, got {r.shape}")
    return r
