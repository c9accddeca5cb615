"""What the page on the plane of MNIST proves, on tables."""

import numpy as np
import pytest

from companion.exact import tables
from companion.exact.discrete import DiscreteModel


def random_model(rng, codes, p_x):
    """Four random tables over ``p_x``."""
    rows = [rng.dirichlet(np.ones(n), m) for m, n in ((len(p_x), codes), (codes, len(p_x)))]
    return DiscreteModel(p_x, *rows, rng.dirichlet(np.ones(codes)))


def tossed_images(rng):
    """Weights of three grey images of four pixels, the images, and p(x | g) of all binary ones, ``[3, 16]``."""
    images = np.array(list(np.ndindex(2, 2, 2, 2)))
    weights, grey = rng.dirichlet(np.ones(3)), rng.random((3, 4))
    return weights, grey, np.where(images[None] == 1, grey[:, None], 1 - grey[:, None]).prod(2)


def coin_entropy(weights, grey):
    return weights @ -(grey * np.log(grey) + (1 - grey) * np.log(1 - grey)).sum(1)


@pytest.mark.verifies("thm-mnist-mixing")
@pytest.mark.parametrize("t", [0.0, 0.3, 1.0])
def test_a_coin_mixes_rate_and_distortion(t):
    rng = np.random.default_rng(0)
    for _ in range(20):
        p_x = rng.dirichlet(np.ones(5))
        first, second = random_model(rng, 3, p_x), random_model(rng, 4, p_x)
        mixed = DiscreteModel(
            p_x,
            np.hstack([(1 - t) * first.encoder, t * second.encoder]),
            np.vstack([first.decoder, second.decoder]),
            np.concatenate([(1 - t) * first.marginal, t * second.marginal]),
        )
        for name in ("rate", "distortion"):
            ends = getattr(first, name), getattr(second, name)
            assert getattr(mixed, name) == pytest.approx((1 - t) * ends[0] + t * ends[1], abs=1e-12)


@pytest.mark.verifies("thm-mnist-coins")
def test_a_code_of_grey_images_puts_independent_pixels_on_the_diagonal():
    rng = np.random.default_rng(0)
    for _ in range(20):
        weights, grey, tossed = tossed_images(rng)
        joint = weights[:, None] * tossed
        p_x = joint.sum(0)
        model = DiscreteModel(p_x, (joint / p_x).T, tossed, weights)
        coins = coin_entropy(weights, grey)
        assert model.distortion == pytest.approx(coins, abs=1e-12)
        assert model.rate == pytest.approx(tables.mutual_information(joint), abs=1e-12)
        assert model.rate + model.distortion == pytest.approx(model.entropy, abs=1e-12)
        assert coins < model.entropy


@pytest.mark.verifies("thm-mnist-coins")
@pytest.mark.parametrize("sharpness", [1.0, 0.01])  # of the encoder: at 0.01 it nearly copies the image
def test_less_distortion_than_the_tosses_is_paid_by_knowing_them(sharpness):
    rng = np.random.default_rng(0)
    positive = 0
    for _ in range(20):
        weights, grey, tossed = tossed_images(rng)
        encoder = rng.dirichlet(np.full(16, sharpness), 16)
        model = DiscreteModel(weights @ tossed, encoder, rng.dirichlet(np.ones(16), 16), np.full(16, 1 / 16))
        known = sum(w * tables.mutual_information(p[:, None] * encoder) for w, p in zip(weights, tossed, strict=True))
        for decoded in (model, model.with_optimal_decoder()):
            assert known >= coin_entropy(weights, grey) - decoded.distortion - 1e-12
        positive += coin_entropy(weights, grey) > decoded.distortion
    assert positive > 0  # the bound says something
