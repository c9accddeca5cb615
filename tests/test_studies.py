"""The columns of the tables that studies fill, each against its own definition."""

from math import e, hypot, log, pi

import numpy as np
import pytest
import torch

from companion import data, learn, measure
from companion.learn import build
from companion.learn.training import SUBSET, fixed_subset
from companion.models import generator
from companion.objectives import TrainingStep, ValidInformation, VariationalPosterior
from companion.objectives.information import POSTERIOR_STREAM
from companion.objectives.regularised import PRIOR_STREAM
from companion.seeds import DRAWS
from companion.studies import measured, measures, minibatch_total_correlation

DIGITS = learn.preset("laptop", "digits", latent_dim=4, dense=True, steps=2)


def test_the_subset_that_validates_is_spread_over_all_images_and_always_the_same():
    """Published splits are sorted by class: the first thousand images would be of few."""
    sorted_by_class = np.repeat(np.arange(10), 500)
    some = fixed_subset(sorted_by_class)
    assert len(some) == SUBSET
    assert (np.bincount(some, minlength=10) > 70).all()  # 100 expected, with a standard deviation of 8.5
    assert np.array_equal(some, np.sort(some))  # in their own order
    assert np.array_equal(some, fixed_subset(sorted_by_class))
    assert np.array_equal(fixed_subset(sorted_by_class[:7]), sorted_by_class[:7])


def test_a_tighter_bound_has_the_errors_of_both_its_parts():
    """IWAE-5 is the ELBO of all images plus the gain of a few: the errors add as independent ones do."""
    model, images = build(DIGITS, (8, 8)), data.load("digits")
    (row,) = measured(model, DIGITS, images, ["test"])
    gain, gain_se = measure.iwae_gain(model, images.test, 5)
    elbo_se = measure.evaluate(model, images.test).elbo_se
    assert gain_se > 0
    assert row["iwae5"] == pytest.approx(row["elbo"] + gain, abs=2e-6)
    assert row["iwae5_se"] == pytest.approx(hypot(elbo_se, gain_se), abs=2e-6)
    assert row["iwae5_se"] > row["elbo_se"] + 2e-6


def test_the_rows_of_latents_add_the_entropy_of_as_many_dimensions_as_are_rewarded(monkeypatch):
    """Literal minus valid is the difference of two entropies: d/2 log 2 pi e of d dimensions, and the aggregate's."""
    monkeypatch.setattr(measures, "STEPS", 1)
    for indices in ((1,), (0, 2, 3)):
        config = DIGITS.replace(objective="mi_valid", latent_indices=indices)
        (row,) = measured(build(config, (8, 8)), config, data.load("digits"), ["test"])
        literal = len(indices) / 2 * log(2 * pi * e)
        assert row["mi_literal"] - row["mi_valid"] == pytest.approx(literal - row["entropy_aggregate"], abs=5e-6)
        assert row["latent_indices"] == ",".join(map(str, indices))


def test_minibatches_know_the_size_of_the_data_set():
    """Where no two codes overlap, a code meets its own encoder alone, of weight 1/n: log n for k = 2."""
    n = 256
    mean = torch.arange(n)[:, None].float().expand(n, 2) * 10
    found = minibatch_total_correlation(mean, torch.full((n, 2), 0.1))
    assert found.n == n // 64
    assert found.value == pytest.approx(log(n), rel=1e-5)


@pytest.mark.parametrize("critic_input", ["image", "encoder"])
def test_a_category_told_from_the_image_is_averaged_over_and_not_drawn(critic_input):
    """log Q is the exact mean over e(c|x): no draw of the code changes it."""
    config = DIGITS.replace(objective="mi_valid", categories=3, critic_input=critic_input)
    model, x = build(config, (8, 8)), torch.from_numpy(data.load("digits").test[:50])
    posterior = VariationalPosterior(model, config.objective, seed=0)
    with torch.no_grad():
        outs = [model(x, generator(seed)) for seed in (1, 2)]
        values = [posterior.log_prob(model, out, generator(0)) for out in outs]
        q = posterior(model, outs[0].x).logits
    assert not torch.equal(outs[0].z[:, 4:], outs[1].z[:, 4:])
    assert torch.equal(*values)
    assert torch.allclose(values[0], (outs[0].e.categorical.probs * q).sum(1))


def test_a_category_told_from_the_decoder_is_the_one_that_was_decoded():
    config = DIGITS.replace(objective="mi_valid", categories=3)
    model, x = build(config, (8, 8)), torch.from_numpy(data.load("digits").test[:50])
    posterior = VariationalPosterior(model, ValidInformation(), seed=0)
    with torch.no_grad():
        out = model(x, generator(1))
        logits = posterior(model, out.d.mean).logits
        found = posterior.log_prob(model, out, generator(0))
    assert torch.allclose(found, logits[torch.arange(50), out.z[:, 4:].argmax(1)])


def test_what_a_loss_draws_for_itself_is_independent_of_what_the_units_draw():
    """Each unit's turn has a stream of its own; the streams of the losses are none of these."""
    step = TrainingStep(number=5, total=10, seed=3, examples=100)
    turns = {generator(3, DRAWS, 5, turn).initial_seed() for turn in range(3)}
    own = {step.generator(stream, "cpu").initial_seed() for stream in (POSTERIOR_STREAM, PRIOR_STREAM)}
    assert len(turns | own) == 5
