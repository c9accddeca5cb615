"""Toy models in one batch against exact tables, and what each reading of appendix E of Alemi et al. (2018) can do."""

import numpy as np
import pytest
import torch
from scipy.optimize import minimize
from scipy.special import softmax

from companion.exact.tables import cross_entropy, kl, mutual_information
from companion.exact.toy import toy_process
from companion.learn.training import TrainingError
from companion.studies.toy import (
    PARAMETRISATIONS,
    _log_tables,
    _start,
    beta_vae,
    elbo,
    rates_and_distortions,
    target_rate,
    target_rate_squared,
    train_toys,
)

PROCESS = toy_process()
H = PROCESS.entropy


def gaps(models):
    return models.rates + models.distortions - H


def class_information(models):
    """I(Z; Z*) of each model."""
    return np.array([mutual_information(PROCESS.joint @ encoder) for encoder in models.encoders])


@pytest.mark.parametrize("parametrisation", PARAMETRISATIONS)
def test_rates_and_distortions_are_those_of_the_tables(parametrisation):
    models = train_toys(PROCESS.p_x, parametrisation, seeds=range(5), codes=7, steps=3)
    for i in range(5):
        p_x, encoder, decoder, marginal = models.tables(i)
        joint = p_x[:, None] * encoder
        np.testing.assert_allclose(encoder.sum(1), 1, atol=1e-12)
        np.testing.assert_allclose(decoder.sum(1), 1, atol=1e-12)
        rate = mutual_information(joint) + kl(joint.sum(0), marginal)
        assert models.rates[i] == pytest.approx(rate, abs=1e-12)
        assert models.distortions[i] == pytest.approx(cross_entropy(joint, decoder.T), abs=1e-12)


@pytest.mark.parametrize("parametrisation", ["printed", "output"])
def test_the_forms_are_bumps_owned_by_the_code_or_by_the_output(parametrisation):
    """Logits written out entry by entry, x and z at the middles of their bins on [-3, 3]."""
    q = _start(parametrisation, [3], np.ones(1), 30, 4)
    log_e, log_d, _ = _log_tables(parametrisation, q, 30)
    codes = [-2.25, -0.75, 0.75, 2.25]
    values = {name: tensor.detach().numpy()[0] for name, tensor in q.items()}
    encoder, decoder = np.zeros((30, 4)), np.zeros((4, 30))
    for z in range(4):
        for i, x in enumerate(PROCESS.centres):
            encoder[i, z] = np.exp(-((values["encoder_w"][z] * x - values["encoder_b"][z]) ** 2))
            owner, position = (z, x) if parametrisation == "printed" else (i, codes[z])
            decoder[z, i] = np.exp(-((values["decoder_w"][owner] * position - values["decoder_b"][owner]) ** 2))
    np.testing.assert_allclose(log_e.detach()[0].exp(), encoder / encoder.sum(1, keepdims=True), rtol=1e-10)
    np.testing.assert_allclose(log_d.detach()[0].exp(), decoder / decoder.sum(1, keepdims=True), rtol=1e-10)


def test_unit_vectors_enter_entry_by_entry_and_can_be_ignored_or_copied():
    """Logits of the one-hot form written out, and its two extremes: a decoder that is the data, and a copy."""
    q = _start("one-hot", [3], np.ones(1), 5, 4)
    log_e, log_d, _ = _log_tables("one-hot", q, 5)
    values = {name: tensor.detach().numpy()[0] for name, tensor in q.items()}
    encoder = [
        [-((values["encoder_w"][i] * (i == j) - values["encoder_b"][i]) ** 2) for i in range(4)] for j in range(5)
    ]
    decoder = [
        [-((values["decoder_w"][i] * (i == j) - values["decoder_b"][i]) ** 2) for i in range(5)] for j in range(4)
    ]
    for found, logits in ((log_e, encoder), (log_d, decoder)):
        np.testing.assert_allclose(found.detach()[0].exp().numpy(), softmax(logits, 1), rtol=1e-10)
    roots = torch.from_numpy(np.sqrt(np.log(PROCESS.p_x.max() / PROCESS.p_x)))[None]
    blind = {f"{name}_{part}": 0 * roots for name in ("encoder", "decoder") for part in "wb"}
    blind |= {"decoder_b": roots, "marginal": 0 * roots}
    rate, distortion = rates_and_distortions(torch.from_numpy(PROCESS.p_x), *_log_tables("one-hot", blind, 30))
    np.testing.assert_allclose((rate.item(), distortion.item()), (0, H), atol=1e-12)
    copy = dict.fromkeys(blind, 0 * roots + 9) | {"marginal": torch.from_numpy(np.log(PROCESS.p_x))[None]}
    rate, distortion = rates_and_distortions(torch.from_numpy(PROCESS.p_x), *_log_tables("one-hot", copy, 30))
    np.testing.assert_allclose((rate.item(), distortion.item()), (H, 0), atol=1e-12)


