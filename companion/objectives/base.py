"""What every training objective is: one record with its settings, its loss, and the model it needs beside it.

An objective is minimised over the batches of a training run. Some need a second network that learns along: a
discriminator, a variational posterior, a Lagrange multiplier. That is the objective's ``AuxiliaryModel``, and each
network that takes optimiser steps is a ``TrainingUnit`` of the run.
"""

import operator
import reprlib
from collections.abc import Callable
from dataclasses import dataclass, fields
from math import inf
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from companion.models import VAE, ForwardOutput, generator
from companion.seeds import DRAWS

#: The settings that objectives own, and what stands for each in tables and hashes where an objective has no use for it.
SETTINGS: dict[str, Any] = {
    "beta": 1.0,
    "annealed": False,
    "target": None,
    "weight": 5.0,
    "latent_indices": "",
    "critic_input": "reconstruction",
    "augmented": False,
    "adversarial": 0.0,
    "drawn": 0.0,
    "balance": 0.0,
    "hard": False,
    "span": 10.0,
}
#: Every objective's class by its name, in the order of registration.
OBJECTIVES: dict[str, type["Objective"]] = {}


@dataclass(frozen=True)
class TrainingStep:
    """Where a training run is: the step's number from 0, how many there are, the seed, and the training set's size."""

    number: int
    total: int
    seed: int
    examples: int

    @property
    def progress(self) -> float:
        """The share of the steps that is done, from 0 to 1."""
        return self.number / self.total

    def generator(self, stream: int, device: torch.device | str) -> torch.Generator:
        """A generator for this step's draws under ``stream``, a number that no training unit's turn has."""
        return generator(self.seed, DRAWS, self.number, stream, device=device)


@dataclass
class TrainingUnit:
    """A loss and the optimiser that descends it, one step a batch.

    ``loss(x, rng, step)`` returns a scalar for a batch ``x``. With ``normalised``, the optimiser sees each parameter
    tensor's gradient divided by its norm.
    """

    name: str
    loss: Callable[[Tensor, torch.Generator, int], Tensor]
    optimizer: torch.optim.Optimizer
    normalised: bool = False


class AuxiliaryModel(nn.Module):
    """A network that is trained beside the VAE, against it or for it; made as ``(model, objective, seed)``.

    Attributes:
        title: its name in checkpoints
        first: whether it takes its step before the VAE at each batch
    """

    title = ""
    first = False

    def __init__(self, model: VAE, objective: Any, seed: int) -> None:
        super().__init__()

    def units(self, model: VAE, learning_rate: float) -> list[TrainingUnit]:
        """What takes steps beside ``model``, in order; ``learning_rate`` is the VAE's own."""
        raise NotImplementedError


@dataclass(frozen=True)
class Objective:
    """The settings of one objective, and what it minimises. Subclasses are registered by ``register``.

    Attributes:
        name: how configurations, tables and the command line call it
        table: the results table that its runs belong to (``companion.results``)
        keeps_best: whether the weights with the lowest validation loss are kept in the end, or the last ones
        auxiliary_model: the class of the network that learns beside the VAE; None where none is needed
    """

    name: ClassVar[str] = ""
    table: ClassVar[str] = "families"
    keeps_best: ClassVar[bool] = False
    auxiliary_model: ClassVar[type[AuxiliaryModel] | None] = None

    def __post_init__(self) -> None:
        """Settings as plain types; raises ``ValueError`` naming the first that is impossible."""
        coerce_fields(self)

    @property
    def label(self) -> str:
        """A few words that name the run in bars and legends."""
        return self.name

    @property
    def relaxes(self) -> bool:
        """Whether the categories of a code are relaxed in training, so that the distortion has a gradient there."""
        return True

    def prepare(self, model: VAE) -> VAE:
        """What is trained in place of ``model``: itself, but for objectives that add to its weights."""
        return model

    def forward(self, model: VAE, x: Tensor, rng: torch.Generator, step: TrainingStep) -> ForwardOutput:
        """The forward pass of a batch ``x`` at ``step``."""
        return model(x, rng)

    def loss(self, model: VAE, out: ForwardOutput, step: TrainingStep, auxiliary: Any = None) -> Tensor:
        """What the VAE descends at ``step``, a scalar in nats, from one forward pass ``out`` of a batch."""
        raise NotImplementedError

    def validate_model(self, family: str, categories: int, latent_dim: int) -> None:
        """Raise ``ValueError`` where the objective makes no sense for such a model."""


