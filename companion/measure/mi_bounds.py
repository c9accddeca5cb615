"""Bounds on a mutual information I(x; z) from pairs of samples, each with its standard error, in nats.

All but one read matrices of scores, one a minibatch of B independent pairs: ``scores[i, j]`` belongs to z_i with x_j,
so that the pairs that came together are on the diagonal, and the others stand for the product of the marginals. What
makes the scores (the critic) must be fixed before these pairs are drawn: a bound on its own training batch is none.

    name               bound, in expectation over minibatches     ceiling of one minibatch
    barber_agakov      lower, where the entropy is exact          none
    infonce            lower                                      log B
    nwj                lower; heavy tails above about 2 nats      none
    donsker_varadhan   none: only without end of samples a lower  none
    leave_one_out      upper, scores log e(z|x) itself            none

"Lower" says nothing about one number: read value + a few se. All five are compared by Poole et al. (2019).
"""

from collections.abc import Callable
from dataclasses import replace
from math import hypot, inf, log

import torch
from torch import Tensor

from companion.measure.minibatch import batch_information, check_batch, log_qz_batch
from companion.stats import Estimate


def barber_agakov(log_q: Tensor, entropy: float | Estimate) -> Estimate:
    """E log Q(z|x) + H(z) <= I(x; z) (Barber and Agakov (2003); Serdega (2019), eq. 4.4).

    A lower bound in expectation for every Q; the gap is E KL(p(z|x) || Q(z|x)). It is one only with the entropy of z
    itself: an entropy that is too large makes it too large.

    Args:
        log_q: log Q(z|x) of independent pairs, ``[n]``
        entropy: H(z), exact, or an ``Estimate`` from other samples, whose error is then added in quadrature

    >>> barber_agakov(torch.tensor([-0.1, -0.3]), entropy=log(4)).value  # a label of four, nearly read off
    1.186...
    """
    if not isinstance(entropy, Estimate):
        return Estimate.of(log_q.double() + entropy)
    found = Estimate.of(log_q.double() + entropy.value)
    return replace(found, se=hypot(found.se, entropy.se))


def infonce(scores: Tensor) -> Estimate:
    """E log e^f(x_i, z_i) / ((1/B) sum_j e^f(x_j, z_i)) <= min(I, log B) (van den Oord et al. (2018)).

    A lower bound in expectation for every critic f, and never above log B. Best with f = log p(z|x) + c(z): then it is
    the information within the batch (``log_qz_batch``).

    Args:
        scores: ``[batches, B, B]``, or ``[B, B]`` for one batch. As for its relatives, the unit of the standard error
            is the minibatch: pairs that share members are not independent

    Raises ``ValueError``, as its relatives do, for matrices that are not square or smaller than 2 x 2.

    >>> round(infonce(50 * torch.eye(8).expand(5, 8, 8)).value, 4)  # log 8
    2.0794
    """
    return _by_batch(scores, lambda f: batch_information(f, log_qz_batch(f)))


def nwj(scores: Tensor) -> Estimate:
    """E f(x, z) - E' e^(f(x, z) - 1) <= I, E' over independent x and z (Nguyen et al. (2010)).

    A lower bound in expectation for every critic f, tight for f = 1 + log p(z|x)/p(z). There the second mean has a
    variance of E p(z|x)/p(z) - 1 >= e^I - 1 for each pair: with fewer than e^I pairs its large terms are mostly
    missing, the estimate is mostly too large by up to 1, and the standard error does not know.

    >>> nwj(torch.ones(5, 8, 8)).value  # of a critic that sees nothing
    0.0
    """
    return _by_batch(scores, lambda f: f.diagonal().mean() - (_log_mean_others(f) - 1).exp())


def donsker_varadhan(scores: Tensor) -> Estimate:
    """E f(x, z) - log E' e^f(x, z), E' estimated from the minibatch: what MINE maximises (Belghazi et al. (2018)).

    With the exact E' it is a lower bound. The logarithm of an *estimated* mean is too small on average, so this is no
    bound in either direction: for f = log p(z|x)/p(z) its mean is I or more, at any number of batches.

    >>> donsker_varadhan(torch.ones(5, 8, 8)).value
    0.0
    """
    return _by_batch(scores, lambda f: f.diagonal().mean() - _log_mean_others(f))


def leave_one_out(scores: Tensor) -> Estimate:
    """E log e(z_i|x_i) / mean_{j != i} e(z_i|x_j) >= I (Poole et al. (2019)).

    An upper bound in expectation: the mean over the others is unbiased for the density of z_i, and its logarithm too
    small. It takes the true conditional density; a model of it bounds nothing.

    Args:
        scores: ``scores[i, j]`` = log e(z_i|x_j), shaped as for ``infonce``

    >>> round(leave_one_out(torch.zeros(5, 8, 8)).value, 4)  # codes that do not depend on x
    0.0
    """
    return _by_batch(scores, lambda f: (f.diagonal() - _others(f).logsumexp(1) + log(len(f) - 1)).mean())


def _by_batch(scores: Tensor, value: Callable[[Tensor], Tensor]) -> Estimate:
    """``value`` of every matrix of ``scores``, in double precision."""
    batches = scores.double() if scores.ndim == 3 else scores.double()[None]
    return Estimate.of(torch.stack([value(check_batch(batch, name="scores")) for batch in batches]))


def _others(scores: Tensor) -> Tensor:
    """Without the pairs that came together: minus infinity on the diagonal."""
    return scores.masked_fill(torch.eye(len(scores), dtype=torch.bool, device=scores.device), -inf)


def _log_mean_others(scores: Tensor) -> Tensor:
    return _others(scores).flatten().logsumexp(0) - log(len(scores) * (len(scores) - 1))
