"""Importance-weighted bounds against integration, against log p(x), and by hand."""

import numpy as np
import pytest
import torch
from scipy import special, stats
from torch import nn

from companion import data, measure
from companion.measure.decomposition import encode
from companion.measure.evaluation import log_weights
from companion.models import FAMILIES, family
from companion.stats import as_float64
from companion.terms import Terms

SHAPE = (4, 4)
SLOW = {"-++", "-+v", "++-", "+++", "++v"}  # whose decoder is that of -+-
IMAGES = np.random.default_rng(0).integers(0, 2, (4, *SHAPE)).astype(bool)


def small(name, latent_dim=1):
    """A small model with a pronounced encoder and decoder, so that its bounds are far apart."""
    model = family(name, image_shape=SHAPE, width=0.25, latent_dim=latent_dim, pseudo_inputs=5, seed=4)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(2.0)
        mean, _, _ = encode(model, IMAGES)
        model.encoder.mean.weight.div_(mean.std(0)[:, None])  # so that the means are 0 on average, and their spread 1
        model.encoder.mean.bias.sub_(mean.mean(0)).div_(mean.std(0))
    return model


def log_joint(model, image, points=1601, dim=1):
    """A grid of codes from -8 to 8, log m(z) d(x|z) of one image there, and the log volume of a cell."""
    axis = torch.linspace(-8, 8, points)
    grid = torch.cartesian_prod(*[axis] * dim).view(-1, dim)
    x = torch.from_numpy(image).float().expand(len(grid), *SHAPE)
    with torch.no_grad():
        joint = as_float64(model.decoder(grid).log_prob(x)) + as_float64(model.marginal().log_prob(grid))
    return grid, joint, dim * np.log(16 / (points - 1))


def integrals(model, image):
    """log p(x), IWAE-1 and IWAE-2 of one image over a grid of one-dimensional codes (two of them for IWAE-2)."""
    grid, joint, log_cell = log_joint(model, image)
    with torch.no_grad():
        log_e = as_float64(model.encoder(torch.from_numpy(image).float()[None]).log_prob(grid))
    log_w, e = joint - log_e, np.exp(log_e + log_cell)
    pairs = np.logaddexp(log_w[:, None], log_w) - np.log(2.0)
    return special.logsumexp(joint) + log_cell, (e * log_w).sum(), e @ pairs @ e


class Scripted(nn.Module):
    """A model whose log weights are the rows given, one row a draw."""

    def __init__(self, rows):
        super().__init__()
        self.rows, self.device = iter(rows), torch.device("cpu")

    def terms(self, x, rng, closed_form):
        assert not closed_form
        row = torch.tensor(next(self.rows), dtype=torch.float64)
        return Terms(torch.zeros_like(row), row, torch.zeros_like(row))


def test_bound_gain_and_errors_by_hand():
    """Weights 1 and 3 for the first image, 4 and 4 for the second: log 2 and log 4."""
    rows = np.log([[1.0, 4.0], [3.0, 4.0]])
    bound = measure.iwae(Scripted(rows), np.zeros((2, *SHAPE), bool), 2, split="validation", seed=7)
    assert bound.value == pytest.approx(np.log(8) / 2)
    assert bound.se == pytest.approx(stats.sem(np.log([2, 4])))
    assert (bound.k, bound.n, bound.split, bound.seed) == (2, 2, "validation", 7)
    gain, se = measure.iwae_gain(Scripted(rows), np.zeros((2, *SHAPE), bool), 2)
    first = np.log(2) - np.log(3) / 2
    assert gain == pytest.approx(first / 2)
    assert se == pytest.approx(stats.sem([first, 0.0]))


@pytest.mark.parametrize("name", [pytest.param(n, marks=[pytest.mark.full] if n in SLOW else []) for n in FAMILIES])
def test_iwae_meets_its_integral_and_stays_below_the_likelihood(name):
    model = small(name)
    for image in IMAGES[:1]:
        log_p, *exact = integrals(model, image)
        copies = np.repeat(image[None], 2000, 0)
        found = [measure.iwae(model, copies, k, seed=k, batch_size=2000) for k in (1, 2, 8)]
        for bound, truth in zip(found, exact, strict=False):
            assert abs(bound.value - truth) <= 5 * bound.se + 1e-4
        assert exact[0] < exact[1] < log_p
        assert exact[1] - 5 * found[2].se <= found[2].value <= log_p + 5 * found[2].se
        gain, se = measure.iwae_gain(model, copies, 2, batch_size=2000)
        assert abs(gain - (exact[1] - exact[0])) <= 5 * se + 1e-4
        assert gain > 5 * se


