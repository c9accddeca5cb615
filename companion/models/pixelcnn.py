"""The autoregressive decoder ``+``: a PixelCNN++ of binary pixels that reads a code.

The chain rule writes any distribution over images as a product over pixels in reading order,

    log d(x|z) = sum_i log d(x_i | x_1, ..., x_{i-1}, z),

and a convolutional network gives all logits at once if none of them sees its own pixel or a later one. Only the image
is shifted to keep it so; the code, which is known beforehand, reaches every pixel, the first one too.

The convolutions are causal: they read an image in its reading order, in two streams. ``rows`` has seen, at a pixel, the
rows above it; ``pixels`` also the pixels to its left (Salimans et al., 2017). Every stage says which part of its input
decides one row or one pixel of its output, so that drawing an image pixel by pixel can compute that part alone.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.distributions import Bernoulli, Distribution
from torch.nn import functional

from companion.models.decoders import check_binary
from companion.models.draws import Shape, draw

CHUNK = 128  # images that pass through the network together: more of them leave the processor's cache, and take longer
LAYERS = 2  # residual layers in each of the six blocks
Apply = Callable[..., Tensor]


class CausalConv2d(nn.Module):
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
        self.image = CausalConv2d(1, 2 * features, rows, shift=True)

    def forward(self, x: Tensor, code: Tensor) -> Tensor:
        """Apply the stage: image ``[n, 1, H, W]`` in {-1, 1}, code ``[n, 2 features, H, W]``."""
        return functional.glu(self.image(x) + code, dim=1)


class Residual(Stage):
    """Two gated causal convolutions around a short cut; ``sides`` further inputs join through a 1 x 1 convolution."""

    def __init__(self, features: int, rows: bool, scale: int, sides: int) -> None:
        super().__init__(rows, scale)
        self.first, self.second = (CausalConv2d(features, 2 * features, rows) for _ in range(2))
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
        self.conv = CausalConv2d(features, 2 * features, rows, stride=2)

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


class PixelCNNDecoder(nn.Module):
    """The strong decoder ``+`` of Alemi et al. (2018), appendix F.2: PixelCNN++ with linear gates and a Bernoulli head.

    Six blocks of two residual layers, at sizes 28, 14, 7, 7, 14 and 28 for 28 x 28 images, with short cuts between
    layers of one size. A gated dense layer opens the code to a map of the image's size. Any image shape will do.

    F.2 lays that map beside the image as a second channel. Behind a shifted convolution this would hide the code of the
    first pixel from the first logit; so here the map has a 3 x 3 convolution of its own, not shifted, whose output is
    added to that of the image's.

    Args:
        image_shape: height and width
        latent_dim: dimensions of z
        width: multiplier of the 64 features, 1 in the paper

    >>> decoder = PixelCNNDecoder((28, 28), latent_dim=64, width=0.25)
    >>> d = decoder(torch.zeros(5, 64))
    >>> d.batch_shape, d.event_shape
    (torch.Size([5]), torch.Size([28, 28]))
    """

    enter: Any  # pairs of a stage of ``rows`` and one of ``pixels``, in lists of modules that mypy cannot index
    descent: Any
    ascent: Any
    down: Any
    up: Any

    def __init__(self, image_shape: tuple[int, int], latent_dim: int, width: float = 1.0) -> None:
        super().__init__()
        self.image_shape = image_shape
        f = max(1, round(64 * width))
        self.code = nn.Linear(latent_dim, 2 * image_shape[0] * image_shape[1])
        self.spread = nn.Conv2d(1, 4 * f, 3, padding=1)
        self.enter = _pair(partial(Enter, f))
        sizes = [(-(-image_shape[0] // s), -(-image_shape[1] // s)) for s in (1, 2)]
        self.descent = nn.ModuleList(_residuals(f, 2**i, down=True) for i in range(3))
        self.down = nn.ModuleList(_pair(partial(Down, f, scale=s)) for s in (2, 4))
        self.ascent = nn.ModuleList(_residuals(f, 2**i, down=False) for i in (2, 1, 0))
        self.up = nn.ModuleList(_pair(partial(Up, f, scale=2**i, size=sizes[i])) for i in (1, 0))
        self.head = nn.Conv2d(f, 1, 1)

    def features(self, x: Tensor, codes: tuple[Tensor, Tensor], apply: Apply) -> Tensor:
        """The features ``[n, f, H, W]`` under the logits, every stage called as ``apply(stage, *inputs)``."""
        rows, pixels = (apply(stage, x, code) for stage, code in zip(self.enter, codes, strict=True))
        shortcuts = []
        for resize, block in zip((None, *self.down), self.descent, strict=True):
            if resize:
                rows, pixels = apply(resize[0], rows), apply(resize[1], pixels)
            for above, left in block:
                rows = apply(above, rows)
                pixels = apply(left, pixels, rows)
                shortcuts.append((rows, pixels))
        for resize, block in zip((None, *self.up), self.ascent, strict=True):
            if resize:
                rows, pixels = apply(resize[0], rows), apply(resize[1], pixels)
            for above, left in block:
                rows_then, pixels_then = shortcuts.pop()
                rows = apply(above, rows, rows_then)
                pixels = apply(left, pixels, rows, pixels_then)
        return pixels

    def spread_code(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """What the code ``z`` ``[n, latent_dim]`` adds to the first layer of either stream, at every pixel."""
        image = functional.glu(self.code(z), dim=1).view(-1, 1, *self.image_shape)
        rows, pixels = self.spread(image).chunk(2, dim=1)
        return rows, pixels

    def network(self, x: Tensor, z: Tensor) -> Tensor:
        """The logits ``[n, H, W]`` of images ``x`` for codes ``z``: all of the arithmetic, to be compiled."""
        features = self.features(2 * x.unsqueeze(1) - 1, self.spread_code(z), lambda stage, *inputs: stage(*inputs))
        return self.head(features).squeeze(1)

    def check_data(self, x: Tensor) -> None:
        """Raise ``ValueError`` unless ``x`` is binary."""
        check_binary(x)

    def forward(self, z: Tensor) -> "AutoregressiveBernoulli":
        """d(x|z) for codes ``z`` of shape ``[n, latent_dim]``: batch shape ``[n]``, event shape ``[H, W]``."""
        return AutoregressiveBernoulli(self, z)


class AutoregressiveBernoulli(Distribution):
    """Binary images, each pixel a Bernoulli given the code and the pixels before it in reading order."""

    arg_constraints: dict[str, Any] = {}  # noqa: RUF012 - the base class's own form

    def __init__(self, decoder: PixelCNNDecoder, z: Tensor) -> None:
        self.decoder, self.z = decoder, z
        super().__init__(z.shape[:-1], torch.Size(decoder.image_shape), validate_args=False)

    def logits(self, x: Tensor) -> Tensor:
        """The log odds of ink at each pixel of ``x``, ``[..., H, W]``, given those before it.

        Raises ``ValueError`` for images of another shape.
        """
        if x.shape[-2:] != self.event_shape:
            height, width = self.event_shape
            raise ValueError(f"x: expected images of shape [..., {height}, {width}], got {list(x.shape)}")
        batch = torch.broadcast_shapes(x.shape[:-2], self.batch_shape)
        x = x.expand(*batch, *self.event_shape).flatten(0, -3) if batch else x[None]
        z = self.z.expand(*batch, -1).flatten(0, -2) if batch else self.z[None]
        lots = zip(x.to(z.dtype).split(CHUNK), z.split(CHUNK), strict=True)
        return torch.cat([self.decoder.network(*lot).float() for lot in lots]).view(*batch, *self.event_shape)

    def log_prob(self, value: Tensor) -> Tensor:
        """log d(x|z), summed over pixels."""
        return Bernoulli(logits=self.logits(value), validate_args=False).log_prob(value.float()).sum((-1, -2))


@draw.register
@torch.no_grad()
def _(distribution: AutoregressiveBernoulli, rng: torch.Generator, shape: Shape = ()) -> Tensor:
    """Pixel by pixel; each stage is computed only where the new pixel changes it, from the stored rest."""
    decoder, batch = distribution.decoder, (*shape, *distribution.batch_shape)
    z = distribution.z.expand(*batch, -1).reshape(-1, distribution.z.shape[-1])
    height, width = decoder.image_shape
    uniform = torch.rand(len(z), height, width, generator=rng, device=z.device)
    x, codes, cache = torch.full((len(z), 1, height, width), -1.0, device=z.device), decoder.spread_code(z), Cache()
    decoder.features(x, codes, cache)
    for i in range(height):
        for j in range(width):
            cache.at = i, j
            features = decoder.features(x, codes, cache)[..., i : i + 1, j : j + 1]
            ink = uniform[:, i, j] < decoder.head(features).flatten().sigmoid()
            x[:, 0, i, j] = 2.0 * ink - 1
    return (x[:, 0] > 0).view(*batch, height, width)


class Cache:
    """The output of every stage, kept between pixels: only what row and column ``at`` decide is computed anew.

    A stage of the stream ``rows`` gives a row at a time, when the row begins; one of the stream ``pixels`` one entry.
    Either is the stage applied to the few rows and columns that it reads.
    """

    def __init__(self) -> None:
        self.outputs: dict[nn.Module, Tensor] = {}
        self.at: tuple[int, int] | None = None  # None: everywhere, the first time

    def __call__(self, stage: Stage, *inputs: Tensor) -> Tensor:
        """The output of ``stage`` for ``inputs``, up to date at ``at``."""
        if self.at is None:
            self.outputs[stage] = stage(*inputs)
        elif self.at[0] % stage.scale == 0 and self.at[1] % stage.scale == 0 and not (stage.rows and self.at[1]):
            (row, column), every = (p // stage.scale for p in self.at), slice(None)
            (down, i), (across, j) = stage.window(row), (every, every) if stage.rows else stage.window(column)
            place = every if stage.rows else column
            self.outputs[stage][..., row, place] = stage(*(a[..., down, across] for a in inputs))[..., i, j]
        return self.outputs[stage]


def _pair(make: Callable[[bool], nn.Module]) -> nn.ModuleList:
    return nn.ModuleList((make(True), make(False)))


def _residuals(features: int, scale: int, down: bool) -> nn.ModuleList:
    """The layers of a block: on the way down ``pixels`` reads ``rows`` as well, on the way up both read a short cut."""
    return nn.ModuleList(
        _pair(lambda rows: Residual(features, rows, scale, sides=(not rows) + (not down))) for _ in range(LAYERS)
    )
