"""Surgery of models against integration, for any marginal and for flows, and the grids behind it."""

from math import log

import numpy as np
import pytest
import torch
from scipy.special import logsumexp
from torch import nn
from torch.distributions import (
    Categorical,
    Independent,
    MixtureSameFamily,
    MultivariateNormal,
    Normal,
    TransformedDistribution,
    constraints,
)
from torch.distributions.transforms import AffineTransform, Transform

from companion import data
from companion.measure import aggregate
from companion.measure.aggregate import OneDimensionalAggregates, mean_over_draws, sample_aggregate
from companion.measure.decomposition import encode, gaussian_surgery, surgery
from companion.models import FAMILIES, VAE, draw, family, generator

SHAPE = (4, 4)
IMAGES = np.random.default_rng(0).integers(0, 2, (6, *SHAPE)).astype(bool)


class Shear(Transform):
    """z = (u_1, u_2 + sin(3 u_1)): no Gaussian, and as large as before."""

    domain, codomain = constraints.real_vector, constraints.real_vector
    bijective = True

    def _call(self, u):
        return torch.stack([u[..., 0], u[..., 1] + torch.sin(3 * u[..., 0])], -1)

    def _inverse(self, z):
        return torch.stack([z[..., 0], z[..., 1] - torch.sin(3 * z[..., 0])], -1)

    def log_abs_det_jacobian(self, u, z):
        return torch.zeros(u.shape[:-1])


class Stretched(nn.Module):
    """A Gaussian encoder with ``times`` maps z = 3 u on top."""

    def __init__(self, encoder, times):
        super().__init__()
        self.encoder, self.maps = encoder, [AffineTransform(0.0, 3.0, event_dim=1) for _ in range(times)]

    def forward(self, x):
        return TransformedDistribution(self.encoder(x), self.maps)


class Flow(nn.Module):
    """A Gaussian encoder with a shear on top: one for all images, or a new one at every call."""

    def __init__(self, encoder, shared=True):
        super().__init__()
        self.encoder, self.shear, self.shared = encoder, Shear(), shared

    def forward(self, x):
        return TransformedDistribution(self.encoder(x), [self.shear if self.shared else Shear()])


class Marginal(nn.Module):
    def __init__(self, m):
        super().__init__()
        self.m = m

    def forward(self):
        return self.m


def shifted(k):
    return Independent(Normal(torch.full((k,), 0.2), torch.full((k,), 1.3)), 1)


def mixture(k):
    means = torch.linspace(-1, 1, 3)[:, None].expand(3, k)
    return MixtureSameFamily(
        Categorical(torch.tensor([0.2, 0.3, 0.5])), Independent(Normal(means, torch.ones(3, k)), 1)
    )


def correlated(k):
    return MultivariateNormal(torch.zeros(k), 0.6 * torch.ones(k, k) + 0.9 * torch.eye(k))


class Linear(nn.Module):
    """e(z|x) with a mean and a variance that differ widely by image."""

    def __init__(self, latent_dim):
        super().__init__()
        self.weight = nn.Parameter(0.4 * torch.randn(16, 2 * latent_dim, generator=generator(2)))

    def forward(self, x):
        mean, spread = (x.flatten(1) @ self.weight - 0.2).chunk(2, -1)
        return Independent(Normal(mean, 0.3 + spread.sigmoid()), 1)


class Mixed(nn.Module):
    def forward(self, x):
        return MixtureSameFamily(
            Categorical(torch.ones(len(x), 1)), Independent(Normal(torch.zeros(len(x), 1, 2), 1), 1)
        )


def small(latent_dim, marginal=None, flow=False):
    """A small model whose codes differ by image."""
    model = family("---", image_shape=SHAPE, width=0.25, latent_dim=latent_dim)
    encoder = Flow(Linear(latent_dim)) if flow else Linear(latent_dim)
    return VAE(encoder, model.decoder, Marginal(marginal(latent_dim)) if marginal else model.marginal, SHAPE)


