"""The training loop: the VAE, and what its objective trains beside it, take steps on the same batches to the last."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from math import inf
from pathlib import Path
from time import monotonic, perf_counter
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from tqdm.auto import tqdm

from companion import data, measure, models
from companion.learn.checkpoint import (
    Checkpoint,
    CheckpointError,
    History,
    State,
    check_stored,
    go_on_from,
    read_config,
)
from companion.learn.config import ARRAYS, Config
from companion.learn.machine import check_compiler, check_device, named_compiler_errors, warn_of_slow_bf16
from companion.locks import locked
from companion.models import VAE, GaussianCategoricalEncoder, generator
from companion.objectives import TrainingStep, TrainingUnit
from companion.seeds import DRAWS
from companion.signals import stops_held
from companion.terms import RateDistortion

SUBSET = 1000  # images that validate while training, and that IWAE-5 is drawn for; ``evaluate`` reads whole splits
TEMPERATURES = 1.0, 0.5  # of relaxed categories: at the first step, and from the middle of training on


class TrainingError(RuntimeError):
    """A loss or a validation term stopped being finite; the message names the step and the term."""


class OutOfTime(RuntimeError):  # noqa: N818 (no fault: the run is stored and goes on when it is called again)
    """The time allowed was spent before the last step."""


@dataclass(frozen=True)
class Trained:
    """A finished run: the model, its configuration, validation points (step, point) on the way, and seconds spent."""

    model: VAE
    config: Config
    history: History = field(repr=False)
    seconds: float = field(repr=False)

    @property
    def kept(self) -> int:
        """The step whose weights ``model`` has."""
        return best_step(self.history, self.config)


def train(
    config: Config,
    *,
    model: VAE | None = None,
    images: data.ImageData | None = None,
    out: Path | str | None = None,
    start: Path | str | None = None,
    every: int | None = None,
    until: float = inf,
    wait: bool = False,
    progress: bool = True,
    watch: Callable[[State], None] = lambda state: None,
) -> Trained:
    """Train the model of ``config`` and keep the weights of ``best_step``.

    On the CPU the same configuration gives the same weights on one machine and build.

    Args:
        model: a VAE of your own, trained in place of the one that ``config`` describes
        images: the image set of ``config``, where it is loaded already, or your own (``ImageData.from_arrays``) where
            its ``data`` is "arrays"; neither your model nor your images are part of the run's hash
        out: a folder for the checkpoint, from which an interrupted run resumes with the same result, and for the
            finished weights; without it nothing is written
        start: the folder of the run ``config.prefix``, finished, from whose last step this one goes on
        every: steps between validations, each followed by a checkpoint; by default a twentieth of the steps, or a
            quarter of those after ``start``, and with another value other weights may be kept
        until: the time, in seconds as ``time.monotonic`` counts them, when an unfinished run is stored as it is
        wait: where another process trains in ``out``, wait for it, as long as ``until`` allows
        progress: show a bar with validation R and D
        watch: called after every validation with all that is learned so far; it must change nothing

    Every random number comes from the seed and the step, so resuming needs no random state. Global settings of torch
    are restored afterwards. Ctrl+C and SIGTERM take effect when the step is done and stored, a second one at once.

    Raises ``TrainingError`` when a term stops being finite, ``CheckpointError`` when ``out`` holds another run or is
    deleted meanwhile, ``BusyError`` when another process trains in it, ``OutOfTime`` when the time is up,
    ``CompilerError`` where torch's compiler fails, and ``ValueError`` for images of another set or rule, and for a
    device or compiler that is not there.
    """
    images = check_images(images, config)
    own = config.steps - (config.prefix.steps if start and config.prefix else 0)
    every = every or max(1, own // (4 if start else 20))
    warn_of_slow_bf16(config.precision, config.device)
    with threads(config.threads), named_compiler_errors(), stops_held() as stops, working_in(out, until, wait):
        model = build(config, images.image_shape) if model is None else model.to(check_device(config.device))
        units, auxiliary = training_units(model, config, len(images.train))
        state = State({"model": model, **auxiliary}, [unit.optimizer for unit in units])
        checkpoint = Checkpoint(out, config)
        if not checkpoint.restore(state) and start:
            go_on_from(start, state, config)
        if state.step == config.steps:
            checkpoint.forget()
        started = perf_counter() - state.seconds
        turns = fit(
            units, batches(images, config), config.steps, config.seed, config.device, state.step, config.decay_at
        )
        with progress_bar(progress, total=config.steps, initial=state.step, unit="step", desc=label(config)) as bar:
            for state.step in turns:
                bar.update()
                due = state.step % every == 0 or state.step == config.steps
                late = (stops or monotonic() >= until) and state.step < config.steps
                if due:
                    record(state, config, validate(model, images, state.step))
                    watch(state)
                    bar.set_postfix_str(state.history[-1][1])
                if due or late:
                    state.seconds = perf_counter() - started
                    require_finite(state.step, **state.weights())
                    checkpoint.save(state)
                if late:
                    raise OutOfTime(f"{label(config)}: stopped after {state.step} of {config.steps} steps")
        return Trained(model, config, state.history, state.seconds)


def working_in(folder: Path | str | None, until: float, wait: bool) -> AbstractContextManager[None]:
    """Inside, no other process works in ``folder``; ``wait`` for one that does, until that time, or raise at once."""
    if folder is None:
        return nullcontext()
    return locked(Path(folder) / ".lock", until - monotonic() if wait else 0.0)


def check_images(images: data.ImageData | None, config: Config) -> data.ImageData:
    """``images``, or the set of ``config``; raises ``ValueError`` unless they are of the set and rule that it names."""
    if images is None and config.data == ARRAYS:
        raise ValueError("images: expected your own beside data='arrays', got none")
    images = images or data.load(config.data, config.binarise)
    given, named = (images.name, images.binarise), (config.data, config.binarise)
    if given != named and (config.data != ARRAYS or images.name in data.SETS):
        raise ValueError(f"images: expected those of {named[0]}, {named[1]}, got {given[0]}, {given[1]}")
    return images


def training_units(model: VAE, config: Config, examples: int) -> tuple[list[TrainingUnit], dict[str, nn.Module]]:
    """What takes steps under the objective of ``config``, in order, and what is learned beside ``model``, by name.

    Args:
        examples: how many images there are to train on
    """
    if config.objective.auxiliary_model is None:
        return [vae_unit(model, config, examples)], {}
    auxiliary = config.objective.auxiliary_model(model, config.objective, config.seed).to(config.device)
    own, others = [vae_unit(model, config, examples, auxiliary)], auxiliary.units(model, config.learning_rate)
    return others + own if auxiliary.first else own + others, {auxiliary.title: auxiliary}


def vae_unit(model: VAE, config: Config, examples: int, auxiliary: nn.Module | None = None) -> TrainingUnit:
    """The unit that minimises the objective of ``config`` over all parameters of ``model``."""

    def loss(x: Tensor, rng: torch.Generator, number: int) -> Tensor:
        step = TrainingStep(number, config.steps, config.seed, examples)
        bf16 = torch.autocast(torch.device(config.device).type, torch.bfloat16, enabled=config.precision == "bf16")
        with bf16, relaxed(model, step) if config.objective.relaxes else nullcontext():
            out = config.objective.forward(model, x, rng, step)
        require_finite(number, rate=out.terms.rate, distortion=out.terms.distortion)
        return config.objective_at(number).loss(model, out, step, auxiliary)

    optimizer = torch.optim.Adam(model.parameters(), lr=config.learning_rate)
    return TrainingUnit("VAE", loss, optimizer, config.normalised_gradients)


def relaxed(model: VAE, step: TrainingStep) -> AbstractContextManager[None]:
    """Inside, a code with categories is drawn with gradients, at the Gumbel temperature of ``step``."""
    if not isinstance(model.encoder, GaussianCategoricalEncoder):
        return nullcontext()
    return model.encoder.relaxed(gumbel_temperature(step))


def gumbel_temperature(step: TrainingStep) -> float:
    """From 1 at the first step it falls linearly to 1/2 at the middle of training, and stays there."""
    first, last = TEMPERATURES
    return last + (first - last) * max(0.0, 1 - 2 * step.number / step.total)


def record(state: State, config: Config, point: RateDistortion) -> None:
    """Enter the validation ``point`` of the present step, and keep the weights that are best so far.

    At the end ``model`` gets them back, and the last ones are forgotten. Objectives that keep the last store no best.
    """
    state.history.append((state.step, point))
    if not config.keeps_best:
        return
    best = best_step(state.history, config)
    if best == state.step:
        state.keep()
    elif state.step == config.steps:
        state.modules["model"].load_state_dict(state.best)


def require_finite(step: int, **terms: Tensor) -> None:
    """Raise ``TrainingError`` naming ``step`` and the first of ``terms`` that holds a value that is not finite."""
    for name, values in terms.items():
        if not bool(torch.isfinite(values).all()):
            bad = values.detach()[~torch.isfinite(values)].flatten()[0].item()
            raise TrainingError(
                f"training stopped at step {step}: the {name} is {bad}: try a lower learning_rate, or fp32 precision"
            )


def best_step(history: History, config: Config) -> int:
    """The step at which the validation objective D + beta R was lowest, the first of equals.

    It is the run's own objective, at its whole beta: at beta = 1 that is the ELBO. The ELBO itself would be wrong
    elsewhere: a run at beta = 0.1 passes, on its way, points that look like a run at beta = 1. The other
    objectives have more in them than R and D (a low sum may miss a target rate), so they keep the last step.
    """
    if not config.keeps_best:
        return history[-1][0]
    beta = config.objective.beta  # type: ignore[attr-defined]
    return min(history, key=lambda entry: entry[1].distortion + beta * entry[1].rate)[0]


def fit(
    units: list[TrainingUnit],
    batch: Callable[[int], Tensor],
    steps: int,
    seed: int = 0,
    device: str = "cpu",
    start: int = 0,
    decay_at: Callable[[int], float] | None = None,
) -> Iterator[int]:
    """Let every unit descend its loss at every step; yields the number of steps done after each.

    Args:
        batch: gives the data of a step, counted from 0
        start: the first step
        decay_at: the share of its own learning rate that each unit has at a step; by default the rates stay for the
            first half of the steps, then fall linearly to zero
    """
    share = decay_at or (lambda step: min(1.0, 2 * (1 - step / steps)))
    for step in range(start, steps):
        x = batch(step).to(device)
        for turn, unit in enumerate(units):
            for group in unit.optimizer.param_groups:
                group["lr"] = group.setdefault("initial_lr", group["lr"]) * share(step)
            loss = unit.loss(x, generator(seed, DRAWS, step, turn, device=device), step)
            require_finite(step, **{f"loss of the {unit.name}": loss})
            unit.optimizer.zero_grad(set_to_none=True)
            loss.backward()
            if unit.normalised:
                normalise_gradients(unit.optimizer)
            unit.optimizer.step()
        yield step + 1


def normalise_gradients(optimizer: torch.optim.Optimizer) -> None:
    """Divide the gradient of each parameter tensor by its Euclidean norm (Yu et al., 2017); a zero gradient stays.

    Its largest entry is divided out first: the squares of entries below 1e-19 underflow.
    """
    for group in optimizer.param_groups:
        for gradient in (p.grad for p in group["params"] if p.grad is not None):
            largest = gradient.abs().max()
            gradient /= torch.where(largest > 0, largest, 1.0)
            gradient /= gradient.norm().clamp_min(1.0)  # 1 or more, unless the gradient is zero


def build(config: Config, image_shape: tuple[int, int]) -> VAE:
    """The untrained model of ``config`` on its device, in its layout, compiled where asked."""
    if config.compile:
        check_compiler()
    device = check_device(config.device)
    model = described(config, image_shape).to(device)
    if config.channels_last:
        model = model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    if config.compile:
        for part in (model.encoder, model.decoder):
            part.network = torch.compile(part.network)
    return model


def described(config: Config, image_shape: tuple[int, int]) -> VAE:
    """The untrained model of ``config``, with what its objective adds to it, on torch's default device."""
    return config.objective.prepare(models.family(**config.architecture, image_shape=image_shape))


