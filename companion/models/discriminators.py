"""Discriminators: networks that tell codes of two kinds apart, and with that know the ratio of their densities."""

from torch import Tensor, nn
from torch.nn.functional import softplus

SLOPE = 0.2  # of the leaky rectifiers below zero


class Discriminator(nn.Module):
    """A logit for each code: three layers, two of them hidden, of ``units`` leaky rectifiers.

    Where ``logistic_loss`` is least over all functions, the logit is log p(z) / q(z) for codes drawn as often from p,
    the true kind, as from q (Goodfellow et al. (2014), proposition 1).

    dim : dimensions of a code

    >>> import torch
    >>> Discriminator(16)(torch.zeros(5, 16)).shape
    torch.Size([5])
    """

    def __init__(self, dim: int, units: int = 256) -> None:
        super().__init__()
        hidden = [nn.Linear(dim, units), nn.LeakyReLU(SLOPE), nn.Linear(units, units), nn.LeakyReLU(SLOPE)]
        self.network = nn.Sequential(*hidden, nn.Linear(units, 1))

    def forward(self, z: Tensor) -> Tensor:
        """Logits of codes ``[n, dim]``: nats, ``[n]``."""
        return self.network(z).squeeze(-1)


def logistic_loss(true: Tensor, false: Tensor) -> Tensor:
    """The mean of -log s(logit) over ``true`` logits plus that of -log(1 - s(logit)) over ``false`` ones; nats.

    s is the logistic function. At chance, logits of 0, it is 2 log 2; with the best logits, 2 log 2 less twice the
    Jensen-Shannon divergence (Goodfellow et al. (2014), theorem 1).

    >>> import torch
    >>> round(logistic_loss(torch.zeros(3), torch.zeros(5)).item(), 4)
    1.3863
    """
    return softplus(-true).mean() + softplus(false).mean()