def integrals(model, k, halfwidth=9.0, points=301):
    """Rate, information, marginal KL and total correlation in the space of z, on a grid, by the trapezoid rule."""
    line = torch.linspace(-halfwidth, halfwidth, points, dtype=torch.float64)
    grid = torch.cartesian_prod(*[line] * k).reshape(-1, k)
    volume = (2 * halfwidth / (points - 1)) ** k
    e = model.encoder(model.check_data(torch.from_numpy(IMAGES)))
    with torch.no_grad():
        log_e = e.log_prob(grid[:, None].float().expand(-1, len(IMAGES), -1)).double().numpy().T
        log_m = model.marginal().log_prob(grid.float()).double().numpy()
    log_q = logsumexp(log_e, axis=0) - np.log(len(IMAGES))
    density, q = np.exp(log_e), np.exp(log_q)
    found = {
        "rate": (density * (log_e - log_m)).sum() * volume / len(IMAGES),
        "index_information": (density * (log_e - log_q)).sum() * volume / len(IMAGES),
        "marginal_kl": (q * (log_q - log_m)).sum() * volume,
    }
    if k == 2:
        joint, step = q.reshape(points, points), volume**0.5
        product = np.outer(joint.sum(1) * step, joint.sum(0) * step)
        used = joint > 0
        found["total_correlation"] = (joint[used] * np.log(joint[used] / product[used])).sum() * volume
    return found


def assert_within_errors(parts, truth, names):
    for name in names:
        error = abs(getattr(parts, name) - truth[name])
        assert error <= 5 * getattr(parts, f"{name}_se") + 1e-5, name


@pytest.mark.parametrize("marginal", [shifted, mixture, correlated])
@pytest.mark.parametrize("k", [1, 2])
def test_every_part_is_within_five_standard_errors_of_its_integral(marginal, k):
    model = small(k, marginal)
    truth, parts = integrals(model, k), surgery(model, IMAGES, draws=2000, seed=1)
    assert_within_errors(parts, truth, ["rate", "index_information", "marginal_kl"])
    assert 0.1 < truth["index_information"] < np.log(6)
    assert 0 < parts.marginal_kl_se < 0.03
    if k == 2:
        assert_within_errors(parts, truth, ["total_correlation"])
    assert parts.rate == pytest.approx(parts.index_information + parts.marginal_kl, abs=1e-9)
    assert (parts.n, parts.dimension_wise_kl) == (6, ())


@pytest.mark.parametrize("marginal", [None, shifted, correlated])
def test_a_flow_that_all_images_share_is_taken_off(marginal):
    """The integrals are over z, where no density is Gaussian; the surgery works on u."""
    model = small(2, marginal, flow=True)
    truth, parts = integrals(model, 2), surgery(model, IMAGES, draws=2000, seed=1)
    assert_within_errors(parts, truth, ["rate", "index_information", "marginal_kl"])
    straight = VAE(model.encoder.encoder, model.decoder, model.marginal, SHAPE)
    plain = surgery(straight, IMAGES, draws=2000, seed=1)
    assert parts.index_information == pytest.approx(plain.index_information, abs=1e-12)
    assert abs(parts.marginal_kl - plain.marginal_kl) > 5 * np.hypot(parts.marginal_kl_se, plain.marginal_kl_se)
    assert (parts.total_correlation, parts.dimension_wise_kl) == (None, ())


def test_a_marginal_behind_the_same_flow_costs_what_it_costs_without():
    """KL is invariant under the shared bijection; both are taken before it."""
    model = small(2, flow=True)
    sheared = TransformedDistribution(Independent(Normal(torch.zeros(2), torch.ones(2)), 1), [model.encoder.shear])
    behind = surgery(VAE(model.encoder, model.decoder, Marginal(sheared), SHAPE), IMAGES, draws=500, seed=3)
    straight = VAE(model.encoder.encoder, model.decoder, model.marginal, SHAPE)
    plain = surgery(straight, IMAGES, draws=500, seed=3)
    assert behind.index_information == pytest.approx(plain.index_information, abs=1e-12)
    assert abs(behind.rate - plain.rate) <= 5 * behind.rate_se
    assert behind.rate_se > 0 == plain.rate_se


