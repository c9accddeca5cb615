"""The frontier against closed forms, an independent optimiser, and its certificate recomputed in the log domain."""

import math
from itertools import pairwise, product

import numpy as np
import pytest
from scipy.optimize import brentq, minimize
from scipy.special import logsumexp, xlogy

from companion.exact import tables
from companion.exact.discrete import DiscreteModel
from companion.exact.rate_distortion import (
    bernoulli_rate,
    binary_entropy,
    blahut_arimoto,
    frontier,
    hamming,
)


def lagrangian(p, d, slope, encoder, marginal):
    """R + s D, written out."""
    joint = p[:, None] * encoder
    rate = (xlogy(joint, encoder) - xlogy(joint, marginal)).sum()
    return rate + slope * joint[joint > 0] @ d[joint > 0]


def certificate(p, d, slope, marginal):
    """F(m), and the lower bound F(m) - log max c on the least R + s D, in the log domain."""
    with np.errstate(divide="ignore"):
        log_p, log_m = np.log(p), np.log(marginal)
    log_total = logsumexp(log_m - slope * d, axis=1)
    log_c = logsumexp((log_p - log_total)[p > 0, None] - slope * d[p > 0], axis=0)
    value = -(p[p > 0] @ log_total[p > 0])
    return value, value - log_c.max()


def random_problem(rng):
    x, z = rng.integers(1, 31, 2)
    p = rng.dirichlet(np.full(x, rng.choice([0.1, 1.0, 10.0])))
    return p / p.sum(), rng.exponential(size=(x, z)), rng.uniform(0.05, 20)


@pytest.mark.verifies("thm-rate-distortion-bernoulli")
@pytest.mark.parametrize("p", [0.1, 0.3, 0.5])
@pytest.mark.parametrize("slope", [0.5, 0.8, 1.0, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0])
def test_the_bernoulli_source_meets_its_closed_form(p, slope):
    point = blahut_arimoto([p, 1 - p], hamming(2), slope)
    wrong = min(1 / (1 + math.exp(slope)), p, 1 - p)
    assert point.rate == pytest.approx(bernoulli_rate(p, point.distortion), abs=1e-6)
    assert point.distortion == pytest.approx(wrong, abs=1e-6)
    assert point.rate == pytest.approx(bernoulli_rate(p, wrong), abs=1e-6)


def test_the_uniform_source_of_many_symbols_meets_its_closed_form():
    """R(D) = log n - h(D) - D log(n - 1), at D = (n - 1) / (n - 1 + exp(s))."""
    n, slope = 7, 3.0
    point = blahut_arimoto(np.full(n, 1 / n), hamming(n), slope)
    wrong = (n - 1) / (n - 1 + math.exp(slope))
    assert point.distortion == pytest.approx(wrong, abs=1e-9)
    assert point.rate == pytest.approx(math.log(n) - binary_entropy(wrong) - wrong * math.log(n - 1), abs=1e-9)


@pytest.mark.parametrize("p", [0.1, 0.3, 0.45])
@pytest.mark.parametrize("offset", [0.0, 1e-6, -1e-6, 1e-3, -1e-3])
def test_the_certificate_is_met_where_a_code_falls_out_of_use(p, offset):
    slope = math.log((1 - p) / p) + offset
    point = blahut_arimoto([p, 1 - p], hamming(2), slope)
    wrong = min(1 / (1 + math.exp(slope)), p)
    least = bernoulli_rate(p, wrong) + slope * wrong
    assert point.gap <= 1e-8
    assert least - 1e-12 <= point.rate + slope * point.distortion <= least + point.gap + 1e-12


@pytest.mark.verifies("thm-rate-distortion-certificate")
@pytest.mark.parametrize("seed", range(50))
def test_the_certificate_holds_on_random_distortions(seed):
    p, d, slope = random_problem(np.random.default_rng(seed))
    point = blahut_arimoto(p, d, slope)
    assert 0 <= point.gap <= 1e-8
    value = lagrangian(p, d, slope, point.encoder, point.marginal)
    assert value == pytest.approx(point.rate + slope * point.distortion, abs=1e-10)
    _, bound = certificate(p, d, slope, point.marginal)
    assert bound - 1e-10 <= value <= bound + 2e-8
    np.testing.assert_allclose(p @ point.encoder, point.marginal, atol=1e-15)
    np.testing.assert_allclose(point.encoder.sum(1), 1, atol=1e-12)


