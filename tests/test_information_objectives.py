"""Rewarded information: what it is worth, on codes whose information is known; and tables for the lemma."""

from math import e, log, pi

import numpy as np
import pytest
import torch
from scipy.special import rel_entr
from torch import nn
from torch.distributions import Bernoulli, Independent, Normal, OneHotCategorical

from companion import data, learn, sweeps
from companion.exact.discrete import DiscreteModel
from companion.exact.tables import kl
from companion.learn import batches, build, fit, training_units
from companion.measure.categories import category_entropy, category_information, category_probabilities
from companion.models import VAE, GaussianCategorical, GaussianCategoricalMarginal, generator, random_affine
from companion.objectives import LiteralInformation, VariationalPosterior
from companion.results import schema
from companion.studies import fit_probe, measures, probe_log_prob

DIGITS = learn.preset("laptop", "digits", dense=True)
ASKED = DIGITS.replace(objective="mi_valid", categories=4, latent_dim=4, weight=3.0)
SHARP = 8.0  # a logit that is nearly certain


class Says(nn.Module):
    """e(z, c|x) with a category that is blind, constant or told by four pixels; z repeats it if it leaks."""

    def __init__(self, kind: str, leaks: bool = False) -> None:
        super().__init__()
        self.kind, self.leaks, self.weight = kind, leaks, nn.Parameter(torch.zeros(1))

    def forward(self, x: torch.Tensor) -> GaussianCategorical:
        told = x[:, 2:4, 2:4].flatten(1).argmax(1) if self.kind == "told" else torch.zeros(len(x), dtype=torch.long)
        logits = 50 * nn.functional.one_hot(told, 4).float() * (self.kind != "blind") + self.weight
        mean = 3 * nn.functional.one_hot(told, 4).float() * self.leaks
        return GaussianCategorical(Independent(Normal(mean, 0.01), 1), OneHotCategorical(logits=logits))


class Writes(nn.Module):
    """d(x|z, c) that blackens the row of the image that c names, or that the largest entry of z names."""

    def __init__(self, part: slice) -> None:
        super().__init__()
        self.part, self.weight = part, nn.Parameter(torch.zeros(1))

    def forward(self, code: torch.Tensor) -> Independent:
        named = nn.functional.one_hot(code[:, self.part].argmax(1), 4).float()
        logits = SHARP * (2 * named.repeat_interleave(2, 1) - 1)[:, :, None].expand(-1, 8, 8)
        return Independent(Bernoulli(logits=logits + self.weight), 2)


Z, C = slice(0, 4), slice(4, 8)


def model_of(kind: str, part: slice, leaks: bool = False) -> VAE:
    return VAE(Says(kind, leaks), Writes(part), GaussianCategoricalMarginal(4, 4), (8, 8))


def rewarded(model: VAE, critic_input: str, objective: str = "mi_valid") -> float:
    """The bound on 300 test images after Q has learned for 300 steps."""
    config = ASKED.replace(objective=objective, critic_input=critic_input, steps=300)
    posterior = VariationalPosterior(model, config.objective, config.seed)
    list(fit(posterior.units(model), batches(data.load("digits"), config), config.steps))
    with torch.no_grad():
        out = model(torch.from_numpy(data.load("digits").test), generator(1))
        return posterior.information(model, out, generator(2)).item()


@pytest.mark.verifies("thm-asking-literal")
def test_the_literal_sum_is_the_rate_of_the_category_less_the_posteriors_gap():
    rng, uniform = np.random.default_rng(1), np.full(4, 1 / 4)
    for encoder in (rng.dirichlet(np.ones(4), 6), np.eye(4)[[2] * 6]):
        p, q = rng.dirichlet(np.ones(6)), rng.dirichlet(np.ones(4), 6)
        table = DiscreteModel(p, encoder, np.full((4, 6), 1 / 6), uniform)
        gap = p @ rel_entr(encoder, q).sum(1)
        assert log(4) + (table.joint * np.log(q)).sum() == pytest.approx(table.rate - gap)
        assert table.rate == pytest.approx(table.mutual_information + kl(table.aggregate, uniform))
    assert (table.rate, table.mutual_information) == (pytest.approx(log(4)), 0)


def test_one_category_for_all_reports_log_k_literally_and_nothing_validly():
    model = model_of("constant", C)
    assert rewarded(model, "reconstruction", "mi_literal") == pytest.approx(log(4), abs=0.01)
    assert rewarded(model, "reconstruction") == pytest.approx(0, abs=0.01)


