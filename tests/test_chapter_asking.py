"""What the page on asking for information proves about drawings and images, on tables of three variables."""

from math import log

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from companion.exact import tables


def informations(p, e_z, e_c, d):
    """I(c; x), I(c; x') and H(c) of p*(x), e(z|x) ``[x, z]``, e(c|x) ``[x, c]`` and d(x'|z, c) ``[z, c, x']``."""
    with_image = p[:, None] * e_c
    with_drawing = np.einsum("x,xz,xc,zcy->cy", p, e_z, e_c, d)
    mutual = tables.mutual_information
    return mutual(with_image), mutual(with_drawing), tables.entropy(with_image.sum(0))


@pytest.mark.verifies("thm-asking-blind")
@pytest.mark.parametrize("k", [2, 3, 7])
def test_neither_information_bounds_the_other(k):
    """A decoder that writes a blindly drawn category, and one that ignores a category that names the image."""
    rng, p, blind = np.random.default_rng(k), np.full(k, 1 / k), np.full((k, k), 1 / k)
    writes = np.broadcast_to(np.eye(k), (k, k, k))
    of_image, of_drawing, _ = informations(p, blind, blind, writes)
    assert (of_image, of_drawing) == (pytest.approx(0, abs=1e-12), pytest.approx(log(k)))
    ignores = np.repeat(rng.dirichlet(np.ones(k), k)[:, None], k, axis=1)
    of_image, of_drawing, _ = informations(p, blind, np.eye(k), ignores)
    assert (of_image, of_drawing) == (pytest.approx(log(k)), pytest.approx(0, abs=1e-12))


@pytest.mark.verifies("thm-asking-blind")
@given(st.integers(0, 2**32 - 1), st.integers(1, 6), st.integers(1, 4), st.integers(1, 4))
def test_a_category_that_is_a_function_of_the_image_shows_no_more_than_it_says(seed, n, size, k):
    rng = np.random.default_rng(seed)
    hard = np.eye(k)[rng.integers(k, size=n)]
    d = rng.dirichlet(np.full(n, 0.3), (size, k))
    of_image, of_drawing, entropy = informations(rng.dirichlet(np.ones(n)), rng.dirichlet(np.ones(size), n), hard, d)
    assert of_image == pytest.approx(entropy, abs=1e-12)
    assert of_drawing <= entropy + 1e-12
