"""The relatives of the ELBO as training runs: who moves what, the same bits again, and rows with every quantity."""

from dataclasses import replace
from math import isfinite, log
from pathlib import Path

import pytest
import torch
from torch.distributions import Independent, Normal

from companion import data, learn, objectives, results, sweeps
from companion.learn import build, fit, training_units
from companion.measure.decomposition import gaussian_surgery
from companion.models import ForwardOutput, draw, generator
from companion.models.critics import logistic_loss
from companion.objectives import OBJECTIVES, Penalised, TrainingStep, TrainingUnit, penalties
from companion.objectives.regularised import PRIOR_STREAM
from companion.results import schema
from companion.seeds import DRAWS
from companion.studies import measures
from companion.studies import penalised as study
from companion.terms import Terms

DIGITS = learn.preset("laptop", "digits", dense=True, steps=40)
GRID = Path(__file__).parents[1] / "book" / "results" / "relatives.toml"
PENALISED = {name: cls for name, cls in OBJECTIVES.items() if issubclass(cls, Penalised)}
ADVERSARIAL = ("factor_vae", "aae", "wae_gan")
RUNS = {n: DIGITS.replace(objective=n, beta=float(not c.matched), weight=2.0) for n, c in PENALISED.items()}
STEP = TrainingStep(7, 40, 0, 1197)
IMAGES = torch.from_numpy(data.load("digits").train[:8])


def moved(module: torch.nn.Module, before: dict[str, torch.Tensor]) -> bool:
    return any(not torch.equal(tensor, before[name]) for name, tensor in module.state_dict().items())


def copied(module: torch.nn.Module) -> dict[str, torch.Tensor]:
    return {name: tensor.clone() for name, tensor in module.state_dict().items()}


def encoded(mean: torch.Tensor, scale: torch.Tensor, rng: torch.Generator) -> ForwardOutput:
    """Codes of free Gaussians, and images that cost no rate and distortion."""
    e = Independent(Normal(mean, scale), 1)
    return ForwardOutput(None, e, draw(e, rng), None, Terms(*[torch.zeros(len(mean))] * 3))


def test_each_objective_adds_its_own_penalty_to_its_own_terms():
    """Tolstikhin et al. (2018), eq. 4, and its relatives: R = 6, D = 75, and a penalty looked up by hand."""
    met = encoded(torch.tensor([[1.0, 0.0], [-1.0, 0.5]]), torch.tensor([[0.5, 1.0], [1.0, 2.0]]), generator(0))
    met = replace(met, terms=Terms(*(torch.tensor(v) for v in ([2.0, 6.0], [-70.0, -80.0], [-3.0, -1.0]))))
    code = met.e.mean, met.e.stddev
    others = torch.randn(2, 2, generator=generator(0, DRAWS, 7, PRIOR_STREAM))
    discrepancy = penalties.maximum_mean_discrepancy(met.z, others)
    by_hand = {
        "beta_tcvae": 81 + 2 * penalties.total_correlation_mss(met.z, *code, n=1197),
        "dip_vae_i": 81 + 2 * penalties.dip_i(*code),
        "dip_vae_ii": 81 + 2 * penalties.dip_ii(*code),
        "wae_mmd": 75 + 2 * discrepancy,
        "info_vae": 81 + 2 * discrepancy,
        "infomax_vae": torch.tensor(81 + 2 * 75.0),
    }
    assert by_hand.keys() | set(ADVERSARIAL) == PENALISED.keys()
    for name, value in by_hand.items():
        assert RUNS[name].objective.loss(None, met, STEP).item() == pytest.approx(value.item(), rel=1e-6)


def discriminator_of(config, model=None):
    _, others = training_units(model or build(config, (8, 8)), config, 1197)
    return others.get("discriminator")


def test_each_adversary_adds_what_its_discriminator_says():
    """Kim & Mnih (2018), eq. 3: the mean logit. Tolstikhin et al. (2018), algorithm 1: -log D(z). AAE: D alone."""
    met = encoded(torch.zeros(2, 16), torch.ones(2, 16), generator(0))
    met = replace(met, terms=Terms(*(torch.tensor(v) for v in ([2.0, 6.0], [-70.0, -80.0], [-3.0, -1.0]))))
    expected = {"factor_vae": 81 + 2 * 3.0, "wae_gan": 75 + 2 * log(1 + 2.718281828459045**-3), "aae": 75.0}
    for name, value in expected.items():
        model = build(RUNS[name], (8, 8))
        discriminator = discriminator_of(RUNS[name], model)
        discriminator.network.network[-1].weight.data.zero_()
        discriminator.network.network[-1].bias.data.fill_(3.0)
        assert RUNS[name].objective.loss(model, met, STEP, discriminator).item() == pytest.approx(value, rel=1e-6)


