"""How every measure runs a model: in evaluation mode, without gradients, a batch of images at a time."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor, nn

Measure = TypeVar("Measure", bound=Callable[..., Any])


@contextmanager
def evaluation_mode(model: nn.Module) -> Iterator[None]:
    """Inside, ``model`` is in evaluation mode and no gradients are kept; each part has its own mode back afterwards.

    Dropout is off, and batch normalisation neither reads nor changes the statistics of the batch.
    """
    modes = {part: part.training for part in model.modules()}
    model.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        for part, training in modes.items():
            part.training = training


def in_evaluation_mode(measure: Measure) -> Measure:
    """``measure``, whose first argument is a model, run in ``evaluation_mode``."""

    @wraps(measure)
    def wrapped(model: nn.Module, *arguments: Any, **options: Any) -> Any:
        with evaluation_mode(model):
            return measure(model, *arguments, **options)

    return wrapped  # type: ignore[return-value]


def image_batches(images: np.ndarray, batch_size: int = 500) -> tuple[Tensor, ...]:
    """``images`` ``[n, ...]`` as tensors of at most ``batch_size``; raises ``ValueError`` for none."""
    if len(images) == 0:
        raise ValueError(f"images: expected at least one, got an empty array of shape {list(np.shape(images))}")
    return torch.from_numpy(np.ascontiguousarray(images)).split(batch_size)
