"""How a trained code uses its categories: exact sums over e(c|x), and what a reader finds of them.

The quantities of c alone need no draw. Over the images x_1 .. x_n, with q(c) = (1/n) sum_i e(c|x_i),

    KL(e(c|x) || uniform) = I(c; x) + KL(q(c) || uniform),        mean over images; log K at most

so a large mean KL may be all information, or none: images that all go to one category have log K of it as well.
"""

from math import log, sqrt

import numpy as np
import torch
from torch import Tensor
from torch.distributions import Distribution
from torch.nn import functional

from companion.measure.passes import image_batches, in_evaluation_mode
from companion.models import VAE, GaussianCategorical, draw, generator
from companion.stats import Estimate


@in_evaluation_mode
def category_probabilities(model: VAE, images: np.ndarray, batch_size: int = 500) -> Tensor:
    """e(c|x) of binary ``images`` ``[n, H, W]``: ``[n, K]``, in double precision.

    Raises ``ValueError`` for a model whose code has no categories.
    """
    found = []
    for x in image_batches(images, batch_size):
        e = _with_categories(model.encoder(model.check_data(x)))
        found.append(e.categorical.logits.double().softmax(1))
    return torch.cat(found)


def category_information(probs: Tensor) -> Estimate:
    """I(c; x) of e(c|x) ``[n, K]``, over the n images: H(q(c)) - mean H(e(c|x)), from 0 to log K; nats.

    The sum over the categories is exact. As an estimate for all images it is, on average, too small (so is the entropy
    of q), by about (K - 1) / 2n; the standard error, by the delta method, is for them.

    >>> round(category_information(torch.eye(4, dtype=torch.float64)).value, 4)  # log 4
    1.3863
    """
    return Estimate.of(torch.special.xlogy(probs, probs).sum(1) - _cross(probs))


def category_kl(probs: Tensor) -> Estimate:
    """The mean of KL(e(c|x) || uniform), from 0 to log K; nats: the rate of c under the uniform marginal."""
    return Estimate.of(torch.special.xlogy(probs, probs).sum(1) + log(probs.shape[1]))


def category_entropy(probs: Tensor) -> Estimate:
    """H(q(c)) of the aggregate over the n images, from 0 to log K; nats. See ``category_information`` for the error."""
    return Estimate.of(-_cross(probs))


def entropy_lower_bound(probs: Tensor, risk: float = 0.05) -> float:
    """A lower confidence bound on H(q(c)) over all images, from n independent ones: missed with probability ``risk``.

    The entropy of the sample's q is at most H(q(c)) on average, and one image moves it by at most (2/n) log(nK/2). So
    McDiarmid's inequality bounds it from below whatever the encoder is; for 10 000 images and 10 categories it costs a
    quarter of a nat.

    Raises ``ValueError`` unless 0 < risk < 1, and for fewer than three images.
    """
    n, k = probs.shape
    if not 0 < risk < 1 or n < 3:
        raise ValueError(f"risk, probs: expected 0 < risk < 1 and three images or more, got {risk!r} and {n}")
    return max(0.0, category_entropy(probs).value - log(n * k / 2) * sqrt(2 * log(1 / risk) / n))


def majority_accuracy(probs: Tensor, labels: np.ndarray) -> Estimate:
    """The share of images whose label is the most frequent one of their category, argmax e(c|x).

    The labels name the categories, on the same images: so this is how pure the categories are, never below the share of
    the most frequent label. The standard error is that of the share, the naming given.

    >>> majority_accuracy(torch.eye(2).repeat(3, 1), np.array([7, 3, 7, 3, 7, 7])).value
    0.8333333333333334
    """
    category = probs.argmax(1).numpy()
    table = np.zeros((probs.shape[1], labels.max() + 1), int)
    np.add.at(table, (category, labels), 1)
    return Estimate.of(torch.from_numpy(table.argmax(1)[category] == labels))


@in_evaluation_mode
def read_again(model: VAE, n: int = 10_000, seed: int = 0) -> Estimate:
    """How often the encoder reads in a drawing the category that it was drawn from; 1 / K is chance.

    Of ``n`` codes drawn from the marginal: the decoder draws an image, and the encoder's most probable category is
    compared. It is about what this encoder reads, and not about what anybody else would.

    Raises ``ValueError`` for a model whose code has no categories.

    >>> from companion.models import family
    >>> untrained = family("---", image_shape=(8, 8), latent_dim=4, width=0.25, categories=4)
    >>> 0 <= read_again(untrained, n=100).value <= 1
    True
    """
    marginal, rng = _with_categories(model.marginal()), generator(seed)
    same = [
        _read(model, code, rng) == marginal.split(code)[1].argmax(1) for code in draw(marginal, rng, (n,)).split(500)
    ]
    return Estimate.of(torch.cat(same).double())


@in_evaluation_mode
def category_swap(model: VAE, images: np.ndarray, seed: int = 0) -> tuple[Estimate, Estimate]:
    """What becomes of binary ``images`` ``[n, H, W]`` when each keeps its z and gets another category, at random.

    Returns how often the encoder reads the new category in a drawing, and by how much -log d(x|z, c) rises from the
    category that the encoder told; nats.

    Raises ``ValueError`` for a model whose code has no categories.

    >>> from companion.models import family
    >>> untrained = family("---", image_shape=(8, 8), latent_dim=4, width=0.25, categories=4)
    >>> read, cost = category_swap(untrained, np.zeros((20, 8, 8), bool))
    >>> read.n, cost.n
    (20, 20)
    """
    rng, read, cost = generator(seed), [], []
    for x in image_batches(images):
        e = _with_categories(model.encoder(model.check_data(x)))
        z, told = draw(e.gaussian, rng), e.categorical.logits.argmax(1)
        k = e.categorical.event_shape[0]
        new = (told + torch.randint(1, k, told.shape, generator=rng)) % k
        was, now = (torch.cat([z, functional.one_hot(c, k).to(z)], 1) for c in (told, new))
        read.append(_read(model, now, rng) == new)
        cost.append(model.decoder(was).log_prob(x.to(z)) - model.decoder(now).log_prob(x.to(z)))
    return Estimate.of(torch.cat(read).double()), Estimate.of(torch.cat(cost).double())


def _read(model: VAE, code: Tensor, rng: torch.Generator) -> Tensor:
    """The most probable category of a drawing of each ``code``."""
    return model.encoder(draw(model.decoder(code), rng).to(code)).categorical.logits.argmax(1)


def _with_categories(code: Distribution) -> GaussianCategorical:
    """``code`` itself; raises ``ValueError`` where it has no categories."""
    if not isinstance(code, GaussianCategorical):
        raise ValueError(f"model: expected a code with categories, got {type(code).__name__}")
    return code


def _cross(probs: Tensor) -> Tensor:
    """sum_c e(c|x) log q(c), ``[n]``: its mean is -H(q(c)), and its spread that of the estimate, to first order."""
    return torch.special.xlogy(probs, probs.mean(0)).sum(1)
