"""The aggregate of a Gaussian encoder over a finite data set: exact densities, and averages over its draws.

The aggregate ``q(z) = (1/N) sum_n N(z; mu_n, diag sigma_n^2)`` is a mixture with one component an example. Its density
at any z is a finite sum, so nothing about it has to be guessed from a minibatch: the squared distances of a block of
codes from a block of components are one matrix product, since

    (z - mu)^2 / s^2 = z^2 / s^2 - 2 z mu / s^2 + mu^2 / s^2 .

The three terms may be far larger than their sum. So the codes and components are moved to the components' centre first,
and a block of components whose terms are too large for its precision is computed in a better one (``LARGEST``).
"""

from math import log, pi, sqrt

import numpy as np
import torch
from torch import Tensor
from torch.distributions import Normal

from companion.models import draw, generator

BLOCK = 512  # codes or components held at once: 2 MiB of densities, which stay in the processor's cache
#: Up to which |mu / s|^2 the product is computed in a precision: rounding then costs a density at most 0.01 nats in
#: single precision, and an average over codes less than 2e-4; in double precision at most 3e-7.
LARGEST = {torch.float32: 3e4, torch.float64: 1e9}
SLICE = 8  # codes whose differences from all components of a block are held at once
NEGLIGIBLE = 50.0  # nats below the largest of a block, where even a whole block adds nothing in double precision
POINTS = 1024  # of a grid for each one-dimensional aggregate
SUBSET = 256  # codes at which the exact one-dimensional aggregates check the grid


def pairwise_log_density(z: Tensor, mean: Tensor, variance: Tensor) -> Tensor:
    """log N(z_i; mean_j, variance_j) of every code under every component, ``[m, n]``, in double precision.

    Args:
        z: ``[m, k]``
        mean, variance: ``[n, k]``

    Codes and components are moved to the components' centre first. An entry's rounding is then below 1e-6 nats; where
    the means are too many deviations from the centre for that, differences are taken, which is slower.

    >>> pairwise_log_density(torch.zeros(1, 2), torch.zeros(3, 2), torch.ones(3, 2)).shape
    torch.Size([1, 3])
    """
    z, mean, variance = _centred(z.double(), mean.double(), variance.double())
    return _densities(mean, variance, torch.float64)(z)


class _Product:
    """The densities of all components at once, as a product of matrices in ``dtype``."""

    def __init__(self, mean: Tensor, variance: Tensor, dtype: torch.dtype = torch.float64) -> None:
        self.constant = ((mean**2 / variance + variance.log()).sum(1) + mean.shape[1] * log(2 * pi)).to(dtype)
        self.weights = torch.cat([1 / variance, -2 * mean / variance], 1).to(dtype)

    def __call__(self, z: Tensor) -> Tensor:
        z = z.to(self.weights.dtype)
        return torch.addmm(self.constant, torch.cat([z**2, z], 1), self.weights.T, beta=-0.5, alpha=-0.5)


class _Differences:
    """The densities of all components from differences: slow, and exact however far the codes are from the centre."""

    def __init__(self, mean: Tensor, variance: Tensor) -> None:
        self.components = Normal(mean, variance.sqrt(), validate_args=False)

    def __call__(self, z: Tensor) -> Tensor:
        return torch.cat([self.components.log_prob(codes[:, None]).sum(2) for codes in z.split(SLICE)])


def _densities(mean: Tensor, variance: Tensor, dtype: torch.dtype) -> _Product | _Differences:
    """What gives the log densities of codes: a product in ``dtype`` where that is exact enough, or one in double."""
    size = (mean**2 / variance).sum(1).max().item()
    for precision in (dtype, torch.float64):
        if size < LARGEST[precision]:
            return _Product(mean, variance, precision)
    return _Differences(mean, variance)


