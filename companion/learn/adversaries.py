"""Adversaries: a discriminator learns to tell codes apart, and the model learns codes that it cannot tell apart.

The discriminator sees codes as they are, so that its own loss has no gradient in the encoder, and codes of another kind
beside them. The model sees the discriminator's logits at its codes, through codes that have gradients, and the
discriminator's weights are not among those it moves. The model's turn at a batch comes first; then the discriminator's,
on the codes of that turn.
"""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn.functional import softplus

from companion.learn.config import Config
from companion.learn.objectives import penalised
from companion.learn.players import Opponent, Player
from companion.models import VAE, ForwardOutput, draw
from companion.models.critics import Discriminator, logistic_loss

RATE, BETAS = 1e-3, (0.5, 0.9)  # of Adam, for a discriminator


class Adversary(Opponent):
    """WAE-GAN's: codes against draws of the marginal (Tolstikhin et al. (2018), algorithm 1).

    Their network adds log m(z) to the logits, which this one has to learn.
    """

    title = "discriminator"
    codes: Tensor

    def __init__(self, model: VAE, config: Config) -> None:
        super().__init__()
        self.config = config
        self.network = Discriminator(config.latent_dim)

    def objective(self, passage: ForwardOutput, step: int) -> Tensor:
        """D + beta R + weight times ``penalty``; remembers the codes, without their gradients."""
        self.codes = passage.z.detach()
        return penalised(passage.terms, self.config.beta, self.config.weight, self.penalty(passage.z))

    def penalty(self, z: Tensor) -> Tensor:
        """-log of the probability, by the discriminator, that codes ``[n, k]`` are the marginal's; nats, averaged.

        The loss of a generator that does not saturate. At chance it is log 2; it has no bound above.
        """
        return softplus(-self.network(z)).mean()

    def separation(self, rng: torch.Generator) -> Tensor:
        """The discriminator's loss on the codes remembered, beside draws of the marginal, the true kind; nats."""
        prior = torch.randn(self.codes.shape, generator=rng, device=self.codes.device)
        return logistic_loss(self.network(prior), self.network(self.codes))

    def player(self, model: VAE) -> Player:
        """The discriminator itself."""
        optimizer = torch.optim.Adam(self.parameters(), lr=RATE, betas=BETAS)
        return Player("the discriminator", lambda x, rng, step: self.separation(rng), optimizer)


class Permuting(Adversary):
    """FactorVAE's: codes against codes whose dimensions come from different images (Kim & Mnih (2018), algorithm 2).

    The best logit is log q(z) / prod_j q(z_j), whose mean under q is the total correlation.
    """

    def penalty(self, z: Tensor) -> Tensor:
        """The mean logit at codes ``[n, k]``: an estimate of total correlation, and no bound; nats."""
        return self.network(z).mean()

    def separation(self, rng: torch.Generator) -> Tensor:
        """The discriminator's loss on the codes remembered, the true kind, beside them permuted; nats."""
        return logistic_loss(self.network(self.codes), self.network(permuted(self.codes, rng)))


class Fooled(Adversary):
    """The adversarial autoencoder's, in two phases (Makhzani et al. (2016), section 2).

    The model reconstructs, descending D alone. Then the discriminator takes its step, and then the encoder one of its
    own, by a second optimiser, against the discriminator. Adam forgets the scale of a loss, so ``Config.weight``
    multiplies the learning rate of that step.
    """

    def objective(self, passage: ForwardOutput, step: int) -> Tensor:
        """D, averaged over the batch; remembers the codes, without their gradients."""
        self.codes = passage.z.detach()
        return penalised(passage.terms, self.config.beta, 0.0, 0.0)

    def players(self, model: VAE) -> list[Player]:
        """The discriminator, then the encoder."""

        def loss(x: Tensor, rng: torch.Generator, step: int) -> Tensor:
            return self.penalty(draw(model.encoder(model.check_images(x)), rng))

        rate = self.config.weight * self.config.learning_rate
        encoder = Player("the encoder", loss, torch.optim.Adam(model.encoder.parameters(), lr=rate, betas=BETAS))
        return [self.player(model), encoder]


def permuted(z: Tensor, rng: torch.Generator) -> Tensor:
    """Codes ``[n, k]``, each dimension permuted across the batch on its own: nearly draws of prod_j q(z_j)."""
    return z.gather(0, torch.rand(z.shape, generator=rng, device=z.device).argsort(0))


ADVERSARIES: dict[str, Callable[[VAE, Config], Opponent]] = {
    "factor_vae": Permuting,
    "aae": Fooled,
    "wae_gan": Adversary,
}
