"""What is timed: a contender is made by a function here, and each call of it, a turn, does one fixed piece of work."""

import inspect
import io
import logging
import tempfile
from collections.abc import Callable, Mapping
from contextlib import redirect_stderr
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import count
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.distributions import Normal
from torch.utils.flop_counter import FlopCounterMode

from companion import data, models
from companion.learn import Config
from companion.learn.training import batches, build, fit, training_units
from companion.measure import aggregate

Turn = Callable[[], Any]

PYTHAE, SQUARES = "pythae", "product of squares"
PRODUCT, SINGLE = "matrix product, float64", "matrix product, float32"
BROADCAST, IN_BLOCKS = "broadcasting", "broadcasting, in blocks"
STORED, FULL_PASSES = "stored stages", "full passes"
WRITING, READING = "writing", "reading"
SETTINGS: dict[str, dict[str, Any]] = {
    "default": {},
    "channels_last": {"channels_last": True},
    "compile": {"compile": True},
    "channels_last, compile": {"channels_last": True, "compile": True},
    "bf16": {"precision": "bf16"},
    "bf16, channels_last, compile": {"precision": "bf16", "channels_last": True, "compile": True},
}
PAIRS = 60_000  # of a code and a component, that broadcasting holds at once: with 30 MB an array it is at its fastest


@dataclass(frozen=True)
class Scale:
    """How large everything is.

    Attributes:
        cases: by name, what ``Config`` needs to know of a model; ``steps`` is of one turn
        profiled, profiled_steps: the case that is profiled, and how many of its steps at a time
        examples: the numbers N of components of the aggregate
        parts: an aggregate's codes are split into so many, one a turn
        checked: the N at which the product is compared with differences
    """

    side: int = 28
    latent_dim: int = 64
    cases: Mapping[str, dict[str, Any]] = field(
        default_factory=lambda: {
            "---, width 1/4": {"family": "---", "width": 0.25, "batch_size": 64, "steps": 10},
            "---, width 1": {"family": "---", "width": 1.0, "batch_size": 64, "steps": 2},
            "-+-, width 1/4": {"family": "-+-", "width": 0.25, "batch_size": 32, "steps": 5},
        }
    )
    profiled: str = "-+-, width 1/4"
    profiled_steps: int = 3
    examples: tuple[int, ...] = (10_000, 60_000)
    parts: int = 6
    checked: int = 2000
    drawn: int = 8
    drawn_width: float = 0.25
    coded: int = 100
    matrix: int = 1024

    def taking(self, steps: int) -> "Scale":
        """The same with so many steps a turn."""
        return replace(self, cases={name: {**told, "steps": steps} for name, told in self.cases.items()})


FULL = Scale()
QUICK = Scale(
    side=8,
    latent_dim=4,
    cases={
        "---, narrow": {"family": "---", "width": 0.1, "batch_size": 8, "steps": 1},
        "-+-, narrow": {"family": "-+-", "width": 0.1, "batch_size": 8, "steps": 1},
    },
    profiled="-+-, narrow",
    profiled_steps=1,
    examples=(600,),
    checked=300,
    drawn_width=0.1,
    coded=3,
    matrix=64,
)


def training(scale: Scale, case: str, method: str) -> Turn:
    """An epoch over a small set of random images: by this package's loop in one of ``SETTINGS``, or by pythae's."""
    told = scale.cases[case]
    drawn = np.random.default_rng(0).random((told["batch_size"] * told["steps"], scale.side, scale.side)) < 0.13
    images = data.ImageData.from_arrays(drawn, drawn[:1], drawn[:1])
    config = Config.of(
        data="arrays", latent_dim=scale.latent_dim, **told | {"steps": 10**6}, **SETTINGS.get(method, {})
    )
    if method == PYTHAE:
        return pythae_epoch(config, images)
    model = build(config, images.image_shape)
    units, _ = training_units(model, config, len(images.train))
    steps = fit(units, batches(images, config), config.steps)
    return lambda: [next(steps) for _ in range(told["steps"])]


