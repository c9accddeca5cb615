"""Exact tables against sums written out term by term, and the theorems of the plane on random tables with zeros."""

import math
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from companion.exact import tables
from companion.exact.discrete import DiscreteModel

nats = st.just(0.0) | st.floats(1e-9, 6)  # a probability times a smaller rate may underflow
sizes = st.integers(1, 5)


def table(*shape):
    """Distributions along the last axis, from small counts: zeros are frequent, and failures shrink."""

    def normalised(counts):
        counts = counts + 1.0 * (counts.sum(-1, keepdims=True) == 0)
        return counts / counts.sum(-1, keepdims=True)

    return arrays(np.float64, shape, elements=st.sampled_from([0.0, 0.0, 1.0, 2.0, 5.0, 0.013])).map(normalised)


@st.composite
def models(draw):
    x, z = draw(sizes), draw(sizes)
    return DiscreteModel(draw(table(x)), draw(table(x, z)), draw(table(z, x)), draw(table(z)))


def term(weight, ratio, below):
    """weight * log(ratio / below), 0 for an impossible event."""
    if weight == 0:
        return 0.0
    if ratio == 0:
        return -math.inf
    return math.inf if below == 0 else weight * math.log(ratio / below)


def written_out(model, q):
    """Every quantity as a double sum over x and z, in plain Python."""
    p, e, d, m = (a.tolist() for a in (model.p_x, model.encoder, model.decoder, model.marginal))
    pairs = list(product(range(len(p)), range(len(m))))
    aggregate = [sum(p[x] * e[x][z] for x in range(len(p))) for z in range(len(m))]
    g = [sum(m[z] * d[z][x] for z in range(len(m))) for x in range(len(p))]
    return {
        "entropy": -sum(term(a, a, 1) for a in p),
        "rate": sum(term(p[x] * e[x][z], e[x][z], m[z]) for x, z in pairs),
        "distortion": -sum(term(p[x] * e[x][z], d[z][x], 1) for x, z in pairs),
        "mutual_information": sum(term(p[x] * e[x][z], e[x][z], aggregate[z]) for x, z in pairs),
        "generative_mutual_information": sum(term(m[z] * d[z][x], d[z][x], g[x]) for x, z in pairs),
        "generative_lower_bound": sum(term(m[z] * d[z][x], e[x][z], m[z]) for x, z in pairs),
        "generative_upper_bound": sum(term(m[z] * d[z][x], d[z][x], q[x]) for x, z in pairs),
    }


def close(a, b):
    return a == b or abs(a - b) <= 1e-10


@given(models(), st.data())
def test_every_quantity_is_its_double_sum(model, data):
    q = data.draw(table(len(model.p_x)))
    for name, truth in written_out(model, q).items():
        value = model.generative_upper_bound(q) if name == "generative_upper_bound" else getattr(model, name)
        assert close(value, truth), name
    assert close(model.elbo, -(model.rate + model.distortion))
    assert close(model.mutual_information, tables.mutual_information(model.joint))
    assert isinstance(model.rate, float)
    assert isinstance(model.distortion, float)


@pytest.mark.verifies("thm-sandwich")
@given(models())
def test_sandwich_with_both_differences(model):
    lower, information, upper = model.entropy - model.distortion, model.mutual_information, model.rate
    assert lower - 1e-10 <= information <= upper + 1e-10
    assert close(upper - information, tables.kl(model.aggregate, model.marginal))
    used = model.aggregate > 0
    pairs = zip(model.inverted_encoder[used], model.decoder[used], strict=True)
    assert close(information - lower, sum(model.aggregate[used] * [tables.kl(a, b) for a, b in pairs]))


@pytest.mark.verifies("thm-sandwich")
@given(models())
def test_each_bound_is_tight_for_one_distribution_alone(model):
    """Both slacks vanish at the aggregate and the inverted encoder; for anything else Pinsker keeps them above 0."""
    over = model.rate - model.mutual_information
    under = model.mutual_information - (model.entropy - model.distortion)
    aggregate, inverted = model.aggregate, model.inverted_encoder
    assert over >= np.abs(aggregate - model.marginal).sum() ** 2 / 2 - 1e-10
    assert under >= aggregate @ np.abs(inverted - model.decoder).sum(1) ** 2 / 2 - 1e-10
    decoder = np.where(aggregate[:, None] > 0, inverted, model.decoder)  # codes that never come may be decoded anyhow
    tight = DiscreteModel(model.p_x, model.encoder, decoder, aggregate)
    assert close(tight.rate, tight.mutual_information)
    assert close(tight.entropy - tight.distortion, tight.mutual_information)


