"""One frozen record says all that decides the digits of a training run; its hash names the run."""

import hashlib
import json
import operator
from dataclasses import asdict, dataclass, fields
from math import inf
from typing import Any

from companion import data
from companion.learn.objectives import check_beta
from companion.models import FAMILIES

PRECISIONS = ("fp32", "bf16")


@dataclass(frozen=True)
class Config:
    """The configuration of one run.

    data, binarise : the image set and its rule, see ``companion.data.load``
    family, width, latent_dim : the model, see ``companion.models.family``
    beta : weight of the rate; ``annealed`` raises it linearly from 0 over the first quarter of the steps
    seed : of weights, batches and draws
    preset : the name of the scale these settings come from, ``laptop`` or ``paper``
    steps, batch_size : of training; images are visited in a new random order every epoch
    learning_rate : of Adam, constant for the first half of the steps, then falling linearly to zero
    threads, precision, channels_last, compile, device : each changes the last digits, so each belongs to the hash

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

    def __post_init__(self) -> None:
        self._normalise()
        for name, choices in {
            "data": data.NAMES,
            "family": FAMILIES,
            "preset": tuple(PRESETS),
            "precision": PRECISIONS,
            "binarise": tuple(data.BINARISATIONS),
        }.items():
            if getattr(self, name) not in choices:
                raise ValueError(f"{name}: expected one of {', '.join(map(str, choices))}, got {getattr(self, name)!r}")
        if self.binarise == "grey":
            raise ValueError(
                f"binarise: {self.data} is grey, and a Bernoulli likelihood needs binary pixels: "
                "expected 'threshold' or 'dynamic'"
            )
        check_beta(self.beta)
        for name in ("steps", "batch_size", "threads", "latent_dim"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name}: expected at least 1, got {getattr(self, name)!r}")
        for name in ("width", "learning_rate"):
            if not 0 < getattr(self, name) < inf:
                raise ValueError(f"{name}: expected a positive, finite number, got {getattr(self, name)!r}")
        if self.seed < 0:
            raise ValueError(f"seed: expected 0 or more, got {self.seed!r}")

    def _normalise(self) -> None:
        """Give equal configurations equal hashes: plain types, and the rule that None stands for."""
        if self.binarise is None and self.data in data.SETS:
            object.__setattr__(self, "binarise", data.SETS[self.data].rules[0])
        kinds: dict[Any, Any] = {bool: bool, float: float, int: operator.index}
        for field in fields(self):
            kind = kinds.get(field.type)
            if kind:
                object.__setattr__(self, field.name, kind(getattr(self, field.name)))

    @property
    def hash(self) -> str:
        """Twelve hexadecimal digits that name this configuration."""
        return hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()[:12]

    def differences(self, other: "Config") -> str:
        """The fields in which two configurations differ, for messages."""
        pairs = ((f.name, getattr(self, f.name), getattr(other, f.name)) for f in fields(self))
        return ", ".join(f"{name} {mine!r} against {theirs!r}" for name, mine, theirs in pairs if mine != theirs)


PRESETS: dict[str, dict[str, Any]] = {
    "laptop": {"width": 0.25, "steps": 6000, "learning_rate": 3e-3},
    "paper": {"width": 1.0, "steps": 78_000, "learning_rate": 3e-4},  # 200 epochs of 50 000 images
}
SMALL_IMAGES = {"latent_dim": 16, "steps": 800, "batch_size": 32}  # the 8 x 8 digits, at any preset


def preset(name: str, data: str, **changes: Any) -> Config:
    """The configuration of the preset ``name`` for the image set ``data``, with ``changes`` to single fields.

    >>> preset("laptop", "mnist-static", beta=0.5).width
    0.25

    Raises ``ValueError`` for an unknown preset or an impossible field.
    """
    if name not in PRESETS:
        raise ValueError(f"preset: expected one of {', '.join(PRESETS)}, got {name!r}")
    small = SMALL_IMAGES if data == "digits" else {}
    return Config(**{"data": data, "preset": name, **PRESETS[name], **small, **changes})
