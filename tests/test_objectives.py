"""Objectives against values computed by hand, and training against the rates it was told to reach."""

from dataclasses import dataclass
from math import exp, inf, log, nan, sqrt

import numpy as np
import pytest
import torch
from scipy.stats import norm

from companion import data, learn, measure, objectives
from companion.learn import build, fit, training_units
from companion.models import ForwardOutput
from companion.objectives import LearnedMultiplier, TrainingStep, TrainingUnit
from companion.objectives.elbo import MULTIPLIER_LIMIT
from companion.terms import Terms

DIGITS = learn.preset("laptop", "digits")
HELD = {name: DIGITS.replace(objective=name, target=6.0) for name in ("target_rate", "multiplier", "capacity")}
BATCH = Terms(log_e=np.array([2.0, 6.0]), log_d=np.array([-70.0, -80.0]), log_m=np.array([-3.0, -1.0]))  # R 6, D 75


def terms_of(rate: torch.Tensor, distortion: torch.Tensor) -> Terms:
    return Terms(rate, -distortion, torch.zeros_like(rate))


def test_objectives_have_the_values_computed_by_hand():
    assert (BATCH.rate.mean(), BATCH.distortion.mean()) == (6.0, 75.0)
    assert objectives.beta_vae(BATCH, 0.5) == 75 + 3
    assert objectives.target_rate(BATCH, 10.0, 5.0) == 75 + 5 * 4
    assert objectives.target_rate(BATCH, 4.0, 5.0) == 75 + 5 * 2
    assert objectives.lagrangian(BATCH, 10.0, 0.5) == 75 - 0.5 * 4
    assert objectives.capacity(BATCH, 10.0, 5.0, 0.25) == 75 + 5 * 1  # the capacity is 5
    for progress in (0.5, 0.75, 1.0):
        assert objectives.capacity(BATCH, 10.0, 5.0, progress) == objectives.target_rate(BATCH, 10.0, 5.0)
    assert objectives.capacity(BATCH, 10.0, 5.0, 0.0) == 75 + 5 * 6


def test_the_distance_is_that_of_the_mean_rate_and_not_the_mean_of_distances():
    t = terms_of(torch.tensor([2.0, 10.0]), torch.zeros(2))
    assert objectives.target_rate(t, 6.0, 5.0).item() == 0


@pytest.mark.parametrize("value", [-1.0, nan, inf])
def test_impossible_targets_weights_and_shares_are_refused(value):
    for name in ("target_rate", "capacity", "lagrangian"):
        arguments = {"target_rate": (5.0,), "capacity": (5.0, 0.5), "lagrangian": (1.0,)}[name]
        with pytest.raises(ValueError, match="target: expected a finite rate in nats, 0 or more"):
            getattr(objectives, name)(BATCH, value, *arguments)
    with pytest.raises(ValueError, match="weight: expected a positive, finite number"):
        objectives.target_rate(BATCH, 6.0, value)
    with pytest.raises(ValueError, match=r"progress: expected a share of the steps from 0 to 1"):
        objectives.capacity(BATCH, 6.0, 5.0, value)


def test_the_distance_is_exact_above_the_slope_and_a_square_is_not():
    """On the line D = 3 - R, of slope 1: the least value over R in [0, 3], found on a grid."""
    rates = np.linspace(0, 3, 3001)
    lines = [Terms(np.array([r]), np.array([r - 3]), np.zeros(1)) for r in rates]
    for weight, best in {1.5: 1.2, 5.0: 1.2, 0.5: 3.0}.items():  # below the slope every nat of rate is worth its price
        values = [objectives.target_rate(t, 1.2, weight) for t in lines]
        assert rates[np.argmin(values)] == pytest.approx(best)
    squares = [t.distortion.mean() + 5.0 * (t.rate.mean() - 1.2) ** 2 for t in lines]
    assert rates[np.argmin(squares)] == pytest.approx(1.2 + 1 / (2 * 5.0))


def test_batches_blur_the_kink_as_the_docstring_says():
    """R of a batch is N(r, 1) and D = -r: the minimum over r against the quantile that the derivative gives."""
    noise = norm.ppf((np.arange(20_000) + 0.5) / 20_000)
    shifts = np.linspace(0, 1, 501)
    for weight in (2.0, 5.0):
        value = [-r + weight * np.abs(r + noise).mean() for r in shifts]
        assert shifts[np.argmin(value)] == pytest.approx(norm.ppf((1 + 1 / weight) / 2), abs=0.005)


