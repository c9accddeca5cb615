"""Which loss a model reports: compared with D + R on the same images, and named where it is another one."""

from dataclasses import dataclass
from math import inf, log, pi, prod

import numpy as np
from torch.distributions import Independent, Normal

from companion.measure.checks import validate_model
from companion.measure.passes import image_batches, in_evaluation_mode
from companion.models import VAE, draw, generator
from companion.stats import as_float64, mean_and_error
from companion.units import bits

ERRORS = 5  # standard errors of the draws that a loss and its explanation may be apart
ROUNDING = 1e-4  # of the value, beside them: a loss reported in single precision


@dataclass(frozen=True)
class LossDiagnosis:
    """What a loss reported for some images is, seen beside the rate and distortion measured on them, in nats.

    Attributes:
        explanations: all that agree; several where the images are too few, or the rate too small, to tell them apart
        reported: the loss as reported
        negative_elbo: what it should be, D + R, on the same images
        se: of ``negative_elbo``, by the noise of the draws alone
        beta: the weight of the rate that would explain the loss, where nothing else does
    """

    explanations: tuple[str, ...]
    reported: float
    negative_elbo: float
    se: float
    beta: float

    @property
    def agrees(self) -> bool:
        """Whether the loss can be the negative ELBO in nats: sums over pixels and dimensions, a mean over images."""
        return NEGATIVE_ELBO in self.explanations

    def __str__(self) -> str:
        beside = f"reported {self.reported:.4g}, D + R = {self.negative_elbo:.2f} ± {self.se:.2f} nats"
        if self.explanations:
            return f"{beside}: {', which cannot be told from: '.join(self.explanations)}"
        return f"{beside}: no usual slip explains it; with a weight on the rate, it would be β = {self.beta:.3g}"


NEGATIVE_ELBO = "the negative ELBO, as it should be"


@in_evaluation_mode
def diagnose_loss(model: VAE, images: np.ndarray, reported: float, seed: int = 0) -> LossDiagnosis:
    """Compare a loss that was reported for ``images`` with D + R measured on them, and name the likely mistake.

    The usual slips are known: means over pixels or code dimensions in place of sums, sums over the batch, bits, a KL
    without its half or with one too many, a reconstruction loss without the Gaussian's constant or its scale, a term
    left out. One explains the loss if it is within 5 standard errors of the draws, and 0.01 % of rounding. The model
    is in evaluation mode for the time; see that it was when it reported the loss.

    Args:
        images: the very ones that the loss was reported for, ``[n, ...]``; a few hundred
        reported: a mean over them, as the model's own code says it

    Raises ``ValueError`` as ``validate_model``, for fewer than two images, and for a loss that is not finite.

    >>> from companion import data, models
    >>> model = models.family("---", image_shape=(8, 8), width=0.25, latent_dim=4)
    >>> x = data.load("digits").test
    >>> loss = diagnose_loss(model, x, 44.9 / 64)  # D + R is about 45 nats for an untrained model of 64 pixels
    """
    validate_model(model, images)
    if not abs(reported) < inf:
        raise ValueError(f"reported: expected a finite loss, got {reported!r}")
    passes = _two_passes(model, images, seed)
    found, (total, se) = [], _mean_of(passes, 1.0, 1.0)
    for name, (a, b, constant) in _slips(model, images).items():
        value, error = _mean_of(passes, a, b)
        if abs(value + constant - reported) <= ERRORS * 3**0.5 * error + ROUNDING * abs(reported):  # of one draw more
            found.append(name)
    distortion, rate = passes.mean((0, 2))
    return LossDiagnosis(
        tuple(found), float(reported), total, se, float((reported - distortion) / rate) if rate else inf
    )


def _two_passes(model: VAE, images: np.ndarray, seed: int) -> np.ndarray:
    """Distortion and rate of each image at two draws of its code, ``[2, 2, n]``."""
    if len(images) < 2:
        raise ValueError(f"images: expected at least two, for a standard error, got {len(images)}")
    passes = []
    for number in range(2):
        rng = generator(seed, number, device=model.device)
        terms = [model.terms(x, rng) for x in image_batches(images)]
        passes.append(
            [np.concatenate([as_float64(getattr(t, name)) for t in terms]) for name in ("distortion", "rate")]
        )
    return np.array(passes)


def _mean_of(passes: np.ndarray, a: float, b: float) -> tuple[float, float]:
    """The mean of a D + b R over images and both draws, and the standard error that the draws leave in it."""
    each = a * passes[:, 0] + b * passes[:, 1]
    return float(each.mean()), mean_and_error(each[0] - each[1])[1] / 2


def _slips(model: VAE, images: np.ndarray) -> dict[str, tuple[float, float, float]]:
    """The losses that are known: each a D + b R + c, by what it is."""
    x = model.check_data(image_batches(images, 2)[0])
    z = draw(model.encoder(x), generator(0, device=model.device))
    pixels, dimensions, n = prod(x.shape[1:]), prod(z.shape[1:]), len(images)
    nat = bits(1.0)
    slips = {
        NEGATIVE_ELBO: (1.0, 1.0, 0.0),
        f"D and R both divided by the {pixels} pixels": (1 / pixels, 1 / pixels, 0.0),
        f"D averaged over the {pixels} pixels, R summed: as if β were {pixels}": (1 / pixels, 1.0, 0.0),
        f"R averaged over the {dimensions} code dimensions, D summed: as if β were 1/{dimensions}": (
            1.0,
            1 / dimensions,
            0.0,
        ),
        f"D averaged over the {pixels} pixels, R over the {dimensions} dimensions": (1 / pixels, 1 / dimensions, 0.0),
        "in bits, not nats (factor 1 / ln 2)": (nat, nat, 0.0),
        "in bits a pixel": (nat / pixels, nat / pixels, 0.0),
        f"summed over the {n} images, not averaged": (n, n, 0.0),
        "R counted twice: a KL without its factor 1/2": (1.0, 2.0, 0.0),
        "half of R: a factor 1/2 too many in the KL": (1.0, 0.5, 0.0),
        "D alone: R is missing": (1.0, 0.0, 0.0),
        "R subtracted: its sign is wrong": (1.0, -1.0, 0.0),
        "the ELBO itself: the sign of a loss is the other": (-1.0, -1.0, 0.0),
    }
    d = model.decoder(z)
    if isinstance(d, Independent) and isinstance(d.base_dist, Normal) and len(d.base_dist.scale.unique()) == 1:
        slips |= _gaussian_slips(float(d.base_dist.scale.flatten()[0]), pixels)
    first = {loss: name for name, loss in reversed(slips.items())}  # with one pixel or one dimension some are the same
    return {name: loss for loss, name in first.items()}


def _gaussian_slips(sd: float, pixels: int) -> dict[str, tuple[float, float, float]]:
    """Of a decoder N(mean, sd^2): the squared error is 2 sd^2 (D - constant)."""
    constant, scale = pixels / 2 * log(2 * pi * sd**2), 2 * sd**2
    losses = {
        "the Gaussian's constant is left out of D": (1.0, -constant),
        "1/2 log(2 pi) of every pixel is left out of D": (1.0, -pixels / 2 * log(2 * pi)),
        "D is the sum of squared errors: without its factor 1 / (2 sd²)": (scale, -scale * constant),
        f"D is the mean squared error over the {pixels} pixels": (scale / pixels, -scale * constant / pixels),
    }
    return {name: (a, 1.0, c) for name, (a, c) in losses.items()}
