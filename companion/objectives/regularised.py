"""Objectives of the form D + beta R + weight times a penalty on the aggregate q(z), the average of e(z|x).

The penalty looks at the total correlation of q(z), at its moments, or at its distance from the marginal N(0, I). What
one batch tells of them is in ``companion.objectives.penalties``. Three objectives ask a discriminator, which learns
beside the VAE to tell codes of two kinds apart:

The discriminator sees codes as they are, so that its own loss has no gradient in the encoder. The VAE sees the
discriminator's logits at its codes, through codes that have gradients, and the discriminator's weights are not among
those it moves. The VAE's step at a batch comes first; then the discriminator's, on the codes of that step.
"""

from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor
from torch.nn.functional import softplus

from companion.models import VAE, ForwardOutput, draw
from companion.models.critics import Discriminator, logistic_loss
from companion.objectives.base import (
    AuxiliaryModel,
    Objective,
    TrainingStep,
    TrainingUnit,
    check_beta,
    check_weight,
    register,
)
from companion.objectives.elbo import beta_vae
from companion.objectives.penalties import dip_i, dip_ii, maximum_mean_discrepancy, total_correlation_mss
from companion.terms import Terms

#: Which of a step's generators draws the codes of the marginal.
PRIOR_STREAM = 8
RATE, BETAS = 1e-3, (0.5, 0.9)  # of Adam, for a discriminator


def penalised(terms: Terms, beta: float, weight: float, penalty: Any) -> Any:
    """D + beta R + weight times ``penalty``, D and R averaged over the batch, in nats.

    The weight is in nats per unit of the penalty.

    Raises ``ValueError`` for a ``beta`` or a ``weight`` that is not finite, 0 or more.

    >>> import numpy as np
    >>> t = Terms(log_e=np.array([1.0, 3.0]), log_d=np.array([-80.0, -90.0]), log_m=np.array([-19.0, -19.0]))
    >>> penalised(t, beta=1.0, weight=4.0, penalty=0.5).item()  # D = 85, R = 21
    108.0
    >>> penalised(t, 1.0, 3.0, t.distortion.mean()) == (1 + 3) * beta_vae(t, beta=1 / (1 + 3))
    np.True_
    """
    return beta_vae(terms, beta) + check_weight(weight, or_zero=True) * penalty


@dataclass(frozen=True)
class Penalised(Objective):
    """D + beta R + weight times ``penalty``, for Gaussian codes under the marginal N(0, I).

    Attributes:
        quantity: the column of the results table that says what the penalty is of
        matched: whether the penalty alone brings the aggregate to the marginal, so that beta must be 0
    """

    beta: float = 1.0
    weight: float = 5.0
    table: ClassVar[str] = "relatives"
    quantity: ClassVar[str] = ""
    matched: ClassVar[bool] = False

    def __post_init__(self) -> None:
        super().__post_init__()
        check_beta(self.beta)
        check_weight(self.weight, or_zero=True)
        if self.matched and self.beta != 0:
            raise ValueError(
                f"beta: expected 0 with the objective {self.name}, whose penalty alone brings the aggregate of the "
                f"codes to the marginal, got {self.beta!r}"
            )

    @property
    def label(self) -> str:
        """As in "factor_vae 10"."""
        return f"{self.name} {self.weight:g}"

    def validate_model(self, family: str, categories: int, latent_dim: int) -> None:
        """Raise ``ValueError`` for codes that are not Gaussian, or another marginal than N(0, I)."""
        if (family, categories) not in (("---", 0), ("-+-", 0)):
            raise ValueError(
                f"family, categories: expected --- or -+-, and 0, with the objective {self.name}, whose penalty "
                f"compares Gaussian codes with N(0, I), got {family}, {categories}"
            )

    def penalty(self, out: ForwardOutput, step: TrainingStep, discriminator: Any) -> Tensor:
        """What is penalised, estimated from the batch; a scalar."""
        raise NotImplementedError

    def loss(self, model: VAE, out: ForwardOutput, step: TrainingStep, auxiliary: Any = None) -> Tensor:
        """``penalised`` with the penalty of the batch."""
        return penalised(out.terms, self.beta, self.weight, self.penalty(out, step, auxiliary))


