"""How categories come to be: what is measured of them on the way through one training."""

import numpy as np
import torch
from torch import Tensor

from companion import data
from companion.learn.checkpoint import State
from companion.learn.config import Config
from companion.learn.measures import check_labels, flat, use_of_categories
from companion.learn.readers import Reader
from companion.learn.records import GRAINS, Row, row
from companion.learn.train import fixed_subset, train
from companion.measure.categories import category_probabilities
from companion.models import generator


def course(config: Config, images: data.ImageData, every: int, progress: bool = True) -> list[Row]:
    """Train ``config`` and measure its categories on the validation images every so many steps: a row each.

    bound : what the objective rewards, by the reader in training, on a fixed subset; None where it rewards nothing
    share_k : the aggregate q(c = k)
    among_k : the share of all values of e(c|x) that lie in the k-th of ``GRAINS`` equal parts of [0, 1]

    The other columns are those of ``book/results/vmi_mnist.csv``; ``rate`` and ``distortion`` are of the subset.

    Raises ``ValueError`` for a configuration without categories, with more than ``GRAINS``, or without labels.
    """
    if not 0 < config.categories <= GRAINS:
        raise ValueError(f"categories: expected 1 to {GRAINS}, got {config.categories!r}")
    check_labels(config, images)
    rows: list[Row] = []

    def watch(state: State) -> None:
        (step, point), model = state.history[-1], state.modules["model"]
        probs = category_probabilities(model, images.validation)  # type: ignore[arg-type]
        found = flat(use_of_categories(probs, images.validation_labels))  # type: ignore[arg-type]
        told = {"step": step, "bound": rewarded(state, images.validation), **histograms(probs)}
        rows.append(row(config, point, {**found, **told}, "courses"))

    train(config, images=images, every=every, progress=progress, watch=watch)
    return rows


@torch.no_grad()
def rewarded(state: State, images: np.ndarray, seed: int = 0) -> float | None:
    """The information that the reader in training reports, on a fixed subset of ``images``; None without a reader."""
    reader = state.modules.get(Reader.title)
    if not isinstance(reader, Reader):
        return None
    rng = generator(seed)
    passage = state.modules["model"](torch.from_numpy(fixed_subset(images)), rng)
    return float(reader.information(passage, rng))


def histograms(probs: Tensor) -> dict[str, float]:
    """Of e(c|x) ``[n, K]``: the shares of the categories, and where its values lie between 0 and 1."""
    shares = torch.zeros(GRAINS, dtype=probs.dtype)
    shares[: probs.shape[1]] = probs.mean(0)
    among = torch.histc(probs, GRAINS, 0.0, 1.0) / probs.numel()
    found = {"share": shares, "among": among}
    return {f"{name}_{k}": float(value) for name, each in found.items() for k, value in enumerate(each)}
