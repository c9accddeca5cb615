"""Any triple of distributions is a model, and a measure leaves it as it was."""

from math import log, pi

import numpy as np
import pytest
import torch
from torch import nn
from torch.distributions import Bernoulli, Independent, MultivariateNormal, Normal

from companion import data, exact, learn, measure, models
from companion.models import generator

DIGITS = data.load("digits")


def standard(dim: int) -> Independent:
    return Independent(Normal(torch.zeros(dim), 1.0), 1)


class Regularised(nn.Module):
    """A Gaussian encoder of 8 x 8 images with dropout and batch normalisation."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Flatten(), nn.Linear(64, 32), nn.BatchNorm1d(32), nn.Dropout(0.5))
        self.head = nn.Linear(32, 4)

    def forward(self, x: torch.Tensor) -> Independent:
        mean, log_scale = self.head(self.layers(x)).chunk(2, 1)
        return Independent(Normal(mean, log_scale.exp()), 1)


def regularised() -> models.VAE:
    torch.manual_seed(0)
    return models.VAE(Regularised(), models.DeconvDecoder((8, 8), 2, 0.25), models.StandardNormal(2), (8, 8))


MEASURES = {
    "evaluate": lambda model, x: measure.evaluate(model, x),
    "iwae": lambda model, x: measure.iwae(model, x, 3),
    "iwae_gain": lambda model, x: measure.iwae_gain(model, x, 3),
    "annealed": lambda model, x: measure.annealed(model, x[:3], chains=2, temperatures=4, leapfrogs=1, start="encoder"),
    "surgery": lambda model, x: measure.surgery(model, x),
    "traversal_variance": lambda model, x: measure.traversal_variance(model, x, [0]),
    "latent_rates": lambda model, x: tuple(measure.latent_rates(model, x)),
    "latent_information": lambda model, x: measure.latent_information(model, x, [1])["mi_exact"],
    "least_active_latents": lambda model, x: measure.least_active_latents(model, x, 1),
}


@pytest.mark.parametrize("name", MEASURES)
def test_dropout_and_batch_normalisation_change_no_measure_and_no_measure_changes_them(name):
    model, x = regularised(), DIGITS.test[:60]
    model.encoder.head.eval()  # a part that has a mode of its own
    before = {key: tensor.clone() for key, tensor in model.state_dict().items()}
    found = [MEASURES[name](model, x) for _ in range(2)]
    assert found[0] == found[1]
    modes = {part: part.training for part in model.modules()}
    assert modes[model.encoder.layers]
    assert not modes[model.encoder.head]
    assert all(torch.equal(tensor, before[key]) for key, tensor in model.state_dict().items())
    model.eval()
    assert MEASURES[name](model, x) == found[0]


def test_a_measure_that_fails_gives_the_mode_back():
    model = regularised()
    with pytest.raises(ValueError, match="x: expected images of shape"):
        measure.evaluate(model, np.zeros((5, 4, 4), bool))
    assert all(part.training for part in model.modules())


@pytest.mark.parametrize("name", MEASURES)
def test_no_images_are_refused(name):
    with pytest.raises(ValueError, match="images: expected at least"):
        MEASURES[name](regularised(), DIGITS.test[:0])


def test_plain_functions_make_a_model_whose_terms_are_known():
    """x = 0 under N(0, 4) in three dimensions, and a code N(1, 1) against N(0, 1): 1/2 nat of rate."""

    def encoder(x: torch.Tensor) -> Independent:
        return Independent(Normal(torch.ones(len(x), 1), 1.0), 1)

    def decoder(z: torch.Tensor) -> Independent:
        return Independent(Normal(torch.zeros(len(z), 3), 2.0), 1)

    model = models.VAE(encoder, decoder, lambda: standard(1))
    point = measure.evaluate(model, np.zeros((50, 3), np.float32))
    assert point.rate == pytest.approx(0.5)
    assert point.distortion == pytest.approx(1.5 * log(2 * pi * 4))
    assert model.device.type == "cpu"
    assert model.generate(7, generator(0)).shape == (1, 7, 3)
    assert model.reconstruct(torch.zeros(5, 3), generator(0), draws=2).shape == (2, 5, 3)


def test_a_full_covariance_encoder_and_images_with_channels_are_measured():
    """The rate by draws against KL(N(mu, S) || N(0, I)) = (tr S + mu.mu - k - log det S) / 2."""
    mean, covariance = torch.tensor([0.5, -1.0]), torch.tensor([[0.5, 0.2], [0.2, 0.4]])

    def encoder(x: torch.Tensor) -> MultivariateNormal:
        return MultivariateNormal(mean.expand(len(x), 2), covariance)

    def decoder(z: torch.Tensor) -> Independent:
        return Independent(Bernoulli(logits=torch.zeros(len(z), 1, 4, 4)), 3)

    model = models.VAE(encoder, decoder, lambda: standard(2), (1, 4, 4))
    images = np.random.default_rng(0).random((4000, 1, 4, 4)) < 0.5
    point = measure.evaluate(model, images)
    truth = 0.5 * (covariance.trace() + mean.dot(mean) - 2 - covariance.logdet()).item()
    assert point.rate == pytest.approx(truth, abs=5 * point.rate_se)
    assert point.distortion == pytest.approx(16 * log(2), abs=1e-5)
    with pytest.raises(ValueError, match="x: expected binary pixels, 0 or 1"):
        model.terms(torch.full((2, 1, 4, 4), 0.3), generator(0))


def test_the_linear_model_is_measured_like_any_other_and_meets_its_closed_form():
    """pPCA at its optimum: R, D and the likelihood of N(0, Sigma) by ``exact.linear_beta_vae``."""
    spectrum, noise = np.array([4.0, 1.0, 0.25]), 0.5
    best = exact.linear_beta_vae(spectrum, 1.0, noise)
    model = models.LinearVAE(3, latent_dim=3, noise=noise)
    active = np.maximum(spectrum - noise, 0)
    with torch.no_grad():
        model.decoder.weight.copy_(torch.from_numpy(np.diag(active**0.5)).float())
        model.encoder.weight.copy_(torch.from_numpy(np.diag(active**0.5 / np.maximum(spectrum, noise))).float())
        model.encoder.log_variance.copy_(torch.from_numpy(np.log(noise / np.maximum(spectrum, noise))).float())
    x = (np.random.default_rng(0).standard_normal((20_000, 3)) * spectrum**0.5).astype(np.float32)
    point = measure.evaluate(model, x)
    assert point.rate == pytest.approx(best.rate, abs=5 * point.rate_se)
    assert point.distortion == pytest.approx(best.distortion, abs=5 * point.distortion_se)
    drawn = measure.evaluate(model, x, closed_form=False)
    assert drawn.elbo == pytest.approx(point.elbo, abs=5 * drawn.elbo_se)
    assert measure.latent_rates(model, x).sum() == pytest.approx(point.rate, rel=1e-5)


def test_generated_images_of_a_column_share_one_code():
    """A decoder that shows the code: draws of a column agree where it is certain, and columns do not."""

    def decoder(z: torch.Tensor) -> Independent:
        return Independent(Bernoulli(logits=100 * z.unflatten(1, (8, 8)), validate_args=False), 2)

    model = models.VAE(lambda x: standard(64), decoder, lambda: standard(64), (8, 8))
    samples = model.generate(6, generator(0), draws=3)
    assert (samples[0] == samples[1]).double().mean() > 0.97
    assert (samples[0, 0] == samples[0, 1]).double().mean() < 0.75


def test_any_model_is_trained_on_any_arrays(tmp_path):
    arrays = data.ImageData.from_arrays(DIGITS.train[:200], DIGITS.validation[:50], DIGITS.test[:50])
    config = learn.Config.of(data="arrays", beta=1.0, steps=40, batch_size=20)
    model = regularised()
    start = measure.evaluate(model, arrays.test).elbo
    run = learn.train(config, model=model, images=arrays, out=tmp_path, progress=False)
    assert measure.evaluate(run.model, arrays.test).elbo > start + 5
    _, stored = learn.load_run(tmp_path, model=regularised())
    assert measure.evaluate(stored, arrays.test) == measure.evaluate(run.model, arrays.test)
    with pytest.raises(ValueError, match="images: expected your own beside data='arrays', got none"):
        learn.train(config, progress=False)
    with pytest.raises(ValueError, match="model: expected one of the run's architecture beside data='arrays'"):
        learn.load_run(tmp_path)


def test_the_traversal_variance_is_that_of_the_seven_values_themselves():
    """A decoder that shows the first dimension three times over: 9 times the variance of -3 .. 3, which is 4."""

    def encoder(x: torch.Tensor) -> Independent:
        return Independent(Normal(torch.zeros(len(x), 2), 1.0), 1)

    def decoder(z: torch.Tensor) -> Independent:
        return Independent(Normal(3 * z[:, :1], 1.0), 1)

    model = models.VAE(encoder, decoder, lambda: standard(2))
    images = np.zeros((5, 3), np.float32)
    assert measure.traversal_variance(model, images, [0]).value == pytest.approx(9 * 4)
    assert measure.traversal_variance(model, images, [1]).value == 0
    assert measure.least_active_latents(model, images, 1) == (1,)


def test_the_weights_as_released_row_by_row():
    """Four of ten: 1/10 in column 0 of every row but the third, which has the rest there; the rest in column 1."""
    density = torch.rand(4, 4, generator=generator(0), dtype=torch.float64) + 0.1
    other, own, rest = 1 / 3, 1 / 10, 1 / 3 - 1 / 10
    weights = torch.tensor([[first, rest, other, other] for first in (own, own, rest, own)], dtype=torch.float64)
    found = measure.log_qz_mss_as_released(density.log(), 10)
    assert torch.allclose(found, (weights * density).sum(1).log(), rtol=1e-13)
