"""Encoders: conditionals e(z|x) that map images to distributions over codes."""

from math import prod

from torch import Tensor, nn
from torch.distributions import Distribution, Independent, Normal
from torch.nn import functional

from companion.models.flows import UNITS, FlowDistribution, FlowTransform, MeanOnlyFlow
from companion.models.layers import UNITS_DENSE, GatedConv2d, dense_layers

VARIANCE_FLOOR = 1e-12  # keeps log e(z|x) finite where softplus underflows


class GaussianEncoder(nn.Module):
    """The simple encoder ``-`` of Alemi et al. (2018), appendix F.1: five gated convolutions, a diagonal Gaussian.

    Images ``[n, H, W]`` in {0, 1} are mapped to [-1, 1]. The last convolution covers the whole remaining image, so
    it has a 7 x 7 kernel for 28 x 28 images. Softplus reads out the *variance*.

    Args:
        image_shape: height and width, multiples of 4
        latent_dim: dimensions of z
        width: multiplier of the channels, 1 in the paper
        dense: two layers of 1000 ReLUs, times ``width``, in place of the convolutions: ten times as fast

    >>> import torch
    >>> encoder = GaussianEncoder((28, 28), latent_dim=64, width=0.25)
    >>> e = encoder(torch.zeros(5, 28, 28))
    >>> e.batch_shape, e.event_shape
    (torch.Size([5]), torch.Size([64]))
    """

    def __init__(self, image_shape: tuple[int, int], latent_dim: int, width: float = 1.0, dense: bool = False) -> None:
        super().__init__()
        self.trunk = dense_layers(prod(image_shape), width) if dense else _convolutions(image_shape, width)
        features = max(1, round((UNITS_DENSE if dense else 256) * width))
        self.mean = nn.Linear(features, latent_dim)
        self.variance = nn.Linear(features, latent_dim)

    def network(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Mean and variance of a Gaussian for images ``x``, each ``[n, latent_dim]``, and the features they come from.

        All of the convolutional arithmetic, to be compiled.
        """
        h = self.trunk(2 * x.unsqueeze(1) - 1)
        return self.mean(h), functional.softplus(self.variance(h).float()).clamp_min(VARIANCE_FLOOR), h

    def forward(self, x: Tensor) -> Distribution:
        """e(z|x) for images ``x`` of shape ``[n, H, W]``: batch shape ``[n]``, event shape ``[latent_dim]``."""
        mean, variance, _ = self.network(x)
        return diagonal_gaussian(mean, variance)


class FlowEncoder(GaussianEncoder):
    """The complex encoder ``+`` of Alemi et al. (2018), appendix F.1: the simple one, then a mean-only flow of 4 steps.

    As printed, the steps do not see x: e(z|x) is the image of a diagonal Gaussian under one bijection that all x
    share. Undone in the code, in the marginal and in the decoder alike, that bijection leaves rate, distortion and
    I(x; z) as they were: it is a richer marginal and a richer decoder in disguise. In the inverse autoregressive
    flow of Kingma et al. (2016) the steps see x. That is ``conditioned``: they read the features that mean and
    variance come from, and every x has a bijection of its own.

    Args:
        image_shape, latent_dim, width: see ``GaussianEncoder``; ``width`` multiplies the 640 units of the steps, too
        conditioned: whether the steps see x

    A draw comes with its density from ``rsample_and_log_prob``, in one pass a step. At any other code the density takes
    ``latent_dim`` passes a step.

    >>> import torch
    >>> encoder = FlowEncoder((28, 28), latent_dim=64, width=0.25)
    >>> e = encoder(torch.zeros(5, 28, 28))
    >>> e.batch_shape, e.event_shape
    (torch.Size([5]), torch.Size([64]))
    """

    def __init__(
        self, image_shape: tuple[int, int], latent_dim: int, width: float = 1.0, conditioned: bool = False
    ) -> None:
        super().__init__(image_shape, latent_dim, width)
        features = self.mean.in_features if conditioned else 0
        self.flow = MeanOnlyFlow(latent_dim, max(1, round(UNITS * width)), context=features)
        self.conditioned = conditioned
        self.transform = FlowTransform(self.flow)

    def forward(self, x: Tensor) -> FlowDistribution:
        """e(z|x) for images ``x`` of shape ``[n, H, W]``: batch shape ``[n]``, event shape ``[latent_dim]``."""
        mean, variance, h = self.network(x)
        transform = FlowTransform(self.flow, h.float()) if self.conditioned else self.transform
        return FlowDistribution(diagonal_gaussian(mean, variance), [transform], validate_args=False)


def _convolutions(image_shape: tuple[int, int], width: float) -> nn.Sequential:
    c32, c64, c256 = (max(1, round(c * width)) for c in (32, 64, 256))
    return nn.Sequential(
        GatedConv2d(1, c32, 5, padding=2),
        GatedConv2d(c32, c32, 5, stride=2, padding=2),
        GatedConv2d(c32, c64, 5, padding=2),
        GatedConv2d(c64, c64, 5, stride=2, padding=2),
        GatedConv2d(c64, c256, (image_shape[0] // 4, image_shape[1] // 4)),
        nn.Flatten(),
    )


def diagonal_gaussian(mean: Tensor, variance: Tensor) -> Independent:
    """N(mean, diag variance) in single precision, for means and variances ``[n, k]``."""
    return Independent(Normal(mean.float(), variance.sqrt(), validate_args=False), 1, validate_args=False)
