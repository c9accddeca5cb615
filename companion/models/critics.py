"""Critics: networks that read a code off an image, and the disturbance that a code may be asked to survive."""

from math import pi

import torch
from torch import Tensor, nn
from torch.distributions import Distribution, OneHotCategorical
from torch.nn import functional

from companion.models.encoders import VARIANCE_FLOOR, gaussian

TURN, SCALE, SHEAR, SHIFT = pi / 12, 0.1, 0.2, 0.15  # the largest: 15 degrees, a tenth, a fifth, 2 pixels of 28


class Recogniser(nn.Module):
    """Q(c|x), the auxiliary distribution of Barber & Agakov (2003): two hidden layers of ``units`` on the pixels.

    image_shape : height and width
    categories : K of a one-hot c; or, where it is 0,
    numbers : how many real numbers c has, under a diagonal Gaussian

    >>> import torch
    >>> Recogniser((28, 28), categories=10)(torch.zeros(5, 28, 28)).event_shape
    torch.Size([10])
    """

    def __init__(
        self, image_shape: tuple[int, int], *, categories: int = 0, numbers: int = 0, units: int = 256
    ) -> None:
        super().__init__()
        self.categories = categories
        self.network = nn.Sequential(
            *(nn.Flatten(), nn.Linear(image_shape[0] * image_shape[1], units), nn.ReLU()),
            *(nn.Linear(units, units), nn.ReLU(), nn.Linear(units, categories or 2 * numbers)),
        )

    def forward(self, x: Tensor) -> Distribution:
        """Q(c|x) for images ``x`` in [0, 1], ``[n, H, W]``: batch shape ``[n]``."""
        out = self.network(2 * x - 1).float()
        if self.categories:
            return OneHotCategorical(logits=out, validate_args=False)
        mean, variance = out.chunk(2, 1)
        return gaussian(mean, functional.softplus(variance).clamp_min(VARIANCE_FLOOR))


def shaken(x: Tensor, rng: torch.Generator) -> Tensor:
    """Images ``[n, H, W]``, each turned, scaled, sheared and shifted a little, at random; white comes in at the rim."""
    n = len(x)
    angle, size, shear, right, down = 2 * torch.rand(5, n, generator=rng, device=x.device, dtype=x.dtype) - 1
    cos, sin = (TURN * angle).cos(), (TURN * angle).sin()
    scale, slant = 1 + SCALE * size, SHEAR * shear
    top = torch.stack([scale * cos, scale * (slant * cos - sin), SHIFT * right], 1)
    low = torch.stack([scale * sin, scale * (slant * sin + cos), SHIFT * down], 1)
    grid = functional.affine_grid(torch.stack([top, low], 1), [n, 1, *x.shape[1:]], align_corners=False)
    return functional.grid_sample(x[:, None], grid, align_corners=False).squeeze(1)