def register(name: str) -> Callable[[Any], Any]:
    """Enter an objective's class in ``OBJECTIVES`` under ``name``."""

    def enter(cls: type[Objective]) -> type[Objective]:
        if unknown := {field.name for field in fields(cls)} - SETTINGS.keys():
            raise ValueError(f"{name}: expected its settings in SETTINGS, which names their defaults, got {unknown}")
        cls.name = name
        OBJECTIVES[name] = cls
        return cls

    return enter


def objective(name: str = "beta_vae", **settings: Any) -> Objective:
    """The objective ``name`` with its ``settings``.

    A setting of another objective may be given at its value in ``SETTINGS``, as complete records have it.

    Raises ``ValueError`` for an unknown name, a setting that the objective does not have, or an impossible value.

    >>> objective("target_rate", target=8.0)
    TargetRate(target=8.0, weight=5.0)
    """
    if not isinstance(name, str) or name not in OBJECTIVES:
        raise ValueError(f"objective: expected one of {', '.join(OBJECTIVES)}, got {reprlib.repr(name)}")
    own = {field.name for field in fields(OBJECTIVES[name])}
    for key, value in settings.items():
        if key not in own and (key not in SETTINGS or not (value is SETTINGS[key] or value == SETTINGS[key])):
            raise ValueError(f"{key}: expected none with the objective {name}, got {value!r}")
    return OBJECTIVES[name](**{key: value for key, value in settings.items() if key in own})


def _boolean(value: Any) -> bool:
    if value not in (True, False):
        raise ValueError
    return bool(value)


def _number(value: Any) -> float:
    if isinstance(value, str | bool):
        raise TypeError
    return float(value)


def _whole(value: Any) -> int:
    if isinstance(value, bool):
        raise TypeError
    if not -(2**63) <= (number := operator.index(value)) < 2**63:
        raise OverflowError
    return number


def _word(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value


KINDS: dict[Any, Any] = {bool: ("true or false", _boolean), int: ("a whole number", _whole)}
KINDS |= dict.fromkeys((float, float | None), ("a number", _number)) | dict.fromkeys(
    (str, str | None), ("a word", _word)
)


def coerce_fields(record: Any) -> None:
    """Turn the fields of a frozen dataclass into plain Python types, so that equal settings are equal records.

    Raises ``ValueError`` naming the field, what was expected and what came.
    """
    for field in fields(record):
        value = getattr(record, field.name)
        if field.type in KINDS and not (value is None and field.default is None):
            word, kind = KINDS[field.type]
            try:
                object.__setattr__(record, field.name, kind(value))
            except (TypeError, ValueError, OverflowError) as error:
                word += " of 64 bits" * isinstance(error, OverflowError)
                raise ValueError(f"{field.name}: expected {word}, got {reprlib.repr(value)}") from error


def check_beta(beta: float) -> float:
    """``beta`` itself; raises ``ValueError`` unless it is a finite number, 0 or more."""
    if not 0 <= beta < inf:
        raise ValueError(f"beta: expected a finite number, 0 or more, got {beta!r}")
    return beta


def check_target(target: float | None) -> float:
    """``target`` itself; raises ``ValueError`` unless it is a finite number, 0 or more."""
    if target is None or not 0 <= target < inf:
        raise ValueError(f"target: expected a finite rate in nats, 0 or more, got {target!r}")
    return target


def check_weight(weight: float, or_zero: bool = False, name: str = "weight") -> float:
    """``weight`` itself; raises ``ValueError`` unless it is positive, or 0 where ``or_zero``, and finite."""
    if not (0 < weight < inf or (or_zero and weight == 0)):
        expected = "a finite number, 0 or more" if or_zero else "a positive, finite number"
        raise ValueError(f"{name}: expected {expected}, got {weight!r}")
    return weight
