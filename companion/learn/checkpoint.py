"""Checkpoints: weights and optimiser state in one safetensors file, the progress as JSON inside it.

A run's folder holds ``config.json`` and, while it trains, ``checkpoint.safetensors``; a finished run keeps
``model.safetensors``, the weights it is measured with, alone. Each file is written whole or not at all, and nothing
is unpickled.
"""

import json
import operator
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from companion.atomic import atomic_write, clear_leftovers
from companion.jsons import json_object
from companion.learn.config import Config
from companion.objectives.base import coerce_fields
from companion.terms import RateDistortion

History = list[tuple[int, RateDistortion]]


class CheckpointError(RuntimeError):
    """A run's folder holds another run, or a file that cannot be read; the message says which and what to do."""


@dataclass
class State:
    """All that an unfinished run needs to go on.

    Attributes:
        modules: the networks that are trained, by name; the one that is kept in the end is called ``model``
        optimizers: of the training units, in their order
        best: the weights of ``model`` at the best validation so far; empty where the last are kept
    """

    modules: dict[str, nn.Module]
    optimizers: list[torch.optim.Optimizer]
    best: dict[str, Tensor] = field(default_factory=dict)
    step: int = 0
    history: History = field(default_factory=list)
    seconds: float = 0.0

    def keep(self) -> None:
        """Take the present weights of ``model`` as the best."""
        self.best = {name: t.detach().clone() for name, t in self.modules["model"].state_dict().items()}

    def weights(self) -> dict[str, Tensor]:
        """What is trained, as messages name it."""
        pairs = ((m, *pair) for m, module in self.modules.items() for pair in module.named_parameters())
        return {f"weight {m}/{name}": parameter.detach() for m, name, parameter in pairs}

    def tensors(self) -> dict[str, Tensor]:
        """Everything that was learned, by path."""
        named = {f"{m}/{name}": t for m, module in self.modules.items() for name, t in module.state_dict().items()}
        named |= {f"best/{name}": t for name, t in self.best.items()}
        for i, optimizer in enumerate(self.optimizers):
            for index, state in optimizer.state_dict()["state"].items():
                named |= {f"optimizer/{i}/{index}/{key}": value for key, value in state.items()}
        return named


class Checkpoint:
    """The files of one run in ``folder``; with ``folder`` None, nothing is stored and nothing restored.

    Raises ``CheckpointError`` when the folder already belongs to another configuration.
    """

    def __init__(self, folder: Path | str | None, config: Config) -> None:
        self.folder = Path(folder) if folder is not None else None
        self.steps, self.goes_on = config.steps, config.cooldown == 0
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
            with atomic_write(self.folder / "config.json") as temporary:
                temporary.write_text(json.dumps(config.settings(), indent=1) + "\n")

    def save(self, state: State) -> None:
        """Store ``state``; after the last step the weights of ``model`` alone, unless other runs go on from there.

        Raises ``CheckpointError`` where the folder was deleted meanwhile.
        """
        if self.folder is None:
            return
        if not (self.folder / "config.json").is_file():
            raise CheckpointError(
                f"{self.folder}: the run's folder was deleted while it trained: train it again, or keep it deleted"
            )
        done = state.step == self.steps
        whole = self.goes_on or not done
        tensors = {k: t.contiguous() for k, t in state.tensors().items() if whole or k.startswith("model/")}
        history = [(at, asdict(point)) for at, point in state.history]
        progress = {"step": state.step, "seconds": state.seconds, "history": history}
        with atomic_write(self.folder / ("model.safetensors" if done else "checkpoint.safetensors")) as temporary:
            temporary.write_bytes(save(tensors, {"progress": json.dumps(progress)}))
        if done:
            self.forget()

    def forget(self) -> None:
        """Delete what a finished run needs no more: its checkpoint, and what a killed process left of writing one."""
        if self.folder is None:
            return
        path = self.folder / "checkpoint.safetensors"
        if path.is_file():
            path.unlink()
        clear_leftovers(path)

    def restore(self, state: State) -> bool:
        """Load what is newest in the folder into ``state``; a finished run restores ``model`` and the progress.

        Returns whether there was something.
        """
        for name in ("model.safetensors", "checkpoint.safetensors"):
            if self.folder is not None and (self.folder / name).is_file():
                load_state(self.folder / name, state, model_only=name == "model.safetensors")
                return True
        return False


def load_state(path: Path, state: State, model_only: bool) -> None:
    """Load the file of a checkpoint into ``state``; raises ``CheckpointError`` where it does not fit."""
    tensors, (step, seconds, history) = _read(path)
    for module in ["model"] if model_only else state.modules:
        load_weights(state.modules[module], tensors, path, module)
    for i, optimizer in enumerate([] if model_only else state.optimizers):
        _load_optimizer(optimizer, tensors, f"optimizer/{i}/", path)
    state.best = {k.removeprefix("best/"): t for k, t in tensors.items() if k.startswith("best/")}
    if state.best:
        check_weights(state.modules["model"], _described(tensors), path, "best")
    state.step, state.seconds, state.history = step, seconds, history


