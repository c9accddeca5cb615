"""Layers: those of Alemi et al. (2018), appendix F, h(x) = (W1 x + b1) * sigmoid(W2 x + b2), and plain dense ones."""

from typing import Any

from torch import Tensor, nn
from torch.nn import functional

UNITS_DENSE = 1000  # of each dense layer, at width 1


def dense_layers(inputs: int, width: float) -> nn.Sequential:
    """Two hidden layers of ReLUs on all ``inputs`` at once: the plain network of the first VAEs."""
    units = max(1, round(UNITS_DENSE * width))
    return nn.Sequential(nn.Flatten(), nn.Linear(inputs, units), nn.ReLU(), nn.Linear(units, units), nn.ReLU())


class GatedConv2d(nn.Module):
    """A linearly gated convolution, ``[n, inputs, H, W]`` to ``[n, outputs, H', W']``.

    Both halves of the gate come from one convolution with twice the channels.
    """

    def __init__(self, inputs: int, outputs: int, kernel: int | tuple[int, int], **options: Any) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, 2 * outputs, kernel, **options)

    def forward(self, x: Tensor) -> Tensor:
        """Apply the layer."""
        return functional.glu(self.conv(x), dim=1)


class GatedConvTranspose2d(nn.Module):
    """A linearly gated transposed convolution; ``trim`` drops that many last rows and columns.

    "Same" padding with an even kernel needs one row more cropped at the end than at the start.
    """

    def __init__(self, inputs: int, outputs: int, kernel: int | tuple[int, int], trim: int = 0, **options: Any) -> None:
        super().__init__()
        self.conv = nn.ConvTranspose2d(inputs, 2 * outputs, kernel, **options)
        self.trim = trim

    def forward(self, x: Tensor) -> Tensor:
        """Apply the layer."""
        x = functional.glu(self.conv(x), dim=1)
        return x[..., : x.shape[-2] - self.trim, : x.shape[-1] - self.trim]