@pytest.mark.parametrize("objective", [elbo, beta_vae(0.3), target_rate(0.1), target_rate_squared(0.1, 5)])
@pytest.mark.parametrize("parametrisation", PARAMETRISATIONS)
def test_gradients_are_finite_differences(parametrisation, objective):
    p_x = torch.tensor([0.1, 0.2, 0.3, 0.4], dtype=torch.float64)
    q = _start(parametrisation, [0, 1], np.array([0.5, 1.0]), 4, 3)
    names, values = list(q), list(q.values())

    def losses(*tensors):
        logs = _log_tables(parametrisation, dict(zip(names, tensors, strict=True)), 4)
        return objective(*rates_and_distortions(p_x, *logs))

    assert torch.autograd.gradcheck(losses, values)


@pytest.mark.parametrize("parametrisation", PARAMETRISATIONS)
def test_a_model_does_not_depend_on_its_batch(parametrisation):
    options = {"objective": target_rate(0.4), "codes": 6, "steps": 60}
    scales = np.linspace(0.1, 2, 8)
    batch = train_toys(PROCESS.p_x, parametrisation, seeds=range(8), init_scale=scales, **options)
    for i in (0, 5, 7):
        alone = train_toys(PROCESS.p_x, parametrisation, seeds=[i], init_scale=scales[i], **options)
        np.testing.assert_allclose(alone.rates, batch.rates[i], rtol=1e-9)
        np.testing.assert_allclose(alone.encoders[0], batch.encoders[i], rtol=1e-7, atol=1e-12)
        np.testing.assert_allclose(alone.history[..., 0], batch.history[..., i], rtol=1e-7)


def test_training_is_repeatable_and_moves_no_global_state():
    before = torch.get_rng_state()
    first, again = (train_toys(PROCESS.p_x, seeds=[3, 1], steps=20) for _ in range(2))
    np.testing.assert_array_equal(first.encoders, again.encoders)
    assert torch.equal(before, torch.get_rng_state())
    assert torch.get_default_dtype() == torch.float32


def test_the_target_rate_is_met_on_the_line():
    models = train_toys(PROCESS.p_x, "table", target_rate(0.5))
    met = (np.abs(models.rates - 0.5) <= 0.0005) & (gaps(models) <= 0.002)
    assert met.sum() >= 28
    assert gaps(models).min() > -1e-12


@pytest.mark.verifies("thm-toy-penalty")
def test_a_squared_penalty_misses_the_target_by_half_its_inverse_weight():
    models = train_toys(PROCESS.p_x, "table", target_rate_squared(0.5, 50), seeds=range(8))
    np.testing.assert_allclose(models.rates, 0.51, atol=2e-4)
    exact = train_toys(PROCESS.p_x, "table", target_rate(0.5, 1.5), seeds=range(8))
    np.testing.assert_allclose(exact.rates, 0.5, atol=5e-4)


@pytest.mark.verifies("thm-toy-penalty")
def test_on_the_line_each_penalty_is_least_where_the_theorem_says():
    rate = torch.linspace(0, 3, 300_001, dtype=torch.float64)
    best = {
        name: rate[objective(rate, 3.018 - rate).argmin()].item()
        for name, objective in {
            "absolute": target_rate(0.5, 1.01),
            "squared": target_rate_squared(0.5, 50),
            "loose": target_rate_squared(0.5, 2),
        }.items()
    }
    assert best == pytest.approx({"absolute": 0.5, "squared": 0.51, "loose": 0.75}, abs=2e-5)
    flat = 3.018 - rate + (rate - 0.5).abs()  # a multiplier of 1: every rate above the target does as well
    np.testing.assert_allclose(flat[rate >= 0.5], 2.518, atol=1e-12)
    assert (flat[rate < 0.5] > 2.518).all()
    loose = 3.018 - rate + 0.99 * (rate - 0.5).abs()  # a smaller one: the rate runs to the end of the line
    assert loose.argmin() == len(rate) - 1
    sharp = 3.018 - rate + 1.01 * (rate - 0.5).abs()  # a larger one: the target alone
    assert sharp[(rate - 0.5).abs() > 1e-6].min() > 2.518
    for weight in (1e-3, 0.75, 1.0, 5.0):  # beside the ELBO's own D + R, any weight above 0 will do
        beside = 3.018 + weight * (rate - 0.5).abs()
        assert rate[beside.argmin()].item() == pytest.approx(0.5, abs=2e-5)


