"""Gaussian surgery against integration, and the minibatch estimators against every minibatch there is."""

from itertools import permutations

import numpy as np
import pytest
import torch
from scipy import integrate
from scipy.special import logsumexp
from scipy.stats import multivariate_normal, norm

from companion.exact.decomposition import elbo_surgery
from companion.measure.aggregate import aggregate_log_density, pairwise_log_density, sample_aggregate
from companion.measure.decomposition import gaussian_surgery
from companion.measure.minibatch import (
    batch_information,
    log_qz_batch,
    log_qz_mss,
    log_qz_mss_as_released,
    log_qz_mws,
)
from companion.models import generator


def encoder(n, k, seed=0, scale=0.5):
    rng = generator(seed)
    mean = torch.randn(n, k, generator=rng, dtype=torch.float64)
    return mean, scale * (0.2 + torch.rand(n, k, generator=rng, dtype=torch.float64))


def broadcast(z, mean, variance):
    """The aggregate by the plain difference, every code from every component."""
    density = torch.distributions.Normal(mean, variance.sqrt()).log_prob(z[:, None]).sum(2)
    return density.logsumexp(1) - np.log(len(mean))


@pytest.mark.parametrize("block", [1, 7, 64, 5000])
def test_blocked_equals_broadcast(block):
    mean, variance = encoder(300, 5)
    z = torch.randn(101, 5, generator=generator(1), dtype=torch.float64)
    torch.testing.assert_close(
        aggregate_log_density(z, mean, variance, block), broadcast(z, mean, variance), atol=1e-11, rtol=1e-11
    )


def test_narrow_components_far_from_the_origin_lose_no_digits_that_matter():
    mean, variance = encoder(50, 3)
    mean, variance = 5 + mean, 1e-6 * variance
    z = mean + 1e-3 * torch.randn(50, 3, generator=generator(1), dtype=torch.float64)
    torch.testing.assert_close(
        aggregate_log_density(z, mean, variance), broadcast(z, mean, variance), atol=1e-6, rtol=0
    )


def test_two_thousand_components_in_sixty_four_dimensions_agree_with_differences():
    mean, variance = encoder(2000, 64)
    z = mean + variance.sqrt() * torch.randn(2000, 64, generator=generator(1), dtype=torch.float64)
    found = aggregate_log_density(z[:200], mean, variance)
    truth = torch.cat([broadcast(codes, mean, variance) for codes in z[:200].split(20)])
    torch.testing.assert_close(found, truth, atol=1e-9, rtol=0)


@pytest.mark.parametrize("rate", [0.3, 2.0, 25.0, 50.0])
def test_single_precision_costs_an_average_less_than_the_stated_error(rate):
    """Codes of ``rate`` nats in 16 of 64 dimensions: from all but collapsed to all but separate."""
    signal = torch.zeros(64, dtype=torch.float64)
    signal[:16] = np.expm1(2 * rate / 16)  # squared mean over variance: log(1 + signal) / 2 nats a dimension
    mean = (signal / (1 + signal)).sqrt() * torch.randn(3000, 64, generator=generator(0), dtype=torch.float64)
    variance = (1 / (1 + signal)).expand_as(mean)
    exact, fast = (sample_aggregate(mean, variance, 1, 2, dtype)[2] for dtype in (torch.float64, torch.float32))
    assert fast.dtype == torch.float64
    assert 0 < (fast - exact).abs().max() < 1e-3
    assert abs((fast - exact).mean().item()) < 2e-5