@pytest.mark.verifies("thm-rate-distortion-certificate")
def test_the_certificate_of_any_marginal_is_below_every_model():
    rng = np.random.default_rng(0)
    for _ in range(200):
        x, z = rng.integers(1, 6, 2)
        p, d, slope = rng.dirichlet(np.ones(x)), rng.random((x, z)) * 3, rng.uniform(0.1, 10)
        value, bound = certificate(p, d, slope, rng.dirichlet(np.ones(z)))
        least = blahut_arimoto(p, d, slope, tolerance=1e-11)
        assert bound <= least.rate + slope * least.distortion + 1e-10
        other = lagrangian(p, d, slope, rng.dirichlet(np.ones(z), x), rng.dirichlet(np.ones(z)))
        assert bound <= other + 1e-10
        assert value >= least.rate + slope * least.distortion - 1e-10


@pytest.mark.verifies("thm-rate-distortion-encoder")
def test_the_exponential_encoder_is_the_best_for_its_marginal():
    rng = np.random.default_rng(1)
    for _ in range(200):
        x, z = rng.integers(1, 6, 2)
        p, d, slope, m = rng.dirichlet(np.ones(x)), rng.random((x, z)), rng.uniform(0.1, 10), rng.dirichlet(np.ones(z))
        best = m * np.exp(-slope * d)
        best /= best.sum(1, keepdims=True)
        value, _ = certificate(p, d, slope, m)
        assert lagrangian(p, d, slope, best, m) == pytest.approx(value, abs=1e-12)
        other = rng.dirichlet(np.ones(z), x)
        excess = sum(w * tables.kl(a, b) for w, a, b in zip(p, other, best, strict=True))
        assert lagrangian(p, d, slope, other, m) == pytest.approx(value + excess, abs=1e-10)


@pytest.mark.parametrize("seed", range(8))
def test_an_independent_optimiser_finds_the_same_minimum(seed):
    rng = np.random.default_rng(seed)
    p, d, slope = rng.dirichlet([2, 2]), rng.random((2, 3)), rng.uniform(0.5, 8)

    def objective(free):
        encoder = free.reshape(2, 3)
        return lagrangian(p, d, slope, encoder, p @ encoder)

    rows = {"type": "eq", "fun": lambda free: free.reshape(2, 3).sum(1) - 1}
    found = minimize(
        objective,
        np.full(6, 1 / 3),
        method="SLSQP",
        bounds=[(1e-12, 1)] * 6,
        constraints=[rows],
        options={"ftol": 1e-13},
    )
    point = blahut_arimoto(p, d, slope)
    assert point.rate + slope * point.distortion == pytest.approx(found.fun, abs=1e-6)


@pytest.mark.verifies("thm-rate-distortion-slope")
def test_the_frontier_is_convex_and_falls_with_the_slope():
    p, d, _ = random_problem(np.random.default_rng(5))
    slopes = np.geomspace(0.2, 20, 30)
    points = frontier(p, d, slopes)
    for slope, a in zip(slopes, points, strict=True):
        for b in points:
            assert b.rate + slope * b.distortion >= a.rate + slope * a.distortion - 1e-8
    for (s, a), (t, b) in pairwise(zip(slopes, points, strict=True)):
        assert b.rate >= a.rate - 1e-8
        assert s * (a.distortion - b.distortion) - 2e-8 <= b.rate - a.rate <= t * (a.distortion - b.distortion) + 2e-8
    rng = np.random.default_rng(2)

    def information(e):
        return tables.mutual_information(p[:, None] * e)

    for slope, a in zip(slopes, points, strict=True):  # from the best encoder to any other: never below the line
        for sharpness, w in product((0.02, 0.1, 1.0), (1e-4, 0.01, 0.3, 1.0)):
            other = rng.dirichlet(np.full(d.shape[1], sharpness), len(p))
            mixed = w * other + (1 - w) * a.encoder
            lost = (p[:, None] * mixed * d).sum()
            assert information(mixed) + slope * lost >= a.rate + slope * a.distortion - 1e-8
            assert information(mixed) <= w * information(other) + (1 - w) * information(a.encoder) + 1e-12


