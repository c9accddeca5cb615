"""Draws from explicit generators: the same seed gives the same draw, and no global random state moves."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import singledispatch

import numpy as np
import torch
from torch import Tensor
from torch.distributions import Bernoulli, Distribution, Independent, Normal, TransformedDistribution

from companion.seeds import sequence

Shape = tuple[int, ...]


def generator(*seed: int, device: str | torch.device = "cpu") -> torch.Generator:
    """A fresh generator for the path ``seed`` of whole numbers.

    Different paths give independent streams, but for a chance of 2^-32 a pair on the CPU, whose generator takes only
    32 bits of the path's state.

    >>> torch.equal(torch.rand(3, generator=generator(0, 1)), torch.rand(3, generator=generator(0, 1)))
    True
    """
    state = int(sequence(*seed).generate_state(1, np.uint64)[0])
    return torch.Generator(device).manual_seed(state % 2**63)


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Initial weights made inside come from ``seed``; torch's global generators, on every device, are left alone."""
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)  # torch.manual_seed would seed every accelerator, too
        yield


@singledispatch
def draw(distribution: Distribution, rng: torch.Generator, shape: Shape = ()) -> Tensor:
    """One draw from each member of ``distribution``, preceded by ``shape``; pathwise gradients where it has them.

    A distribution without a rule of its own here is drawn by its ``rsample``, or ``sample``, under torch's global
    generator, seeded for the moment with a number from ``rng``: the draw belongs to ``rng``, and nothing else moves.
    """
    seed = int(torch.randint(2**62, (), generator=rng, device=rng.device))
    cuda = rng.device.type == "cuda"
    with torch.random.fork_rng(devices=range(torch.cuda.device_count()) if cuda else []):
        (torch.manual_seed if cuda else torch.default_generator.manual_seed)(seed)
        return distribution.rsample(shape) if distribution.has_rsample else distribution.sample(shape)


@draw.register
def _(distribution: Independent, rng: torch.Generator, shape: Shape = ()) -> Tensor:
    return draw(distribution.base_dist, rng, shape)


@draw.register
def _(distribution: Normal, rng: torch.Generator, shape: Shape = ()) -> Tensor:
    loc = distribution.loc
    noise = torch.randn(shape + loc.shape, generator=rng, device=loc.device, dtype=loc.dtype)
    return loc + distribution.scale * noise


@draw.register
def _(distribution: Bernoulli, rng: torch.Generator, shape: Shape = ()) -> Tensor:
    probs = distribution.probs
    return torch.rand(shape + probs.shape, generator=rng, device=probs.device, dtype=probs.dtype) < probs


@draw.register
def _(distribution: TransformedDistribution, rng: torch.Generator, shape: Shape = ()) -> Tensor:
    z = draw(distribution.base_dist, rng, shape)
    for transform in distribution.transforms:
        z = transform(z)
    return z