@pytest.mark.verifies("thm-asking-blind")
def test_a_decoder_that_writes_a_blindly_drawn_category_shows_all_of_it_and_certifies_nothing():
    model = model_of("blind", C)
    assert rewarded(model, "reconstruction") == pytest.approx(log(4), abs=0.01)
    assert rewarded(model, "prior") == pytest.approx(log(4), abs=0.01)
    assert rewarded(model, "image") < 0.01


@pytest.mark.verifies("thm-asking-blind")
def test_numbers_that_give_the_category_away_are_replaced_by_the_marginals():
    model = model_of("told", Z, leaks=True)  # the decoder looks at z alone, and z repeats c
    entropy = category_entropy(category_probabilities(model, data.load("digits").test)).value
    assert rewarded(model, "reconstruction") > 0.9 * entropy
    assert rewarded(model, "prior") < 0.05


@pytest.mark.verifies("thm-asking-blind")
def test_the_probe_of_the_image_finds_the_information_and_no_more():
    model, images = model_of("told", C), data.load("digits")
    found = {given: fit_probe(model, ASKED, images, given) for given in ("reconstruction", "image")}
    entropy = category_entropy(category_probabilities(model, images.test)).value
    for given, least in (("reconstruction", 0.99), ("image", 0.8)):
        bound = probe_log_prob(found[given], model, images.test).mean().item() + entropy
        assert least * entropy < bound <= entropy


def test_the_entropy_of_numbers_is_the_marginals_or_at_most_the_aggregates():
    config = DIGITS.replace(objective="mi_valid", latent_indices="1,3")
    model = build(config, (8, 8))
    out = model(torch.from_numpy(data.load("digits").train[:256]), generator(0))
    literal = VariationalPosterior(model, LiteralInformation(latent_indices=(1, 3)), 0).entropy(out).item()
    assert literal == pytest.approx(log(2 * pi * e), rel=1e-6)
    mean, variance = (getattr(out.e, name)[:, [1, 3]].double() for name in ("mean", "variance"))
    mixture = Independent(Normal(mean[:, None], variance[:, None].sqrt()), 1)
    inside = mixture.log_prob(out.z[:, [1, 3]].double()).logsumexp(0) - log(256)
    assert VariationalPosterior(model, config.objective, 0).entropy(out).item() == pytest.approx(
        -inside.mean().item(), rel=1e-4
    )


def test_the_model_descends_its_terms_less_the_paid_bound_and_the_posterior_leaves_it_alone():
    model = build(ASKED, (8, 8))
    (reading, vae), kept = training_units(model, ASKED, 1197)
    assert (reading.name, vae.name, list(kept)) == ("variational_posterior", "VAE", ["variational_posterior"])
    assert not {id(p) for p in model.parameters()} & {id(p) for p in kept["variational_posterior"].parameters()}
    x = torch.from_numpy(data.load("digits").train[:32])
    reading.loss(x, generator(0), 0).backward()
    assert all(p.grad is None for p in model.parameters())
    free, paid, dear = (
        training_units(model, ASKED.replace(weight=w), 1197)[0][1].loss(x, generator(3), 5).item()
        for w in (0.0, 1.0, 2.0)
    )
    assert paid - free == pytest.approx(dear - paid, abs=1e-4)


def test_the_encoder_as_posterior_is_exact_and_loses_by_augmentation():
    """I(c; x) of the batch, less a KL that the augmentation costs; both sides learn, and nothing else is trained."""
    config = ASKED.replace(critic_input="encoder")
    model = model_of("told", C)
    x = torch.from_numpy(data.load("digits").train[:64])
    out = model(x, generator(0))
    probs = out.e.categorical.probs.detach().double()
    exact = category_information(probs).value
    assert exact > 0.5
    assert VariationalPosterior(model, config.objective, 0).information(
        model, out, generator(0)
    ).item() == pytest.approx(exact, abs=1e-5)
    posterior = VariationalPosterior(model, config.replace(augmented=True).objective, 0)
    read = model.encoder(random_affine(out.x, generator(0))).categorical.probs.detach().double()
    cost = rel_entr(probs.numpy(), read.numpy()).sum(1).mean().item()
    assert cost > 1
    assert posterior.information(model, out, generator(0)).item() == pytest.approx(exact - cost, rel=1e-5)
    units, kept = training_units(model, config, 1197)
    assert [unit.name for unit in units] == ["VAE"]
    assert not list(kept["variational_posterior"].parameters())