def _centred(z: Tensor, mean: Tensor, variance: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """All three, moved so that the mean of ``mean`` is 0."""
    centre = mean.mean(0)
    return z - centre, mean - centre, variance


def standard_normal_kl(mean: Tensor, variance: Tensor) -> Tensor:
    """KL(N(mean, variance) || N(0, 1)) of every entry, in nats, of the arguments' common shape.

    >>> standard_normal_kl(torch.tensor(3.0), torch.tensor(1.0)).item()
    4.5
    """
    return 0.5 * (variance + mean**2 - 1 - variance.log())


def aggregate_log_density(
    z: Tensor,
    mean: Tensor,
    variance: Tensor,
    block: int = BLOCK,
    dtype: torch.dtype = torch.float64,
    drawn_from: Tensor | None = None,
) -> Tensor:
    """log q(z), ``[m]``, of the mixture of all n components with equal weights: exact, by streamed blocks.

    Args:
        z: ``[m, k]``
        mean, variance: ``[n, k]``
        block: bounds the memory and does not change the value
        dtype: ``torch.float32`` takes half the time; averages over codes lose less than 2e-4 nats
        drawn_from: ``[m]``, the index of the component that each code was drawn from; its density, as a rule the
            largest, is then free of all rounding

    The result is in double precision. Raises ``ValueError`` for shapes that do not fit, or a variance that is not
    positive and finite.

    >>> q = aggregate_log_density(torch.zeros(1, 1), torch.tensor([[-1.0], [1.0]]), torch.ones(2, 1))
    >>> round(q.item(), 4)  # log N(0; 1, 1)
    -1.4189
    """
    check_encoder(mean, variance)
    if z.ndim != 2 or z.shape[1] != mean.shape[1]:
        raise ValueError(f"z: expected codes of shape [m, {mean.shape[1]}], got {list(z.shape)}")
    z, mean, variance = z.double(), mean.double(), variance.double()
    own = None if drawn_from is None else Normal(mean[drawn_from], variance[drawn_from].sqrt()).log_prob(z).sum(1)
    z, mean, variance = _centred(z, mean, variance)
    total = torch.full((len(z),), -torch.inf, dtype=torch.float64, device=z.device)
    for first in range(0, len(mean), block):
        densities = _densities(mean[first : first + block], variance[first : first + block], dtype)
        for start in range(0, len(z), block):
            codes = slice(start, start + block)
            found = densities(z[codes])
            if drawn_from is not None and own is not None:
                row, column = _within(drawn_from[codes] - first, found.shape[1])
                found[row, column] = own[codes][row].to(found.dtype)
            total[codes] = torch.logaddexp(total[codes], _logsumexp(found).double())
    return total - log(len(mean))


def _within(index: Tensor, length: int) -> tuple[Tensor, Tensor]:
    """Which of ``index`` are from 0 to ``length``, and their values."""
    row = ((index >= 0) & (index < length)).nonzero()[:, 0]
    return row, index[row]


def _logsumexp(log_density: Tensor) -> Tensor:
    """As ``log_density.logsumexp(1)`` to rounding. Exponentials that underflow cost six times as much as others."""
    most = log_density.amax(1, keepdim=True)
    return (log_density - most).clamp_(min=-NEGLIGIBLE).exp_().sum(1).log_() + most[:, 0]


def sample_aggregate(
    mean: Tensor, variance: Tensor, seed: int, draws: int, dtype: torch.dtype = torch.float64
) -> tuple[Tensor, Tensor, Tensor]:
    """Codes ``z ~ e(z|n)`` and their log e by dimension, ``[draws, N, k]`` each, and their log q(z), ``[draws, N]``.

    Args:
        mean, variance: ``[N, k]``
        draws: codes an example, 2 or more (the standard error needs two)
        dtype: see ``aggregate_log_density``

    Raises ``ValueError`` for fewer than two draws, shapes that differ, or a variance that is not positive and finite.
    """
    check_encoder(mean, variance)
    if draws < 2:
        raise ValueError(f"draws: expected 2 or more codes for each example, got {draws}")
    mean, variance = mean.double(), variance.double()
    e = Normal(mean, variance.sqrt())
    z = draw(e, generator(seed, device=mean.device), (draws,))
    index = torch.arange(len(mean), device=mean.device).repeat(draws)
    log_q = aggregate_log_density(z.flatten(0, 1), mean, variance, dtype=dtype, drawn_from=index)
    return z, e.log_prob(z), log_q.view(draws, -1)


def mean_over_draws(values: Tensor) -> tuple[float, float]:
    """The mean over draws and examples ``[draws, N]``, and its standard error given the examples."""
    within = values.var(0).mean().item()
    return values.mean().item(), sqrt(within / values.numel())


class OneDimensionalAggregates:
    """log q(z_j) of every code and dimension, and averages with them: unbiased, whatever the grid.

    Few codes get the exact one-dimensional aggregates, one exponential for each code, example and dimension. Many read
    them off a grid of ``POINTS`` points a dimension, linearly in the logarithm; the mean error of the grid is measured
    at ``SUBSET`` codes drawn at random, and taken off. The grid then only lowers the noise: what remains of its error
    is in the standard errors. A dimension with a component narrower than the grid's spacing gets no grid: it would
    miss whole components, and the codes drawn at random would miss them as well.

    Args:
        z: ``[draws, N, k]``, from ``sample_aggregate``
        mean, variance: ``[N, k]``
        seed: of the subset
    """

    def __init__(self, z: Tensor, mean: Tensor, variance: Tensor, seed: int = 0) -> None:
        codes = z.flatten(0, 1)
        chosen = torch.randint(len(codes), (SUBSET,), generator=generator(seed, 1)).to(z.device)
        log_q, excess = torch.empty_like(codes), codes.new_zeros(SUBSET, z.shape[2])
        for j, (code, *components) in enumerate(zip(*(a.split(1, 1) for a in (codes, mean, variance)), strict=True)):
            if len(codes) <= POINTS + SUBSET or (code.max() - code.min()) / POINTS >= components[1].min().sqrt():
                log_q[:, j] = aggregate_log_density(code, *components)
                continue
            log_q[:, j] = _gridded(code, *components)
            excess[:, j] = log_q[chosen, j] - aggregate_log_density(code[chosen], *components)
        self.log_q = log_q.view_as(z)
        self.excess = excess  # log q(z_j) read off minus the truth, at the codes chosen

    def total_correlation(self, log_q: Tensor) -> tuple[float, float]:
        """The mean of log q(z) - sum_j log q(z_j), KL(q(z) || prod_j q(z_j)), and its standard error; nats.

        Args:
            log_q: log q(z) of the same codes, ``[draws, N]``
        """
        return _corrected(log_q - self.log_q.sum(2), self.excess.sum(1))

    def informations(self, log_e: Tensor) -> tuple[list[float], list[float]]:
        """The mean of log e(z_j|n) - log q(z_j), I(n; z_j), for each dimension, and the standard errors; nats.

        Args:
            log_e: of the same codes, ``[draws, N, k]``
        """
        found = [
            _corrected(values, excess)
            for values, excess in zip((log_e - self.log_q).unbind(2), self.excess.unbind(1), strict=True)
        ]
        return [value for value, _ in found], [se for _, se in found]


def _corrected(values: Tensor, excess: Tensor) -> tuple[float, float]:
    value, se = mean_over_draws(values)
    return value + excess.mean().item(), sqrt(se**2 + excess.var().item() / len(excess))


def _gridded(codes: Tensor, mean: Tensor, variance: Tensor) -> Tensor:
    """log q(z_j), ``[m]``, of one dimension's codes, ``[m, 1]``, read off a grid; the components are ``[n, 1]``."""
    steps = torch.linspace(0, 1, POINTS, dtype=codes.dtype, device=codes.device)
    grid = codes.min() + steps * (codes.max() - codes.min())
    table = aggregate_log_density(grid[:, None], mean, variance)
    at, points, values = (a.cpu().numpy() for a in (codes[:, 0], grid, table))
    return torch.from_numpy(np.interp(at, points, values)).to(codes.device)


def check_encoder(mean: Tensor, variance: Tensor) -> None:
    """Raise ``ValueError`` unless both are ``[N, k]``, the variance positive, and all finite."""
    if mean.ndim != 2 or mean.shape != variance.shape or mean.numel() == 0:
        raise ValueError(f"variance: expected the mean's shape [N, k], got {list(variance.shape)}, {list(mean.shape)}")
    if not (torch.isfinite(mean).all() and torch.isfinite(variance).all() and (variance > 0).all()):
        raise ValueError("variance: expected finite means and positive, finite variances, got one that is not")
