"""The linear-Gaussian beta-VAE in closed form.

Data x ~ N(0, Sigma) with eigenvalues lambda_1 >= ... >= lambda_n, encoder N(Ax, S), decoder N(Wz, sigma^2 I), marginal
N(0, I) in k dimensions. At fixed W and sigma^2 the best encoder is e(z|x) ~ m(z) d(x|z)^(1/beta), again Gaussian. In
the eigenbasis of Sigma the problem separates into one problem for each eigenvalue, which share one constant,

    theta = beta sigma^2, the water level.

A dimension with lambda > theta is active: w^2 = lambda - theta, variance of the code s = theta / lambda, rate
1/2 log(lambda / theta), squared error theta. One with lambda <= theta is collapsed: w = 0, s = 1, rate 0, squared error
lambda. That is Shannon's reverse water-filling for the Gaussian source (Cover and Thomas (2006), theorem 10.3.3).

At the optimum each coordinate of the code has variance 1, so the aggregate is the marginal, and R = I(X; Z). Only the
eigenvalues enter: rotating the data rotates W and A. All is in nats; D and H are differential and may be negative.
"""

from dataclasses import dataclass
from math import isfinite, log, pi
from typing import Any

import numpy as np

SMALLEST = 1e-300  # of a water level: below it the numbers have fewer digits
ROUNDING = 1e-12  # nats: a dimension exactly at the water level counts as collapsed


@dataclass(frozen=True, eq=False)
class LinearOptimum:
    """The best linear-Gaussian model at one ``beta``: a point of the exact frontier, in nats.

    Attributes:
        eigenvalues: of the data's covariance, falling, shape ``[n]``
        beta: -dD/dR at this point; at a corner or at the start of the frontier, one of its slopes
        noise: the decoder's variance sigma^2, given or itself optimal
        latent_dim: k, the number of latent dimensions
    """

    eigenvalues: np.ndarray
    beta: float
    noise: float
    latent_dim: int

    @property
    def water_level(self) -> float:
        """theta = beta sigma^2: the squared error of each active dimension."""
        return self.beta * self.noise

    @property
    def latent_rates(self) -> np.ndarray:
        """The rate of each eigenvalue's dimension, ``[n]``: 0 where it is collapsed or has no latent dimension."""
        return water_filling(self._reached, self.water_level)[0]

    @property
    def mse(self) -> float:
        """E |x - Wz|^2, summed over dimensions."""
        coded = water_filling(self._reached, self.water_level)[1].sum()
        return float(coded + self.eigenvalues[self.latent_dim :].sum())

    @property
    def rate(self) -> float:
        """R = E KL(e(z|x) || m(z)), here equal to I(X; Z)."""
        return float(self.latent_rates.sum())

    @property
    def distortion(self) -> float:
        """D = -E log d(x|z): of a density, so it may be negative and depends on the unit of x."""
        return float(len(self.eigenvalues) / 2 * log(2 * pi * self.noise) + self.mse / (2 * self.noise))

    @property
    def elbo(self) -> float:
        """-(R + D): at beta = 1 the exact mean log likelihood of the model, elsewhere a lower bound on it."""
        return -(self.rate + self.distortion)

    @property
    def active(self) -> int:
        """The number of dimensions that carry information."""
        return int((self.latent_rates > ROUNDING).sum())

    @property
    def _reached(self) -> np.ndarray:
        """The eigenvalues that have a latent dimension; 0, which gets no rate at any water level, for the others."""
        return np.where(np.arange(len(self.eigenvalues)) < self.latent_dim, self.eigenvalues, 0.0)


