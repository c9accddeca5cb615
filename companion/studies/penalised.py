"""What the table of penalised objectives holds: what each of them penalises, measured of all in the same way.

At weight 0 all objectives with one beta are one and the same run, and its row stands for all of them: so every row has
every quantity, and ``Penalised.quantity`` says which is an objective's own.
"""

from math import hypot

import numpy as np
import torch
from torch import Tensor
from torch.distributions import Normal

from companion import data
from companion.learn import Config, fit
from companion.measure.decomposition import encode, gaussian_surgery
from companion.models import VAE, draw, generator
from companion.models.critics import Discriminator, logistic_loss
from companion.objectives import (
    TrainingUnit,
    dip_i,
    dip_ii,
    maximum_mean_discrepancy,
    permute_dimensions,
    total_correlation_mss,
)
from companion.objectives.regularised import BETAS, RATE
from companion.seeds import numpy_generator
from companion.stats import Estimate
from companion.terms import RateDistortion

BLOCKS, MINIBATCH = 20, 64  # blocks of a split for the discrepancy, and codes in a minibatch
LEARNED, TURNS, BATCH = 5000, 500, 256  # training images, steps and codes a step of the fresh discriminator

Code = tuple[Tensor, Tensor]  # mean and scale of e(z|x), ``[n, k]`` each


class PenalisedMeasures:
    """The surgery of a model on a split, the estimates of its total correlation, and what is penalised.

    information, marginal_kl, total_correlation, dimension_wise_kl : nats, of the split's own aggregate, which is exact
        (``gaussian_surgery``); the errors are of the draws
    tc_minibatch, tc_discriminator : what ``beta_tcvae`` and ``factor_vae`` take for the total correlation, nats: see
        ``minibatch_total_correlation`` and ``discriminator_total_correlation``; the discriminator is learned once
    dip_i, dip_ii : of the split itself, without error; no unit
    mmd : see ``blockwise_mmd``; no unit
    """

    def __init__(self, model: VAE, config: Config, images: data.ImageData) -> None:
        self.model, self.images = model, images
        self.discriminator = fit_discriminator(gaussian_codes(model, images.train, LEARNED))

    def __call__(self, point: RateDistortion) -> dict[str, float]:
        """All of it on the split of ``point``, by column."""
        mean, scale = code = gaussian_codes(self.model, getattr(self.images, point.split))
        parts = gaussian_surgery(mean, scale.double() ** 2)
        found = {
            "information": (parts.index_information, parts.index_information_se),
            "marginal_kl": (parts.marginal_kl, parts.marginal_kl_se),
            "total_correlation": (parts.total_correlation or 0.0, parts.total_correlation_se),
            "dimension_wise_kl": (sum(parts.dimension_wise_kl), hypot(*parts.dimension_wise_kl_se)),
            "dip_i": (dip_i(*code).item(), 0.0),
            "dip_ii": (dip_ii(*code).item(), 0.0),
        }
        estimates = {"tc_minibatch": minibatch_total_correlation(*code), "mmd": blockwise_mmd(*code)}
        estimates["tc_discriminator"] = discriminator_total_correlation(self.discriminator, *code)
        found |= {name: (each.value, each.se) for name, each in estimates.items()}
        return {name + end: pair[i] for name, pair in found.items() for i, end in enumerate(("", "_se"))}


@torch.no_grad()
def gaussian_codes(model: VAE, images: np.ndarray, most: int | None = None) -> Code:
    """Mean and scale of e(z|x), ``[n, k]`` each, of at most ``most`` of ``images``, in a fixed random order.

    Published splits may be sorted by class.
    """
    mean, variance, _ = encode(model, images[numpy_generator(0).permutation(len(images))[:most]])
    return mean, variance.sqrt().float()


def minibatch_total_correlation(mean: Tensor, scale: Tensor, batch: int = MINIBATCH, seed: int = 0) -> Estimate:
    """``total_correlation_mss`` of minibatches that share no image, averaged; nats.

    The error is of the images and the draws; the estimator's own bias is not in it.

    Args:
        mean, scale: ``[n, k]`` each, in random order
    """
    rng = generator(seed, device=mean.device)
    pairs = [(m, s) for m, s in zip(mean.split(batch), scale.split(batch), strict=True) if len(m) == batch]
    each = [total_correlation_mss(draw(Normal(m, s), rng), m, s, len(mean)) for m, s in pairs]
    return Estimate.of(torch.stack(each))


def fit_discriminator(code: Code, seed: int = 0) -> Discriminator:
    """A discriminator that has learned to tell codes from permuted ones, as under ``factor_vae``, the model frozen."""
    mean, scale = code
    network = Discriminator(mean.shape[1], seed=seed).to(mean.device)

    def batch(step: int) -> Tensor:
        chosen = torch.randint(len(mean), (BATCH,), generator=generator(seed, 1, step)).to(mean.device)
        return torch.cat([mean[chosen], scale[chosen]], 1)

    def loss(x: Tensor, rng: torch.Generator, step: int) -> Tensor:
        loc, spread = x.chunk(2, 1)
        z = draw(Normal(loc, spread), rng)
        return logistic_loss(network(z), network(permute_dimensions(z, rng)))

    unit = TrainingUnit("discriminator", loss, torch.optim.Adam(network.parameters(), lr=RATE, betas=BETAS))
    for _ in fit([unit], batch, TURNS, seed, str(mean.device)):
        pass
    return network


@torch.no_grad()
def discriminator_total_correlation(network: Discriminator, mean: Tensor, scale: Tensor, seed: int = 0) -> Estimate:
    """The mean logit at one code of each e(z|x), as ``factor_vae`` takes total correlation; nats.

    Kim & Mnih (2018), eq. 3. No bound on either side. It speaks of the population's aggregate, and no more of it than
    the discriminator has learned to see; that of n images, with codes narrow enough to tell them apart, has a far
    larger total correlation.
    """
    return Estimate.of(network(draw(Normal(mean, scale), generator(seed, 2, device=mean.device))))


def blockwise_mmd(mean: Tensor, scale: Tensor, seed: int = 0) -> Estimate:
    """``maximum_mean_discrepancy`` of the aggregate and N(0, I), averaged over ``BLOCKS`` of images; no unit.

    Every block has its own images and its own draws of N(0, I): unbiased for the population's aggregate.

    Args:
        mean, scale: ``[n, k]`` each, in random order, n being 2 ``BLOCKS`` or more
    """
    rng = generator(seed, 3, device=mean.device)
    z = draw(Normal(mean, scale), rng)
    others = torch.randn(z.shape, generator=rng, device=z.device).tensor_split(BLOCKS)
    pairs = zip(z.tensor_split(BLOCKS), others, strict=True)
    return Estimate.of(torch.stack([maximum_mean_discrepancy(*pair) for pair in pairs]))
