"""Values at the edges of the ground truth, where a slip of one sign, one size or one guard would show."""

from dataclasses import FrozenInstanceError
from itertools import pairwise

import numpy as np
import pytest
from scipy.special import rel_entr

from companion import exact
from companion.exact import rate_distortion
from companion.exact.tables import mean_kl


@pytest.mark.parametrize("p", [0.2, 0.8])
def test_a_bernoulli_source_needs_no_rate_from_the_rarer_symbols_share_on(p):
    """Cover and Thomas (2006), theorem 10.3.1, for either symbol the rarer one."""
    h = exact.binary_entropy
    assert exact.bernoulli_rate(p, 0.15) == pytest.approx(h(0.2) - h(0.15))
    assert exact.bernoulli_rate(p, 0.2) == 0
    assert exact.bernoulli_rate(p, 0.5) == 0


@pytest.mark.parametrize("pair", ["AB", "AC", "BC"])
def test_conditional_information_is_the_average_over_the_third_of_unequal_sizes(pair):
    joint = np.random.default_rng(0).dirichlet(np.ones(24)).reshape(2, 3, 4)
    third = "ABC".index(next(letter for letter in "ABC" if letter not in pair))
    slices = np.moveaxis(joint, third, 0)
    by_hand = sum(s.sum() * exact.mutual_information(s / s.sum()) for s in slices)
    assert exact.conditional_mutual_information(joint, pair) == pytest.approx(by_hand)


def test_what_cannot_happen_adds_no_conditional_information():
    """The third variable has a value of probability zero; given its other, the first two are equal: log 2."""
    joint = np.zeros((2, 2, 2))
    joint[0, 0, 0] = joint[1, 1, 0] = 0.5
    assert exact.conditional_mutual_information(joint, "AB") == pytest.approx(np.log(2))


@pytest.mark.parametrize("nats", [1e-12, 0.3, 5.0, 11.9, 12.0])
def test_information_up_to_twelve_nats_a_dimension_is_what_was_asked_for(nats):
    for d in (1, 7):
        assert exact.CorrelatedGaussians.from_information(d, d * nats).information == pytest.approx(
            d * nats, abs=2e-6 * d
        )
    with pytest.raises(ValueError, match=r"nats: expected 0 to 12 for each of the 1 dimensions, got 12\.5"):
        exact.CorrelatedGaussians.from_information(1, 12.5)


@pytest.mark.parametrize("tiny", [1e-110, 1e-170, 1e-200, 1e-300])
@pytest.mark.parametrize("axes", [2, 3])
def test_probabilities_whose_products_underflow(tiny, axes):
    """All mass on the diagonal, nearly all on its first cell: TC is (axes - 1) tiny log(1 / tiny)."""
    joint = np.zeros((2,) * axes)
    joint[(0,) * axes], joint[(1,) * axes] = 1 - tiny, tiny
    assert exact.total_correlation(joint) == pytest.approx(-(axes - 1) * tiny * np.log(tiny), rel=1e-12)
    if axes == 2:
        assert exact.mutual_information(joint) == exact.total_correlation(joint)
        half = np.array([0.5, 0.5])
        model = exact.DiscreteModel([1 - tiny, tiny], np.eye(2), np.eye(2), half)
        assert model.mutual_information == pytest.approx(exact.mutual_information(joint), rel=1e-12)
        skewed = exact.DiscreteModel(half, np.eye(2), np.eye(2), [1 - tiny, tiny])
        assert skewed.generative_mutual_information == pytest.approx(exact.mutual_information(joint), rel=1e-12)
        assert skewed.generative_upper_bound() == skewed.generative_mutual_information
        return
    assert exact.marginal_mutual_information(joint, "AB") == pytest.approx(-tiny * np.log(tiny), rel=1e-12)
    assert exact.conditional_mutual_information(joint, "AB") == 0.0


@pytest.mark.parametrize("tiny", [1e-110, 1e-200])
def test_conditional_information_of_cells_whose_products_underflow(tiny):
    """C is nearly always 0; when it is 1, A and B are equal coins: I(A; B | C) = tiny log 2."""
    joint = np.zeros((2, 2, 2))
    joint[0, 0, 0], joint[0, 0, 1], joint[1, 1, 1] = 1 - tiny, tiny / 2, tiny / 2
    assert exact.conditional_mutual_information(joint, "AB") == pytest.approx(tiny * np.log(2), rel=1e-12)


