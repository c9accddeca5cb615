"""The pages with one network for every price, the tour and the lab: stored images, and their copies at some prices."""

from base64 import b64decode
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch

from companion.models import MultiRateVAE, draw, generator
from companion.show.figure import Figure
from companion.show.images import image_sheet


def stored_digits(lab: Mapping[str, Any]) -> np.ndarray:
    """The images that ``book/results/lab.json`` holds, ``[n, 28, 28]``, true where there is ink.

    >>> stored_digits({"images": "gAAA" + "AAAA" * 31 + "AAA="}).shape  # 98 bytes
    (1, 28, 28)
    """
    bits = np.unpackbits(np.frombuffer(b64decode(lab["images"]), np.uint8))
    return bits.reshape(-1, 28, 28).astype(bool)


@torch.no_grad()
def copies_at_prices(network: MultiRateVAE, images: np.ndarray, betas: Sequence[float]) -> Figure:
    """The images, and below them a copy of each at every price: the decoder's probabilities for one draw of the code.

    Args:
        images: ``[n, H, W]``, true where there is ink

    Raises ``ValueError`` for a price that ``network`` was not trained for.
    """
    x, rows = torch.from_numpy(images).float(), {"image": images}
    for beta in betas:
        member = network.at(beta)
        rows[f"β = {beta:g}"] = member.decoder(draw(member.encoder(x), generator(0))).mean.numpy()
    return image_sheet(rows)
