"""Mean-only flows against Jacobians, quadrature and closed forms, and the encoders and marginals made of them."""

from copy import deepcopy
from math import e as euler
from math import log, pi

import numpy as np
import pytest
import torch
from torch import nn
from torch.autograd.functional import jacobian
from torch.distributions import Independent, Normal, TransformedDistribution, kl_divergence
from torch.nn import functional

from companion import measure
from companion.models import (
    FAMILIES,
    MADE,
    VAE,
    FlowDistribution,
    FlowEncoder,
    FlowMarginal,
    FlowTransform,
    MeanOnlyFlow,
    draw,
    family,
)
from companion.models import generator as rng
from companion.models.flows import MaskedLinear
from companion.stats import as_float64

SHAPE = (4, 4)
X = (torch.rand(6, *SHAPE, generator=rng(99)) < 0.5).float()


@pytest.fixture(autouse=True)
def same_weights_every_time():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        yield


def bend(module: nn.Module) -> nn.Module:
    """Give the steps of every flow in ``module`` shifts of about 1."""
    for i, layer in enumerate(m for m in module.modules() if isinstance(m, MaskedLinear)):
        noise, gain = torch.randn(layer.weight.shape, generator=rng(7, i)), 2.0 if i % 4 < 3 else 0.3
        layer.weight.data = noise.to(layer.weight.dtype) * (gain / layer.mask.sum(1, keepdim=True).clamp_min(1)).sqrt()
        layer.bias.data.fill_(0.1)
    for i, made in enumerate(m for m in module.modules() if isinstance(m, MADE) and m.context is not None):
        layer = made.context
        noise = torch.randn(layer.weight.shape, generator=rng(8, i))
        layer.weight.data = noise.to(layer.weight.dtype) / layer.in_features**0.5
    return module


