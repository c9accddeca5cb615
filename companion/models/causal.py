"""Causal stages: convolutions that read an image in its reading order, in two streams.

``rows`` has seen, at a pixel, the rows above it; ``pixels`` also the pixels to its left (Salimans et al., 2017). Every
stage says which part of its input decides one row or one pixel of its output, so that drawing an image pixel by pixel
can compute that part alone.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional


class Causal(nn.Module):
    """A convolution whose output at a pixel reads no row below it and, unless ``rows``, no column to its right.

    ``shift`` moves the window up by a row (for ``rows``) or left by a column, off the pixel itself.
    """

    def __init__(self, inputs: int, outputs: int, rows: bool, stride: int = 1, shift: bool = False) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, (2, 3 if rows else 2), stride)
        self.padding = (1 + (shift and not rows), int(rows), 1 + (shift and rows), 0)  # left, right, above, below
        self.crop = (-1 if shift and rows else None, -1 if shift and not rows else None)

    def forward(self, x: Tensor) -> Tensor:
        """Apply the layer."""
        x = self.conv(functional.pad(x, self.padding))
        return x[..., : self.crop[0], : self.crop[1]]


class Stage(nn.Module):
    """One step of the stream ``rows`` or ``pixels``, whose output has one entry for ``scale`` pixels of the image."""

    def __init__(self, rows: bool, scale: int) -> None:
        super().__init__()
        self.rows, self.scale = rows, scale

    def window(self, at: int) -> tuple[slice, int]:
        """The slice of an input's rows (or columns) that decides output row ``at``, and its place in the result."""
        return slice(max(0, at - 2), at + 1), -1


class Enter(Stage):
    """The shifted image and the unshifted code's map to features."""

    def __init__(self, features: int, rows: bool) -> None:
        super().__init__(rows, scale=1)
        self.image = Causal(1, 2 * features, rows, shift=True)

    def forward(self, x: Tensor, code: Tensor) -> Tensor:
        """Apply the stage: image ``[n, 1, H, W]`` in {-1, 1}, code ``[n, 2 features, H, W]``."""
        return functional.glu(self.image(x) + code, dim=1)


class Residual(Stage):
    """Two gated causal convolutions around a short cut; ``sides`` further inputs join through a 1 x 1 convolution."""

    def __init__(self, features: int, rows: bool, scale: int, sides: int) -> None:
        super().__init__(rows, scale)
        self.first, self.second = (Causal(features, 2 * features, rows) for _ in range(2))
        self.side = nn.Conv2d(sides * features, 2 * features, 1) if sides else None

    def forward(self, x: Tensor, *sides: Tensor) -> Tensor:
        """Apply the stage."""
        h = self.first(x)
        if self.side is not None:
            h = h + self.side(torch.cat(sides, 1))
        return x + functional.glu(self.second(functional.glu(h, dim=1)), dim=1)


class Down(Stage):
    """A gated causal convolution of stride 2, to half the size, rounded up."""

    def __init__(self, features: int, rows: bool, scale: int) -> None:
        super().__init__(rows, scale)
        self.conv = Causal(features, 2 * features, rows, stride=2)

    def forward(self, x: Tensor) -> Tensor:
        """Apply the stage."""
        return functional.glu(self.conv(x), dim=1)

    def window(self, at: int) -> tuple[slice, int]:
        """See ``Stage.window``."""
        return slice(max(0, 2 * at - 2), 2 * at + 1), -1


class Up(Stage):
    """A gated transposed convolution of stride 2, cropped to ``size``; each input row gives two rows of its own."""

    def __init__(self, features: int, rows: bool, scale: int, size: tuple[int, int]) -> None:
        super().__init__(rows, scale)
        across = (0, int(rows))
        self.conv = nn.ConvTranspose2d(features, 2 * features, (2, 3 if rows else 2), 2, across, across)
        self.size = size

    def forward(self, x: Tensor) -> Tensor:
        """Apply the stage."""
        return functional.glu(self.conv(x)[..., : self.size[0], : self.size[1]], dim=1)

    def window(self, at: int) -> tuple[slice, int]:
        """See ``Stage.window``."""
        return slice(at // 2, at // 2 + 1), at % 2