def test_single_precision_costs_little_where_codes_overlap_far_from_the_centre():
    """Every image twice, the two a deviation apart and |mu / s|^2 near the largest that single precision takes."""
    mean = 19 * torch.randn(1000, 64, generator=generator(0), dtype=torch.float64)
    mean = mean.clamp(-30, 30).repeat_interleave(2, 0) + torch.randn(2000, 64, generator=generator(1)) / 8
    exact, fast = (
        sample_aggregate(mean, torch.ones_like(mean), 1, 2, dtype)[2] for dtype in (torch.float64, torch.float32)
    )
    assert 1e-4 < (fast - exact).abs().max() < 1e-2
    assert abs((fast - exact).mean().item()) < 2e-4


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
@pytest.mark.parametrize("offset", [0.0, 1e3])
def test_codes_a_hundred_million_deviations_apart_name_their_image_and_no_more(dtype, offset):
    mean = offset + torch.randn(8, 3, generator=generator(0), dtype=torch.float64)
    parts = gaussian_surgery(mean, torch.full_like(mean, 1e-16), dtype=dtype)
    assert parts.index_information == pytest.approx(np.log(8), abs=1e-9)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_pairs_of_codes_that_overlap_far_from_all_others_tell_their_pair_alone(dtype):
    far = torch.tensor([[-1e8], [1e8]], dtype=torch.float64).repeat_interleave(2, 0)
    parts = gaussian_surgery(far, torch.ones_like(far), dtype=dtype)
    assert parts.index_information == pytest.approx(np.log(2), abs=1e-9)


@pytest.mark.parametrize("block", [3, 7, 64])
def test_the_source_of_a_code_changes_no_density(block):
    mean, variance = encoder(20, 2)
    for index in torch.arange(20), torch.full((20,), 13):
        found = aggregate_log_density(mean, mean, variance, block, drawn_from=index)
        torch.testing.assert_close(found, broadcast(mean, mean, variance), atol=1e-12, rtol=0)


def test_single_precision_is_lifted_to_double():
    mean, variance = (a.float() for a in encoder(20, 2))
    assert pairwise_log_density(mean, mean, variance).dtype == torch.float64
    exact = broadcast(mean.double(), mean.double(), variance.double())
    torch.testing.assert_close(aggregate_log_density(mean, mean, variance), exact, atol=1e-12, rtol=0)


def integrals(mean, variance, halfwidth=9.0, points=481):
    """Rate, information, marginal KL, total correlation and dimension-wise KL on a grid, by the trapezoid rule."""
    grid, (n, k) = np.linspace(-halfwidth, halfwidth, points), mean.shape
    one = norm.logpdf(grid, mean.numpy()[..., None], np.sqrt(variance.numpy())[..., None])  # [n, k, points]
    step, prior = grid[1] - grid[0], norm.logpdf(grid)
    each = logsumexp(one, axis=0) - np.log(n)  # log q(z_j), [k, points]
    dimension_wise = (np.exp(each) * (each - prior)).sum(1) * step
    if k == 1:
        log_e, log_q, log_p, product = one[:, 0], each[0], prior, each[0]
    else:
        log_e = one[:, 0, :, None] + one[:, 1, None, :]
        log_q = logsumexp(log_e, axis=0) - np.log(n)
        log_p, product = prior[:, None] + prior, each[0][:, None] + each[1]
    volume = step**k
    e, q = np.exp(log_e), np.exp(log_q)
    return {
        "rate": (e * (log_e - log_p)).sum() * volume / n,
        "index_information": (e * (log_e - log_q)).sum() * volume / n,
        "marginal_kl": (q * (log_q - log_p)).sum() * volume,
        "total_correlation": (q * (log_q - product)).sum() * volume,
        "dimension_wise_kl": dimension_wise,
    }


@pytest.mark.parametrize(("n", "k"), [(1, 1), (6, 1), (40, 1), (6, 2)])
def test_every_part_is_within_five_standard_errors_of_its_integral(n, k):
    mean, variance = encoder(n, k, seed=n)
    mean[:, -1] += 0.8 * mean[:, 0] if k > 1 else 0.3  # correlated and off centre
    truth = integrals(mean, variance)
    parts = gaussian_surgery(mean, variance, seed=3, draws=500)
    assert parts.rate == pytest.approx(truth["rate"], abs=1e-6)
    for name in ("index_information", "marginal_kl", "total_correlation"):
        error = abs(getattr(parts, name) - truth[name])
        assert error <= 5 * getattr(parts, f"{name}_se") + 1e-8, name
    errors = np.abs(np.subtract(parts.dimension_wise_kl, truth["dimension_wise_kl"]))
    assert (errors <= 5 * np.array(parts.dimension_wise_kl_se) + 1e-8).all()
    assert parts.index_information_se < 0.05