def normal(*shape: int, seed: int = 0, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    return torch.randn(shape, generator=rng(seed), dtype=dtype)


def grid(half: float = 9.0, points: int = 361) -> tuple[torch.Tensor, float]:
    """Points of the plane, ``[points^2, 2]``, and the area of a cell."""
    axis = torch.linspace(-half, half, points)
    return torch.cartesian_prod(axis, axis), (2 * half / (points - 1)) ** 2


@pytest.mark.parametrize("dim", [1, 2, 3, 7])
@pytest.mark.parametrize("context", [0, 4])
def test_outputs_depend_on_every_input_before_them_and_on_no_other(dim, context):
    made = bend(MADE(dim, hidden=40, context=context).double())
    given = [normal(context, seed=1, dtype=torch.float64)] if context else []
    seen = sum(jacobian(made, (normal(dim, seed=s, dtype=torch.float64), *given))[0].abs() for s in range(20))
    assert torch.equal(seen != 0, torch.ones(dim, dim).tril(-1).bool())
    if context:
        seen = sum(jacobian(made, (normal(dim, seed=s, dtype=torch.float64), *given))[1].abs() for s in range(20))
        assert (seen > 0).all()


@pytest.mark.parametrize(("dim", "lowest", "context"), [(2, 1, 0), (7, 1, 0), (7, 0, 3), (1, 0, 0), (64, 1, 0)])
def test_degrees_are_spread_evenly(dim, lowest, context):
    degrees = MADE(dim, hidden=160, context=context).first.mask.sum(1)
    counts = torch.bincount(degrees, minlength=dim)[lowest:]
    assert len(counts) == max(1, dim - lowest)
    assert counts.max() - counts.min() <= 1
    assert counts.sum() == 160


def test_three_hidden_layers_of_640_units_in_each_of_four_steps():
    made = 64 * 640 + 640 + 2 * (640 * 640 + 640) + 640 * 64 + 64
    for module in (FlowEncoder((28, 28), 64), FlowMarginal(64)):
        assert sum(p.numel() for p in module.flow.parameters()) == 4 * made
    narrow = family("+-+", width=0.25)
    for module in (narrow.encoder, narrow.marginal):
        assert {layer.out_features for made in module.flow.steps for layer in (made.first, *made.hidden)} == {160}


@pytest.mark.parametrize(("dim", "hidden"), [(1, 8), (2, 16), (5, 40), (64, 160)])
@pytest.mark.parametrize("context", [0, 3])
def test_a_flow_inverts_both_ways(dim, hidden, context):
    flow = bend(MeanOnlyFlow(dim, hidden, context=context))
    given = (normal(30, context, seed=2),) if context else ()
    u = normal(30, dim)
    with torch.no_grad():
        assert dim == 1 or 0.2 < (flow(u, *given) - u).std() < 5
        torch.testing.assert_close(flow.inverse(flow(u, *given), *given), u, atol=1e-5, rtol=0)
        torch.testing.assert_close(flow(flow.inverse(u, *given), *given), u, atol=1e-5, rtol=0)


@pytest.mark.parametrize("dim", [1, 2, 3, 8])
def test_the_log_determinant_is_zero_and_both_orders_occur(dim):
    flow = bend(MeanOnlyFlow(dim, 40).double())
    for f in (flow, flow.inverse):
        j = jacobian(f, normal(dim, dtype=torch.float64))
        sign, log_det = torch.linalg.slogdet(j)
        assert sign == 1
        assert log_det.item() == pytest.approx(0, abs=1e-10)
        if dim > 1:
            assert j[0, -1].abs() > 1e-6
            assert j[-1, 0].abs() > 1e-6
    transform = FlowTransform(flow)
    u = normal(4, 3, dim, dtype=torch.float64)
    assert torch.equal(transform.log_abs_det_jacobian(u, transform(u)), torch.zeros(4, 3, dtype=torch.float64))


def test_a_new_flow_is_nearly_the_identity_and_every_layer_of_it_learns():
    flow = MeanOnlyFlow(8, 64, context=3)
    u, c = normal(50, 8), normal(50, 3, seed=1)
    z = flow(u, c)
    torch.testing.assert_close(z, u, atol=0.05, rtol=0)
    z.square().sum().backward()
    assert all(p.grad.abs().max() > 0 for p in flow.parameters())


def test_a_context_shifts_each_row_by_its_own():
    flow = bend(MeanOnlyFlow(3, 30, context=2))
    u, c = normal(1, 3).expand(5, 3), normal(5, 2, seed=1)
    with torch.no_grad():
        z = flow(u, c)
        rows = torch.stack([flow(u[i], c[i]) for i in range(5)])
        torch.testing.assert_close(z, rows)
        torch.testing.assert_close(flow(u.expand(4, 5, 3), c), rows.expand(4, 5, 3))
    assert (z.std(0) > 0.05).all()


def test_the_printed_encoder_has_one_bijection_and_the_conditioned_one_each():
    u = normal(6, 3)
    for conditioned in (False, True):
        encoder = bend(FlowEncoder(SHAPE, 3, 0.25, conditioned))
        encoder.trunk[0].conv.weight.data.mul_(10)
        with torch.no_grad():
            moved = encoder(X).transforms[0](u) - encoder(X.flip(0)).transforms[0](u)
        assert (moved.abs().amax(1) > 1e-4).all() if conditioned else torch.equal(moved, torch.zeros(6, 3))


@pytest.mark.parametrize("case", ["encoder", "conditioned", "marginal"])
def test_densities_integrate_to_one_over_the_plane(case):
    if case == "marginal":
        density = bend(FlowMarginal(2, 0.1))()
    else:
        density = bend(FlowEncoder(SHAPE, 2, 0.1, conditioned=case == "conditioned"))(X[:1])
    points, area = grid()
    with torch.no_grad():
        total = density.log_prob(points).double().exp().sum() * area
    assert total.item() == pytest.approx(1, abs=1e-4)


def test_samples_of_the_autoregressive_marginal_have_the_moments_of_its_density():
    marginal, n = bend(FlowMarginal(2, 0.1)), 40_000
    points, area = grid()
    with torch.no_grad():
        p = marginal().log_prob(points).double().exp() * area
        z = draw(marginal(), rng(3), (n,))
        log_m = as_float64(marginal().log_prob(z))
    points, z = points.double().numpy(), as_float64(z)
    p = p.numpy()
    for f in (lambda a: a[:, 0], lambda a: a[:, 1], lambda a: a[:, 0] * a[:, 1], lambda a: a[:, 0] > a[:, 1]):
        values = f(z).astype(float)
        assert abs(values.mean() - p @ f(points)) < 5 * values.std() / np.sqrt(n) + 1e-4
    for axis in (0, 1):
        values = z[:, axis] ** 2
        assert abs(values.mean() - p @ points[:, axis] ** 2) < 5 * values.std() / np.sqrt(n) + 1e-3
    entropy = log(2 * pi * euler)  # that of N(0, I) in the plane: the flow keeps volumes
    assert abs(-log_m.mean() - entropy) < 5 * log_m.std() / np.sqrt(n)


@pytest.mark.parametrize("case", ["encoder", "conditioned", "marginal"])
def test_the_density_that_comes_with_a_draw_is_the_inverted_one_with_its_gradients(case):
    """The draw of one noise moves with the weights, so both densities are differentiated along it."""
    module = FlowMarginal(5, 0.25) if case == "marginal" else FlowEncoder(SHAPE, 5, 0.25, case == "conditioned")
    density = bend(module)() if case == "marginal" else bend(module)(X)
    shape = (3, 6) if case == "marginal" else (3,)
    z, log_prob = density.rsample_and_log_prob(rng(1), shape)
    assert torch.equal(z, draw(density, rng(1), shape))
    assert log_prob.shape == (3, 6)
    inverted = density.log_prob(z)
    torch.testing.assert_close(log_prob, inverted, atol=1e-4, rtol=1e-5)
    if case != "marginal":  # whose base has no weights: its density at its own draw is constant
        weights = [*module.mean.parameters(), *module.variance.parameters()]
        grads, truth = (torch.autograd.grad(a.sum(), weights, retain_graph=True) for a in (log_prob, inverted))
        for grad, true in zip(grads, truth, strict=True):
            torch.testing.assert_close(grad, true, atol=1e-4, rtol=1e-4)


def test_terms_and_surgery_need_no_inversion(monkeypatch):
    def inverse(*_):
        raise AssertionError("inverted")

    monkeypatch.setattr(MeanOnlyFlow, "inverse", inverse)
    for name in FAMILIES:
        grown(name).terms(X, rng(0), closed_form=False)
        measure.surgery(grown(name), X.numpy() > 0)


def test_the_order_of_calls_makes_no_difference():
    """A draw, other calls, other weights, a draw without gradients: a density is that of the weights at its code."""
    for model in (bend(grown(name)) for name in ("+--", "+-+", "+-v")):
        e, m = model.encoder(X), model.marginal()
        z = draw(e, rng(0))
        first = e.log_prob(z), m.log_prob(z)
        with torch.no_grad():
            draw(model.encoder(X.flip(0)), rng(1))
            draw(model.marginal(), rng(2), (6,))
            model.terms(X, rng(3))
        again = m.log_prob(z), e.log_prob(z)
        assert torch.equal(first[0], again[1])
        assert torch.equal(first[1], again[0])
        assert model.encoder(X).log_prob(z).requires_grad
        with torch.no_grad():
            own = draw(e, rng(0))
            bias = model.encoder.flow.steps[0].last.bias.add_(0.5)
            moved = e.log_prob(own)
            assert torch.equal(moved, e.log_prob(own.clone()))
            assert not torch.equal(moved, first[0])
        (grad,) = torch.autograd.grad(e.log_prob(own).sum(), bias)
        assert grad.abs().max() > 0


@pytest.mark.parametrize("context", [0, 3])
def test_a_masked_network_is_its_weights_times_their_masks(context):
    made, u, c = bend(MADE(5, hidden=12, context=context)), normal(4, 5), normal(4, 3, seed=1)
    lowest = 0 if context else 1
    degree, place = lowest + torch.arange(12) * (5 - lowest) // 12, torch.arange(1, 6)
    up_to, below = degree <= degree[:, None], degree < place[:, None]
    first, second, third, last = (made.first, *made.hidden, made.last)
    h = functional.linear(u, first.weight * (place <= degree[:, None]), first.bias)
    if context:
        h = h + functional.linear(c, made.context.weight)
    h = functional.linear(h.clamp_min(0), second.weight * up_to, second.bias)
    h = functional.linear(h.clamp_min(0), third.weight * up_to, third.bias)
    truth = functional.linear(h.clamp_min(0), last.weight * below, last.bias)
    torch.testing.assert_close(made(u, c) if context else made(u), truth)


def test_one_flow_on_both_sides_leaves_the_divergence_of_the_bases():
    flow = FlowTransform(bend(MeanOnlyFlow(3, 30)))
    p = Independent(Normal(torch.tensor([0.5, -1.0, 0.0]), torch.tensor([0.3, 0.8, 2.0])), 1)
    q = Independent(Normal(torch.zeros(3), torch.ones(3)), 1)
    e, m = FlowDistribution(p, [flow]), TransformedDistribution(q, [flow])
    truth = kl_divergence(p, q).item()
    assert truth == pytest.approx(sum((s * s + a * a - 1) / 2 - log(s) for a, s in [(0.5, 0.3), (-1, 0.8), (0, 2)]))
    with torch.no_grad():
        z = draw(e, rng(0), (50_000,))
        drawn = as_float64(e.log_prob(z) - m.log_prob(z))
    assert abs(drawn.mean() - truth) < 5 * drawn.std() / np.sqrt(50_000)
    assert kl_divergence(e, m).item() == pytest.approx(truth)


class Then(nn.Module):
    """A decoder after a bijection."""

    def __init__(self, decoder, flow):
        super().__init__()
        self.decoder, self.flow = decoder, flow

    def forward(self, u):
        return self.decoder(self.flow(u))


class Base(nn.Module):
    """The Gaussian before an encoder's flow, or a marginal after it."""

    def __init__(self, inner, transforms=None):
        super().__init__()
        self.inner, self.transforms = inner, transforms

    def forward(self, *x):
        return TransformedDistribution(self.inner(), self.transforms) if self.transforms else self.inner(*x).base_dist


def test_a_shared_flow_is_a_richer_marginal_and_decoder_in_disguise():
    model = bend(family("+--", image_shape=SHAPE, latent_dim=3, width=0.25))
    f = model.encoder.flow
    shared = VAE(model.encoder, model.decoder, Base(model.marginal, [model.encoder.transform]), SHAPE)
    plain = VAE(Base(model.encoder), Then(model.decoder, f), model.marginal, SHAPE)
    with torch.no_grad():
        a, b = (vae.terms(X, rng(2), closed_form=False) for vae in (shared, plain))
        c = shared.terms(X, rng(2))  # torch knows the divergence here, and no entropy: a single draw
    for name in ("log_e", "log_d", "log_m"):
        torch.testing.assert_close(getattr(a, name), getattr(b, name))
        assert torch.equal(getattr(a, name), getattr(c, name))


def grown(name: str, **options) -> VAE:
    options = {"image_shape": SHAPE, "latent_dim": 3, "width": 0.25, "pseudo_inputs": 4, "seed": 1, **options}
    return family(name, **options)


EVERY = [(name, False) for name in FAMILIES] + [(name, True) for name in FAMILIES if name[0] == "+" and name[2] != "v"]


@pytest.mark.parametrize(("name", "conditioned"), EVERY)
def test_every_parameter_receives_a_gradient(name, conditioned):
    model = grown(name, conditioned=conditioned)
    assert any("context" in n for n, _ in model.named_parameters()) == conditioned
    terms = model.terms(X, rng(0))
    (terms.rate + terms.distortion).mean().backward()
    assert [n for n, p in model.named_parameters() if p.grad is None or not p.grad.abs().max() > 0] == []


@pytest.mark.parametrize(("name", "conditioned"), EVERY)
def test_weights_are_stored_once_and_restore_the_model(name, conditioned):
    model, other = (grown(name, conditioned=conditioned, seed=seed) for seed in (1, 2))
    bend(model)
    state = model.state_dict()
    assert len({t.data_ptr() for t in state.values()}) == len(state) == len(list(model.parameters()))
    assert not any("encoder" in key for key in model.marginal.state_dict())
    other.load_state_dict(state)
    copied = deepcopy(model)
    a, b, c = (vae.terms(X, rng(0)) for vae in (model, other, copied))
    for term in ("log_e", "log_d", "log_m"):
        assert torch.equal(getattr(a, term), getattr(b, term))
        assert torch.equal(getattr(a, term), getattr(c, term))


def test_a_copy_is_independent_of_its_original():
    model = grown("+-v")
    terms = model.terms(X, rng(0))
    copied = deepcopy(model)
    with torch.no_grad():
        for p in copied.parameters():
            p.add_(0.1)
    assert copied.marginal.encode.__self__ is copied.encoder
    assert copied.encoder.transform.flow is copied.encoder.flow
    again, moved = model.terms(X, rng(0)), copied.terms(X, rng(0))
    assert torch.equal(terms.log_m, again.log_m)
    assert not torch.equal(terms.log_m, moved.log_m)


@pytest.mark.parametrize(("name", "conditioned"), EVERY)
def test_terms_are_float32_under_half_precision_too(name, conditioned):
    model = bend(grown(name, conditioned=conditioned))
    exact = model.terms(X, rng(0))
    with torch.autocast("cpu", torch.bfloat16):
        half = model.terms(X, rng(0))
        e, z = model.encoder(X), torch.zeros(6, 3)
        away = e.log_prob(z)
        assert MADE(3, 8)(z).dtype == torch.float32
    assert away.dtype == torch.float32
    torch.testing.assert_close(e.log_prob(z.clone()), away, atol=0.3, rtol=0.05)  # outside, at full precision
    for term in ("log_e", "log_d", "log_m"):
        assert getattr(half, term).dtype == torch.float32
        torch.testing.assert_close(getattr(half, term), getattr(exact, term), atol=0.3, rtol=0.05)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: MADE(0, 4), "dim: expected at least 1, got 0"),
        (lambda: MADE(2, 0), "hidden: expected at least 1, got 0"),
        (lambda: MADE(6, 4), "hidden: expected at least 5, got 4"),
        (lambda: MADE(5, 4, context=1), "hidden: expected at least 5, got 4"),
        (lambda: grown("+--", latent_dim=64, width=0.05), "hidden: expected at least 63, got 32"),
        (lambda: MADE(2, 4, layers=0), "layers: expected at least 1, got 0"),
        (lambda: MADE(2, 4, context=-1), "context: expected at least 0, got -1"),
        (lambda: MeanOnlyFlow(2, 4, steps=0), "steps: expected at least 1, got 0"),
        (lambda: MADE(2, 4, context=3)(torch.zeros(2)), r"context: expected \[..., 3\], got none"),
        (lambda: MADE(2, 4)(torch.zeros(2), torch.zeros(3)), r"context: expected none, got \[3\]"),
        (lambda: grown("--+", conditioned=True), r"conditioned: expected the encoder \+ and .* got the family --\+"),
        (lambda: grown("+-v", conditioned=True), r"conditioned: expected .* got the family \+-v: a VampPrior would"),
    ],
)
def test_impossible_flows_are_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