def test_start_and_optimiser_choose_the_rate_and_the_elbo_does_not():
    scales = np.repeat([0.01, 0.1, 0.3, 1.0], 8)
    models = train_toys(PROCESS.p_x, "table", elbo, seeds=[*range(8)] * 4, init_scale=scales)
    plain = train_toys(PROCESS.p_x, seeds=range(8), init_scale=0.01, optimiser="sgd", learning_rate=60, steps=800)
    assert max(gaps(models).max(), gaps(plain).max()) <= 0.002
    assert plain.rates.max() < 0.001
    assert models.rates[scales == 0.01].max() < 0.01
    assert models.rates[scales == 1.0].max() > 0.4
    medians = np.median(models.rates.reshape(4, 8), 1)
    assert (np.diff(medians) > 0).all()


def test_off_the_slope_of_the_line_the_ends_win():
    """D + beta R on the line is H + (beta - 1) R: beta above 1 sends R to 0, beta below 1 sends D there."""
    low = train_toys(PROCESS.p_x, "table", beta_vae(1.5), seeds=range(4))
    high = train_toys(PROCESS.p_x, "table", beta_vae(0.2), seeds=range(4))
    assert low.rates.max() < 1e-3
    assert high.distortions.max() < 0.5
    assert high.rates.min() > 2.4


def test_the_printed_form_does_not_collapse():
    for scale in (0.1, 1.0):
        models = train_toys(PROCESS.p_x, "printed", elbo, seeds=range(8), init_scale=scale)
        assert ((models.rates > 0.45) & (models.rates < 0.7)).all()
        assert gaps(models).max() < 0.002
    wide = train_toys(PROCESS.p_x, "printed", elbo, seeds=range(16), init_scale=np.linspace(0.01, 5, 16))
    assert (wide.rates[gaps(wide) < 0.002] >= 0.35).all()


def test_the_printed_form_pays_for_small_rates():
    """The least gap found at a given rate: below R = 0.35 it exceeds 0.002 nats, whatever the start."""
    for rate, paid in ((0.2, 0.015), (0.34, 0.003)):

        def at(rates, distortions, rate=rate):
            return distortions + rates + 2 * (rates - rate).abs()

        models = train_toys(PROCESS.p_x, "printed", at, seeds=range(8), init_scale=0.3, steps=800)
        assert np.abs(models.rates - rate).max() < 0.002
        assert gaps(models).min() > paid


def bump(w, b):
    logits = -((w * PROCESS.centres - b) ** 2)
    return np.exp(logits - np.logaddexp.reduce(logits))


def least(miss):
    """The least of ``miss`` over all bumps: local searches from many starts, and a grid that must not be below."""
    starts = [(w, b) for w in (0.05, 0.3, 0.6, 1.0, 3.0) for b in (-3.0, -1.0, -0.3, 0.0, 0.3, 1.0, 3.0)]
    options = {"xatol": 1e-9, "fatol": 1e-12, "maxiter": 4000}
    found = min(minimize(lambda v: miss(bump(*v)), s, method="Nelder-Mead", options=options).fun for s in starts)
    grid = [miss(bump(w, b)) for w in np.linspace(0, 3, 61) for b in np.linspace(-6, 6, 121)]
    tilted = [miss(bump(w, c / w)) for w in (1e-3, 1e-2, 0.1) for c in np.linspace(-3, 3, 61)]  # w -> 0, w b fixed
    assert found <= min(*grid, *tilted) + 1e-9
    assert min(grid) < found + 0.01
    return found


def divergence(q):
    return kl(PROCESS.p_x, q)