@pytest.mark.parametrize("name", FAMILIES)
def test_the_parts_of_every_family(name):
    """The information by another way: densities at the codes, which are inverted for them."""
    model = family(name, image_shape=SHAPE, width=0.25, latent_dim=3, pseudo_inputs=5, seed=4)
    with torch.no_grad():
        mean, _, _ = encode(model, IMAGES)
        model.encoder.mean.weight.div_(mean.std(0)[:, None])  # so that the means are 0 on average, and their spread 1
        model.encoder.mean.bias.sub_(mean.mean(0)).div_(mean.std(0))
        e = model.encoder(model.check_data(torch.from_numpy(IMAGES)))
        z = draw(e, generator(8), (3000,))
        log_e = e.log_prob(z).double()
        log_q = e.log_prob(z.unsqueeze(-2)).double().logsumexp(-1) - np.log(6)
        log_m = model.marginal().log_prob(z).double()
    parts = surgery(model, IMAGES, draws=3000, seed=1)
    for name, values in {
        "rate": log_e - log_m,
        "index_information": log_e - log_q,
        "marginal_kl": log_q - log_m,
    }.items():
        value, se = mean_over_draws(values)
        assert abs(getattr(parts, name) - value) <= 5 * np.hypot(se, getattr(parts, f"{name}_se")) + 1e-5, name
    assert 0.1 < parts.index_information < np.log(6)


def test_steps_that_see_the_image_are_refused():
    model = family("+--", image_shape=SHAPE, width=0.25, latent_dim=3, conditioned=True)
    with pytest.raises(ValueError, match="model: expected an encoder whose flow is one for all images, got a flow"):
        surgery(model, IMAGES)


def test_the_simple_family_gets_the_closed_form():
    model, x = family("---", image_shape=(8, 8), width=0.25, latent_dim=4, seed=2), data.load("digits").test
    mean, variance, flow = encode(model, x, batch_size=70)
    assert flow is None
    with torch.no_grad():
        e = model.encoder(torch.from_numpy(x).float())
    torch.testing.assert_close(mean, e.mean, atol=1e-6, rtol=1e-5)
    torch.testing.assert_close(variance.float(), e.variance, atol=1e-6, rtol=1e-5)
    parts = surgery(model, x, seed=5, batch_size=70)
    assert parts == gaussian_surgery(mean, variance, seed=5)
    assert len(parts.dimension_wise_kl) == 4
    assert surgery(model, x, seed=5, by_dimension=False).total_correlation is None


def test_batches_seeds_and_modes():
    model, x = small(2, mixture), np.tile(IMAGES, (5, 1, 1))
    before = torch.get_rng_state()
    whole = surgery(model.train(), x, seed=2)
    assert surgery(model.eval(), x, seed=2) == whole
    assert surgery(model, x, seed=3).rate != whole.rate
    parts = surgery(model, x, seed=2, batch_size=7)
    assert (parts.rate, parts.index_information) == pytest.approx((whole.rate, whole.index_information), abs=1e-5)
    assert torch.equal(before, torch.get_rng_state())
    assert all(parameter.grad is None for parameter in model.parameters())


def aggregate_draws(n=300, k=3, draws=20):
    rng = generator(1)
    mean = torch.randn(n, k, generator=rng, dtype=torch.float64)
    mean[:, 1] += mean[:, 0]
    variance = 0.3 * (0.5 + torch.rand(n, k, generator=rng, dtype=torch.float64)) ** 2
    return mean, variance, *sample_aggregate(mean, variance, 7, draws)


def columns_by(monkeypatch, points, mean, variance, z):
    monkeypatch.setattr(aggregate, "POINTS", points)
    return OneDimensionalAggregates(z, mean, variance, seed=3)