@pytest.mark.parametrize("name", ADVERSARIAL)
def test_no_unit_moves_what_another_one_trains(name):
    """The discriminator's loss has no gradient in the encoder, and the model's step leaves the discriminator alone."""
    config = RUNS[name]
    model = build(config, (8, 8))
    units, others = training_units(model, config, 1197)
    discriminator = others["discriminator"]
    assert [u.name for u in units] == ["VAE", "discriminator", *["encoder"] * (name == "aae")]
    may_move = {"VAE": {"encoder", "decoder"}, "discriminator": {"discriminator"}, "encoder": {"encoder"}}
    parts = {"encoder": model.encoder, "decoder": model.decoder, "discriminator": discriminator}
    for turn, unit in enumerate(units):
        before = {part: copied(module) for part, module in parts.items()}
        model.zero_grad()
        unit.optimizer.zero_grad()
        unit.loss(IMAGES, generator(0, turn), 0).backward()
        if unit.name == "discriminator":
            assert all(p.grad is None for p in model.parameters())
        unit.optimizer.step()
        assert {part for part, module in parts.items() if moved(module, before[part])} == may_move[unit.name]


def test_the_kinds_that_a_discriminator_is_shown():
    """Codes are the true kind beside permute_dimensions ones; elsewhere draws of the marginal are, beside the codes."""
    for name, codes_are_true in {"factor_vae": True, "wae_gan": False, "aae": False}.items():
        discriminator = discriminator_of(RUNS[name])
        discriminator.codes = torch.full((64, 16), 5.0)
        discriminator.network.forward = lambda z: 2.0 * (z.mean(1) > 2.5)  # logits 2 at the codes, 0 elsewhere
        true, false = torch.full((64,), 2.0), torch.zeros(64)
        if name == "factor_vae":
            false = true  # equal dimensions stay equal when they are permute_dimensions
        expected = logistic_loss(true, false) if codes_are_true else logistic_loss(false, true)
        assert discriminator.discriminator_loss(generator(0)).item() == pytest.approx(expected.item())


@pytest.mark.parametrize("name", [n for n in PENALISED if n not in ("aae", "infomax_vae")])
def test_descending_a_penalty_lowers_what_it_stands_for(name):
    """64 free Gaussians in the plane, correlated and away from N(0, I): the exact quantity, before and after."""
    base = torch.randn(64, 1, generator=generator(1)) + 0.3 * torch.randn(64, 2, generator=generator(2))
    mean, spread = torch.nn.Parameter(1.5 * base + 1), torch.nn.Parameter(torch.full((64, 2), -0.5))
    config = RUNS[name].replace(weight=1.0, latent_dim=2)
    objective = config.objective
    discriminator = discriminator_of(config)

    def loss(x, rng, step):
        met = encoded(mean, spread.exp(), rng)
        return objective.loss(None, met, TrainingStep(step, 150, 0, 1197), discriminator)

    def measured() -> float:
        with torch.no_grad():
            code = mean.detach(), spread.exp()
            if PENALISED[name].quantity == "total_correlation":
                return gaussian_surgery(code[0], code[1] ** 2, draws=50).total_correlation
            if PENALISED[name].quantity == "mmd":
                z = draw(Normal(*code), generator(3), (50,)).flatten(0, 1)
                return penalties.maximum_mean_discrepancy(z, torch.randn(z.shape, generator=generator(4))).item()
            return getattr(penalties, PENALISED[name].quantity)(*code).item()

    before = measured()
    units = [TrainingUnit("codes", loss, torch.optim.Adam([mean, spread], lr=0.02))]
    units += discriminator.units(None, 0.0) if discriminator else []
    list(fit(units, lambda step: torch.zeros(1), steps=150))
    assert measured() < 0.7 * before


@pytest.mark.parametrize("beta", [0.0, 1.0])
def test_at_weight_zero_all_with_one_beta_are_one_run(beta):
    """So one row of the table stands for all of them; the second phase of AAE takes steps of length zero."""
    configs = [c.replace(weight=0.0, steps=6) for c in RUNS.values() if c.objective.beta == beta]
    states = [learn.train(config, progress=False).model.state_dict() for config in configs]
    for state in states[1:]:
        assert all(torch.equal(tensor, states[0][name]) for name, tensor in state.items())


@pytest.mark.parametrize("name", ["factor_vae", "wae_gan", "aae", "wae_mmd"])
def test_a_run_that_was_broken_off_ends_in_the_same_bits(name, broken_off):
    stored = broken_off(RUNS[name].replace(steps=20), 12, every=4)
    assert ("discriminator/network.network.0.weight" in stored) == (name in ADVERSARIAL)


