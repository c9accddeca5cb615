"""Objectives that reward information: D + beta R - weight times a bound on the information that a part of the code has.

A network Q tells from an image y which code c it was decoded from (Serdega (2019), algorithm 1). For any Q, the mean
of log Q(c|y) bounds -H(c|y) from below, so that

    I(c; y) = H(c) - H(c|y) >= H(c) + E log Q(c|y)        (Barber & Agakov (2003); Serdega (2019), eq. 4.4)

where H(c) is the entropy of the aggregate of c over the data. At each batch Q takes a step first, and tightens the
bound; then the VAE takes its own, and raises it. What Q is given (``critic_input``):

- ``reconstruction``: the decoder's mean at the whole code, as in the source. The rest of the code is in it, too, and
  may give c away.
- ``prior``: the decoder's mean at c and a rest drawn from the marginal, so that c alone is asked about.
- ``image``: the image itself. This bounds I(c; x): the other two bound what the decoder shows of c.
- ``encoder``: the image, too, by the encoder's own e(c|x) in place of a network beside it, categories only. With the
  valid entropy the bound is I(c; x) of the batch; of transformed images it falls short by what that costs.

``mi_literal`` takes for H(c) the entropy of the marginal, as the source does. The sum is then no bound: with every
image in one category it is log K, where the information is 0. ``mi_valid`` takes the entropy of the batch's aggregate,
which on average is at most H(c).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import log, prod
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor
from torch.distributions import Distribution

from companion.exact.linear import gaussian_entropy
from companion.measure.aggregate import pairwise_log_density
from companion.measure.minibatch import log_qz_batch
from companion.models import (
    VAE,
    CategoricalRecognitionNetwork,
    ForwardOutput,
    GaussianCategorical,
    GaussianRecognitionNetwork,
    adversarial_step,
    draw,
    random_affine,
)
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
from companion.terms import Terms

CRITIC_INPUTS = ("reconstruction", "prior", "image", "encoder")
UNITS = 256  # of the hidden layers of Q, which Adam trains at its own rate of 1e-3
POSTERIOR_STREAM = 9  # of a step's generators: what the VAE's loss draws for Q


def information_regularised(terms: Terms, beta: float, information: Any, weight: float) -> Any:
    """D + beta R - weight times ``information``, D and R averaged over the batch, in nats (Serdega (2019), eq. 4.11).

    With a lower bound on I(c; .) for ``information``, the code's part c is paid ``weight`` for a nat that it carries.
    At ``weight`` 0 it is ``beta_vae``.

    Raises ``ValueError`` for a ``beta`` or a ``weight`` that is not finite, 0 or more.

    >>> import numpy as np
    >>> t = Terms(log_e=np.array([1.0, 3.0]), log_d=np.array([-80.0, -90.0]), log_m=np.array([-19.0, -19.0]))
    >>> information_regularised(t, beta=1.0, information=2.0, weight=5.0).item()  # D = 85, R = 21
    96.0
    """
    return beta_vae(terms, beta) - check_weight(weight, or_zero=True) * information


class VariationalPosterior(AuxiliaryModel):
    """Q(c|y) for the part c of the code that ``objective`` asks about: the category, or some dimensions.

    Args:
        seed: of its initial weights
        sampled: whether it is given a draw of the decoder in place of its mean, which is no image
    """

    title, first = "variational_posterior", True

    def __init__(self, model: VAE, objective: "InformationRegularised", seed: int, sampled: bool = False) -> None:
        super().__init__(model, objective, seed)
        self.objective, self.sampled = objective, sampled
        self.indices = list(objective.latent_indices)
        self.network: CategoricalRecognitionNetwork | GaussianRecognitionNetwork | None = None
        pixels = prod(model.image_shape or ())
        if self.indices:
            self.network = GaussianRecognitionNetwork(pixels, len(self.indices), UNITS, seed)
        elif objective.critic_input != "encoder":
            categories = model.marginal().categorical.event_shape[0]
            self.network = CategoricalRecognitionNetwork(pixels, categories, UNITS, seed)

    def information(self, model: VAE, out: ForwardOutput, rng: torch.Generator) -> Tensor:
        """H(c) + E log Q(c|y), averaged over the batch; nats. H(c) as the objective takes it."""
        return self.entropy(out) + self.log_prob(model, out, rng).mean()

    def entropy(self, out: ForwardOutput) -> Tensor:
        """H(c) of the marginal, or of the batch's aggregate, on average at most that of the data's; nats."""
        e = out.e
        if isinstance(e, GaussianCategorical):
            probs = e.categorical.probs
            return torch.tensor(log(probs.shape[1])) if self.objective.literal else _entropy(probs.mean(0))
        if self.objective.literal:
            return torch.tensor(gaussian_entropy(np.ones(len(self.indices))))
        chosen = self.indices
        log_e = pairwise_log_density(out.z[:, chosen], e.mean[:, chosen], e.variance[:, chosen])
        return -log_qz_batch(log_e).mean().float()

    def log_prob(self, model: VAE, out: ForwardOutput, rng: torch.Generator) -> Tensor:
        """log Q(c|y) of each image's code, ``[n]``; for a category told from the image, its mean over e(c|x)."""
        c = out.z[:, self.indices]
        if isinstance(out.e, GaussianCategorical):
            exact = self.objective.critic_input in ("image", "encoder")
            c = out.e.categorical.probs if exact else out.e.split(out.z)[1]
        y = self.critic_input(model, out, rng)
        if length := self.objective.adversarial:
            y = adversarial_step(lambda y: self.score(model, y, c.detach()), y, length)
        return self.score(model, y, c)

    def score(self, model: VAE, y: Tensor, c: Tensor) -> Tensor:
        """log Q(c|y) for codes ``c``, and its mean over c for probabilities of categories; ``[n]``."""
        q = self(model, y)
        return q.log_prob(c) if self.indices else (c * q.logits).sum(1)

    def forward(self, model: VAE, y: Tensor) -> Any:
        """Q(c|y) for images ``y``, ``[n, H, W]``."""
        return self.network((2 * y - 1).flatten(1)) if self.network else model.encoder(y).categorical

    def critic_input(self, model: VAE, out: ForwardOutput, rng: torch.Generator) -> Tensor:
        """What Q is given, ``[n, H, W]`` in [0, 1]."""
        match self.objective.critic_input:
            case "image" | "encoder":
                y = out.x
            case "prior":
                y = self.decoded(self.resampled(model, out, rng), rng)
            case _:
                y = self.decoded(out.d, rng)
        return random_affine(y, rng) if self.objective.augmented else y

    def decoded(self, d: Distribution, rng: torch.Generator) -> Tensor:
        """The mean of d(x|z), or a draw without gradient."""
        return draw(d, rng).float() if self.sampled else d.mean

    def resampled(self, model: VAE, out: ForwardOutput, rng: torch.Generator) -> Distribution:
        """d(x|z) where all of the code but c is drawn from the marginal."""
        code = draw(model.marginal(), rng, (len(out.z),))
        kept = torch.zeros(code.shape[1], dtype=torch.bool, device=code.device)
        kept[self.indices or slice(out.e.gaussian.event_shape[0], None)] = True  # type: ignore[attr-defined]
        return model.decoder(torch.where(kept, out.z, code))

    def units(self, model: VAE, learning_rate: float = 0.0) -> list[TrainingUnit]:
        """Q raises the mean of log Q at codes as they are, categories one-hot; the encoder, as Q, has no own step."""
        if self.network is None:
            return []

        def loss(x: Tensor, rng: torch.Generator, step: int) -> Tensor:
            with torch.no_grad():
                out = model(x, rng)
            return -self.log_prob(model, out, rng).mean()

        return [TrainingUnit(self.title, loss, torch.optim.Adam(self.parameters()))]


