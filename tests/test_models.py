"""Laws of every encoder, decoder and marginal, and the simple family of Alemi et al. (2018) to the letter."""

from itertools import combinations

import numpy as np
import pytest
import torch
from scipy import integrate, special
from torch.distributions import Bernoulli, Categorical, Independent, MultivariateNormal, Normal, kl_divergence
from torch.nn import functional

from companion.models import FAMILIES, AutoregressiveBernoulli, draw, family, generator
from companion.models.layers import GatedConv2d, GatedConvTranspose2d, dense_layers
from companion.stats import as_float64

SHAPE = (4, 4)
EVERY_IMAGE = torch.tensor((np.arange(2**16)[:, None] >> np.arange(16)) & 1).reshape(-1, *SHAPE).float()


def small(name: str, latent_dim: int = 1):
    """A small model with a pronounced encoder and decoder, so that bounds are tested away from zero."""
    model = family(name, image_shape=SHAPE, width=0.25, latent_dim=latent_dim, pseudo_inputs=5, seed=4)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(2.0)
    return model


def shapes_after(modules, x):
    found = []
    for module in modules:
        x = module(x)
        found.append(tuple(x.shape[1:]))
    return found


def test_the_simple_networks_have_the_shapes_of_appendix_f():
    model = family("---")
    encoder = shapes_after(list(model.encoder.trunk)[:5], torch.zeros(1, 1, 28, 28))
    assert encoder == [(32, 28, 28), (32, 14, 14), (64, 14, 14), (64, 7, 7), (256, 1, 1)]
    decoder = shapes_after(model.decoder.trunk, torch.zeros(1, 64, 1, 1))
    assert decoder == [
        *((64, 7, 7), (64, 7, 7), (64, 14, 14), (32, 14, 14)),
        *((32, 28, 28), (32, 28, 28), (1, 28, 28)),
    ]
    kernels = [m.conv.kernel_size[0] for m in list(model.encoder.trunk)[:5]]
    assert kernels == [5, 5, 5, 5, 7]
    kernels = [getattr(m, "conv", m).kernel_size[0] for m in model.decoder.trunk]
    assert kernels == [7, 5, 5, 5, 5, 4, 5]


def test_width_multiplies_the_channels_and_nothing_else():
    wide, narrow = (family("---", width=w).state_dict() for w in (1.0, 0.25))
    assert wide.keys() == narrow.keys()
    assert wide["encoder.trunk.2.conv.weight"].shape == (128, 32, 5, 5)
    assert narrow["encoder.trunk.2.conv.weight"].shape == (32, 8, 5, 5)
    assert narrow["encoder.mean.weight"].shape == (64, 64)


def test_gates_are_linear_times_sigmoid():
    x = torch.randn(3, 2, 8, 8, generator=generator(0))
    for layer, apply in ((GatedConv2d(2, 5, 3), functional.conv2d), (GatedConvTranspose2d(2, 5, 3), None)):
        if apply:
            w, b = layer.conv.weight, layer.conv.bias
            linear, gate = apply(x, w[:5], b[:5]), apply(x, w[5:], b[5:])
        else:
            w, b = layer.conv.weight, layer.conv.bias
            linear, gate = (functional.conv_transpose2d(x, w[:, s], b[s]) for s in (slice(0, 5), slice(5, 10)))
        torch.testing.assert_close(layer(x), linear * torch.sigmoid(gate))


def test_an_even_kernel_is_cropped_by_one_row_before_and_two_after():
    layer = GatedConvTranspose2d(1, 1, 4, padding=1, trim=1)
    full = GatedConvTranspose2d(1, 1, 4)
    full.load_state_dict(layer.state_dict())
    x = torch.randn(1, 1, 6, 6, generator=generator(0))
    torch.testing.assert_close(layer(x), full(x)[..., 1:-2, 1:-2])


def test_the_encoder_sees_pixels_between_minus_one_and_one():
    seen = []
    encoder = family("---", image_shape=(8, 8)).encoder
    encoder.trunk.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    encoder(torch.eye(8)[None])
    assert torch.equal(seen[0][0, 0], 2 * torch.eye(8) - 1)


def test_softplus_reads_out_the_variance():
    encoder = family("---", image_shape=(8, 8), latent_dim=3).encoder
    torch.nn.init.zeros_(encoder.variance.weight)
    encoder.variance.bias.data = torch.tensor([-1.0, 0.0, 2.0])
    e = encoder(torch.zeros(1, 8, 8))
    np.testing.assert_allclose(e.variance[0].detach(), special.softplus([-1.0, 0.0, 2.0]), rtol=1e-6)