def test_surgery_of_codes_whose_prior_underflows():
    """Three factors that give the code 1e-150 each: the rate is 450 log 10, all of it marginal KL."""
    encoder, factor = np.zeros((1, 2, 2, 2)), [1 - 1e-150, 1e-150]
    encoder[0, 1, 1, 1] = 1.0
    parts = exact.elbo_surgery(encoder, [factor] * 3)
    assert (parts.rate, parts.marginal_kl) == pytest.approx((450 * np.log(10),) * 2)
    assert parts.dimension_wise_kl == pytest.approx((150 * np.log(10),) * 3)
    forms = exact.elbo_forms(encoder, [factor] * 3, np.zeros((1, 2, 2, 2)))
    assert (forms.term_by_term, forms.split, forms.evidence) == pytest.approx((-450 * np.log(10),) * 3)


@pytest.mark.parametrize(("eigenvalues", "most"), [([1.0, 1.0], 690.8), ([1.0], 345.4), ([1.0, 2.0], 691.1)])
def test_a_rate_whose_errors_underflow_is_refused(eigenvalues, most):
    for rate in (0.0, 100.0, most - 0.1):
        found = exact.linear_at_rate(eigenvalues, rate)
        assert found.rate == pytest.approx(rate, abs=1e-9)
    for rate in (most + 0.1, 2000.0, 1e300):
        with pytest.raises(
            ValueError, match=f"rate: expected at most {most} nats, where squared errors underflow, got"
        ):
            exact.linear_at_rate(eigenvalues, rate)


def test_em_refuses_a_start_below_the_floor():
    """Its first M-step would widen the components, and lower the ELBO from 9.90 to 5.30."""
    x = np.array([[-1.0], [-1.0 + 1e-4], [1.0], [1.0 + 1e-4]])
    narrow = exact.GaussianMixture([0.5, 0.5], [[-1.0], [1.0]], [[[1e-8]], [[1e-8]]])
    with pytest.raises(ValueError, match=r"start: expected variances of at least the floor, 1e-06, got one of 1e-08"):
        exact.em(x, narrow, steps=3)
    elbos = [state.elbo for state in exact.em(x, narrow, steps=3, floor=1e-9)]
    assert all(later >= earlier - 1e-9 for earlier, later in pairwise(elbos))
    on_the_floor = exact.em(x, narrow, steps=1, floor=1e-6 / 100)[-1].mixture
    exact.em(x, on_the_floor, steps=1, floor=np.linalg.eigvalsh(on_the_floor.covariances).min())


def test_zeros_are_not_negative():
    sure, model = np.array([1.0]), exact.DiscreteModel([1.0], [[1.0]], [[1.0]], [1.0])
    found = [
        exact.entropy(sure), exact.cross_entropy(sure, sure), exact.kl(sure, sure),
        exact.mutual_information(sure[None]), exact.total_correlation(sure[None, None]),
        exact.binary_entropy(0.0), exact.binary_entropy(1.0), exact.bernoulli_rate(0.5, 0.5),
        exact.CorrelatedGaussians(3, 0.0).information, exact.gaussian_rate([1.0], 1.0),
        model.entropy, model.rate, model.distortion, model.mutual_information, model.generative_lower_bound,
    ]  # fmt: skip
    assert [str(value) for value in found] == ["0.0"] * len(found)


def test_two_bins_are_a_toy_process_and_one_is_not():
    process = exact.toy_process(bins=2, information=0.3)
    assert process.information == pytest.approx(0.3, abs=1e-9)
    with pytest.raises(ValueError, match="bins: expected at least 2, got 1"):
        exact.toy_process(bins=1)


def test_a_random_mixture_starts_with_the_covariance_of_the_data():
    """Divided by n, as the M-step divides: of the points 0, 0, 3 it is 2."""
    start = exact.random_initialisation([[0.0], [0.0], [3.0]], components=2)
    assert start.covariances.ravel().tolist() == pytest.approx([2.0, 2.0])


def test_rounding_takes_no_divergence_below_zero():
    """Distributions that differ in their last digits, chosen so that the plain sum is negative."""
    rng = np.random.default_rng(0)
    for _ in range(1000):
        reference = rng.dirichlet(np.ones(5))
        rows = (reference * (1 + 1e-15 * rng.normal(size=5)))[None]
        if rel_entr(rows, reference).sum() < 0:
            assert mean_kl(np.ones(1), rows, reference) == 0
            return
    raise AssertionError("no plain sum was negative")


