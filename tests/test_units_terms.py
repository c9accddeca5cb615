import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from companion import units
from companion.terms import RateDistortion, Terms


@given(st.floats(-1e6, 1e6))
def test_bits_and_nats_undo_each_other(x):
    assert units.nats(units.bits(x)) == pytest.approx(x, rel=1e-12, abs=1e-12)


def test_one_fair_coin_is_one_bit_and_log_two_nats():
    entropy = stats.entropy([0.5, 0.5])
    assert units.bits(entropy) == pytest.approx(1.0, abs=1e-15)
    assert units.bits(entropy) == pytest.approx(stats.entropy([0.5, 0.5], base=2), abs=1e-15)
    assert units.bits_per_dim(entropy * 784, 784) == pytest.approx(1.0, abs=1e-15)


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


def test_terms_refuse_different_shapes():
    with pytest.raises(ValueError, match="Terms: expected log_e, log_d and log_m of one shape"):
        Terms(np.zeros(3), np.zeros(3), np.zeros(4))


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


@pytest.mark.parametrize("values", [np.zeros(1), np.zeros((2, 2))])
def test_a_point_needs_two_examples_in_one_dimension(values):
    with pytest.raises(ValueError, match="terms: expected at least two examples"):
        RateDistortion.from_terms(Terms(values, values, values))