@pytest.mark.verifies("thm-sandwich-gap")
@given(models())
def test_the_gap_of_the_elbo_is_the_divergence_between_the_two_joints(model):
    generative = model.marginal * model.decoder.T
    gap = model.rate + model.distortion - model.entropy
    assert gap >= -1e-10
    assert close(gap, tables.kl(model.joint, generative))
    posterior = np.divide(generative, model.generated[:, None], where=model.generated[:, None] > 0, out=generative * 0)
    missed = sum(p * tables.kl(e, q) for p, e, q in zip(model.p_x, model.encoder, posterior, strict=True) if p > 0)
    assert close(gap, tables.kl(model.p_x, model.generated) + missed)


@pytest.mark.verifies("thm-sandwich-optimal")
@given(models())
def test_optimal_marginal_and_decoder_attain_the_sandwich_and_nothing_beats_them(model):
    """Whatever else Bob has costs more by Pinsker's inequality at least, so that no other table is a minimiser."""
    better = model.with_optimal_marginal()
    assert close(better.rate, model.mutual_information)
    assert better.rate <= model.rate + 1e-10
    assert close(better.distortion, model.distortion)
    best = better.with_optimal_decoder()
    assert close(best.distortion, best.entropy - best.mutual_information)
    assert best.distortion <= model.distortion + 1e-10
    assert close(best.rate, better.rate)
    assert close(best.rate + best.distortion, best.entropy)
    used = model.aggregate > 0
    np.testing.assert_allclose(best.marginal, model.aggregate, atol=1e-12)
    np.testing.assert_allclose(best.decoder[used], model.joint.T[used] / model.aggregate[used, None], atol=1e-12)
    np.testing.assert_allclose(best.joint, best.marginal * best.decoder.T, atol=1e-12)
    far_m, far_d = abs(model.marginal - best.marginal).sum(), abs(model.decoder - best.decoder)[used].sum(1)
    assert model.rate - best.rate >= far_m**2 / 2 - 1e-10
    assert model.distortion - best.distortion >= model.aggregate[used] @ far_d**2 / 2 - 1e-10


@pytest.mark.verifies("thm-sandwich-generative")
@given(models(), st.data())
def test_generative_bounds_with_both_differences(model, data):
    q = data.draw(table(len(model.p_x)))
    information, g = model.generative_mutual_information, model.generated
    assert model.generative_lower_bound - 1e-10 <= information <= model.generative_upper_bound(q) + 1e-10
    assert close(model.generative_upper_bound(q) - information, tables.kl(g, q))
    assert close(model.generative_upper_bound(), information)
    joint = (model.marginal[:, None] * model.decoder).T
    rows = [(w, row / w, e) for w, row, e in zip(g, joint, model.encoder, strict=True) if w > 0]
    assert close(information - model.generative_lower_bound, sum(w * tables.kl(post, e) for w, post, e in rows))
    posterior = np.array([row / w if w > 0 else e for w, row, e in zip(g, joint, model.encoder, strict=True)])
    inverse = DiscreteModel(model.p_x, posterior, model.decoder, model.marginal)
    assert close(inverse.generative_lower_bound, information)


@pytest.mark.verifies("thm-sandwich-estimate")
@given(models(), st.data())
def test_an_estimate_of_the_data_moves_u_and_s_alike(model, data):
    q = data.draw(table(len(model.p_x)))
    u, s = model.reparametrised(q)
    assert not math.isnan(u)
    assert s == tables.kl(model.p_x, q / q.sum())
    if math.isfinite(s):
        assert close(u - s, model.entropy - model.distortion)
        joint = model.joint
        cells = np.ndindex(joint.shape)
        assert close(u, sum(term(joint[x, z], model.decoder[z, x], q[x]) for x, z in cells))
    else:
        assert (u, s) == (math.inf, math.inf)