def pythae_epoch(config: Config, images: data.ImageData) -> Turn:
    """``train_step`` of pythae's trainer, which is one epoch, on this package's layers as its encoder and decoder.

    The optimiser, Adam, is its default. It knows no decoder that reads the image as well as the code, so the encoder
    hands the image on. Its decoders give probabilities, its encoders the logarithm of the variance.
    """
    from pythae.data.datasets import BaseDataset
    from pythae.models import VAE, VAEConfig
    from pythae.models.base.base_utils import ModelOutput
    from pythae.models.nn import BaseDecoder, BaseEncoder
    from pythae.trainers import BaseTrainer, BaseTrainerConfig

    logging.disable(logging.INFO)
    ours = build(config, images.image_shape)
    read: list[Tensor] = []

    class Encoder(BaseEncoder):
        def __init__(self) -> None:
            super().__init__()
            self.trunk, self.mean, self.log_variance = ours.encoder.trunk, ours.encoder.mean, ours.encoder.variance

        def forward(self, x: Tensor) -> Any:
            read[:] = [x]
            h = self.trunk(2 * x.unsqueeze(1) - 1)
            return ModelOutput(embedding=self.mean(h), log_covariance=self.log_variance(h))

    class Decoder(BaseDecoder):
        def __init__(self) -> None:
            super().__init__()
            self.decoder = ours.decoder
            self.autoregressive = isinstance(ours.decoder, models.PixelCNNDecoder)

        def forward(self, z: Tensor) -> Any:
            logits = self.decoder.network(*read, z) if self.autoregressive else self.decoder.network(z)
            return ModelOutput(reconstruction=logits.sigmoid())

    told = VAEConfig(input_dim=images.image_shape, latent_dim=config.latent_dim, reconstruction_loss="bce")
    x = torch.from_numpy(images.train)
    trainer = BaseTrainer(
        VAE(told, Encoder(), Decoder()),
        BaseDataset(x, torch.zeros(len(x))),
        training_config=BaseTrainerConfig(
            output_dir=tempfile.mkdtemp(),
            per_device_train_batch_size=config.batch_size,
            learning_rate=config.learning_rate,
            no_cuda=True,
        ),
    )
    trainer.prepare_training()

    def turn() -> None:
        with redirect_stderr(io.StringIO()):  # its progress bar
            trainer.train_step(1)

    return turn


def flops(turn: Turn) -> dict[str, int]:
    """The floating-point operations of a turn's convolutions and matrix products, by operation."""
    with FlopCounterMode(display=False) as counter:
        turn()
    return {str(name): number for name, number in counter.get_flop_counts()["Global"].items()}


def matrix_product(scale: Scale, times: int = 20) -> Turn:
    """``times`` products of two square matrices in single precision."""
    a, b = (torch.randn(scale.matrix, scale.matrix, generator=models.generator(0, i)) for i in range(2))
    return lambda: [a @ b for _ in range(times)]


