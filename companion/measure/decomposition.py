"""ELBO surgery of a trained VAE: what its rate on a finite data set is made of, for any marginal.

The mean rate splits into I(n; z), what the code says about the index of the image, and KL(q(z) || m(z)), what a
marginal m that is not the aggregate q costs on top. A flow z = T(u) that all images share changes neither: T maps the
Gaussian mixture of u to the aggregate of z one to one, so I(n; z) = I(n; u), and, its Jacobian having determinant 1,
q(z) = q(u). Everything about q is then computed on u.
"""

from dataclasses import replace

import numpy as np
import torch
from torch import Tensor
from torch.distributions import Distribution, Independent, Normal, TransformedDistribution
from torch.distributions.transforms import Transform

from companion.exact.decomposition import ElboSurgery
from companion.measure.aggregate import (
    OneDimensionalAggregates,
    mean_over_draws,
    sample_aggregate,
    standard_normal_kl,
)
from companion.measure.passes import image_batches, in_evaluation_mode
from companion.models import VAE


@in_evaluation_mode
def surgery(
    model: VAE,
    images: np.ndarray,
    *,
    seed: int = 0,
    draws: int = 2,
    by_dimension: bool = True,
    batch_size: int = 500,
    dtype: torch.dtype = torch.float64,
) -> ElboSurgery:
    """The parts of ``model``'s rate over binary ``images`` ``[N, H, W]``, in nats, the aggregate being exact.

    All are without bias over the ``draws`` codes of every image (two or more); the standard errors hold the noise of
    these alone, since the parts belong to the N images and are no estimates for others. In particular I(n; z) is at
    most log N, whatever the population's I(X; Z) is. The aggregate costs ``draws`` N^2 exponentials, and total
    correlation about 1300 N more a dimension.

    - Gaussian encoder, marginal N(0, I): ``gaussian_surgery``, everything, with the rate in closed form.
    - Gaussian encoder, another marginal: no dimension-wise KL, since the marginal need not factorise; the total
      correlation is that of the aggregate. The rate is an average over the draws, as KL(q(z) || m(z)) is.
    - Flow encoder, any marginal: nor total correlation, which the flow's mixing of dimensions leaves without a formula.

    Args:
        by_dimension: also total correlation and dimension-wise KL, where there are any
        batch_size: images, then codes, that the networks see at once
        dtype: ``torch.float32`` takes half the time, for less than 2e-4 nats of error (``aggregate_log_density``)

    Raises ``ValueError`` for a flow conditioned on the image, whose codes have no common base; for a flow whose
    Jacobian has another determinant than 1; for another encoder than a Gaussian or one flow on it; for fewer than two
    draws; for images that do not fit the model.

    >>> from companion import data, models
    >>> model = models.family("---", image_shape=(8, 8), width=0.25, latent_dim=4)
    >>> parts = surgery(model, data.load("digits").test)
    >>> abs(parts.rate - parts.index_information - parts.marginal_kl) < 1e-9, len(parts.dimension_wise_kl)
    (True, 4)
    """
    mean, variance, flow = encode(model, images, batch_size)
    marginal = model.marginal()
    if flow is None and _is_standard(marginal):
        return gaussian_surgery(mean, variance, seed=seed, draws=draws, by_dimension=by_dimension, dtype=dtype)
    codes, log_e, log_q = sample_aggregate(mean, variance, seed, draws, dtype)
    log_m = _log_marginal(marginal, flow, codes.flatten(0, 1), batch_size).view_as(log_q)
    rate, rate_se = mean_over_draws(log_e.sum(2) - log_m)
    information, information_se = mean_over_draws(log_e.sum(2) - log_q)
    excess, excess_se = mean_over_draws(log_q - log_m)
    parts = ElboSurgery(rate, information, excess, len(mean), None, (), information_se, excess_se, rate_se=rate_se)
    if flow is not None or not by_dimension:
        return parts
    total, total_se = OneDimensionalAggregates(codes, mean, variance, seed).total_correlation(log_q)
    return replace(parts, total_correlation=total, total_correlation_se=total_se)


