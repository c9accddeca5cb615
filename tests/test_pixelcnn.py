"""The autoregressive decoder: a density, causal to the letter, and the samples that belong to it."""

import numpy as np
import pytest
import torch
from scipy import special
from torch.nn import functional

from companion.models import PixelCNNDecoder, draw, generator
from companion.models.pixelcnn import Residual

SHAPES = [(3, 3), (5, 7), (8, 8)]
EVERY_IMAGE = torch.tensor((np.arange(2**9)[:, None] >> np.arange(9)) & 1).reshape(-1, 3, 3).float()


def decoder(shape, latent_dim=2, seed=0, scale=2.0):
    """A narrow decoder with pronounced weights, so that a leak or a wrong crop would show."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = PixelCNNDecoder(shape, latent_dim, width=0.1)
        model.head.weight.data *= scale
    return model


def naive_sample(d, uniform):
    """Every pixel from a full pass over the image so far."""
    x = torch.zeros_like(uniform)
    height, width = uniform.shape[1:]
    for i in range(height):
        for j in range(width):
            x[:, i, j] = (uniform[:, i, j] < d.logits(x)[:, i, j].sigmoid()).float()
    return x.bool()


@pytest.mark.parametrize("seed", range(3))
def test_the_probabilities_of_all_images_sum_to_one_at_every_code(seed):
    codes = torch.randn(4, 1, 2, generator=generator(seed))
    with torch.no_grad():
        total = decoder((3, 3), seed=seed)(codes).log_prob(EVERY_IMAGE).double().logsumexp(1)
    np.testing.assert_allclose(total, 0.0, atol=1e-5)


@pytest.mark.parametrize("shape", SHAPES)
def test_no_logit_sees_its_own_pixel_or_a_later_one_and_each_sees_the_one_before(shape):
    model, n = decoder(shape), shape[0] * shape[1]
    x = torch.rand(1, *shape, generator=generator(1))
    z = torch.randn(1, 2, generator=generator(2))
    jacobian = torch.autograd.functional.jacobian(lambda x: model.network(x, z).flatten(), x).reshape(n, n)
    assert torch.equal(jacobian.triu(), torch.zeros(n, n))
    assert (jacobian.tril(-1) != 0).sum() == n * (n - 1) / 2


def test_the_code_reaches_every_pixel():
    model = decoder((5, 7))
    z = torch.randn(1, 2, generator=generator(2))
    x = torch.zeros(1, 5, 7)
    jacobian = torch.autograd.functional.jacobian(lambda z: model.network(x, z).flatten(), z).reshape(35, 2)
    assert (jacobian != 0).all()


def test_the_density_is_the_chain_rule():
    model, x = decoder((5, 7)), torch.rand(1, 5, 7, generator=generator(3)).round()
    d = model(torch.randn(1, 2, generator=generator(4)))
    total, seen = 0.0, torch.zeros(1, 5, 7)
    with torch.no_grad():
        for i, j in np.ndindex(5, 7):
            logit = d.logits(seen)[0, i, j].item()  # of an image whose later pixels are all blank
            total += special.log_expit(logit if x[0, i, j] else -logit)
            seen[0, i, j] = x[0, i, j]
        assert d.log_prob(x).item() == pytest.approx(total, rel=1e-5)


@pytest.mark.parametrize("shape", [*SHAPES, (1, 6), (12, 12)])
def test_stored_stages_draw_what_full_passes_draw(shape):
    d = decoder(shape)(torch.randn(3, 2, generator=generator(5)))
    with torch.no_grad():
        slow = naive_sample(d, torch.rand(3, *shape, generator=generator(6)))
    assert torch.equal(draw(d, generator(6)), slow)
    assert 0.05 < slow.float().mean() < 0.95


def test_samples_have_the_frequencies_of_the_density():
    d = decoder((3, 3), scale=4.0)(torch.tensor([[1.0, -1.0]]))
    with torch.no_grad():
        truth = d.log_prob(EVERY_IMAGE).exp().numpy()
    n = 10_000
    x = draw(d, generator(7), (n,)).flatten(1).numpy()
    frequency = np.bincount((x * (1 << np.arange(9))).sum(1), minlength=512) / n
    assert (np.abs(frequency - truth) < 5 * np.sqrt(truth * (1 - truth) / n) + 3e-4).all()
    assert ((frequency - truth) ** 2 / truth).sum() * n < 511 + 5 * np.sqrt(2 * 511)  # Pearson's statistic


def test_batches_broadcast_as_in_every_distribution():
    model = decoder((3, 3))
    codes = torch.randn(4, 2, generator=generator(8))
    with torch.no_grad():
        table = model(codes[:, None]).log_prob(EVERY_IMAGE[:5])
        for i, j in np.ndindex(4, 5):
            assert table[i, j].item() == pytest.approx(model(codes[i]).log_prob(EVERY_IMAGE[j]).item(), abs=1e-5)
    assert draw(model(codes), generator(0), (6,)).shape == (6, 4, 3, 3)
    assert draw(model(codes[0]), generator(0)).shape == (3, 3)


def test_the_network_is_the_one_of_appendix_f():
    """Six blocks of two residual layers at 28, 14, 7, 7, 14, 28; 64 features; a 1 x 1 convolution to one logit."""
    model, sizes = PixelCNNDecoder((28, 28), latent_dim=64), []

    def apply(stage, *inputs):
        result = stage(*inputs)
        sizes.append((type(stage).__name__, tuple(result.shape[1:])))
        return result

    with torch.no_grad():
        model.features(torch.zeros(1, 1, 28, 28), model.spread_code(torch.zeros(1, 64)), apply)
    layers = [shape for name, shape in sizes if name == "Residual"]
    assert layers == [(64, side, side) for side in (28, 14, 7, 7, 14, 28) for _ in range(4)]  # two of each stream
    assert (model.head.kernel_size, model.head.out_channels) == ((1, 1), 1)
    assert model.code.out_features == 2 * 784  # a gate halves it


def gated(h):
    value, gate = h.chunk(2, dim=1)
    return value * gate.sigmoid()


def test_a_residual_layer_adds_two_gated_convolutions_to_its_input():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        layer = Residual(3, rows=True, scale=1, sides=1)
    x, side = torch.randn(2, 2, 3, 5, 7, generator=generator(0))
    above = (1, 1, 1, 0)  # left, right, above, below: a window of two rows that ends at the pixel's own
    h = functional.conv2d(functional.pad(x, above), layer.first.conv.weight, layer.first.conv.bias)
    h = gated(h + functional.conv2d(side, layer.side.weight, layer.side.bias))
    h = functional.conv2d(functional.pad(h, above), layer.second.conv.weight, layer.second.conv.bias)
    torch.testing.assert_close(layer(x, side), x + gated(h))


def test_the_code_is_opened_by_a_gated_dense_layer_and_spread_by_a_convolution():
    model, z = decoder((5, 7)), torch.randn(4, 2, generator=generator(0))
    opened = gated(functional.linear(z, model.code.weight, model.code.bias)).view(4, 1, 5, 7)
    truth = functional.conv2d(opened, model.spread.weight, model.spread.bias, padding=1)
    torch.testing.assert_close(torch.cat(model.spread_code(z), dim=1), truth)


def test_the_decoder_sees_pixels_of_minus_one_and_one():
    model, seen = decoder((5, 7)), []
    for stage in model.enter:
        stage.image.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0].unique().tolist()))
    d = model(torch.zeros(1, 2))
    d.log_prob(torch.eye(5, 7)[None])
    assert seen == [[-1, 1], [-1, 1]]
    draw(d, generator(0))
    assert all(set(values) <= {-1, 1} for values in seen)


@pytest.mark.parametrize("shape", [(1, 3, 1), (3,), (1, 4, 3), (2, 9)])
def test_images_of_another_shape_are_refused(shape):
    with pytest.raises(ValueError, match=r"x: expected images of shape \[\.\.\., 3, 3\], got "):
        decoder((3, 3))(torch.zeros(2)).log_prob(torch.zeros(shape))
