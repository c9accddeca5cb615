"""Objectives of rate and distortion alone: pure functions of ``Terms``, and the records that schedule them.

``beta_vae`` picks a point of the frontier by its slope, the others by its rate: where the ELBO is flat, or the frontier
no convex curve, a rate names points that no slope finds. All are minimised, in nats.
"""

from dataclasses import dataclass
from math import inf, log
from typing import Any

import torch
from torch import Tensor, nn

from companion.models import VAE, ForwardOutput, MultiRateVAE
from companion.objectives.base import (
    AuxiliaryModel,
    Objective,
    TrainingStep,
    TrainingUnit,
    check_beta,
    check_target,
    check_weight,
    register,
)
from companion.terms import Terms

MULTIPLIER_LIMIT = 1e3  # a learned multiplier stays between its inverse and itself
LOG_LIMIT = log(MULTIPLIER_LIMIT)
BETA_STREAM = 10  # of a step's generators: the beta of a batch
LEAN = 2.2  # of the betas of one network towards the small ones; 1 is log-uniform
MULTIPLIER_RATE = 0.03  # of Adam, on its logarithm; Adam forgets in ten steps, lest a first, far miss slow the rest


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


@register("beta_vae")
@dataclass(frozen=True)
class BetaVAE(Objective):
    """D + beta R. With ``annealed``, beta rises linearly from 0 over the first quarter of the steps.

    The weights with the lowest D + beta R on the validation images are kept, at the whole beta.
    """

    beta: float = 1.0
    annealed: bool = False
    keeps_best = True

    def __post_init__(self) -> None:
        super().__post_init__()
        check_beta(self.beta)

    @property
    def label(self) -> str:
        """As in "beta 0.5", or "beta 0.5 annealed"."""
        return f"beta {self.beta:g}" + " annealed" * self.annealed

    def kl_weight(self, step: TrainingStep) -> float:
        """The share of its whole beta that a run has at ``step``: below 1 in the first quarter of an annealed one."""
        return min(1.0, 4 * step.number / step.total) if self.annealed else 1.0

    def loss(self, model: VAE, out: ForwardOutput, step: TrainingStep, auxiliary: Any = None) -> Tensor:
        """``beta_vae`` of the batch at the beta of the step."""
        return beta_vae(out.terms, self.beta * self.kl_weight(step))


@register("multi_rate")
@dataclass(frozen=True)
class MultiRate(Objective):
    """D + b R, at a new b for every batch: one network, a ``models.MultiRateVAE``, for all b of a range.

    The logarithm of b lies between those of ``beta / span`` and ``beta * span``, at ``u ** LEAN`` of the way for a
    uniform u: more batches have a small b, where there is more to learn. Validation sees the model at ``beta``;
    ``model.at(b)`` is the one at b.
    """

    beta: float = 1.0
    span: float = 10.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if not (0 < self.beta < inf and 1 < self.span < inf):
            raise ValueError(
                f"beta, span: expected finite numbers above 0 and above 1, got {self.beta!r} and {self.span!r}"
            )

    @property
    def label(self) -> str:
        """As in "beta 0.1 to 10"."""
        return f"beta {self.beta / self.span:g} to {self.beta * self.span:g}"

    def beta_at(self, step: TrainingStep) -> float:
        """The b of a step."""
        uniform = torch.rand((), generator=step.generator(BETA_STREAM, "cpu"), dtype=torch.float64).item()
        return self.beta * self.span ** (2 * uniform**LEAN - 1)

    def prepare(self, model: VAE) -> VAE:
        """``model`` with gates, unless it has them."""
        return model if isinstance(model, MultiRateVAE) else MultiRateVAE(model, self.beta, self.span)

    def forward(self, model: VAE, x: Tensor, rng: torch.Generator, step: TrainingStep) -> ForwardOutput:
        """The forward pass at the b of the step."""
        return model(x, rng, beta=self.beta_at(step))

    def loss(self, model: VAE, out: ForwardOutput, step: TrainingStep, auxiliary: Any = None) -> Tensor:
        """``beta_vae`` of the batch at the b of the step."""
        return beta_vae(out.terms, self.beta_at(step))