@pytest.mark.verifies("thm-sandwich-processing")
@given(models(), st.data())
def test_processing_the_code_cannot_raise_information_and_a_bijection_changes_nothing(model, data):
    codes = len(model.marginal)
    channel = data.draw(table(codes, data.draw(sizes)))
    decoder = np.tile(model.p_x, (channel.shape[1], 1))
    after = DiscreteModel(model.p_x, model.encoder @ channel, decoder, model.marginal @ channel)
    assert after.mutual_information <= model.mutual_information + 1e-10
    assert after.rate <= model.rate + 1e-10
    order = data.draw(st.permutations(range(codes)))
    renamed = DiscreteModel(model.p_x, model.encoder[:, order], model.decoder[order], model.marginal[order])
    for name in ("rate", "distortion", "mutual_information", "generative_mutual_information", "generative_lower_bound"):
        assert close(getattr(renamed, name), getattr(model, name)), name


def erasure(p, sent, slack_m=0.0, slack_d=0.0):
    """Send x itself with probability ``sent``, else a blank. One more code and one more symbol never come."""
    x = len(p)
    p = np.append(p, 0.0)
    encoder = np.hstack([sent * np.eye(x + 1), np.full((x + 1, 1), 1 - sent), np.zeros((x + 1, 1))])
    best = DiscreteModel(p, encoder, np.full((x + 3, x + 1), 1 / (x + 1)), np.full(x + 3, 1 / (x + 3)))
    best = best.with_optimal_marginal().with_optimal_decoder()
    marginal = (1 - slack_m) * best.marginal + slack_m * np.eye(x + 3)[-1]
    return DiscreteModel(p, encoder, (1 - slack_d) * best.decoder + slack_d * np.eye(x + 1)[-1], marginal)


@pytest.mark.verifies("thm-sandwich-region")
@given(table(4), nats, nats)
def test_every_point_on_and_above_the_line_is_some_model(p, rate, distortion):
    """And no other point is one, by the next test."""
    h = tables.entropy(p)
    rate = max(rate, h - distortion)
    start = min(rate, h)
    slack_m, slack_d = 1 - math.exp(start - rate), 1 - math.exp(h - start - distortion)
    model = erasure(p, start / h if h else 1.0, slack_m, max(slack_d, 0.0))
    assert close(model.rate, rate)
    assert close(model.distortion, distortion)


@pytest.mark.verifies("thm-sandwich-region")
@given(models())
def test_no_model_is_elsewhere_and_every_model_on_the_line_generates_the_data(model):
    assert model.rate >= -1e-10
    assert model.distortion >= -1e-10
    assert model.rate + model.distortion >= model.entropy - 1e-10
    best = model.with_optimal_marginal().with_optimal_decoder()
    assert close(best.elbo, -model.entropy)
    np.testing.assert_allclose(best.generated, model.p_x, atol=1e-12)


@pytest.mark.verifies("thm-sandwich-region")
@pytest.mark.parametrize("sent", [0.0, 0.25, 0.5, 1.0])
def test_the_elbo_is_the_same_all_along_the_line(sent):
    p = np.array([0.5, 0.3, 0.2])
    model = erasure(p, sent)
    assert model.rate == pytest.approx(sent * tables.entropy(p), abs=1e-12)
    assert model.elbo == pytest.approx(-tables.entropy(p), abs=1e-12)
    np.testing.assert_allclose(model.generated[:3], p, atol=1e-12)


@pytest.mark.verifies("thm-sandwich-target")
@given(table(4), st.integers(1, 4))
def test_expected_divergence_of_a_sample_from_its_source_by_enumeration(p, n):
    divergence = entropy = 0.0
    for sample in product(range(4), repeat=n):
        weight, counts = math.prod(p[list(sample)]), np.bincount(sample, minlength=4) / n
        if weight > 0:
            divergence += weight * tables.kl(counts, p)
            entropy += weight * tables.entropy(counts)
    assert close(divergence, tables.entropy(p) - entropy)
    target = tables.entropy(p) - math.log(n)
    assert close(divergence, target) if n == 1 else divergence > target + 0.1  # from two draws on they may be equal
