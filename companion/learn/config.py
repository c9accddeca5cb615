"""One frozen record says all that decides the digits of a training run; its hash names the run."""

import hashlib
import json
import operator
from dataclasses import dataclass, fields, replace
from functools import cache
from math import inf
from typing import Any

from companion import data
from companion.learn.objectives import (
    INFORMED,
    OBJECTIVES,
    READS,
    RELATED,
    TARGETED,
    check_beta,
    check_informed,
    check_related,
    check_target,
    check_weight,
)
from companion.models.families import FAMILIES, check_conditioned, check_plain

PRECISIONS = ("fp32", "bf16")


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
    return operator.index(value)


KINDS: dict[Any, Any] = {bool: ("true or false", _boolean), int: ("a whole number", _whole)}
KINDS |= {float: ("a number", _number), float | None: ("a number", _number)}


@dataclass(frozen=True)
class Config:
    """The configuration of one run.

    data, binarise : the image set and its rule, see ``companion.data.load``
    family, width, latent_dim : the model, see ``companion.models.families``
    beta : weight of the rate; ``annealed`` raises it linearly from 0 over the first quarter of the steps
    seed : of weights, batches and draws
    preset : the name of the scale these settings come from, ``laptop`` or ``paper``
    steps, batch_size : of training; images are visited in a new random order every epoch
    learning_rate : of Adam, constant for the first half of the steps, then falling linearly to zero
    threads, precision, channels_last, compile, device : each changes the last digits, so each belongs to the hash
    pseudo_inputs, conditioned : of the marginal ``v`` and of the encoder ``+``, see ``companion.models.families``
    normalised_gradients : divide each parameter tensor's gradient by its norm before Adam (Yu et al., 2017)
    objective : one of ``OBJECTIVES``; those of ``TARGETED`` hold the rate at ``target`` nats and use no ``beta``
    weight : of the rate's distance to its target under ``target_rate`` and ``capacity``, of the information under
        the objectives of ``INFORMED``, of the penalty under those of ``RELATED``, see ``companion.learn.objectives``
    categories, dense : K of a one-hot part c of the code, and plain networks, see ``companion.models.families``
    informed : which numbers of the code the objectives of ``INFORMED`` are about, as in "3,17", where it is not c
    reads, shaken : what they read it from, see ``companion.learn.readers``

    Raises ``ValueError`` naming the field, what was expected and what came.
    """

    data: str
    binarise: str | None = None
    family: str = "---"
    width: float = 0.25
    latent_dim: int = 64
    beta: float = 1.0
    annealed: bool = False
    seed: int = 0
    preset: str = "laptop"
    steps: int = 6000
    batch_size: int = 128
    learning_rate: float = 3e-3
    threads: int = 1
    precision: str = "fp32"
    channels_last: bool = False
    compile: bool = False
    device: str = "cpu"
    pseudo_inputs: int = 100
    conditioned: bool = False
    normalised_gradients: bool = False
    objective: str = "beta_vae"
    target: float | None = None
    weight: float = 5.0
    categories: int = 0
    dense: bool = False
    informed: str = ""
    reads: str = "reconstruction"
    shaken: bool = False

    def __post_init__(self) -> None:
        self._normalise()
        self._check_choices()
        self._check_together()
        for name in ("steps", "batch_size", "threads", "latent_dim", "pseudo_inputs"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name}: expected at least 1, got {getattr(self, name)!r}")
        for name in ("width", "learning_rate"):
            if not 0 < getattr(self, name) < inf:
                raise ValueError(f"{name}: expected a positive, finite number, got {getattr(self, name)!r}")
        if self.seed < 0:
            raise ValueError(f"seed: expected 0 or more, got {self.seed!r}")

    def _check_choices(self) -> None:
        for name, choices in {
            "data": data.NAMES,
            "family": FAMILIES,
            "preset": tuple(PRESETS),
            "precision": PRECISIONS,
            "objective": OBJECTIVES,
            "reads": READS,
            "binarise": tuple(data.BINARISATIONS),
        }.items():
            if getattr(self, name) not in choices:
                raise ValueError(f"{name}: expected one of {', '.join(map(str, choices))}, got {getattr(self, name)!r}")
        if self.binarise == "grey":
            raise ValueError(
                f"binarise: {self.data} is grey, and a Bernoulli likelihood needs binary pixels: "
                "expected 'threshold' or 'dynamic'"
            )

    def _check_together(self) -> None:
        check_conditioned(self.family, self.conditioned)
        check_plain(self.family, self.categories, self.dense)
        check_beta(self.beta)
        check_weight(self.weight, or_none=self.objective in (*INFORMED, *RELATED))
        asked = self.informed, self.reads, self.shaken
        check_informed(self.objective, asked, bool(self.categories), bool(self.numbers), self.annealed)
        check_related(self.objective, (self.family, self.categories), self.beta, self.annealed)
        if self.objective in TARGETED:
            check_target(self.target)
            if (self.beta, self.annealed) != (1.0, False):
                raise ValueError(
                    f"beta, annealed: expected none with the objective {self.objective}, "
                    f"got {self.beta!r}, {self.annealed!r}"
                )
        elif self.target is not None:
            raise ValueError(f"target: expected none with the objective {self.objective}, got {self.target!r}")

    @property
    def numbers(self) -> tuple[int, ...]:
        """The numbers of the code that ``informed`` names."""
        try:
            found = tuple(int(text) for text in self.informed.split(",")) if self.informed else ()
        except ValueError:
            found = (-1,)
        if len(set(found)) < len(found) or any(not 0 <= number < self.latent_dim for number in found):
            raise ValueError(
                f"informed: expected different numbers from 0 to {self.latent_dim - 1} between commas, "
                f"got {self.informed!r}"
            )
        return found

    def _normalise(self) -> None:
        """Give equal configurations equal hashes: plain types, and the rule that None stands for."""
        if self.binarise is None and self.data in data.SETS:
            object.__setattr__(self, "binarise", data.SETS[self.data].rules[0])
        for field in fields(self):
            value = getattr(self, field.name)
            if field.type in KINDS and not (value is None and field.default is None):
                word, kind = KINDS[field.type]
                try:
                    object.__setattr__(self, field.name, kind(value))
                except (TypeError, ValueError) as error:
                    raise ValueError(f"{field.name}: expected {word}, got {value!r}") from error

    @property
    def hash(self) -> str:
        """Twelve hexadecimal digits that name this configuration.

        Taken over the data, its rule, and whatever differs from the defaults above: a field added later, whose
        default is what was done before, leaves the hashes of earlier runs as they are.
        """
        named = {f.name: getattr(self, f.name) for f in fields(self)}
        told = {f.name for f in fields(self) if f.name in ("data", "binarise") or named[f.name] != f.default}
        text = json.dumps({name: value for name, value in named.items() if name in told}, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:12]

    def differences(self, other: "Config") -> str:
        """The fields in which two configurations differ, for messages."""
        pairs = ((f.name, getattr(self, f.name), getattr(other, f.name)) for f in fields(self))
        return ", ".join(f"{name} {mine!r} against {theirs!r}" for name, mine, theirs in pairs if mine != theirs)


