"""Tables at the edge: codes that never come, infinite costs, tiny probabilities, and tables that are refused."""

import math

import numpy as np
import pytest

from companion.exact.discrete import DiscreteModel


def test_a_code_that_never_comes_is_inverted_to_the_data():
    model = DiscreteModel([0.2, 0.8], [[1, 0, 0], [0, 1, 0]], np.full((3, 2), 0.5), [0.5, 0.25, 0.25])
    np.testing.assert_array_equal(model.inverted_encoder, [[1, 0], [0, 1], [0.2, 0.8]])


def test_what_is_missed_costs_infinity_and_never_nan():
    perfect = DiscreteModel([0.5, 0.5], np.eye(2), np.eye(2), [0.5, 0.5])
    assert (perfect.rate, perfect.distortion, perfect.elbo) == (math.log(2), 0.0, -math.log(2))
    blind = DiscreteModel([0.5, 0.5], np.eye(2), [[0, 1], [1, 0]], [1, 0])
    assert (blind.rate, blind.distortion, blind.elbo) == (math.inf, math.inf, -math.inf)
    assert blind.generative_lower_bound == -math.inf
    assert blind.generative_upper_bound([1, 0]) == math.inf
    assert blind.reparametrised([1, 0]) == (math.inf, math.inf)
    assert blind.reparametrised([0.5, 0.5]) == (-math.inf, 0.0)


def test_tiny_probabilities_do_not_turn_into_infinities():
    tiny = 1e-200
    model = DiscreteModel([1 - tiny, tiny], np.eye(2), np.eye(2), [1 - tiny, tiny])
    assert model.mutual_information == pytest.approx(-tiny * math.log(tiny), rel=1e-12)
    assert model.rate == pytest.approx(-tiny * math.log(tiny), rel=1e-12)


def test_the_tables_are_copies_that_nobody_can_change():
    p = np.array([0.5, 0.5], dtype=np.float32)
    model = DiscreteModel(p, np.eye(2, dtype=int), np.eye(2), p)
    p[0] = 0.0
    assert model.p_x.dtype == model.encoder.dtype == np.float64
    assert model.p_x.tolist() == [0.5, 0.5]
    with pytest.raises(ValueError, match="read-only"):
        model.encoder[0, 0] = 0.0


GOOD = {"p_x": np.array([0.5, 0.5]), "encoder": np.eye(2), "decoder": np.eye(2), "marginal": np.array([0.5, 0.5])}


@pytest.mark.parametrize("name", GOOD)
@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda a: a - 0.6, "expected probabilities, finite and 0 or more"),
        (lambda a: a * np.nan, "expected probabilities, finite and 0 or more"),
        (lambda a: a * 1.001, "expected sums of one"),
        (lambda a: a[:0], "expected a non-empty array"),
        (lambda a: a[None], "expected a non-empty array of"),
    ],
)
def test_bad_tables_are_refused_by_name(name, spoil, message):
    with pytest.raises(ValueError, match=f"^{name}: {message}"):
        DiscreteModel(**{**GOOD, name: spoil(GOOD[name])})


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("p_x", [1.0], r"encoder: expected shape \(1, 2\), got \(2, 2\)"),
        ("encoder", np.eye(3), r"encoder: expected shape \(2, 2\), got \(3, 3\)"),
        ("decoder", np.eye(3), r"decoder: expected shape \(2, 2\), got \(3, 3\)"),
        ("decoder", np.full((2, 3), 1 / 3), r"decoder: expected shape \(2, 2\), got \(2, 3\)"),
        ("marginal", [0.2, 0.3, 0.5], r"encoder: expected shape \(2, 3\), got \(2, 2\)"),
    ],
)
def test_tables_that_do_not_fit_together_are_refused(name, value, message):
    with pytest.raises(ValueError, match=message):
        DiscreteModel(**{**GOOD, name: value})


@pytest.mark.parametrize("q_x", [[0.5, 0.6], [1.5, -0.5], [np.nan, 1], [], [0.2, 0.3, 0.5]])
def test_bad_estimates_are_refused(q_x):
    model = DiscreteModel(**GOOD)
    for call in (model.generative_upper_bound, model.reparametrised):
        with pytest.raises(ValueError, match=r"^q_x: expected"):
            call(q_x)
