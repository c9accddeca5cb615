"""Rate and distortion of a model on a split."""

import numpy as np
import torch

from companion.models import VAE, generator
from companion.terms import RateDistortion, Terms, as_float64


@torch.no_grad()
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
    ``batch_size`` give the same numbers; the model's training mode makes no difference.

    Raises ``ValueError`` for images of another shape, pixels that are not binary, or fewer than two images.

    >>> from companion import data, models
    >>> model = models.family("---", image_shape=(8, 8), width=0.25, latent_dim=4)
    >>> point = evaluate(model, data.load("digits").test)
    >>> point.n, point.rate >= 0
    (300, True)
    """
    rng = generator(seed, device=next(model.parameters()).device)
    batches = torch.from_numpy(np.ascontiguousarray(images)).split(batch_size)
    terms = [model.terms(x, rng, closed_form) for x in batches]
    joined = [np.concatenate([as_float64(getattr(t, name)) for t in terms]) for name in ("log_e", "log_d", "log_m")]
    return RateDistortion.from_terms(Terms(*joined), split, seed)
