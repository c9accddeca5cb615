"""What the page on the relatives of the ELBO proves: random tables, quadrature, the two ends of a minibatch."""

from math import log, sqrt

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.optimize import minimize
from scipy.stats import norm
from torch.distributions import Normal

from companion.exact import tables
from companion.exact.decomposition import elbo_surgery
from companion.exact.discrete import DiscreteModel
from companion.measure.decomposition import gaussian_surgery
from companion.measure.minibatch import log_qz_batch, log_qz_mss, log_qz_mws
from companion.models import draw, generator
from companion.models.critics import logistic_loss
from companion.objectives import penalised, penalties
from companion.terms import Terms

seeds = st.integers(0, 2**32 - 1)


@pytest.mark.verifies("thm-relatives-weights")
@given(seeds, st.integers(1, 6), st.floats(0, 3), st.floats(0, 5))
def test_each_form_is_a_sum_of_the_four_shares(seed, n, alpha, strength):
    """The objective of Zhao et al. (2019) by its own sums, and ``penalised`` of the terms of every (n, z)."""
    rng = np.random.default_rng(seed)
    e = rng.dirichlet(np.full(6, 0.5), n).reshape(n, 2, 3) * 0.99 + 0.01 / 6
    m, d = [rng.dirichlet(np.ones(a)) for a in (2, 3)], rng.dirichlet(np.ones(n), 6).reshape(2, 3, n)
    parts = elbo_surgery(e, m)
    information, total, each = parts.index_information, parts.total_correlation, sum(parts.dimension_wise_kl)
    joint, aggregate = np.moveaxis(e, 0, -1) / n, e.mean(0)
    drawn = Terms(*(np.log(v) for v in (np.moveaxis(e, 0, -1), d, np.multiply.outer(*m)[..., None] + 0 * d)))
    weighed = Terms(*(joint.size * joint * v for v in (drawn.log_e, drawn.log_d, drawn.log_m)))
    distortion = weighed.distortion.mean()
    shares = distortion + strength * (information + each)
    assert penalised(weighed, strength, 2.0, total) == pytest.approx(shares + (strength + 2) * total)
    charged = distortion + strength * information + (strength + 2) * (total + each)
    assert penalised(weighed, strength, 2.0, parts.marginal_kl) == pytest.approx(charged)
    posterior = joint / aggregate[..., None]
    theirs = strength * parts.marginal_kl - alpha * information
    theirs += float((aggregate[..., None] * posterior * np.log(posterior / d)).sum())
    in_rate = distortion + (1 - alpha) * parts.rate + (alpha + strength - 1) * parts.marginal_kl - log(n)
    in_shares = distortion + (1 - alpha) * information + strength * (total + each) - log(n)
    assert theirs == pytest.approx(in_rate, abs=1e-9)
    assert theirs == pytest.approx(in_shares, abs=1e-9)


@pytest.mark.verifies("thm-relatives-redundancy")
@given(seeds, st.integers(1, 7), st.lists(st.integers(1, 4), min_size=1, max_size=3))
def test_total_correlation_is_what_the_numbers_say_more_than_once(seed, n, sizes):
    rng = np.random.default_rng(seed)
    each = [rng.dirichlet(np.full(size, 0.3), n) for size in sizes]
    encoder = each[0]
    for axis, column in enumerate(each[1:], 1):
        encoder = encoder[..., None] * column.reshape(n, *[1] * axis, -1)
    parts = elbo_surgery(encoder, [np.full(size, 1 / size) for size in sizes])
    told = [tables.mutual_information(column / n) for column in each]
    assert parts.total_correlation == pytest.approx(sum(told) - parts.index_information, abs=1e-10)
    assert parts.total_correlation <= (len(sizes) - 1) * max(told) + 1e-10 <= (len(sizes) - 1) * log(n) + 2e-10


@pytest.mark.verifies("thm-relatives-redundancy")
def test_the_ceiling_is_reached_where_every_number_names_the_image():
    mean = 100.0 * torch.arange(50, dtype=torch.float64)[:, None].expand(50, 4)
    assert gaussian_surgery(mean, torch.ones_like(mean)).total_correlation == pytest.approx(3 * log(50))