def test_many_draws_reach_the_likelihood():
    model = small("---")
    log_p = np.mean([integrals(model, image)[0] for image in IMAGES])
    assert measure.iwae(model, np.repeat(IMAGES, 20, 0), 1000).value == pytest.approx(log_p, abs=0.02)


def test_one_draw_is_the_elbo_and_gains_nothing():
    model, x = small("---", latent_dim=3), data.load("digits").test[:20, :4, :4]
    elbo = measure.evaluate(model, x, seed=3, closed_form=False)
    one = measure.iwae(model, x, 1, seed=3)
    assert (one.value, one.se) == pytest.approx((elbo.elbo, elbo.elbo_se), rel=1e-6)
    assert measure.iwae_gain(model, x, 1) == (0.0, 0.0)


def test_where_the_encoder_is_the_posterior_every_k_gives_the_likelihood():
    """A decoder that ignores z, and e = m: every weight is d(x), without noise."""
    model = small("---", latent_dim=3)
    with torch.no_grad():
        for parameter in (*model.encoder.mean.parameters(), model.encoder.variance.weight):
            parameter.zero_()
        model.encoder.variance.bias.fill_(np.log(np.e - 1))  # softplus gives 1
        model.decoder.trunk[0].conv.weight.zero_()
        log_p = as_float64(model.decoder(torch.zeros(4, 3)).log_prob(torch.from_numpy(IMAGES).float()))
    assert measure.iwae(model, IMAGES, 5).value == pytest.approx(log_p.mean(), abs=1e-5)
    assert measure.iwae_gain(model, IMAGES, 5) == pytest.approx((0.0, 0.0), abs=1e-5)


def test_the_elbo_of_all_plus_the_gain_of_a_few_is_the_bound_of_all():
    model = family("---", image_shape=(8, 8), width=0.25, latent_dim=4, seed=2)
    x = data.load("digits").test
    whole, elbo = measure.iwae(model, x, 5, seed=1), measure.evaluate(model, x, seed=2)
    gain, se = measure.iwae_gain(model, x[:60], 5, seed=3)
    drawn = log_weights(model, x[:60], 5, seed=3)
    gains = special.logsumexp(drawn, 0) - np.log(5) - drawn.mean(0)
    assert (gain, se) == pytest.approx((gains.mean(), gains.std(ddof=1) / np.sqrt(60)), rel=1e-12)
    few = measure.iwae(model, x[:60], 5, seed=3)
    assert abs(elbo.elbo + gain - whole.value) <= 5 * se + 0.05 * whole.se
    assert se < few.se / 2


def test_every_image_gains_and_every_draw_is_new():
    model = small("---", latent_dim=2)
    found = log_weights(model, np.repeat(IMAGES, 50, 0), 8, batch_size=30)
    assert found.shape == (8, 200)
    assert len(np.unique(found, axis=0)) == 8  # single values may meet, to the digits of float32
    assert len(np.unique(found, axis=1).T) == 200
    assert (special.logsumexp(found, axis=0) - np.log(8) >= found.mean(0)).all()


def test_the_same_seed_gives_the_same_bound_in_any_mode_and_leaves_torch_alone():
    model = small("---", latent_dim=2)
    before = torch.get_rng_state()
    first = measure.iwae(model.train(), IMAGES, 3)
    assert measure.iwae(model.eval(), IMAGES, 3) == first
    assert measure.iwae(model, IMAGES, 3, seed=1).value != first.value
    assert torch.equal(before, torch.get_rng_state())
    assert all(parameter.grad is None for parameter in model.parameters())


@pytest.mark.parametrize("call", [measure.iwae, measure.iwae_gain])
@pytest.mark.parametrize(
    ("images", "k", "message"),
    [
        (IMAGES, 0, "k: expected 1 draw or more for each image, got 0"),
        (IMAGES[:1], 5, "images: expected at least two, for a standard error, got 1"),
        (np.zeros((2, 8, 8), bool), 5, r"x: expected images of shape \[n, 4, 4\], got \[2, 8, 8\]"),
    ],
)
def test_draws_and_images_that_do_not_fit_are_refused(call, images, k, message):
    with pytest.raises(ValueError, match=message):
        call(small("---"), images, k)
