"""The autoregressive decoder ``+``: a PixelCNN++ of binary pixels that reads a code.

The chain rule writes any distribution over images as a product over pixels in reading order,

    log d(x|z) = sum_i log d(x_i | x_1, ..., x_{i-1}, z),

and a convolutional network gives all logits at once if none of them sees its own pixel or a later one. Only the image
is shifted to keep it so; the code, which is known beforehand, reaches every pixel, the first one too.

Its stages are causal convolutions, in two streams (``companion.models.causal``).
"""

from collections.abc import Callable, Sequence
from functools import partial
from itertools import product
from typing import Any

import torch
from torch import Tensor, nn
from torch.distributions import Bernoulli, Distribution
from torch.nn import functional

from companion.models.causal import (
    ABOVE,
    EVERYWHERE,
    LEFT,
    RIGHT,
    Cache,
    CausalConv2d,
    CausalConvTranspose2d,
    Everywhere,
    Stage,
)
from companion.models.decoders import check_binary
from companion.models.draws import Shape, draw

CHUNK = 128  # images that pass through the network together: more of them leave the processor's cache, and take longer
LAYERS = 2  # residual layers in each of the six blocks


class Enter(Stage):
    """The shifted image and the unshifted code's map to features."""

    def __init__(self, features: int, rows: bool) -> None:
        super().__init__(rows, scale=1)
        self.image = CausalConv2d(1, 2 * features, rows, shift=True)

    def forward(self, x: Tensor, code: Tensor, within: Everywhere = EVERYWHERE) -> Tensor:
        """Apply the stage: image ``[n, 1, H, W]`` in {-1, 1}, code ``[n, 2 features, H, W]``."""
        return functional.glu(within.conv(self.image, x) + within.here(code), dim=1)


class Residual(Stage):
    """Two gated causal convolutions around a short cut; ``sides`` further inputs join through a 1 x 1 convolution."""

    def __init__(self, features: int, rows: bool, scale: int, sides: int) -> None:
        super().__init__(rows, scale)
        self.first, self.second = (CausalConv2d(features, 2 * features, rows) for _ in range(2))
        self.side = nn.Conv2d(sides * features, 2 * features, 1) if sides else None

    def forward(self, x: Tensor, *sides: Tensor, within: Everywhere = EVERYWHERE) -> Tensor:
        """Apply the stage."""
        h = within.conv(self.first, x)
        if self.side is not None:
            h = h + self.side(torch.cat([within.here(side) for side in sides], 1))
        h = within.keep(self.second, functional.glu(h, dim=1))
        return within.here(x) + functional.glu(within.conv(self.second, h), dim=1)


class Down(Stage):
    """A gated causal convolution of stride 2, to half the size, rounded up."""

    def __init__(self, features: int, rows: bool, scale: int) -> None:
        super().__init__(rows, scale)
        self.conv = CausalConv2d(features, 2 * features, rows, stride=2)

    def forward(self, x: Tensor, within: Everywhere = EVERYWHERE) -> Tensor:
        """Apply the stage."""
        return functional.glu(within.conv(self.conv, x), dim=1)


class Up(Stage):
    """A gated transposed convolution of stride 2, cropped to ``size``."""

    def __init__(self, features: int, rows: bool, scale: int, size: tuple[int, int]) -> None:
        super().__init__(rows, scale)
        self.conv = CausalConvTranspose2d(features, 2 * features, rows, size)

    def forward(self, x: Tensor, within: Everywhere = EVERYWHERE) -> Tensor:
        """Apply the stage."""
        return functional.glu(within.conv(self.conv, x), dim=1)


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

    def features(self, x: Tensor, codes: Sequence[Tensor], apply: Callable[..., Tensor] = EVERYWHERE) -> Tensor:
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
        features = self.features(2 * x.unsqueeze(1) - 1, self.spread_code(z))
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
    blank = torch.full((len(z), 1, height, width), -1.0, device=z.device)
    x, *codes = (functional.pad(a, (LEFT, RIGHT, ABOVE, 0)) for a in (blank, *decoder.spread_code(z)))
    ink, cache = uniform.new_zeros(uniform.shape, dtype=torch.bool), Cache(decoder.image_shape)
    for i, j in product(range(height), range(width)):
        cache.at = i, j
        features = decoder.features(x, codes, cache)[..., ABOVE + i, LEFT + j]
        ink[:, i, j] = uniform[:, i, j] < decoder.head(features[..., None, None]).flatten().sigmoid()
        x[:, 0, ABOVE + i, LEFT + j] = 2.0 * ink[:, i, j] - 1
    return ink.view(*batch, height, width)


def _pair(make: Callable[[bool], nn.Module]) -> nn.ModuleList:
    return nn.ModuleList((make(True), make(False)))


def _residuals(features: int, scale: int, down: bool) -> nn.ModuleList:
    """The layers of a block: on the way down ``pixels`` reads ``rows`` as well, on the way up both read a short cut."""
    return nn.ModuleList(
        _pair(lambda rows: Residual(features, rows, scale, sides=(not rows) + (not down))) for _ in range(LAYERS)
    )
