"""The information of a frozen model: a new reader is trained for it, and judged on images it has not seen."""

from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from companion.data import ImageData
from companion.learn.config import Config
from companion.learn.readers import Reader
from companion.learn.train import batches, fit
from companion.models import VAE, generator

STEPS, IMAGES = 1000, 128  # of a reader's training


def frozen_reader(model: VAE, config: Config, images: ImageData, reads: str) -> Reader:
    """The Q that tells most of ``model``'s code from what it ``reads`` (Serdega (2019), eq. 4.8), the model as it is.

    It learns from the training images, one-hot codes, and draws of the decoder in place of its mean.
    """
    plain: dict[str, Any] = {"annealed": False, "target": None, "shaken": False, "batch_size": IMAGES, "steps": STEPS}
    asked = replace(config, objective="mi_valid", reads=reads, **plain)
    reader = Reader(model, asked, sampled=True)
    for _ in fit([reader.player(model)], batches(images, asked), STEPS, config.seed):
        pass
    return reader


@torch.no_grad()
def read_off(reader: Reader, model: VAE, images: np.ndarray, seed: int = 0) -> Tensor:
    """log Q(c|y) of the codes of ``images`` ``[n, H, W]``, one draw each, ``[n]``; for c read off x, the exact mean."""
    rng = generator(seed)
    every = torch.from_numpy(np.ascontiguousarray(images)).split(500)
    return torch.cat([reader.log_q(model(x, rng), rng) for x in every]).double()
