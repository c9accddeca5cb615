"""ELBO surgery on tables: the rate of an encoder as a sum of informative parts, and three ways to write the ELBO.

A data set of N examples is a uniform distribution over the index n. Together with an encoder ``e(z|n)`` it is a joint
distribution of index and code, whose marginal over codes is the aggregate ``q(z) = (1/N) sum_n e(z|n)``. In these
papers' notation (the book writes p_e(z) for q(z), and m(z) for the prior p(z)) the mean rate splits twice (Hoffman &
Johnson (2016); Chen et al. (2018), eq. 2):

    mean KL(e(z|n) || p(z)) = I(n; z) + KL(q(z) || p(z))
    KL(q(z) || p(z))        = TC(z) + sum_j KL(q(z_j) || p(z_j))        for a prior that factorises
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any

import numpy as np
from scipy.special import log_softmax, logsumexp

from companion.exact import tables
from companion.exact.tables import check_distribution, check_shapes, entropy, kl, mutual_information


@dataclass(frozen=True)
class ElboSurgery:
    """The parts of one encoder's rate over ``n`` examples, in nats per example.

    A standard error of 0.0 says that the value is exact, as all of them are for tables.

    Attributes:
        rate: mean over n of KL(e(z|n) || p(z)), exact unless it has a standard error
        index_information: I(n; z), from 0 to log n; at log n the code identifies the example
        marginal_kl: KL(q(z) || p(z)), 0 or more: the rate in excess of the information
        total_correlation: KL(q(z) || prod_j q(z_j)); None where it was not asked for
        dimension_wise_kl: KL(q(z_j) || p(z_j)), one for each code dimension; empty where it was not asked for
        n: the number of examples

    >>> print(ElboSurgery(rate=1.0, index_information=0.6, marginal_kl=0.4, n=5))
    R 1.000 = I(n; z) 0.600 + marginal KL 0.400 nats, n = 5, log n = 1.609
    """

    rate: float
    index_information: float
    marginal_kl: float
    n: int
    total_correlation: float | None = None
    dimension_wise_kl: tuple[float, ...] = ()
    index_information_se: float = 0.0
    marginal_kl_se: float = 0.0
    total_correlation_se: float = 0.0
    dimension_wise_kl_se: tuple[float, ...] = ()
    rate_se: float = 0.0

    def __str__(self) -> str:
        error = f" ± {self.index_information_se:.3f}" if self.index_information_se else ""
        return (
            f"R {self.rate:.3f} = I(n; z) {self.index_information:.3f}{error} + marginal KL {self.marginal_kl:.3f} nats"
            f", n = {self.n}, log n = {np.log(self.n):.3f}"
        )


@dataclass(frozen=True)
class ElboForms:
    """One ELBO in nats per example, a lower bound on the mean log evidence, written in three ways.

    Attributes:
        term_by_term: mean over n of E log d(x_n|z) - KL(e(z|n) || p(z))
        split: mean of E log d(x_n|z), minus I(n; z), minus KL(q(z) || p(z))
        evidence: mean log evidence minus mean KL(e(z|n) || p(z|x_n))
    """

    term_by_term: float
    split: float
    evidence: float


def elbo_surgery(encoder: Any, prior: Sequence[Any]) -> ElboSurgery:
    """The parts of the rate of a table ``encoder``, each by its own sum.

    Args:
        encoder: ``[N, Z1, ..., Zk]``, e(z|n); every ``encoder[n]`` sums to one over all its axes
        prior: k tables ``[Zj]``, the factors of p(z)

    The rate and ``marginal_kl`` are infinite where the prior misses a code that the encoder uses.
    Raises ``ValueError`` for tables that are no distributions or whose shapes do not fit each other.

    >>> parts = elbo_surgery(np.eye(4).reshape(4, 2, 2), [[0.5, 0.5], [0.5, 0.5]])
    >>> round(parts.rate, 4), round(parts.index_information, 4), round(parts.marginal_kl, 4)
    (1.3863, 1.3863, 0.0)
    """
    table, factors = _validate_model(encoder, prior)
    n, aggregate = len(table), table.mean(0)
    return ElboSurgery(
        rate=sum(tables.kl_from_product(e, factors) for e in table) / n,
        index_information=mutual_information(table.reshape(n, -1) / n),
        marginal_kl=tables.kl_from_product(aggregate, factors),
        n=n,
        total_correlation=tables.total_correlation(aggregate),
        dimension_wise_kl=tuple(map(kl, tables.marginals(aggregate), factors)),
        dimension_wise_kl_se=(0.0,) * len(factors),
    )


def elbo_forms(encoder: Any, prior: Sequence[Any], log_likelihood: Any) -> ElboForms:
    """The ELBO written in three ways (Hoffman & Johnson (2016)), each by its own sums; all three are equal.

    Args:
        encoder, prior: as for ``elbo_surgery``
        log_likelihood: log d(x_n|z), the encoder's shape, finite

    Where the prior misses a code that the encoder uses all three are -inf.
    Raises ``ValueError`` for tables that are no distributions, shapes that do not fit, or entries that are not finite.

    >>> forms = elbo_forms([[0.5, 0.5], [1.0, 0.0]], [[0.5, 0.5]], [[-1.0, -2.0], [-3.0, -1.0]])
    >>> round(forms.term_by_term, 4), round(forms.split, 4), round(forms.evidence, 4)
    (-2.5966, -2.5966, -2.5966)
    """
    table, factors = _validate_model(encoder, prior)
    log_d = np.asarray(log_likelihood, dtype=np.float64)
    check_shapes(log_likelihood=(log_d, table.shape))
    if not np.isfinite(log_d).all():
        raise ValueError(f"log_likelihood: expected finite entries, got {log_d.min():g} to {log_d.max():g}")
    n = len(table)
    with np.errstate(divide="ignore"):  # a code that the prior misses has a log prior of -inf
        log_p = reduce(np.add.outer, map(np.log, factors)).ravel()
    e, log_d = table.reshape(n, -1), log_d.reshape(n, -1)
    reconstruction, aggregate = (e * log_d).sum(1), e.mean(0)
    information = np.log(n) - (entropy(e / n) - entropy(aggregate))  # H(n) - H(n|z)
    evidence = logsumexp(log_d + log_p, axis=1)
    return ElboForms(
        term_by_term=float(reconstruction.mean() - _mean_kl(e, log_p)),
        split=float(reconstruction.mean() - information - _mean_kl(aggregate[None], log_p)),
        evidence=float(evidence.mean() - _mean_kl(e, log_softmax(log_d + log_p, axis=1))),
    )


def _mean_kl(rows: np.ndarray, log_q: np.ndarray) -> float:
    """Mean KL of ``rows`` from distributions given by their logs, broadcast: in logs, which never underflow."""
    used = rows > 0
    return float(-(rows[used] * np.broadcast_to(log_q, rows.shape)[used]).sum() - entropy(rows)) / len(rows)


def _validate_model(encoder: Any, prior: Sequence[Any]) -> tuple[np.ndarray, list[np.ndarray]]:
    table = np.asarray(encoder, dtype=np.float64)
    if table.ndim < 2 or table.size == 0:
        raise ValueError(f"encoder: expected a non-empty table [N, Z1, ...], got shape {table.shape}")
    check_distribution("encoder", table.reshape(len(table), -1), ndim=2)
    if len(prior) != table.ndim - 1:
        raise ValueError(f"prior: expected one table for each of {table.ndim - 1} code dimensions, got {len(prior)}")
    factors = [check_distribution(f"prior[{j}]", factor) for j, factor in enumerate(prior)]
    check_shapes(**{f"prior[{j}]": (f, (table.shape[j + 1],)) for j, f in enumerate(factors)})
    return table, factors