@pytest.mark.verifies("thm-relatives-minibatch")
@pytest.mark.parametrize(
    ("spread", "within", "stratified"), [(0.0, 0.0, 0.0), (1.0, None, None), (1e8, 4 * log(9), 4 * log(700))]
)
def test_the_rules_of_the_minibatch_at_both_ends(spread, within, stratified):
    """Five numbers, 9 of 700 images."""
    mean = spread * torch.randn(9, 5, generator=generator(0), dtype=torch.float64)
    z = draw(Normal(mean, torch.ones_like(mean)), generator(1))
    log_e = Normal(mean, torch.ones_like(mean)).log_prob(z[:, None])

    def total(rule):
        return (rule(log_e.sum(2)) - sum(rule(column) for column in log_e.unbind(2))).mean().item()

    found = (
        total(log_qz_batch),
        total(lambda v: log_qz_mss(v, 700)),
        total(lambda v: log_qz_mws(v, 700)),
    )
    assert found[2] == pytest.approx(found[0] + 4 * log(700))
    assert penalties.total_correlation_mss(z, mean, torch.ones_like(mean), 700).item() == pytest.approx(found[1])
    if within is not None:
        assert found[:2] == pytest.approx((within, stratified), abs=1e-9)


@pytest.mark.verifies("thm-relatives-ratio")
@given(seeds, st.integers(1, 3), st.integers(2, 3))
def test_the_best_logit_knows_the_divergence(seed, rows, columns):
    """The minimum by an optimiser that knows nothing of the formula, on random tables of two numbers."""
    rng = np.random.default_rng(seed)
    p = rng.dirichlet(np.full(rows * columns, 3.0)).reshape(rows, columns)
    q = np.multiply.outer(p.sum(1), p.sum(0))

    def loss(f):
        return float(p.ravel() @ np.logaddexp(0, -f) + q.ravel() @ np.logaddexp(0, f))

    best = np.log(p / q).ravel()
    found = minimize(loss, np.zeros(p.size), tol=1e-12)
    assert loss(best) <= found.fun + 1e-12
    assert found.x == pytest.approx(best, abs=1e-3)
    assert p.ravel() @ best == pytest.approx(tables.total_correlation(p))
    m = rng.dirichlet(np.ones(p.size))
    saturating = float(p.ravel() @ np.log1p(p.ravel() / m))
    assert saturating >= np.logaddexp(0, tables.kl(p.ravel(), m)) - 1e-12
    assert saturating > np.log(2)
    assert float(m @ np.log1p(m / m)) == pytest.approx(log(2))


@pytest.mark.verifies("thm-relatives-ratio")
def test_the_loss_of_the_theorem_is_the_packages():
    f, counts = np.array([0.3, -1.2]), (np.array([3, 1]), np.array([1, 1]))
    by_hand = counts[0] / 4 @ np.log1p(np.exp(-f)) + counts[1] / 2 @ np.log1p(np.exp(f))
    assert logistic_loss(*(torch.from_numpy(np.repeat(f, c)) for c in counts)).item() == pytest.approx(by_hand)


@pytest.mark.verifies("thm-relatives-moments")
def test_what_moments_see_and_what_they_do_not():
    """A matched aggregate with two of five numbers collapsed; four clouds whose codes, or means, have covariance I."""
    n, used = 400_000, torch.tensor([1.0, 1, 1, 0, 0])
    variance = torch.where(used > 0, torch.tensor([0.1, 0.3, 0.5, 1, 1]), 1.0)
    mean = (1 - variance).sqrt() * torch.randn(n, 5, generator=generator(0))
    scale = variance.sqrt().expand(n, 5)
    assert penalties.dip_ii(mean, scale).item() == pytest.approx(0, abs=1e-3)
    assert penalties.dip_i(mean, scale).item() == pytest.approx(10 * (variance**2).sum().item(), abs=0.1)
    assert 10 * (variance[3:] ** 2).sum().item() == pytest.approx(20)
    for a in (0.5, 1.0, 1.3):
        clouds = a * torch.tensor([[1.0, 0], [-1, 0], [0, 1], [0, -1]], dtype=torch.float64)
        width = torch.full_like(clouds, sqrt(1 - a**2 / 2))
        assert penalties.dip_ii(clouds, width).item() == pytest.approx(0, abs=1e-12)
    apart, narrow = clouds * sqrt(2) / a, torch.full_like(clouds, 0.3)
    assert penalties.dip_i(apart, narrow).item() == pytest.approx(0, abs=1e-12)
    for means, scales in ((clouds, width), (apart, narrow)):
        parts = gaussian_surgery(means, scales**2, draws=4000)
        assert parts.total_correlation > 0.3
        assert parts.total_correlation > 10 * parts.total_correlation_se


