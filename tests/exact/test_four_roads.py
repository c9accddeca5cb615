"""The roads to the beta-VAE, checked on linear-Gaussian models, where every quantity has a closed form."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import optimize
from test_mathematics import LinearGaussian

from companion.exact.linear import gaussian_entropy, gaussian_rate, linear_at_rate, linear_beta_vae

SPECTRUM = np.array([4.0, 2.0, 1.0, 0.5])
spectra = st.lists(st.floats(0.05, 20), min_size=2, max_size=6)
seeds = st.integers(0, 10_000)


@pytest.mark.verifies("thm-roads-infomax")
@given(seeds, st.floats(0.01, 5))
def test_the_beta_vae_bounds_the_infomax_objective_and_an_inverted_encoder_closes_it(seed, weight):
    model, beta = LinearGaussian(seed), 1 / (1 + weight)
    entropy = gaussian_entropy(np.linalg.eigvalsh(model.sigma))

    def sides():
        infomax = model.marginal_divergence - weight * model.information
        return infomax, (1 + weight) * (model.distortion + beta * model.rate - entropy)

    infomax, bound = sides()
    assert infomax < bound - 1e-4  # a random decoder is not the inverted encoder
    model.invert()
    infomax, bound = sides()
    assert infomax == pytest.approx(bound, abs=1e-8)


@pytest.mark.verifies("thm-roads-constraint")
@given(spectra, st.floats(0.05, 6), st.sampled_from([None, 0.3, 1.0]))
def test_beta_is_minus_the_slope(spectrum, rate, noise):
    point, step = linear_at_rate(spectrum, rate, noise), 1e-5
    before, after = (linear_at_rate(spectrum, r, noise) for r in (rate - step, rate + step))
    slopes = (after.distortion - point.distortion) / step, (point.distortion - before.distortion) / step
    assert point.beta == pytest.approx(-np.mean(slopes), rel=1e-3)
    assert (after.mse - before.mse) / (2 * step) == pytest.approx(-2 * point.water_level, rel=1e-3)


@pytest.mark.verifies("thm-roads-constraint")
@given(spectra, st.floats(0.02, 6), st.integers(1, 5), st.sampled_from([None, 0.3]))
def test_a_constraint_and_its_multiplier_pick_the_same_point(spectrum, rate, k, noise):
    k = min(k, len(spectrum) - 1)
    at_rate = linear_at_rate(spectrum, rate, noise, k)
    again = linear_beta_vae(spectrum, at_rate.beta, noise, k)
    assert at_rate.rate == pytest.approx(rate)
    assert (again.rate, again.distortion) == pytest.approx((rate, at_rate.distortion), rel=1e-6, abs=1e-6)


@pytest.mark.verifies("thm-roads-constraint")
@pytest.mark.parametrize("budget", [0.2, 1.0, 2.5])
def test_the_constrained_problem_solved_directly_has_the_same_optimum(budget):
    variances = np.array([4.0, 1.0])

    def terms(p):
        w, a, log_s = p[:2], p[2:4], p[4:]
        error = variances * (1 - w * a) ** 2 + w**2 * np.exp(log_s)
        rate = 0.5 * (a**2 * variances + np.exp(log_s) - 1 - log_s).sum()
        return np.log(2 * np.pi * 0.5) + error.sum() / (2 * 0.5), rate

    ends = [
        optimize.minimize(
            lambda p: terms(p)[0],
            np.concatenate([np.random.default_rng(seed).uniform(0.2, 1, 4), [-1.0, -1.0]]),
            constraints={"type": "ineq", "fun": lambda p: budget - terms(p)[1]},
            method="SLSQP",
            options={"maxiter": 1000, "ftol": 1e-12},
        )
        for seed in range(4)
    ]
    assert min(end.fun for end in ends) == pytest.approx(linear_at_rate(variances, budget, 0.5).distortion, abs=1e-6)


@pytest.mark.verifies("thm-roads-capacity")
@given(spectra, st.floats(0.1, 5), st.floats(0.0, 5), st.sampled_from([None, 0.3, 1.0]))
def test_the_capacity_objective_reaches_its_target_or_the_point_of_gamma(spectrum, gamma, capacity, noise):
    k = len(spectrum) - 1  # a strictly convex frontier, also with learned noise
    reached = max(capacity, linear_beta_vae(spectrum, gamma, noise, k).rate)

    def objective(rate):
        return linear_at_rate(spectrum, rate, noise, k).distortion + gamma * abs(rate - capacity)

    rates = np.linspace(0, reached + 3, 60)
    others = [objective(rate) for rate in rates]
    assert objective(reached) <= min(others) + 1e-9
    price = linear_at_rate(spectrum, capacity, noise, k).beta
    assert reached == pytest.approx(capacity if price < gamma else max(reached, capacity), abs=1e-7)
    if price < gamma - 1e-3:
        lost = np.minimum(gamma, gamma - price) * abs(rates - capacity)  # at least, since D is convex and falls
        assert (np.array(others) - objective(capacity) >= lost - 1e-9).all()
        if capacity > 0.01:
            assert linear_beta_vae(spectrum, price, noise, k).rate == pytest.approx(capacity, abs=1e-6)


@pytest.mark.verifies("thm-roads-capacity")
@given(seeds, st.floats(0.02, 4), st.floats(0, 1))
def test_a_capacity_on_frontiers_with_corners_and_straight_pieces(seed, gamma, share):
    """Convex, strictly falling, piecewise linear: the minimum is at max(C, R_gamma), and C alone above the price."""
    rng = np.random.default_rng(seed)
    slopes = np.sort(rng.choice([0.5, 1.0, 2.0, 3.0, 3.5], 6))[::-1]
    rates = np.append(0, np.cumsum(rng.uniform(0.1, 1, 6)))
    falls = np.append(0, np.cumsum(slopes * np.diff(rates)))
    capacity = share * rates[-1]
    grid = np.unique([*rates, capacity, *np.linspace(0, rates[-1], 400)])
    distortion = 20 - np.interp(grid, rates, falls)
    sums = distortion + gamma * grid
    least = grid[sums <= sums.min() + 1e-9].min()
    values = distortion + gamma * abs(grid - capacity)
    minimisers = grid[values <= values.min() + 1e-9]
    assert abs(minimisers - max(capacity, least)).min() < 1e-9
    i = np.searchsorted(rates, capacity, side="right") - 1
    inside = rates[i] + 1e-3 < capacity < (rates[i + 1] if i < 6 else rates[i]) - 1e-3
    if inside and slopes[i] < gamma - 1e-3:
        np.testing.assert_allclose(minimisers, capacity, atol=1e-6)
        price = distortion + slopes[i] * grid
        assert price[grid == capacity].item() == pytest.approx(price.min(), abs=1e-9)


@pytest.mark.verifies("thm-roads-capacity")
@pytest.mark.parametrize(("gamma", "capacity"), [(4.0, 0.3), (4.0, 2.0), (9.0, 2.0), (1.5, 0.7)])
def test_no_model_of_one_number_does_better_by_the_capacity_objective(gamma, capacity):
    """Searched over all w, a and s, not over the frontier: at random, and by descents from the best that was found."""
    variance, noise = 3.0, 0.25

    def objective(w, a, log_s):
        error = variance * (1 - w * a) ** 2 + w**2 * np.exp(log_s)
        rate = 0.5 * (a**2 * variance + np.exp(log_s) - 1 - log_s)
        return np.log(2 * np.pi * noise) / 2 + error / (2 * noise) + gamma * abs(rate - capacity)

    reached = max(capacity, linear_beta_vae([variance], gamma, noise).rate)
    best = linear_at_rate([variance], reached, noise)
    value = best.distortion + gamma * abs(reached - capacity)
    rng = np.random.default_rng(0)
    assert objective(*rng.normal(0, 1.5, (3, 20_000))).min() >= value - 1e-9
    end = min(np.moveaxis(rng.normal(0, 1.5, (3, 500)), 0, 1), key=lambda p: objective(*p))
    for _ in range(6):  # restarts, for a simplex that has folded onto the corner of the penalty
        end = optimize.minimize(lambda p: objective(*p), end, method="Nelder-Mead", options={"xatol": 1e-9}).x
    assert value - 1e-9 <= objective(*end) <= value + 1e-4


@pytest.mark.verifies("thm-roads-rate-distortion")
@given(seeds)
def test_no_linear_gaussian_model_lies_below_shannons_curve(seed):
    model = LinearGaussian(seed)
    model.noise = 0.5 * np.eye(3)
    mse = 2 * 0.5 * (model.distortion - 0.5 * 3 * np.log(2 * np.pi * 0.5))
    floor = gaussian_rate(np.linalg.eigvalsh(model.sigma), mse)
    assert floor - 1e-9 <= model.information <= model.rate + 1e-9
    entropy = gaussian_entropy(np.linalg.eigvalsh(model.sigma))
    assert model.distortion >= entropy - model.information - 1e-9
    model.invert()
    assert model.distortion == pytest.approx(entropy - model.information, abs=1e-8)


def test_on_the_straight_part_a_capacity_picks_a_point_and_beta_does_not():
    points = [linear_at_rate(SPECTRUM, rate) for rate in (3.0, 5.0, 9.0)]
    for point in points:
        assert point.beta == pytest.approx(1)
        assert -point.elbo == pytest.approx(gaussian_entropy(SPECTRUM))


@pytest.mark.verifies("thm-roads-joints")
@given(seeds)
def test_the_elbos_gap_is_the_divergence_of_the_two_joints(seed):
    model = LinearGaussian(seed)
    cross, eye = model.sigma @ model.a.T, np.eye(2)
    ours = np.block([[model.sigma, cross], [cross.T, model.aggregate]])
    theirs = np.block([[model.w @ model.w.T + model.noise, model.w], [model.w.T, eye]])
    logdets = np.linalg.slogdet(theirs)[1] - np.linalg.slogdet(ours)[1]
    divergence = 0.5 * (np.trace(np.linalg.solve(theirs, ours)) - 5 + logdets)
    gap = model.rate + model.distortion - gaussian_entropy(np.linalg.eigvalsh(model.sigma))
    assert divergence == pytest.approx(gap)
    ideal = LinearGaussian(seed).invert()  # its w and noise are those of p_e(x|z)
    off, logdets = ideal.w - model.w, np.linalg.slogdet(model.noise)[1] - np.linalg.slogdet(ideal.noise)[1]
    error = ideal.noise + off @ model.aggregate @ off.T
    decoder = 0.5 * (np.trace(np.linalg.solve(model.noise, error)) - 3 + logdets)
    assert gap == pytest.approx(model.marginal_divergence + decoder)
    inverted = LinearGaussian(seed).invert()
    rest = inverted.rate + inverted.distortion - gaussian_entropy(np.linalg.eigvalsh(model.sigma))
    assert rest == pytest.approx(model.marginal_divergence, abs=1e-8)


@pytest.mark.verifies("thm-roads-constraint")
def test_any_family_meets_its_own_budget_and_a_corner_has_an_interval_of_prices():
    rng = np.random.default_rng(0)
    for _ in range(200):
        r, d = rng.exponential(size=(2, 30))
        best = np.argmin(d + rng.exponential() * r)
        assert d[best] == d[r <= r[best]].min()
    rates, falls, grid = np.arange(4.0), np.array([9.0, 5.0, 3.0, 2.0]), np.linspace(0, 3, 301)
    curve = np.interp(grid, rates, falls)
    for i, low, high in ((1, 2, 4), (2, 1, 2)):
        for beta in np.linspace(low, high, 5):
            assert falls[i] + beta * rates[i] <= (curve + beta * grid).min() + 1e-12
        for beta in (low - 0.01, high + 0.01):
            assert falls[i] + beta * rates[i] > (curve + beta * grid).min() + 1e-6
