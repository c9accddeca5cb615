"""The museum's estimators of what one model has: sums and means, the right distribution, the right data.

Each number has a wrong estimator, written out, whose docstring says how one notices, and a right one that calls the
package. Each takes a seed, and moves no global random state.
"""

from itertools import product
from math import log

import numpy as np
import torch
from torch import Tensor
from torch.distributions import Bernoulli, Categorical, Independent, Normal, OneHotCategorical, kl_divergence

from companion import exact, measure
from companion.models import VAE, LinearVAE, draw, generator
from companion.objectives import beta_vae
from companion.stats import Estimate
from companion.terms import Terms

# Sums and means: a linear model of 20 pixels at its optimum, and one of 3 pixels with a code of one bit.
LINEAR = exact.linear_beta_vae([16, 9, 4, 2] + [0.25] * 16, beta=4.0, noise=0.25, latent_dim=4)
K, DOTS = 5, torch.tensor(list(product((0.0, 1.0), repeat=3)))
SLOPES, INK = torch.tensor([[2.0, -2.0], [1.0, 0.0], [0.0, -1.0]]), torch.tensor([[0.7, 0.9, 0.2], [0.1, 0.2, 0.6]])
DOT_MODEL = VAE(
    lambda x: OneHotCategorical(logits=x @ SLOPES),
    lambda z: Independent(Bernoulli(probs=z @ INK), 1),
    lambda: OneHotCategorical(probs=torch.tensor([0.5, 0.5])),
)


def linear_model() -> LinearVAE:
    """The model whose rate and distortion are those of ``LINEAR``."""
    model = LinearVAE(20, latent_dim=4, noise=LINEAR.noise).double().requires_grad_(False)
    values, level = torch.from_numpy(LINEAR.eigenvalues[:4].copy()), LINEAR.water_level
    model.encoder.weight.copy_(torch.eye(4, 20) * ((values - level).sqrt() / values)[:, None])
    model.encoder.log_variance.copy_((level / values).log())
    model.decoder.weight.copy_(torch.eye(20, 4) * (values - level).sqrt())
    return model


MODEL = linear_model()


def _images(seed: int) -> Tensor:
    noise = torch.randn(500, 20, generator=generator(seed), dtype=torch.float64)
    return noise * torch.from_numpy(LINEAR.eigenvalues.copy()).sqrt()


def _dots(seed: int) -> Tensor:
    return DOTS[torch.randint(len(DOTS), (2000,), generator=generator(seed))]


def mean_over_pixels(seed: int) -> Estimate:
    """The number does not grow with the image: hundreds of pixels cost about as much as one."""
    x = _images(seed)
    d = MODEL.decoder(draw(MODEL.encoder(x), generator(seed, 1)))
    return Estimate.of(-d.base_dist.log_prob(x).mean(1))


def distortion(seed: int) -> Estimate:
    """Unbiased for D."""
    return Estimate.of(MODEL.terms(_images(seed)).distortion)


def mean_over_dimensions(seed: int) -> Estimate:
    """The rate falls when dimensions that carry nothing are added to the code."""
    e, m = MODEL.encoder(_images(seed)).base_dist, Normal(0.0, 1.0)
    return Estimate.of(kl_divergence(e, m).mean(1))


def rate(seed: int) -> Estimate:
    """Unbiased for R."""
    return Estimate.of(MODEL.terms(_images(seed)).rate)


def unread_beta(seed: int) -> Estimate:
    """Two runs with one seed and different beta end with the same weights, to the last digit."""

    def loss(terms: Terms, beta: float) -> Tensor:
        return (terms.distortion + terms.rate).mean()

    terms = map(MODEL.terms, _images(seed).split(50))
    each = [loss(t, beta=4.0) for t in terms]
    return Estimate.of(torch.stack(each))


def beta_objective(seed: int) -> Estimate:
    """Unbiased for D + beta R."""
    terms = map(MODEL.terms, _images(seed).split(50))
    each = [beta_vae(t, beta=4.0) for t in terms]
    return Estimate.of(torch.stack(each))


def sum_of_weights(seed: int) -> Estimate:
    """The bound gains about log 2 whenever the number of draws is doubled, and it never levels off."""
    x, rng = _dots(seed), generator(seed, 1)
    draws = [DOT_MODEL.terms(x, rng, closed_form=False) for _ in range(K)]
    log_weights = torch.stack([terms.elbo for terms in draws])
    return Estimate.of(log_weights.logsumexp(0))


