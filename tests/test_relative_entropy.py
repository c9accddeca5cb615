"""One sample for about R bits: exact draws, the same on both sides, and messages no longer than the theorem says."""

from math import inf, log

import numpy as np
import pytest
from scipy.stats import chisquare, ks_2samp, kstest

from companion.coding import message_bound, read_indices, select, selected, write_indices
from companion.exact import optimal_toy_model, toy_process
from companion.units import bits

SAMPLES = 1000


def gaussian(scale, dims, n=SAMPLES, seed=0):
    """Means of n posteriors N(mean, scale^2) whose aggregate is N(0, I), the rate, and what select is given of each."""
    means = np.random.default_rng(seed).normal(size=(n, dims)) * np.sqrt(1 - scale**2)

    def ratio(i):
        return lambda z: ((z**2 - ((z - means[i]) / scale) ** 2) / 2 - np.log(scale)).sum(1)

    largest = (means**2).sum(1) / (2 * (1 - scale**2)) - dims * np.log(scale)
    return means, -dims * np.log(scale), lambda i: (ratio(i), lambda rng, k: rng.standard_normal((k, dims)), largest[i])


def toy(n=SAMPLES, seed=0):
    """Data of the toy process, its posteriors over the two classes, and what select is given of each."""
    process = toy_process()
    x = np.random.default_rng(seed).choice(len(process.p_x), p=process.p_x, size=n)
    ratios = np.log(process.posterior[x] / process.p_z)

    def problem(i):
        return (
            lambda z: ratios[i][z],
            lambda rng, k: (rng.random(k) < process.p_z[1]).astype(int),
            ratios[i].max(),
        )

    return process.posterior[x], process.information, problem


def sent(problem, n=SAMPLES, base=0):
    """The places of n samples, and the codes there."""
    places, codes = zip(*(select(*problem(i), seed=base + i) for i in range(n)), strict=True)
    return list(places), np.array(codes)


@pytest.mark.verifies("thm-sample-draw")
@pytest.mark.parametrize(("scale", "dims"), [(0.5, 1), (0.2, 2), (0.1, 2)])
def test_what_the_receiver_finds_is_a_draw_from_the_posterior(scale, dims):
    """Against N(0, 1), once standardised; against numpy's own draws; and uncorrelated with the means."""
    means, _, problem = gaussian(scale, dims)
    places, codes = sent(problem)
    received = np.array([selected(problem(i)[1], i, place) for i, place in enumerate(places)])
    assert np.array_equal(received, codes)
    left = (received - means) / scale  # with the means left in, they would decide the test, whatever was received
    direct = np.random.default_rng(5).normal(size=left.shape)
    for j in range(dims):
        assert kstest(left[:, j], "norm").pvalue > 1e-3
        assert ks_2samp(left[:, j], direct[:, j]).pvalue > 1e-3
        assert ks_2samp(1.5 * left[:, j], direct[:, j]).pvalue < 1e-3  # it can fail
        assert abs(np.corrcoef(left[:, j], means[:, j])[0, 1]) < 5 / np.sqrt(SAMPLES)


@pytest.mark.verifies("thm-sample-draw")
def test_a_class_of_the_toy_process_is_drawn_with_its_posterior():
    """Ones among bins whose posterior falls into a fifth of [0, 1], against the sum of their probabilities."""
    posterior, _, problem = toy(n=4000)
    _, codes = sent(problem, 4000)
    part = np.minimum((posterior[:, 1] * 5).astype(int), 4)
    expected = np.bincount(part, posterior[:, 1], 5)
    n = np.bincount(part, minlength=5)
    found = np.bincount(part, codes, 5)
    spread = np.sqrt(np.bincount(part, posterior[:, 1] * posterior[:, 0], 5))
    assert sorted(n > 100) == [False, True, True, True, True]
    assert np.abs((found - expected)[n > 0] / spread[n > 0]).max() < 4
    assert chisquare([found.sum(), 4000 - found.sum()], [expected.sum(), 4000 - expected.sum()]).pvalue > 1e-3