@pytest.mark.parametrize("points", [40, 1024])
def test_grids_agree_with_the_exact_columns_and_coarse_ones_are_put_right(monkeypatch, points):
    mean, variance, z, log_e, log_q = aggregate_draws()
    exact, grid = (columns_by(monkeypatch, p, mean, variance, z) for p in (10**6, points))
    assert exact.excess.abs().max() == 0 < grid.excess.abs().max()
    truth, _ = mean_over_draws(log_q - exact.log_q.sum(2))
    value, se = grid.total_correlation(log_q)
    extra = (grid.excess.sum(1).var() / len(grid.excess)).sqrt().item()  # of the correction alone
    assert abs(value - truth) <= 5 * extra < 5 * se
    raw, _ = mean_over_draws(log_q - grid.log_q.sum(2))
    assert abs(raw - truth) > 5 * extra
    for found, errors, each in zip(*grid.informations(log_e), exact.informations(log_e)[0], strict=True):
        assert abs(found - each) <= 5 * errors
    assert (extra < 1e-4) == (points == 1024)


def test_sharp_codes_far_apart_need_no_grid():
    """At 1 000 deviations' distance every code names its example, in each dimension alone: TC is (k - 1) log N."""
    mean = 1e4 * torch.stack([torch.randperm(700, generator=generator(4, j)) for j in range(3)], 1).double()
    parts = gaussian_surgery(mean, torch.full_like(mean, 100.0), draws=2)
    assert parts.index_information == pytest.approx(log(700), abs=1e-9)
    assert parts.total_correlation == pytest.approx(2 * log(700), abs=1e-9)
    assert parts.total_correlation_se < 1e-9


def test_one_narrow_dimension_among_wide_ones_is_exact(monkeypatch):
    mean, variance, *_ = aggregate_draws()
    variance[:, 1] *= 1e-8
    z, _, log_q = sample_aggregate(mean, variance, 7, 20)
    exact, mixed = (columns_by(monkeypatch, points, mean, variance, z) for points in (10**6, 1024))
    assert torch.equal(exact.log_q[..., 1], mixed.log_q[..., 1])
    assert mixed.excess.abs().amax(0).gt(0).tolist() == [True, False, True]
    assert mixed.total_correlation(log_q)[0] == pytest.approx(exact.total_correlation(log_q)[0], abs=1e-4)


def test_both_identities_hold_on_a_grid():
    mean, variance, *_ = aggregate_draws()
    parts = gaussian_surgery(mean, variance, draws=20)
    assert parts.marginal_kl == pytest.approx(parts.total_correlation + sum(parts.dimension_wise_kl), abs=1e-9)
    assert parts.rate_se == 0


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda m: surgery(VAE(Flow(m.encoder, shared=False), m.decoder, m.marginal, SHAPE), IMAGES),
            "model: expected an encoder whose flow is one for all images, got a flow conditioned on the image",
        ),
        (
            lambda m: surgery(VAE(Mixed(), m.decoder, m.marginal, SHAPE), IMAGES),
            "model: expected an encoder of Gaussians, or of one flow on Gaussians, got MixtureSameFamily",
        ),
        (
            lambda m: surgery(VAE(Stretched(m.encoder, 1), m.decoder, m.marginal, SHAPE), IMAGES),
            "model: expected a flow whose Jacobian has determinant 1, .* AffineTransform with a .* of 2.1972",
        ),
        (
            lambda m: surgery(VAE(Stretched(m.encoder, 2), m.decoder, m.marginal, SHAPE), IMAGES),
            "model: expected an encoder of one flow on Gaussians, got 2 flows",
        ),
        (lambda m: surgery(m, IMAGES, draws=1), "draws: expected 2 or more codes for each example, got 1"),
        (lambda m: surgery(m, np.zeros((2, 8, 8), bool)), r"x: expected images of shape \[n, 4, 4\], got \[2, 8, 8\]"),
    ],
)
def test_models_and_images_that_do_not_fit_are_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call(small(2))
