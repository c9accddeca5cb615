"""Problems of known information, against quadrature and against SciPy's distributions."""

from math import log, pi, sqrt

import numpy as np
import pytest
from scipy import stats
from scipy.integrate import quad

from companion.exact.gaussians import CorrelatedGaussians

PLAIN, TRANSFORMED = (CorrelatedGaussians(1, 0.8, sinh_transformed) for sinh_transformed in (False, True))


@pytest.mark.parametrize("problem", [PLAIN, TRANSFORMED], ids=["plain", "sinh_transformed"])
def test_the_information_is_the_mean_log_ratio(problem):
    """By Gauss-Hermite quadrature over x and the noise: the log ratio is a polynomial in both."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(8)
    x, noise = (a.reshape(-1, 1) for a in np.meshgrid(nodes, nodes, indexing="ij"))
    g = 0.8 * x + 0.6 * noise
    ratio = problem.log_ratio(x, np.sinh(g) if problem.sinh_transformed else g)
    assert np.outer(weights, weights).ravel() @ ratio / (2 * pi) == pytest.approx(problem.information, rel=1e-12)
    assert problem.information == pytest.approx(-log(0.36) / 2, rel=1e-12)


def test_the_ratios_mean_under_the_pairs_is_the_exponential_of_twice_the_information():
    nodes, weights = np.polynomial.hermite_e.hermegauss(80)
    x, noise = (a.reshape(-1, 1) for a in np.meshgrid(nodes, nodes, indexing="ij"))
    problem = CorrelatedGaussians(1, 0.4)
    ratio = np.exp(problem.log_ratio(x, 0.4 * x + sqrt(1 - 0.16) * noise))
    assert np.outer(weights, weights).ravel() @ ratio / (2 * pi) == pytest.approx(np.exp(2 * problem.information))


@pytest.mark.parametrize("problem", [PLAIN, TRANSFORMED], ids=["plain", "sinh_transformed"])
def test_densities_are_those_of_scipy(problem):
    """sinh of a Gaussian is Johnson's S_U distribution."""
    family = (lambda m, s: stats.johnsonsu(-m / s, 1 / s)) if problem.sinh_transformed else stats.norm
    x, z = 0.7, np.linspace(-3, 3, 7)
    told = problem.log_conditional(np.array([x]), z[:, None]), problem.log_marginal(z[:, None])
    for mine, other in zip(told, (family(0.8 * x, 0.6), family(0.0, 1.0)), strict=True):
        np.testing.assert_allclose(mine, other.logpdf(z), rtol=1e-10)
    assert problem.entropy == pytest.approx(float(family(0.0, 1.0).entropy()), rel=1e-6)


@pytest.mark.parametrize("sinh_transformed", [False, True])
def test_the_marginal_is_the_conditional_averaged_over_x(sinh_transformed):
    problem = CorrelatedGaussians(1, -0.5, sinh_transformed)
    for z in (-1.5, 0.2, 4.0):
        found = quad(
            lambda x, z=z: stats.norm.pdf(x) * np.exp(problem.log_conditional(np.array([x]), np.array([z]))), -10, 10
        )
        assert found[0] == pytest.approx(np.exp(problem.log_marginal(np.array([z]))), rel=1e-8)


def test_the_entropy_of_bent_codes_is_minus_the_mean_log_density():
    z = np.sinh(np.linspace(-9, 9, 200_001))
    density = np.exp(TRANSFORMED.log_marginal(z[:, None]))
    assert CorrelatedGaussians(3, 0.1, sinh_transformed=True).entropy == pytest.approx(
        3 * np.trapezoid(-density * np.log(density), z), rel=1e-7
    )


@pytest.mark.parametrize("sinh_transformed", [False, True])
@pytest.mark.parametrize(("d", "nats"), [(1, 0.0), (1, 0.5), (1, 10.0), (5, 2.0), (20, 20.0)])
def test_a_problem_of_given_information_has_it(d, nats, sinh_transformed):
    problem = CorrelatedGaussians.from_information(d, nats, sinh_transformed)
    assert problem.information == pytest.approx(nats, rel=1e-6, abs=1e-12)
    assert (problem.dimensions, problem.sinh_transformed) == (d, sinh_transformed)


@pytest.mark.parametrize("sinh_transformed", [False, True])
def test_samples_have_the_moments_and_the_information_they_should(sinh_transformed):
    n, problem = 20_000, CorrelatedGaussians(3, 0.6, sinh_transformed)
    x, z = problem.sample(n, np.random.default_rng(1))
    ratio = problem.log_ratio(x, z)
    assert abs(ratio.mean() - problem.information) < 5 * stats.sem(ratio)
    surprise = -problem.log_marginal(z)
    assert abs(surprise.mean() - problem.entropy) < 5 * stats.sem(surprise)
    correlations = np.corrcoef(x.T, (np.arcsinh(z) if sinh_transformed else z).T)
    expected = np.eye(6) + 0.6 * (np.eye(6, k=3) + np.eye(6, k=-3))
    assert np.abs(correlations - expected).max() < 5 / sqrt(n)
    np.testing.assert_array_equal(problem.sample(n, np.random.default_rng(1))[1], z)


def test_pairs_are_broadcast():
    problem = CorrelatedGaussians(2, 0.9, sinh_transformed=True)
    x, z = problem.sample(4, np.random.default_rng(0))
    pairs = problem.log_conditional(x, z[:, None])
    assert pairs[3, 1] == pytest.approx(problem.log_conditional(x[1], z[3]))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: CorrelatedGaussians(0, 0.5), "dimensions: expected 1 or more, got 0"),
        (lambda: CorrelatedGaussians(1, 1.0), "correlation: expected a number between -1 and 1, got 1.0"),
        (lambda: CorrelatedGaussians(1, float("nan")), "correlation: expected .* got nan"),
        (lambda: CorrelatedGaussians.from_information(2, -1.0), "nats: expected 0 to 12 for each of the 2 .* got -1.0"),
        (lambda: CorrelatedGaussians.from_information(2, 40.0), "nats: expected 0 to 12 for each of the 2 .* got 40.0"),
    ],
)
def test_impossible_problems_are_refused(make, message):
    with pytest.raises(ValueError, match=f"^{message}"):
        make()