def test_the_configuration_picks_the_objective_and_its_schedule():
    terms = terms_of(torch.tensor([2.0, 10.0]), torch.tensor([70.0, 80.0]))
    met = ForwardOutput(x=None, e=None, z=None, d=None, terms=terms)
    config = HELD["target_rate"].replace(target=10.0, weight=3.0)

    def loss(config: learn.Config, number: int) -> float:
        return config.objective.loss(None, met, TrainingStep(number, DIGITS.steps, 0, 1197)).item()

    assert loss(config, 5) == 75 + 3 * 4
    assert loss(config.replace(objective="capacity"), DIGITS.steps // 4) == 75 + 3 * 1
    assert loss(DIGITS.replace(beta=2.0, annealed=True), DIGITS.steps // 8) == 75 + 1.0 * 6
    assert loss(DIGITS.replace(beta=2.0, annealed=True), DIGITS.steps // 2) == 75 + 2.0 * 6


def multiplier_of(target):
    objective = LearnedMultiplier(target=target)
    return objective.auxiliary_model(build(DIGITS, (8, 8)), objective, 0)


def test_the_multiplier_finds_the_slope_of_a_known_frontier():
    """On D = exp(-R) the saddle of a target t is R = t with the multiplier exp(-t), the slope there."""
    for target in (0.2, 1.0):
        rate, multiplier = torch.nn.Parameter(torch.tensor([1.0])), multiplier_of(target)

        def loss(x, rng, step, rate=rate, multiplier=multiplier):
            return multiplier.lagrangian_loss(terms_of(rate, torch.exp(-rate)))

        model = TrainingUnit("rate", loss, torch.optim.SGD([rate], lr=1.0))
        list(fit([model, *multiplier.units()], lambda step: torch.zeros(1), steps=3000))
        assert rate.item() == pytest.approx(target, abs=0.06)
        assert multiplier().item() == pytest.approx(exp(-target), rel=0.06)


@pytest.mark.parametrize("sign", [1, -1])
def test_a_target_out_of_reach_leaves_the_multiplier_at_its_limit_and_free_to_return(sign):
    multiplier = multiplier_of(5.0)
    (unit,) = multiplier.units()

    def push(excess: float, steps: int) -> None:
        multiplier.excess = torch.tensor(excess)
        for _ in range(steps):
            unit.optimizer.zero_grad()
            unit.loss(torch.zeros(1), torch.Generator(), 0).backward()
            unit.optimizer.step()

    push(3.0 * sign, 400)
    assert sign * log(multiplier().item()) == pytest.approx(log(MULTIPLIER_LIMIT), abs=0.05)
    push(-3.0 * sign, 100)
    assert sign * log(multiplier().item()) < log(MULTIPLIER_LIMIT) - 1


def test_the_multiplier_is_within_its_limits_when_it_is_used():
    multiplier = multiplier_of(5.0)
    for sign in (-1, 1):
        multiplier.log.data.fill_(20.0 * sign)
        assert multiplier().item() == pytest.approx(MULTIPLIER_LIMIT**sign)


def test_an_objective_with_a_setting_that_has_no_default_for_tables_is_not_registered():
    @dataclass(frozen=True)
    class Strange(objectives.BetaVAE):
        temper: float = 1.0

    with pytest.raises(ValueError, match=r"strange: expected its settings in SETTINGS, .*, got \{.temper.\}"):
        objectives.register("strange")(Strange)
    assert "strange" not in objectives.OBJECTIVES


def test_the_training_units_of_each_objective():
    for name, config in {"beta_vae": DIGITS, **HELD}.items():
        units, others = training_units(build(config, (8, 8)), config, 1197)
        assert [unit.name for unit in units] == ["VAE", "multiplier"][: 1 + (name == "multiplier")]
        assert list(others) == (["multiplier"] if name == "multiplier" else [])


@pytest.mark.parametrize(("name", "within"), [("target_rate", 1.0), ("capacity", 1.0), ("multiplier", 0.75)])
def test_training_reaches_the_target_rate_within_the_noise_of_a_batch(name, within):
    """``within`` is in standard errors of a batch's mean rate; a run at beta = 1 ends at another rate."""
    digits = data.load("digits")
    point = measure.evaluate(learn.train(HELD[name].replace(dense=True), progress=False).model, digits.train)
    noise = max(0.1, point.rate_se * sqrt(point.n / DIGITS.batch_size))
    assert point.rate == pytest.approx(6.0, abs=within * noise)


@pytest.mark.parametrize(
    ("name", "family"), [("target_rate", "---"), ("multiplier", "+-+"), ("capacity", "--v"), ("beta_vae", "+-v")]
)
def test_a_run_that_was_broken_off_twice_ends_in_the_same_bits(name, family, broken_off):
    config = HELD.get(name, DIGITS).replace(
        steps=40, family=family, width=0.05, normalised_gradients=name == "beta_vae"
    )
    stored = broken_off(config, 12, 30)
    assert ("multiplier/log" in stored) == (name == "multiplier")
    assert ("best/encoder.mean.bias" in stored) == (name == "beta_vae")  # rates that are held keep the last