def linear_beta_vae(
    eigenvalues: Any, beta: float, noise: float | None = None, latent_dim: int | None = None
) -> LinearOptimum:
    """The minimum of D + beta R over all linear-Gaussian encoders and decoders.

    Args:
        eigenvalues: of the data's covariance, positive, in any order, ``[n]``
        beta: the weight of the rate
        noise: the decoder's variance sigma^2; by default it is optimised as well
        latent_dim: k, from 1 to n; by default n

    With ``noise`` the water level is beta sigma^2. Without it the optimum satisfies n sigma^2 = mse, which with d
    active dimensions means sigma^2 = sum_(i>d) lambda_i / (n - d beta). The objective is convex in log sigma^2, so
    exactly one d is consistent with its own water level. At beta = 1 that is the probabilistic PCA of Tipping and
    Bishop (1999), with sigma^2 the mean of the discarded eigenvalues, and ``elbo`` the mean log likelihood.

    Raises ``ValueError`` for eigenvalues or noise that are not positive, a beta that is not finite and 0 or more, a
    ``latent_dim`` outside 1 to n, and learned noise with a code for every dimension and beta <= 1: below 1 the noise
    goes to zero and the objective to minus infinity, and at 1 it is constant in the noise.

    >>> best = linear_beta_vae([4.0, 1.0, 0.25], beta=2.0, noise=0.5)
    >>> best.water_level, best.active, round(best.rate, 4), best.mse
    (1.0, 1, 0.6931, 2.25)
    >>> linear_beta_vae([4.0, 1.0, 0.25, 0.15], beta=1.0, latent_dim=2).noise
    0.2
    """
    falling, k = _check_data(eigenvalues, noise, latent_dim)
    if not (isfinite(beta) and beta >= 0):
        raise ValueError(f"beta: expected a finite number, 0 or more, got {beta!r}")
    if noise is None:
        noise = _best_noise(falling, beta, k)
    return LinearOptimum(falling, float(beta), float(noise), k)


def _best_noise(falling: np.ndarray, beta: float, k: int) -> float:
    """The sigma^2 consistent with its own water level: sigma^2 = mse / n."""
    n = len(falling)
    if k == n and beta <= 1:
        raise ValueError(
            f"beta: expected more than 1 when the noise is learned and latent_dim is {n}, as many as the data's, "
            f"got {beta!r}: {'the optimum is flat' if beta == 1 else 'the noise runs to zero'}"
        )
    thresholds = collapse_thresholds(falling)
    d = min(int((thresholds[:k] > beta).sum()), n - 1)  # the last threshold is 1, up to rounding
    return float(falling[d:].sum() / (n - d * beta))


def linear_at_rate(
    eigenvalues: Any, rate: float, noise: float | None = None, latent_dim: int | None = None
) -> LinearOptimum:
    """The least distortion at the given ``rate`` in nats; its ``beta`` is the multiplier -dD/dR of that constraint.

    Args:
        eigenvalues, noise, latent_dim: as for ``linear_beta_vae``

    Unlike ``linear_beta_vae`` this is well posed where the frontier is straight: with a code for every dimension and
    learned noise all large rates share beta = 1. At rate 0 the multiplier is the least that keeps it there.

    Raises ``ValueError`` as ``linear_beta_vae``, and for a rate that is not finite and 0 or more, or so large (some 345
    nats a dimension) that its squared errors underflow.

    >>> from companion.units import nats
    >>> best = linear_at_rate([4.0, 1.0, 0.25], rate=nats(1), noise=0.5)
    >>> round(best.beta, 9), round(best.mse, 9)
    (2.0, 2.25)
    """
    falling, k = _check_data(eigenvalues, noise, latent_dim)
    if not (isfinite(rate) and rate >= 0):
        raise ValueError(f"rate: expected a finite number of nats, 0 or more, got {rate!r}")
    sums = np.cumsum(np.log(falling[:k])) - 2 * rate
    levels = np.exp(sums / np.arange(1, k + 1))  # the level that gives this rate to the first d, for each d
    level = float(levels.max())  # any other number of active dimensions gives less rate, so a lower level
    if level < SMALLEST:
        limit = (np.log(falling[:k]) - log(SMALLEST)).sum() / 2
        raise ValueError(f"rate: expected at most {limit:.1f} nats, where squared errors underflow, got {rate!r}")
    if noise is None:
        noise = float((np.minimum(falling[:k], level).sum() + falling[k:].sum()) / len(falling))
    return LinearOptimum(falling, level / noise, float(noise), k)


