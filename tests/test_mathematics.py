"""Checks of mathematics, not of the package: theorems of the book on formulas written out here.

``LinearGaussian``, ``told`` and ``least`` serve the tests that compare the package with the same formulas, too.
"""

from math import log

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from scipy.optimize import minimize

seeds = st.integers(0, 10_000)
SHOWN = [(0.5, 1.0, 0.45, 1.0), (0.5, 1.0, 0.55, 1.0), (0.5, 1.0, 0.04, 10.0), (0.5, 1.0, 0.06, 10.0)]
SHOWN += [(0.5, 2.0, 0.7, 1.0), (0.5, 2.0, 0.8, 1.0), (0.5, 1.0, 3.0, 1.0)]


class LinearGaussian:
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
@given(seeds)
def test_marginal_divergence_is_rate_minus_information(seed):
    model = LinearGaussian(seed)
    assert model.marginal_divergence == pytest.approx(model.rate - model.information, abs=1e-9)
    assert model.marginal_divergence >= -1e-9


@pytest.mark.verifies("thm-roads-identity")
def test_marginal_divergence_and_information_by_monte_carlo():
    model, n = LinearGaussian(3), 200_000
    rng = np.random.default_rng(0)
    x = rng.multivariate_normal(np.zeros(3), model.sigma, n)
    z = x @ model.a.T + rng.multivariate_normal(np.zeros(2), model.s, n)
    aggregate = stats.multivariate_normal(cov=model.aggregate).logpdf(z)
    prior = stats.multivariate_normal(cov=np.eye(2)).logpdf(z)
    encoder = stats.multivariate_normal(cov=model.s).logpdf(z - x @ model.a.T)
    for draws, value in ((aggregate - prior, model.marginal_divergence), (encoder - aggregate, model.information)):
        assert abs(draws.mean() - value) < 5 * draws.std() / np.sqrt(n)


@pytest.mark.verifies("thm-sandwich-densities")
@given(seeds, st.sampled_from([0.01, 1.0, 30.0]))
def test_the_sandwich_holds_for_densities_in_every_unit(seed, unit):
    """H - D <= I <= R with both slacks, H negative in large units; a change of unit moves H and D alike, not R or I."""
    model, changed = LinearGaussian(seed), LinearGaussian(seed)
    changed.sigma, changed.noise = unit**2 * changed.sigma, unit**2 * changed.noise
    changed.w, changed.a = unit * changed.w, changed.a / unit

    def entropy(one):
        return 0.5 * np.linalg.slogdet(2 * np.pi * np.e * one.sigma)[1]

    for one in (model, changed):
        ideal = LinearGaussian(seed)  # its w and noise will be those of p_e(x|z)
        ideal.sigma, ideal.a, ideal.s = one.sigma, one.a, one.s
        ideal.invert()
        off, logdets = ideal.w - one.w, np.linalg.slogdet(one.noise)[1] - np.linalg.slogdet(ideal.noise)[1]
        error = ideal.noise + off @ one.aggregate @ off.T
        decoder = 0.5 * (np.trace(np.linalg.solve(one.noise, error)) - 3 + logdets)
        assert decoder >= -1e-9
        assert one.information - (entropy(one) - one.distortion) == pytest.approx(decoder, abs=1e-7, rel=1e-7)
        assert one.rate - one.information == pytest.approx(one.marginal_divergence, abs=1e-9)
        assert one.marginal_divergence >= -1e-9
        generated = one.w @ one.w.T + one.noise
        logdets = np.linalg.slogdet(generated)[1] - np.linalg.slogdet(one.sigma)[1]
        data = 0.5 * (np.trace(np.linalg.solve(generated, one.sigma)) - 3 + logdets)
        precision = np.eye(2) + one.w.T @ np.linalg.solve(one.noise, one.w)  # of p_g(z|x)
        miss = np.linalg.solve(precision, np.linalg.solve(one.noise, one.w).T) - one.a
        logdets = np.linalg.slogdet(precision)[1] + np.linalg.slogdet(one.s)[1]
        encoder = 0.5 * (np.trace(precision @ (one.s + miss @ one.sigma @ miss.T)) - 2 - logdets)
        assert min(data, encoder) >= -1e-9
        assert one.rate + one.distortion - entropy(one) == pytest.approx(data + encoder, abs=1e-7, rel=1e-7)
        assert ideal.distortion == pytest.approx(entropy(one) - one.information, abs=1e-7)
    moved = 3 * np.log(unit)
    assert entropy(changed) - entropy(model) == pytest.approx(moved)
    assert changed.distortion - model.distortion == pytest.approx(moved, rel=1e-6, abs=1e-6)
    assert (changed.rate, changed.information) == pytest.approx((model.rate, model.information))
    if unit == 0.01:
        assert entropy(changed) < 0


