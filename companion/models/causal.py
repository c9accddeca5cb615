"""Causal convolutions: an image read in its reading order, everywhere at once or at one pixel of a drawing.

They read in two streams. ``rows`` has seen, at a pixel, the rows above it; ``pixels`` also the pixels to its left
(Salimans et al., 2017). A network of them is written once and serves twice: ``EVERYWHERE`` it gives whole maps of
features, to train with, and in a ``Cache`` the one row or pixel that a new pixel of a drawing decides.
"""

from typing import Any

from torch import Tensor, nn
from torch.nn import functional

ABOVE, LEFT, RIGHT = 2, 2, 1  # zeros around a stored map: as far as any convolution here reads past its border


class CausalConv2d(nn.Module):
    """A convolution whose output at a pixel reads no row below it and, unless ``rows``, no column to its right.

    ``shift`` moves the window up by a row (for ``rows``) or left by a column, off the pixel itself.
    """

    def __init__(self, inputs: int, outputs: int, rows: bool, stride: int = 1, shift: bool = False) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, (2, 3 if rows else 2), stride)
        self.padding = (1 + (shift and not rows), int(rows), 1 + (shift and rows), 0)  # left, right, above, below
        self.crop = (-1 if shift and rows else None, -1 if shift and not rows else None)
        self.rows, self.stride = rows, stride

    def forward(self, x: Tensor) -> Tensor:
        """Apply the layer."""
        x = self.conv(functional.pad(x, self.padding))
        return x[..., : self.crop[0], : self.crop[1]]

    def at(self, x: Tensor, row: int, column: int) -> Tensor:
        """The output's ``row``, or its one pixel in that ``column``, from the stored map ``x``."""
        top, left = row * self.stride + ABOVE - self.padding[2], LEFT - self.padding[0]
        if self.rows:
            return self.conv(x[..., top : top + 2, left : x.shape[-1] - RIGHT + self.padding[1]])
        left += column * self.stride
        return _at_a_pixel(x[..., top : top + 2, left : left + 2], self.conv.weight, self.conv.bias)


class CausalConvTranspose2d(nn.ConvTranspose2d):
    """A transposed convolution of stride 2, cropped to ``size``: each input row gives two rows of its own.

    And, unless ``rows``, each input column two columns.
    """

    def __init__(self, inputs: int, outputs: int, rows: bool, size: tuple[int, int]) -> None:
        across = (0, int(rows))
        super().__init__(inputs, outputs, (2, 3 if rows else 2), 2, across, across)
        self.rows, self.size = rows, size

    def forward(self, x: Tensor) -> Tensor:  # type: ignore[override]
        """Apply the layer."""
        return super().forward(x)[..., : self.size[0], : self.size[1]]

    def at(self, x: Tensor, row: int, column: int) -> Tensor:
        """As ``CausalConv2d.at``."""
        top, left = ABOVE + row // 2, LEFT + column // 2
        if self.rows:
            return super().forward(x[..., top : top + 1, LEFT:-RIGHT])[..., row % 2 : row % 2 + 1, : self.size[1]]
        weight = self.weight[:, :, row % 2, column % 2].T
        return _at_a_pixel(x[..., top : top + 1, left : left + 1], weight, self.bias)


def _at_a_pixel(window: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """A convolution whose output is one pixel, as the matrix product that it is: four times as fast."""
    return functional.linear(window.flatten(1), weight.flatten(1), bias)[:, :, None, None]


class Stage(nn.Module):
    """One step of the stream ``rows`` or ``pixels``, whose output has one entry for ``scale`` pixels of the image."""

    def __init__(self, rows: bool, scale: int) -> None:
        super().__init__()
        self.rows, self.scale = rows, scale


class Everywhere:
    """Evaluates stages for all pixels at once."""

    def conv(self, layer: nn.Module, x: Tensor) -> Tensor:
        """The output of a causal convolution."""
        return layer(x)

    def here(self, x: Tensor) -> Tensor:
        """The features of a map at the pixels that are evaluated."""
        return x

    def keep(self, layer: nn.Module, x: Tensor) -> Tensor:
        """The map of the features ``x``, for the convolution ``layer`` to read."""
        return x

    def __call__(self, stage: Stage, *inputs: Tensor) -> Tensor:
        """The map that ``stage`` makes of ``inputs``."""
        return stage(*inputs)

    def __repr__(self) -> str:
        return type(self).__name__.upper()  # short in signatures


EVERYWHERE = Everywhere()


class Cache(Everywhere):
    """Evaluates stages at one pixel of a drawing after the other; the features of all pixels before it are stored.

    A stage of the stream ``rows`` gives a row at a time, when the row begins; one of the stream ``pixels`` one pixel;
    both only where their map, which may have half or a quarter of the image's side, has a new place.

    Args:
        image_shape: height and width
    """

    def __init__(self, image_shape: tuple[int, int]) -> None:
        self.image_shape = image_shape
        self.maps: dict[nn.Module, Tensor] = {}
        self.at = self.place = (0, 0)  # in the image, and in the map of the present stage
        self.stage: Any = None

    def conv(self, layer: Any, x: Tensor) -> Tensor:
        """See ``Everywhere.conv``."""
        return layer.at(x, *self.place)

    def here(self, x: Tensor) -> Tensor:
        """See ``Everywhere.here``."""
        row, column = ABOVE + self.place[0], LEFT + self.place[1]
        across = slice(LEFT, -RIGHT) if self.stage.rows else slice(column, column + 1)
        return x[..., row : row + 1, across]

    def keep(self, layer: nn.Module, x: Tensor) -> Tensor:
        """See ``Everywhere.keep``."""
        if layer not in self.maps:
            height, width = (-(-side // self.stage.scale) for side in self.image_shape)
            self.maps[layer] = x.new_zeros(*x.shape[:2], ABOVE + height, LEFT + width + RIGHT)
        self.here(self.maps[layer]).copy_(x)
        return self.maps[layer]

    def __call__(self, stage: Stage, *inputs: Tensor) -> Tensor:
        """See ``Everywhere``: the map, as far as it is known."""
        (row, below), (column, beyond) = (divmod(p, stage.scale) for p in self.at)
        if below or beyond or (stage.rows and column):
            return self.maps[stage]
        self.stage, self.place = stage, (row, column)
        return self.keep(stage, stage(*inputs, within=self))
