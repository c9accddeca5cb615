"""ELBO surgery of a Gaussian encoder over a finite data set, and what minibatches make of it.

The aggregate ``q(z) = (1/N) sum_n N(z; mu_n, diag sigma_n^2)`` is a mixture with one component an example. Its density
at any z is a finite sum, so nothing about it has to be guessed from a minibatch: the squared distances of a block of
codes from a block of components are three matrix products, since

    (z - mu)^2 / s^2 = z^2 / s^2 - 2 z mu / s^2 + mu^2 / s^2 .

Its divergence from the prior is an integral without a closed form, and is estimated over codes ``z ~ e(z|n)``.
"""

from dataclasses import replace
from math import log, pi

import numpy as np
import torch
from torch import Tensor
from torch.distributions import Normal

from companion.exact.surgery import Surgery
from companion.models import draw, generator

BLOCK = 2048  # codes or components held at once: 32 MiB of densities


def pairwise_log_density(z: Tensor, mean: Tensor, variance: Tensor) -> Tensor:
    """log N(z_i; mean_j, variance_j) of every code under every component, ``[m, n]``, in double precision.

    z : ``[m, k]``
    mean, variance : ``[n, k]``

    >>> pairwise_log_density(torch.zeros(1, 2), torch.zeros(3, 2), torch.ones(3, 2)).shape
    torch.Size([1, 3])
    """
    z, mean, variance = z.double(), mean.double(), variance.double()
    distance = z**2 @ (1 / variance).T - 2 * z @ (mean / variance).T + (mean**2 / variance).sum(1)
    return -0.5 * (distance + variance.log().sum(1) + z.shape[1] * log(2 * pi))


def aggregate_log_density(z: Tensor, mean: Tensor, variance: Tensor, block: int = BLOCK) -> Tensor:
    """log q(z), ``[m]``, of the mixture of all n components with equal weights: exact, by streamed blocks.

    Shapes as for ``pairwise_log_density``; ``block`` bounds the memory and does not change the value.

    Raises ``ValueError`` for shapes that do not fit, or a variance that is not positive and finite.

    >>> q = aggregate_log_density(torch.zeros(1, 1), torch.tensor([[-1.0], [1.0]]), torch.ones(2, 1))
    >>> round(q.item(), 4)  # log N(0; 1, 1)
    -1.4189
    """
    _check_encoder(mean, variance)
    if z.ndim != 2 or z.shape[1] != mean.shape[1]:
        raise ValueError(f"z: expected codes of shape [m, {mean.shape[1]}], got {list(z.shape)}")
    found = []
    for codes in z.split(block):
        total = torch.full((len(codes),), -torch.inf, dtype=torch.float64, device=z.device)
        for mu, var in zip(mean.split(block), variance.split(block), strict=True):
            total = torch.logaddexp(total, pairwise_log_density(codes, mu, var).logsumexp(1))
        found.append(total)
    return torch.cat(found) - log(len(mean))


@torch.no_grad()
def gaussian_surgery(
    mean: Tensor, variance: Tensor, *, seed: int = 0, draws: int = 2, by_dimension: bool = True
) -> Surgery:
    """The parts of the rate of e(z|n) = N(mean_n, diag variance_n) to the prior N(0, I), over n = 1..N.

    The rate is in closed form, for each code dimension. The rest is averaged over ``draws`` codes of every example, the
    aggregate being exact: I(n; z) and I(n; z_j) without bias, and from them, by subtraction, the marginal and the
    dimension-wise KL, so that both identities of the record hold to rounding. The standard errors hold the noise of
    the draws alone: these are properties of the N examples, not estimates for others.

    mean, variance : ``[N, k]``
    seed : of the draws
    draws : codes an example, 2 or more (the standard error needs two)
    by_dimension : also total correlation and dimension-wise KL, which cost k times the aggregate once more

    Raises ``ValueError`` for fewer than two draws, shapes that differ, or a variance that is not positive and finite.

    >>> parts = gaussian_surgery(torch.tensor([[-9.0], [9.0]]), torch.ones(2, 1))
    >>> parts.rate, round(parts.index_information, 4)  # log 2: the codes never overlap
    (40.5, 0.6931)
    """
    _check_encoder(mean, variance)
    if draws < 2:
        raise ValueError(f"draws: expected 2 or more codes for each example, got {draws}")
    mean, variance = mean.double(), variance.double()
    e = Normal(mean, variance.sqrt())
    z = draw(e, generator(seed, device=mean.device), (draws,))
    log_e, codes = e.log_prob(z), z.flatten(0, 1)
    log_q = aggregate_log_density(codes, mean, variance).view(draws, -1)
    rates = 0.5 * (variance + mean**2 - 1 - variance.log()).mean(0)
    information, information_se = _mean(log_e.sum(2) - log_q)
    rate = rates.sum().item()
    parts = Surgery(rate, information, rate - information, len(mean), None, (), information_se, information_se)
    return _with_dimensions(parts, codes, mean, variance, log_e, log_q, rates) if by_dimension else parts


