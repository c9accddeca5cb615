"""Training objectives: pure functions of ``Terms``, to be minimised, in nats.

``beta_vae`` picks a point of the frontier by its slope, the others by its rate: where the ELBO is flat, or the frontier
no convex curve, a rate names points that no slope finds.
"""

from math import inf
from typing import Any

from companion.terms import Terms

TARGETED = ("target_rate", "multiplier", "capacity")  # hold the rate at a target
INFORMED = ("mi_literal", "mi_valid")  # reward a bound on the information that a part of the code carries
READS = ("reconstruction", "prior", "image", "encoder")  # what the bound on it is read from, and by whom
MATCHED = ("aae", "wae_mmd", "wae_gan")  # the marginal is met by a penalty on the aggregate alone, not by the rate
RELATED = ("factor_vae", "beta_tcvae", "dip_vae_i", "dip_vae_ii", *MATCHED, "info_vae", "infomax_vae")  # penalised
OBJECTIVES = ("beta_vae", *TARGETED, *INFORMED, *RELATED)


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


def target_rate(terms: Terms, target: float, weight: float) -> Any:
    """D + weight |R - target|, with R and D the means of the batch: least distortion at the rate ``target``, in nats.

    On a convex frontier the penalty is exact: once ``weight`` exceeds the slope -dD/dR at the target, the minimum lies
    at the target itself, where a quadratic would shift it; elsewhere ``weight`` must exceed the slope of every chord
    from the target to a higher rate. Over batches the kink is blurred: training settles where a batch's R is above the
    target with probability (1 + slope / weight) / 2, a fraction of a batch's standard error away.

    Raises ``ValueError`` unless ``target`` is 0 or more and ``weight`` positive, both finite.

    >>> import numpy as np
    >>> t = Terms(log_e=np.array([1.0, 3.0]), log_d=np.array([-80.0, -90.0]), log_m=np.array([-19.0, -19.0]))
    >>> target_rate(t, target=25.0, weight=2.0).item()  # D = 85, R = 21
    93.0
    """
    return terms.distortion.mean() + check_weight(weight) * abs(terms.rate.mean() - check_target(target))


def capacity(terms: Terms, target: float, weight: float, progress: float) -> Any:
    """``target_rate`` at a capacity that rises linearly from 0 to ``target`` over the first half of training, in nats.

    ``progress`` is the share of the steps that is done. After Burgess et al. (2018): the code is opened little by
    little, and keeps first what lowers the distortion most.

    Raises ``ValueError`` as ``target_rate``, and for a ``progress`` outside [0, 1].

    >>> import numpy as np
    >>> t = Terms(log_e=np.array([1.0, 3.0]), log_d=np.array([-80.0, -90.0]), log_m=np.array([-19.0, -19.0]))
    >>> capacity(t, target=25.0, weight=2.0, progress=0.1).item()  # capacity 5
    117.0
    """
    if not 0 <= progress <= 1:
        raise ValueError(f"progress: expected a share of the steps from 0 to 1, got {progress!r}")
    return target_rate(terms, check_target(target) * min(1.0, 2 * progress), weight)


def lagrangian(terms: Terms, target: float, multiplier: Any) -> Any:
    """D + multiplier (R - target), averaged over the batch, in nats.

    The model descends it and the multiplier ascends: at their saddle R = target, and the multiplier is the slope -dD/dR
    there, which is the beta of the ``beta_vae`` with that rate. As a minimum it needs a frontier that is convex there.

    Raises ``ValueError`` unless ``target`` is a finite number, 0 or more.

    >>> import numpy as np
    >>> t = Terms(log_e=np.array([1.0, 3.0]), log_d=np.array([-80.0, -90.0]), log_m=np.array([-19.0, -19.0]))
    >>> lagrangian(t, target=25.0, multiplier=2.0).item()
    77.0
    """
    return terms.distortion.mean() + multiplier * (terms.rate.mean() - check_target(target))


def informed(terms: Terms, beta: float, information: Any, weight: float) -> Any:
    """D + beta R - weight times ``information``, D and R averaged over the batch, in nats (Serdega (2019), eq. 4.11).

    With a lower bound on I(c; .) for ``information``, the code's part c is paid ``weight`` for a nat that it carries.

    Raises ``ValueError`` for a ``beta`` that is not finite, 0 or more, and for such a ``weight``.

    >>> import numpy as np
    >>> t = Terms(log_e=np.array([1.0, 3.0]), log_d=np.array([-80.0, -90.0]), log_m=np.array([-19.0, -19.0]))
    >>> informed(t, beta=1.0, information=2.0, weight=0.5).item()
    105.0
    """
    return beta_vae(terms, beta) - check_weight(weight, or_none=True) * information