class WAEGANDiscriminator(AuxiliaryModel):
    """Tells codes from draws of the marginal (Tolstikhin et al. (2018), algorithm 1).

    Their network adds log m(z) to the logits, which this one has to learn.
    """

    title = "discriminator"
    codes: Tensor

    def __init__(self, model: VAE, objective: Penalised, seed: int) -> None:
        super().__init__(model, objective, seed)
        self.network = Discriminator(model.marginal().event_shape[0], seed=seed)

    def forward(self, z: Tensor) -> Tensor:
        """The logits of codes ``[n, k]``, large for the true kind: ``[n]``."""
        return self.network(z)

    def remember(self, z: Tensor) -> Tensor:
        """``z`` itself; the discriminator learns from it, without its gradients, at its own next step."""
        self.codes = z.detach()
        return z

    def generator_loss(self, z: Tensor) -> Tensor:
        """-log of the probability, by the discriminator, that codes ``[n, k]`` are the marginal's; nats, averaged.

        The loss of a generator that does not saturate. At chance it is log 2; it has no bound above.
        """
        return softplus(-self(z)).mean()

    def discriminator_loss(self, rng: torch.Generator) -> Tensor:
        """The logistic loss on draws of the marginal, the true kind, beside the codes remembered; nats."""
        prior = torch.randn(self.codes.shape, generator=rng, device=self.codes.device)
        return logistic_loss(self(prior), self(self.codes))

    def units(self, model: VAE, learning_rate: float) -> list[TrainingUnit]:
        """The discriminator alone."""
        optimizer = torch.optim.Adam(self.parameters(), lr=RATE, betas=BETAS)
        return [TrainingUnit("discriminator", lambda x, rng, step: self.discriminator_loss(rng), optimizer)]


class FactorVAEDiscriminator(WAEGANDiscriminator):
    """Tells codes from codes whose dimensions come from different images (Kim & Mnih (2018), algorithm 2).

    The best logit is log q(z) / prod_j q(z_j), whose mean under q is the total correlation.
    """

    def discriminator_loss(self, rng: torch.Generator) -> Tensor:
        """The logistic loss on the codes remembered, the true kind, beside them permuted; nats."""
        return logistic_loss(self(self.codes), self(permute_dimensions(self.codes, rng)))


class AAEDiscriminator(WAEGANDiscriminator):
    """As ``WAEGANDiscriminator``; then the encoder takes a step of its own against it, by a second optimiser.

    The objective's weight multiplies the learning rate of that step.
    """

    def __init__(self, model: VAE, objective: Penalised, seed: int) -> None:
        super().__init__(model, objective, seed)
        self.weight = objective.weight

    def units(self, model: VAE, learning_rate: float) -> list[TrainingUnit]:
        """The discriminator, then the encoder."""

        def loss(x: Tensor, rng: torch.Generator, step: int) -> Tensor:
            return self.generator_loss(draw(model.encoder(x.float()), rng))

        rate = self.weight * learning_rate
        optimizer = torch.optim.Adam(model.encoder.parameters(), lr=rate, betas=BETAS)
        return [*super().units(model, learning_rate), TrainingUnit("encoder", loss, optimizer)]


@register("factor_vae")
class FactorVAE(Penalised):
    """Kim & Mnih (2018), eq. 2: total correlation, as a discriminator takes it; ``weight`` is their gamma."""

    quantity, auxiliary_model = "total_correlation", FactorVAEDiscriminator

    def penalty(self, out: ForwardOutput, step: TrainingStep, discriminator: Any) -> Tensor:
        """The mean logit at the codes: an estimate of total correlation, and no bound; nats."""
        return discriminator(discriminator.remember(out.z)).mean()