def test_tables_are_normalised_to_the_last_digit():
    """A sum may miss one by 1e-9; the record's does not."""
    off = np.array([[0.5, 0.5 + 8e-10], [0.25, 0.75]])
    model = exact.DiscreteModel([0.5, 0.5], off, [[0.9, 0.1], [0.1, 0.9]], [0.25, 0.75])
    assert np.abs(model.encoder.sum(1) - 1).max() < 2e-16
    assert model.encoder[0, 1] == pytest.approx(0.5 + 4e-10, abs=1e-12)


def test_an_optimum_cannot_be_changed():
    best = exact.linear_beta_vae([4.0, 1.0], beta=1.0, noise=0.5)
    with pytest.raises(FrozenInstanceError):
        best.beta = 2.0


def test_small_whole_numbers_have_the_hull_of_the_same_real_ones():
    """Differences of unsigned bytes would wrap around."""
    points = np.array([[0, 10], [1, 8], [2, 1], [3, 0]], np.uint8)
    assert exact.pareto_front(*points.T).tolist() == [0, 1, 2, 3]
    assert exact.lower_hull(*points.T).tolist() == [0, 2, 3]


def random_source():
    rng = np.random.default_rng(6)
    return np.full(20, 0.05), rng.random((20, 20))


def test_the_search_may_use_all_its_iterations():
    needed = exact.blahut_arimoto(*random_source(), 9.0).iterations
    assert exact.blahut_arimoto(*random_source(), 9.0, max_iterations=needed).iterations == needed
    with pytest.raises(exact.ConvergenceError, match=f"after {needed - 1} iterations"):
        exact.blahut_arimoto(*random_source(), 9.0, max_iterations=needed - 1)


def test_plain_iterations_reach_the_optimum_where_least_squares_fail(monkeypatch):
    def failing(*_):
        raise RuntimeError("Maximum number of iterations reached.")

    best = exact.blahut_arimoto(*random_source(), 9.0)
    monkeypatch.setattr(rate_distortion, "nnls", failing)
    plain = exact.blahut_arimoto(*random_source(), 9.0, tolerance=1e-5)
    assert plain.iterations > best.iterations
    assert plain.rate + 9 * plain.distortion == pytest.approx(best.rate + 9 * best.distortion, abs=1e-5)


def test_every_twenty_fifth_iteration_ends_in_a_newton_step(monkeypatch):
    steps = []
    monkeypatch.setattr(rate_distortion, "_newton", lambda rows, weights, m: steps.append(1) or m)
    for allowed in (24, 25, 49, 50):
        steps.clear()
        with pytest.raises(exact.ConvergenceError):
            exact.blahut_arimoto(*random_source(), 9.0, max_iterations=allowed)
        assert len(steps) == allowed // 25


@pytest.mark.parametrize(("p", "slope"), [([0.5, 0.3, 0.2], 3.0), ([0.7, 0.299999, 0.000001], 20.0)])
def test_near_the_optimum_a_newton_step_squares_the_error(p, slope):
    """Where Hamming distortion leaves all n codes in use, m(z) = (p(z) (1 + (n - 1) a) - a) / (1 - a), a = exp(-s)."""
    p, a, rows = np.array(p), np.exp(-slope), np.exp(-slope * exact.hamming(3))
    best = (p * (1 + 2 * a) - a) / (1 - a)
    np.testing.assert_allclose((p / (rows @ best)) @ rows, 1, rtol=1e-9)  # the certificate of the closed form
    for off in (1e-2, 1e-3):
        m = best * [1, 1 + off, 1 - off]
        assert np.abs(rate_distortion._newton(rows, p, m / m.sum()) / best - 1).max() < 3 * off**2


def test_a_newton_step_never_raises_the_objective():
    """F(m) = -sum p log(rows m), from marginals so uneven that a full step often overshoots."""
    rng, moved = np.random.default_rng(0), 0
    for _ in range(300):
        rows, weights = np.exp(-10 * rng.random((6, 5))), rng.dirichlet(np.ones(6))
        m = rng.dirichlet(np.full(5, 0.2)) + 1e-12
        stepped = rate_distortion._newton(rows, weights, m / m.sum())
        before, after = (weights @ np.log(rows @ q) for q in (m / m.sum(), stepped))
        assert after >= before
        assert stepped.min() > 0
        moved += after > before
    assert moved > 100
