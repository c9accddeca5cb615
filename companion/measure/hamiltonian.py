"""Hamiltonian Monte Carlo along a path of densities, for many images and many chains of each at once.

Between a density q(u) and another one, q(u) r(u) up to its constant, lie those of the geometric path,

    f_t(u) = q(u) r(u)^t,        0 <= t <= 1.

A transition at t draws a momentum p ~ N(0, I) and follows Hamilton's equations for H = p.p/2 - log f_t by some leapfrog
steps: half a step of p, whole steps of u and p in turn, half a step of p. Where it ends is accepted with probability
min(1, exp(-dH)). Each step of u is undone by the same steps after p -> -p, and keeps volumes; so f_t is left invariant,
for any step size that does not depend on u (Duane et al. (1987); Neal (2011), section 3).
"""

from collections.abc import Callable, Sequence
from math import log
from typing import Any, NamedTuple

import torch
from torch import Tensor

#: log q and log r at codes ``[chains, n, k]``, each ``[chains, n]``: nats.
Path = Callable[[Tensor], tuple[Tensor, Tensor]]

ACCEPTANCE = 0.65  # what step sizes are tuned to: near the best of many dimensions (Neal (2011), section 4.4)
FIRST_SIZE = 0.5  # where the tuning starts
RATE = 1.0  # by how much the log of a step size moves a transition, times what the acceptance is off by
WARM_UP = 30  # transitions at the first temperature, before sizes are written down


class Point(NamedTuple):
    """Codes ``u``, ``[chains, n, k]``, with log q and log r, ``[chains, n]``, and the slopes of both, shaped as u."""

    u: Tensor
    log_q: Tensor
    log_r: Tensor
    slope_q: Tensor
    slope_r: Tensor

    @classmethod
    def of(cls, path: Path, u: Tensor) -> "Point":
        """The point at ``u``: one pass through the path, and one back for each slope."""
        with torch.enable_grad():
            u = u.detach().requires_grad_()
            log_q, log_r = path(u)
            slopes = slope(log_q, u), slope(log_r, u)
        return cls(u.detach(), log_q.detach(), log_r.detach(), *(zero_if_none(s, u) for s in slopes))

    def log_f(self, t: float) -> Tensor:
        """log f_t, ``[chains, n]``."""
        return self.log_q + t * self.log_r

    def slope_f(self, t: float) -> Tensor:
        """The slope of log f_t, ``[chains, n, k]``."""
        return self.slope_q + t * self.slope_r

    def where(self, kept: Tensor, other: "Point") -> "Point":
        """This point where ``kept``, ``[chains, n]``, and the ``other`` elsewhere."""
        masks = (kept.unsqueeze(-1) if here.dim() > kept.dim() else kept for here in self)
        return Point(*map(torch.where, masks, self, other))


def slope(values: Tensor, u: Tensor) -> Tensor | None:
    """The gradient of every value with respect to its own code ``u``; None where no path of derivatives leads there."""
    if not values.requires_grad:
        return None
    return torch.autograd.grad(values.sum(), u, retain_graph=True, allow_unused=True)[0]


def zero_if_none(found: Tensor | None, u: Tensor) -> Tensor:
    """``found``, or zeros shaped as ``u``: a density that ignores u is flat."""
    return torch.zeros_like(u) if found is None else found


def transition(
    path: Path, point: Point, t: float, size: Tensor, scale: Tensor, leapfrogs: int, rng: torch.Generator
) -> tuple[Point, Tensor]:
    """One transition of every chain at the inverse temperature ``t``, and the probability with which it is accepted.

    Args:
        point: where the chains are, codes ``[chains, n, k]``
        size: the step size of each image, ``[n]``
        scale: the unit of each dimension, broadcast against the codes
        leapfrogs: steps of a trajectory, each one pass through the path and back

    The transition leaves f_t invariant. Each trajectory has a step size of its own, uniform between half of ``size``
    and ``size``: one that fits the period of a nearly Gaussian f_t would end where it started, whatever its acceptance.
    A trajectory that runs to infinity is rejected.

    >>> path = lambda u: (-0.5 * u.square().sum(-1), torch.zeros(u.shape[:-1]))  # N(0, I)
    >>> rng = torch.Generator().manual_seed(0)
    >>> start = Point.of(path, torch.randn(1000, 1, 2, generator=rng))
    >>> end, probability = transition(path, start, 1.0, torch.ones(1), torch.ones(1), 5, rng)
    >>> bool((end.u.var((0, 1)) - 1).abs().max() < 0.2), bool(probability.mean() > 0.7)
    (True, True)
    """
    noise: dict[str, Any] = {"generator": rng, "device": point.u.device, "dtype": point.u.dtype}
    jitter = 0.5 + 0.5 * torch.rand(point.log_q.shape, **noise)
    momentum = torch.randn(point.u.shape, **noise)
    end, last = leapfrog(path, point, momentum, t, (size * jitter).unsqueeze(-1) * scale, leapfrogs)
    gained = end.log_f(t) - point.log_f(t) - (last.square() - momentum.square()).sum(-1) / 2
    probability = gained.clamp(max=0).exp().nan_to_num(0.0)
    return end.where(torch.rand(probability.shape, **noise) < probability, point), probability


def leapfrog(
    path: Path, point: Point, momentum: Tensor, t: float, step: Tensor, leapfrogs: int
) -> tuple[Point, Tensor]:
    """Where a trajectory ends after ``leapfrogs`` steps, and its momentum there; ``step`` is that of each dimension."""
    momentum = momentum + step / 2 * point.slope_f(t)
    for i in range(leapfrogs):
        point = Point.of(path, point.u + step * momentum)
        momentum = momentum + (step if i < leapfrogs - 1 else step / 2) * point.slope_f(t)
    return point, momentum


def tuned_step_sizes(
    path: Path,
    point: Point,
    times: Sequence[float],
    scale: Tensor,
    leapfrogs: int,
    rng: torch.Generator,
    tick: Callable[[], object] = lambda: None,
) -> Tensor:
    """Step sizes for one transition at each of ``times`` in turn, ``[len(times), n]``, from a pilot run of ``point``.

    The log of an image's size moves, a transition, by ``RATE`` times what the mean acceptance of its chains exceeds
    ``ACCEPTANCE`` by. Sizes that follow the chains' past would make those chains leave f_t; so the pilot's own states
    are thrown away, and its sizes are held fixed in chains that know nothing else of it.

    ``tick`` is called after every transition.

    >>> path = lambda u: (-0.5 * u.square().sum(-1), -200.0 * u.square().sum(-1))  # from N(0, I) to N(0, I / 401)
    >>> rng = torch.Generator().manual_seed(0)
    >>> start = Point.of(path, torch.randn(4, 1, 2, generator=rng))
    >>> sizes = tuned_step_sizes(path, start, [i / 100 for i in range(100)], torch.ones(1), 5, rng)
    >>> bool(sizes[-1] < 0.2 < sizes[0])
    True
    """
    found, log_size = [], point.u.new_full(point.u.shape[1:2], log(FIRST_SIZE))
    for i, t in enumerate([*times[:1]] * WARM_UP + [*times]):
        point, probability = transition(path, point, t, log_size.exp(), scale, leapfrogs, rng)
        log_size = log_size + RATE * (probability.mean(0) - ACCEPTANCE)
        if i >= WARM_UP:
            found.append(log_size.exp())
        tick()
    return torch.stack(found) if found else point.u.new_zeros(0, point.u.shape[1])
