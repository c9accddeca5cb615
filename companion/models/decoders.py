"""Decoders: conditionals d(x|z) that map codes to distributions over binary images."""

from math import prod

import torch
from torch import Tensor, nn
from torch.distributions import Bernoulli, Distribution, Independent

from companion.models.layers import UNITS_DENSE, GatedConvTranspose2d, dense_layers


def check_binary(x: Tensor) -> None:
    """Raise ``ValueError`` unless the pixels of ``x`` are binary, as a Bernoulli likelihood needs them."""
    if x.dtype != torch.bool and not bool(((x == 0) | (x == 1)).all()):
        raise ValueError(
            f"x: expected binary pixels, 0 or 1, for a Bernoulli likelihood, got values up to {x.max().item():g}: "
            "load the images with binarise='threshold' or 'dynamic'"
        )


def is_bernoulli(d: Distribution) -> bool:
    """Whether ``d`` is of independent Bernoulli pixels."""
    while isinstance(d, Independent):
        d = d.base_dist
    return isinstance(d, Bernoulli)


class BernoulliDecoder(nn.Module):
    """d(x|z) whose pixels are independent given z: ``network`` gives their logits."""

    def check_data(self, x: Tensor) -> None:
        """Raise ``ValueError`` unless ``x`` is binary."""
        check_binary(x)

    def network(self, z: Tensor) -> Tensor:
        """The logits ``[n, H, W]`` for codes ``z``: all of the arithmetic, to be compiled."""
        raise NotImplementedError

    def forward(self, z: Tensor) -> Independent:
        """d(x|z) for codes ``z`` of shape ``[n, latent_dim]``: batch shape ``[n]``, event shape ``[H, W]``."""
        return Independent(Bernoulli(logits=self.network(z).float(), validate_args=False), 2, validate_args=False)


class DeconvDecoder(BernoulliDecoder):
    """The simple decoder ``-`` of Alemi et al. (2018), appendix F.2: gated transposed convolutions, Bernoullis.

    The first transposed convolution opens the code to a quarter of the image's side (7 x 7 for 28 x 28 images); a
    plain convolution reads out one logit a pixel.

    Args:
        image_shape: height and width, multiples of 4
        latent_dim: dimensions of z
        width: multiplier of the channels, 1 in the paper

    >>> import torch
    >>> decoder = DeconvDecoder((28, 28), latent_dim=64, width=0.25)
    >>> d = decoder(torch.zeros(5, 64))
    >>> d.batch_shape, d.event_shape
    (torch.Size([5]), torch.Size([28, 28]))
    """

    def __init__(self, image_shape: tuple[int, int], latent_dim: int, width: float = 1.0) -> None:
        super().__init__()
        c32, c64 = (max(1, round(c * width)) for c in (32, 64))
        self.trunk = nn.Sequential(
            GatedConvTranspose2d(latent_dim, c64, (image_shape[0] // 4, image_shape[1] // 4)),
            GatedConvTranspose2d(c64, c64, 5, padding=2),
            GatedConvTranspose2d(c64, c64, 5, stride=2, padding=2, output_padding=1),
            GatedConvTranspose2d(c64, c32, 5, padding=2),
            GatedConvTranspose2d(c32, c32, 5, stride=2, padding=2, output_padding=1),
            GatedConvTranspose2d(c32, c32, 4, padding=1, trim=1),
            nn.Conv2d(c32, 1, 5, padding=2),
        )

    def network(self, z: Tensor) -> Tensor:
        """The logits, by transposed convolutions."""
        return self.trunk(z[:, :, None, None]).squeeze(1)


class DenseDecoder(BernoulliDecoder):
    """Two layers of 1000 ReLUs, times ``width``, and a logit a pixel; see ``DeconvDecoder`` for the arguments.

    >>> import torch
    >>> DenseDecoder((28, 28), latent_dim=64, width=0.25)(torch.zeros(5, 64)).event_shape
    torch.Size([28, 28])
    """

    def __init__(self, image_shape: tuple[int, int], latent_dim: int, width: float = 1.0) -> None:
        super().__init__()
        logits = nn.Linear(max(1, round(UNITS_DENSE * width)), prod(image_shape)), nn.Unflatten(1, image_shape)
        self.trunk = nn.Sequential(*dense_layers(latent_dim, width), *logits)

    def network(self, z: Tensor) -> Tensor:
        """The logits, by matrix products."""
        return self.trunk(z)
