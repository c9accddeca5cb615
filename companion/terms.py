"""The two records that everything speaks.

One draw ``z ~ e(z|x)`` for each example ``x`` gives three log densities. From these ``Terms`` come the rate, the
distortion and the ELBO of each example, and every training objective. Averaged over a split, with standard
errors, they become a ``RateDistortion``: one point of the plane.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from companion.stats import as_float64, mean_and_error


@dataclass(frozen=True)
class Terms:
    """Log densities of a batch, one entry per example, in nats.

    Each field estimates, without bias, an expectation over ``z ~ e(z|x)``: a single draw, or the exact value where
    it has a closed form. Arrays of numpy or of torch serve alike; all three have one shape, normally ``[n]``.

    Attributes:
        log_e: log e(z|x), the encoder's density at the code
        log_d: log d(x|z), the decoder's log likelihood, summed over pixels
        log_m: log m(z), the marginal's density at the code

    Raises ``ValueError`` when the shapes differ.

    >>> t = Terms(log_e=np.array([1.0]), log_d=np.array([-80.0]), log_m=np.array([-19.0]))
    >>> t.rate.item(), t.distortion.item(), t.elbo.item()
    (20.0, 80.0, -100.0)
    """

    log_e: Any
    log_d: Any
    log_m: Any

    def __post_init__(self) -> None:
        shapes = {name: tuple(np.shape(getattr(self, name))) for name in ("log_e", "log_d", "log_m")}
        if len(set(shapes.values())) > 1:
            raise ValueError(f"Terms: expected log_e, log_d and log_m of one shape, got {shapes}")

    @property
    def rate(self) -> Any:
        """log e(z|x) - log m(z). Its mean R bounds the mutual information I(X; Z) from above."""
        return self.log_e - self.log_m

    @property
    def distortion(self) -> Any:
        """-log d(x|z). Its mean D gives the lower bound H - D on I(X; Z)."""
        return -self.log_d

    @property
    def elbo(self) -> Any:
        """-(distortion + rate). Its mean bounds the mean log likelihood of the model from below."""
        return self.log_d - self.rate


@dataclass(frozen=True)
class RateDistortion:
    """One model's point of the rate-distortion plane: means over ``n`` examples, in nats.

    Standard errors are those of a mean of ``n`` independent examples; they hold the spread of the examples and the
    noise of the draws, for one trained model. ``elbo_se`` belongs to the sum R + D, whose terms are not independent.

    >>> point = RateDistortion(22.0, 75.5, rate_se=0.05, distortion_se=0.2, elbo_se=0.22, n=10_000)
    >>> point.elbo
    -97.5
    >>> print(point)
    R 22.000 ± 0.050, D 75.50 ± 0.20, R + D 97.50 ± 0.22 nats, n = 10000
    """

    rate: float
    distortion: float
    rate_se: float
    distortion_se: float
    elbo_se: float
    n: int
    split: str = ""
    seed: int = 0

    @property
    def elbo(self) -> float:
        """-(R + D), a lower bound on the mean log likelihood."""
        return -(self.rate + self.distortion)

    @classmethod
    def from_terms(cls, terms: Terms, split: str = "", seed: int = 0) -> "RateDistortion":
        """Average ``terms`` of shape ``[n]``; raises ``ValueError`` for fewer than two examples."""
        columns = [as_float64(a) for a in (terms.rate, terms.distortion, terms.elbo)]
        if columns[0].ndim != 1 or len(columns[0]) < 2:
            raise ValueError(f"terms: expected at least two examples, shape [n], got shape {list(columns[0].shape)}")
        (rate, rate_se), (distortion, distortion_se), (_, elbo_se) = map(mean_and_error, columns)
        return cls(rate, distortion, rate_se, distortion_se, elbo_se, len(columns[0]), split, seed)

    def __str__(self) -> str:
        return (
            f"R {self.rate:.3f} ± {self.rate_se:.3f}, D {self.distortion:.2f} ± {self.distortion_se:.2f}, "
            f"R + D {-self.elbo:.2f} ± {self.elbo_se:.2f} nats, n = {self.n}"
        )