def importance_bound(seed: int) -> measure.ImportanceBound:
    """Unbiased for IWAE-5, which is itself below log p(x)."""
    return measure.iwae(DOT_MODEL, _dots(seed).numpy(), K, seed=seed)


# Which distribution: six images in ten drawers; 16 codes that overlap; ten grey pictures of 12 pixels.
DRAWERS = 0.9 * torch.eye(10, dtype=torch.float64)[[0, 0, 0, 0, 0, 1]] + 0.01
MEANS, VARIANCES = torch.linspace(-1, 1, 16, dtype=torch.float64)[:, None], torch.ones(16, 1, dtype=torch.float64)
GREY = 0.2 + 0.6 * torch.rand(10, 12, generator=generator(0), dtype=torch.float64)


def _reader(x: Tensor, c: Tensor) -> Tensor:
    """log p(c|x) of the decoder ``GREY``, for each pair."""
    log_d = Bernoulli(GREY, validate_args=False).log_prob(x[:, None]).sum(2)
    return log_d.log_softmax(1)[torch.arange(len(c)), c]


def information_of_counts(a: np.ndarray, b: np.ndarray) -> float:
    """The information of the shares of each pair of values among all pairs: too large on average."""
    table = np.zeros((a.max() + 1, b.max() + 1))
    np.add.at(table, (a, b), 1 / len(a))
    return exact.mutual_information(table)


def prior_entropy(seed: int) -> float:
    """An encoder that names one category for every image gets log K, the largest number there is."""
    noise = torch.special.entr(DRAWERS).sum(1).mean()
    return log(10) - float(noise)


def aggregate_entropy(seed: int) -> float:
    """Exact for these images."""
    return measure.category_information(DRAWERS).value


def means_for_codes(seed: int) -> float:
    """The information stays as it is however much noise the encoder adds."""
    place = np.digitize(MEANS[:, 0], np.linspace(-1, 1, 21))
    return information_of_counts(np.arange(16), place)


def drawn_codes(seed: int) -> Estimate:
    """Unbiased for I(n; z), from 50 sets of codes."""
    seeds = range(50 * seed, 50 * seed + 50)
    cuts = [measure.gaussian_surgery(MEANS, VARIANCES, seed=s) for s in seeds]
    return Estimate.of(torch.tensor([cut.index_information for cut in cuts]))


def means_for_samples(seed: int) -> Estimate:
    """The result falls once the pictures are rounded to black and white at random, as samples are."""
    c = torch.randint(10, (5000,), generator=generator(seed))
    x = GREY[c]
    return measure.barber_agakov(_reader(x, c), log(10))


def samples(seed: int) -> Estimate:
    """Unbiased for I(c; x), since this reader is the posterior itself."""
    c = torch.randint(10, (5000,), generator=generator(seed))
    x = draw(Bernoulli(GREY[c]), generator(seed, 1)).double()
    return measure.barber_agakov(_reader(x, c), log(10))


# Data: a marginal learned from 15 of 40 images; eight grey images of six pixels.
ENCODER = 0.7 * torch.eye(40, dtype=torch.float64) + 0.3 / 40
LEARNED = ENCODER[:15].mean(0)
SHADES = 0.1 + 0.8 * torch.rand(8, 6, generator=generator(1), dtype=torch.float64)


def _rates(images: Tensor) -> Tensor:
    return kl_divergence(Categorical(ENCODER[images]), Categorical(LEARNED))


def log_drawn(x: Tensor) -> Tensor:
    """log p(x) of one of the eight images whose pixels are drawn, ``[n]``."""
    return Bernoulli(SHADES).log_prob(x[:, None]).sum(2).logsumexp(1) - log(len(SHADES))


def rate_in_training(seed: int) -> Estimate:
    """The rate rises when the same model is measured on images that it has not seen."""
    images = torch.arange(15)
    return Estimate.of(_rates(images))


def rate_on_new_images(seed: int) -> Estimate:
    """Unbiased for the rate of the population."""
    images = torch.randint(40, (2000,), generator=generator(seed))
    return Estimate.of(_rates(images))


def binarised_once(seed: int) -> float:
    """The least price is log N nats or below, and it rises once the pixels are drawn anew."""
    x = draw(Bernoulli(SHADES), generator(seed))
    _, counts = torch.unique(x, dim=0, return_counts=True)
    return exact.entropy(counts.numpy() / len(x))


def binarised_anew(seed: int) -> Estimate:
    """Unbiased for the entropy of the images whose pixels are drawn at every use."""
    x = draw(Bernoulli(SHADES), generator(seed), (500,)).double()
    return Estimate.of(-log_drawn(x.flatten(0, 1)).view(500, 8).mean(1))