def test_the_standard_error_is_that_of_repeated_measurements():
    mean, variance = encoder(30, 2, seed=1, scale=1.0)
    runs = [gaussian_surgery(mean, variance, seed=s, draws=4) for s in range(200)]
    values = np.array([(r.index_information, r.total_correlation, r.dimension_wise_kl[0]) for r in runs])
    stated = np.array([(r.index_information_se, r.total_correlation_se, r.dimension_wise_kl_se[0]) for r in runs])
    np.testing.assert_allclose(values.std(0, ddof=1), np.sqrt((stated**2).mean(0)), rtol=0.2)


def test_both_identities_hold_on_the_draws_and_seeds_repeat():
    mean, variance = encoder(25, 4)
    parts = gaussian_surgery(mean, variance, seed=5, draws=3)
    assert parts.rate == pytest.approx(parts.index_information + parts.marginal_kl, abs=1e-12)
    assert parts.marginal_kl == pytest.approx(parts.total_correlation + sum(parts.dimension_wise_kl), abs=1e-10)
    assert gaussian_surgery(mean, variance, seed=5, draws=3) == parts
    assert gaussian_surgery(mean, variance, seed=6, draws=3).index_information != parts.index_information
    joint = gaussian_surgery(mean, variance, seed=5, draws=3, by_dimension=False)
    assert joint.index_information == parts.index_information
    assert (joint.total_correlation, joint.dimension_wise_kl) == (None, ())


def test_codes_that_never_overlap_name_the_example():
    mean = 100 * torch.arange(50.0)[:, None]
    parts = gaussian_surgery(mean, torch.ones(50, 1))
    assert parts.index_information == pytest.approx(np.log(50), abs=1e-9)
    assert parts.index_information_se == pytest.approx(0, abs=1e-9)


def test_one_code_for_all_holds_nothing():
    parts = gaussian_surgery(torch.full((50, 2), 0.3), torch.full((50, 2), 0.7))
    assert parts.index_information == pytest.approx(0, abs=1e-12)
    assert parts.marginal_kl == pytest.approx(parts.rate)


def test_measuring_leaves_the_global_generator_and_the_encoder_alone():
    mean, variance = encoder(10, 2)
    mean.requires_grad_()
    before = torch.get_rng_state()
    assert isinstance(gaussian_surgery(mean, variance).index_information, float)
    assert torch.equal(before, torch.get_rng_state())
    assert mean.grad is None


@pytest.mark.verifies("thm-surgery-moments")
@pytest.mark.parametrize("seed", range(5))
def test_the_gaussian_with_the_aggregates_moments_bounds_the_marginal_kl_from_below(seed):
    """KL(q || p) = KL(q || g) + KL(g || p), where g has the moments of q and p is the standard Gaussian."""
    mean, variance = encoder(4, 1, seed=seed)
    mu, v = mean.mean().item(), (variance.mean() + mean.var(correction=0)).item()
    fitted = 0.5 * (v + mu**2 - 1 - np.log(v))

    def from_fit(z):
        log_q = aggregate_log_density(torch.tensor([[z]], dtype=torch.float64), mean, variance).item()
        return np.exp(log_q) * (log_q - norm.logpdf(z, mu, np.sqrt(v)))

    remainder = integrate.quad(from_fit, -9, 9, limit=200)[0]
    assert remainder >= 0
    assert integrals(mean, variance)["marginal_kl"] == pytest.approx(fitted + remainder, abs=1e-6)


