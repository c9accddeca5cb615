"""A category that is in the picture both ways: the encoder tells it from an image, and from what is drawn of it.

``mi_valid`` pays for the information that images give about c, and does not make the decoder look at c: z may tell it
the class as well. ``mi_drawn`` pays for a second information, the one that a drawing gives about the category it was
drawn from, where z comes from elsewhere (as in Chen et al. (2016)). With c uniform over K categories, and the encoder
as the reader of the drawing y,

    I(c; y) = log K - H(c|y) >= log K + E log e(c|y) .

The decoder learns from it, and the part z of an image's code, with the layers that z and c share; how a drawing is read
does not follow it. So the two cannot agree on a secret mark for each category. In training y is the decoder's mean,
which may say more of c than a drawing.
"""

from dataclasses import dataclass
from math import log
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call

from companion.models import VAE, ForwardOutput, draw, random_affine
from companion.objectives.base import TrainingStep, check_weight, register
from companion.objectives.information import ValidInformation

DRAWING_STREAM = 10  # of a step's generators: new categories, and what else the decoder is given beside them


@register("mi_drawn")
@dataclass(frozen=True)
class DrawnInformation(ValidInformation):
    """D + beta R - weight (bound on I(c; x) - balance KL(aggregate of c || uniform)) - drawn ``drawn_information``.

    What ``weight`` multiplies is at most I(c; x), too. The rate of c is I(c; x) plus that divergence: so the first of
    its two parts is paid for, and the second one is charged again. The last weight grows with the steps until the
    middle of training, when the categories are settled.

    Attributes:
        drawn: what a nat is worth that a drawing shows of its category
        balance: what a nat costs by which the aggregate of the batch is not uniform, in units of ``weight``
        hard: whether the decoder is given categories as they are drawn, without a gradient, and not relaxed ones: then
            the distortion has no direct say in what a category is
    """

    critic_input: str = "encoder"
    augmented: bool = True
    adversarial: float = 1.0
    drawn: float = 10.0
    balance: float = 0.0
    hard: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        check_weight(self.drawn, or_zero=True, name="drawn")
        check_weight(self.balance, or_zero=True, name="balance")

    @property
    def relaxes(self) -> bool:
        """Not where categories are ``hard``."""
        return not self.hard

    def validate_model(self, family: str, categories: int, latent_dim: int) -> None:
        """Raise ``ValueError`` unless the code has categories."""
        super().validate_model(family, categories, latent_dim)
        if not categories:
            raise ValueError("categories: expected 2 or more with the objective mi_drawn, got 0")

    def loss(self, model: VAE, out: ForwardOutput, step: TrainingStep, auxiliary: Any = None) -> Tensor:
        """That of ``mi_valid``, with the divergence of the batch's aggregate, and less the second reward."""
        rng = step.generator(DRAWING_STREAM, out.x.device)
        grown = self.drawn * min(1.0, 2 * step.progress)
        uneven = log(out.e.categorical.event_shape[0]) - auxiliary.entropy(out)  # type: ignore[attr-defined]
        loss = super().loss(model, out, step, auxiliary) + self.weight * self.balance * uneven
        return loss - grown * drawn_information(model, out, rng, self.augmented)


def drawn_information(model: VAE, out: ForwardOutput, rng: torch.Generator, augmented: bool = True) -> Tensor:
    """log K + E log e(c|y) for the decoder's means y at new, uniform categories; nats, on average at most I(c; y).

    In one half of the batch z is that of an image, in the other it is drawn from the marginal. No gradient reaches the
    weights that read y.
    """
    fresh, half = draw(model.marginal(), rng, (len(out.z),)), len(out.z) // 2
    z, _ = out.e.split(out.z)  # type: ignore[attr-defined]
    new, c = out.e.split(fresh)  # type: ignore[attr-defined]
    y = model.decoder(torch.cat([torch.cat([z[:half], new[half:]]), c], 1)).mean
    read = read_unchanged(model.encoder, random_affine(y, rng) if augmented else y).categorical.logits
    return log(c.shape[1]) + (c * read).sum(1).mean()


def read_unchanged(encoder: nn.Module, y: Tensor) -> Any:
    """e(.|y) with a gradient with respect to ``y`` alone."""
    return functional_call(encoder, {name: weight.detach() for name, weight in encoder.named_parameters()}, (y,))
