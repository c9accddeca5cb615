"""The sandwich H - D <= I <= R from finitely many images: confidence limits on both sides, with what they assume.

A standard error says nothing about the tails. Here every mean is of bounded terms, and a limit by betting
(``stats.bounded_mean_limit``) holds at any number of images, whatever the distribution of the terms is. What makes the
terms bounded must leave a lower bound a lower one, and an upper bound an upper one:

- The decoder is mixed with uniform pixels, so that its log probability has a floor. H - D is a lower bound for every
  decoder, and so for this one.
- R may not be cut off at a largest value: it would be too small, and no upper bound. That no image's KL(e(z|x) || m(z))
  exceeds ``largest_rate`` is an assumption, which only the construction of the encoder can justify.
- H must be known. An upper bound on H, such as -ELBO of the best model at hand, would make H - D too large, so without
  H that side is absent. InfoNCE takes its place: a lower bound for any critic, here log e(z|x) - log m(z) cut off on
  both sides, so that its terms are bounded. It never passes log K, the logarithm of the contrasts.

No lower limit that holds for every distribution can pass about log n: n images of a code that names them all look alike
whether the population has n members or infinitely many (McAllester and Stratos (2020)).
"""

from dataclasses import dataclass
from math import inf, log, prod

import numpy as np
import torch
from torch import Tensor

from companion.measure.mi_bounds import infonce
from companion.measure.passes import image_batches, in_evaluation_mode
from companion.models import VAE, AutoregressiveBernoulli, draw, generator
from companion.models.decoders import is_bernoulli
from companion.stats import as_float64, bounded_mean_limit
from companion.units import nats

CUT = 5.0  # nats, on either side of 0, where the critic is cut off
MIXED = 1e-3  # of the decoder: the share of uniform pixels


@dataclass(frozen=True)
class InformationInterval:
    """Limits of I(X; Z), in nats, that hold together with the probability ``level`` or more.

    Attributes:
        lower: 0 or more
        upper: infinite where no largest rate is assumed
        level: of confidence
        n: images
        side: what the lower limit stands on, "H - D", "InfoNCE", or "none" where both are below 0
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
    contrasts: int = 128,
    seed: int = 0,
) -> InformationInterval:
    """Limits of I(X; Z) of the encoder on the distribution that ``images`` ``[n, ...]`` are independent draws of.

    Images that the model was trained on are no independent draws. They are taken in a random order, since stored sets
    are often sorted, and one code is drawn for each.

    Args:
        entropy: H of the data in nats, exact; without it the lower side is InfoNCE alone
        largest_rate: that no image's rate KL(e(z|x) || m(z)) exceeds; without it the upper side is infinite. The rate
            must have a closed form: a single draw's log e(z|x) - log m(z) is not bounded by it
        level: of confidence; each side gets half of what is left, and the lower one shares its half where it has two
        contrasts: K, images in each independent group of InfoNCE

    Raises ``ValueError`` for a level that is not between 0 and 1, fewer than two groups of contrasts, a rate above
    ``largest_rate`` or without a closed form, and, with ``entropy``, a decoder that is not of binary pixels.

    >>> from companion import data, models
    >>> model = models.family("---", image_shape=(8, 8), width=0.25, latent_dim=4)
    >>> found = information_interval(model, data.load("digits").test, contrasts=30)
    >>> found.lower >= 0, found.upper
    (True, inf)
    """
    if not 0 < level < 1:
        raise ValueError(f"level: expected a share between 0 and 1, got {level!r}")
    groups = len(images) // contrasts
    if contrasts < 2 or groups < 2:
        raise ValueError(f"contrasts: expected 2 or more, and two groups within {len(images)} images, got {contrasts}")
    images = images[np.random.default_rng(seed).permutation(len(images))]
    rate, log_d, values = _terms(model, images, contrasts, seed)
    miss, assumes = (1 - level) / 2, []
    upper = inf
    if largest_rate is not None:
        _check_closed_form(model, images)
        upper = _upper_side(rate, largest_rate, miss)
        assumes.append(f"no rate exceeds {largest_rate:g}")
    sides = {"InfoNCE": bounded_mean_limit(values, -2 * CUT, log(contrasts), miss / (1 + (entropy is not None)))}
    if entropy is not None:
        sides["H - D"] = entropy - _distortion_limit(model, log_d, images, miss / 2)
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


def _terms(model: VAE, images: np.ndarray, contrasts: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The rate and log d of every image, and InfoNCE of every whole group, ``[groups]``."""
    rng, rates, logs, values = generator(seed, device=model.device), [], [], []
    m = model.marginal()
    for x in image_batches(images, contrasts):
        out = model(x, rng)
        rates.append(as_float64(out.terms.rate))
        logs.append(as_float64(out.terms.log_d))
        if len(x) == contrasts:
            values.append(_infonce(out.e, out.z, m.log_prob(out.z)))
    return np.concatenate(rates), np.concatenate(logs), np.array(values)


def _infonce(e: torch.distributions.Distribution, z: Tensor, log_m: Tensor) -> float:
    """InfoNCE of one group, by the critic log e(z|x) - log m(z), cut off at ``CUT``."""
    return infonce((e.log_prob(z[:, None]) - log_m[:, None]).clamp(-CUT, CUT).cpu()).value