def test_a_variance_that_underflows_keeps_every_term_finite():
    model = family("---", image_shape=(8, 8), latent_dim=3)
    model.encoder.variance.bias.data.fill_(-1e4)
    terms = model.terms(torch.zeros(2, 8, 8), generator(0))
    assert torch.isfinite(terms.rate).all()


@pytest.mark.parametrize("name", ["---", pytest.param("-+-", marks=pytest.mark.full)])
def test_the_decoders_probabilities_sum_to_one_over_all_images(name):
    model = small(name)
    with torch.no_grad():
        d = model.decoder(torch.tensor([[0.7]]))
        parts = [d.log_prob(images).double().logsumexp(0) for images in EVERY_IMAGE.split(4096)]
        total = torch.stack(parts).logsumexp(0)
    assert total.item() == pytest.approx(0.0, abs=1e-5)


def ink_probabilities(d, x):
    """The probability of ink at each pixel of ``x``, given what the distribution lets the pixel depend on."""
    return d.logits(x).sigmoid() if isinstance(d, AutoregressiveBernoulli) else d.mean


@pytest.mark.parametrize("start", [0, 41])
@pytest.mark.parametrize("name", ["---", "-+-"])
def test_the_decoders_probabilities_of_images_that_begin_alike_sum_to_that_of_the_beginning(name, start):
    model, images = small(name), EVERY_IMAGE[start::64]  # all whose first six pixels are the bits of ``start``
    with torch.no_grad():
        d = model.decoder(torch.tensor([[0.7]]))
        total = d.log_prob(images).double().logsumexp(0)
        ink = ink_probabilities(d, images[:1]).flatten()[:6]
    first = images[0].flatten()[:6]
    assert total.item() == pytest.approx(torch.where(first > 0, ink, 1 - ink).double().log().sum().item(), abs=1e-5)


@pytest.mark.parametrize("name", FAMILIES)
def test_encoder_and_marginal_integrate_to_one(name):
    model = small(name)
    grid = torch.linspace(-40, 40, 16_001)[:, None]
    with torch.no_grad():
        for density in (model.marginal(), model.encoder(EVERY_IMAGE[777:778]).expand((1,))):
            assert integrate.trapezoid(density.log_prob(grid).double().exp(), dx=80 / 16_000) == pytest.approx(
                1, abs=1e-5
            )


def quadrature(model, images):
    """log e(z|x), log d(x|z) and log m(z) on a grid of one-dimensional codes, and the grid's spacing."""
    grid = torch.linspace(-12, 12, 1201)[:, None]
    with torch.no_grad():
        log_e = torch.stack([model.encoder(x[None]).log_prob(grid) for x in images])
        decoder = model.decoder(grid)
        log_d = torch.stack([decoder.log_prob(x.expand(len(grid), *SHAPE)) for x in images])
        log_m = model.marginal().log_prob(grid)
    return (a.double().numpy() for a in (log_e, log_d, log_m)), 24 / 1200


@pytest.mark.verifies("thm-sandwich")
@pytest.mark.parametrize("name", FAMILIES)
def test_sandwich_and_elbo_against_quadrature(name):
    """H - D <= I <= R with both differences as divergences, and -(R + D) <= mean log p(x), all by quadrature."""
    model, images = small(name), EVERY_IMAGE[[5, 900, 30_000, 65_000]]
    (log_e, log_d, log_m), dz = quadrature(model, images)
    e, aggregate = np.exp(log_e), special.logsumexp(log_e, 0) - np.log(4)
    entropy = np.log(4)
    rate, distortion = (e * (log_e - log_m)).sum(1).mean() * dz, -(e * log_d).sum(1).mean() * dz
    information = (e * (log_e - aggregate)).sum(1).mean() * dz
    assert entropy - distortion <= information <= rate
    assert rate - information == pytest.approx((np.exp(aggregate) * (aggregate - log_m)).sum() * dz, abs=1e-6)
    inverted = log_e - np.log(4) - aggregate
    divergence = (np.exp(inverted) * (inverted - log_d)).sum(0)  # KL(p_e(x|z) || d(x|z)) at each z
    assert information - (entropy - distortion) == pytest.approx((np.exp(aggregate) * divergence).sum() * dz, abs=1e-6)
    log_p = special.logsumexp(log_d + log_m, axis=1) + np.log(dz)
    assert -(rate + distortion) <= log_p.mean()
    with torch.no_grad():
        terms = model.terms(images.repeat(500, 1, 1), generator(0))
    for estimate, truth in ((terms.rate, rate), (terms.distortion, distortion)):
        means = as_float64(estimate).reshape(500, 4).mean(1)
        assert abs(means.mean() - truth) <= 5 * means.std(ddof=1) / np.sqrt(500) + 1e-4 * abs(truth)


