"""The training loop: players take turns on the same batches until the steps are done."""

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from math import inf
from pathlib import Path
from time import perf_counter, time
from typing import Any

import numpy as np
import torch
from torch import Tensor
from tqdm.auto import tqdm

from companion import data as image_data
from companion.learn.casting import cast
from companion.learn.checkpoint import Checkpoint, History, State
from companion.learn.config import Config
from companion.learn.players import Player, TrainingError, normalise_gradients, require_finite
from companion.measure import evaluate
from companion.models import VAE, family, generator
from companion.seeds import DRAWS, ORDER, numpy_generator
from companion.terms import RateDistortion

__all__ = ["Player", "Trained", "TrainingError", "batches", "best_step", "build", "fit", "threads", "train"]
SUBSET = 1000  # images that validate while training, and that IWAE-5 is drawn for; ``evaluate`` reads whole splits


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
    images: image_data.ImageData | None = None,
    out: Path | str | None = None,
    every: int | None = None,
    until: float = inf,
    progress: bool = True,
    watch: Callable[[State], None] = lambda state: None,
) -> Trained:
    """Train the model of ``config`` and keep the weights of ``best_step``.

    On the CPU the same configuration gives the same weights on one machine and build.

    images : the image set of ``config``, where it is loaded already
    out : a folder for the checkpoint, from which an interrupted run resumes with the same result, and for the
        finished weights; without it nothing is written
    every : steps between validations, each followed by a checkpoint; by default a twentieth of the steps, and with
        another value other weights may be kept
    until : the time, in seconds as ``time.time`` counts them, when an unfinished run is stored as it is
    progress : show a bar with validation R and D
    watch : called after every validation with all that is learned so far; it must change nothing

    Every random number comes from the seed and the step, so resuming needs no random state. Global settings of torch
    are restored afterwards.

    Raises ``TrainingError`` when a term stops being finite, ``CheckpointError`` when ``out`` holds another run,
    ``OutOfTime`` when the time is up, and ``ValueError`` for images of another set or rule, and for a device or
    compiler that is not there.
    """
    images = check_images(images or image_data.load(config.data, config.binarise), config)
    every = every or max(1, config.steps // 20)
    with threads(config.threads):
        model = build(config, images.image_shape)
        players, others = cast(model, config)
        state = State({"model": model, **others}, [player.optimizer for player in players])
        checkpoint = Checkpoint(out, config)
        checkpoint.restore(state)
        started = perf_counter() - state.seconds
        turns = fit(players, batches(images, config), config.steps, config.seed, config.device, state.step)
        with progress_bar(progress, total=config.steps, initial=state.step, unit="step", desc=label(config)) as bar:
            for state.step in turns:
                bar.update()
                due = state.step % every == 0 or state.step == config.steps
                late = time() >= until and state.step < config.steps
                if due:
                    record(state, config, validate(model, images, state.step))
                    watch(state)
                    bar.set_postfix_str(state.history[-1][1])
                if due or late:
                    state.seconds = perf_counter() - started
                    checkpoint.save(state)
                if late:
                    raise OutOfTime(f"{label(config)}: stopped after {state.step} of {config.steps} steps")
        return Trained(model, config, state.history, state.seconds)


def check_images(images: image_data.ImageData, config: Config) -> image_data.ImageData:
    """``images`` themselves; raises ``ValueError`` unless they are of the set and the rule that ``config`` names."""
    given, named = (images.name, images.binarise), (config.data, config.binarise)
    if given != named:
        raise ValueError(f"images: expected those of {named[0]}, {named[1]}, got {given[0]}, {given[1]}")
    return images


def record(state: State, config: Config, point: RateDistortion) -> None:
    """Enter the validation ``point`` of the present step, and keep the weights that are best so far.

    At the end ``model`` gets them back, and the last ones are forgotten. Objectives that keep the last store no best.
    """
    state.history.append((state.step, point))
    if config.objective != "beta_vae":
        return
    best = best_step(state.history, config)
    if best == state.step:
        state.keep()
    elif state.step == config.steps:
        state.modules["model"].load_state_dict(state.best)


def best_step(history: History, config: Config) -> int:
    """The step at which the validation objective D + beta R was lowest, the first of equals.

    It is the run's own objective, at its whole beta: at beta = 1 that is the ELBO. The ELBO itself would be wrong
    elsewhere: a run at beta = 0.1 passes, on its way, points that look like a run at beta = 1. The other
    objectives have more in them than R and D (a low sum may miss a target rate), so they keep the last step.
    """
    if config.objective != "beta_vae":
        return history[-1][0]
    return min(history, key=lambda entry: entry[1].distortion + config.beta * entry[1].rate)[0]


def fit(
    players: list[Player],
    batch: Callable[[int], Tensor],
    steps: int,
    seed: int = 0,
    device: str = "cpu",
    start: int = 0,
) -> Iterator[int]:
    """Let every player descend its loss at every step; yields the number of steps done after each.

    ``batch(step)`` gives the data of a step. Each player keeps its own learning rate for the first half of the steps;
    then all fall linearly to zero.
    """
    for step in range(start, steps):
        x = batch(step).to(device)
        for turn, player in enumerate(players):
            for group in player.optimizer.param_groups:
                group["lr"] = group.setdefault("initial_lr", group["lr"]) * min(1.0, 2 * (1 - step / steps))
            loss = player.loss(x, generator(seed, DRAWS, step, turn, device=device), step)
            require_finite(step, **{f"loss of {player.name}": loss})
            player.optimizer.zero_grad(set_to_none=True)
            loss.backward()
            if player.normalised:
                normalise_gradients(player.optimizer)
            player.optimizer.step()
        yield step + 1


def build(config: Config, image_shape: tuple[int, int]) -> VAE:
    """The untrained model of ``config`` on its device, in its layout, compiled where asked."""
    if config.compile and not shutil.which(os.environ.get("CXX", "c++")):
        raise ValueError("compile: expected a C++ compiler on the path, found none: install one, or train without it")
    device = check_device(config.device)
    names = ("width", "latent_dim", "pseudo_inputs", "conditioned", "categories", "dense", "seed")
    model = family(config.family, image_shape=image_shape, **{name: getattr(config, name) for name in names}).to(device)
    if config.channels_last:
        model = model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    if config.compile:
        for part in (model.encoder, model.decoder):
            part.network = torch.compile(part.network)  # type: ignore[assignment, arg-type]
    return model


def check_device(name: str) -> torch.device:
    """The torch device ``name``; raises ``ValueError`` where this machine or build of torch has none such."""
    try:
        torch.empty(0, device=name)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        reason = str(error).splitlines()[0]
        raise ValueError(f"device: expected cpu, cuda or mps, as present here, got {name!r} ({reason})") from error
    return torch.device(name)


def batches(images: image_data.ImageData, config: Config) -> Callable[[int], Tensor]:
    """The batch of each step, bool ``[batch_size, H, W]``: a new random order every epoch, last part-batch dropped.

    Raises ``ValueError`` when a batch would hold more images than there are.
    """
    n, size = len(images.train), config.batch_size
    if size > n:
        raise ValueError(f"batch_size: expected at most the {n} training images of {images.name}, got {size}")
    current: dict[int, tuple[np.ndarray, np.ndarray]] = {}

    def batch(step: int) -> Tensor:
        epoch, position = divmod(step, n // size)
        if epoch not in current:
            current.clear()
            order = numpy_generator(config.seed, ORDER, epoch).permutation(n)
            current[epoch] = order, images.epoch(epoch, config.seed)
        order, epoch_images = current[epoch]
        return torch.from_numpy(epoch_images[order[position * size : (position + 1) * size]])

    return batch


def validate(model: VAE, images: image_data.ImageData, step: int) -> RateDistortion:
    """R and D on a fixed random subset of the validation split; raises ``TrainingError`` unless finite."""
    point = evaluate(model, fixed_subset(images.validation), split="validation")
    require_finite(step, rate=torch.tensor(point.rate), distortion=torch.tensor(point.distortion))
    return point


def fixed_subset(images: np.ndarray) -> np.ndarray:
    """At most ``SUBSET`` of ``images``, a random choice that is always the same."""
    return images[np.sort(np.random.default_rng(0).permutation(len(images))[:SUBSET])]


def label(config: Config) -> str:
    """A run's short name for bars and messages."""
    aim = f"beta {config.beta:g}" if config.target is None else f"{config.objective} {config.target:g}"
    return f"{config.data} {config.family} {aim} seed {config.seed}"


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
