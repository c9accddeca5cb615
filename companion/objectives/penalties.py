"""What penalised objectives penalise, estimated from one batch: pure functions of codes and encoders.

All look at the aggregate q(z), the average of e(z|x) over the data: at its total correlation, at its moments, or at its
distance from the marginal N(0, I).
"""

import torch
from torch import Tensor
from torch.distributions import Normal

from companion.measure.minibatch import log_qz_mss

DIAGONAL_I, DIAGONAL_II = 10.0, 1.0  # weight of the variances against the covariances, as in Kumar et al. (2018)


def total_correlation_mss(z: Tensor, mean: Tensor, scale: Tensor, n: int) -> Tensor:
    """Total correlation KL(q(z) || prod_j q(z_j)) by minibatch stratified sampling, in nats; a scalar.

    Chen et al. (2018), appendix C.2: the mean over the batch of log q(z) - sum_j log q(z_j), each density a weighted
    sum over the batch, a code's own encoder having the weight 1/n. The densities are unbiased over batches without
    replacement. Their logarithms are too small on average, those that are subtracted as well: the estimate may be on
    either side of the truth.

    Args:
        z: codes, ``[B, k]``, the i-th drawn from the i-th encoder
        mean, scale: of e(z|x), ``[B, k]``
        n: examples in the data set, B or more

    >>> z = torch.tensor([[-9.0, -9.0], [9.0, 9.0]])  # either dimension tells the other: log 2
    >>> round(total_correlation_mss(z, z, torch.ones(2, 2), n=2).item(), 4)
    0.6931
    """
    log_e = Normal(mean, scale, validate_args=False).log_prob(z[:, None])
    columns = torch.stack([log_qz_mss(column, n) for column in log_e.unbind(2)], 1)
    return (log_qz_mss(log_e.sum(2), n) - columns.sum(1)).mean()


def moment_penalty(covariance: Tensor, diagonal: float) -> Tensor:
    """sum_{i != j} C_ij^2 + diagonal sum_i (C_ii - 1)^2 of a covariance ``[k, k]``; no unit, 0 where C = I.

    Kumar et al. (2018), eqs. 6 and 7, lambda_od taken out and lambda_d / lambda_od = ``diagonal``.

    >>> moment_penalty(torch.tensor([[3.0, 0.5], [0.5, 1.0]]), diagonal=10.0).item()
    40.5
    """
    variances = covariance.diagonal()
    return covariance.square().sum() - variances.square().sum() + diagonal * (variances - 1).square().sum()


def dip_i(mean: Tensor, scale: Tensor) -> Tensor:
    """``moment_penalty`` of Cov[mean of e(z|x)], without the encoder's own variance (Kumar et al. (2018), eq. 6).

    Of a batch it is too large on average for the data's: the squares count the covariances' noise.

    Args:
        mean, scale: of e(z|x), ``[B, k]``

    >>> dip_i(torch.tensor([[1.0], [-1.0]]), torch.ones(2, 1)).item()  # the means have variance 1
    0.0
    """
    return moment_penalty(torch.cov(mean.T, correction=0).reshape(mean.shape[1], -1), DIAGONAL_I)


def dip_ii(mean: Tensor, scale: Tensor) -> Tensor:
    """``moment_penalty`` of Cov[z] = E[variance of e(z|x)] + Cov[mean] (Kumar et al. (2018), eq. 7).

    Shapes and bias as for ``dip_i``.

    >>> dip_ii(torch.tensor([[1.0], [-1.0]]), torch.ones(2, 1)).item()  # the codes have variance 2
    1.0
    """
    covariance = torch.cov(mean.T, correction=0).reshape(mean.shape[1], -1)
    return moment_penalty(covariance + scale.square().mean(0).diag(), DIAGONAL_II)


def maximum_mean_discrepancy(z: Tensor, others: Tensor) -> Tensor:
    """MMD^2 between what the codes ``z`` and ``others`` are drawn from; no unit, a scalar.

    Tolstikhin et al. (2018), algorithm 2, with their kernel k(z, z') = C / (C + |z - z'|^2), C = 2 k for k dimensions:
    the mean squared distance of two draws of N(0, I). It is a U-statistic: pairs of different codes alone. So it is
    unbiased for independent codes, and may fall below 0; MMD^2 itself is from 0, for equal distributions and no others,
    to 2.

    Args:
        z: ``[m, k]``
        others: ``[n, k]``

    Raises ``ValueError`` for fewer than two of either, or shapes that do not fit.

    >>> maximum_mean_discrepancy(torch.zeros(2, 1), torch.full((2, 1), 2.0 ** 0.5)).item()  # 1 + 1 - 2 * 2 / (2 + 2)
    1.0
    """
    if z.ndim != 2 or others.ndim != 2 or z.shape[1] != others.shape[1] or min(len(z), len(others)) < 2:
        raise ValueError(f"others: expected [n, k] beside [m, k], got {list(others.shape)} beside {list(z.shape)}")
    return _within(z) + _within(others) - 2 * _kernel(z, others).mean()


def _kernel(a: Tensor, b: Tensor) -> Tensor:
    squares = torch.addmm(b.square().sum(1), a, b.T, alpha=-2) + a.square().sum(1, keepdim=True)
    return 2 * a.shape[1] / (2 * a.shape[1] + squares.clamp_min(0))


def _within(a: Tensor) -> Tensor:
    kernel, n = _kernel(a, a), len(a)
    return (kernel.sum() - kernel.trace()) / (n * (n - 1))
