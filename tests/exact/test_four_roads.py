"""The roads to the beta-VAE, checked on linear-Gaussian models, where every quantity has a closed form."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import optimize, stats

from companion.exact.linear import gaussian_entropy, gaussian_rate, linear_at_rate, linear_beta_vae

SPECTRUM = np.array([4.0, 2.0, 1.0, 0.5])
LAWS = settings(max_examples=200, deadline=None, derandomize=True)
spectra = st.lists(st.floats(0.05, 20), min_size=2, max_size=6)
seeds = st.integers(0, 10_000)


class AnyModel:
    """A linear-Gaussian encoder and decoder with random parameters, and its quantities in closed form."""

    def __init__(self, seed: int, n: int = 3, k: int = 2) -> None:
        rng = np.random.default_rng(seed)
        self.w, self.a = rng.normal(size=(n, k)), rng.normal(size=(k, n))
        roots = rng.normal(size=(k, k)), rng.normal(size=(n, n)), rng.normal(size=(n, n))
        self.s, self.sigma, self.noise = (root @ root.T + 0.1 * np.eye(len(root)) for root in roots)

    @property
    def aggregate(self):
        return self.a @ self.sigma @ self.a.T + self.s

    @property
    def rate(self):
        return 0.5 * (np.trace(self.aggregate) - len(self.s) - np.linalg.slogdet(self.s)[1])

    @property
    def information(self):
        return 0.5 * (np.linalg.slogdet(self.aggregate)[1] - np.linalg.slogdet(self.s)[1])

    @property
    def marginal_divergence(self):
        return 0.5 * (np.trace(self.aggregate) - len(self.s) - np.linalg.slogdet(self.aggregate)[1])

    @property
    def distortion(self):
        miss = np.eye(len(self.sigma)) - self.w @ self.a
        error = miss @ self.sigma @ miss.T + self.w @ self.s @ self.w.T
        scale = np.linalg.slogdet(2 * np.pi * self.noise)[1]
        return 0.5 * (scale + np.trace(np.linalg.solve(self.noise, error)))

    def invert(self):
        """Make the decoder the inverted encoder."""
        cross = self.sigma @ self.a.T
        self.w = np.linalg.solve(self.aggregate, cross.T).T
        self.noise = self.sigma - self.w @ cross.T
        return self


@pytest.mark.verifies("thm-roads-identity")
@pytest.mark.verifies("thm-roads-rate-distortion")
@LAWS
@given(seeds)
def test_marginal_divergence_is_rate_minus_information(seed):
    model = AnyModel(seed)
    assert model.marginal_divergence == pytest.approx(model.rate - model.information, abs=1e-9)
    assert model.marginal_divergence >= -1e-9


@pytest.mark.verifies("thm-roads-identity")
def test_marginal_divergence_and_information_by_monte_carlo():
    model, n = AnyModel(3), 200_000
    rng = np.random.default_rng(0)
    x = rng.multivariate_normal(np.zeros(3), model.sigma, n)
    z = x @ model.a.T + rng.multivariate_normal(np.zeros(2), model.s, n)
    aggregate = stats.multivariate_normal(cov=model.aggregate).logpdf(z)
    prior = stats.multivariate_normal(cov=np.eye(2)).logpdf(z)
    encoder = stats.multivariate_normal(cov=model.s).logpdf(z - x @ model.a.T)
    for draws, value in ((aggregate - prior, model.marginal_divergence), (encoder - aggregate, model.information)):
        assert abs(draws.mean() - value) < 5 * draws.std() / np.sqrt(n)


@pytest.mark.verifies("thm-roads-infomax")
@LAWS
@given(seeds, st.floats(0.01, 5))
def test_the_beta_vae_bounds_the_infomax_objective_and_an_inverted_encoder_closes_it(seed, weight):
    model, beta = AnyModel(seed), 1 / (1 + weight)
    entropy = gaussian_entropy(np.linalg.eigvalsh(model.sigma))

    def sides():
        infomax = model.marginal_divergence - weight * model.information
        return infomax, (1 + weight) * (model.distortion + beta * model.rate - entropy)

    infomax, bound = sides()
    assert infomax <= bound + 1e-9 * abs(bound)
    model.invert()
    infomax, bound = sides()
    assert infomax == pytest.approx(bound, abs=1e-8)


@pytest.mark.verifies("thm-roads-neither")
@LAWS
@given(seeds)
def test_information_does_not_see_an_invertible_map_of_the_code(seed):
    model = AnyModel(seed)
    before, rng = model.information, np.random.default_rng(seed)
    turn = rng.normal(size=(2, 2)) + 3 * np.eye(2)
    model.a, model.s = turn @ model.a, turn @ model.s @ turn.T
    assert model.information == pytest.approx(before)


@pytest.mark.verifies("thm-roads-neither")
def test_the_marginal_divergence_is_content_with_noise_and_with_any_amount_of_information():
    model = AnyModel(0)
    for share in (0.0, 0.5, 0.9, 1 - 1e-6):  # of the code's variance that the data explain
        whiten = np.linalg.inv(np.linalg.cholesky(model.sigma))[:2]
        model.a, model.s = np.sqrt(share) * whiten, (1 - share) * np.eye(2)
        assert model.marginal_divergence == pytest.approx(0, abs=1e-12)
        assert model.information == pytest.approx(-np.log(1 - share))


@pytest.mark.verifies("thm-roads-constraint")
@LAWS
@given(spectra, st.floats(0.05, 6), st.sampled_from([None, 0.3, 1.0]))
def test_beta_is_minus_the_slope(spectrum, rate, noise):
    point, step = linear_at_rate(spectrum, rate, noise), 1e-5
    before, after = (linear_at_rate(spectrum, r, noise) for r in (rate - step, rate + step))
    slopes = (after.distortion - point.distortion) / step, (point.distortion - before.distortion) / step
    assert point.beta == pytest.approx(-np.mean(slopes), rel=1e-3)
    assert (after.mse - before.mse) / (2 * step) == pytest.approx(-2 * point.water_level, rel=1e-3)


@pytest.mark.verifies("thm-roads-constraint")
@LAWS
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
@LAWS
@given(spectra, st.floats(0.1, 5), st.floats(0.0, 5), st.sampled_from([None, 0.3, 1.0]))
def test_the_capacity_objective_reaches_its_target_or_the_point_of_gamma(spectrum, gamma, capacity, noise):
    k = len(spectrum) - 1  # a strictly convex frontier, also with learned noise
    reached = max(capacity, linear_beta_vae(spectrum, gamma, noise, k).rate)

    def objective(rate):
        return linear_at_rate(spectrum, rate, noise, k).distortion + gamma * abs(rate - capacity)

    others = [objective(rate) for rate in np.linspace(0, reached + 3, 60)]
    assert objective(reached) <= min(others) + 1e-9


@pytest.mark.verifies("thm-roads-rate-distortion")
@LAWS
@given(seeds)
def test_no_linear_gaussian_model_lies_below_shannons_curve(seed):
    model = AnyModel(seed)
    model.noise = 0.5 * np.eye(3)
    mse = 2 * 0.5 * (model.distortion - 0.5 * 3 * np.log(2 * np.pi * 0.5))
    floor = gaussian_rate(np.linalg.eigvalsh(model.sigma), mse)
    assert floor - 1e-9 <= model.information <= model.rate + 1e-9


def test_on_the_straight_part_a_capacity_picks_a_point_and_beta_does_not():
    points = [linear_at_rate(SPECTRUM, rate) for rate in (3.0, 5.0, 9.0)]
    for point in points:
        assert point.beta == pytest.approx(1)
        assert -point.elbo == pytest.approx(gaussian_entropy(SPECTRUM))


@pytest.mark.verifies("thm-roads-joints")
@LAWS
@given(seeds)
def test_the_elbos_gap_is_the_divergence_of_the_two_joints(seed):
    model = AnyModel(seed)
    cross, eye = model.sigma @ model.a.T, np.eye(2)
    ours = np.block([[model.sigma, cross], [cross.T, model.aggregate]])
    theirs = np.block([[model.w @ model.w.T + model.noise, model.w], [model.w.T, eye]])
    logdets = np.linalg.slogdet(theirs)[1] - np.linalg.slogdet(ours)[1]
    divergence = 0.5 * (np.trace(np.linalg.solve(theirs, ours)) - 5 + logdets)
    gap = model.rate + model.distortion - gaussian_entropy(np.linalg.eigvalsh(model.sigma))
    assert divergence == pytest.approx(gap)
    inverted = AnyModel(seed).invert()
    rest = inverted.rate + inverted.distortion - gaussian_entropy(np.linalg.eigvalsh(model.sigma))
    assert rest == pytest.approx(model.marginal_divergence, abs=1e-8)