def test_closed_form_and_single_draws_have_one_mean():
    model, x = small("---", latent_dim=6), EVERY_IMAGE[4321:4322]
    exact = model.terms(x, generator(0))
    many = model.terms(x.expand(50_000, *SHAPE), generator(1), closed_form=False)
    for name in ("log_e", "log_m", "rate"):
        drawn = as_float64(getattr(many, name))
        assert abs(drawn.mean() - getattr(exact, name).item()) < 5 * drawn.std() / np.sqrt(50_000)
    e = model.encoder(x)
    variance, mean = e.variance.detach().double().numpy(), e.mean.detach().double().numpy()
    assert exact.rate.item() == pytest.approx(0.5 * (variance + mean**2 - 1 - np.log(variance)).sum(), rel=1e-5)
    assert exact.rate.item() == pytest.approx(kl_divergence(e, model.marginal()).item(), rel=1e-6)


def test_one_draw_serves_all_three_terms():
    model, x = small("---", latent_dim=3), EVERY_IMAGE[:8]
    t = model.terms(x, generator(3), closed_form=False)
    e = model.encoder(x)
    z = draw(e, generator(3))
    torch.testing.assert_close(t.log_e, e.log_prob(z))
    torch.testing.assert_close(t.log_m, model.marginal().log_prob(z))
    torch.testing.assert_close(t.log_d, model.decoder(z).log_prob(x))


def test_draws_have_the_moments_and_the_gradients_of_their_distribution():
    loc, scale = torch.tensor([1.0, -2.0], requires_grad=True), torch.tensor([0.5, 3.0], requires_grad=True)
    z = draw(Independent(Normal(loc, scale), 1), generator(5), (40_000,))
    np.testing.assert_allclose(z.detach().mean(0), loc.detach(), atol=5 * 3 / 200)
    np.testing.assert_allclose(z.detach().std(0), scale.detach(), rtol=0.03)
    z.mean(0).sum().backward()
    np.testing.assert_allclose(loc.grad, 1.0, atol=1e-4)
    probs = torch.tensor([0.0, 0.2, 1.0])
    bits = draw(Bernoulli(probs), generator(6), (40_000,))
    assert bits.dtype == torch.bool
    np.testing.assert_allclose(bits.float().mean(0), probs, atol=5 * 0.4 / 200)


def test_a_distribution_without_a_rule_is_drawn_by_its_own_from_the_generator_alone():
    state = torch.get_rng_state()
    covariance = torch.tensor([[2.0, 1.0], [1.0, 1.5]], requires_grad=True)
    gaussian = MultivariateNormal(torch.tensor([1.0, -1.0]), covariance)
    first, again, other = (draw(gaussian, generator(seed), (20_000,)) for seed in (0, 0, 1))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert torch.equal(state, torch.get_rng_state())
    np.testing.assert_allclose(torch.cov(first.detach().T), covariance.detach(), atol=0.08)
    assert first.requires_grad
    dice = draw(Categorical(torch.tensor([0.2, 0.8])), generator(3), (20_000,))
    assert dice.double().mean().item() == pytest.approx(0.8, abs=5 * 0.4 / 20_000**0.5)


def test_seeds_give_the_same_draws_and_different_paths_different_ones():
    paths = [(0,), (0, 0), (0, 0, 0), (1,), (1, 0), (0, 1), (0, 0, 1)]
    streams = [torch.randn(1000, generator=generator(*path)) for path in paths]
    assert torch.equal(streams[5], torch.randn(1000, generator=generator(0, 1)))
    for a, b in combinations(streams, 2):
        assert abs(np.corrcoef(a, b)[0, 1]) < 5 / np.sqrt(1000)


@pytest.mark.parametrize("name", FAMILIES)
def test_building_and_drawing_leave_the_global_generator_alone(name):
    before = torch.get_rng_state()
    model = family(name, image_shape=SHAPE, width=0.25, latent_dim=2)
    model.terms(EVERY_IMAGE[:2], generator(0))
    model.generate(2, generator(0))
    assert torch.equal(before, torch.get_rng_state())
    again = family(name, image_shape=SHAPE, width=0.25, latent_dim=2).state_dict()
    assert all(torch.equal(t, again[name]) for name, t in model.state_dict().items())


def test_building_seeds_no_accelerator(monkeypatch):
    seeded = []
    monkeypatch.setattr(torch.cuda, "manual_seed_all", seeded.append)
    family("---", image_shape=SHAPE, width=0.25, latent_dim=2, seed=5)
    assert seeded == []