def load_run(folder: Path | str, device: str = "cpu", model: VAE | None = None) -> tuple[Config, VAE]:
    """The configuration and the trained model of the run in ``folder``, on ``device``, wherever it was trained.

    No data is needed.

    Args:
        model: where the run trained a VAE of your own, one of the same architecture, which receives the weights

    Raises ``CheckpointError`` where there is no finished run, or its weights fit another architecture.
    """
    config = read_config(folder)
    if not (Path(folder) / "model.safetensors").is_file():
        raise CheckpointError(f"{folder}: expected a finished run, found no model.safetensors: train it first")
    if model is None:
        if config.data == ARRAYS:
            raise ValueError("model: expected one of the run's architecture beside data='arrays', got none")
        shape = data.SETS[config.data].image_shape
        with torch.device("meta"):  # no number is stored before it is known that the file has as many
            check_stored(described(config, shape), Path(folder) / "model.safetensors")
        model = build(config.replace(device=device, compile=False), shape)
    Checkpoint(folder, config).restore(State({"model": model}, []))
    return config, model


def batches(images: data.ImageData, config: Config) -> Callable[[int], Tensor]:
    """The batch of each step, bool ``[batch_size, H, W]``: a new random order every epoch, last part-batch dropped.

    Raises ``ValueError`` when a batch would hold more images than there are.
    """
    n, size = len(images.train), config.batch_size
    if size > n:
        raise ValueError(f"batch_size: expected at most the {n} training images of {images.name}, got {size}")
    current: dict[int, np.ndarray] = {}

    def batch(step: int) -> Tensor:
        epoch, position = divmod(step, n // size)
        if epoch not in current:
            current.clear()
            current[epoch] = images.shuffled(epoch, config.seed)
        return torch.from_numpy(current[epoch][position * size : (position + 1) * size])

    return batch


def validate(model: VAE, images: data.ImageData, step: int) -> RateDistortion:
    """R and D on a fixed random subset of the validation split; raises ``TrainingError`` unless finite."""
    point = measure.evaluate(model, fixed_subset(images.validation), split="validation")
    require_finite(step, rate=torch.tensor(point.rate), distortion=torch.tensor(point.distortion))
    return point


def fixed_subset(images: np.ndarray) -> np.ndarray:
    """At most ``SUBSET`` of ``images``, a random choice that is always the same."""
    return images[np.sort(np.random.default_rng(0).permutation(len(images))[:SUBSET])]


def label(config: Config) -> str:
    """A run's short name for bars and messages."""
    return f"{config.data} {config.family} {config.objective.label} seed {config.seed}"


def progress_bar(shown: bool, *items: Any, **options: Any) -> Any:
    """A tqdm bar; ``TQDM_DISABLE`` in the environment hides one that would be shown."""
    options |= {"mininterval": 0.5} if shown else {"disable": True}
    return tqdm(*items, **options)


@contextmanager
def threads(count: int) -> Iterator[None]:
    """Let torch use ``count`` threads inside the block."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
