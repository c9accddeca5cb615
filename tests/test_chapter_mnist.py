"""What the page on the plane of MNIST proves, on tables."""

import numpy as np
import pytest

from companion.exact import tables
from companion.exact.discrete import DiscreteModel


def random_model(rng, codes, p_x):
    """Four random tables over ``p_x``."""
    rows = [rng.dirichlet(np.ones(n), m) for m, n in ((len(p_x), codes), (codes, len(p_x)))]
    return DiscreteModel(p_x, *rows, rng.dirichlet(np.ones(codes)))


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
    images = np.array(list(np.ndindex(2, 2, 2, 2)))  # all of four pixels
    for _ in range(20):
        weights, grey = rng.dirichlet(np.ones(3)), rng.random((3, 4))
        tossed = np.where(images[None] == 1, grey[:, None], 1 - grey[:, None]).prod(2)  # p(x | g), [g, x]
        joint = weights[:, None] * tossed
        p_x = joint.sum(0)
        model = DiscreteModel(p_x, (joint / p_x).T, tossed, weights)
        coins = weights @ -(grey * np.log(grey) + (1 - grey) * np.log(1 - grey)).sum(1)
        assert model.distortion == pytest.approx(coins, abs=1e-12)
        assert model.rate == pytest.approx(tables.mutual_information(joint), abs=1e-12)
        assert model.rate + model.distortion == pytest.approx(model.entropy, abs=1e-12)
        assert coins < model.entropy