def water_filling(eigenvalues: Any, level: float) -> tuple[np.ndarray, np.ndarray]:
    """Rates max(0, log(lambda / level) / 2) in nats and squared errors min(lambda, level), in the eigenvalues' shape.

    Raises ``ValueError`` for a level below 0 or NaN. At level 0 the rates of positive eigenvalues are infinite.

    >>> rates, errors = water_filling([4.0, 1.0, 0.25], level=1.0)
    >>> rates.round(4), errors
    (array([0.6931, 0.    , 0.    ]), array([1.  , 1.  , 0.25]))
    """
    values = np.asarray(eigenvalues, dtype=np.float64)
    if not level >= 0:
        raise ValueError(f"level: expected a number, 0 or more, got {level!r}")
    errors = np.minimum(values, level)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(values > errors, (np.log(values) - np.log(errors)) / 2, 0.0), errors


def gaussian_rate(eigenvalues: Any, mse: float) -> float:
    """Shannon's R(mse) of the source N(0, Sigma) in nats: the least I(X; Z) from which x is recovered to ``mse``.

    ``mse`` is E |x - x'|^2, summed over dimensions (Cover and Thomas (2006), theorem 10.3.3). It bounds the rate of any
    code from below; the linear beta-VAE with n latent dimensions attains it at every beta.

    Raises ``ValueError`` for eigenvalues or ``mse`` that are not positive.

    >>> round(gaussian_rate([4.0, 1.0, 0.25], mse=2.25), 4)
    0.6931
    """
    falling, n = _check_data(eigenvalues, None, None)
    if not mse > 0:
        raise ValueError(f"mse: expected a positive number, got {mse!r}")
    below = np.append(np.cumsum(falling[::-1])[::-1], 0.0)  # the sum of all from the d-th on
    levels = (mse - below[1:]) / np.arange(1, n + 1)  # the level that gives this error with the first d active
    level = float(levels.max())  # any other number of active dimensions gives more error, so a lower level
    return float(water_filling(falling, level)[0].sum())


def collapse_thresholds(eigenvalues: Any, noise: float | None = None) -> np.ndarray:
    """The beta from which each dimension is collapsed, in the order of falling eigenvalues, ``[n]``.

    With fixed ``noise`` dimension i collapses at beta = lambda_i / sigma^2. With learned noise, if it has a latent
    dimension, it does at lambda_i divided by the mean over j of min(lambda_j, lambda_i), which is 1 or more.

    Raises ``ValueError`` for eigenvalues or noise that are not positive.

    >>> collapse_thresholds([4.0, 1.0, 0.25], noise=0.5)
    array([8. , 2. , 0.5])
    >>> collapse_thresholds([4.0, 1.0, 1.0])
    array([2., 1., 1.])
    """
    falling, _ = _check_data(eigenvalues, noise, None)
    if noise is not None:
        return falling / noise
    return falling / np.minimum(falling[:, None], falling).mean(1)


def gaussian_entropy(eigenvalues: Any) -> float:
    """H = n/2 log(2 pi e) + 1/2 sum log lambda of N(0, Sigma), in nats: differential, so it may be negative.

    Raises ``ValueError`` for eigenvalues that are not positive.

    >>> round(gaussian_entropy([1.0]), 4)
    1.4189
    """
    falling, n = _check_data(eigenvalues, None, None)
    return float(n / 2 * log(2 * pi) + n / 2 + np.log(falling).sum() / 2)


def _check_data(eigenvalues: Any, noise: float | None, latent_dim: int | None) -> tuple[np.ndarray, int]:
    """The eigenvalues falling, and k; raises ``ValueError`` naming what is wrong."""
    values = np.asarray(eigenvalues, dtype=np.float64)
    if values.ndim != 1 or not values.size or not (np.isfinite(values) & (values > 0)).all():
        raise ValueError(f"eigenvalues: expected a list of positive finite numbers, got {eigenvalues!r}")
    if noise is not None and not (isfinite(noise) and noise > 0):
        raise ValueError(f"noise: expected a positive finite variance, or None to learn it, got {noise!r}")
    k = len(values) if latent_dim is None else latent_dim
    if isinstance(k, bool) or int(k) != k or not 1 <= k <= len(values):
        raise ValueError(f"latent_dim: expected a whole number from 1 to {len(values)}, got {latent_dim!r}")
    return np.sort(values)[::-1], int(k)