@torch.no_grad()
def gaussian_surgery(
    mean: Tensor,
    variance: Tensor,
    *,
    seed: int = 0,
    draws: int = 2,
    by_dimension: bool = True,
    dtype: torch.dtype = torch.float64,
) -> ElboSurgery:
    """The parts of the rate of e(z|n) = N(mean_n, diag variance_n) to the prior N(0, I), over n = 1..N.

    The rate is in closed form, for each code dimension. The rest is averaged over ``draws`` codes of every example, the
    aggregate being exact: I(n; z) and I(n; z_j) without bias, and from them, by subtraction, the marginal and the
    dimension-wise KL, so that both identities of the record hold to rounding. The standard errors hold the noise of
    the draws alone: these are properties of the N examples, not estimates for others.

    Args:
        mean, variance: ``[N, k]``
        seed: of the draws
        draws: codes an example, 2 or more (the standard error needs two)
        by_dimension: also total correlation and dimension-wise KL (``OneDimensionalAggregates``)
        dtype: as for ``surgery``

    Raises ``ValueError`` for fewer than two draws, shapes that differ, or a variance that is not positive and finite.

    >>> parts = gaussian_surgery(torch.tensor([[-9.0], [9.0]]), torch.ones(2, 1))
    >>> parts.rate, round(parts.index_information, 4)  # log 2: the codes never overlap
    (40.5, 0.6931)
    """
    z, log_e, log_q = sample_aggregate(mean, variance, seed, draws, dtype)
    mean, variance = mean.double(), variance.double()
    rates = standard_normal_kl(mean, variance).mean(0)
    information, information_se = mean_over_draws(log_e.sum(2) - log_q)
    rate = rates.sum().item()
    parts = ElboSurgery(rate, information, rate - information, len(mean), None, (), information_se, information_se)
    if not by_dimension:
        return parts
    columns = OneDimensionalAggregates(z, mean, variance, seed)
    return _with_dimensions(parts, columns, log_e, log_q, rates)


def _with_dimensions(
    parts: ElboSurgery, columns: OneDimensionalAggregates, log_e: Tensor, log_q: Tensor, rates: Tensor
) -> ElboSurgery:
    total, total_se = columns.total_correlation(log_q)
    each, errors = columns.informations(log_e)
    return replace(
        parts,
        total_correlation=total,
        dimension_wise_kl=tuple(rate - value for rate, value in zip(rates.tolist(), each, strict=True)),
        total_correlation_se=total_se,
        dimension_wise_kl_se=tuple(errors),
    )


@in_evaluation_mode
def encode(model: VAE, images: np.ndarray, batch_size: int = 500) -> tuple[Tensor, Tensor, Transform | None]:
    """Means and variances of the Gaussians e(u|n), ``[N, k]`` each, and the flow z = T(u) on top, None for z = u.

    Raises ``ValueError`` as ``surgery`` does.
    """
    batches = image_batches(images, batch_size)
    encoders = [model.encoder(model.check_data(x)) for x in (*batches, batches[0][:1])]  # twice, to compare the flows
    bases, flows = zip(*(_base(e) for e in encoders), strict=True)
    if any(flow is not flows[0] for flow in flows):
        raise ValueError(
            "model: expected an encoder whose flow is one for all images, got a flow conditioned on the image: "
            "its codes have no common base, and every density of the aggregate would need N inversions"
        )
    mean, scale = (torch.cat([getattr(base, name) for base in bases[:-1]]) for name in ("loc", "scale"))
    _check_volume(flows[0], mean[:batch_size])
    return mean, scale.double() ** 2, flows[0]


def _check_volume(flow: Transform | None, u: Tensor) -> None:
    """Raise ``ValueError`` where ``flow`` changes volumes at ``u``, ``[n, k]``."""
    if flow is not None and (logs := flow.log_abs_det_jacobian(u, flow(u))).any():
        raise ValueError(
            "model: expected a flow whose Jacobian has determinant 1, as mean-only flows have, "
            f"got {type(flow).__name__} with a log-determinant of {logs[logs != 0].flatten()[0]:g}"
        )


def _base(e: Distribution) -> tuple[Normal, Transform | None]:
    base, flow = e, None
    if isinstance(e, TransformedDistribution):
        if len(e.transforms) != 1:
            raise ValueError(f"model: expected an encoder of one flow on Gaussians, got {len(e.transforms)} flows")
        base, flow = e.base_dist, e.transforms[0]
    if isinstance(base, Independent) and isinstance(base.base_dist, Normal):
        return base.base_dist, flow
    raise ValueError(f"model: expected an encoder of Gaussians, or of one flow on Gaussians, got {type(e).__name__}")


def _is_standard(m: Distribution) -> bool:
    if not (isinstance(m, Independent) and isinstance(m.base_dist, Normal)):
        return False
    return bool((m.base_dist.loc == 0).all() and (m.base_dist.scale == 1).all())


def _log_marginal(m: Distribution, flow: Transform | None, codes: Tensor, batch_size: int) -> Tensor:
    """log m(z) of codes u, ``[m]``, in batches: before a flow that ``m`` shares, since that keeps volumes."""
    if isinstance(m, TransformedDistribution) and m.transforms == [flow]:
        m, flow = m.base_dist, None
    batches = codes.float().split(batch_size)
    return torch.cat([m.log_prob(u if flow is None else flow(u)) for u in batches]).double()
