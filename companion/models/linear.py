"""The linear VAE of ``companion.exact.linear`` as modules: the simplest triple whose optimum is known exactly."""

from math import log, pi

import torch
from torch import Tensor, nn
from torch.distributions import Independent, Normal, kl_divergence

from companion.models.draws import generator
from companion.models.marginals import StandardNormal
from companion.models.vae import VAE
from companion.terms import Terms

START = 0.3  # standard deviation of the initial weights: off the saddle at zero, where every dimension is collapsed


class LinearEncoder(nn.Module):
    """e(z|x) = N(Ax, diag(s)), with one s for all x.

    >>> LinearEncoder(5, latent_dim=2)(torch.zeros(7, 5)).event_shape
    torch.Size([2])
    """

    def __init__(self, data_dim: int, latent_dim: int, seed: int = 0) -> None:
        super().__init__()
        self.weight = nn.Parameter(START * torch.randn(latent_dim, data_dim, generator=generator(seed, 0)))
        self.log_variance = nn.Parameter(torch.zeros(latent_dim))

    def forward(self, x: Tensor) -> Independent:
        """e(z|x) for data ``x`` of shape ``[n, data_dim]``: batch shape ``[n]``, event shape ``[latent_dim]``."""
        mean = x @ self.weight.T
        return Independent(Normal(mean, (self.log_variance / 2).exp().expand_as(mean), validate_args=False), 1)


class LinearDecoder(nn.Module):
    """d(x|z) = N(Wz, sigma^2 I), with sigma^2 the given ``noise``, or learned where that is None.

    >>> LinearDecoder(5, latent_dim=2, noise=0.25)(torch.zeros(7, 2)).variance[0, 0].item()
    0.25
    """

    def __init__(self, data_dim: int, latent_dim: int, noise: float | None = None, seed: int = 0) -> None:
        super().__init__()
        if noise is not None and not noise > 0:
            raise ValueError(f"noise: expected a positive variance, or None to learn it, got {noise!r}")
        self.weight = nn.Parameter(START * torch.randn(data_dim, latent_dim, generator=generator(seed, 1)))
        start = torch.tensor(log(noise or 1.0), dtype=torch.float64).to(self.weight.dtype)
        self.log_noise = nn.Parameter(start, requires_grad=noise is None)

    def forward(self, z: Tensor) -> Independent:
        """d(x|z) for codes ``z`` of shape ``[n, latent_dim]``: batch shape ``[n]``, event shape ``[data_dim]``."""
        mean = z @ self.weight.T
        return Independent(Normal(mean, (self.log_noise / 2).exp().expand_as(mean), validate_args=False), 1)


class LinearVAE(VAE):
    """A linear encoder, a linear decoder and the marginal N(0, I), whose terms need no draw.

    Args:
        noise: sigma^2 of the decoder, or None to learn it
        seed: of the initial weights

    Raises ``ValueError`` unless ``noise`` is positive or None.

    >>> terms = LinearVAE(5, latent_dim=2).terms(torch.zeros(7, 5))
    >>> terms.rate.shape
    torch.Size([7])
    """

    def __init__(self, data_dim: int, latent_dim: int, noise: float | None = None, seed: int = 0) -> None:
        encoder, decoder = LinearEncoder(data_dim, latent_dim, seed), LinearDecoder(data_dim, latent_dim, noise, seed)
        super().__init__(encoder, decoder, StandardNormal(latent_dim), (data_dim,))

    def terms(self, x: Tensor, rng: torch.Generator | None = None, closed_form: bool = True) -> Terms:
        """The exact expectations over e(z|x) of log e, log d and log m for data ``[n, data_dim]``; nats, ``[n]``.

        For the decoder E |x - Wz|^2 = |x - WAx|^2 + sum_j s_j |w_j|^2. No draw is needed; without ``closed_form`` all
        three are taken at a draw by ``rng``, as ``VAE.terms`` says.
        """
        if not closed_form:
            return super().terms(x, rng or generator(0), closed_form)
        x = self.check_data(x)
        e, m = self.encoder(x), self.marginal()
        log_e = -e.entropy()
        noise, weight = self.decoder.log_noise.exp(), self.decoder.weight
        error = (x - e.mean @ weight.T).square().sum(-1) + e.variance @ weight.square().sum(0)
        log_d = -0.5 * (x.shape[-1] * (log(2 * pi) + self.decoder.log_noise) + error / noise)
        return Terms(log_e, log_d, log_e - kl_divergence(e, m.expand(e.batch_shape)))

    @torch.no_grad()
    def latent_rates(self, x: Tensor) -> Tensor:
        """The mean rate of each code dimension over data ``[n, data_dim]``: nats, ``[latent_dim]``."""
        e, m = self.encoder(x).base_dist, self.marginal().base_dist
        return kl_divergence(e, m.expand(e.batch_shape)).mean(0)
