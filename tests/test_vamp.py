"""The VampPrior against explicit mixtures, counted draws and closed-form divergences."""

import numpy as np
import pytest
import torch
from scipy import special, stats
from torch.distributions import Categorical, Independent, MixtureSameFamily, Normal, kl_divergence

from companion.models import (
    VAE,
    DeconvDecoder,
    DiagonalGaussianMixture,
    FlowEncoder,
    GaussianEncoder,
    VampPrior,
    draw,
    family,
    generator,
)
from companion.models.flows import MaskedLinear, MeanOnlyFlow
from companion.stats import as_float64

SHAPE = (4, 4)
X = (torch.rand(6, *SHAPE, generator=generator(99)) < 0.5).float()


def vamp(name: str, pseudo_inputs: int = 5, latent_dim: int = 3) -> VAE:
    """A model whose components lie about 2 apart, with uneven weights, and whose flow, where it has one, bends."""
    model = family(name, image_shape=SHAPE, latent_dim=latent_dim, width=0.25, pseudo_inputs=pseudo_inputs, seed=3)
    with torch.no_grad():
        model.marginal.logits.copy_(torch.linspace(-1, 1, pseudo_inputs))
        model.marginal.pixels.mul_(3)
        mean, _, _ = model.encoder.network(torch.cat([model.marginal.images(), X]))
        model.encoder.mean.weight.mul_(2 / mean.std(0)[:, None])
        mean, _, _ = model.encoder.network(torch.cat([model.marginal.images(), X]))
        model.encoder.mean.bias.sub_(mean.mean(0))
        for layer in model.modules():
            if isinstance(layer, MaskedLinear):
                layer.weight.mul_(2.5)
        for made in model.encoder.flow.steps if name[0] == "+" else ():
            made.last.weight.mul_(20)
    return model


def test_the_density_is_that_of_an_independent_mixture():
    model, z = vamp("--v"), 2 * torch.randn(4, 7, 3, generator=generator(0))
    with torch.no_grad():
        e = model.encoder(torch.sigmoid(model.marginal.pixels))
        truth = MixtureSameFamily(Categorical(logits=model.marginal.logits), e).log_prob(z)
        torch.testing.assert_close(model.marginal().log_prob(z), truth)
        assert model.marginal().log_prob(z[0, 0]).shape == ()


@pytest.mark.parametrize("name", ["--v", "+-v"])
def test_the_density_is_the_sum_over_pseudo_inputs_of_the_encoders_own(name):
    model, m = vamp(name), vamp(name).marginal
    with torch.no_grad():
        z = draw(model.encoder(X), generator(1))
        weights = special.softmax(m.logits.double().numpy())
        parts = model.encoder(torch.sigmoid(m.pixels)).log_prob(z[:, None])  # in one batch, as m encodes them
        truth = special.logsumexp(parts.double().numpy(), b=weights, axis=1)
        np.testing.assert_allclose(model.marginal().log_prob(z), truth, rtol=1e-5)
        np.testing.assert_allclose(model.terms(X, generator(1)).log_m, truth, rtol=1e-5)  # before the flow


def test_a_code_is_inverted_once_for_all_components_and_the_marginals_own_never(monkeypatch):
    model, calls, inverse = vamp("+-v"), [], MeanOnlyFlow.inverse
    monkeypatch.setattr(MeanOnlyFlow, "inverse", lambda *given: calls.append(given[1].shape) or inverse(*given))
    with torch.no_grad():
        m = model.marginal()
        z, log_m = m.rsample_and_log_prob(generator(0), (6,))
        assert calls == []
        torch.testing.assert_close(m.log_prob(z), log_m, atol=1e-4, rtol=1e-5)
    assert calls == [(6, 3)]


@pytest.mark.parametrize("name", ["--v", "+-v"])
def test_the_density_integrates_to_one_over_the_plane(name):
    model, axis = vamp(name, latent_dim=2), torch.linspace(-14, 14, 281)
    with torch.no_grad():
        total = model.marginal().log_prob(torch.cartesian_prod(axis, axis)).double().exp().sum() * 0.01
    assert total.item() == pytest.approx(1, abs=1e-4)


def test_narrow_components_far_from_the_origin_keep_their_digits():
    loc, scale = torch.tensor([[3000.0], [-3000.0]]), torch.full((2, 1), 0.01)
    m = DiagonalGaussianMixture(torch.tensor([0.5, 0.5]).log(), Independent(Normal(loc, scale), 1))
    z = loc[0] + torch.tensor([[-0.03125], [0.0], [0.015625]])  # exact in float32
    truth = stats.norm.logpdf(z.double().numpy(), 3000.0, np.float32(0.01))[:, 0] + np.log(0.5)
    np.testing.assert_allclose(m.log_prob(z), truth, rtol=1e-5)


