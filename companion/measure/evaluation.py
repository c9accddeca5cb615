"""Rate and distortion of a model on a split, and importance-weighted bounds, tighter on the likelihood than the ELBO.

With weights w(z) = d(x|z) m(z) / e(z|x) at z ~ e(z|x), the mean of k weights is unbiased for p(x) = E_m d(x|z), so the
mean of its logarithm bounds log p(x) from below, by Jensen's inequality. One draw gives the ELBO. The bound rises with
k, and tends to log p(x) where e(z|x) reaches wherever d(x|z) m(z) does (Burda et al. (2016), theorem 1).
"""

from dataclasses import dataclass
from math import log

import numpy as np

from companion.measure.passes import image_batches, in_evaluation_mode
from companion.models import VAE, generator
from companion.stats import as_float64, mean_and_error
from companion.terms import RateDistortion, Terms


@in_evaluation_mode
def evaluate(
    model: VAE,
    images: np.ndarray,
    *,
    split: str = "test",
    seed: int = 0,
    batch_size: int = 500,
    closed_form: bool = True,
) -> RateDistortion:
    """Rate R and distortion D of ``model`` on binary ``images`` ``[n, H, W]``, in nats, with standard errors.

    One code is drawn for each image. Both means are unbiased: R for E KL(e(z|x) || m(z)), which bounds I(X; Z) from
    above (Alemi et al. (2018), eq. 2), and D for E[-log d(x|z)], so that H - D bounds it from below (eq. 3). The ELBO
    -(R + D) bounds the mean log likelihood from below. ``closed_form`` is that of ``VAE.terms``. The same ``seed`` and
    ``batch_size`` give the same numbers. The model is in evaluation mode for the time, whatever its own is.

    Raises ``ValueError`` for images of another shape, pixels that are not binary, or fewer than two images.

    >>> from companion import data, models
    >>> model = models.family("---", image_shape=(8, 8), width=0.25, latent_dim=4)
    >>> point = evaluate(model, data.load("digits").test)
    >>> point.n, point.rate >= 0
    (300, True)
    """
    rng = generator(seed, device=model.device)
    batches = image_batches(images, batch_size)
    terms = [model.terms(x, rng, closed_form) for x in batches]
    joined = [np.concatenate([as_float64(getattr(t, name)) for t in terms]) for name in ("log_e", "log_d", "log_m")]
    return RateDistortion.from_terms(Terms(*joined), split, seed)


@dataclass(frozen=True)
class ImportanceBound:
    """IWAE-k of one model over ``n`` images, in nats: ``value`` bounds the mean log p(x) from below on average.

    ``se``, the standard error of the mean over n independent images, holds their spread and the noise of the draws.

    >>> print(ImportanceBound(-96.1, 0.25, k=5, n=10_000))
    IWAE-5 -96.10 ± 0.25 nats, n = 10000
    """

    value: float
    se: float
    k: int
    n: int
    split: str = ""
    seed: int = 0

    def __str__(self) -> str:
        return f"IWAE-{self.k} {self.value:.2f} ± {self.se:.2f} nats, n = {self.n}"


def iwae(
    model: VAE, images: np.ndarray, k: int, *, split: str = "test", seed: int = 0, batch_size: int = 500
) -> ImportanceBound:
    """IWAE-k of ``model`` on binary ``images`` ``[n, H, W]``: mean of log (1/k) sum_i w(z_i), k draws an image; nats.

    Unbiased for Burda et al. (2016), eq. 8, which is a lower bound on the mean log p(x), and an upper bound on nothing.
    For one model it rises with k; bounds of two models at different k do not compare. The weights are those of
    beta = 1, however the model was trained. It costs k times ``evaluate``. The same ``seed`` and ``batch_size`` give
    the same numbers, in any mode of the model.

    Raises ``ValueError`` for ``k`` below 1, fewer than two images, or images that do not fit the model.

    >>> from companion import data, models
    >>> model = models.family("---", image_shape=(8, 8), width=0.25, latent_dim=4)
    >>> x = data.load("digits").test
    >>> iwae(model, x, 50).value > iwae(model, x, 1).value
    True
    """
    values = _bounds(log_weights(model, images, k, seed=seed, batch_size=batch_size))
    return ImportanceBound(*mean_and_error(values), k, len(values), split, seed)


def iwae_gain(
    model: VAE, images: np.ndarray, k: int = 5, *, seed: int = 0, batch_size: int = 500
) -> tuple[float, float]:
    """What k draws gain on one: the mean over images of IWAE-k minus the mean ELBO of the same k draws; nats.

    Returns the gain, 0 or more for every image, and its standard error over the images. Both bounds see the same draws,
    so that the noise they share cancels: the ELBO of all images plus the gain of a random few is unbiased for the
    IWAE-k of all, with hardly more noise.

    Raises ``ValueError`` as ``iwae`` does.

    >>> from companion import data, models
    >>> model = models.family("---", image_shape=(8, 8), width=0.25, latent_dim=4)
    >>> gain, se = iwae_gain(model, data.load("digits").test)
    >>> gain > 5 * se
    True
    """
    found = log_weights(model, images, k, seed=seed, batch_size=batch_size)
    return mean_and_error(_bounds(found) - found.mean(0))


@in_evaluation_mode
def log_weights(model: VAE, images: np.ndarray, k: int, *, seed: int = 0, batch_size: int = 500) -> np.ndarray:
    """log w = log d(x|z) + log m(z) - log e(z|x) at ``k`` draws for each image, ``[k, n]``, in nats.

    Every draw is a call of ``model.terms``, which knows a flow's density at its own draw without an inversion.
    """
    if k < 1:
        raise ValueError(f"k: expected 1 draw or more for each image, got {k}")
    if len(images) < 2:
        raise ValueError(f"images: expected at least two, for a standard error, got {len(images)}")
    rng = generator(seed, device=model.device)
    batches = image_batches(images, batch_size)
    return np.concatenate(
        [np.stack([as_float64(model.terms(x, rng, closed_form=False).elbo) for _ in range(k)]) for x in batches], 1
    )


def _bounds(found: np.ndarray) -> np.ndarray:
    return np.logaddexp.reduce(found, axis=0) - log(len(found))
