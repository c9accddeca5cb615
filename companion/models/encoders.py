"""Encoders: conditionals e(z|x) that map images to distributions over codes."""

from torch import Tensor, nn
from torch.distributions import Independent, Normal
from torch.nn import functional

from companion.models.layers import GatedConv2d

VARIANCE_FLOOR = 1e-12  # keeps log e(z|x) finite where softplus underflows


class GaussianEncoder(nn.Module):
    """The simple encoder ``-`` of Alemi et al. (2018), appendix F.1: five gated convolutions, a diagonal Gaussian.

    Images ``[n, H, W]`` in {0, 1} are mapped to [-1, 1]. The last convolution covers the whole remaining image, so
    it has a 7 x 7 kernel for 28 x 28 images. Softplus reads out the *variance*.

    image_shape : height and width, multiples of 4
    latent_dim : dimensions of z
    width : multiplier of the channels, 1 in the paper

    >>> import torch
    >>> encoder = GaussianEncoder((28, 28), latent_dim=64, width=0.25)
    >>> e = encoder(torch.zeros(5, 28, 28))
    >>> e.batch_shape, e.event_shape
    (torch.Size([5]), torch.Size([64]))
    """

    def __init__(self, image_shape: tuple[int, int], latent_dim: int, width: float = 1.0) -> None:
        super().__init__()
        c32, c64, c256 = (max(1, round(c * width)) for c in (32, 64, 256))
        self.trunk = nn.Sequential(
            GatedConv2d(1, c32, 5, padding=2),
            GatedConv2d(c32, c32, 5, stride=2, padding=2),
            GatedConv2d(c32, c64, 5, padding=2),
            GatedConv2d(c64, c64, 5, stride=2, padding=2),
            GatedConv2d(c64, c256, (image_shape[0] // 4, image_shape[1] // 4)),
            nn.Flatten(),
        )
        self.mean = nn.Linear(c256, latent_dim)
        self.variance = nn.Linear(c256, latent_dim)

    def network(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and variance of z for images ``x``, each ``[n, latent_dim]``: all of the arithmetic, to be compiled."""
        h = self.trunk(2 * x.unsqueeze(1) - 1)
        return self.mean(h), functional.softplus(self.variance(h).float()).clamp_min(VARIANCE_FLOOR)

    def forward(self, x: Tensor) -> Independent:
        """e(z|x) for images ``x`` of shape ``[n, H, W]``: batch shape ``[n]``, event shape ``[latent_dim]``."""
        mean, variance = self.network(x)
        return Independent(Normal(mean.float(), variance.sqrt(), validate_args=False), 1, validate_args=False)