@pytest.mark.verifies("thm-rate-distortion-slope")
@pytest.mark.parametrize("slope", [1.0, 2.0, 4.0])
def test_beta_is_minus_the_derivative_of_distortion_by_rate(slope):
    x = np.linspace(-2, 2, 9)
    p = np.exp(-(x**2) / 2) / np.exp(-(x**2) / 2).sum()
    d, h = (x[:, None] - x) ** 2, 1e-3
    below, above = (blahut_arimoto(p, d, slope + step, tolerance=1e-12) for step in (-h, h))
    derivative = (above.distortion - below.distortion) / (above.rate - below.rate)
    assert -derivative == pytest.approx(1 / slope, rel=1e-4)


def test_a_warm_start_changes_the_way_and_not_the_place():
    p, d, _ = random_problem(np.random.default_rng(8))
    slopes = [8.0, 0.3, 2.0, 2.0]
    for slope, point in zip(slopes, frontier(p, d, slopes), strict=True):
        cold = blahut_arimoto(p, d, slope)
        assert point.rate + slope * point.distortion == pytest.approx(cold.rate + slope * cold.distortion, abs=1e-8)


def test_a_fixed_decoder_with_fewer_codes_than_symbols_is_a_distortion():
    decoder = np.random.default_rng(2).dirichlet(np.ones(6), 3)
    p = np.full(6, 1 / 6)
    point = blahut_arimoto(p, -np.log(decoder.T), slope=1.0)
    model = DiscreteModel(p, point.encoder, decoder, point.marginal)
    assert point.gap <= 1e-8
    assert model.rate == pytest.approx(point.rate, abs=1e-12)
    assert model.distortion == pytest.approx(point.distortion, abs=1e-12)
    assert -model.elbo >= model.entropy
    # At slope 1 the frontier is maximum likelihood: no marginal fits the data better with this decoder.
    assert -model.elbo == pytest.approx(-(p @ np.log(model.generated)), abs=1e-7)


@pytest.mark.verifies("thm-rate-distortion-logloss")
def test_free_families_under_log_loss_have_a_straight_frontier():
    rng = np.random.default_rng(3)
    for beta in (0.3, 0.8, 1.0, 1.2, 4.0):
        values = []
        p = rng.dirichlet(np.ones(4))
        h = tables.entropy(p)
        ends = [np.eye(4), np.full((4, 4), 0.25)]
        for e in [*ends, *(rng.dirichlet(np.full(4, 0.3), 4) for _ in range(100))]:
            model = DiscreteModel(p, e, e, p).with_optimal_marginal().with_optimal_decoder()
            value = model.distortion + beta * model.rate
            assert value == pytest.approx(h + (beta - 1) * model.mutual_information, abs=1e-10)
            values.append(value)
        assert min(values) == pytest.approx(min(values[:2]), abs=1e-10)
        assert min(values) == pytest.approx(min(1, beta) * h, abs=1e-10)


@pytest.mark.verifies("thm-rate-distortion-codes")
@pytest.mark.parametrize(("symbols", "codes"), [(3, 2), (4, 2), (5, 3)])
def test_fewer_codes_cut_the_line_at_the_best_partition(symbols, codes):
    rng = np.random.default_rng(symbols)
    p = rng.dirichlet(np.ones(symbols))
    cells = (np.bincount(cell, weights=p, minlength=codes) for cell in product(range(codes), repeat=symbols))
    best = max(tables.entropy(cell) for cell in cells)
    assert best <= math.log(codes)
    for _ in range(300):
        e = rng.dirichlet(np.full(codes, rng.choice([0.05, 0.3, 1.0])), symbols)
        assert tables.mutual_information(p[:, None] * e) <= best + 1e-12
    maps = [np.eye(codes)[list(cell)] for cell in product(range(codes), repeat=symbols)]
    widest, silent = max(maps, key=lambda e: tables.entropy(p @ e)), np.eye(codes)[np.zeros(symbols, int)]

    def held(t):
        return tables.mutual_information(p[:, None] * (t * widest + (1 - t) * silent))

    for wanted in np.linspace(0, best, 7):  # every rate of the piece is reached, on the line
        t = brentq(lambda t, wanted=wanted: held(t) - wanted, 0, 1) if 0 < wanted < best else float(wanted > 0)
        model = DiscreteModel(
            p, t * widest + (1 - t) * silent, np.full((codes, symbols), 1 / symbols), [1 / codes] * codes
        )
        model = model.with_optimal_marginal().with_optimal_decoder()
        assert model.rate == pytest.approx(wanted, abs=1e-9)
        assert model.distortion == pytest.approx(tables.entropy(p) - wanted, abs=1e-9)
