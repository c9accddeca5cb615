"""Pairs (x, z) of known mutual information, densities and density ratio, to test estimators on.

In each of d dimensions (x, g) is a Gaussian pair with unit variances and correlation rho, and

    g = rho x + sqrt(1 - rho^2) epsilon ,    I(x; g) = -d/2 log(1 - rho^2)    (Cover and Thomas (2006), ex. 8.5.1).

The code is z = g, or z = sinh(g): a bijection of z leaves the mutual information as it is, but its densities are no
longer Gaussian.
"""

from dataclasses import dataclass
from math import exp, expm1, log, pi, sqrt
from typing import Any

import numpy as np
from scipy.integrate import quad

Array = np.ndarray


@dataclass(frozen=True)
class CorrelatedGaussians:
    """Pairs of d-vectors with known information, in nats.

    Attributes:
        dimensions: d
        correlation: rho of x_k and g_k in every dimension, between -1 and 1
        sinh_transformed: whether z is sinh(g), element by element, instead of g

    Raises ``ValueError`` for fewer than one dimension or a correlation that is not between -1 and 1.

    >>> problem = CorrelatedGaussians(2, 0.6)
    >>> round(problem.information, 4)  # -log(1 - 0.36)
    0.4463
    >>> CorrelatedGaussians(2, 0.6, sinh_transformed=True).information == problem.information
    True
    """

    dimensions: int
    correlation: float
    sinh_transformed: bool = False

    def __post_init__(self) -> None:
        if self.dimensions < 1:
            raise ValueError(f"dimensions: expected 1 or more, got {self.dimensions}")
        if not abs(self.correlation) < 1:
            raise ValueError(f"correlation: expected a number between -1 and 1, got {self.correlation}")

    @classmethod
    def from_information(cls, dimensions: int, nats: float, sinh_transformed: bool = False) -> "CorrelatedGaussians":
        """The problem with ``nats`` of information, the same in every dimension: rho^2 = 1 - exp(-2 nats / d).

        Raises ``ValueError`` for less than 0 nats, and for more than 12 a dimension: above, the rounding of rho would
        change the information by more than 2e-6 nats a dimension.

        >>> CorrelatedGaussians.from_information(5, 10.0).information
        10.0...
        """
        if not 0 <= nats <= 12 * dimensions:
            raise ValueError(f"nats: expected 0 to 12 for each of the {dimensions} dimensions, got {nats}")
        return cls(dimensions, sqrt(-expm1(-2 * nats / dimensions)), sinh_transformed)

    @property
    def information(self) -> float:
        """I(x; z) = -d/2 log(1 - rho^2), with or without the transformation."""
        return 0.0 - self.dimensions / 2 * log(self._variance)

    @property
    def entropy(self) -> float:
        """H(z) = d (log(2 pi e) / 2 + E log dz/dg), a differential entropy; the expectation is taken by quadrature."""
        log_slope = quad(lambda g: exp(-g * g / 2) * _log_slope(np.sinh(g)), -30, 30)[0] / sqrt(2 * pi)
        return self.dimensions * ((1 + log(2 * pi)) / 2 + log_slope * self.sinh_transformed)

    def sample(self, n: int, rng: np.random.Generator) -> tuple[Array, Array]:
        """``n`` independent pairs: x and z, ``[n, d]`` each.

        >>> x, z = CorrelatedGaussians(2, 0.6).sample(3, np.random.default_rng(0))
        >>> x.shape, z.shape
        ((3, 2), (3, 2))
        """
        x, noise = rng.standard_normal((2, n, self.dimensions))
        g = self.correlation * x + sqrt(self._variance) * noise
        return x, np.sinh(g) if self.sinh_transformed else g

    def log_conditional(self, x: Array, z: Array) -> Array:
        """log p(z|x), ``[...]``, for arrays ``[..., d]`` that are broadcast against each other.

        >>> problem = CorrelatedGaussians(2, 0.6)
        >>> x, z = problem.sample(3, np.random.default_rng(0))
        >>> problem.log_conditional(x, z[:, None]).shape  # of every z under every x
        (3, 3)
        """
        return self._log_density(z, self.correlation * x, self._variance)

    def log_marginal(self, z: Array) -> Array:
        """log p(z), ``[...]``, for an array ``[..., d]``."""
        return self._log_density(z, 0.0, 1.0)

    def log_ratio(self, x: Array, z: Array) -> Array:
        """log p(z|x) - log p(z), for arrays that are broadcast: its mean over pairs is I(x; z)."""
        return self.log_conditional(x, z) - self.log_marginal(z)

    @property
    def _variance(self) -> float:
        return (1 - self.correlation) * (1 + self.correlation)

    def _log_density(self, z: Array, mean: Any, variance: float) -> Array:
        g, slope = (np.arcsinh(z), _log_slope(z)) if self.sinh_transformed else (z, 0.0)
        return -0.5 * ((g - mean) ** 2 / variance + log(2 * pi * variance) + 2 * slope).sum(-1)


def _log_slope(z: Any) -> Any:
    """log dz/dg of z = sinh(g): cosh(g) is the root of 1 + z^2."""
    return 0.5 * np.log1p(z**2)
