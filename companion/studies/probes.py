"""Probes of a frozen model: a variational posterior is trained on it, and judged on images that it has not seen."""

import numpy as np
import torch
from torch import Tensor

from companion.data import ImageData
from companion.learn import Config, batches, fit
from companion.measure.passes import image_batches
from companion.models import VAE, generator
from companion.objectives import ValidInformation, VariationalPosterior

STEPS, IMAGES = 1000, 128  # of a probe's training: its steps, and images a step


def fit_probe(model: VAE, config: Config, images: ImageData, critic_input: str) -> VariationalPosterior:
    """The Q that tells most of ``model``'s code from ``critic_input`` (Serdega (2019), eq. 4.8), the model as it is.

    It learns from the training images, one-hot codes, and draws of the decoder in place of its mean. What part of the
    code it tells, ``config`` says: the category, or the latent indices of its objective.
    """
    indices = getattr(config.objective, "latent_indices", ())
    asked = config.replace(objective=ValidInformation(latent_indices=indices), batch_size=IMAGES, steps=STEPS)
    objective = ValidInformation(latent_indices=indices, critic_input=critic_input)
    probe = VariationalPosterior(model, objective, config.seed, sampled=True)
    for _ in fit(probe.units(model), batches(images, asked), STEPS, config.seed):
        pass
    return probe


@torch.no_grad()
def probe_log_prob(probe: VariationalPosterior, model: VAE, images: np.ndarray, seed: int = 0) -> Tensor:
    """log Q(c|y) of one code of each of ``images``, ``[n, H, W]``: ``[n]``; for c told from x, the exact mean."""
    rng = generator(seed)
    every = image_batches(images)
    return torch.cat([probe.log_prob(model, model(x, rng), rng) for x in every]).double()
