"""The search at the edge: forbidden codes, extreme slopes, the cap of iterations, and problems that are refused."""

import math

import numpy as np
import pytest

from companion.exact.rate_distortion import (
    ConvergenceError,
    bernoulli_rate,
    binary_entropy,
    blahut_arimoto,
    frontier,
    hamming,
)


def test_impossible_symbols_and_forbidden_codes():
    point = blahut_arimoto([0.5, 0.5, 0.0], [[0, np.inf, np.inf], [np.inf, 0, np.inf], [np.inf, np.inf, 1]], 3.0)
    assert point.rate == pytest.approx(math.log(2), abs=1e-9)
    assert point.distortion == 0.0
    assert np.isfinite(point.encoder).all()
    np.testing.assert_allclose(point.encoder.sum(1), 1, atol=1e-12)


@pytest.mark.parametrize("slope", [1e-6, 1e3, 1e8])
def test_extreme_slopes_stay_finite(slope):
    rng = np.random.default_rng(4)
    p, d = rng.dirichlet(np.ones(12)), rng.random((12, 9)) - 0.5
    point = blahut_arimoto(p, d, slope)
    assert point.gap <= 1e-8
    if slope > 1:
        assert point.distortion == pytest.approx(p @ d.min(1), abs=1e-6)
    else:
        assert point.rate == pytest.approx(0, abs=1e-6)
        assert point.distortion == pytest.approx((p @ d).min(), abs=0.1)


def test_reaching_the_cap_raises():
    rng = np.random.default_rng(6)
    p, d = np.full(20, 0.05), rng.random((20, 20))
    message = r"after 3 iterations at slope 9 the gap is \S+, above the tolerance 1\.00e-08: raise max_iterations"
    with pytest.raises(ConvergenceError, match=message):
        blahut_arimoto(p, d, 9.0, max_iterations=3)
    with pytest.raises(RuntimeError):
        frontier(p, d, [9.0], max_iterations=3)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"p_x": [0.5, 0.6]}, "p_x: expected sums of one"),
        ({"p_x": [1.5, -0.5]}, "p_x: expected probabilities"),
        ({"p_x": [np.nan, 1.0]}, "p_x: expected probabilities"),
        ({"p_x": []}, "p_x: expected a non-empty array"),
        ({"distortion": np.zeros((3, 2))}, r"distortion: expected shape \(2, number of codes\), got \(3, 2\)"),
        ({"distortion": np.zeros(2)}, r"distortion: expected shape \(2, number of codes\), got \(2,\)"),
        ({"distortion": np.zeros((2, 0))}, r"distortion: expected shape \(2, number of codes\), got \(2, 0\)"),
        ({"distortion": [[0, np.nan], [0, 1]]}, r"distortion: expected numbers or \+inf, got NaN or -inf$"),
        ({"distortion": [[0, -np.inf], [0, 1]]}, "distortion: expected numbers or"),
        ({"distortion": [[0, 1], [np.inf, np.inf]]}, "distortion: expected a finite entry in every row, got none in 1"),
        ({"slope": 0.0}, "slope: expected a positive, finite number, got 0.0"),
        ({"slope": -1.0}, "slope: expected a positive, finite number"),
        ({"slope": np.nan}, "slope: expected a positive, finite number"),
        ({"slope": np.inf}, "slope: expected a positive, finite number"),
        ({"tolerance": 0.0}, "tolerance: expected a positive, finite number"),
        ({"max_iterations": 0}, "max_iterations: expected a positive, finite number"),
    ],
)
def test_bad_problems_are_refused(change, message):
    with pytest.raises(ValueError, match=f"^{message}"):
        blahut_arimoto(**{"p_x": [0.5, 0.5], "distortion": hamming(2), "slope": 1.0, **change})


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: hamming(0), "n: expected at least 1 symbol, got 0"),
        (lambda: binary_entropy(1.1), "p: expected a probability, got 1.1"),
        (lambda: binary_entropy(float("nan")), "p: expected a probability, got nan"),
        (lambda: bernoulli_rate(0.5, -0.1), "distortion: expected a share of the symbols, 0 to 1, got -0.1"),
        (lambda: bernoulli_rate(0.5, 1.1), "distortion: expected a share of the symbols, 0 to 1, got 1.1"),
    ],
)
def test_bad_arguments_of_the_closed_forms_are_refused(call, message):
    with pytest.raises(ValueError, match=f"^{message}"):
        call()


def test_probabilities_of_zero_and_one_are_probabilities():
    assert binary_entropy(0) == binary_entropy(1) == 0
    assert bernoulli_rate(0.3, 0.0) == binary_entropy(0.3)
    assert bernoulli_rate(0.3, 1.0) == 0
    assert hamming(1).tolist() == [[0.0]]


def test_a_source_whose_sum_misses_one_is_normalised():
    point = blahut_arimoto([0.25, 0.75 + 9e-10], hamming(2), 2.0)
    assert point.marginal.sum() == pytest.approx(1, abs=1e-15)


def test_a_start_that_is_the_optimum_takes_one_iteration():
    assert blahut_arimoto([0.5, 0.5], hamming(2), 1.0, max_iterations=1).iterations == 1


def test_a_gap_of_exactly_the_tolerance_is_reached():
    point = blahut_arimoto([0.3, 0.7], hamming(2), 2.0)
    again = blahut_arimoto([0.3, 0.7], hamming(2), 2.0, tolerance=point.gap)
    assert (again.gap, again.iterations) == (point.gap, point.iterations)
    assert point.gap > 0
