"""Marginals: distributions m(z) over codes, the encoder's aggregate approximated or prescribed."""

import torch
from torch import Tensor, nn
from torch.distributions import Independent, Normal


class FixedGaussian(nn.Module):
    """The simple marginal ``-`` of Alemi et al. (2018), appendix F.3: N(0, I), nothing learned.

    >>> FixedGaussian(64)().event_shape
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
