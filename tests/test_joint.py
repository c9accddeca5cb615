"""Codes with a category beside their numbers: densities, divergences and draws against enumeration."""

import re
from math import log, sqrt

import numpy as np
import pytest
import torch
from scipy.stats import chisquare
from torch.distributions import Independent, Normal, OneHotCategorical, kl_divergence

from companion import data, learn, measure
from companion.learn import relaxed
from companion.models import GaussianCategorical, GaussianCategoricalMarginal, draw, family, generator
from companion.objectives import TrainingStep

LOGITS = torch.tensor([[0.0, 1.0, -2.0], [3.0, 0.0, 0.5]])
DIGITS = learn.preset("laptop", "digits", categories=10)


def code(temperature: float | None = None, numbers: int = 1) -> GaussianCategorical:
    mean = torch.tensor([[0.3], [-1.0]]).expand(2, numbers)
    return GaussianCategorical(Independent(Normal(mean, 0.7), 1), OneHotCategorical(logits=LOGITS), temperature)


def test_the_density_sums_to_one_over_categories_and_numbers():
    z = torch.linspace(-9, 9, 4001, dtype=torch.float64)
    every = torch.cat([z.repeat_interleave(3)[:, None], torch.eye(3).repeat(len(z), 1)], 1)
    mass = code().log_prob(every[:, None]).exp().sum(0) * 18 / 4000
    assert mass.tolist() == pytest.approx([1.0, 1.0], abs=1e-5)


def test_the_rate_is_the_sum_of_the_rates_of_the_parts_and_what_draws_say():
    """Serdega (2019), eq. 4.18."""
    e, m = code(numbers=2), GaussianCategoricalMarginal(2, 3)()
    rate = kl_divergence(e, m.expand(torch.Size([2])))
    probs = LOGITS.softmax(1)
    of_c = (probs * (probs * 3).log()).sum(1)
    of_z = 0.5 * (0.49 + e.gaussian.mean**2 - 1 - log(0.49)).sum(1)
    assert rate.tolist() == pytest.approx((of_z + of_c).tolist(), rel=1e-5)
    drawn = draw(e, generator(0), (100_000,))
    each = e.log_prob(drawn) - m.log_prob(drawn)
    error = each.std(0) / sqrt(len(each))
    assert ((each.mean(0) - rate).abs() < 5 * error).all()
    assert e.entropy().tolist() == pytest.approx((-e.log_prob(drawn).mean(0)).tolist(), abs=0.02)


@pytest.mark.parametrize("temperature", [None, 0.5])
def test_the_largest_entry_of_a_draw_has_the_probabilities_of_the_category(temperature):
    drawn = code(temperature).split(draw(code(temperature), generator(1), (20_000,)))[1]
    assert drawn.sum(-1).sub(1).abs().max() < 1e-5
    assert bool((drawn == drawn.round()).all()) == (temperature is None)
    for member in range(2):
        counts = drawn[:, member].argmax(-1).bincount(minlength=3).numpy()
        assert chisquare(counts, 20_000 * LOGITS[member].double().softmax(0).numpy()).pvalue > 1e-4


def test_a_draw_nears_a_category_as_the_temperature_falls_and_keeps_its_gradient():
    logits = LOGITS.clone().requires_grad_()
    numbers = Independent(Normal(torch.zeros(2, 1), 1.0), 1)
    peaks = []
    for temperature in (1.0, 0.1, 0.01):
        drawn = draw(GaussianCategorical(numbers, OneHotCategorical(logits=logits), temperature), generator(2), (500,))
        peaks.append(drawn[..., 1:].amax(-1).mean().item())
        (gradient,) = torch.autograd.grad(drawn[..., 1].sum(), logits)
        assert gradient.abs().min() > 0
    assert peaks == sorted(peaks)
    assert peaks[-1] > 0.98


def test_codes_are_relaxed_in_training_and_nowhere_else():
    model = learn.train(DIGITS.replace(steps=2), progress=False).model
    x = torch.from_numpy(data.load("digits").test[:4])
    with relaxed(model, TrainingStep(0, DIGITS.steps, 0, 1)):
        soft = model(x, generator(0)).z[:, 16:]
    assert (soft != soft.round()).any()
    with pytest.raises(RuntimeError, match="broken"), model.encoder.relaxed(0.5):
        raise RuntimeError("broken")
    hard = model(x, generator(0)).z[:, 16:]
    assert torch.equal(hard, hard.round())
    with relaxed(model, TrainingStep(DIGITS.steps // 2, DIGITS.steps, 0, 1)):
        assert model.encoder.temperature == 0.5


def test_distortion_is_the_enumeration_of_the_categories():
    model = learn.train(DIGITS.replace(steps=60), progress=False).model
    images = data.load("digits").test
    point = measure.evaluate(model, images)
    x = model.check_data(torch.from_numpy(images))
    with torch.no_grad():
        e = model.encoder(x)
        z = draw(e.gaussian, generator(5))
        every = [model.decoder(torch.cat([z, torch.eye(10)[[c] * len(z)]], 1)).log_prob(x) for c in range(10)]
        exact = -(e.categorical.probs * torch.stack(every, 1)).sum(1)
        rate = kl_divergence(e, model.marginal().expand(e.batch_shape))
    assert point.rate == pytest.approx(rate.double().mean().item(), abs=1e-4)
    assert abs(point.distortion - exact.double().mean().item()) < 5 * exact.std().item() / sqrt(len(x))


@pytest.mark.parametrize(
    ("categories", "name", "message"),
    [
        (1, "---", "categories: expected 0, for none, or a whole number from 2 on, got 1"),
        (-2, "---", "categories: expected 0, for none, or a whole number from 2 on, got -2"),
        (2.5, "---", "categories: expected 0, for none, or a whole number from 2 on, got 2.5"),
        (10, "-+-", "categories, dense: expected the family --- beside them, got -+-"),
    ],
)
def test_impossible_categories_are_refused(categories, name, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        family(name, image_shape=(8, 8), width=0.25, latent_dim=2, categories=categories)


def test_the_seed_alone_makes_the_weights():
    models = [family("---", image_shape=(8, 8), latent_dim=3, categories=4, seed=seed) for seed in (1, 1, 2)]
    first, same, other = (torch.cat([p.flatten() for p in model.parameters()]) for model in models)
    assert torch.equal(first, same)
    assert not torch.equal(first, other)
    assert np.isfinite(first.detach().numpy()).all()