def test_the_rate_needs_no_draw_where_encoder_and_marginal_are_gaussian():
    exact = []
    for name in FAMILIES:
        model = small(name, latent_dim=2)
        rates = [model.terms(EVERY_IMAGE[40:43], generator(seed)).rate for seed in (0, 1)]
        exact += [name] if torch.equal(*rates) else []
    assert exact == ["---", "-+-"]


@pytest.mark.parametrize("name", FAMILIES)
def test_samples_have_the_probabilities_of_the_decoder(name):
    """Ink minus its probability given the pixels before it has mean zero at every pixel, for both ways of sampling."""
    model = small(name, latent_dim=2)
    x = EVERY_IMAGE[1234:1235].expand(600, *SHAPE)
    with torch.no_grad():
        codes = draw(model.encoder(x), generator(0))
        seeds = draw(model.marginal(), generator(2), (3,))
    samples = model.generate(3, generator(2), draws=200)
    assert samples.shape == (200, 3, *SHAPE)
    for drawn, z in ((model.reconstruct(x, generator(0))[0], codes), (samples.flatten(0, 1), seeds.repeat(200, 1))):
        with torch.no_grad():
            probs = ink_probabilities(model.decoder(z), drawn.float())
        error = (drawn.float() - probs).mean(0).abs()
        assert (error < 5 * ((probs * (1 - probs)).mean(0) / len(drawn)).sqrt() + 1e-6).all()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"name": "---+"}, "family: expected one of ---"),
        ({"name": "vae"}, "family: expected one of ---"),
        ({"image_shape": (28, 30)}, "image_shape: expected two positive multiples of 4"),
        ({"image_shape": (0, 28)}, "image_shape: expected two positive multiples of 4"),
        ({"width": 0.0}, "width: expected a positive multiplier"),
        ({"image_shape": (28, 28.0)}, "image_shape: expected two positive multiples of 4"),
        ({"image_shape": 28}, "image_shape: expected two positive multiples of 4, got 28"),
        ({"width": float("inf")}, "width: expected a positive multiplier, and a finite one, got inf"),
        ({"latent_dim": 2.0}, "latent_dim: expected a whole number, got 2.0"),
        ({"pseudo_inputs": 2.5}, "pseudo_inputs: expected a whole number, got 2.5"),
        ({"width": float("nan")}, "width: expected a positive multiplier"),
        ({"latent_dim": 0}, "latent_dim: expected at least 1"),
        ({"pseudo_inputs": 0}, "pseudo_inputs: expected at least 1, got 0"),
        ({"conditioned": True}, r"conditioned: expected the encoder \+ and the marginal - or \+, got the family ---"),
    ],
)
def test_impossible_models_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        family(**{"name": "---", **options})


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (torch.zeros(2, 8, 8), r"x: expected images of shape \[n, 4, 4\], got \[2, 8, 8\]"),
        (torch.zeros(4, 4), r"x: expected images of shape \[n, 4, 4\], got \[4, 4\]"),
        (
            torch.full((2, 4, 4), 0.5),
            "x: expected binary pixels, 0 or 1, for a Bernoulli likelihood, got values up to 0.5",
        ),
        (torch.full((2, 4, 4), 255, dtype=torch.uint8), "got values up to 255: load the images with binarise="),
        (torch.full((2, 4, 4), float("nan")), "x: expected binary pixels"),
    ],
)
def test_images_that_do_not_fit_are_refused(x, message):
    model = family("---", image_shape=SHAPE, latent_dim=2)
    for call in (lambda: model.terms(x, generator(0)), lambda: model.reconstruct(x, generator(0))):
        with pytest.raises(ValueError, match=message):
            call()


def test_the_plain_network_is_two_layers_of_rectified_sums():
    network = dense_layers(16, width=0.05)
    x = torch.rand(3, *SHAPE, generator=generator(0)) - 0.5
    layers = [module for module in network if isinstance(module, torch.nn.Linear)]
    first, second = ((layer.weight.detach().numpy(), layer.bias.detach().numpy()) for layer in layers)
    hidden = np.maximum(x.flatten(1).numpy() @ first[0].T + first[1], 0)
    expected = np.maximum(hidden @ second[0].T + second[1], 0)
    assert (hidden > 0).any()
    assert network(x).detach().numpy() == pytest.approx(expected, abs=1e-6)
    assert {weight.shape[0] for weight, _ in (first, second)} == {network(x).shape[1]}


@pytest.mark.parametrize("dense", [False, True])
def test_the_plain_networks_stand_in_place_of_the_convolutions(dense):
    model = family("---", image_shape=SHAPE, width=0.25, latent_dim=2, dense=dense)
    for part in (model.encoder, model.decoder):
        gated = [module for module in part.modules() if isinstance(module, GatedConv2d | GatedConvTranspose2d)]
        assert bool(gated) != dense