@dataclass(frozen=True)
class HeldRate(Objective):
    """An objective that holds the rate at ``target`` nats, instead of weighing it by a beta."""

    target: float | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        check_target(self.target)

    @property
    def rate(self) -> float:
        """The rate in nats at which the run is held."""
        return check_target(self.target)

    @property
    def label(self) -> str:
        """As in "target_rate 5"."""
        return f"{self.name} {self.target:g}"


@register("target_rate")
@dataclass(frozen=True)
class TargetRate(HeldRate):
    """D + weight |R - target|."""

    weight: float = 5.0

    def __post_init__(self) -> None:
        super().__post_init__()
        check_weight(self.weight)

    def loss(self, model: VAE, out: ForwardOutput, step: TrainingStep, auxiliary: Any = None) -> Tensor:
        """``target_rate`` of the batch."""
        return target_rate(out.terms, self.rate, self.weight)


@register("capacity")
@dataclass(frozen=True)
class Capacity(TargetRate):
    """D + weight |R - C|, with a capacity C that rises from 0 to ``target`` over the first half of the steps."""

    def loss(self, model: VAE, out: ForwardOutput, step: TrainingStep, auxiliary: Any = None) -> Tensor:
        """``capacity`` of the batch."""
        return capacity(out.terms, self.rate, self.weight, step.progress)


class Multiplier(AuxiliaryModel):
    """A Lagrange multiplier that learns to hold the rate at the objective's target: from 1, within 1/1000 and 1000.

    What is learned is its logarithm, so it stays positive. It ascends the Lagrangian along R - target of the batch that
    the VAE has just seen. Where a step led outside its limits it is put back to the limit before it is used: a target
    out of reach leaves it at the limit, free to come back.
    """

    title = "multiplier"
    excess: Tensor

    def __init__(self, model: VAE, objective: HeldRate, seed: int) -> None:
        super().__init__(model, objective, seed)
        self.target = objective.rate
        self.log = nn.Parameter(torch.zeros(()))

    def forward(self) -> Tensor:
        """The multiplier, a scalar."""
        return self.log.clamp(-LOG_LIMIT, LOG_LIMIT).exp()

    def units(self, model: VAE | None = None, learning_rate: float = 0.0) -> list[TrainingUnit]:
        """It rises while the rate is too high and falls while it is too low; it has a learning rate of its own."""
        optimizer = torch.optim.Adam(self.parameters(), lr=MULTIPLIER_RATE, betas=(0.9, 0.9))
        return [TrainingUnit("multiplier", lambda x, rng, step: self.multiplier_loss(), optimizer)]

    def lagrangian_loss(self, terms: Terms) -> Tensor:
        """The Lagrangian that the VAE descends; the batch's R - target is remembered for ``multiplier_loss``."""
        self.excess = (terms.rate.mean() - self.target).detach()
        return lagrangian(terms, self.target, self().detach())

    def multiplier_loss(self) -> Tensor:
        """What the multiplier descends: that raises it where the rate is above its target."""
        with torch.no_grad():
            self.log.clamp_(-LOG_LIMIT, LOG_LIMIT)
        return -self.log * self.excess


@register("multiplier")
@dataclass(frozen=True)
class LearnedMultiplier(HeldRate):
    """D + multiplier (R - target), where the multiplier is learned so that R stays at ``target``."""

    auxiliary_model = Multiplier

    def loss(self, model: VAE, out: ForwardOutput, step: TrainingStep, auxiliary: Any = None) -> Tensor:
        """``lagrangian`` of the batch."""
        return auxiliary.lagrangian_loss(out.terms)
