"""Checkpoints: weights and optimiser state in one safetensors file, the progress as JSON inside it.

A run's folder holds ``config.json`` and, while it trains, ``checkpoint.safetensors``; a finished run keeps
``model.safetensors``, its weights alone. Each file is written whole or not at all, and nothing is unpickled.
"""

import json
from dataclasses import asdict
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from companion.atomic import replacing
from companion.learn.config import Config
from companion.terms import RateDistortion

History = list[tuple[int, RateDistortion]]


class CheckpointError(RuntimeError):
    """A run's folder holds another run, or a file that cannot be read; the message says which and what to do."""


class Checkpoint:
    """The files of one run in ``folder``; with ``folder`` None, nothing is stored and nothing restored.

    Raises ``CheckpointError`` when the folder already belongs to another configuration.
    """

    def __init__(self, folder: Path | str | None, config: Config) -> None:
        self.folder = Path(folder) if folder is not None else None
        self.steps = config.steps
        if self.folder is None:
            return
        if (self.folder / "config.json").is_file():
            theirs = read_config(self.folder)
            if theirs != config:
                raise CheckpointError(
                    f"{self.folder}: expected an empty folder or the same run, found a run that differs "
                    f"({theirs.differences(config)}): choose another folder"
                )
        else:
            with replacing(self.folder / "config.json") as temporary:
                temporary.write_text(json.dumps(asdict(config), indent=1) + "\n")

    def save(
        self, model: nn.Module, optimizers: list[torch.optim.Optimizer], step: int, history: History, seconds: float
    ) -> None:
        """Store the state after ``step`` steps; the last step stores the weights alone."""
        if self.folder is None:
            return
        done = step == self.steps
        tensors = {f"model/{name}": t for name, t in model.state_dict().items()}
        for i, optimizer in enumerate({} if done else optimizers):
            for index, state in optimizer.state_dict()["state"].items():
                tensors |= {f"optimizer/{i}/{index}/{key}": value for key, value in state.items()}
        progress = {"step": step, "seconds": seconds, "history": [(at, asdict(point)) for at, point in history]}
        with replacing(self.folder / ("model.safetensors" if done else "checkpoint.safetensors")) as temporary:
            save_file({k: t.contiguous() for k, t in tensors.items()}, temporary, {"progress": json.dumps(progress)})
        for name in ("checkpoint.safetensors", ".checkpoint.safetensors.*.part") if done else ():
            for path in self.folder.glob(name):  # the last, and what a killed process left half written
                path.unlink()

    def restore(self, model: nn.Module, optimizers: list[torch.optim.Optimizer]) -> tuple[int, History, float]:
        """Load the newest state into ``model`` and ``optimizers``: steps done, history, seconds spent so far."""
        for name in ("model.safetensors", "checkpoint.safetensors"):
            if self.folder is not None and (self.folder / name).is_file():
                tensors, progress = _read(self.folder / name)
                load_weights(model, tensors, self.folder / name)
                for i, optimizer in enumerate(optimizers):
                    _load_optimizer(optimizer, tensors, f"optimizer/{i}/")
                history = [(at, RateDistortion(**point)) for at, point in progress["history"]]
                return progress["step"], history, progress["seconds"]
        return 0, [], 0.0


def read_config(folder: Path | str) -> Config:
    """The configuration of the run in ``folder``; raises ``CheckpointError`` where there is none to read."""
    path = Path(folder) / "config.json"
    try:
        return Config(**json.loads(path.read_text()))
    except FileNotFoundError as error:
        raise CheckpointError(
            f"{folder}: expected the folder of a run, found no config.json: train it first"
        ) from error
    except (ValueError, TypeError) as error:
        raise CheckpointError(f"{path}: expected the configuration of a run ({error}): train anew elsewhere") from error


def load_weights(model: nn.Module, tensors: dict[str, Tensor], path: Path) -> None:
    """Load the entries ``model/...`` of ``tensors``; raises ``CheckpointError`` naming the first that does not fit."""
    mine = {name: tuple(t.shape) for name, t in model.state_dict().items()}
    theirs = {name.removeprefix("model/"): tuple(t.shape) for name, t in tensors.items() if name.startswith("model/")}
    for name in mine | theirs:
        if mine.get(name) != theirs.get(name):
            raise CheckpointError(
                f"{path}: these weights are of another architecture: {name} expected {mine.get(name, 'absent')}, "
                f"got {theirs.get(name, 'absent')}"
            )
    model.load_state_dict({name: tensors[f"model/{name}"] for name in mine})


def _read(path: Path) -> tuple[dict[str, Tensor], dict]:
    try:
        with safe_open(path, "pt") as file:
            return {name: file.get_tensor(name) for name in file.keys()}, json.loads(file.metadata()["progress"])  # noqa: SIM118
    except (SafetensorError, KeyError, TypeError, ValueError) as error:
        raise CheckpointError(f"{path}: the checkpoint is damaged ({error}): delete it and train again") from error


def _load_optimizer(optimizer: torch.optim.Optimizer, tensors: dict[str, Tensor], prefix: str) -> None:
    state: dict[int, dict[str, Tensor]] = {}
    for name, tensor in tensors.items():
        if name.startswith(prefix):
            index, key = name.removeprefix(prefix).split("/")
            state.setdefault(int(index), {})[key] = tensor
    optimizer.load_state_dict(optimizer.state_dict() | {"state": state})
