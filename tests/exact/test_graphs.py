"""Dependence structures as tables: what the graph promises holds on random tables, and explaining away is counted."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from companion.exact.decomposition import elbo_surgery
from companion.exact.graphs import (
    conditional_mutual_information,
    marginal_mutual_information,
    posterior,
    v_structure,
)
from companion.exact.tables import entropy

sizes = st.tuples(*[st.integers(2, 4)] * 3)
EITHER = np.array([[[1.0, 0.0], [0.0, 1.0]], [[0.0, 1.0], [0.0, 1.0]]])


def conditional(rng, *shape):
    return rng.dirichlet(np.ones(shape[-1]), shape[:-1])


@pytest.mark.verifies("thm-prelude-graphs")
@given(sizes, st.integers(0, 10_000))
def test_each_graph_promises_one_independence_and_no_other(sizes, seed):
    a, b, c = sizes
    rng = np.random.default_rng(seed)
    chain = np.einsum("a,ab,bc->abc", conditional(rng, a), conditional(rng, a, b), conditional(rng, b, c))
    fork = np.einsum("b,ba,bc->abc", conditional(rng, b), conditional(rng, b, a), conditional(rng, b, c))
    collider = v_structure(conditional(rng, a), conditional(rng, b), conditional(rng, a, b, c))
    for joint in (chain, fork, collider):
        assert joint.shape == sizes
        assert joint.sum() == pytest.approx(1)
    for joint in (chain, fork):
        assert conditional_mutual_information(joint, "AC") == pytest.approx(0, abs=1e-10)
        assert marginal_mutual_information(joint, "AC") > 1e-12
    assert marginal_mutual_information(collider, "AB") == pytest.approx(0, abs=1e-10)
    assert conditional_mutual_information(collider, "AB") > 1e-12


@given(sizes, st.integers(0, 10_000))
def test_informations_are_differences_of_entropies(sizes, seed):
    """I(A; B | C) = H(A, C) + H(B, C) - H(A, B, C) - H(C), and the chain rule links marginal and conditional."""
    joint = np.random.default_rng(seed).dirichlet(np.full(int(np.prod(sizes)), 0.3)).reshape(sizes)
    by_entropies = entropy(joint.sum(1)) + entropy(joint.sum(0)) - entropy(joint) - entropy(joint.sum((0, 1)))
    assert conditional_mutual_information(joint, "AB") == pytest.approx(by_entropies, abs=1e-10)
    both = marginal_mutual_information(joint, "AC") + conditional_mutual_information(joint, "AB")
    assert both == pytest.approx(
        marginal_mutual_information(joint, "AB") + conditional_mutual_information(joint, "AC"), abs=1e-10
    )


def test_the_tables_hold_the_conditionals_they_were_built_from():
    rng = np.random.default_rng(0)
    p_a, p_b, c_ab = conditional(rng, 2), conditional(rng, 3), conditional(rng, 2, 3, 4)
    joint = v_structure(p_a, p_b, c_ab)
    assert joint[1, 2, 3] == pytest.approx(p_a[1] * p_b[2] * c_ab[1, 2, 3])


def test_explaining_away_by_counting():
    joint = v_structure([0.9, 0.1], [0.8, 0.2], EITHER)
    assert posterior(joint, "A")[1] == pytest.approx(0.1)
    assert posterior(joint, "A", B=1)[1] == pytest.approx(0.1)  # causes know nothing of each other
    assert posterior(joint, "A", C=1)[1] == pytest.approx(0.1 / (1 - 0.9 * 0.8))  # the effect accuses
    assert posterior(joint, "A", C=1, B=1)[1] == pytest.approx(0.1)  # the other cause acquits
    assert posterior(joint, "C", A=0, B=1)[1] == 1.0


@pytest.mark.verifies("thm-prelude-two-divergences")
@given(st.integers(1, 5), st.integers(2, 5), st.integers(0, 10_000))
def test_codes_that_match_the_prior_on_average_and_one_by_one_hold_nothing(n, k, seed):
    """Mean KL(e || p) - KL(q || p) = I: both vanish only if I does, and the first alone already empties the code."""
    rng = np.random.default_rng(seed)
    prior = rng.dirichlet(np.ones(k))
    parts = elbo_surgery(rng.dirichlet(np.ones(k), n), [prior])
    assert parts.rate - parts.marginal_kl == pytest.approx(parts.index_information, abs=1e-10)
    empty = elbo_surgery(np.tile(prior, (n, 1)), [prior])
    assert (empty.rate, empty.marginal_kl, empty.index_information) == pytest.approx((0, 0, 0), abs=1e-12)


def test_a_code_can_be_independent_in_both_ways_and_informative():
    """Two bits of the index, each sent through its own noisy channel."""
    channel = np.array([[0.9, 0.1], [0.1, 0.9]])
    encoder = np.einsum("au,bv->abuv", channel, channel).reshape(4, 2, 2)
    parts = elbo_surgery(encoder, [[0.5, 0.5], [0.5, 0.5]])
    assert parts.total_correlation == pytest.approx(0, abs=1e-12)
    assert parts.marginal_kl == pytest.approx(0, abs=1e-12)
    assert all(elbo_surgery(e[None], [[0.5, 0.5]] * 2).total_correlation == pytest.approx(0) for e in encoder)
    assert parts.index_information == pytest.approx(2 * (np.log(2) - entropy(channel[0])))


HALF = [0.5, 0.5]
JOINT = np.full((2, 2, 2), 1 / 8)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: v_structure([0.5, 0.6], HALF, EITHER), "p_a: expected sums of one"),
        (lambda: v_structure(HALF, [0.5, 0.6], EITHER), "p_b: expected sums of one"),
        (lambda: v_structure(HALF, HALF, np.eye(2)), "c_given_ab: expected a non-empty array of 3 dimensions"),
        (lambda: v_structure(HALF, [1.0], EITHER), r"c_given_ab: expected shape \(2, 1, 2\), got \(2, 2, 2\)"),
        (lambda: marginal_mutual_information(JOINT, "CA"), "pair: expected AB, AC or BC, got 'CA'"),
        (lambda: conditional_mutual_information(JOINT * 2, "AB"), "joint: expected sums of one"),
        (lambda: conditional_mutual_information(HALF, "AB"), r"joint: expected a table \[A, B, C\], got shape \(2,\)"),
        (lambda: posterior(JOINT, "D"), "variable: expected different letters of A, B and C, got D"),
        (lambda: posterior(JOINT, "A", A=1), "variable: expected different letters of A, B and C, got A, A"),
        (lambda: posterior(JOINT, "A", B=2), "B: expected a value from 0 to 1, got 2"),
        (
            lambda: posterior(v_structure([1, 0], [1, 0], EITHER), "A", C=1),
            r"seen: expected something possible, got \{'C': 1\}",
        ),
    ],
)
def test_what_makes_no_graph_is_refused(call, message):
    with pytest.raises(ValueError, match=f"^{message}"):
        call()