@pytest.mark.verifies("thm-roads-neither")
@given(seeds)
def test_information_does_not_see_an_invertible_map_of_the_code(seed):
    model = LinearGaussian(seed)
    before, rng = model.information, np.random.default_rng(seed)
    turn = rng.normal(size=(2, 2)) + 3 * np.eye(2)
    model.a, model.s = turn @ model.a, turn @ model.s @ turn.T
    assert model.information == pytest.approx(before)


@pytest.mark.verifies("thm-roads-neither")
@pytest.mark.parametrize(
    ("t", "inverse", "slope"),
    [
        (np.sinh, np.arcsinh, np.cosh),
        (np.exp, np.log, np.exp),
        (lambda z: z + 0.9 * np.sin(z), None, lambda z: 1 + 0.9 * np.cos(z)),
    ],
)
def test_information_does_not_see_a_bent_map_of_the_code_either(t, inverse, slope):
    """Three images, Gaussian codes, t(z): the densities of t(z) and their information, by sums in the new space."""
    p, means, widths = np.array([0.5, 0.3, 0.2]), np.array([-1.0, 0.4, 1.5]), np.array([0.3, 0.8, 0.5])

    def information(density, cells):
        mixture = p @ density
        terms = density * np.log(np.where(density > 0, density, 1) / np.where(mixture > 0, mixture, 1))
        return p @ (terms * cells).sum(1)

    z = np.linspace(-8, 8, 40_001)
    truth = information(stats.norm.pdf(z, means[:, None], widths[:, None]), z[1] - z[0])
    new = np.linspace(t(z[0]), t(z[-1]), 1_000_001)
    old = inverse(new) if inverse else np.interp(new, t(z), z)
    density = stats.norm.pdf(old, means[:, None], widths[:, None]) / slope(old)
    np.testing.assert_allclose((density * (new[1] - new[0])).sum(1), 1, atol=1e-3)
    assert information(density, new[1] - new[0]) == pytest.approx(truth, abs=1e-3)


@pytest.mark.verifies("thm-roads-neither")
@given(seeds, st.integers(1, 2), st.floats(0, 20) | st.just(0.0))
def test_the_marginal_divergence_is_content_with_noise_and_with_any_amount_of_information(seed, k, nats):
    """For any Gaussian data and any number of nats there is a linear encoder that holds them and fits the marginal."""
    model = LinearGaussian(seed, k=k)
    whiten = np.linalg.inv(np.linalg.cholesky(model.sigma))[:k]
    noise = np.exp(-2 * nats / k)  # the share of the code's variance that is noise
    model.a, model.s = np.sqrt(1 - noise) * whiten, noise * np.eye(k)
    assert model.marginal_divergence == pytest.approx(0, abs=1e-9)
    assert model.information == pytest.approx(nats, abs=1e-7)


def told(p, kappa, r=1.0):
    """D (less a constant), R, I(c; x), I(c; y) and the code's variance at w, a, log s; unit noise, variance kappa."""
    w, a, log_s = p
    s = np.exp(log_s)
    t = a**2 * kappa + s
    distortion, rate = (kappa * (1 - w * a) ** 2 + w**2 * s) / 2, (t - 1 - log_s) / 2
    return distortion, rate, np.log(t / s) / 2, np.log1p(r * w**2 * t) / 2, t


def least(loss):
    """The lowest of descents from twelve starts."""
    starts = np.random.default_rng(0).normal(size=(12, 3))
    return min((minimize(loss, start, tol=1e-12) for start in starts), key=lambda end: end.fun).x


