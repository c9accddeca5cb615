"""Changes of images that a code may be asked to survive: random affine maps, and the worst small step."""

from collections.abc import Callable
from math import pi

import torch
from torch import Tensor
from torch.nn import functional

#: The largest rotation in radians, change of scale, shear, and shift in halves of the image, of ``random_affine``.
AFFINE_LIMITS = {"rotation": pi / 12, "scale": 0.1, "shear": 0.2, "shift": 0.15}


def random_affine(x: Tensor, rng: torch.Generator) -> Tensor:
    """Images ``[n, H, W]``, each turned, scaled, sheared and shifted a little, at random; white comes in at the rim."""
    n, most = len(x), AFFINE_LIMITS
    angle, size, shear, right, down = 2 * torch.rand(5, n, generator=rng, device=x.device, dtype=x.dtype) - 1
    cos, sin = (most["rotation"] * angle).cos(), (most["rotation"] * angle).sin()
    scale, slant = 1 + most["scale"] * size, most["shear"] * shear
    top = torch.stack([scale * cos, scale * (slant * cos - sin), most["shift"] * right], 1)
    low = torch.stack([scale * sin, scale * (slant * sin + cos), most["shift"] * down], 1)
    grid = functional.affine_grid(torch.stack([top, low], 1), [n, 1, *x.shape[1:]], align_corners=False)
    return functional.grid_sample(x[:, None], grid, align_corners=False).squeeze(1)


def adversarial_step(score: Callable[[Tensor], Tensor], x: Tensor, length: float) -> Tensor:
    """Images ``[n, H, W]``, each moved by ``length`` (Euclidean, over its pixels) to where its ``score`` falls fastest.

    The step is that of Miyato et al. (2019), from where the gradient of ``score``, ``[n]``, is not zero; where it is,
    the image stays. No derivative of the step itself is kept.

    >>> import torch
    >>> adversarial_step(lambda x: x[:, 0, 0], torch.zeros(1, 1, 2), 0.5)
    tensor([[[-0.5000,  0.0000]]])
    """
    with torch.enable_grad():
        y = x.detach().requires_grad_()
        (slope,) = torch.autograd.grad(score(y).sum(), y)
    return x - length * functional.normalize(slope.flatten(1)).view_as(x)
