"""A variational autoencoder: an encoder, a decoder and a marginal, and the terms that a draw of them gives."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.distributions import Distribution, kl_divergence

from companion.models.draws import draw
from companion.terms import Terms


@dataclass(frozen=True, eq=False)
class ForwardOutput:
    """One passage of ``n`` images through a model: the distributions it met, the code drawn, and the terms.

    x : the images, floats ``[n, H, W]``
    e : e(z|x), batch shape ``[n]``
    z : the code drawn from ``e``, ``[n, k]``, with gradients where the distribution has them
    d : d(x|z) at that code, batch shape ``[n]``
    terms : as ``VAE.terms`` gives them
    """

    x: Tensor
    e: Distribution
    z: Tensor
    d: Distribution
    terms: Terms


class VAE(nn.Module):
    """The triple e(z|x), d(x|z), m(z).

    Each is a module whose ``forward`` returns a ``torch.distributions.Distribution``: ``encoder(x)``, ``decoder(z)``
    and ``marginal()``. Any triple whose shapes fit is a model. Raises ``ValueError`` for a marginal that is made of
    another encoder, such as a ``VampPrior`` over it: its weights would not be the model's.
    """

    def __init__(
        self, encoder: nn.Module, decoder: nn.Module, marginal: nn.Module, image_shape: tuple[int, int]
    ) -> None:
        super().__init__()
        if getattr(marginal, "encoder", encoder) is not encoder:
            raise ValueError("marginal: expected one over this model's encoder, got one over another encoder")
        self.encoder, self.decoder, self.marginal = encoder, decoder, marginal
        self.image_shape = image_shape

    def terms(self, x: Tensor, rng: torch.Generator, closed_form: bool = True) -> Terms:
        """The terms of binary images ``x``, shape ``[n, H, W]``, at one draw ``z ~ e(z|x)`` each; nats, shape ``[n]``.

        All three are unbiased, over draws, for their expectations under e. With ``closed_form`` (the default) log e
        and log m are these expectations themselves where torch knows the divergence KL(e || m) and the entropy of e,
        so the rate has no noise from the draw; flows and mixtures have no such form. Without it all three are taken
        at one and the same z, as importance weights need them.

        Raises ``ValueError`` for another image shape, or for pixels that are neither 0 nor 1.
        """
        return self(x, rng, closed_form).terms

    def forward(self, x: Tensor, rng: torch.Generator, closed_form: bool = True) -> ForwardOutput:
        """What ``terms`` meets on its way, for objectives that look at the code or at what is decoded from it."""
        x = self.check_images(x)
        e, m = self.encoder(x), self.marginal()
        z = draw(e, rng)
        d = self.decoder(z)
        log_d = d.log_prob(x)
        log_e, log_m = _expected(e, m) if closed_form else (None, None)
        if log_e is None or log_m is None:
            log_e, log_m = e.log_prob(z), m.log_prob(z)
        return ForwardOutput(x, e, z, d, Terms(log_e, log_d, log_m))

    def check_images(self, x: Tensor) -> Tensor:
        """``x`` as floats on the model's device; raises ``ValueError`` unless binary images ``[n, H, W]``."""
        if x.ndim != 3 or tuple(x.shape[1:]) != self.image_shape:
            height, width = self.image_shape
            raise ValueError(f"x: expected images of shape [n, {height}, {width}], got {list(x.shape)}")
        if x.dtype != torch.bool and not bool(((x == 0) | (x == 1)).all()):
            raise ValueError(
                f"x: expected binary pixels, 0 or 1, for a Bernoulli likelihood, got values up to {x.max().item():g}: "
                "load the images with binarise='threshold' or 'dynamic'"
            )
        return x.to(next(self.parameters()).device, torch.float32)

    @torch.no_grad()
    def reconstruct(self, x: Tensor, rng: torch.Generator, draws: int = 1) -> Tensor:
        """Samples x' ~ d(x'|z), z ~ e(z|x), for images ``[n, H, W]``: bool ``[draws, n, H, W]``, a new z each draw."""
        z = draw(self.encoder(self.check_images(x)), rng, (draws,))
        return draw(self.decoder(z.flatten(0, 1)), rng).unflatten(0, (draws, -1))

    @torch.no_grad()
    def generate(self, n: int, rng: torch.Generator, draws: int = 1) -> Tensor:
        """Samples x ~ d(x|z) of ``n`` codes z ~ m(z): bool ``[draws, n, H, W]``, one z for all draws of a column."""
        return draw(self.decoder(draw(self.marginal(), rng, (n,))), rng, (draws,))


def _expected(e: Distribution, m: Distribution) -> tuple[Tensor, Tensor] | tuple[None, None]:
    """E log e(z) and E log m(z) under each member of ``e``, shape ``[n]``; None where torch knows no closed form."""
    try:
        rate = kl_divergence(e, m.expand(e.batch_shape))
        log_e = -e.entropy()
        return log_e, log_e - rate
    except NotImplementedError:
        return None, None