def penalised(terms: Terms, beta: float, weight: float, penalty: Any) -> Any:
    """D + beta R + weight times ``penalty``, D and R averaged over the batch: the form of all in ``RELATED``.

    In nats, with a weight in nats per unit of the penalty; ``companion.learn.penalties`` has the penalties.

    - ``factor_vae`` (Kim & Mnih (2018), eq. 2), ``beta_tcvae`` (Chen et al. (2018), at alpha = gamma = 1):
      total correlation, with weight gamma, and beta - 1, in their notation.
    - ``dip_vae_i``, ``dip_vae_ii`` (Kumar et al. (2018), eqs. 6 and 7): the moments of the aggregate.
    - ``wae_mmd``, ``wae_gan`` (Tolstikhin et al. (2018), eq. 4, algorithms 1 and 2): a divergence of the aggregate from
      the marginal, at beta = 0; the sign is plus.
    - ``aae`` (Makhzani et al. (2016)): D alone, at beta = 0; the encoder fools a discriminator in a phase of its own.
      There Adam forgets the scale of a loss, so the weight multiplies that phase's learning rate.
    - ``info_vae`` (Zhao et al. (2019)): D + (1 - alpha) R + (alpha + lambda - 1) MMD, so beta = 1 - alpha
      and weight = alpha + lambda - 1, in their notation.
    - ``infomax_vae``: KL(q(z) || m(z)) - lambda I(x; z), to be minimised beside H - D <= I, is at most
      R + (1 + lambda) D up to constants. The penalty is D itself, and the minimiser that of beta = 1 / (1 + lambda).

    Raises ``ValueError`` for a ``beta`` or a ``weight`` that is not finite, 0 or more.

    >>> import numpy as np
    >>> t = Terms(log_e=np.array([1.0, 3.0]), log_d=np.array([-80.0, -90.0]), log_m=np.array([-19.0, -19.0]))
    >>> penalised(t, beta=1.0, weight=4.0, penalty=0.5).item()  # D = 85, R = 21
    108.0
    >>> penalised(t, 1.0, 3.0, t.distortion.mean()) == (1 + 3) * beta_vae(t, beta=1 / (1 + 3))
    np.True_
    """
    return beta_vae(terms, beta) + check_weight(weight, or_none=True) * penalty


def check_beta(beta: float) -> float:
    """``beta`` itself; raises ``ValueError`` unless it is a finite number, 0 or more."""
    if not 0 <= beta < inf:
        raise ValueError(f"beta: expected a finite number, 0 or more, got {beta!r}")
    return beta


def check_target(target: float | None) -> float:
    """``target`` itself; raises ``ValueError`` unless it is a finite number, 0 or more."""
    if target is None or not 0 <= target < inf:
        raise ValueError(f"target: expected a finite rate in nats, 0 or more, got {target!r}")
    return target


def check_weight(weight: float, or_none: bool = False) -> float:
    """``weight`` itself; raises ``ValueError`` unless it is positive, or 0 where ``or_none``, and finite."""
    if not (0 < weight < inf or (or_none and weight == 0)):
        expected = "a finite number, 0 or more" if or_none else "a positive, finite number"
        raise ValueError(f"weight: expected {expected}, got {weight!r}")
    return weight


def check_informed(
    objective: str, asked: tuple[str, str, bool], categories: bool, numbers: bool, annealed: bool
) -> None:
    """Raise ``ValueError`` for a question that the objective does not ask, or that the code has no answer to.

    asked : which numbers of the code, what they are read from, and whether that is shaken
    """
    if objective not in INFORMED:
        if asked != ("", READS[0], False):
            given = ", ".join(map(repr, asked))
            raise ValueError(f"informed, reads, shaken: expected none with the objective {objective}, got {given}")
        return
    if annealed:
        raise ValueError(f"annealed: expected false with the objective {objective}, got {annealed!r}")
    if not categories and not numbers:
        raise ValueError(f"informed: expected some numbers of the code, such as '3,17', got {asked[0]!r}")
    if categories and numbers:
        raise ValueError(f"informed: expected none beside categories, got {asked[0]!r}")
    if asked[1] == "encoder" and not categories:
        raise ValueError("reads: expected 'encoder' for categories only, got it for numbers of the code")


def check_related(objective: str, model: tuple[str, int], beta: float, annealed: bool) -> None:
    """Raise ``ValueError`` for what the objectives of ``RELATED`` leave no room for.

    model : its family and its number of categories
    """
    if objective not in RELATED:
        return
    if model not in (("---", 0), ("-+-", 0)):
        raise ValueError(
            f"family, categories: expected --- or -+-, and 0, with the objective {objective}, whose penalty compares "
            f"Gaussian codes with N(0, I), got {model[0]}, {model[1]}"
        )
    if annealed:
        raise ValueError(f"annealed: expected false with the objective {objective}, got {annealed!r}")
    if objective in MATCHED and beta != 0:
        raise ValueError(
            f"beta: expected 0 with the objective {objective}, whose penalty alone brings the aggregate of the codes "
            f"to the marginal, got {beta!r}"
        )