def total_variation(q):
    return np.abs(PROCESS.p_x - q).sum() / 2


@pytest.mark.verifies("thm-toy-printed")
def test_no_single_bump_is_the_data():
    """At R = 0 the printed form misses the best ELBO by 0.090 nats, whatever the marginal."""
    floor = least(divergence)
    assert floor == pytest.approx(0.0899, abs=5e-5)
    rng = np.random.default_rng(0)
    for _ in range(200):
        assert rng.dirichlet(np.ones(5)) @ [divergence(bump(*rng.normal(size=2))) for _ in range(5)] >= floor


@pytest.mark.verifies("thm-toy-printed")
def test_gap_and_rate_of_the_printed_form_cannot_both_be_small():
    """sqrt(gap / 2) + sqrt(R / 2) >= 0.180, the least total variation between the data and a bump."""
    tau = least(total_variation)
    assert tau == pytest.approx(0.18045, abs=5e-5)
    assert 2 * (tau - np.sqrt(0.0002 / 2)) ** 2 == pytest.approx(0.058, abs=5e-4)
    assert 2 * (tau - np.sqrt(0.002 / 2)) ** 2 == pytest.approx(0.044, abs=5e-4)
    scales = np.linspace(0.01, 2, 20)
    for objective, steps in ((elbo, 1), (elbo, 40), (beta_vae(2.0), 200), (beta_vae(1.2), 200)):
        models = train_toys(PROCESS.p_x, "printed", objective, seeds=range(20), init_scale=scales, steps=steps)
        assert (np.sqrt(gaps(models) / 2) + np.sqrt(models.rates / 2) >= tau).all()


def test_the_same_rate_can_hold_the_class_or_hardly_any_of_it():
    """At R = 0.5 on the line: bumps find the class, tables find any code. By hand I(Z; Z*) = 0.378."""
    bumps = train_toys(PROCESS.p_x, "printed", target_rate(0.5), seeds=range(8), init_scale=0.3)
    tables = train_toys(PROCESS.p_x, "table", target_rate(0.5), seeds=range(8))
    assert max(gaps(bumps).max(), gaps(tables).max()) < 0.002
    assert class_information(bumps).min() > 0.36
    assert class_information(tables).max() < 0.06


@pytest.mark.full
def test_a_thousand_models_in_one_batch():
    models = train_toys(PROCESS.p_x, "table", target_rate(0.5), seeds=range(1000))
    objective = models.distortions + 2 * np.abs(models.rates - 0.5)
    assert (objective - (H - 0.5)).max() <= 0.002
    assert (objective - (H - 0.5)).min() > -1e-9


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"p_x": [0.5, 0.6]}, "p_x: expected sums of one"),
        ({"parametrisation": "both"}, "parametrisation: expected one of printed, output, one-hot, table, got 'both'"),
        ({"optimiser": "lbfgs"}, "optimiser: expected one of adam, sgd, got 'lbfgs'"),
        ({"seeds": []}, "seeds: expected at least 1, got 0"),
        ({"codes": 0}, "codes: expected at least 1, got 0"),
        ({"steps": 0}, "steps: expected at least 1, got 0"),
        ({"init_scale": -1.0}, "init_scale: expected finite numbers, 0 or more"),
        ({"init_scale": [1.0, 2.0, 3.0]}, "init_scale: expected one number or one for each of the 2 seeds"),
        ({"learning_rate": 0.0}, "learning_rate: expected a positive number, got 0.0"),
    ],
)
def test_impossible_trainings_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        train_toys(**{"p_x": [0.5, 0.5], "seeds": [0, 1], **options})


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: beta_vae(-1), "beta: expected a finite number, 0 or more"),
        (lambda: target_rate(-0.5), "target: expected a rate in nats, 0 or more, got -0.5"),
        (lambda: target_rate(0.5, 1.0), "multiplier: expected more than 1"),
        (lambda: target_rate_squared(float("nan"), 1), "target: expected a rate"),
        (lambda: target_rate_squared(0.5, 0), "weight: expected a positive number, got 0"),
    ],
)
def test_impossible_objectives_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_a_training_that_diverges_says_so():
    with pytest.raises(TrainingError, match="a rate or distortion is not finite"):
        train_toys(PROCESS.p_x, "output", seeds=range(2), optimiser="sgd", learning_rate=1e9, steps=200)
