import numpy as np
import pytest
import torch
from scipy import stats

from companion import data, measure
from companion.models import family, generator
from companion.stats import as_float64


@pytest.fixture(scope="module")
def model():
    return family("---", image_shape=(8, 8), width=0.25, latent_dim=4, seed=2)


def test_means_and_errors_are_those_of_the_terms(model):
    x = data.load("digits").test
    point = measure.evaluate(model, x, batch_size=len(x), seed=9)
    with torch.no_grad():
        terms = model.terms(torch.from_numpy(x), generator(9))
    assert point.rate == pytest.approx(as_float64(terms.rate).mean())
    assert point.distortion == pytest.approx(as_float64(terms.distortion).mean())
    assert point.elbo_se == pytest.approx(stats.sem(as_float64(terms.elbo)))
    assert (point.n, point.split, point.seed) == (300, "test", 9)


def test_the_same_seed_gives_the_same_numbers_in_any_mode(model):
    x = data.load("digits").test
    first = measure.evaluate(model.train(), x)
    assert measure.evaluate(model.eval(), x) == first
    assert measure.evaluate(model, x, seed=1).distortion != first.distortion


def test_single_draws_agree_with_the_closed_form_within_their_error(model):
    x = np.repeat(data.load("digits").test, 20, axis=0)
    exact, drawn = (measure.evaluate(model, x, closed_form=closed) for closed in (True, False))
    assert abs(exact.rate - drawn.rate) < 5 * np.hypot(exact.rate_se, drawn.rate_se)
    assert drawn.rate_se > exact.rate_se


def test_batches_do_not_bias(model):
    x = data.load("digits").test
    whole, parts = measure.evaluate(model, x, batch_size=300), measure.evaluate(model, x, batch_size=7)
    assert parts.rate == pytest.approx(whole.rate, rel=1e-5)
    assert abs(parts.distortion - whole.distortion) < 5 * whole.distortion_se


def test_an_error_leaves_gradients_as_they_were(model):
    with pytest.raises(ValueError, match="x: expected images") as kept:
        measure.evaluate(model, np.zeros((5, 28, 28), bool))
    assert torch.is_grad_enabled()
    assert kept.traceback


def test_images_that_do_not_fit_are_refused(model):
    with pytest.raises(ValueError, match=r"x: expected images of shape \[n, 8, 8\], got \[5, 28, 28\]"):
        measure.evaluate(model, np.zeros((5, 28, 28), bool))
    with pytest.raises(ValueError, match="terms: expected at least two examples"):
        measure.evaluate(model, np.zeros((1, 8, 8), bool))