@pytest.mark.verifies("thm-numbers-image")
@pytest.mark.parametrize(("weight", "ends"), [(1.0, True), (1.2, False)])
def test_from_beta_on_no_model_is_best(weight, ends):
    """Along codes of variance 1 and ever more information, at the best decoder, w = a v."""
    lost, losses = 10.0 ** -np.arange(1, 9), []
    for rho in lost:
        distortion, rate, information, *_ = told((np.sqrt(0.5 * (1 - rho)), np.sqrt((1 - rho) / 0.5), log(rho)), 0.5)
        losses.append(distortion + rate - weight * information)
    assert (np.diff(losses) < 0).all()
    if ends:
        np.testing.assert_allclose(losses, lost * 0.5 / 2, atol=1e-12)
        distortion, rate, information, _, t = told(np.random.default_rng(0).normal(size=(3, 100_000)), 0.5)
        assert (distortion + rate - information).min() > 0  # no model attains it
        assert (distortion + rate - information + np.log(t) / 2).min() > -0.5  # nor the literal infimum, -beta / 2
    else:
        np.testing.assert_allclose(np.diff(losses)[-1], -0.1 * log(10), atol=1e-6)


@pytest.mark.verifies("thm-numbers-drawing")
@pytest.mark.parametrize(("kappa", "beta", "weight", "r"), SHOWN)
def test_a_number_wakes_exactly_above_the_readers_threshold(kappa, beta, weight, r):
    def loss(p):
        distortion, rate, _, shown, _ = told(p, kappa, r)
        return distortion + beta * rate - weight * shown

    best = least(loss)
    _, _, information, _, t = told(best, kappa, r)
    u, rho = best[0] ** 2 * t, np.exp(-2 * information)
    assert t == pytest.approx(1, abs=1e-6)
    if kappa > beta * (1 - weight * r):
        assert information > 1e-3
        assert rho == pytest.approx(beta / kappa * (1 - weight * r / (1 + r * u)), rel=1e-4)
        assert u == pytest.approx(beta**2 * (1 - rho) / (kappa * rho**2), rel=1e-4)
    else:
        assert information == pytest.approx(0, abs=1e-9)


@pytest.mark.verifies("thm-numbers-drawing")
def test_off_the_mean_any_weight_is_paid_without_end():
    """Ann is blind, Bob writes the code in faint ink; a reader a hundred times sharper earns log 100 / 2 more."""
    losses = []
    for r in 10.0 ** np.arange(8, 17, 2):
        distortion, rate, information, shown, _ = told((0.1, 0.0, 0.0), 0.5, r)
        assert information == 0
        losses.append(distortion + rate - 0.001 * shown)
    np.testing.assert_allclose(np.diff(losses), -0.001 * log(100) / 2, rtol=1e-4)


@pytest.mark.verifies("thm-omniglot-chord")
def test_two_prices_enclose_a_slope():
    rng, moved = np.random.default_rng(0), 0
    for _ in range(200):
        r, d = rng.exponential(size=(2, 30))
        low, high = np.sort(rng.exponential(size=2))
        first, second = (np.argmin(d + beta * r) for beta in (low, high))
        saved, paid = r[first] - r[second], d[second] - d[first]
        assert low * saved <= paid + 1e-12
        assert paid <= high * saved + 1e-12
        assert saved >= 0
        moved += saved > 0
    assert moved > 50  # the two prices do choose different models


@pytest.mark.verifies("lem-asking-again")
def test_the_lemma_on_random_tables():
    """E f(x, y) = E f(x', y) where x' is drawn again from p(x|y): Serdega (2019), lemma 4.2.1."""
    rng = np.random.default_rng(0)
    for x, y in ((2, 3), (5, 4)):
        joint = rng.dirichlet(np.ones(x * y)).reshape(x, y)
        f = rng.normal(size=(x, y))
        again = joint / joint.sum(0)  # p(x'|y)
        assert np.einsum("xy,wy,wy->", joint, again, f) == pytest.approx((joint * f).sum())