@pytest.mark.verifies("thm-sample-place")
@pytest.mark.parametrize(("scale", "dims"), [(0.9, 2), (0.5, 1), (0.2, 2), (0.1, 2)])
def test_the_mean_logarithm_of_the_place_and_the_length_of_the_message(scale, dims):
    _, rate, problem = gaussian(scale, dims)
    places, _ = sent(problem)
    logs = bits(np.log(places))
    assert logs.mean() + 3 * logs.std() / np.sqrt(SAMPLES) < bits(rate) + 1
    assert 8 * (len(write_indices(places, rate)) - 8) / SAMPLES < message_bound(rate)


@pytest.mark.verifies("thm-sample-place")
@pytest.mark.parametrize("mean", [0.0, 1.0, 2.0, 2.5])
def test_the_logarithm_of_the_place_is_bounded_for_every_image_by_itself(mean):
    """One posterior N(mean, 1/4) at a time, many lists: a posterior far out may not be paid for by those in the middle.

    The proof's E log(1 + w(z)) over z ~ e(z|x), by quadrature, lies between the mean logarithm and KL + 1.
    """
    scale, n = 0.5, 3000

    def ratio(z):
        return (z**2 - ((z - mean) / scale) ** 2) / 2 - log(scale)

    largest = mean**2 / (2 * (1 - scale**2)) - log(scale)
    logs = bits(np.log([select(ratio, lambda rng, k: rng.standard_normal(k), largest, seed)[0] for seed in range(n)]))
    z = np.linspace(mean - 8 * scale, mean + 8 * scale, 4001)
    density = np.exp(-(((z - mean) / scale) ** 2) / 2) / (scale * np.sqrt(2 * np.pi))
    between = bits(np.trapezoid(density * np.logaddexp(0, ratio(z)), z))
    divergence = bits((scale**2 + mean**2 - 1) / 2 - log(scale))
    assert between <= divergence + 1
    assert logs.mean() + 3 * logs.std() / np.sqrt(n) < between


@pytest.mark.verifies("thm-sample-place")
@pytest.mark.parametrize("x", range(3))
def test_the_mean_place_of_every_image_is_the_number_of_drops_that_the_proof_counts(x):
    """E K = 1 + sum over z, z' of e(z|x) m(z') (w(z) - w(z'))^+, on a table of three images and four codes."""
    m = np.array([0.4, 0.3, 0.2, 0.1])
    e = np.array([[0.4, 0.3, 0.2, 0.1], [0.1, 0.1, 0.2, 0.6], [0.05, 0.85, 0.05, 0.05]])[x]
    w = e / m

    def draw(rng, n):
        return rng.choice(4, p=m, size=n)

    places = np.array([select(lambda z: np.log(w[z]), draw, log(w.max()), seed)[0] for seed in range(4000)])
    expected = 1 + e @ np.clip(w[:, None] - w, 0, None) @ m
    assert abs(places.mean() - expected) <= 4 * places.std() / np.sqrt(len(places))
    logs = bits(np.log(places))
    assert logs.mean() + 3 * logs.std() / np.sqrt(len(places)) < bits(e @ np.log(w)) + 1


@pytest.mark.verifies("thm-sample-place")
def test_the_toys_messages_are_within_the_bound():
    _, rate, problem = toy()
    places, _ = sent(problem)
    logs = bits(np.log(places))
    assert logs.mean() + 3 * logs.std() / np.sqrt(SAMPLES) < bits(rate) + 1
    assert 8 * (len(write_indices(places, rate)) - 8) / SAMPLES < message_bound(rate)


@pytest.mark.verifies("thm-sample-place")
def test_the_place_of_a_uniform_target_has_the_distribution_that_theory_gives():
    """e uniform on a share p of m: the place is the first point that falls into it, geometric with parameter p."""
    p = 0.2

    def ratio(z):
        with np.errstate(divide="ignore"):
            return np.log((z < p) / p)

    places = [select(ratio, lambda rng, n: rng.random(n), -log(p), seed)[0] for seed in range(4000)]
    expected = 4000 * p * (1 - p) ** np.arange(12)
    found = np.bincount(np.minimum(places, 13), minlength=14)[1:]
    assert chisquare(found, [*expected, 4000 - expected.sum()]).pvalue > 1e-3


def test_where_nothing_is_learned_nothing_need_be_searched():
    """e = m: the first point, always; the message is what its digits cost."""
    places = [select(np.zeros_like, lambda rng, n: rng.random(n), 0.0, seed)[0] for seed in range(200)]
    assert places == [1] * 200
    assert 8 * (len(write_indices(places, 0.0)) - 8) <= 200 + 64  # a geometric distribution of mean 1 gives 0 a half