@register("beta_tcvae")
class BetaTCVAE(Penalised):
    """Chen et al. (2018), at alpha = gamma = 1: total correlation by stratified sampling; ``weight`` is beta - 1."""

    quantity = "total_correlation"

    def penalty(self, out: ForwardOutput, step: TrainingStep, discriminator: Any) -> Tensor:
        """``total_correlation_mss`` of the batch; nats."""
        return total_correlation_mss(out.z, out.e.mean, out.e.stddev, step.examples)


@register("dip_vae_i")
class DIPVAEI(Penalised):
    """Kumar et al. (2018), eq. 6: the moments of the encoder's means."""

    quantity = "dip_i"

    def penalty(self, out: ForwardOutput, step: TrainingStep, discriminator: Any) -> Tensor:
        """``dip_i`` of the batch."""
        return dip_i(out.e.mean, out.e.stddev)


@register("dip_vae_ii")
class DIPVAEII(Penalised):
    """Kumar et al. (2018), eq. 7: the moments of the aggregate."""

    quantity = "dip_ii"

    def penalty(self, out: ForwardOutput, step: TrainingStep, discriminator: Any) -> Tensor:
        """``dip_ii`` of the batch."""
        return dip_ii(out.e.mean, out.e.stddev)


@register("aae")
class AdversarialAutoencoder(Penalised):
    """Makhzani et al. (2016), section 2: D alone, and the encoder fools a discriminator in a phase of its own.

    In that phase Adam forgets the scale of a loss, so ``weight`` multiplies the phase's learning rate.
    """

    quantity, matched, auxiliary_model = "mmd", True, AAEDiscriminator

    def loss(self, model: VAE, out: ForwardOutput, step: TrainingStep, auxiliary: Any = None) -> Tensor:
        """D, averaged over the batch."""
        auxiliary.remember(out.z)
        return penalised(out.terms, self.beta, 0.0, 0.0)


@register("wae_mmd")
class WAEMMD(Penalised):
    """Tolstikhin et al. (2018), eq. 4 and algorithm 2: the aggregate's discrepancy from the marginal, at beta 0."""

    quantity, matched = "mmd", True

    def penalty(self, out: ForwardOutput, step: TrainingStep, discriminator: Any) -> Tensor:
        """``maximum_mean_discrepancy`` of the codes and draws of N(0, I)."""
        prior = torch.randn(out.z.shape, generator=step.generator(PRIOR_STREAM, out.z.device), device=out.z.device)
        return maximum_mean_discrepancy(out.z, prior)


@register("wae_gan")
class WAEGAN(Penalised):
    """Tolstikhin et al. (2018), algorithm 1: the aggregate's divergence by a discriminator, at beta 0."""

    quantity, matched, auxiliary_model = "mmd", True, WAEGANDiscriminator

    def penalty(self, out: ForwardOutput, step: TrainingStep, discriminator: Any) -> Tensor:
        """See ``WAEGANDiscriminator.generator_loss``."""
        return discriminator.generator_loss(discriminator.remember(out.z))


@register("info_vae")
class InfoVAE(WAEMMD):
    """Zhao et al. (2019): D + (1 - alpha) R + (alpha + lambda - 1) MMD.

    In their notation beta = 1 - alpha and weight = alpha + lambda - 1.
    """

    quantity, matched = "mmd", False


@register("infomax_vae")
class InfoMaxVAE(Penalised):
    """KL(q(z) || m(z)) - weight I(x; z), to be minimised beside H - D <= I.

    It is at most R + (1 + weight) D up to constants: so the penalty is D itself, and the minimiser is that of the
    beta-VAE at beta = 1 / (1 + weight).
    """

    quantity = "distortion"

    def penalty(self, out: ForwardOutput, step: TrainingStep, discriminator: Any) -> Tensor:
        """D, averaged over the batch; nats."""
        return out.terms.distortion.mean()


def permute_dimensions(z: Tensor, rng: torch.Generator) -> Tensor:
    """Codes ``[n, k]``, each dimension permuted across the batch on its own: nearly draws of prod_j q(z_j)."""
    return z.gather(0, torch.rand(z.shape, generator=rng, device=z.device).argsort(0))
