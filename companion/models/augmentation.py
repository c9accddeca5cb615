"""A disturbance of images that a code may be asked to survive."""

from math import pi

import torch
from torch import Tensor
from torch.nn import functional

TURN, SCALE, SHEAR, SHIFT = pi / 12, 0.1, 0.2, 0.15  # the largest: 15 degrees, a tenth, a fifth, 2 pixels of 28


def random_affine(x: Tensor, rng: torch.Generator) -> Tensor:
    """Images ``[n, H, W]``, each turned, scaled, sheared and shifted a little, at random; white comes in at the rim."""
    n = len(x)
    angle, size, shear, right, down = 2 * torch.rand(5, n, generator=rng, device=x.device, dtype=x.dtype) - 1
    cos, sin = (TURN * angle).cos(), (TURN * angle).sin()
    scale, slant = 1 + SCALE * size, SHEAR * shear
    top = torch.stack([scale * cos, scale * (slant * cos - sin), SHIFT * right], 1)
    low = torch.stack([scale * sin, scale * (slant * sin + cos), SHIFT * down], 1)
    grid = functional.affine_grid(torch.stack([top, low], 1), [n, 1, *x.shape[1:]], align_corners=False)
    return functional.grid_sample(x[:, None], grid, align_corners=False).squeeze(1)