@pytest.mark.verifies("thm-surgery-moments")
@pytest.mark.parametrize("seed", range(5))
def test_the_moments_do_so_for_any_gaussian_marginal_and_codes_of_two_numbers(seed):
    """KL(q || m) = KL(q || g) + KL(g || m) with a mean and a full covariance of m at random, by sums on a grid."""
    mean, variance = encoder(4, 2, seed=seed)
    rng = np.random.default_rng(seed)
    root = rng.normal(size=(2, 2)) + 2 * np.eye(2)
    m = multivariate_normal(rng.normal(size=2), root @ root.T)
    centres, widths = mean.numpy(), variance.numpy()
    g = multivariate_normal(centres.mean(0), np.cov(centres.T, bias=True) + np.diag(widths.mean(0)))
    axis = np.linspace(-8, 8, 1201)
    z = np.stack(np.meshgrid(axis, axis, indexing="ij"), -1)
    q = np.mean([multivariate_normal(c, np.diag(v)).pdf(z) for c, v in zip(centres, widths, strict=True)], 0)
    cell, log_q = (axis[1] - axis[0]) ** 2, np.log(np.where(q > 0, q, 1))
    assert q.sum() * cell == pytest.approx(1, abs=1e-9)
    to_m, to_g = ((q * (log_q - other.logpdf(z))).sum() * cell for other in (m, g))
    off, precision = g.mean - m.mean, np.linalg.inv(m.cov)
    logdets = np.linalg.slogdet(m.cov)[1] - np.linalg.slogdet(g.cov)[1]
    fitted = 0.5 * (np.trace(precision @ g.cov) - 2 + off @ precision @ off + logdets)
    assert to_m == pytest.approx(to_g + fitted, abs=1e-8)
    assert to_m >= fitted > 0
    assert to_g > 0


TABLE = np.random.default_rng(4).dirichlet(np.full(5, 0.4), 6)  # e(z|n), N = 6 examples, 5 codes
BATCHES = [(size, list(permutations(range(6), size))) for size in (2, 3, 4, 6)]
ESTIMATORS = {
    "within": lambda log_e: log_qz_batch(log_e),
    "weighted": lambda log_e: log_qz_mws(log_e, 6),
    "stratified": lambda log_e: log_qz_mss(log_e, 6),
    "released": lambda log_e: log_qz_mss_as_released(log_e, 6),
}


def over_every_minibatch(estimator, size, batches, table=TABLE):
    """log q(z) for each ordered minibatch without replacement, each code and each row, ``[batches, codes, size]``."""
    log_table, codes = torch.tensor(np.log(table)), range(table.shape[1])
    return np.array([[estimator(log_table[list(b), z].expand(size, size)).numpy() for z in codes] for b in batches])


def information(log_q, batches, table=TABLE):
    """The estimate's mean over minibatches, rows and codes, with no sampling left."""
    e = table[np.array(batches)].transpose(0, 2, 1)  # [batches, codes, rows], the row's own density
    return (e * (np.log(e) - log_q)).sum(1).mean()


@pytest.mark.parametrize(("size", "batches"), BATCHES)
def test_the_stratified_density_is_unbiased_on_the_diagonal_and_biased_as_released(size, batches):
    aggregate = TABLE.mean(0)
    owners = np.array(batches)
    for name, unbiased in (("stratified", True), ("released", False)):
        q = np.exp(over_every_minibatch(ESTIMATORS[name], size, batches))
        errors = np.array(
            [
                np.abs(q[owners[:, row] == n][..., row].mean(0) - aggregate).max()
                for row in range(size)
                for n in range(6)
            ]
        )
        assert (errors.max() < 1e-12) == unbiased, name
        if not unbiased:
            assert errors.max() > 0.01


@pytest.mark.verifies("thm-surgery-minibatch")
@pytest.mark.parametrize(("size", "batches"), BATCHES)
def test_within_batch_from_below_and_stratified_from_above(size, batches):
    exact = elbo_surgery(TABLE, [np.full(5, 0.2)]).index_information
    mean = {name: information(over_every_minibatch(f, size, batches), batches) for name, f in ESTIMATORS.items()}
    assert mean["within"] <= min(exact, np.log(size)) + 1e-12
    assert exact - 1e-12 <= mean["stratified"] <= np.log(6)
    assert mean["weighted"] == pytest.approx(mean["within"] + np.log(6), abs=1e-12)
    if size == 6:
        assert mean["within"] == pytest.approx(exact, abs=1e-12)
        assert abs(mean["released"] - exact) > 0.01
        assert mean["stratified"] > exact + 1e-3  # its weights are uneven even where nothing is missing


