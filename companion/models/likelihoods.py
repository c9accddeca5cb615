"""Likelihoods of pixels: what a decoder's output means as a distribution over data of a given shape.

Each takes the output of a network for ``n`` codes and the shape of one example, and returns a distribution of batch
shape ``[n]`` whose log probability sums over all pixels and channels.
"""

from collections.abc import Callable
from math import prod

import torch
from torch import Tensor
from torch.distributions import Bernoulli, Categorical, Distribution, Independent, Normal, constraints
from torch.nn import functional

from companion.models.draws import Shape, draw

CERTAIN = -100.0  # the least log probability of a pixel, where single precision rounds one to 0 or 1


def bernoulli(logits: Tensor, shape: tuple[int, ...]) -> Independent:
    """Binary pixels, from logits of the shape ``[n, *shape]``, flat, or with axes of 1 more or fewer.

    >>> bernoulli(torch.zeros(3, 1, 2, 2), (2, 2)).log_prob(torch.ones(3, 2, 2))[0].item() / 4  # -log 2
    -0.6931...
    """
    return _over(Bernoulli(logits=_shaped(logits, shape), validate_args=False), shape)


def bernoulli_from_probabilities(probabilities: Tensor, shape: tuple[int, ...]) -> Independent:
    """Binary pixels, from the probabilities of a one. Its log probabilities are those of torch's own cross-entropy.

    >>> p = torch.tensor([[0.25, 1.0]])
    >>> bernoulli_from_probabilities(p, (2,)).log_prob(torch.tensor([[1.0, 0.0]])).item() + 100  # log 1/4, of a floor
    -1.386...
    """
    one, zero = probabilities.log().clamp_min(CERTAIN), torch.log1p(-probabilities).clamp_min(CERTAIN)
    return bernoulli(one - zero, shape)


def gaussian(mean: Tensor, shape: tuple[int, ...], sd: float = 1.0) -> Independent:
    """Real pixels, N(mean, sd^2) each; log densities, so they depend on the pixels' unit and may be positive.

    >>> round(gaussian(torch.zeros(1, 2), (2,)).log_prob(torch.zeros(1, 2)).item(), 4)  # -log(2 pi)
    -1.8379
    """
    return _over(Normal(_shaped(mean, shape), sd, validate_args=False), shape)


def categorical(logits: Tensor, shape: tuple[int, ...]) -> Independent:
    """Pixels 0 to K - 1, from K logits each, ``[n, K, *shape]`` as torch's cross-entropy takes them.

    >>> round(categorical(torch.zeros(1, 256, 1), (1,)).log_prob(torch.tensor([[7.0]])).item(), 4)  # -log 256
    -5.5452
    """
    levels = logits.shape[1] if logits.ndim > 1 else 1
    by_level = _shaped(logits, (levels, *shape)).movedim(1, -1)
    return _over(Categorical(logits=by_level, validate_args=False), shape)


def discretised_logistic(parameters: Tensor, shape: tuple[int, ...], levels: int = 256) -> Independent:
    """Pixels 0 to ``levels`` - 1: the probability that a logistic variable falls into the pixel's cell, of width 1.

    Args:
        parameters: ``[n, 2, *shape]``, the mean of each pixel and the log of its scale, in units of a level

    >>> d = discretised_logistic(torch.zeros(1, 2, 1), (1,), levels=3)
    >>> round(sum(d.log_prob(torch.tensor([[x]])).exp().item() for x in (0.0, 1.0, 2.0)), 6)
    1.0
    """
    mean, log_scale = _shaped(parameters, (2, *shape)).unbind(1)
    return _over(DiscretisedLogistic(mean, log_scale, levels), shape)


LIKELIHOODS: dict[str, Callable[..., Distribution]] = {
    "bernoulli": bernoulli,
    "probabilities": bernoulli_from_probabilities,
    "gaussian": gaussian,
    "categorical": categorical,
    "discretised logistic": discretised_logistic,
}


class DiscretisedLogistic(Distribution):
    """A logistic variable rounded to 0 to ``levels`` - 1; the first and the last cell hold the tails.

    Args:
        mean, log_scale: of one shape, the batch shape
    """

    arg_constraints = {}  # noqa: RUF012

    def __init__(self, mean: Tensor, log_scale: Tensor, levels: int = 256) -> None:
        self.location, self.log_scale, self.levels = mean, log_scale, levels
        super().__init__(mean.shape, validate_args=False)

    @property
    def support(self) -> constraints.Constraint:
        """The whole numbers from 0 to ``levels`` - 1."""
        return constraints.integer_interval(0, self.levels - 1)

    @property
    def mean(self) -> Tensor:
        """The mean of the variable before it is rounded, within the levels."""
        return self.location.clamp(0, self.levels - 1)

    def log_prob(self, value: Tensor) -> Tensor:
        """log of F(x + 1/2) - F(x - 1/2), in nats: with F the logistic function, log F - log F' has no cancellation."""
        precision = (-self.log_scale).exp()
        upper, lower = ((value - self.location + half) * precision for half in (0.5, -0.5))
        inside = functional.logsigmoid(upper) + functional.logsigmoid(-lower) + _log1mexp(precision)
        first, last = functional.logsigmoid(upper), functional.logsigmoid(-lower)
        return torch.where(value <= 0, first, torch.where(value >= self.levels - 1, last, inside))


@draw.register
def _(distribution: DiscretisedLogistic, rng: torch.Generator, shape: Shape = ()) -> Tensor:
    loc = distribution.location
    uniform = torch.rand(shape + loc.shape, generator=rng, device=loc.device, dtype=loc.dtype)
    noise = torch.logit(uniform, eps=1e-6) * distribution.log_scale.exp()
    return (loc + noise).round().clamp(0, distribution.levels - 1)


def _log1mexp(x: Tensor) -> Tensor:
    """log(1 - exp(-x)) for positive x, by the better of two forms."""
    return torch.where(x < 0.7, torch.log(-torch.expm1(-x)), torch.log1p(-torch.exp(-x)))


def same_layout(given: tuple[int, ...], shape: tuple[int, ...]) -> bool:
    """Whether entries of shape ``given`` stand in the order of ``shape``: the same but for axes of 1, or flat."""
    bare, wanted = ([side for side in sides if side != 1] for sides in (given, shape))
    return bare == wanted or given == (prod(shape),)


def _shaped(output: Tensor, shape: tuple[int, ...]) -> Tensor:
    """``output`` as ``[n, *shape]``; raises ``ValueError`` unless it is that already, but for axes of 1, or flat."""
    if not same_layout(tuple(output.shape[1:]), shape):
        raise ValueError(f"decoder: expected a tensor {[len(output), *shape]}, or a flat one, got {list(output.shape)}")
    return output.reshape(-1, *shape)


def _over(pixels: Distribution, shape: tuple[int, ...]) -> Independent:
    return Independent(pixels, len(shape), validate_args=False)
