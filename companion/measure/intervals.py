"""The sandwich H - D <= I <= R from finitely many images: confidence limits on both sides, with what they assume.

A standard error says nothing about the tails. Here every mean is of bounded terms, and a limit by betting
(``stats.bounded_mean_limit``) holds at any number of images, whatever the distribution of the terms is. What makes the
terms bounded must leave a lower bound a lower one, and an upper bound an upper one:

- The decoder is mixed with uniform pixels, so that its log probability has a floor. H - D is a lower bound for every
  decoder, and so for this one.
- R may not be cut off at a largest value: it would be too small, and no upper bound. That no image's KL(e(z|x) || m(z))
  exceeds ``largest_rate`` is an assumption, which only the construction of the encoder can justify.
- H must be known. An upper bound on H, such as -ELBO of the best model at hand, would make H - D too large, so without
  H that side is absent. How far apart the codes of two images are takes its place, below.

With the Bhattacharyya coefficient B(x, x') = E_e(z|x) sqrt(e(z|x') / e(z|x)), from 0 for codes that never meet to 1 for
equal ones, and for two independent images,

    I >= -E_x log E_x' B(x, x') >= -log E B(x, x')                        (Kolchinsky and Tracey (2017), section 3)

for every encoder: it is the bound of Barber and Agakov with the reader q(x|z) ~ p(x) sqrt(e(z|x)), after Jensen's
inequality twice. With a code from each of the two, the mean of 1 / cosh((log e(z|x) - log e(z|x')) / 2) is B without
bias, and between 0 and 1.

No lower limit that holds for every distribution can pass 2 log n, except by chance: n images that are drawn from a pool
of n^2 look like those of the population half of the time, and the pool has no more than 2 log n nats (McAllester and
Stratos (2020) have a limit of this order, for pairs of which nothing is known).
"""

from dataclasses import dataclass
from math import inf, log, prod

import numpy as np
import torch

from companion.measure.passes import image_batches, in_evaluation_mode
from companion.models import VAE, AutoregressiveBernoulli, draw, generator
from companion.models.decoders import is_bernoulli
from companion.stats import as_float64, bounded_mean_limit
from companion.units import nats

BATCH = 256  # images, in pairs
MIXED = 1e-3  # of the decoder: the share of uniform pixels


@dataclass(frozen=True)
class InformationInterval:
    """Limits of I(X; Z), in nats, that hold together with the probability ``level`` or more.

    Attributes:
        lower: 0 or more
        upper: infinite where no largest rate is assumed
        level: of confidence
        n: images
        side: what the lower limit stands on, "H - D", "Bhattacharyya", or "none" where it is 0
        assumes: what must hold, in words, beside independent images
    """

    lower: float
    upper: float
    level: float
    n: int
    side: str
    assumes: tuple[str, ...]

    def __str__(self) -> str:
        assumed = f", if {' and '.join(self.assumes)}" if self.assumes else ""
        how = f"({100 * self.level:g}%, {self.side}, n = {self.n})"
        return f"{self.lower:.3f} <= I <= {self.upper:.3f} nats {how}{assumed}"


