"""The path from a distribution that can be drawn from to a model's posterior, and the temperatures on it."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.distributions import Distribution, TransformedDistribution

from companion.measure.hamiltonian import Point, slope, transition
from companion.models import VAE, draw, generator
from companion.models.decoders import check_binary, is_bernoulli
from companion.models.flows import FlowDistribution, FlowTransform
from companion.stats import as_float64

#: Log weights of chains, ``[chains, n]``, and the mean acceptance of each image, ``[n]``; NaN without transitions.
Weights = tuple[np.ndarray, np.ndarray]

STARTS = ("marginal", "encoder")
SLOPE = 4.0  # of the sigmoidal schedule, as in the code of Wu et al. (2017)
TRIED = 2  # codes at which a decoder is asked for derivatives


def sigmoidal_schedule(temperatures: int) -> np.ndarray:
    """Inverse temperatures from 0 to 1, ``[temperatures]``, close at both ends: a sigmoid over [-4, 4], rescaled.

    It is the schedule of Wu et al. (2017).

    >>> sigmoidal_schedule(5).round(3)
    array([0.   , 0.105, 0.5  , 0.895, 1.   ])
    """
    sigmoid = 1 / (1 + np.exp(-np.linspace(-SLOPE, SLOPE, temperatures)))
    return (sigmoid - sigmoid[0]) / (sigmoid[-1] - sigmoid[0])


class AnnealingPath:
    """f_t = q^(1-t) (m d)^t over codes u, as a ``hamiltonian.Path``: log q, and log r = log d + log m - log q.

    Where q is of z = T(u) for a flow T of log-determinant zero, the codes are those before the flow, u: there q costs
    least, and the integral over u of m(T(u)) d(x|T(u)) is p(x) all the same.

    Args:
        marginal: ``model.marginal()``
        x: data ``[n, ...]``
        start: q, ``marginal``, m(z), or ``encoder``, e(z|x)

    Attributes:
        scale: the standard deviations of q, ``[n, k]`` or ``[k]``, where torch knows them, and 1 elsewhere

    Raises ``ValueError`` for data that do not fit the model.
    """

    def __init__(self, model: VAE, marginal: Distribution, x: Tensor, start: str) -> None:
        self.x, self.decoder, self.marginal, self.start = model.check_data(x), model.decoder, marginal, start
        q: Any = marginal if start == "marginal" else model.encoder(self.x)
        flows = isinstance(q, FlowDistribution) and isinstance(q.transforms[0], FlowTransform)
        self.flow: FlowTransform | None = q.transforms[0] if flows else None
        self.q: Distribution = q.base_dist if flows else q
        self.m_of_u: Distribution | None = None  # m before a flow that it shares with q
        if flows and isinstance(marginal, TransformedDistribution) and marginal.transforms == q.transforms:
            self.m_of_u = marginal.base_dist
        try:
            self.scale = self.q.stddev
        except NotImplementedError:
            self.scale = torch.ones(1, device=self.x.device, dtype=self.x.dtype)

    def draw(self, rng: torch.Generator, chains: int) -> Point:
        """A code of q for each of so many chains of each image."""
        return Point.of(self, draw(self.q, rng, (chains, *([] if self.q.batch_shape else [len(self.x)]))))

    def at(self, z: Tensor, chains: int) -> Point:
        """All chains of each image at its code ``z``, ``[n, k]``."""
        u = self.flow.inv(z) if self.flow else z
        return Point.of(self, u.expand(chains, *u.shape))

    def __call__(self, u: Tensor) -> tuple[Tensor, Tensor]:
        """log q and log r at codes ``[chains, n, k]``, each ``[chains, n]``."""
        z = self.flow(u) if self.flow else u
        log_q, log_d = self.q.log_prob(u), self.log_d(z)
        if self.start == "marginal":
            return log_q, log_d
        log_m = self.m_of_u.log_prob(u) if self.m_of_u else self.marginal.log_prob(z)
        return log_q, log_d + log_m - log_q

    def log_d(self, z: Tensor) -> Tensor:
        """log d(x|z) at codes ``[chains, n, k]``."""
        d = self.decoder(z.flatten(0, 1))
        return d.log_prob(self.x.expand(len(z), *self.x.shape).flatten(0, 1)).unflatten(0, z.shape[:2])


def annealed_weights(
    path: AnnealingPath,
    point: Point,
    times: np.ndarray,
    sizes: Tensor,
    leapfrogs: int,
    rng: torch.Generator,
    tick: Callable[[], object],
) -> Weights:
    """Log weights of chains that walk from ``point``, and the mean acceptance of each image.

    Args:
        times: inverse temperatures in the order of the walk, ``[T]``: from 0 to 1, or from 1 to 0
        sizes: of the steps at each of them but the first and the last, ``[T - 2, n]``
        tick: called after every transition

    Both ways the sum is of (t_i - t_(i-1)) log r at the codes between the transitions at t_(i-1) and t_i, in double
    precision. A transition is its own reverse, so the order of the temperatures is all that differs.
    """
    gaps, log_w = np.abs(np.diff(times)), np.zeros(tuple(point.log_r.shape))
    accepted = np.full((max(1, len(sizes)), log_w.shape[1]), np.nan)
    for i, gap in enumerate(gaps):
        log_w += gap * as_float64(point.log_r)
        if i < len(sizes):
            t = float(times[i + 1])
            point, probability = transition(path, point, t, sizes[i], path.scale, leapfrogs, rng)
            accepted[i] = as_float64(probability.mean(0))
            tick()
    return log_w, accepted.mean(0)


def check_codes(m: Distribution) -> None:
    """Raise ``ValueError`` unless the codes of ``m`` are vectors without discrete parts."""
    if m.batch_shape or len(m.event_shape) != 1:
        shapes = f"batch shape {list(m.batch_shape)} and event shape {list(m.event_shape)}"
        raise ValueError(f"model.marginal: expected one distribution of vectors, event shape [k], got {shapes}")
    try:
        discrete = getattr(m.support, "is_discrete", False)
    except NotImplementedError:  # a distribution that does not say
        return
    if discrete:
        raise ValueError(
            f"model.marginal: expected codes without discrete parts, which have no slopes, got {type(m).__name__}"
        )


def check_decoder(path: AnnealingPath) -> None:
    """Raise ``ValueError`` unless the decoder is of data such as x, and has derivatives with respect to the code."""
    z = draw(path.marginal, generator(0, device=path.x.device), (TRIED, len(path.x)))
    with torch.enable_grad():
        z.requires_grad_()
        d = path.decoder(z[0])
        if tuple(d.event_shape) != tuple(path.x.shape[1:]):
            shape = ", ".join(map(str, d.event_shape))
            raise ValueError(f"images: expected shape [n, {shape}], as the decoder's, got {list(path.x.shape)}")
        if is_bernoulli(d):
            check_binary(path.x)
        log_d = path.log_d(z)
        if slope(log_d, z) is None and bool((log_d != log_d[0]).any()):
            raise ValueError(
                "model.decoder: expected log d(x|z) with a derivative in z, got values that vary without one"
            )


def check_weights(log_w: np.ndarray) -> None:
    """Raise ``ValueError`` unless all log weights ``[chains, n]`` are finite."""
    wrong = ~np.isfinite(log_w)
    if wrong.any():
        chain, image = np.argwhere(wrong)[0]
        raise ValueError(
            f"model: expected finite log weights, got {wrong.sum()} of {wrong.size} that are not: "
            f"{log_w[chain, image]} for image {image} of {log_w.shape[1]}"
        )