def posteriors(n: int, latent_dim: int) -> tuple[Tensor, Tensor, Tensor]:
    """Codes, one drawn from each of ``n`` Gaussians, and their means and variances, ``[n, latent_dim]`` in double.

    As of a trained encoder: a third of the dimensions is in use, with standard deviations around 0.1; the others are
    close to the standard normal.
    """
    noise, mean, scale = (
        torch.randn(n, latent_dim, generator=models.generator(0, i), dtype=torch.float64) for i in range(3)
    )
    used = torch.arange(latent_dim) < max(1, latent_dim // 3)
    mean = torch.where(used, mean, 0.03 * mean)
    sd = torch.where(used, 0.1 * (0.5 * scale).exp(), 1 - 0.01 * scale.sigmoid())
    return mean + sd * noise, mean, sd**2


def density(method: str) -> Callable[..., Tensor] | None:
    """log q of codes under the mixture of Gaussians, by a method; None where this version of the package lacks it.

    Its arguments: codes ``[m, k]``, means and variances ``[n, k]``, and the index of each code's own component.
    """
    if method in (BROADCAST, IN_BLOCKS):
        return broadcast if method == BROADCAST else in_blocks
    known = inspect.signature(aggregate.aggregate_log_density).parameters
    if method == SINGLE and "dtype" not in known:
        return None
    fixed: dict[str, Any] = {"dtype": torch.float32} if method == SINGLE else {}

    def product(z: Tensor, mean: Tensor, variance: Tensor, own: Tensor) -> Tensor:
        drawn_from: dict[str, Any] = {"drawn_from": own} if method == SINGLE and "drawn_from" in known else {}
        return aggregate.aggregate_log_density(z, mean, variance, **fixed, **drawn_from)

    return product


def broadcast(z: Tensor, mean: Tensor, variance: Tensor, own: Tensor) -> Tensor:
    """The textbook's line: all differences of some codes from all components at once."""
    components = Normal(mean, variance.sqrt())
    some = z.split(max(1, PAIRS // len(mean)))
    return torch.cat([components.log_prob(codes[:, None]).sum(2).logsumexp(1) for codes in some]) - np.log(len(mean))


def in_blocks(z: Tensor, mean: Tensor, variance: Tensor, own: Tensor) -> Tensor:
    """The same, few codes and components at a time: with 2 MB an array it is at its fastest, within the cache."""
    blocks = [Normal(*block) for block in zip(mean.split(256), variance.sqrt().split(256), strict=True)]
    each = [[block.log_prob(some[:, None]).sum(2).logsumexp(1) for block in blocks] for some in z.split(16)]
    return torch.cat([torch.stack(found).logsumexp(0) for found in each]) - np.log(len(mean))


def aggregated(scale: Scale, n: int, method: str) -> int:
    """How many codes an aggregate's turn takes: a part of all by matrix products, and by broadcasting a few."""
    few = {BROADCAST: 4 * max(1, PAIRS // n), IN_BLOCKS: 40 * max(1, PAIRS // n)}
    return few.get(method, n // scale.parts)


def aggregates(scale: Scale, n: int, method: str) -> Turn | None:
    """log q of some codes under all ``n`` components, others every turn; None as for ``density``."""
    found = density(method)
    if found is None:
        return None
    z, mean, variance = posteriors(n, scale.latent_dim)
    number, turns = aggregated(scale, n, method), count()

    def turn() -> Tensor:
        own = (torch.arange(number) + number * next(turns)) % n
        return found(z[own], mean, variance, own)

    return turn


def sampling(scale: Scale, method: str, seed: int = 1) -> Turn:
    """Draws of the autoregressive decoder, the same every turn and by either method."""
    model = models.family("-+-", image_shape=(scale.side,) * 2, width=scale.drawn_width, latent_dim=scale.latent_dim)
    d = model.decoder(torch.randn(scale.drawn, scale.latent_dim, generator=models.generator(0)))
    if method == STORED:
        return lambda: models.draw(d, models.generator(seed))
    return torch.no_grad()(lambda: full_passes(d, models.generator(seed)))


def coders(scale: Scale) -> dict[str, Turn]:
    """Writing a file of images by bits back, and reading one, with a model that has learned nothing."""
    from companion import coding  # an older package lacks it

    model = models.family("---", image_shape=(scale.side,) * 2, width=scale.drawn_width, latent_dim=scale.latent_dim)
    images = np.random.default_rng(0).random((scale.coded, scale.side, scale.side)) < 0.5
    file = coding.compress(model, images)
    return {WRITING: partial(coding.compress, model, images), READING: partial(coding.decompress, model, file)}


def full_passes(d: Any, rng: torch.Generator) -> Tensor:
    """Every pixel from all logits of the image so far."""
    uniform = torch.rand(*d.batch_shape, *d.event_shape, generator=rng)
    x = torch.zeros_like(uniform)
    for i, j in np.ndindex(*d.event_shape):
        x[:, i, j] = (uniform[:, i, j] < d.logits(x)[:, i, j].sigmoid()).float()
    return x.bool()