def _with_dimensions(
    parts: Surgery, codes: Tensor, mean: Tensor, variance: Tensor, log_e: Tensor, log_q: Tensor, rates: Tensor
) -> Surgery:
    columns = [
        aggregate_log_density(codes[:, j : j + 1], mean[:, j : j + 1], variance[:, j : j + 1])
        for j in range(codes.shape[1])
    ]
    log_qj = torch.stack(columns, 1).view_as(log_e)
    total, total_se = _mean(log_q - log_qj.sum(2))
    each = [_mean((log_e - log_qj)[..., j]) for j in range(codes.shape[1])]
    return replace(
        parts,
        total_correlation=total,
        dimension_wise_kl=tuple(rate - value for rate, (value, _) in zip(rates.tolist(), each, strict=True)),
        total_correlation_se=total_se,
        dimension_wise_kl_se=tuple(se for _, se in each),
    )


def within_batch(log_e: Tensor) -> Tensor:
    """log q(z_i) as if the minibatch were the data set, ``[B]``, from ``log_e[i, j]`` = log e(z_i|x_j), ``[B, B]``.

    The information it gives is at most log B, and on average over minibatches at most I(n; z).

    Raises ``ValueError``, as its relatives do, for a matrix that is not square or smaller than 2 x 2.
    """
    return _check_batch(log_e).logsumexp(1) - log(len(log_e))


def minibatch_weighted(log_e: Tensor, n: int) -> Tensor:
    """log q(z_i) by minibatch-weighted sampling, ``[B]``: every density divided by n B (Chen et al. (2018), eq. 5).

    n : examples in the data set. The information it gives runs up to log(n B), past log n.
    """
    return _check_batch(log_e, n).logsumexp(1) - log(n * len(log_e))


def minibatch_stratified(log_e: Tensor, n: int) -> Tensor:
    """log q(z_i) by minibatch stratified sampling, ``[B]`` (Chen et al. (2018), appendix C.2).

    The example's own density has weight 1/n, on the diagonal; one other stands for all examples outside the minibatch.
    The density is unbiased over minibatches drawn without replacement. Its logarithm is too small on average, so the
    information is too large: on average from I(n; z) to log n.
    """
    return (_check_batch(log_e, n) + _strata(len(log_e), n).to(log_e).log()).logsumexp(1)


def minibatch_stratified_as_released(log_e: Tensor, n: int) -> Tensor:
    """The same with the weight 1/n in column 0 of every row, as in public programs: wrong, kept to be measured.

    Only row 0 gives its own example the weight 1/n. In the others it counts as any other example, so that the
    information saturates near log(B - 1), whatever n is.
    """
    batch = len(_check_batch(log_e, n))
    weights = torch.full((batch, batch), 1 / (batch - 1), dtype=torch.float64)
    rest = 1 / (batch - 1) - 1 / n
    weights[:, 0], weights[:, 1], weights[batch - 2, 0] = 1 / n, rest, rest
    return (log_e + weights.to(log_e).log()).logsumexp(1)


def batch_information(log_e: Tensor, log_q: Tensor) -> Tensor:
    """The estimate of I(n; z) that one minibatch gives: mean of log e(z_i|x_i) - log q(z_i), a scalar."""
    return (log_e.diagonal() - log_q).mean()


def _strata(batch: int, n: int) -> Tensor:
    weights = torch.full((batch, batch), 1 / (batch - 1), dtype=torch.float64)
    rows = torch.arange(batch)
    weights[rows, rows] = 1 / n
    weights[rows, (rows + 1) % batch] = 1 / (batch - 1) - 1 / n
    return weights


def _check_batch(log_e: Tensor, n: int | None = None) -> Tensor:
    if log_e.ndim != 2 or log_e.shape[0] != log_e.shape[1] or len(log_e) < 2:
        raise ValueError(f"log_e: expected shape [B, B] with B of 2 or more, got {list(log_e.shape)}")
    if n is not None and n < len(log_e):
        raise ValueError(f"n: expected the size of the data set, {len(log_e)} or more, got {n}")
    return log_e


def _check_encoder(mean: Tensor, variance: Tensor) -> None:
    if mean.ndim != 2 or mean.shape != variance.shape or mean.numel() == 0:
        raise ValueError(f"variance: expected the mean's shape [N, k], got {list(variance.shape)}, {list(mean.shape)}")
    if not (torch.isfinite(mean).all() and torch.isfinite(variance).all() and (variance > 0).all()):
        raise ValueError("variance: expected finite means and positive, finite variances, got one that is not")


def _mean(values: Tensor) -> tuple[float, float]:
    """The mean over draws and examples ``[draws, N]``, and its standard error given the examples."""
    within = values.var(0).mean().item()
    return values.mean().item(), float(np.sqrt(within / values.numel()))