@pytest.mark.verifies("thm-relatives-moments")
@given(seeds)
def test_the_second_moments_are_a_discrepancy_with_a_kernel_of_squares(seed):
    """E (z.z')^2 of each pair of distributions by enumeration of finite ones; N(0, I) by its own fourth moments."""
    rng = np.random.default_rng(seed)
    z = rng.normal(size=(7, 3))
    z -= z.mean(0)
    across = float((z**2).sum(1).mean())  # E (z.z')^2 = |z|^2 for z' of N(0, I)
    squared = float(((z @ z.T) ** 2).mean()) + 3 - 2 * across  # and tr(I I) = 3 for two of them
    code = torch.from_numpy(z), torch.full((7, 3), 1e-9, dtype=torch.float64)
    assert penalties.dip_ii(*code).item() == pytest.approx(squared)


@pytest.mark.verifies("thm-relatives-mmd")
def test_the_discrepancy_is_a_distance_of_characteristic_functions():
    """One dimension, C = 2: the density of cosines is that of Laplace. N(1, 1/4) against N(0, 1)."""
    c, grid = sqrt(2), np.linspace(-15, 15, 60_001)

    def spectral(w):
        return c / 2 * np.exp(-c * abs(w))

    for r in (0.0, 0.7, 3.0):
        mixture = quad(lambda t, r=r: 2 * np.exp(-2 * t - t * r * r), 0, np.inf)[0]
        cosines = 2 * quad(lambda w, r=r: np.cos(w * r) * spectral(w), 0, 40, limit=200)[0]
        assert (mixture, cosines) == pytest.approx((2 / (2 + r * r),) * 2, abs=1e-8)

    def similar(mean, variance):
        return float(np.sum(2 / (2 + grid**2) * norm.pdf(grid, mean, sqrt(variance))) * (grid[1] - grid[0]))

    def squared(w):
        return abs(np.exp(1j * w - w * w / 8) - np.exp(-w * w / 2)) ** 2 * spectral(w)

    truth = 2 * quad(squared, 0, 40, limit=200)[0]
    assert truth == pytest.approx(similar(0, 0.5) + similar(0, 2.0) - 2 * similar(1, 1.25), abs=1e-6)
    drawn = [m + s * torch.randn(400, 20, 1, generator=generator(i)) for i, (m, s) in enumerate(((1, 0.5), (0, 1.0)))]
    found = torch.stack([penalties.maximum_mean_discrepancy(*pair) for pair in zip(*drawn, strict=True)])
    assert found.mean().item() == pytest.approx(truth, abs=5 * found.std().item() / 20)
    far = penalties.maximum_mean_discrepancy(torch.zeros(5, 1), torch.full((5, 1), 1e6))
    assert far.item() == pytest.approx(2)


@pytest.mark.verifies("thm-relatives-infomax")
@given(seeds, st.floats(0, 5))
def test_infomax_is_bounded_by_a_small_beta(seed, strength):
    rng = np.random.default_rng(seed)
    p, m = rng.dirichlet(np.ones(5)), rng.dirichlet(np.ones(3))
    one = DiscreteModel(p, rng.dirichlet(np.ones(3), 5), rng.dirichlet(np.ones(5), 3), m)
    best = DiscreteModel(p, one.encoder, one.inverted_encoder, m)
    for model in (one, best):
        wish = tables.kl(model.aggregate, m) - strength * model.mutual_information
        small = model.distortion + model.rate / (1 + strength) - model.entropy
        assert wish == pytest.approx(model.rate - (1 + strength) * model.mutual_information, abs=1e-10)
        assert wish <= (1 + strength) * small + 1e-10
    assert wish == pytest.approx((1 + strength) * small, abs=1e-10)
