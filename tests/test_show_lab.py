"""The sheet of one network at several prices: the images, and what its members give for one draw of the code."""

import numpy as np
import pytest
import torch

from companion.models import MultiRateVAE, draw, family, generator
from companion.show.chapters.lab import copies_at_prices, stored_digits


def test_the_rows_are_the_images_and_a_copy_at_each_price():
    torch.manual_seed(0)
    network = MultiRateVAE(family("---", image_shape=(8, 8), width=0.1, latent_dim=2), span=10.0)
    images = np.random.default_rng(0).random((3, 8, 8)) < 0.3
    sheet = copies_at_prices(network, images, [0.5, 3])
    assert [axes.get_ylabel() for axes in sheet.axes] == ["image", "β = 0.5", "β = 3"]
    strips = [np.asarray(axes.images[0].get_array()) for axes in sheet.axes]
    member, x = network.at(3.0), torch.from_numpy(images).float()
    with torch.no_grad():
        copies = member.decoder(draw(member.encoder(x), generator(0))).mean.numpy()
    for i in range(3):  # each tile has a margin of one pixel
        np.testing.assert_array_equal(strips[0][1:9, 10 * i + 1 : 10 * i + 9], images[i])
        np.testing.assert_allclose(strips[2][1:9, 10 * i + 1 : 10 * i + 9], copies[i])
    with pytest.raises(ValueError, match="as trained, got 20"):
        copies_at_prices(network, images, [20])


def test_stored_digits_are_read_row_after_row():
    (digit,) = stored_digits({"images": "gAAA" + "AAAA" * 31 + "AAE="})
    assert np.argwhere(digit).tolist() == [[0, 0], [27, 27]]