@pytest.mark.parametrize(
    "changes",
    [
        {"categories": 4},
        {"categories": 4, "critic_input": "encoder", "augmented": True},
        {"latent_indices": "0,2", "critic_input": "prior", "augmented": True},
    ],
)
def test_a_run_with_a_posterior_that_was_broken_off_ends_in_the_same_bits(changes, broken_off):
    stored = broken_off(DIGITS.replace(objective="mi_valid", steps=40, **changes), 30)
    assert any(name.startswith("variational_posterior/") for name in stored) == (
        changes.get("critic_input") != "encoder"
    )


def test_a_random_affine_map_keeps_the_ink_and_moves_it_a_little():
    x = torch.zeros(400, 28, 28)
    x[:, 10:18, 13:15] = 1
    moved = random_affine(x, generator(0))
    assert moved.sum((1, 2)).mean().item() == pytest.approx(16, rel=0.05)
    rows = torch.arange(28.0)
    centre = (moved.sum(2) * rows).sum(1) / moved.sum((1, 2))
    assert centre.mean().item() == pytest.approx(13.5, abs=0.2)
    assert (centre - 13.5).abs().max() < 3.5
    assert len({tuple(image.flatten().tolist()) for image in moved}) == 400


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"objective": "mi_valid"}, "latent_indices: expected some dimensions of the code, such as '3,17', got ''"),
        (
            {"objective": "mi_valid", "latent_indices": "1,16"},
            "latent_indices: expected (different whole numbers|dimensions from 0 to 15)",
        ),
        (
            {"objective": "mi_valid", "latent_indices": "1,1"},
            "latent_indices: expected (different whole numbers|dimensions from 0 to 15)",
        ),
        (
            {"objective": "mi_valid", "latent_indices": "one"},
            "latent_indices: expected (different whole numbers|dimensions from 0 to 15)",
        ),
        (
            {"objective": "mi_valid", "latent_indices": "1", "categories": 4},
            "latent_indices: expected none beside categories",
        ),
        ({"objective": "mi_valid", "categories": 4, "weight": -1.0}, "weight: expected a finite number, 0 or more"),
        (
            {"objective": "mi_valid", "categories": 4, "critic_input": "mind"},
            "critic_input: expected one of reconstruction, prior",
        ),
        (
            {"objective": "mi_valid", "latent_indices": "1", "critic_input": "encoder"},
            "critic_input: expected 'encoder' for categories",
        ),
        (
            {"objective": "mi_valid", "categories": 4, "annealed": True},
            "annealed: expected none with the objective mi_valid, got True",
        ),
        ({"critic_input": "image"}, "critic_input: expected none with the objective beta_vae, got 'image'"),
        (
            {"objective": "mi_valid", "categories": 4, "target": 3.0},
            "target: expected none with the objective mi_valid",
        ),
        ({"weight": 0.0}, "weight: expected none with the objective beta_vae, got 0.0"),
    ],
)
def test_impossible_questions_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        learn.Config.of(data="digits", latent_dim=16, **changes)


@pytest.mark.needs("mnist-static")
def test_categories_without_labels_are_refused_before_any_training(tmp_path):
    with pytest.raises(ValueError, match="data: expected images with labels beside categories, got mnist-static"):
        sweeps.run(learn.preset("laptop", "mnist-static", categories=10), tmp_path / "run", progress=False)
    assert not (tmp_path / "run").exists()


def test_a_row_of_categories_keeps_the_identities_and_the_bounds(tmp_path, monkeypatch):
    """Also for a run whose rate was held, which rewards no information in training."""
    monkeypatch.setattr(measures, "STEPS", 60)
    held = DIGITS.replace(objective="target_rate", target=3.0, categories=4, steps=60)
    for config in (ASKED.replace(steps=60), held):
        rows = sweeps.run(config, tmp_path / config.hash, progress=False)
        assert [tuple(row) for row in rows] == [schema.SCHEMAS["categories"]] * 2
        for row in rows:
            assert row["mi_exact"] + row["kl_aggregate"] == pytest.approx(row["kl_c"], abs=2e-6)
            assert row["kl_aggregate"] + row["entropy_aggregate"] == pytest.approx(log(4), abs=2e-6)
            assert row["mi_direct"] <= row["mi_exact"] + 5 * row["mi_direct_se"]
            assert row["mi_valid"] <= row["entropy_aggregate"]


def test_what_q_is_given_has_pixels_from_minus_one_to_one():
    model = build(ASKED, (8, 8))
    posterior = VariationalPosterior(model, ASKED.objective, seed=0)
    y = torch.rand(3, 8, 8, generator=generator(0))
    assert torch.equal(posterior(model, y).logits, posterior.network((2 * y - 1).flatten(1)).logits)