@pytest.mark.parametrize("rate", [0.0, 3.0, 20.0])
def test_places_are_read_as_they_were_written(rate):
    rng = np.random.default_rng(0)
    places = [1, 2, 3, 4, 2**40 + 5, 2**62 - 1, *rng.integers(1, 5000, 300).tolist()]
    assert read_indices(write_indices(places, rate), rate) == places
    assert read_indices(write_indices([], rate), rate) == []


def test_the_length_of_messages_is_that_of_the_code():
    """-log of the geometric probability of the digits' number, and the digits: to the coder's words of 32 bits."""
    places, mean = [1, 5, 9, 1000, 70_000] * 200, bits(4.0) + 1
    digits = np.array([place.bit_length() - 1 for place in places])
    price = bits(np.log(1 + mean)) + digits * bits(np.log((1 + mean) / mean)) + digits
    assert 8 * (len(write_indices(places, 4.0)) - 8) == pytest.approx(price.sum(), abs=64)


def test_the_optimal_toy_model_has_the_rate_that_is_sent():
    """The groups of codes of the model of figure 2 are a uniform choice within a class: no more bits than the class."""
    model = optimal_toy_model(toy_process())
    rate = (model.p_x[:, None] * model.encoder * np.log(model.encoder / model.marginal)).sum()
    assert rate == pytest.approx(toy()[1], abs=1e-12)


def uniform(rng, n):
    return rng.random(n)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: select(np.zeros_like, uniform, inf, 0), "largest: expected at most 20 nats, .* got inf"),
        (lambda: select(np.ones_like, uniform, 0.5, 0), "log_ratio: expected at most 0.5 nats at 64 codes, got 1"),
        (lambda: select(lambda z: z * np.nan, uniform, 1.0, 0), "log_ratio: expected at most 1 nats .* got nan"),
        (lambda: select(np.sum, uniform, 1.0, 0), r"log_ratio: expected a number for each of 64 codes, got shape \[\]"),
        (lambda: select(lambda z: z - np.inf, uniform, 1.0, 0), "log_ratio: expected that of two densities, got -inf"),
        (lambda: select(np.zeros_like, uniform, 30.0, 0), "largest: expected at most 20 nats, .* got 30.0"),
        (lambda: read_indices(b"\xff" * 12, 1.0), "data: expected bytes written by write_indices, got 12 .* damaged"),
        (lambda: read_indices(write_indices([900] * 9, 1.0)[:-4], 1.0), "data: expected .* that are damaged"),
        (lambda: message_bound(-1.0), "rate: expected a number of nats, 0 or more, got -1.0"),
        (lambda: write_indices([3.0], 1.0), r"places: expected whole numbers .* got 3.0"),
        (lambda: selected(uniform, 0, 1.0), "place: expected a whole number of 1 or more, got 1.0"),
        (lambda: selected(uniform, 0, 0), "place: expected a whole number of 1 or more, got 0"),
        (lambda: write_indices([0], 1.0), r"places: expected whole numbers from 1 to 2\^62 - 1, got 0"),
        (lambda: write_indices([1], -1.0), "rate: expected a number of nats, 0 or more, got -1.0"),
        (lambda: read_indices(b"abc", 1.0), "data: expected bytes written by write_indices, .* got 3"),
    ],
)
def test_bad_input_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.verifies("thm-sample-draw")
def test_the_scale_is_exponential_whatever_code_is_found():
    rng, n = np.random.default_rng(0), 20_000
    m, e = np.array([0.4, 0.3, 0.2, 0.1]), np.array([0.1, 0.1, 0.2, 0.6])
    times, codes = rng.exponential(size=(n, 200)).cumsum(1), rng.choice(4, p=m, size=(n, 200))
    touched = times / (e / m)[codes]
    scale, found = touched.min(1), codes[np.arange(n), touched.argmin(1)]
    assert scale.max() * (e / m).max() < times[:, -1].min()  # no later drop could have been the first
    assert chisquare(np.bincount(found), n * e).pvalue > 1e-3
    for code in range(4):
        assert kstest(scale[found == code], "expon").pvalue > 1e-3
