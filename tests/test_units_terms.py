import re
from dataclasses import FrozenInstanceError

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from companion import units
from companion.stats import as_float64
from companion.terms import RateDistortion, Terms


@given(st.floats(-1e6, 1e6))
def test_bits_and_nats_undo_each_other(x):
    assert units.nats(units.bits(x)) == pytest.approx(x, rel=1e-12, abs=1e-12)


def test_one_fair_coin_is_one_bit_and_log_two_nats():
    entropy = stats.entropy([0.5, 0.5])
    assert units.bits(entropy) == pytest.approx(1.0, abs=1e-15)
    assert units.bits(entropy) == pytest.approx(stats.entropy([0.5, 0.5], base=2), abs=1e-15)
    assert units.bits_per_dim(entropy * 784, 784) == pytest.approx(1.0, abs=1e-15)


def test_one_dimension_has_all_the_bits():
    assert units.bits_per_dim(units.nats(3.0), 1) == pytest.approx(3.0, abs=1e-15)


@pytest.mark.parametrize("dims", [0, -1, 2.5, True])
def test_bits_per_dim_refuses_impossible_dimensions(dims):
    with pytest.raises(ValueError, match="dims: expected a positive whole number"):
        units.bits_per_dim(1.0, dims)


def test_terms_add_up_in_numpy_and_in_torch():
    log_e, log_d, log_m = np.random.default_rng(0).normal(size=(3, 5))
    t, u = Terms(log_e, log_d, log_m), Terms(*map(torch.tensor, (log_e, log_d, log_m)))
    np.testing.assert_allclose(t.rate, log_e - log_m)
    np.testing.assert_allclose(t.elbo, log_d + log_m - log_e, atol=1e-15)
    for name in ("rate", "distortion", "elbo"):
        np.testing.assert_array_equal(getattr(t, name), getattr(u, name).numpy())


@pytest.mark.parametrize("zeros", [np.zeros, torch.zeros])
@pytest.mark.parametrize("odd", range(3))
def test_terms_refuse_different_shapes(odd, zeros):
    shapes = [[4] if i == odd else [3] for i in range(3)]
    told = "'log_e': \\({}\\,\\), 'log_d': \\({}\\,\\), 'log_m': \\({}\\,\\)".format(*(s[0] for s in shapes))
    with pytest.raises(ValueError, match=f"Terms: expected log_e, log_d and log_m of one shape, got {{{told}}}"):
        Terms(*map(zeros, shapes))
    assert Terms(*torch.zeros(3, 4, 2)).rate.shape == (4, 2)


def test_standard_errors_are_those_of_a_mean():
    rng = np.random.default_rng(1)
    t = Terms(*rng.normal(size=(3, 400)))
    point = RateDistortion.from_terms(t, split="test", seed=7)
    assert point.rate == pytest.approx(np.mean(t.rate))
    assert point.rate_se == pytest.approx(stats.sem(t.rate))
    assert point.distortion_se == pytest.approx(stats.sem(t.distortion))
    assert point.elbo == pytest.approx(np.mean(t.elbo))
    assert point.elbo_se == pytest.approx(stats.sem(t.elbo))
    assert (point.n, point.split, point.seed) == (400, "test", 7)


def test_two_standard_errors_cover_the_mean_nineteen_times_in_twenty():
    draws = np.random.default_rng(2).normal(3.0, 2.0, size=(2000, 50))
    points = [RateDistortion.from_terms(Terms(np.zeros(50), -row, np.zeros(50))) for row in draws]
    covered = np.mean([abs(p.distortion - 3.0) < 2 * p.distortion_se for p in points])
    truth = 1 - 2 * stats.t.sf(2, df=49)
    assert abs(covered - truth) < 5 * np.sqrt(truth * (1 - truth) / 2000)


@pytest.mark.parametrize("shape", [(), (0,), (1,), (2, 2)])
def test_a_point_needs_two_examples_in_one_dimension(shape):
    values, told = np.zeros(shape), re.escape(str(list(shape)))
    with pytest.raises(ValueError, match=rf"terms: expected at least two examples, shape \[n\], got shape {told}"):
        RateDistortion.from_terms(Terms(values, values, values))


def test_two_examples_make_a_point_and_its_text():
    terms = Terms(np.array([3.0, 1.0]), np.array([-70.0, -80.0]), np.array([-17.0, -23.0]))
    point = RateDistortion.from_terms(terms)
    assert (point.rate, point.distortion, point.n, point.split, point.seed) == (22.0, 75.0, 2, "", 0)
    assert (point.rate_se, point.distortion_se, point.elbo_se) == pytest.approx((2.0, 5.0, 7.0), rel=1e-14)
    assert RateDistortion(22.0, 75.0, 2.0, 5.0, 7.0, 2).seed == 0
    assert str(point) == "R 22.000 ± 2.000, D 75.00 ± 5.00, R + D 97.00 ± 7.00 nats, n = 2"


def test_a_point_of_tensors_is_taken_in_double_precision():
    """One of two examples is 1e-7 above the other: in single precision that is lost beside 100 nats."""
    log_d = torch.tensor([-100.0, -100.0 - 1e-7], dtype=torch.float64, requires_grad=True)
    point = RateDistortion.from_terms(Terms(torch.zeros(2), log_d, torch.zeros(2)))
    assert point.distortion_se == pytest.approx(5e-8, rel=1e-6)
    assert all(type(x) is float for x in (point.rate, point.distortion, point.rate_se, point.elbo_se))


@pytest.mark.parametrize(
    "values", [[1, 2], np.float32([1, 2]), torch.tensor([1, 2]), torch.tensor([1.0, 2.0]).bfloat16()]
)
def test_any_numbers_become_an_array_of_numpys_in_double_precision(values):
    found = as_float64(values)
    assert type(found) is np.ndarray
    assert found.dtype == np.float64
    assert found.tolist() == [1.0, 2.0]


@pytest.mark.parametrize("record", [Terms(1.0, 2.0, 3.0), RateDistortion(1.0, 2.0, 0.1, 0.1, 0.1, 9)])
def test_the_records_are_frozen(record):
    with pytest.raises(FrozenInstanceError):
        record.split = "test"
