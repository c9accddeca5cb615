"""Estimates of the aggregate q(z) of an encoder over a data set of n examples, from one minibatch of B of them.

Each takes the matrix ``log_e[i, j]`` = log e(z_i|x_j) of the minibatch, in nats, and gives log q(z_i) for its codes.
"""

from math import log

import torch
from torch import Tensor


def log_qz_batch(log_e: Tensor) -> Tensor:
    """log q(z_i) as if the minibatch were the data set, ``[B]``, from ``log_e[i, j]`` = log e(z_i|x_j), ``[B, B]``.

    The information it gives is at most log B, and on average over minibatches at most I(n; z).

    Raises ``ValueError``, as its relatives do, for a matrix that is not square or smaller than 2 x 2.
    """
    return check_batch(log_e).logsumexp(1) - log(len(log_e))


def log_qz_mws(log_e: Tensor, n: int) -> Tensor:
    """log q(z_i) by minibatch-weighted sampling, ``[B]``: every density divided by n B (Chen et al. (2018)).

    Args:
        n: examples in the data set. The information it gives runs up to log(n B), past log n.
    """
    return check_batch(log_e, n).logsumexp(1) - log(n * len(log_e))


def log_qz_mss(log_e: Tensor, n: int) -> Tensor:
    """log q(z_i) by minibatch stratified sampling, ``[B]`` (Chen et al. (2018), appendix C.2).

    The example's own density has weight 1/n, on the diagonal; one other stands for all examples outside the minibatch.
    The density is unbiased over minibatches drawn without replacement. Its logarithm is too small on average, so the
    information is too large: on average from I(n; z) to log n.
    """
    return (check_batch(log_e, n) + _strata(len(log_e), n).to(log_e).log()).logsumexp(1)


def log_qz_mss_as_released(log_e: Tensor, n: int) -> Tensor:
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
