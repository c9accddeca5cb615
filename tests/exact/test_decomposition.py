"""ELBO surgery on tables: the identities on random tables, the cap log N, and the three forms of the ELBO."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import logsumexp

from companion.exact.decomposition import ElboSurgery, elbo_forms, elbo_surgery
from companion.exact.tables import kl


@st.composite
def models(draw):
    """A random encoder [N, Z1, ..., Zk], some of whose entries are zero, with a random factorised prior."""
    n, sizes = draw(st.integers(1, 7)), draw(st.lists(st.integers(1, 4), min_size=1, max_size=3))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    sharpness = draw(st.sampled_from([0.1, 1.0, 10.0]))
    codes = rng.dirichlet(np.full(int(np.prod(sizes)), sharpness), n)
    if draw(st.booleans()):
        codes = np.where(codes < 0.1, 0.0, codes)
        codes[codes.sum(1) == 0, 0] = 1
        codes /= codes.sum(1, keepdims=True)
    return codes.reshape(n, *sizes), [rng.dirichlet(np.full(size, 2.0)) for size in sizes], rng


def by_hand(encoder, prior):
    """Rate, information, marginal KL, total correlation and dimension-wise KL as plain loops over every entry."""
    n, sizes = len(encoder), encoder.shape[1:]
    q = sum(encoder) / n
    marginals = [
        [sum(q[z] for z in np.ndindex(sizes) if z[j] == v) for v in range(size)] for j, size in enumerate(sizes)
    ]
    rate = information = divergence = correlation = 0.0
    for z in np.ndindex(sizes):
        p = np.prod([factor[v] for factor, v in zip(prior, z, strict=True)])
        product = np.prod([marginals[j][v] for j, v in enumerate(z)])
        for e in encoder[(slice(None), *z)]:
            rate += e / n * np.log(e / p) if e else 0.0
            information += e / n * np.log(e / q[z]) if e else 0.0
        divergence += q[z] * np.log(q[z] / p) if q[z] else 0.0
        correlation += q[z] * np.log(q[z] / product) if q[z] else 0.0
    each = [
        sum(m * np.log(m / f) if m else 0.0 for m, f in zip(row, factor, strict=True))
        for row, factor in zip(marginals, prior, strict=True)
    ]
    return rate, information, divergence, correlation, each


@pytest.mark.verifies("thm-surgery-split")
@pytest.mark.verifies("thm-surgery-dimensions")
@given(models())
def test_the_rate_splits_twice(model):
    """rate = I(n; z) + KL(q || p), and KL(q || p) = TC + sum of the dimension-wise KL, every part by its own sum."""
    encoder, prior, _ = model
    parts = elbo_surgery(encoder, prior)
    assert parts.rate == pytest.approx(parts.index_information + parts.marginal_kl, abs=1e-10)
    assert parts.marginal_kl == pytest.approx(parts.total_correlation + sum(parts.dimension_wise_kl), abs=1e-10)
    rate, information, divergence, correlation, each = by_hand(encoder, prior)
    assert parts.rate == pytest.approx(rate, abs=1e-10)
    assert parts.index_information == pytest.approx(information, abs=1e-10)
    assert parts.marginal_kl == pytest.approx(divergence, abs=1e-10)
    assert parts.total_correlation == pytest.approx(correlation, abs=1e-10)
    assert parts.dimension_wise_kl == pytest.approx(each, abs=1e-10)
    assert parts.dimension_wise_kl_se == (0.0,) * len(each)
    assert (parts.n, parts.index_information_se, parts.marginal_kl_se) == (len(encoder), 0.0, 0.0)


@pytest.mark.verifies("thm-surgery-cap")
@given(models())
def test_the_information_about_the_index_is_at_most_log_n_and_at_most_the_rate(model):
    encoder, prior, _ = model
    parts = elbo_surgery(encoder, prior)
    assert -1e-12 <= parts.index_information <= min(np.log(parts.n), parts.rate) + 1e-12
    overlap = (np.prod((encoder > 1e-3).reshape(parts.n, -1)[:2], axis=0)).any() if parts.n > 1 else False
    if overlap:
        assert parts.index_information < np.log(parts.n) - 1e-9


@pytest.mark.verifies("thm-surgery-cap")
@pytest.mark.parametrize("n", [1, 2, 5, 40])
def test_disjoint_codes_reach_log_n(n):
    rng = np.random.default_rng(n)
    encoder = np.zeros((n, 3 * n))
    for i in range(n):
        encoder[i, 3 * i : 3 * i + 3] = rng.dirichlet(np.ones(3))
    parts = elbo_surgery(encoder, [np.full(3 * n, 1 / (3 * n))])
    assert parts.index_information == pytest.approx(np.log(n), abs=1e-12)


def test_equal_codes_hold_no_information():
    parts = elbo_surgery(np.tile([[[0.1, 0.2], [0.3, 0.4]]], (5, 1, 1)), [[0.3, 0.7], [0.4, 0.6]])
    assert parts.index_information == pytest.approx(0, abs=1e-12)
    assert parts.rate == pytest.approx(parts.marginal_kl)


def test_a_prior_that_misses_a_code_costs_an_infinite_rate():
    parts = elbo_surgery([[0.5, 0.5], [0.0, 1.0]], [[0.0, 1.0]])
    assert parts.rate == parts.marginal_kl == np.inf
    assert np.isfinite(parts.index_information)
    forms = elbo_forms([[0.5, 0.5], [0.0, 1.0]], [[0.0, 1.0]], np.zeros((2, 2)))
    assert forms.term_by_term == forms.split == forms.evidence == -np.inf


def test_a_prior_may_miss_a_code_that_no_example_uses():
    """Bits of two independent kinds: without the unused code the three forms are those of the smaller tables."""
    encoder, log_d = np.array([[0.5, 0.5], [0.1, 0.9]]), np.array([[-1.0, -2.0], [-0.5, -3.0]])
    smaller = elbo_forms(encoder, [[0.25, 0.75]], log_d)
    forms = elbo_forms(np.insert(encoder, 1, 0.0, axis=1), [[0.25, 0.0, 0.75]], np.insert(log_d, 1, -0.1, axis=1))
    for name in ("term_by_term", "split", "evidence"):
        assert getattr(forms, name) == pytest.approx(getattr(smaller, name), rel=1e-12)


@pytest.mark.verifies("thm-surgery-forms")
@given(models(), st.sampled_from([0.1, 3.0, 300.0]))
def test_three_forms_of_one_elbo(model, scale):
    encoder, prior, rng = model
    log_d = -scale * rng.exponential(size=encoder.shape)
    forms = elbo_forms(encoder, prior, log_d)
    within = {"rel": 1e-12, "abs": 1e-10}
    assert forms.term_by_term == pytest.approx(forms.split, **within)
    assert forms.term_by_term == pytest.approx(forms.evidence, **within)
    product = prior[0]
    for factor in prior[1:]:
        product = np.multiply.outer(product, factor)
    by_example = [(e * d).sum() - kl(e, product) for e, d in zip(encoder, log_d, strict=True)]
    assert forms.term_by_term == pytest.approx(np.mean(by_example), **within)
    parts, axes = elbo_surgery(encoder, prior), tuple(range(1, encoder.ndim))
    reconstruction = (encoder * log_d).sum() / len(encoder)
    assert forms.split == pytest.approx(reconstruction - parts.index_information - parts.marginal_kl, **within)
    log_joint = log_d + np.log(product)
    log_p = logsumexp(log_joint, axis=axes, keepdims=True)
    missed = (encoder * (np.log(np.where(encoder > 0, encoder, 1)) - log_joint + log_p)).sum(axes)
    assert forms.evidence == pytest.approx(log_p.mean() - missed.mean(), **within)


@given(models())
def test_the_elbo_is_below_the_evidence_and_reaches_it_at_the_posterior(model):
    encoder, prior, rng = model
    log_d = -3 * rng.exponential(size=encoder.shape)
    product = prior[0]
    for factor in prior[1:]:
        product = np.multiply.outer(product, factor)
    joint = product * np.exp(log_d)
    axes = tuple(range(1, joint.ndim))
    evidence = np.log(joint.sum(axes)).mean()
    assert elbo_forms(encoder, prior, log_d).term_by_term <= evidence + 1e-12
    posterior = joint / joint.sum(axes, keepdims=True)
    assert elbo_forms(posterior, prior, log_d).split == pytest.approx(evidence, abs=1e-10)


def test_a_likelihood_that_underflows_is_no_obstacle():
    log_d = np.array([[-1.0, -2000.0], [-5000.0, -4000.0]])
    forms = elbo_forms([[0.5, 0.5], [0.2, 0.8]], [[0.5, 0.5]], log_d)
    assert forms.evidence == pytest.approx(forms.term_by_term, rel=1e-12)


@pytest.mark.parametrize(
    ("encoder", "prior", "message"),
    [
        ([0.5, 0.5], [[0.5, 0.5]], r"encoder: expected a non-empty table \[N, Z1, ...\], got shape \(2,\)"),
        (np.zeros((0, 2)), [[0.5, 0.5]], "encoder: expected a non-empty table"),
        ([[0.5, 0.6]], [[0.5, 0.5]], "encoder: expected sums of one"),
        ([[1.5, -0.5]], [[0.5, 0.5]], "encoder: expected probabilities"),
        ([[np.nan, 1.0]], [[0.5, 0.5]], "encoder: expected probabilities"),
        ([[0.5, 0.5]], [], "prior: expected one table for each of 1 code dimensions, got 0"),
        ([[0.5, 0.5]], [[0.5, 0.6]], r"prior\[0\]: expected sums of one"),
        ([[0.5, 0.5]], [[0.5, 0.25, 0.25]], r"prior\[0\]: expected shape \(2,\), got \(3,\)"),
    ],
)
def test_tables_that_do_not_fit_are_refused(encoder, prior, message):
    for call in (elbo_surgery, lambda e, p: elbo_forms(e, p, np.zeros(np.shape(e)))):
        with pytest.raises(ValueError, match=f"^{message}"):
            call(encoder, prior)


def test_log_likelihoods_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match=r"log_likelihood: expected shape \(1, 2\), got \(2, 2\)"):
        elbo_forms([[0.5, 0.5]], [[0.5, 0.5]], np.zeros((2, 2)))
    with pytest.raises(ValueError, match="log_likelihood: expected finite entries"):
        elbo_forms([[0.5, 0.5]], [[0.5, 0.5]], [[0.0, -np.inf]])


def test_the_record_prints_its_parts():
    exact = ElboSurgery(rate=1.0, index_information=0.6, marginal_kl=0.4, n=5)
    assert str(exact) == "R 1.000 = I(n; z) 0.600 + marginal KL 0.400 nats, n = 5, log n = 1.609"
    noisy = ElboSurgery(rate=1.0, index_information=0.6, marginal_kl=0.4, n=5, index_information_se=0.01)
    assert "0.600 ± 0.010" in str(noisy)
