"""ELBO surgery of a Gaussian encoder over a finite data set, and what minibatches make of it.

The rate splits into I(n; z) and KL(q(z) || p(z)), q(z) being the aggregate of all N codes. The density of the aggregate
is known (``companion.measure.aggregate``), but its divergence from the prior is an integral without a closed form, and
is estimated over codes ``z ~ e(z|n)``.
"""

from dataclasses import replace
from math import log

import torch
from torch import Tensor

from companion.exact.decomposition import ElboSurgery
from companion.measure.aggregate import (
    Columns,
    aggregate_log_density,
    mean_over_draws,
    pairwise_log_density,
    sample_aggregate,
)

__all__ = [
    "aggregate_log_density",
    "batch_information",
    "gaussian_surgery",
    "minibatch_stratified",
    "minibatch_stratified_as_released",
    "minibatch_weighted",
    "pairwise_log_density",
    "within_batch",
]


@torch.no_grad()
def gaussian_surgery(
    mean: Tensor, variance: Tensor, *, seed: int = 0, draws: int = 2, by_dimension: bool = True
) -> ElboSurgery:
    """The parts of the rate of e(z|n) = N(mean_n, diag variance_n) to the prior N(0, I), over n = 1..N.

    The rate is in closed form, for each code dimension. The rest is averaged over ``draws`` codes of every example, the
    aggregate being exact: I(n; z) and I(n; z_j) without bias, and from them, by subtraction, the marginal and the
    dimension-wise KL, so that both identities of the record hold to rounding. The standard errors hold the noise of
    the draws alone: these are properties of the N examples, not estimates for others.

    mean, variance : ``[N, k]``
    seed : of the draws
    draws : codes an example, 2 or more (the standard error needs two)
    by_dimension : also total correlation and dimension-wise KL, by one-dimensional aggregates (``Columns``)

    Raises ``ValueError`` for fewer than two draws, shapes that differ, or a variance that is not positive and finite.

    >>> parts = gaussian_surgery(torch.tensor([[-9.0], [9.0]]), torch.ones(2, 1))
    >>> parts.rate, round(parts.index_information, 4)  # log 2: the codes never overlap
    (40.5, 0.6931)
    """
    z, log_e, log_q = sample_aggregate(mean, variance, seed, draws)
    mean, variance = mean.double(), variance.double()
    rates = 0.5 * (variance + mean**2 - 1 - variance.log()).mean(0)
    information, information_se = mean_over_draws(log_e.sum(2) - log_q)
    rate = rates.sum().item()
    parts = ElboSurgery(rate, information, rate - information, len(mean), None, (), information_se, information_se)
    if not by_dimension:
        return parts
    columns = Columns(z, mean, variance, seed)
    return _with_dimensions(parts, columns, log_e, log_q, rates)


def _with_dimensions(parts: ElboSurgery, columns: Columns, log_e: Tensor, log_q: Tensor, rates: Tensor) -> ElboSurgery:
    total, total_se = columns.total_correlation(log_q)
    each, errors = columns.informations(log_e)
    return replace(
        parts,
        total_correlation=total,
        dimension_wise_kl=tuple(rate - value for rate, value in zip(rates.tolist(), each, strict=True)),
        total_correlation_se=total_se,
        dimension_wise_kl_se=tuple(errors),
    )


def within_batch(log_e: Tensor) -> Tensor:
    """log q(z_i) as if the minibatch were the data set, ``[B]``, from ``log_e[i, j]`` = log e(z_i|x_j), ``[B, B]``.

    The information it gives is at most log B, and on average over minibatches at most I(n; z).

    Raises ``ValueError``, as its relatives do, for a matrix that is not square or smaller than 2 x 2.
    """
    return check_batch(log_e).logsumexp(1) - log(len(log_e))


def minibatch_weighted(log_e: Tensor, n: int) -> Tensor:
    """log q(z_i) by minibatch-weighted sampling, ``[B]``: every density divided by n B (Chen et al. (2018)).

    n : examples in the data set. The information it gives runs up to log(n B), past log n.
    """
    return check_batch(log_e, n).logsumexp(1) - log(n * len(log_e))


def minibatch_stratified(log_e: Tensor, n: int) -> Tensor:
    """log q(z_i) by minibatch stratified sampling, ``[B]`` (Chen et al. (2018), appendix C.2).

    The example's own density has weight 1/n, on the diagonal; one other stands for all examples outside the minibatch.
    The density is unbiased over minibatches drawn without replacement. Its logarithm is too small on average, so the
    information is too large: on average from I(n; z) to log n.
    """
    return (check_batch(log_e, n) + _strata(len(log_e), n).to(log_e).log()).logsumexp(1)


def minibatch_stratified_as_released(log_e: Tensor, n: int) -> Tensor:
    """The same with the weight 1/n in column 0 of every row, as in public programs: wrong, kept to be measured.

    Only row 0 gives its own example the weight 1/n. In the others it counts as any other example, so that the
    information saturates near log(B - 1), whatever n is.
    """
    batch = len(check_batch(log_e, n))
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


def check_batch(log_e: Tensor, n: int | None = None, name: str = "log_e") -> Tensor:
    """``log_e`` itself; raises ``ValueError`` with its ``name`` unless ``[B, B]``, B from 2 to ``n``."""
    if log_e.ndim != 2 or log_e.shape[0] != log_e.shape[1] or len(log_e) < 2:
        raise ValueError(f"{name}: expected shape [B, B] with B of 2 or more, got {list(log_e.shape)}")
    if n is not None and n < len(log_e):
        raise ValueError(f"n: expected the size of the data set, {len(log_e)} or more, got {n}")
    return log_e
