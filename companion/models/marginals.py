"""Marginals: distributions m(z) over codes, the encoder's aggregate approximated or prescribed."""

from math import prod

import torch
from torch import Tensor, nn
from torch.distributions import Distribution, Independent, Normal, constraints

from companion.models.draws import Shape, draw
from companion.models.encoders import FlowEncoder, GaussianEncoder
from companion.models.flows import UNITS, FlowDistribution, FlowTransform, MeanOnlyFlow


class StandardNormal(nn.Module):
    """The simple marginal ``-`` of Alemi et al. (2018), appendix F.3: N(0, I), nothing learned.

    >>> StandardNormal(64)().event_shape
    torch.Size([64])
    """

    loc: Tensor
    scale: Tensor

    def __init__(self, latent_dim: int) -> None:
        super().__init__()
        self.register_buffer("loc", torch.zeros(latent_dim), persistent=False)
        self.register_buffer("scale", torch.ones(latent_dim), persistent=False)

    def forward(self) -> Independent:
        """m(z): no batch shape, event shape ``[latent_dim]``."""
        return Independent(Normal(self.loc, self.scale, validate_args=False), 1, validate_args=False)


class FlowMarginal(nn.Module):
    """The complex marginal ``+`` of Alemi et al. (2018), appendix F.3: a masked autoregressive flow over N(0, I).

    u = f(z) is standard normal, where f is a mean-only flow of 4 steps: so a density takes one pass a step, and a draw,
    z = f^-1(u), ``latent_dim`` passes a step. The log-determinant is zero, hence log m(z) = log N(f(z); 0, I).

    Args:
        latent_dim: dimensions of z
        width: multiplier of the 640 units of the steps, 1 in the paper

    >>> FlowMarginal(64, width=0.25)().event_shape
    torch.Size([64])
    """

    def __init__(self, latent_dim: int, width: float = 1.0) -> None:
        super().__init__()
        self.base = StandardNormal(latent_dim)
        self.flow = MeanOnlyFlow(latent_dim, max(1, round(UNITS * width)))

    def forward(self) -> FlowDistribution:
        """m(z): no batch shape, event shape ``[latent_dim]``."""
        return FlowDistribution(self.base(), [FlowTransform(self.flow).inv], validate_args=False)


class DiagonalGaussianMixture(Distribution):
    """sum_i w_i N(z; mean_i, diag(variance_i)), of no batch shape.

    Args:
        log_weights: ``[K]``, log w_i, normalised
        components: the diagonal Gaussians, batch shape ``[K]``, event shape ``[latent_dim]``

    Distances are taken as differences, ``[..., K, latent_dim]``: a product of matrices would cancel in float32.

    >>> two = Independent(Normal(torch.tensor([[-1.0], [1.0]]), torch.ones(2, 1)), 1)
    >>> m = DiagonalGaussianMixture(torch.tensor([0.25, 0.75]).log(), two)
    >>> truth = 0.25 * two.log_prob(torch.zeros(1)).exp()[0] + 0.75 * two.log_prob(torch.zeros(1)).exp()[1]
    >>> torch.allclose(m.log_prob(torch.zeros(1)), truth.log())
    True
    """

    arg_constraints = {}  # noqa: RUF012
    support = constraints.real_vector

    def __init__(self, log_weights: Tensor, components: Independent) -> None:
        self.log_weights, self.components = log_weights, components
        super().__init__(event_shape=components.event_shape, validate_args=False)

    def log_prob(self, value: Tensor) -> Tensor:
        """log m(z) at codes ``[..., latent_dim]``: nats, ``[...]``."""
        return (self.log_weights + self.components.log_prob(value.unsqueeze(-2))).logsumexp(-1)


@draw.register
def _(distribution: DiagonalGaussianMixture, rng: torch.Generator, shape: Shape = ()) -> Tensor:
    """A component by weight, then a draw of it: gradients reach the component's mean and scale, none the weights."""
    weights, normal = distribution.log_weights.exp(), distribution.components.base_dist
    n = prod(shape)
    picked = torch.multinomial(weights, max(1, n), replacement=True, generator=rng)[:n].reshape(shape)
    return draw(Normal(normal.loc[picked], normal.scale[picked], validate_args=False), rng)


class VampPrior(nn.Module):
    """The marginal ``v`` of Alemi et al. (2018), appendix F.3: m(z) = sum_i w_i e(z|phi_i), at learned phi_i and w_i.

    Tomczak & Welling (2018): a mixture of the encoder's own distributions at pseudo-inputs, images that are learned. A
    sigmoid keeps their pixels between 0 and 1, and a softmax makes the weights sum to one. Gradients reach the
    encoder through the mixture; it is called here, and registered in the VAE alone. With a ``FlowEncoder`` all
    components share a bijection, so a code is inverted once, and the mixture is over the Gaussians before the flow.

    Args:
        encoder: a ``GaussianEncoder`` or a ``FlowEncoder``
        pseudo_inputs: their number, K
        image_shape: height and width

    Raises ``ValueError`` for fewer pseudo-inputs than one, or for a conditioned flow, where each component would have
    a bijection of its own, and each code K inversions.

    >>> encoder = GaussianEncoder((8, 8), latent_dim=4, width=0.25)
    >>> VampPrior(encoder, pseudo_inputs=10, image_shape=(8, 8))().event_shape
    torch.Size([4])
    """

    def __init__(self, encoder: GaussianEncoder, pseudo_inputs: int, image_shape: tuple[int, int]) -> None:
        super().__init__()
        if pseudo_inputs < 1:
            raise ValueError(f"pseudo_inputs: expected at least 1, got {pseudo_inputs!r}")
        if isinstance(encoder, FlowEncoder) and encoder.conditioned:
            raise ValueError(
                "conditioned: expected False with the marginal v, got True: "
                "every pseudo-input would have a flow of its own, and every code one inversion through each of them"
            )
        self.encode = encoder.__call__  # a method, not a module: the VAE registers the encoder
        self.logits = nn.Parameter(torch.zeros(pseudo_inputs))
        self.pixels = nn.Parameter(torch.randn(pseudo_inputs, *image_shape))

    def images(self) -> Tensor:
        """The pseudo-inputs phi, ``[K, H, W]``, grey between 0 and 1."""
        return self.pixels.sigmoid()

    def forward(self) -> Distribution:
        """m(z): no batch shape, event shape ``[latent_dim]``."""
        e, log_weights = self.encode(self.images()), self.logits.log_softmax(0)
        if not hasattr(e, "transforms"):
            return DiagonalGaussianMixture(log_weights, e)
        return FlowDistribution(DiagonalGaussianMixture(log_weights, e.base_dist), e.transforms, validate_args=False)
