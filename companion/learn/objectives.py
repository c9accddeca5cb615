"""Training objectives: pure functions of ``Terms``, to be minimised, in nats."""

from math import isfinite
from typing import Any

from companion.terms import Terms

OBJECTIVES = ("beta_vae",)


def beta_vae(terms: Terms, beta: float) -> Any:
    """D + beta R, averaged over the batch (Alemi et al. (2018), eq. 4). At beta = 1 it is the negative ELBO.

    beta = -dD/dR is the slope at which the model sits on its frontier: a large beta buys low rates.

    Raises ``ValueError`` unless ``beta`` is a finite number, 0 or more.

    >>> import numpy as np
    >>> t = Terms(log_e=np.array([1.0, 3.0]), log_d=np.array([-80.0, -90.0]), log_m=np.array([-19.0, -19.0]))
    >>> beta_vae(t, beta=0.5).item()
    95.5
    """
    return (terms.distortion + check_beta(beta) * terms.rate).mean()


def check_beta(beta: float) -> float:
    """``beta`` itself; raises ``ValueError`` unless it is a finite number, 0 or more."""
    if not (isfinite(beta) and beta >= 0):
        raise ValueError(f"beta: expected a finite number, 0 or more, got {beta!r}")
    return beta