#: What each preset sets in a ``Config``.
PRESETS: dict[str, dict[str, Any]] = {
    "laptop": {"width": 0.25, "steps": 6000, "learning_rate": 3e-3},
    "paper": {  # 200 epochs of 50 000 images, on a GPU
        **{"width": 1.0, "steps": 78_000, "learning_rate": 3e-4, "normalised_gradients": True, "pseudo_inputs": 500},
        **{"precision": "bf16", "compile": True, "device": "cuda"},
    },
}
AUTOREGRESSIVE = {"laptop": {"steps": 3000, "batch_size": 32}}  # the decoder +: an image costs four times as much
SMALL_IMAGES = {"latent_dim": 16, "steps": 800, "batch_size": 32}  # the 8 x 8 digits, at any preset


def preset(name: str, data: str, *, epochs: int | None = None, **changes: Any) -> Config:
    """The configuration of the preset ``name`` for the image set ``data``, with ``changes`` to single fields.

    ``epochs`` may stand in place of ``steps``: as many as so many passes over the training images take, part-batches
    dropped. The set is loaded to count them.

    >>> preset("laptop", "mnist-static", beta=0.5).width
    0.25
    >>> preset("laptop", "digits", epochs=2).steps  # of 1 197 images, 32 a step
    74

    Raises ``ValueError`` for an unknown preset or an impossible field, or for both ``epochs`` and ``steps``.
    """
    if name not in PRESETS:
        raise ValueError(f"preset: expected one of {', '.join(PRESETS)}, got {name!r}")
    scale = PRESETS[name] | (AUTOREGRESSIVE.get(name, {}) if str(changes.get("family"))[1:2] == "+" else {})
    small = SMALL_IMAGES if data == "digits" else {}
    chosen = Config(**{"data": data, "preset": name, **scale, **small, **changes})
    if epochs is None:
        return chosen
    if "steps" in changes or not isinstance(epochs, int) or epochs < 1:
        raise ValueError(f"epochs: expected at least 1, and no steps beside them, got {epochs!r}")
    return replace(chosen, steps=epochs * (training_images(data) // chosen.batch_size))


@cache
def training_images(name: str) -> int:
    """How many images the set ``name`` trains on."""
    return len(data.load(name).train)