@in_evaluation_mode
def information_interval(
    model: VAE,
    images: np.ndarray,
    *,
    entropy: float | None = None,
    largest_rate: float | None = None,
    level: float = 0.95,
    seed: int = 0,
) -> InformationInterval:
    """Limits of I(X; Z) of the encoder on the distribution that ``images`` ``[n, ...]`` are independent draws of.

    Images that the model was trained on are no independent draws. They are taken in a random order, since stored sets
    are often sorted, and in pairs; one code is drawn for each.

    Args:
        entropy: H of the data in nats, exact; without it the lower side is by the Bhattacharyya coefficient alone
        largest_rate: that no image's rate KL(e(z|x) || m(z)) exceeds; without it the upper side is infinite. The rate
            must have a closed form: a single draw's log e(z|x) - log m(z) is not bounded by it
        level: of confidence; each side gets half of what is left, and the lower one shares its half where it has two

    Raises ``ValueError`` for a level that is not between 0 and 1, fewer than two images, a rate above ``largest_rate``
    or without a closed form, and, with ``entropy``, a decoder that is not of binary pixels.

    >>> from companion import data, models
    >>> model = models.family("---", image_shape=(8, 8), width=0.25, latent_dim=4)
    >>> found = information_interval(model, data.load("digits").test)
    >>> found.lower >= 0, found.upper
    (True, inf)
    """
    if not 0 < level < 1:
        raise ValueError(f"level: expected a share between 0 and 1, got {level!r}")
    if len(images) < 2:
        raise ValueError(f"images: expected at least two, for a pair, got {len(images)}")
    images = images[np.random.default_rng(seed).permutation(len(images))]
    rate, log_d, affinity = _terms(model, images, seed)
    miss, assumes = (1 - level) / 2, []
    upper = inf
    if largest_rate is not None:
        _check_closed_form(model, images)
        upper = _upper_side(rate, largest_rate, miss)
        assumes.append(f"no rate exceeds {largest_rate:g}")
    share = miss if entropy is None else miss / 2
    sides = {"Bhattacharyya": -log(bounded_mean_limit(affinity, 0.0, 1.0, share, upper=True))}
    if entropy is not None:
        sides["H - D"] = entropy - _distortion_limit(model, log_d, images, share)
        assumes.append(f"H = {entropy:g}")
    side = max(sides, key=lambda name: sides[name])
    lower = max(0.0, sides[side])
    return InformationInterval(lower, upper, level, len(images), side if lower else "none", tuple(assumes))


def _check_closed_form(model: VAE, images: np.ndarray) -> None:
    """Raise ``ValueError`` where the rate of an image depends on the draw of its code."""
    x = image_batches(images, 8)[0]
    first, second = (model.terms(x, generator(number, device=model.device)).rate for number in range(2))
    if not torch.equal(first, second):
        raise ValueError(
            "largest_rate: expected a model whose KL(e(z|x) || m(z)) has a closed form beside it, "
            "got one whose rate is that of a single draw, which is not bounded by its mean"
        )


def _upper_side(rate: np.ndarray, largest: float, miss: float) -> float:
    if rate.max() > largest or rate.min() < 0:
        raise ValueError(
            f"largest_rate: expected one that no image exceeds, and rates of 0 or more, got {largest!r} "
            f"beside rates from {rate.min():g} to {rate.max():g}"
        )
    return bounded_mean_limit(rate, 0.0, largest, miss, upper=True)


def _distortion_limit(model: VAE, log_d: np.ndarray, images: np.ndarray, miss: float) -> float:
    """An upper limit of D, of the decoder mixed with uniform binary pixels."""
    d = model.decoder(draw(model.marginal(), generator(0, device=model.device), (2,)))
    if not (is_bernoulli(d) or isinstance(d, AutoregressiveBernoulli)):
        raise ValueError(f"entropy: expected a decoder of binary pixels beside it, got a {type(d).__name__}")
    floor = log(MIXED) - nats(prod(images.shape[1:]))
    distortion = -np.logaddexp(log_d + np.log1p(-MIXED), floor)
    return bounded_mean_limit(distortion, 0.0, -floor, miss, upper=True)


def _terms(model: VAE, images: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The rate and log d of every image, and an unbiased B of every pair of neighbours, ``[n // 2]``."""
    rng, rates, logs, pairs = generator(seed, device=model.device), [], [], []
    for x in image_batches(images, BATCH):
        out = model(x, rng)
        rates.append(as_float64(out.terms.rate))
        logs.append(as_float64(out.terms.log_d))
        own = as_float64(out.e.log_prob(out.z))
        other = np.arange(len(x)) ^ 1  # the neighbour, of 0 that is 1 and of 1 that is 0
        other[-1] = min(other[-1], len(x) - 1)
        foreign = as_float64(out.e.log_prob(out.z[other]))  # log e(z'|x)
        whole = len(x) // 2 * 2
        apart = (own - foreign[other])[:whole]  # log e(z|x) - log e(z|x')
        pairs.append((1 / np.cosh(np.clip(apart / 2, -700, 700))).reshape(-1, 2).mean(1))
    return np.concatenate(rates), np.concatenate(logs), np.concatenate(pairs)