def test_draws_pick_components_by_weight_and_then_have_their_moments():
    weights, n = np.array([0.1, 0.0, 0.6, 0.3]), 40_000
    loc = torch.tensor([[-30.0, 0.0], [0.0, 0.0], [0.0, 30.0], [30.0, 0.0]])
    scale = torch.tensor([[1.0, 2.0], [1.0, 1.0], [0.5, 1.0], [3.0, 0.1]])
    m = DiagonalGaussianMixture(torch.tensor(weights).float().log(), Independent(Normal(loc, scale), 1))
    z = draw(m, generator(2), (n // 4, 4)).reshape(-1, 2)
    nearest = torch.cdist(z, loc).argmin(1).numpy()
    counts = np.bincount(nearest, minlength=4)
    assert (abs(counts - n * weights) <= 5 * np.sqrt(n * weights * (1 - weights))).all()
    for i in (0, 2, 3):
        own = z[nearest == i]
        assert ((own.mean(0) - loc[i]).abs() < 5 * scale[i] / counts[i] ** 0.5).all()
        assert ((own.std(0) / scale[i] - 1).abs() < 5 / (2 * counts[i]) ** 0.5).all()
    assert draw(m, generator(2)).shape == (2,)
    assert draw(m, generator(2), (0,)).shape == (0, 2)


@pytest.mark.parametrize("name", ["--v", "+-v"])
def test_samples_of_the_model_s_marginal_have_its_entropy(name):
    """The mean of -log m over draws against the integral of -m log m, in one dimension."""
    model, grid = vamp(name, latent_dim=1), torch.linspace(-30, 30, 60_001)[:, None]
    with torch.no_grad():
        log_m = as_float64(model.marginal().log_prob(grid))
        z = draw(model.marginal(), generator(4), (40_000,))
        drawn = -as_float64(model.marginal().log_prob(z))
    truth = -(np.exp(log_m) * log_m).sum() * 0.001
    assert abs(drawn.mean() - truth) < 5 * drawn.std() / 200
    cdf = np.cumsum(np.exp(log_m)) * 0.001
    assert stats.kstest(z[:, 0].numpy(), lambda v: np.interp(v, grid[:, 0].numpy(), cdf)).pvalue > 1e-6


def test_weights_sum_to_one_and_pixels_stay_between_zero_and_one():
    model = vamp("--v", pseudo_inputs=50)
    model.marginal.pixels.data.mul_(100)
    model.marginal.logits.data.mul_(100)
    assert model.marginal().log_weights.exp().sum().item() == pytest.approx(1, abs=1e-6)
    images = model.marginal.images()
    assert images.shape == (50, *SHAPE)
    assert images.min() >= 0
    assert images.max() <= 1


@pytest.mark.parametrize("name", ["--v", "+-v"])
def test_one_component_gives_the_divergence_of_two_gaussians(name):
    """With one pseudo-input the rate is KL(e(z|x) || e(z|phi)): that of the Gaussians before the flow."""
    model, n = vamp(name, pseudo_inputs=1), 40_000
    with torch.no_grad():
        e, phi = (model.encoder(x) for x in (X[:1], model.marginal.images()))
        p, q = (d.base_dist if name[0] == "+" else d for d in (e, phi))
        terms = model.terms(X[:1].expand(n, *SHAPE), generator(5))
    drawn = as_float64(terms.rate)
    assert abs(drawn.mean() - kl_divergence(p, q).item()) < 5 * drawn.std() / np.sqrt(n)
    assert drawn.std() > 0


@pytest.mark.parametrize("name", ["--v", "+-v"])
def test_a_pseudo_input_of_all_the_weight_at_the_image_itself_leaves_no_rate(name):
    model = vamp(name, pseudo_inputs=2)
    with torch.no_grad():
        model.marginal.pixels[0] = torch.where(X[0] > 0, 200.0, -200.0)
        model.marginal.logits.copy_(torch.tensor([0.0, -200.0]))
        rate = model.terms(X[:1].expand(50, *SHAPE), generator(0)).rate
    torch.testing.assert_close(rate, torch.zeros(50), atol=5e-3, rtol=0)  # other batch sizes round otherwise


def test_gradients_reach_weights_and_encoder_by_responsibility():
    """d log m / d logit_i = r_i - w_i, and d log m / d mean_i = r_i (z - mean_i) / variance_i, summed over codes."""
    model, z = vamp("--v"), torch.randn(8, 3, generator=generator(6))
    model.marginal().log_prob(z).sum().backward()
    with torch.no_grad():
        e = model.encoder(model.marginal.images())
    mean, variance = e.mean.double().numpy(), e.variance.double().numpy()
    weights = special.softmax(model.marginal.logits.detach().double().numpy())
    difference = z.double().numpy()[:, None] - mean
    r = special.softmax(np.log(weights) + stats.norm.logpdf(difference, scale=np.sqrt(variance)).sum(-1), axis=1)
    np.testing.assert_allclose(model.marginal.logits.grad, (r - weights).sum(0), atol=1e-4)
    np.testing.assert_allclose(
        model.encoder.mean.bias.grad, (r[..., None] * difference / variance).sum((0, 1)), rtol=1e-3, atol=1e-3
    )
    assert (model.marginal.pixels.grad.abs().amax((1, 2)) > 0).all()


@pytest.mark.parametrize(
    ("encoder", "pseudo_inputs", "message"),
    [
        (GaussianEncoder(SHAPE, 2, 0.25), 0, "pseudo_inputs: expected at least 1, got 0"),
        (FlowEncoder(SHAPE, 2, 0.1, conditioned=True), 3, "conditioned: expected False with the marginal v, got True"),
    ],
)
def test_impossible_mixtures_are_refused(encoder, pseudo_inputs, message):
    with pytest.raises(ValueError, match=message):
        VampPrior(encoder, pseudo_inputs, SHAPE)


def test_a_mixture_over_another_encoder_is_refused():
    encoder, other = (GaussianEncoder(SHAPE, 2, 0.25) for _ in range(2))
    marginal = VampPrior(other, 3, SHAPE)
    assert VAE(other, DeconvDecoder(SHAPE, 2, 0.25), marginal, SHAPE).marginal is marginal
    with pytest.raises(ValueError, match="marginal: expected one over this model's encoder"):
        VAE(encoder, DeconvDecoder(SHAPE, 2, 0.25), marginal, SHAPE)
