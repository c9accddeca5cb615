"""Rewarding information: a reader Q tells from an image which code it was decoded from (Serdega (2019), algorithm 1).

For any Q, the mean of log Q(c|y) bounds -H(c|y) from below, so that

    I(c; y) = H(c) - H(c|y) >= H(c) + E log Q(c|y)        (Barber & Agakov (2003); Serdega (2019), eq. 4.4)

where y is what Q reads and H(c) the entropy of the aggregate of c over the data. At each batch the reader takes a step
first, and tightens the bound; then the model takes its own, and raises it. What Q may read (``Config.reads``):

- ``reconstruction``: the decoder's mean at the whole code, as in the source. The rest of the code is in it, too, and
  may give c away.
- ``prior``: the decoder's mean at c and a rest drawn from the marginal, so that c alone is asked about.
- ``image``: the image itself. This bounds I(c; x): the other two bound what the decoder shows of c.
- ``encoder``: the image, too, by the encoder's own e(c|x) in place of a network beside it, categories only. With the
  valid entropy the bound is I(c; x) of the batch; of shaken images it falls short by what the shaking costs.

``mi_literal`` takes for H(c) the entropy of the marginal, as the source does. The sum is then no bound: with every
image in one category it is log K, where the information is 0. ``mi_valid`` takes the entropy of the batch's aggregate,
which on average is at most H(c).
"""

from math import e as EULER
from math import log, pi, prod
from typing import Any

import torch
from torch import Tensor
from torch.distributions import Distribution

from companion.learn.config import Config
from companion.learn.objectives import informed
from companion.learn.players import Opponent, Player
from companion.measure.aggregate import pairwise_log_density
from companion.measure.minibatch import log_qz_batch
from companion.models import (
    VAE,
    CategoricalRecognitionNetwork,
    ForwardOutput,
    GaussianCategorical,
    GaussianRecognitionNetwork,
    draw,
    generator,
    random_affine,
)
from companion.seeds import DRAWS

RATE, UNITS = 1e-3, 256  # of Adam, and of the hidden layers, for the reader
LATER = 9  # what the model's turn draws for the reader, among a step's draws


class Reader(Opponent):
    """Q(c|y) for the part c of the code that ``config`` asks about: its category, or some of its numbers.

    ``sampled`` readers see a draw of the decoder in place of its mean, which is no image.
    """

    title, first = "reader", True

    def __init__(self, model: VAE, config: Config, sampled: bool = False) -> None:
        super().__init__()
        self.config, self.sampled = config, sampled
        self.network = None if config.reads == "encoder" else recogniser(prod(model.image_shape), config)
        self._model = [model]  # in a list, so that its weights are not the reader's

    def objective(self, passage: ForwardOutput, step: int) -> Tensor:
        """D + beta R - weight times the bound; nats."""
        rng = generator(self.config.seed, DRAWS, step, LATER, device=str(passage.x.device))
        return informed(passage.terms, self.config.beta, self.information(passage, rng), self.config.weight)

    def information(self, passage: ForwardOutput, rng: torch.Generator) -> Tensor:
        """H(c) + E log Q(c|y), averaged over the batch; nats. H(c) as the objective of the configuration takes it."""
        return self.entropy(passage) + self.log_q(passage, rng).mean()

    def entropy(self, passage: ForwardOutput) -> Tensor:
        """H(c) of the marginal, or of the batch's aggregate, on average at most that of the data's; nats."""
        e = passage.e
        if isinstance(e, GaussianCategorical):
            literal = torch.tensor(log(self.config.categories))
            return literal if self.literal else _entropy(e.category.probs.mean(0))
        numbers = list(self.config.numbers)
        if self.literal:
            return torch.tensor(0.5 * len(numbers) * log(2 * pi * EULER))
        log_e = pairwise_log_density(passage.z[:, numbers], e.mean[:, numbers], e.variance[:, numbers])
        return -log_qz_batch(log_e).mean().float()

    @property
    def literal(self) -> bool:
        """Whether the entropy is the marginal's."""
        return self.config.objective == "mi_literal"

    def log_q(self, passage: ForwardOutput, rng: torch.Generator) -> Tensor:
        """log Q(c|y) of each image's code, ``[n]``; for a category read off the image, its mean over e(c|x)."""
        q = self.q(self.seen(passage, rng))
        if isinstance(passage.e, GaussianCategorical):
            exact = self.config.reads in ("image", "encoder")
            c = passage.e.category.probs if exact else passage.e.split(passage.z)[1]
            return (c * q.logits).sum(1)
        return q.log_prob(passage.z[:, list(self.config.numbers)])

    def q(self, seen: Tensor) -> Any:
        """Q(c|y) of ``seen`` images ``[n, H, W]``."""
        if self.network is None:
            return self._model[0].encoder(seen).category
        return self.network((2 * seen - 1).flatten(1))

    def seen(self, passage: ForwardOutput, rng: torch.Generator) -> Tensor:
        """What Q reads, ``[n, H, W]`` in [0, 1]."""
        match self.config.reads:
            case "image" | "encoder":
                seen = passage.x
            case "prior":
                seen = self.shown(self.resampled(passage, rng), rng)
            case _:
                seen = self.shown(passage.d, rng)
        return random_affine(seen, rng) if self.config.shaken else seen

    def shown(self, d: Distribution, rng: torch.Generator) -> Tensor:
        """What d(x|z) shows: its mean, or a draw without gradient."""
        return draw(d, rng).float() if self.sampled else d.mean

    def resampled(self, passage: ForwardOutput, rng: torch.Generator) -> Distribution:
        """d(x|z) where all of the code but c is drawn from the marginal."""
        model = self._model[0]
        code = draw(model.marginal(), rng, (len(passage.z),))
        kept = torch.zeros(code.shape[1], dtype=torch.bool, device=code.device)
        numbers = self.config.numbers
        kept[list(numbers) if numbers else slice(-self.config.categories, None)] = True
        return model.decoder(torch.where(kept, passage.z, code))

    def players(self, model: VAE) -> list[Player]:
        """The reader, unless it is the encoder, which learns with the model."""
        return [] if self.network is None else [self.player(model)]

    def player(self, model: VAE) -> Player:
        """The reader itself: it raises the mean of log Q at codes as they are, with one-hot categories."""

        def loss(x: Tensor, rng: torch.Generator, step: int) -> Tensor:
            with torch.no_grad():
                passage = model(x, rng)
            return -self.log_q(passage, rng).mean()

        return Player("the reader", loss, torch.optim.Adam(self.parameters(), lr=RATE))


def recogniser(pixels: int, config: Config) -> CategoricalRecognitionNetwork | GaussianRecognitionNetwork:
    """An untrained Q for the part of the code that ``config`` asks about, reading so many ``pixels``."""
    if config.categories:
        return CategoricalRecognitionNetwork(pixels, config.categories, UNITS, config.seed)
    return GaussianRecognitionNetwork(pixels, len(config.numbers), UNITS, config.seed)


def _entropy(probs: Tensor) -> Tensor:
    return -torch.special.xlogy(probs, probs).sum()
