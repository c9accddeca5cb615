"""What the page on Omniglot proves, on random sets of models."""

import numpy as np
import pytest


@pytest.mark.verifies("thm-omniglot-chord")
def test_two_prices_enclose_a_slope():
    rng, moved = np.random.default_rng(0), 0
    for _ in range(200):
        r, d = rng.exponential(size=(2, 30))
        low, high = np.sort(rng.exponential(size=2))
        first, second = (np.argmin(d + beta * r) for beta in (low, high))
        saved, paid = r[first] - r[second], d[second] - d[first]
        assert low * saved <= paid + 1e-12
        assert paid <= high * saved + 1e-12
        assert saved >= 0
        moved += saved > 0
    assert moved > 50  # the two prices do choose different models
