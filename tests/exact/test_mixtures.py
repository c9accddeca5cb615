"""EM as ELBO ascent: the split at every half-step, the ascent, the floor, and scikit-learn's mixtures."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import multivariate_normal
from sklearn import mixture as sklearn_mixture

from companion.exact.mixtures import GaussianMixture, em, em_state, m_step, random_initialisation

PAIR = GaussianMixture([0.5, 0.5], [[-1.0], [1.0]], [[[1.0]], [[1.0]]])


def cloud(seed, n=60, d=2):
    rng = np.random.default_rng(seed)
    centres = 3 * rng.standard_normal((3, d))
    return centres[rng.integers(3, size=n)] + rng.standard_normal((n, d)) @ rng.standard_normal((d, d))


def test_densities_are_scipys():
    x, mixture = cloud(0), em(cloud(0), random_initialisation(cloud(0), 3), steps=4)[-1].mixture
    parts = [
        w * multivariate_normal(m, c).pdf(x)
        for w, m, c in zip(mixture.weights, mixture.means, mixture.covariances, strict=True)
    ]
    np.testing.assert_allclose(mixture.log_prob(x), np.log(sum(parts)), atol=1e-10)
    np.testing.assert_allclose(mixture.posterior(x), np.stack(parts, 1) / sum(parts)[:, None], atol=1e-10)


@pytest.mark.verifies("thm-prelude-gap")
@given(st.integers(0, 10_000), st.integers(1, 4), st.integers(1, 3))
def test_evidence_is_bound_plus_gap_for_any_responsibilities(seed, components, d):
    x, rng = cloud(seed, n=12, d=d), np.random.default_rng(seed)
    mixture = random_initialisation(x, components, seed)
    certain = np.eye(components)[rng.integers(components, size=len(x))]  # a cause that is possible and held impossible
    for r in (rng.dirichlet(np.full(components, 0.5), len(x)), certain):
        half = em_state("any", mixture, x, r)
        assert half.log_likelihood == pytest.approx(half.elbo + half.gap, abs=1e-10)
        assert half.gap >= -1e-12
    closed = em_state("E", mixture, x, mixture.posterior(x))
    assert closed.gap == pytest.approx(0, abs=1e-12)
    assert closed.elbo == pytest.approx(half.log_likelihood, abs=1e-10)


@pytest.mark.verifies("thm-prelude-em")
@pytest.mark.parametrize("seed", range(8))
def test_em_ascends_by_halves(seed):
    """The bound never falls; an E-step closes the gap and keeps the likelihood; an M-step never lowers it."""
    x = cloud(seed)
    path = em(x, random_initialisation(x, 3, seed), steps=15)
    assert [half.step for half in path] == ["start", *["E", "M"] * 15]
    for before, after in pairwise(path):
        assert after.log_likelihood == pytest.approx(after.elbo + after.gap, abs=1e-10)
        assert after.elbo >= before.elbo - 1e-12
        assert after.log_likelihood >= before.log_likelihood - 1e-12
        if after.step == "E":
            assert after.gap == pytest.approx(0, abs=1e-12)
            assert after.mixture is before.mixture


@pytest.mark.parametrize("seed", range(5))
def test_one_step_is_scikit_learns(seed):
    x = cloud(seed, n=200)
    start = random_initialisation(x, 3, seed)
    path = em(x, start, steps=12)
    with pytest.warns(match="did not converge"):
        peer = sklearn_mixture.GaussianMixture(
            3,
            max_iter=12,
            tol=0.0,
            reg_covar=0.0,
            weights_init=start.weights,
            means_init=start.means,
            precisions_init=np.linalg.inv(start.covariances),
        ).fit(x)
    np.testing.assert_allclose(path[-1].mixture.weights, peer.weights_, rtol=1e-8)
    np.testing.assert_allclose(path[-1].mixture.means, peer.means_, rtol=1e-7, atol=1e-9)
    np.testing.assert_allclose(path[-1].mixture.covariances, peer.covariances_, rtol=1e-7, atol=1e-9)
    assert path[-1].log_likelihood == pytest.approx(peer.score(x), abs=1e-10)


def test_the_m_step_is_a_maximum():
    """No neighbouring mixture has a larger bound at the same responsibilities, inside the floor or on it."""
    x, rng = cloud(3), np.random.default_rng(0)
    x[:, 1] *= 1e-2
    r = rng.dirichlet(np.ones(2), len(x))
    for floor in (1e-6, 0.5):
        best = m_step(x, r, floor)
        top = em_state("M", best, x, r).elbo
        for _ in range(50):
            noise = 0.01 * rng.standard_normal(best.covariances.shape)
            values, vectors = np.linalg.eigh(best.covariances + noise + noise.swapaxes(1, 2))
            covariances = (vectors * np.maximum(values, floor)[:, None, :]) @ vectors.swapaxes(1, 2)
            weights = best.weights * np.exp(0.01 * rng.standard_normal(2))
            other = GaussianMixture(
                weights / weights.sum(), best.means + 0.01 * rng.standard_normal(best.means.shape), covariances
            )
            assert em_state("M", other, x, r).elbo <= top + 1e-12


def test_the_floor_keeps_a_component_on_one_point_bounded_and_the_ascent_intact():
    x = np.array([[0.0], [0.1], [0.2], [5.0]])
    start = GaussianMixture([0.5, 0.5], [[0.1], [5.0]], [[[0.1]], [[0.1]]])
    path = em(x, start, steps=30, floor=1e-4)
    assert path[-1].mixture.covariances.min() == pytest.approx(1e-4)
    assert all(after.elbo >= before.elbo - 1e-12 for before, after in pairwise(path))


def test_a_component_of_weight_zero_stays_out():
    mixture = GaussianMixture([1.0, 0.0], [[0.0], [3.0]], [[[1.0]], [[1.0]]])
    np.testing.assert_array_equal(mixture.posterior([[0.0], [3.0]]), [[1, 0], [1, 0]])


def test_random_starts_sit_on_examples_and_follow_their_seed():
    x = cloud(1)
    start = random_initialisation(x, 4, 7)
    assert all(any((x == mean).all(1)) for mean in start.means)
    np.testing.assert_array_equal(start.means, random_initialisation(x, 4, 7).means)
    assert (start.means != random_initialisation(x, 4, 8).means).any()


def test_as_many_components_as_examples_sit_on_one_each():
    x = np.arange(40.0)[:, None]
    np.testing.assert_array_equal(np.sort(random_initialisation(x, 40).means, axis=0), x)


def test_one_step_of_em_is_two_half_steps():
    assert [half.step for half in em(cloud(2), random_initialisation(cloud(2), 2), steps=1)] == ["start", "E", "M"]


def test_far_from_the_origin_covariances_keep_their_digits():
    x = 1e6 + cloud(5)
    np.testing.assert_allclose(m_step(x, np.ones((60, 1))).covariances[0], np.cov(x.T, ddof=0), rtol=1e-8)


ONE = [[[1.0]]]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: GaussianMixture([0.5, 0.6], [[0.0], [1.0]], ONE * 2), "weights: expected sums of one"),
        (lambda: GaussianMixture([1.0], [[0.0], [1.0]], ONE), r"means: expected shape \[1, d\], got \[2, 1\]"),
        (lambda: GaussianMixture([1.0], [[0.0]], [[1.0]]), r"covariances: expected shape \[1, 1, 1\], got \[1, 1\]"),
        (lambda: GaussianMixture([1.0], [[0.0]], [[[-1.0]]]), "covariances: expected symmetric positive definite"),
        (lambda: GaussianMixture([1.0], [[0.0, 0.0]], [[[1.0, 0.5], [0.0, 1.0]]]), "covariances: expected symmetric"),
        (lambda: GaussianMixture([1.0], [[0.0]], [[[0.0]]]), "covariances: expected symmetric positive definite"),
        (lambda: em([0.0, 1.0], PAIR, steps=1), r"x: expected points of shape \[n, d\], got \[2\]"),
        (lambda: em(np.zeros((0, 1)), PAIR, steps=1), r"x: expected points of shape \[n, d\], got \[0, 1\]"),
        (lambda: PAIR.log_joint([[0.0, 1.0]]), r"x: expected points of shape \[n, 1\], got \[1, 2\]"),
        (lambda: PAIR.posterior([[np.nan]]), "x: expected finite coordinates"),
        (lambda: m_step([[0.0]], [[1.0]], floor=0.0), "floor: expected a positive variance, got 0.0"),
        (lambda: m_step([[0.0]], [[1.0, 0.0]]), "responsibilities: expected examples for every component"),
        (lambda: m_step([[0.0]], [1.0]), "responsibilities: expected a non-empty array of 2 dimensions"),
        (lambda: m_step([[0.0], [1.0]], [[1.0]]), r"responsibilities: expected shape \(2, 1\), got \(1, 1\)"),
        (lambda: em_state("E", PAIR, [[0.0]], [[0.5, 0.6]]), "responsibilities: expected sums of one"),
        (lambda: em([[0.0], [1.0]], PAIR, steps=0), "steps: expected 1 or more, got 0"),
        (lambda: random_initialisation([[0.0]], 2), "components: expected 1 to 1, one example each, got 2"),
    ],
)
def test_what_makes_no_mixture_is_refused(call, message):
    with pytest.raises(ValueError, match=f"^{message}"):
        call()
