"""Mean-only autoregressive flows: bijections that shift each number by a function of the numbers before it.

One step is z_j = u_j + f_j(u_1, ..., u_{j-1}). Its Jacobian is triangular with ones on the diagonal, so its
log-determinant is zero: the flow bends a density and never stretches it. Going forward, all shifts are known at once.
Going back, u_1 is known first, then u_2 from it, and so on: after as many passes as there are dimensions every number
is exact. An encoder is drawn from, so its draws go forward (inverse autoregressive flow, Kingma et al. (2016)). A
marginal is asked for densities, so its codes go forward, and its draws back (masked autoregressive flow,
Papamakarios et al. (2017)).
"""

import torch
from torch import Tensor, nn
from torch.distributions import TransformedDistribution, constraints
from torch.distributions.transforms import Transform
from torch.nn import functional

from companion.models.draws import Shape, draw

UNITS = 640  # in each hidden layer of Alemi et al. (2018), appendices F.1 and F.3
START = 0.01  # of a usual last layer: the flow starts near the identity, and gradients reach every layer


class MaskedLinear(nn.Linear):
    """A linear layer whose weights are kept where ``mask``, ``[outputs, inputs]``, is true, and zero elsewhere."""

    mask: Tensor

    def __init__(self, mask: Tensor) -> None:
        super().__init__(mask.shape[1], mask.shape[0])
        self.register_buffer("mask", mask, persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """Apply the layer."""
        return functional.linear(x, self.weight * self.mask, self.bias)


class MADE(nn.Module):
    """A masked network, ``[..., dim]`` to ``[..., dim]``, whose output j depends on the inputs before j only.

    Germain et al. (2015), in the "3 layer MADE" of Alemi et al. (2018), appendix F.1, read as three hidden layers and a
    read-out: a hidden unit of degree k sees the first k inputs, through units of degree at most k;
    output j reads the units of degree less than j. The degrees are spread evenly over the units. The first output
    is a constant, or a function of the context.

    Args:
        dim: numbers in and out
        hidden: units in each hidden layer, with ReLU
        layers: hidden layers
        context: numbers in the context, which is added linearly to the first layer and which every output may see

    Raises ``ValueError`` for a size that is not positive, for fewer hidden units than ``dim - 1`` (``dim`` with a
    context), where some output would lose an input, or for a context that is missing or not wanted.

    >>> _ = torch.manual_seed(0)
    >>> made = MADE(3, hidden=20)
    >>> torch.autograd.functional.jacobian(made, torch.zeros(3)) != 0
    tensor([[False, False, False],
            [ True, False, False],
            [ True,  True, False]])
    """

    def __init__(self, dim: int, hidden: int, layers: int = 3, context: int = 0) -> None:
        super().__init__()
        enough = max(1, dim if context else dim - 1)  # a hidden unit of every degree
        for name, size, least in (("dim", dim, 1), ("context", context, 0), ("layers", layers, 1)):
            _at_least(name, size, least)
        _at_least("hidden", hidden, enough)
        lowest = 0 if context or dim == 1 else 1  # units of degree 0 see the context alone
        degrees = lowest + torch.arange(hidden) * (dim - lowest) // hidden
        order = torch.arange(dim)
        self.first = MaskedLinear(order < degrees[:, None])
        self.hidden = nn.ModuleList(MaskedLinear(degrees <= degrees[:, None]) for _ in range(layers - 1))
        self.last = MaskedLinear(degrees <= order[:, None])
        self.context = nn.Linear(context, hidden, bias=False) if context else None
        with torch.no_grad():
            for parameter in self.last.parameters():
                parameter.mul_(START)

    def forward(self, x: Tensor, context: Tensor | None = None) -> Tensor:
        """The outputs for ``x``, in the precision of ``x``; ``context`` has shape ``[..., context]``."""
        h = self.first(x)
        if self.context is not None and context is not None:
            h = h + self.context(context)
        elif self.context is not None or context is not None:
            wanted = "none" if self.context is None else f"[..., {self.context.in_features}]"
            raise ValueError(f"context: expected {wanted}, got {'none' if context is None else list(context.shape)}")
        for layer in self.hidden:
            h = layer(h.relu())
        return self.last(h.relu()).to(x.dtype)


class MeanOnlyFlow(nn.Module):
    """A chain of autoregressive shifts, every other one with the dimensions in reverse order.

    Without the reversal the chain would be one step again. It is the usual practice; Alemi et al. (2018) do not say in
    which order their steps read. The log-determinant of the Jacobian is zero in both directions.

    Args:
        dim, hidden, context: of each step, see ``MADE``
        steps: the number of masked networks, each with three hidden layers

    >>> flow = MeanOnlyFlow(4, hidden=20)
    >>> u = torch.tensor([[0.5, -1.0, 2.0, 0.0]])
    >>> torch.allclose(flow.inverse(flow(u)), u, atol=1e-6)
    True
    """

    def __init__(self, dim: int, hidden: int, steps: int = 4, context: int = 0) -> None:
        super().__init__()
        if steps < 1:
            raise ValueError(f"steps: expected at least 1, got {steps!r}")
        self.steps = nn.ModuleList(MADE(dim, hidden, context=context) for _ in range(steps))

    def shift(self, step: int, u: Tensor, context: Tensor | None) -> Tensor:
        """The shift of one step, counted from 0, at ``u``; odd steps read the dimensions backwards."""
        made = self.steps[step]
        return made(u.flip(-1), context).flip(-1) if step % 2 else made(u, context)

    def forward(self, u: Tensor, context: Tensor | None = None) -> Tensor:
        """z for ``u`` of shape ``[..., dim]``: one pass a step."""
        for step in range(len(self.steps)):
            u = u + self.shift(step, u, context)
        return u

    def inverse(self, z: Tensor, context: Tensor | None = None) -> Tensor:
        """u for ``z`` of shape ``[..., dim]``: ``dim`` passes a step, each of which makes one more number exact."""
        for step in reversed(range(len(self.steps))):
            u = z
            for _ in range(z.shape[-1]):
                u = z - self.shift(step, u, context)
            z = u
        return z


class FlowTransform(Transform):
    """A flow as a bijection for ``FlowDistribution``; its log-determinant is zero everywhere.

    >>> flow = FlowTransform(MeanOnlyFlow(2, hidden=8))
    >>> u = torch.ones(5, 2)
    >>> torch.allclose(flow.inv(flow(u)), u, atol=1e-6)
    True
    """

    domain = codomain = constraints.real_vector
    bijective = True

    def __init__(self, flow: MeanOnlyFlow, context: Tensor | None = None) -> None:
        super().__init__()
        self.flow, self.context = flow, context

    def _call(self, u: Tensor) -> Tensor:
        return self.flow(u, self.context)

    def _inverse(self, z: Tensor) -> Tensor:
        return self.flow.inverse(z, self.context)

    def log_abs_det_jacobian(self, u: Tensor, z: Tensor) -> Tensor:
        """Zero for every pair, shape ``[...]``."""
        return u.new_zeros(u.shape[:-1])


class FlowDistribution(TransformedDistribution):
    """The distribution of z = T(u), for u from a base and one T, a ``FlowTransform`` or the inverse of one.

    ``log_prob`` has to undo T, whatever z is. At a draw of its own u is known: ``rsample_and_log_prob`` gives both.

    >>> from torch.distributions import Independent, Normal
    >>> base = Independent(Normal(torch.zeros(3), 1.0), 1)
    >>> p = FlowDistribution(base, [FlowTransform(MeanOnlyFlow(3, hidden=8))])
    >>> z, log_p = p.rsample_and_log_prob(torch.Generator(), (5,))
    >>> torch.allclose(log_p, p.log_prob(z), atol=1e-5)
    True
    """

    def rsample_and_log_prob(self, rng: torch.Generator, shape: Shape = ()) -> tuple[Tensor, Tensor]:
        """What ``draw`` gives, z, with log p(z) in nats: the log-determinant being zero, that of the base at u."""
        u = draw(self.base_dist, rng, shape)
        return self.transforms[0](u), self.base_dist.log_prob(u)


def _at_least(name: str, size: int, least: int) -> None:
    if size < least:
        raise ValueError(f"{name}: expected at least {least}, got {size!r}")
