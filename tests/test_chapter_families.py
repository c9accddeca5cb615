"""What the chapter on the twelve families states as theorems, against Jacobians, quadrature and enumeration."""

from math import log

import numpy as np
import pytest
import torch
from torch import nn
from torch.autograd.functional import jacobian
from torch.distributions import Bernoulli, Independent, Normal, TransformedDistribution

from companion.models import MADE, FlowTransform, MeanOnlyFlow, PixelCNNDecoder, generator
from companion.models.pixelcnn import CausalConv2d

EVERY_IMAGE = torch.tensor((np.arange(2**9)[:, None] >> np.arange(9)) & 1).reshape(-1, 3, 3).float()


@pytest.fixture(autouse=True)
def same_weights_every_time():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        yield


def bend(flow: nn.Module) -> nn.Module:
    """Give each step shifts of about 1; a new one hardly shifts."""
    for made in (m for m in flow.modules() if isinstance(m, MADE)):
        for layer in (made.first, *made.hidden):
            layer.weight.data *= 2.5
        made.last.weight.data *= 100
    return flow


@pytest.mark.verifies("thm-families-step")
@pytest.mark.parametrize("start", ["at z", "at zero", "far away"])
def test_a_step_is_undone_one_number_a_pass(start):
    made = bend(MADE(5, hidden=40)).double()
    u = torch.randn(7, 5, generator=generator(0), dtype=torch.float64)
    with torch.no_grad():
        z = u + made(u)
        for at in u:
            slopes = jacobian(lambda u: u + made(u), at)
            assert torch.equal(slopes.triu(), torch.eye(5, dtype=torch.float64))
            assert slopes.logdet() == 0
            assert (slopes.tril(-1) != 0).sum() == 10
        guess = {"at z": z, "at zero": torch.zeros_like(z), "far away": 100 - 7 * u}[start]
        for passes in range(1, 6):
            guess = z - made(guess)
            exact = (guess - u).abs() < 1e-12
            assert exact[:, :passes].all()
            assert not exact[:, passes:].all(0).any()  # one more dimension each pass


@pytest.mark.verifies("thm-families-shared")
def test_a_bijection_on_all_three_leaves_rate_distortion_and_information():
    """Three Gaussians in the plane, before and after a bend: integrals over either plane on a grid of its own."""
    flow = bend(MeanOnlyFlow(2, hidden=20, steps=2)).double()
    axis = torch.linspace(-7, 7, 501, dtype=torch.float64)
    grid, area = torch.cartesian_prod(axis, axis)[:, None], (axis[1] - axis[0]).item() ** 2
    loc, weight = torch.tensor([[-1.5, 0], [0, 1], [1.2, -0.5]], dtype=torch.float64), torch.tensor([[1.0, -2.0]])
    base = Independent(Normal(loc, torch.tensor([[0.4, 0.7]], dtype=torch.float64)), 1)
    marginal = Independent(Normal(torch.zeros(2, dtype=torch.float64), 1.0), 1)
    x = torch.tensor([0.0, 1.0, 1.0], dtype=torch.float64)

    def quantities(e, m, code):
        log_e, log_m = e.log_prob(grid), m.log_prob(grid)
        log_d = Bernoulli(logits=(code(grid) * weight).sum(-1)).log_prob(x)
        p = log_e.exp() * area / 3
        assert p.sum().item() == pytest.approx(1, abs=1e-4)
        aggregate = log_e.logsumexp(1, keepdim=True) - log(3)
        return [(p * term).sum().item() for term in (log_e - log_m, -log_d, log_e - aggregate)]

    with torch.no_grad():
        assert (flow(grid) - grid).abs().max() > 0.5
        plain = quantities(base, marginal, lambda u: u)
        shared = [FlowTransform(flow)]
        e, m = (TransformedDistribution(p, shared) for p in (base, marginal))
        bent = quantities(e, m, flow.inverse)
        u = base.sample()
        z = flow(u)
        torch.testing.assert_close(e.log_prob(z) - m.log_prob(z), base.log_prob(u) - marginal.log_prob(u))
        torch.testing.assert_close(flow.inverse(z), u)  # all that the moved decoder sees
    gaussian = 0.5 * (0.4**2 + 0.7**2 - 2 - 2 * log(0.4 * 0.7) + (loc**2).sum(1).mean().item())
    assert plain[0] == pytest.approx(gaussian, abs=1e-6)
    assert bent == pytest.approx(plain, abs=2e-4)
    assert 0 < plain[2] < min(plain[0], log(3))


@pytest.mark.verifies("thm-families-chain")
def test_conditionals_that_never_look_ahead_sum_to_one_and_a_leak_does_not():
    decoder = PixelCNNDecoder((3, 3), latent_dim=2, width=0.1)
    decoder.head.weight.data *= 3
    z = torch.randn(5, 1, 2, generator=generator(1))
    with torch.no_grad():
        logits = decoder(z).logits(EVERY_IMAGE).flatten(2)  # [5, 512, 9]
        for i in range(9):  # logit i takes 2^i values, one for each past
            past = logits[..., i].unflatten(1, (2 ** (9 - i), 2**i))  # pixel 0 varies fastest
            torch.testing.assert_close(past, past[:, :1].expand_as(past))
        total = decoder(z).log_prob(EVERY_IMAGE).double().logsumexp(1)
        assert torch.allclose(total, torch.zeros(5, dtype=torch.float64), atol=1e-5)
        decoder.enter[1].image = CausalConv2d(1, 12, rows=False, shift=False)
        decoder.head.weight.data *= 30
        total = decoder(z).log_prob(EVERY_IMAGE).double().logsumexp(1)
        assert (total.abs() > 1e-2).all()