def go_on_from(folder: Path | str, state: State, config: Config) -> None:
    """Load the last step of the run in ``folder``, which ``config`` goes on from, with no history and no time spent.

    Raises ``CheckpointError`` where that is another run, or none that is finished.
    """
    found, path = read_config(folder), Path(folder) / "model.safetensors"
    if found != config.prefix or not path.is_file():
        raise CheckpointError(
            f"{folder}: expected the finished run that {config.hash} goes on from, found {found.hash}"
        )
    load_state(path, state, model_only=False)
    state.history, state.seconds = [], 0.0


def read_config(folder: Path | str) -> Config:
    """The configuration of the run in ``folder``; raises ``CheckpointError`` where there is none to read."""
    path = Path(folder) / "config.json"
    try:
        return Config.of(**json_object(path.read_bytes()))
    except FileNotFoundError as error:
        raise CheckpointError(
            f"{folder}: expected the folder of a run, found no config.json: train it first"
        ) from error
    except (ValueError, TypeError) as error:
        raise CheckpointError(f"{path}: expected the configuration of a run ({error}): train anew elsewhere") from error


def load_weights(module: nn.Module, tensors: dict[str, Tensor], path: Path, name: str = "model") -> None:
    """Load the entries ``<name>/...`` of ``tensors``; raises ``CheckpointError`` naming the first that does not fit."""
    check_weights(module, _described(tensors), path, name)
    module.load_state_dict({entry: tensors[f"{name}/{entry}"] for entry in module.state_dict()})


def check_stored(module: nn.Module, path: Path) -> None:
    """``check_weights`` of a finished run's file, of which the head alone is read: ``module`` may be on no device."""
    with _opened(path) as file:
        slices = {name: file.get_slice(name) for name in file.keys()}  # noqa: SIM118
        found = {name: _form(part.get_shape(), "F" in part.get_dtype()) for name, part in slices.items()}
    check_weights(module, found, path)


def check_weights(module: nn.Module, stored: Mapping[str, str], path: Path, name: str = "model") -> None:
    """Raise ``CheckpointError`` naming the first of the entries ``<name>/...`` that ``module`` has in another form."""
    prefix = f"{name}/"
    mine = _described(module.state_dict())
    theirs = {name.removeprefix(prefix): form for name, form in stored.items() if name.startswith(prefix)}
    for name in mine | theirs:
        if mine.get(name) != theirs.get(name):
            raise CheckpointError(
                f"{path}: these weights are of another architecture: {name} expected {mine.get(name, 'absent')}, "
                f"got {theirs.get(name, 'absent')}"
            )


def _described(tensors: Mapping[str, Tensor]) -> dict[str, str]:
    return {name: _form(t.shape, t.is_floating_point()) for name, t in tensors.items()}


def _form(shape: Sequence[int], floating: bool) -> str:
    """Shape and kind of number in words; stored floats may be shorter than the model's."""
    return f"{tuple(shape)} {'floats' if floating else 'whole numbers'}"


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    """The safetensors file at ``path``; whatever is wrong with it inside the block is a ``CheckpointError``."""
    try:
        with safe_open(path, "pt") as file:
            yield file
    except (SafetensorError, LookupError, TypeError, ValueError, ArithmeticError, AttributeError) as error:
        raise CheckpointError(f"{path}: the checkpoint is damaged ({error}): delete it and train again") from error


def _read(path: Path) -> tuple[dict[str, Tensor], tuple[int, float, History]]:
    with _opened(path) as file:
        return {name: file.get_tensor(name) for name in file.keys()}, _progress(file.metadata()["progress"])  # noqa: SIM118


def _progress(text: str) -> tuple[int, float, History]:
    """Step, seconds and validation points; the errors that it raises are for ``_opened``."""
    found = json_object(text)
    history = [(operator.index(at), RateDistortion(**point)) for at, point in found["history"]]
    for _, point in history:
        coerce_fields(point)
    return operator.index(found["step"]), float(found["seconds"]), history


def _load_optimizer(optimizer: torch.optim.Optimizer, tensors: dict[str, Tensor], prefix: str, path: Path) -> None:
    parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    state: dict[int, dict[str, Tensor]] = {}
    try:
        for name, tensor in tensors.items():
            if name.startswith(prefix):
                index, key = name.removeprefix(prefix).split("/")
                if tensor.shape not in ((), parameters[int(index)].shape):
                    raise ValueError(f"{name} of shape {list(tensor.shape)}")
                state.setdefault(int(index), {})[key] = tensor
        optimizer.load_state_dict(optimizer.state_dict() | {"state": state})
    except (LookupError, ValueError, TypeError) as error:
        raise CheckpointError(
            f"{path}: expected the state of this optimizer, got another ({error}): delete it and train again"
        ) from error
