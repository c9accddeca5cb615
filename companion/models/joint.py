"""A code of two parts: numbers z, and one of K categories c, written as a one-hot vector behind them.

Given the image the parts are independent, and so they are under the marginal. The rate is then the sum of two rates,

    KL(e(z, c|x) || m(z, c)) = KL(e(z|x) || m(z)) + KL(e(c|x) || m(c)) ,

each in closed form (Serdega (2019), eq. 4.18). A draw of c has no derivative with respect to its probabilities. So that
training can descend, it is relaxed: softmax((log p + g) / t) of Gumbel noise g, at the temperature t, is a point inside
the simplex that tends to the one-hot draw as t falls (Jang et al. (2017); Maddison et al. (2017)).
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.distributions import Distribution, Independent, OneHotCategorical, constraints, kl_divergence, register_kl

from companion.models.draws import Shape, draw
from companion.models.encoders import GaussianEncoder, diagonal_gaussian
from companion.models.marginals import StandardNormal


class GaussianCategorical(Distribution):
    """Independent z, a diagonal Gaussian, and c, a one-hot category: one vector ``[z, c]``.

    Args:
        gaussian: of z, batch shape ``[n]``, event shape ``[k]``
        categorical: of c, batch shape ``[n]``, event shape ``[K]``
        temperature: of relaxed draws of c; without it they are one-hot, the only ones that the density is for

    >>> from torch.distributions import Normal
    >>> code = GaussianCategorical(Independent(Normal(torch.zeros(3, 2), 1.0), 1), OneHotCategorical(torch.ones(3, 4)))
    >>> draw(code, torch.Generator().manual_seed(0)).shape
    torch.Size([3, 6])
    """

    arg_constraints: ClassVar[dict[str, Any]] = {}

    def __init__(self, gaussian: Independent, categorical: OneHotCategorical, temperature: float | None = None) -> None:
        self.gaussian, self.categorical, self.temperature = gaussian, categorical, temperature
        event = torch.Size([gaussian.event_shape[0] + categorical.event_shape[0]])
        super().__init__(gaussian.batch_shape, event, validate_args=False)

    def split(self, code: Tensor) -> tuple[Tensor, Tensor]:
        """The parts ``z [..., k]`` and ``c [..., K]`` of ``code``."""
        return code[..., : self.gaussian.event_shape[0]], code[..., self.gaussian.event_shape[0] :]

    @property
    def support(self) -> Any:
        """Vectors of numbers, then a one-hot part: discrete in part."""
        sizes = self.gaussian.event_shape[0], self.categorical.event_shape[0]
        return constraints.cat([constraints.real_vector, constraints.one_hot], -1, sizes)

    def log_prob(self, value: Tensor) -> Tensor:
        """log density of z plus log probability of c, for a one-hot c; nats."""
        z, c = self.split(value)
        return self.gaussian.log_prob(z) + (c * self.categorical.logits).sum(-1)

    def entropy(self) -> Tensor:
        """Differential entropy of z plus entropy of c, in nats."""
        return self.gaussian.entropy() + self.categorical.entropy()

    def expand(self, batch_shape: Any, _instance: Any = None) -> "GaussianCategorical":
        """The same code for every member of ``batch_shape``."""
        parts = self.gaussian.expand(torch.Size(batch_shape)), self.categorical.expand(torch.Size(batch_shape))
        return GaussianCategorical(*parts, self.temperature)


@register_kl(GaussianCategorical, GaussianCategorical)
def _(p: GaussianCategorical, q: GaussianCategorical) -> Tensor:
    return kl_divergence(p.gaussian, q.gaussian) + kl_divergence(p.categorical, q.categorical)


@draw.register
def _(distribution: OneHotCategorical, rng: torch.Generator, shape: Shape = ()) -> Tensor:
    perturbed = distribution.logits + _gumbel(distribution.logits, rng, shape)
    return nn.functional.one_hot(perturbed.argmax(-1), perturbed.shape[-1]).to(perturbed.dtype)


@draw.register
def _(distribution: GaussianCategorical, rng: torch.Generator, shape: Shape = ()) -> Tensor:
    z, category = draw(distribution.gaussian, rng, shape), distribution.categorical
    if (temperature := distribution.temperature) is None:
        return torch.cat([z, draw(category, rng, shape)], -1)
    return torch.cat([z, ((category.logits + _gumbel(category.logits, rng, shape)) / temperature).softmax(-1)], -1)


def _gumbel(like: Tensor, rng: torch.Generator, shape: Shape) -> Tensor:
    noise = torch.empty(shape + like.shape, device=like.device, dtype=like.dtype)
    return -noise.exponential_(generator=rng).log()


class GaussianCategoricalEncoder(GaussianEncoder):
    """e(z, c|x) = e(z|x) e(c|x): the Gaussian encoder, with ``categories`` logits read out beside mean and variance.

    Draws of c are one-hot, but inside ``relaxed``.

    >>> encoder = GaussianCategoricalEncoder((28, 28), latent_dim=16, width=0.25, categories=10)
    >>> e = encoder(torch.zeros(5, 28, 28))
    >>> e.batch_shape, e.event_shape
    (torch.Size([5]), torch.Size([26]))
    """

    def __init__(
        self, image_shape: tuple[int, int], latent_dim: int, width: float, categories: int, dense: bool = False
    ) -> None:
        super().__init__(image_shape, latent_dim, width, dense)
        self.logits = nn.Linear(self.mean.in_features, categories)
        self.temperature: float | None = None

    def forward(self, x: Tensor) -> GaussianCategorical:
        """e(z, c|x) for images ``x`` of shape ``[n, H, W]``."""
        mean, variance, h = self.network(x)
        category = OneHotCategorical(logits=self.logits(h).float(), validate_args=False)
        return GaussianCategorical(diagonal_gaussian(mean, variance), category, self.temperature)

    @contextmanager
    def relaxed(self, temperature: float) -> Iterator[None]:
        """Inside, draws of c are relaxed at ``temperature``: they have gradients, and are no categories."""
        self.temperature = temperature
        try:
            yield
        finally:
            self.temperature = None


class GaussianCategoricalMarginal(nn.Module):
    """The marginal N(0, I) of z, and the uniform one of c."""

    flat: Tensor

    def __init__(self, latent_dim: int, categories: int) -> None:
        super().__init__()
        self.gaussian = StandardNormal(latent_dim)
        self.register_buffer("flat", torch.zeros(categories), persistent=False)

    def forward(self) -> GaussianCategorical:
        """m(z, c): no batch shape, event shape ``[latent_dim + categories]``."""
        return GaussianCategorical(self.gaussian(), OneHotCategorical(logits=self.flat, validate_args=False))