@dataclass(frozen=True)
class InformationRegularised(Objective):
    """D + beta R - weight times the bound on the information of c.

    Attributes:
        latent_indices: which dimensions of a Gaussian code c is, as numbers or as "3,17"; none where c is the category
        critic_input: what Q is given, one of ``CRITIC_INPUTS``
        augmented: whether Q is given it turned, scaled, sheared and shifted a little (``random_affine``)
        adversarial: the length of a further step, by which the image is moved to where log Q falls fastest
            (``adversarial_step``); 0 for none
    """

    beta: float = 1.0
    weight: float = 5.0
    latent_indices: tuple[int, ...] = ()
    critic_input: str = "reconstruction"
    augmented: bool = False
    adversarial: float = 0.0
    table: ClassVar[str] = "latents"
    auxiliary_model = VariationalPosterior
    literal: ClassVar[bool] = False

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "latent_indices", _indices(self.latent_indices))
        check_beta(self.beta)
        check_weight(self.weight, or_zero=True)
        check_weight(self.adversarial, or_zero=True, name="adversarial")
        if self.critic_input not in CRITIC_INPUTS:
            raise ValueError(f"critic_input: expected one of {', '.join(CRITIC_INPUTS)}, got {self.critic_input!r}")
        if self.critic_input == "encoder" and self.latent_indices:
            raise ValueError("critic_input: expected 'encoder' for categories only, got it beside latent_indices")

    @property
    def label(self) -> str:
        """As in "mi_valid 2"."""
        return f"{self.name} {self.weight:g}"

    def validate_model(self, family: str, categories: int, latent_dim: int) -> None:
        """Raise ``ValueError`` unless the code has either categories or the dimensions asked about."""
        given = ",".join(map(str, self.latent_indices))
        if not categories and not self.latent_indices:
            raise ValueError(f"latent_indices: expected some dimensions of the code, such as '3,17', got {given!r}")
        if categories and self.latent_indices:
            raise ValueError(f"latent_indices: expected none beside categories, got {given!r}")
        if any(index >= latent_dim for index in self.latent_indices):
            raise ValueError(f"latent_indices: expected dimensions from 0 to {latent_dim - 1}, got {given!r}")

    def loss(self, model: VAE, out: ForwardOutput, step: TrainingStep, auxiliary: Any = None) -> Tensor:
        """``information_regularised`` with the bound of the batch."""
        rng = step.generator(POSTERIOR_STREAM, out.x.device)
        return information_regularised(out.terms, self.beta, auxiliary.information(model, out, rng), self.weight)


@register("mi_literal")
class LiteralInformation(InformationRegularised):
    """With the entropy of the marginal for H(c), as in the source: no bound."""

    literal = True


@register("mi_valid")
class ValidInformation(InformationRegularised):
    """With the entropy of the batch's aggregate for H(c): a lower bound, on average."""


def _indices(given: str | Sequence[int]) -> tuple[int, ...]:
    """Dimensions between commas, or a sequence of them; raises ``ValueError`` unless whole, different, 0 or more."""
    parts = [part for part in given.split(",") if given] if isinstance(given, str) else given
    try:
        found = tuple(int(part) for part in parts)
    except (TypeError, ValueError):
        found = (-1,)
    if len(set(found)) < len(found) or any(index < 0 for index in found):
        raise ValueError(f"latent_indices: expected different whole numbers, 0 or more, between commas, got {given!r}")
    return found


def _entropy(probs: Tensor) -> Tensor:
    return -torch.special.xlogy(probs, probs).sum()