@pytest.mark.verifies("thm-surgery-minibatch")
@pytest.mark.parametrize("size", [2, 3, 5])
@pytest.mark.parametrize("sharpness", [1e-2, 0.3, 1.0, 30.0])
def test_the_bounds_and_their_caps_on_albums_from_blind_to_separate(sharpness, size):
    """Five images: from codes that nearly coincide to codes that nearly name their image, where both caps bind."""
    batches = list(permutations(range(5), size))
    for seed in range(3):
        blurred = np.random.default_rng(seed).dirichlet(np.full(6, sharpness), 5) + 1e-9
        for table in (blurred, np.eye(5, 6) + 1e-9):
            e = table / table.sum(1, keepdims=True)
            exact = elbo_surgery(e, [np.full(6, 1 / 6)]).index_information
            within, stratified = (
                information(over_every_minibatch(f, size, batches, e), batches, e)
                for f in (log_qz_batch, lambda log_e: log_qz_mss(log_e, 5))
            )
            assert within <= min(exact, np.log(size)) + 1e-12
            assert exact - 1e-12 <= stratified <= np.log(5) + 1e-12
    assert within == pytest.approx(np.log(size), abs=1e-6)  # the last table: no two images share a code
    assert stratified == pytest.approx(np.log(5), abs=1e-6)


def test_what_each_estimator_says_of_codes_that_never_overlap():
    """The truth is log N = log 1000; B = 16."""
    log_e = torch.full((16, 16), -900.0, dtype=torch.float64).fill_diagonal_(3.0)

    def say(log_q):
        return batch_information(log_e, log_q).item()

    assert say(log_qz_batch(log_e)) == pytest.approx(np.log(16))
    assert say(log_qz_mws(log_e, 1000)) == pytest.approx(np.log(16 * 1000))
    assert say(log_qz_mss(log_e, 1000)) == pytest.approx(np.log(1000))
    rest = 1 / 15 - 1 / 1000
    released = (np.log(1000) - np.log(rest) + 14 * np.log(15)) / 16  # rows 0 and 1, and the other fourteen
    assert say(log_qz_mss_as_released(log_e, 1000)) == pytest.approx(released)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: gaussian_surgery(*encoder(3, 2), draws=1), "draws: expected 2 or more codes"),
        (lambda: gaussian_surgery(torch.zeros(3, 2), torch.ones(3, 1)), r"variance: expected the mean's shape"),
        (lambda: gaussian_surgery(torch.zeros(3), torch.ones(3)), r"variance: expected the mean's shape \[N, k\]"),
        (lambda: gaussian_surgery(torch.zeros(0, 2), torch.ones(0, 2)), "variance: expected the mean's shape"),
        (lambda: gaussian_surgery(torch.zeros(3, 2), torch.zeros(3, 2)), "variance: expected finite means and pos"),
        (lambda: gaussian_surgery(torch.full((3, 2), torch.nan), torch.ones(3, 2)), "variance: expected finite"),
        (
            lambda: aggregate_log_density(torch.zeros(4), *encoder(3, 2)),
            r"z: expected codes of shape \[m, 2\], got \[4\]",
        ),
        (lambda: log_qz_batch(torch.zeros(3, 4)), r"log_e: expected shape \[B, B\] with B of 2 or more, got \[3, 4\]"),
        (lambda: log_qz_mws(torch.zeros(1, 1), 5), "log_e: expected shape"),
        (lambda: log_qz_mss(torch.zeros(4, 4), 3), "n: expected the size of the data set, 4 or more, got 3"),
        (lambda: log_qz_mss_as_released(torch.zeros(4, 4), 3), "n: expected the size of the data set"),
    ],
)
def test_encoders_and_minibatches_that_do_not_fit_are_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
