"""A variational autoencoder: an encoder, a decoder and a marginal, and the terms that a draw of them gives."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.distributions import Distribution, TransformedDistribution, kl_divergence

from companion.models.decoders import check_binary, is_bernoulli
from companion.models.draws import draw
from companion.models.flows import FlowDistribution
from companion.terms import Terms


@dataclass(frozen=True, eq=False)
class ForwardOutput:
    """What one forward pass of ``n`` examples gives: the distributions, the code drawn, and the terms.

    Attributes:
        x: the data as floats, ``[n, ...]``; images are ``[n, H, W]``
        e: e(z|x), batch shape ``[n]``
        z: the code drawn from ``e``, ``[n, k]``, with gradients where the distribution has them
        d: d(x|z) at that code, batch shape ``[n]``
        terms: as ``VAE.terms`` gives them
    """

    x: Tensor
    e: Distribution
    z: Tensor
    d: Distribution
    terms: Terms


class VAE(nn.Module):
    """The triple e(z|x), d(x|z), m(z), each a callable that returns a ``torch.distributions.Distribution``.

    ``encoder(x)`` and ``decoder(z)`` have one distribution for each member of a batch, ``[n]``, and ``marginal()`` has
    no batch shape. Any triple whose shapes fit is a model: modules or plain functions, Gaussian or Bernoulli decoders,
    data of any shape. What a decoder demands of its data, such as binary pixels, its distribution says.

    Args:
        encoder, decoder, marginal: modules are registered, and so is the module of a bound method; other callables
            are kept as they are
        image_shape: the shape of one example; by default any is taken that the encoder takes

    Raises ``ValueError`` for a marginal that is made of another encoder, such as a ``VampPrior`` over it: its weights
    would not be the model's.

    >>> from torch.distributions import Independent, Normal
    >>> def gaussian(dim):
    ...     return lambda given: Independent(Normal(given.mean(-1, keepdim=True).expand(len(given), dim), 1.0), 1)
    >>> model = VAE(gaussian(2), gaussian(5), lambda: Independent(Normal(torch.zeros(2), 1.0), 1))
    >>> model.terms(torch.zeros(3, 5), torch.Generator()).rate
    tensor([0., 0., 0.])
    """

    def __init__(
        self,
        encoder: Callable[..., Any],
        decoder: Callable[..., Any],
        marginal: Callable[..., Any],
        image_shape: tuple[int, ...] | None = None,
    ) -> None:
        super().__init__()
        if getattr(getattr(marginal, "encode", None), "__self__", encoder) is not encoder:
            raise ValueError("marginal: expected one over this model's encoder, got one over another encoder")
        self.encoder: Any = encoder
        self.decoder: Any = decoder
        self.marginal: Any = marginal
        self.image_shape = image_shape
        for name, part in (("encoder", encoder), ("decoder", decoder), ("marginal", marginal)):
            adopt(self, f"{name}_of", part)

    @property
    def device(self) -> torch.device:
        """Where the parameters are; the processor for a model without any."""
        return next((p.device for p in self.parameters()), torch.device("cpu"))

    def terms(self, x: Tensor, rng: torch.Generator, closed_form: bool = True) -> Terms:
        """The terms of data ``x``, ``[n, ...]``, at one draw ``z ~ e(z|x)`` each; nats, shape ``[n]``.

        All three are unbiased, over draws, for their expectations under e. With ``closed_form`` (the default) log e
        and log m are these expectations themselves where torch knows the divergence KL(e || m) and the entropy of e,
        so the rate has no noise from the draw; flows and mixtures have no such form. Without it all three are taken
        at one and the same z, as importance weights need them.

        Raises ``ValueError`` for data of another shape, and under a Bernoulli decoder for pixels that are not binary.
        """
        return self(x, rng, closed_form).terms

    def forward(self, x: Tensor, rng: torch.Generator, closed_form: bool = True) -> ForwardOutput:
        """The whole of what ``terms`` computes, for objectives that look at the code or at what is decoded from it."""
        x = self.check_data(x)
        e, m = self.encoder(x), self.marginal()
        z, *drawn = _drawn(e, m, rng) if isinstance(e, FlowDistribution) else (draw(e, rng),)
        d = self.decoder(z)
        if is_bernoulli(d):
            check_binary(x)
        log_d = d.log_prob(x)
        log_e, log_m = drawn or (closed_form and _expected(e, m)) or (e.log_prob(z), m.log_prob(z))
        return ForwardOutput(x, e, z, d, Terms(log_e, log_d, log_m))

    def check_data(self, x: Tensor) -> Tensor:
        """``x`` as floats of the model's precision on its device.

        Raises ``ValueError`` for examples of another shape than ``image_shape``, and, where the decoder has a
        ``check_data`` of its own, as that does.
        """
        if self.image_shape is not None and tuple(x.shape[1:]) != tuple(self.image_shape):
            raise ValueError(
                f"x: expected images of shape [n, {', '.join(map(str, self.image_shape))}], got {list(x.shape)}"
            )
        if check := getattr(self.decoder, "check_data", None):
            check(x)
        return x.to(self.device, next((p.dtype for p in self.parameters()), torch.float32))

    @torch.no_grad()
    def reconstruct(self, x: Tensor, rng: torch.Generator, draws: int = 1) -> Tensor:
        """Samples x' ~ d(x'|z), z ~ e(z|x), of data ``[n, ...]``: ``[draws, n, ...]``, a new z each draw."""
        z = draw(self.encoder(self.check_data(x)), rng, (draws,))
        return draw(self.decoder(z.flatten(0, 1)), rng).unflatten(0, (draws, -1))

    @torch.no_grad()
    def generate(self, n: int, rng: torch.Generator, draws: int = 1) -> Tensor:
        """Samples x ~ d(x|z) of ``n`` codes z ~ m(z): ``[draws, n, ...]``, one z for all draws of a column."""
        return draw(self.decoder(draw(self.marginal(), rng, (n,))), rng, (draws,))


def adopt(parent: nn.Module, name: str, part: Any) -> None:
    """Register the module behind ``part`` as ``parent.name``: itself, or the one whose bound method it is.

    So its parameters are the parent's, and its mode changes with the parent's. What ``parent`` has already stays.
    """
    owner = part if isinstance(part, nn.Module) else getattr(part, "__self__", None)
    if isinstance(owner, nn.Module) and owner not in list(parent.modules()):
        parent.add_module(name, owner)


def _expected(e: Distribution, m: Distribution) -> tuple[Tensor, Tensor] | None:
    """E log e(z) and E log m(z) under each member of ``e``, shape ``[n]``; None where torch knows no closed form."""
    try:
        rate = kl_divergence(e, m.expand(e.batch_shape))
        log_e = -e.entropy()
        return log_e, log_e - rate
    except NotImplementedError:
        return None


def _drawn(e: FlowDistribution, m: Distribution, rng: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
    """A draw z of ``e``, log e(z) and log m(z); the densities before a flow that both share are those after it."""
    if isinstance(m, TransformedDistribution) and m.transforms == e.transforms:
        u = draw(e.base_dist, rng)
        return e.transforms[0](u), e.base_dist.log_prob(u), m.base_dist.log_prob(u)
    z, log_e = e.rsample_and_log_prob(rng)
    return z, log_e, m.log_prob(z)
