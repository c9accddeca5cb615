"""What the page on two numbers of a code proves: rewards in the linear model, permuted codes, chance, and its table."""

import csv
import sys
from itertools import permutations, product
from math import comb

import numpy as np
import pytest
from scipy.stats import hypergeom
from test_mathematics import least, told
from test_project import script

from companion import data, learn, results, sweeps
from companion.exact import linear, tables
from companion.measure import evaluate
from companion.measure.latents import latent_rates

SETS = [(0,), (1,), (2,), (0, 1), (0, 2), (1, 2)]  # of the dimensions of a code of three
DIRECT = [(0.5, 1.0, 0.3), (0.5, 1.0, 0.6), (3.0, 2.0, 1.5), (0.2, 1.0, 0.79), (0.2, 1.0, 0.81)]


@pytest.mark.verifies("thm-numbers-image")
@pytest.mark.parametrize(("kappa", "beta", "weight"), DIRECT)
@pytest.mark.parametrize("literal", [False, True])
def test_a_reward_read_off_the_image_lowers_the_water(kappa, beta, weight, literal):
    def loss(p):
        distortion, rate, information, _, t = told(p, kappa)
        return distortion + beta * rate - weight * (information - literal * np.log(t) / 2)

    _, _, information, _, t = told(least(loss), kappa)
    (expected,) = linear.linear_beta_vae([kappa], beta - weight, noise=1.0).latent_rates
    assert information == pytest.approx(expected, abs=1e-6)
    assert t == pytest.approx(1 - literal * weight / beta, abs=1e-6)


@pytest.mark.verifies("thm-numbers-image")
@pytest.mark.parametrize(("weight", "ends"), [(1.0, True), (1.5, False)])
def test_a_literal_reward_from_beta_on_has_no_best_model(weight, ends):
    """Along codes that shrink to a point, at the best decoder: to an infimum at the weight beta, without one above."""
    variances, losses = 10.0 ** -np.arange(0, 12, 2), []
    for t in variances:
        rho, v = 0.4, 0.5
        a, log_s = np.sqrt((1 - rho) * t / v), np.log(rho * t)
        distortion, rate, information, _, found = told((a * v / t, a, log_s), v)
        assert found == pytest.approx(t)
        losses.append(distortion + rate - weight * (information - np.log(t) / 2))
    assert (np.diff(losses) < 0).all()
    np.testing.assert_allclose(
        np.diff(losses), np.diff(variances) / 2 + (weight - 1) / 2 * np.diff(np.log(variances)), atol=1e-9
    )
    assert (losses[-2] - losses[-1] < 1e-7) == ends


def code(rng):
    """e(z|x) of three independent bits for four images, ``[4, 2, 2, 2]``, and a decoder ``[2, 2, 2, 4]``."""
    bits = rng.beta(0.3, 0.3, size=(3, 4))
    each = np.stack([bits, 1 - bits], 2)
    return np.einsum("xa,xb,xc->xabc", *each), rng.dirichlet(np.ones(4) / 2, size=(2, 2, 2))


def measured(e, d):
    """D + R under uniform images and marginal, and what each of ``SETS`` of dimensions says about the image."""
    distortion = -np.einsum("xabc,abcx->", e, np.log(d)) / 4
    rate = (e * np.log(np.maximum(8 * e, 1e-300))).sum() / 4
    told_by = [e.sum(tuple(j + 1 for j in range(3) if j not in some)).reshape(4, -1) for some in SETS]
    return distortion + rate, [tables.mutual_information(table / 4) for table in told_by]


@pytest.mark.verifies("thm-numbers-permutation")
@pytest.mark.parametrize("seed", range(10))
def test_where_numbers_may_be_swapped_any_weight_moves_the_information(seed):
    rng, models = np.random.default_rng(seed), []
    for e, d in (code(rng) for _ in range(30)):
        for order in permutations(range(3)):
            models.append(measured(e.transpose(0, *(i + 1 for i in order)), d.transpose(*order, 3)))
    cost, information = np.array([j for j, _ in models]), np.array([i for _, i in models])
    plain = cost.argmin()
    for weight, asked in product((1e-6, 0.001, 0.1, 1.0, 10.0), range(len(SETS))):
        best = (cost - weight * information[:, asked]).argmin()
        as_large = [i for i, some in enumerate(SETS) if len(some) == len(SETS[asked])]
        gain = information[best, asked] - information[plain, as_large].max()
        assert gain >= -1e-12
        assert -1e-12 <= cost[best] - cost[plain] <= weight * gain + 1e-12


@pytest.mark.verifies("thm-numbers-image")
def test_the_largest_direction_gains_most():
    """The linear model of two directions, the asked number on either: the gain is the integral of the information."""
    for start, weight in ((1.0, 0.001), (1.0, 0.1), (1.0, 0.6), (2.0, 1.5)):
        gains = []
        for v in (0.3, 0.7, 2.0, 5.0):
            ends = [linear.linear_beta_vae([v], beta, noise=1.0) for beta in (start, start - weight)]
            plain, rewarded = ((p.distortion + p.beta * p.rate) for p in ends)
            prices = np.linspace(start - weight, start, 10_001)
            integral = np.trapezoid(np.maximum(np.log(v / prices), 0) / 2, prices)
            assert plain - rewarded == pytest.approx(integral, abs=1e-6)
            gains.append(plain - rewarded)
        assert (np.diff(gains) >= 0).all()


def test_how_many_wake_by_chance_is_a_sum_of_draws_without_replacement():
    """Against all pairs: of 5 idle numbers 2 wake, of 4 others 3; two of each are asked."""
    mass = np.convolve(*(hypergeom.pmf(range(3), n, k, 2) for n, k in ((5, 2), (4, 3))))
    pairs = {}
    for n, k in ((5, 2), (4, 3)):
        pairs[n] = [sum(i < k for i in (a, b)) for a in range(n) for b in range(a)]
        assert len(pairs[n]) == comb(n, 2)
    both = [a + b for a in pairs[5] for b in pairs[4]]
    np.testing.assert_allclose(mass, np.bincount(both, minlength=5) / len(both), atol=1e-12)


def test_the_table_of_every_number_adds_up_to_the_rate(tmp_path, monkeypatch):
    config = learn.preset(
        "laptop", "digits", objective="mi_valid", dense=True, latent_dim=4, latent_indices="1,2", weight=0.1, steps=3
    )
    sweeps.sweep([config], tmp_path, table=tmp_path / "tiny.csv", progress=False)
    monkeypatch.setattr(sys, "argv", ["latent_rates.py", str(tmp_path / "tiny.csv"), str(tmp_path / "runs")])
    script("latent_rates").main()
    with (tmp_path / "tiny_rates.csv").open(newline="") as file:
        (line,) = csv.DictReader(file)
    assert (line["seed"], line["lambda"], line["latent_indices"], line["config_hash"]) == (
        "0",
        "0.1",
        "1,2",
        config.hash,
    )
    _, model = learn.load_run(tmp_path / "runs" / config.hash)
    images = data.load("digits").test
    each, point = [float(line[f"rate_{i}"]) for i in range(4)], evaluate(model, images, split="test")
    np.testing.assert_allclose(each, latent_rates(model, images), atol=1e-6)
    assert abs(sum(each) - point.rate) < 5 * point.rate_se
    (row,) = (row for row in results.read_rows(tmp_path / "tiny.csv") if row["split"] == "test")
    assert each[1] + each[2] == pytest.approx(row["kl_c"], abs=1e-5)
