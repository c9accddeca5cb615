"""What a code saves, and what a probe of it proves: theorems of the chapters on deep models, on random tables."""

import numpy as np
import pytest

from companion.exact import tables
from companion.exact.discrete import DiscreteModel

BETAS = (0.0, 0.3, 1.0, 1.7)


def random_models(count=200):
    """Models of random sizes, from nearly blind to nearly deterministic, marginal and decoder optimal every other."""
    rng = np.random.default_rng(0)
    for i in range(count):
        x, z = rng.integers(2, 7, 2)
        shapes = ((x,), (x, z), (z, x), (z,))
        sharp = rng.choice([0.1, 1.0, 10.0])
        parts = [rng.dirichlet(np.full(s[-1], sharp), s[:-1]) + 1e-9 for s in shapes]
        model = DiscreteModel(*(a / a.sum(-1, keepdims=True) for a in parts))
        yield model.with_optimal_marginal().with_optimal_decoder() if i % 2 else model


def collapsed(p_x):
    return DiscreteModel(p_x, np.ones((len(p_x), 1)), p_x[None], [1.0])


def blind(p_x):
    """No code, and a decoder that knows nothing: D = log n, no less than the entropy."""
    return DiscreteModel(p_x, np.ones((len(p_x), 1)), np.full((1, len(p_x)), 1 / len(p_x)), [1.0])


def identity(p_x):
    return DiscreteModel(p_x, np.eye(len(p_x)), np.eye(len(p_x)), p_x)


def by_chance(p_x, t):
    """The image as its own code with probability ``t``, whatever it is, and no code otherwise."""
    n = len(p_x)
    encoder = np.hstack([t * np.eye(n), np.full((n, 1), 1 - t)])
    return DiscreteModel(p_x, encoder, np.vstack([np.eye(n), p_x]), np.append(t * p_x, 1 - t))


def objective(model, beta):
    return model.distortion + beta * model.rate


@pytest.mark.verifies("thm-collapse-price")
def test_a_code_beats_collapse_exactly_below_what_it_saves_per_nat():
    for model in random_models():
        alone = collapsed(model.p_x)
        assert alone.rate == 0
        assert alone.distortion == pytest.approx(model.entropy, abs=1e-12)
        saved = (alone.distortion - model.distortion) / model.rate
        gap = model.rate + model.distortion - model.entropy
        assert saved * model.rate == pytest.approx(model.rate - gap, abs=1e-12)
        assert gap >= -1e-12  # so a nat of the code saves at most a nat
        for beta in BETAS:
            better = objective(alone, beta) - objective(model, beta)
            assert better == pytest.approx(model.rate * (saved - beta), abs=1e-9)
            better = objective(blind(model.p_x), beta) - objective(model, beta)
            saved_blind = (np.log(len(model.p_x)) - model.distortion) / model.rate
            assert better == pytest.approx(model.rate * (saved_blind - beta), abs=1e-9)


@pytest.mark.verifies("thm-collapse-optima")
def test_the_optima_are_collapse_above_one_the_line_at_one_and_the_whole_image_below():
    for model in random_models():
        h, gap = model.entropy, model.rate + model.distortion - model.entropy
        best = {beta: max(0.0, min(1.0, beta)) * h for beta in BETAS}
        for beta in BETAS:
            assert objective(model, beta) >= best[beta] - 1e-12
            winner = collapsed(model.p_x) if beta > 1 else identity(model.p_x)
            assert objective(winner, beta) == pytest.approx(best[beta], abs=1e-12)
        assert objective(model, 1.0) - h == pytest.approx(gap, abs=1e-12)
        for t in (0.0, 0.3, 1.0):  # all of the line is there, and at 1 all of it is as good
            line = by_chance(model.p_x, t)
            assert (line.rate, line.distortion) == pytest.approx((t * h, (1 - t) * h), abs=1e-12)
        assert objective(model, 1.7) - h >= 0.7 * model.rate - 1e-12  # so an optimum has rate 0
        assert objective(model, 0.3) - 0.3 * h >= 0.7 * model.distortion - 1e-12  # so an optimum has distortion 0


@pytest.mark.verifies("thm-nats-probe")
def test_a_probe_bounds_what_a_code_says_of_the_class_from_below():
    rng = np.random.default_rng(1)
    for model in random_models():
        label = rng.dirichlet(np.full(3, 0.3), len(model.p_x))  # p(c|x)
        joint = label.T @ model.joint  # p(c, z)
        probe = rng.dirichlet(np.ones(3), joint.shape[1]).T  # q(c|z)
        truth, h = tables.mutual_information(joint), tables.entropy(joint.sum(1))
        missed = truth - (h + (joint * np.log(probe)).sum())
        assert missed >= -1e-12
        assert truth <= min(h, model.rate) + 1e-12
        exact = joint / joint.sum(0)
        assert missed == pytest.approx((joint * np.log(exact / probe)).sum(), abs=1e-9)  # 0 for this probe alone
        assert h + (joint * np.log(exact)).sum() == pytest.approx(truth, abs=1e-9)
