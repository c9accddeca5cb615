"""The closed forms of the linear-Gaussian beta-VAE against Monte Carlo, integrals and independent libraries."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import optimize, stats
from sklearn.decomposition import PCA

from companion.exact.linear import (
    collapse_thresholds,
    gaussian_entropy,
    gaussian_rate,
    linear_at_rate,
    linear_beta_vae,
    water_filling,
)

SPECTRUM = np.array([4.0, 2.0, 1.0, 0.5])
spectra = st.lists(st.floats(0.05, 20), min_size=2, max_size=6)
betas = st.floats(0.05, 8)


def rotated(spectrum, seed=0):
    turn = stats.ortho_group.rvs(len(spectrum), random_state=seed)
    return turn @ np.diag(spectrum) @ turn.T


@pytest.mark.verifies("thm-linear-noise")
def test_a_code_for_every_dimension_and_learned_noise_is_flat_at_one_and_falls_without_end_below():
    values = {beta: [] for beta in (0.5, 1.0)}
    for noise in (0.4, 0.1, 1e-3, 1e-6):
        for beta, found in values.items():
            best = linear_beta_vae(SPECTRUM, beta, noise=noise)
            found.append(best.distortion + beta * best.rate)
    np.testing.assert_allclose(values[1.0], gaussian_entropy(SPECTRUM))
    falls = np.diff(values[0.5]) / np.diff(np.log([0.4, 0.1, 1e-3, 1e-6]))
    np.testing.assert_allclose(falls, (1 - 0.5) * len(SPECTRUM) / 2)  # n (1 - beta) / 2 for each factor e of noise


@pytest.mark.verifies("thm-linear-frontier")
@given(spectra, betas, st.floats(0.01, 5), st.integers(1, 6))
def test_fixed_noise_meets_the_formulas_entry_by_entry(spectrum, beta, noise, k):
    k = min(k, len(spectrum))
    best, level = linear_beta_vae(spectrum, beta, noise, k), beta * noise
    falling = sorted(spectrum, reverse=True)
    assert best.water_level == pytest.approx(level)
    assert best.rate == pytest.approx(sum(max(0.0, 0.5 * np.log(v / level)) for v in falling[:k]))
    assert best.mse == pytest.approx(sum(min(v, level) for v in falling[:k]) + sum(falling[k:]))
    assert best.active == sum(0.5 * np.log(v / level) > 1e-12 for v in falling[:k])
    assert best.elbo == -(best.rate + best.distortion)


@given(spectra, betas, st.integers(1, 5))
def test_learned_noise_is_consistent_with_its_own_water_level(spectrum, beta, k):
    k = min(k, len(spectrum) - 1)
    best = linear_beta_vae(spectrum, beta, latent_dim=k)
    falling, d, n = np.sort(spectrum)[::-1], best.active, len(spectrum)
    assert best.noise == pytest.approx(falling[d:].sum() / (n - d * beta))
    assert best.noise == pytest.approx(best.mse / n)
    assert (falling[:d] > best.water_level * (1 - 1e-9)).all()
    assert (falling[d:k] <= best.water_level * (1 + 1e-9)).all()
    for factor in (0.9, 1.1):  # the noise itself is optimal
        other = linear_beta_vae(spectrum, beta, noise=factor * best.noise, latent_dim=k)
        assert other.distortion + beta * other.rate >= best.distortion + beta * best.rate - 1e-9


@pytest.mark.verifies("thm-linear-noise")
@pytest.mark.parametrize("k", [1, 2, 3])
def test_at_beta_one_it_is_probabilistic_pca(k):
    x = np.random.default_rng(0).normal(size=(400, 4)) @ np.linalg.cholesky(rotated(SPECTRUM)).T
    pca = PCA(k, svd_solver="full").fit(x)
    covariance = np.cov(x.T)  # with n - 1, as scikit-learn has it
    best = linear_beta_vae(np.linalg.eigvalsh(covariance), beta=1.0, latent_dim=k)
    assert best.noise == pytest.approx(pca.noise_variance_)
    model = pca.get_covariance()
    likelihood = -0.5 * (
        4 * np.log(2 * np.pi) + np.linalg.slogdet(model)[1] + np.trace(np.linalg.solve(model, covariance))
    )
    assert best.elbo == pytest.approx(likelihood)
    assert pca.score(x) == pytest.approx(likelihood + 0.5 * 4 / 400, abs=1e-9)  # its score has the other denominator


def test_monte_carlo_from_the_construction_gives_the_same_rate_and_distortion():
    best, n = linear_beta_vae(SPECTRUM, beta=1.5, noise=0.5), 200_000
    rng = np.random.default_rng(3)
    level = best.water_level
    w = np.sqrt(np.maximum(SPECTRUM - level, 0))
    s = np.minimum(level / SPECTRUM, 1)
    x = rng.normal(size=(n, 4)) * np.sqrt(SPECTRUM)
    mean = x * w / (w**2 + level)
    z = mean + rng.normal(size=(n, 4)) * np.sqrt(s)
    rates = (stats.norm.logpdf(z, mean, np.sqrt(s)) - stats.norm.logpdf(z)).sum(1)
    distortions = -stats.norm.logpdf(x, w * z, np.sqrt(best.noise)).sum(1)
    for draws, value in ((rates, best.rate), (distortions, best.distortion)):
        assert abs(draws.mean() - value) < 5 * draws.std() / np.sqrt(n)
    np.testing.assert_allclose(z.var(0), 1, atol=0.02)  # the aggregate is the marginal


@given(spectra, st.floats(0.01, 25))
def test_complementary_slackness_of_the_filling(spectrum, level):
    rates, errors = water_filling(spectrum, level)
    assert (rates >= 0).all()
    assert (errors <= level).all()
    np.testing.assert_allclose(rates * (level - errors), 0, atol=1e-12)  # a rate only where the water reaches its level
    np.testing.assert_allclose(errors, np.array(spectrum) * np.exp(-2 * rates), rtol=1e-12)


@pytest.mark.verifies("thm-linear-shannon")
@given(spectra, betas, st.floats(0.01, 5))
def test_the_frontier_is_shannons(spectrum, beta, noise):
    best = linear_beta_vae(spectrum, beta, noise)
    assert gaussian_rate(spectrum, best.mse) == pytest.approx(best.rate, abs=1e-9)


@pytest.mark.verifies("thm-linear-shannon")
def test_shannons_rate_is_the_least_over_all_splits_of_the_error():
    for mse in (0.4, 1.7, 3.0, 6.0):
        split = optimize.minimize(
            lambda e: 0.5 * np.log(SPECTRUM / e).sum(),
            SPECTRUM * mse / SPECTRUM.sum(),
            jac=lambda e: -0.5 / e,
            bounds=[(1e-6, v) for v in SPECTRUM],
            constraints={"type": "eq", "fun": lambda e, mse=mse: e.sum() - mse},
            method="SLSQP",
            options={"ftol": 1e-12},
        )
        assert gaussian_rate(SPECTRUM, mse) == pytest.approx(split.fun, abs=1e-6)
    assert gaussian_rate(SPECTRUM, SPECTRUM.sum()) == gaussian_rate(SPECTRUM, 100.0) == 0.0


@pytest.mark.verifies("thm-linear-frontier")
@pytest.mark.parametrize("noise", [None, 0.6])
def test_a_dimension_dies_at_its_threshold(noise):
    for i, threshold in enumerate(collapse_thresholds(SPECTRUM, noise)):
        k = 4 if noise else 3
        if i < k:
            alive, dead = (linear_beta_vae(SPECTRUM, f * threshold, noise, k) for f in (0.999, 1.001))
            assert (alive.active, dead.active) == (i + 1, i)


@pytest.mark.verifies("thm-linear-noise")
@given(spectra)
def test_with_learned_noise_nothing_dies_below_beta_one(spectrum):
    thresholds = collapse_thresholds(spectrum)
    assert (thresholds >= 1 - 1e-12).all()
    assert (np.diff(thresholds) <= 1e-12).all()


def test_at_the_threshold_itself_the_dimension_counts_as_collapsed():
    assert linear_beta_vae(SPECTRUM, 2.0, noise=0.5).active == 2
    assert linear_at_rate(SPECTRUM, 0.0).active == 0
    assert linear_at_rate(SPECTRUM, 0.0).beta == pytest.approx(collapse_thresholds(SPECTRUM)[0])


def test_the_entropy_is_that_of_scipy_and_the_diagonal_is_reached_at_beta_one():
    sigma = rotated(SPECTRUM)
    assert gaussian_entropy(SPECTRUM) == pytest.approx(stats.multivariate_normal(cov=sigma).entropy())
    assert -linear_beta_vae(SPECTRUM, 1.0, noise=0.3).elbo == pytest.approx(gaussian_entropy(SPECTRUM))
    for beta in (0.5, 2.0):
        assert -linear_beta_vae(SPECTRUM, beta, noise=0.3).elbo > gaussian_entropy(SPECTRUM) + 1e-3


def test_the_distortion_is_an_integral_in_one_dimension():
    best = linear_beta_vae([2.0], beta=1.5, noise=0.4)
    w, s = np.sqrt(2 - 0.6), 0.6 / 2

    def integrand(z, x):
        a = w / (w**2 + 0.6)
        density = stats.norm.pdf(x, 0, np.sqrt(2)) * stats.norm.pdf(z, a * x, np.sqrt(s))
        return -density * stats.norm.logpdf(x, w * z, np.sqrt(0.4))

    grid = np.linspace(-9, 9, 721)
    value = integrand(grid[:, None], grid).sum() * (grid[1] - grid[0]) ** 2
    assert best.distortion == pytest.approx(value, abs=1e-7)


def test_no_price_on_the_rate_buys_all_of_it():
    best = linear_beta_vae(SPECTRUM, 0.0, noise=0.3)
    assert (best.rate, best.mse, best.elbo) == (np.inf, 0.0, -np.inf)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: linear_beta_vae([1.0, 0.0], 1.0, 1.0), "eigenvalues: expected a list of positive finite numbers"),
        (lambda: linear_beta_vae([1.0, np.nan], 1.0, 1.0), "eigenvalues: expected"),
        (lambda: linear_beta_vae([], 1.0, 1.0), "eigenvalues: expected"),
        (lambda: linear_beta_vae(np.eye(2), 1.0, 1.0), "eigenvalues: expected"),
        (lambda: linear_beta_vae([1.0], -0.1, 1.0), "beta: expected a finite number, 0 or more, got -0.1"),
        (lambda: linear_beta_vae([1.0], np.nan, 1.0), "beta: expected a finite number, 0 or more, got nan"),
        (lambda: linear_beta_vae([1.0], np.inf, 1.0), "beta: expected a finite number"),
        (lambda: linear_beta_vae([1.0], 1.0, 0.0), "noise: expected a positive finite variance"),
        (lambda: linear_beta_vae([1.0], 1.0, np.nan), "noise: expected a positive finite variance"),
        (lambda: linear_beta_vae([1.0, 2.0], 1.0), "beta: expected more than 1 .* got 1.0: the optimum is flat"),
        (lambda: linear_beta_vae([1.0, 2.0], 0.5), "beta: expected more than 1 .* got 0.5: the noise runs to zero"),
        (lambda: linear_beta_vae([1.0], 1.0, 1.0, 2), "latent_dim: expected a whole number from 1 to 1, got 2"),
        (lambda: linear_beta_vae([1.0], 1.0, 1.0, 0), "latent_dim: expected"),
        (lambda: linear_beta_vae([1.0, 1.0], 1.0, 1.0, 1.5), "latent_dim: expected"),
        (lambda: linear_at_rate([1.0], -1.0), "rate: expected a finite number of nats"),
        (lambda: linear_at_rate([1.0], 1.0, 0.0), "noise: expected a positive finite variance"),
        (lambda: linear_at_rate([1.0], np.nan), "rate: expected a finite number of nats"),
        (lambda: water_filling([1.0], -1.0), "level: expected a number, 0 or more, got -1.0"),
        (lambda: water_filling([1.0], np.nan), "level: expected a number, 0 or more, got nan"),
        (lambda: gaussian_rate([1.0], 0.0), "mse: expected a positive number, got 0.0"),
        (lambda: gaussian_rate([1.0], np.nan), "mse: expected a positive number, got nan"),
        (lambda: collapse_thresholds([1.0], -1.0), "noise: expected a positive finite variance"),
        (lambda: gaussian_entropy([-1.0]), "eigenvalues: expected"),
    ],
)
def test_bad_input_is_named(call, message):
    with pytest.raises(ValueError, match=f"^{message}"):
        call()


def test_just_above_one_the_noise_is_the_smallest_eigenvalue():
    for spectrum in ([0.3] * 7, [0.13] * 13, SPECTRUM):  # the last threshold of the second rounds to 1 + 4e-16
        best = linear_beta_vae(spectrum, np.nextafter(1.0, 2.0))
        assert best.noise == pytest.approx(min(spectrum))


@pytest.mark.verifies("thm-linear-noise")
@pytest.mark.parametrize("seed", range(50))
def test_one_noise_alone_is_optimal_and_a_dimension_collapses_at_the_printed_threshold(seed):
    rng = np.random.default_rng(seed)
    n = rng.integers(2, 6)
    falling, k = np.sort(rng.uniform(0.05, 20, n))[::-1], int(rng.integers(1, n + 1))
    beta = rng.uniform(1.05 if k == n else 0.05, 6)
    best = linear_beta_vae(falling, beta, latent_dim=k)
    d, level = best.active, beta * best.noise
    assert best.noise == pytest.approx(falling[d:].sum() / (n - d * beta))
    assert (falling[:d] > level * (1 - 1e-9)).all()
    assert (falling[d:k] <= level * (1 + 1e-9)).all()
    for factor in (0.9, 1.1):
        other = linear_beta_vae(falling, beta, noise=factor * best.noise, latent_dim=k)
        assert other.distortion + beta * other.rate > best.distortion + beta * best.rate + 1e-6
    thresholds = np.array([v / np.mean([min(u, v) for u in falling]) for v in falling[:k]])
    assert d == (thresholds > beta).sum()


@pytest.mark.verifies("thm-linear-shannon")
@pytest.mark.parametrize("cells", [2, 3, 5, 9])
def test_a_quantiser_with_the_best_values_is_above_shannons_curve(cells):
    """R >= I = log of the number of equally likely cells; the decoder f(z) is the mean of the cell."""
    edges = stats.norm.ppf(np.linspace(0, 1, cells + 1))
    values = cells * (stats.norm.pdf(edges[:-1]) - stats.norm.pdf(edges[1:]))
    for variance in (0.5, 4.0):
        assert np.log(cells) > gaussian_rate([variance], variance * (1 - (values**2).mean())) + 0.1