def test_every_relative_trains_and_the_row_has_every_quantity(tmp_path, monkeypatch):
    """40 steps of each, and one whole run: columns, identities of the surgery, what each objective penalises."""
    for config in RUNS.values():
        point = learn.train(config, progress=False, every=40).history[-1][1]
        assert isfinite(point.rate + point.distortion)
        assert measures.table_of(config) == "relatives"
    monkeypatch.setattr(study, "TURNS", 20)
    rows = sweeps.run(RUNS["dip_vae_ii"].replace(steps=10), tmp_path / "run", progress=False)
    assert [row["split"] for row in rows] == ["validation", "test"]
    for row in rows:
        assert tuple(row) == schema.SCHEMAS["relatives"]
        assert row["lambda"] == 2.0
        assert row["information"] + row["marginal_kl"] == pytest.approx(row["rate"], abs=1e-4)
        assert row["total_correlation"] + row["dimension_wise_kl"] == pytest.approx(row["marginal_kl"], abs=1e-4)
    assert {cls.quantity for cls in PENALISED.values()} <= set(schema.SCHEMAS["relatives"])


def test_every_run_of_the_grid_has_its_twin_at_weight_zero():
    """The same seed and beta, so that what is penalised can be compared; every objective of the grid, five seeds."""
    grid = sweeps.read_grid(GRID)
    twins = {(c.objective.beta, c.seed) for c in grid if c.objective.weight == 0}
    paid = [c for c in grid if c.objective.weight > 0]
    names = {c.objective.name for c in paid}
    assert names <= PENALISED.keys()
    assert {(c.objective.name, c.seed) for c in paid} == {(name, seed) for name in names for seed in range(5)}
    assert {(c.objective.beta, c.seed) for c in paid} == twins
    assert len(grid) == len(paid) + len(twins)


def test_what_is_penalised_is_lower_than_in_the_twin_in_all_rows_so_far():
    rows = results.read_rows(GRID.with_suffix(".csv")) if GRID.with_suffix(".csv").is_file() else []
    twins = {(row["beta"], row["seed"], row["split"]): row for row in rows if row["lambda"] == 0}
    for row in rows:
        name, twin = PENALISED[row["objective"]].quantity, twins.get((row["beta"], row["seed"], row["split"]))
        if row["lambda"] and twin:
            assert row[name] < twin[name], (row["objective"], row["seed"], row["split"])


def test_the_codes_of_a_table_are_in_random_order_and_those_of_the_images():
    model, images = build(DIGITS.replace(latent_dim=2), (8, 8)), data.load("digits").test
    mean, scale = study.gaussian_codes(model, images)
    direct = model.encoder(torch.from_numpy(images).float())
    assert not torch.equal(mean, direct.mean)
    assert torch.allclose(mean.sort(0).values, direct.mean.sort(0).values, atol=1e-6)
    assert torch.allclose(scale.sort(0).values, direct.stddev.sort(0).values, atol=1e-6)
    assert torch.allclose(study.gaussian_codes(model, images, 7)[0], mean[:7], atol=1e-6)  # seven are summed otherwise


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"objective": "wae_mmd"}, "beta: expected 0 with the objective wae_mmd, whose penalty alone brings"),
        ({"objective": "aae", "beta": 0.1}, r"beta: expected 0 .* got 0\.1"),
        ({"objective": "wae_gan", "beta": 1.0}, r"beta: expected 0 .* got 1\.0"),
        ({"objective": "factor_vae", "family": "+--"}, r"family, categories: expected --- or -\+-, and 0, .* got \+--"),
        ({"objective": "info_vae", "family": "--v"}, r"family, categories: .* got --v, 0"),
        ({"objective": "dip_vae_i", "categories": 10}, r"family, categories: .* got ---, 10"),
        ({"objective": "info_vae", "annealed": True}, "annealed: expected none with the objective info_vae, got True"),
        ({"objective": "info_vae", "weight": -1.0}, r"weight: expected a finite number, 0 or more, got -1\.0"),
        ({"objective": "info_vae", "weight": float("inf")}, "weight: expected a finite number, 0 or more, got inf"),
        ({"objective": "info_vae", "target": 3.0}, r"target: expected none with the objective info_vae, got 3\.0"),
    ],
)
def test_impossible_relatives_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        DIGITS.replace(dense=False, **changes)


def test_impossible_weights_are_refused_by_the_form_itself():
    terms = Terms(*[torch.zeros(2)] * 3)
    with pytest.raises(ValueError, match=r"weight: expected a finite number, 0 or more, got -2\.0"):
        objectives.penalised(terms, 1.0, -2.0, 0.5)
    with pytest.raises(ValueError, match=r"beta: expected a finite number, 0 or more, got -1\.0"):
        objectives.penalised(terms, -1.0, 2.0, 0.5)
