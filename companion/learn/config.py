"""One frozen record says all that decides the digits of a training run; its hash names the run."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field, fields, replace
from functools import cache
from itertools import pairwise
from math import inf
from typing import Any

from companion import data as image_sets
from companion.models.families import FAMILIES, check_conditioned, check_plain
from companion.objectives import OBJECTIVES, SETTINGS, BetaVAE, Objective
from companion.objectives.base import check_beta, coerce_fields, objective

PRECISIONS = ("fp32", "bf16")
#: The most of each number that starts at 1: a larger one is a slip, and would take all memory.
LARGEST = {"steps": 10**9, "batch_size": 10**6, "threads": 1024, "latent_dim": 10**4, "pseudo_inputs": 10**5}
ARRAYS = "arrays"  # the name of images that are the reader's own
#: Earlier names of settings, which files written by version 0.1 have; hashes are taken over them.
OLD_NAMES = {"latent_indices": "informed", "critic_input": "reads", "augmented": "shaken"}


@dataclass(frozen=True)
class Config:
    """The configuration of one run: data, model, training, and the objective with its own settings.

    Attributes:
        data, binarise: the image set and its rule, see ``companion.data.load``; "arrays" for images of your own
        family, width, latent_dim, pseudo_inputs, conditioned, categories, dense: the model, see
            ``companion.models.family``
        objective: what is minimised, see ``companion.objectives``
        seed: of weights, batches and draws
        preset: the name of the scale these settings come from, ``laptop`` or ``paper``
        steps, batch_size: of training; images are visited in a new random order every epoch
        learning_rate: of Adam, constant at first, then falling linearly to zero
        cooldown: over how many of the last steps it falls; by default over the second half
        walked, stay: the run takes its first steps at other betas, those of ``walked`` in their order, and the last
            ``stay`` before the cool-down at its own; see ``beta_path``
        threads, precision, channels_last, compile, device: each changes the last digits, so each belongs to the hash
        normalised_gradients: divide each parameter tensor's gradient by its norm before Adam (Yu et al., 2017)

    Raises ``ValueError`` naming the field, what was expected and what came.

    >>> Config("digits", objective=BetaVAE(beta=0.5)).replace(beta=2.0).objective
    BetaVAE(beta=2.0, annealed=False)
    """

    data: str
    binarise: str | None = None
    family: str = "---"
    width: float = 0.25
    latent_dim: int = 64
    objective: Objective = field(default_factory=BetaVAE)
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
    categories: int = 0
    dense: bool = False
    walked: tuple[float, ...] = ()
    stay: int = 0
    cooldown: int | None = None

    def __post_init__(self) -> None:
        coerce_fields(self)
        if self.binarise is None and self.data in image_sets.SETS:
            object.__setattr__(self, "binarise", image_sets.SETS[self.data].rules[0])
        self._check_choices()
        check_conditioned(self.family, self.conditioned)
        check_plain(self.family, self.categories, self.dense)
        self.objective.validate_model(self.family, self.categories, self.latent_dim)
        for name, most in LARGEST.items():
            if getattr(self, name) < 1:
                raise ValueError(f"{name}: expected at least 1, got {getattr(self, name)!r}")
            if getattr(self, name) > most:
                raise ValueError(f"{name}: expected at most {most}, got {getattr(self, name)!r}")
        for name in ("width", "learning_rate"):
            if not 0 < getattr(self, name) < inf:
                raise ValueError(f"{name}: expected a positive, finite number, got {getattr(self, name)!r}")
        if self.seed < 0:
            raise ValueError(f"seed: expected 0 or more, got {self.seed!r}")
        self._check_schedule()

    def _check_choices(self) -> None:
        for name, choices in {
            "data": (*image_sets.NAMES, ARRAYS),
            "family": FAMILIES,
            "preset": tuple(PRESETS),
            "precision": PRECISIONS,
            "binarise": (*image_sets.BINARISATIONS, *[None] * (self.data == ARRAYS)),
        }.items():
            if getattr(self, name) not in choices:
                raise ValueError(f"{name}: expected one of {', '.join(map(str, choices))}, got {getattr(self, name)!r}")
        if not isinstance(self.objective, Objective):
            raise ValueError(f"objective: expected a record of companion.objectives, got {self.objective!r}")
        if self.binarise == "grey":
            raise ValueError(
                f"binarise: {self.data} is grey, and a Bernoulli likelihood needs binary pixels: "
                "expected 'threshold' or 'dynamic'"
            )

    def _check_schedule(self) -> None:
        try:
            object.__setattr__(self, "walked", tuple(check_beta(float(beta)) for beta in self.walked))
        except (TypeError, ValueError) as error:
            raise ValueError(f"walked: expected betas, finite and 0 or more, got {self.walked!r}") from error
        if self.cooldown is None:
            if self.walked or self.stay:
                raise ValueError("cooldown: expected a number of steps where betas are walked, got None")
            return
        if not isinstance(self.objective, BetaVAE) or self.objective.annealed:
            raise ValueError(
                f"cooldown: expected none with the objective {self.objective.label}, got {self.cooldown!r}"
            )
        if (self.stay > 0) != bool(self.walked) or self.cooldown < 0:
            raise ValueError(
                "walked, stay, cooldown: expected stay 1 or more where betas are walked, or else 0, and cooldown 0 or "
                f"more, got {self.walked!r}, {self.stay!r} and {self.cooldown!r}"
            )
        if self.first < 1:
            raise ValueError(
                f"steps: expected more than the cooldown of {self.cooldown} and {len(self.walked)} stays of "
                f"{self.stay}, got {self.steps!r}"
            )

    @property
    def first(self) -> int:
        """How many steps a run with a ``cooldown`` takes at its first beta before it walks on, or cools down."""
        return self.steps - (self.cooldown or 0) - len(self.walked) * self.stay

    @property
    def direction(self) -> str:
        """Which way the run walked to its beta: "up" from smaller ones, "down" from larger ones, or "start"."""
        if not self.walked:
            return "start"
        return "up" if self.objective.beta > self.walked[0] else "down"  # type: ignore[attr-defined]

    @property
    def keeps_best(self) -> bool:
        """Whether the weights with the lowest validation loss are kept; after a cool-down the last ones are."""
        return self.objective.keeps_best and self.cooldown is None

    @property
    def prefix(self) -> "Config | None":
        """The run whose last step this one goes on from: before its cool-down, or a beta earlier; None for neither."""
        if self.cooldown:
            return self.replace(steps=self.steps - self.cooldown, cooldown=0)
        if not self.walked:
            return None
        shorter = {"walked": self.walked[:-1], "stay": self.stay if len(self.walked) > 1 else 0}
        return self.replace(beta=self.walked[-1], steps=self.steps - self.stay, **shorter)

    def objective_at(self, step: int) -> Objective:
        """What is minimised at ``step``, counted from 0: the objective, at another beta where the run still walks."""
        place = (step - self.first) // self.stay + 1 if self.walked and step >= self.first else 0
        return self.objective if place >= len(self.walked) else replace(self.objective, beta=self.walked[place])  # type: ignore[call-arg]

    def decay_at(self, step: int) -> float:
        """The share of its learning rate that the run has at ``step``, counted from 0."""
        falling = self.steps / 2 if self.cooldown is None else self.cooldown
        return min(1.0, (self.steps - step) / falling) if falling else 1.0

    @classmethod
    def of(cls, **settings: Any) -> "Config":
        """The configuration with these settings, those of the objective among them, ``objective`` being its name.

        Names of version 0.1 (``OLD_NAMES``) are understood. Raises ``ValueError`` for an unknown one, and as ``Config``
        does.

        >>> Config.of(data="digits", objective="target_rate", target=6.0).objective
        TargetRate(target=6.0, weight=5.0)
        """
        old = {was: name for name, was in OLD_NAMES.items()}
        settings = {old.get(name, name): value for name, value in settings.items()}
        own = {name: settings.pop(name) for name in SETTINGS if name in settings}
        chosen = settings.pop("objective", "beta_vae")
        if isinstance(chosen, Objective):  # a record: what is given beside it changes it
            own = {name: value for name, value in objective_settings(chosen).items() if name != "objective"} | own
            chosen = chosen.name
        if unknown := settings.keys() - {f.name for f in fields(cls)}:
            raise ValueError(f"{min(unknown)}: expected a setting of a configuration, got one that is unknown")
        return cls(objective=objective(chosen, **own), **settings)

    @property
    def architecture(self) -> dict[str, Any]:
        """What ``companion.models.family`` needs to make the model, but for the images' shape."""
        names = ("width", "latent_dim", "pseudo_inputs", "conditioned", "categories", "dense", "seed")
        return {"name": self.family, **{name: getattr(self, name) for name in names}}

    def settings(self) -> dict[str, Any]:
        """All settings by name, those of the objective among them, as plain values: ``Config.of`` reads them."""
        return {f.name: getattr(self, f.name) for f in fields(self)} | objective_settings(self.objective)

    def replace(self, **changes: Any) -> "Config":
        """This configuration with some of its ``settings`` changed.

        Under another objective the settings that it shares with the old one stay. Raises as ``Config.of``.
        """
        new = changes.get("objective", self.objective.name)
        theirs = {f.name for f in fields(OBJECTIVES[new])} if new in OBJECTIVES else set()
        kept = theirs & {f.name for f in fields(self.objective)}
        told = {name: value for name, value in self.settings().items() if name not in SETTINGS or name in kept}
        return Config.of(**{**told, **changes})

    @property
    def hash(self) -> str:
        """Twelve hexadecimal digits that name this configuration.

        Taken over the data, its rule, and whatever differs from the defaults, under the names of version 0.1: a
        setting added later, whose default is what was done before, leaves the hashes of earlier runs as they are, and
        so does a new name.
        """
        defaults = {f.name: f.default for f in fields(self)} | SETTINGS | {"objective": "beta_vae"}
        told = {n: v for n, v in self.settings().items() if n in ("data", "binarise") or v != defaults[n]}
        text = json.dumps({OLD_NAMES.get(name, name): value for name, value in told.items()}, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:12]

    def differences(self, other: "Config") -> str:
        """The settings in which two configurations differ, for messages."""
        mine, theirs = self.settings(), other.settings()
        return ", ".join(
            f"{name} {mine[name]!r} against {theirs[name]!r}" for name in mine if mine[name] != theirs[name]
        )


def objective_settings(chosen: Objective) -> dict[str, Any]:
    """All of ``SETTINGS`` as ``chosen`` has them, plain values, with its name under ``objective``."""
    own = {f.name: getattr(chosen, f.name) for f in fields(chosen)}
    if "latent_indices" in own:
        own["latent_indices"] = ",".join(map(str, own["latent_indices"]))
    return {"objective": chosen.name} | SETTINGS | own


#: What each preset sets in a ``Config``.
PRESETS: dict[str, dict[str, Any]] = {
    "laptop": {"width": 0.25, "steps": 6000, "learning_rate": 3e-3},
    "paper": {  # 200 epochs of 50 000 images, on a GPU
        **{"width": 1.0, "steps": 78_000, "learning_rate": 3e-4, "normalised_gradients": True, "pseudo_inputs": 500},
        **{"precision": "bf16", "compile": True, "device": "cuda"},
    },
}
AUTOREGRESSIVE = {"laptop": {"steps": 3000, "batch_size": 32}}  # the decoder +: an image costs four times as much
SMALL_IMAGES = {"latent_dim": 16, "steps": 800, "batch_size": 32}  # up to 8 x 8 pixels, at any preset


def preset(name: str, data: str, *, epochs: int | None = None, **changes: Any) -> Config:
    """The configuration of the preset ``name`` for the image set ``data``, with ``changes`` to single settings.

    ``epochs`` may stand in place of ``steps``: as many as so many passes over the training images take, part-batches
    dropped. The set is loaded to count them.

    >>> preset("laptop", "mnist-static", beta=0.5).width
    0.25
    >>> preset("laptop", "digits", epochs=2).steps  # of 1 197 images, 32 a step
    74

    Raises ``ValueError`` for an unknown preset or an impossible setting, or for both ``epochs`` and ``steps``.
    """
    if name not in PRESETS:
        raise ValueError(f"preset: expected one of {', '.join(PRESETS)}, got {name!r}")
    scale = PRESETS[name] | (AUTOREGRESSIVE.get(name, {}) if str(changes.get("family"))[1:2] == "+" else {})
    small = SMALL_IMAGES if data in image_sets.SETS and max(image_sets.SETS[data].image_shape) <= 8 else {}
    chosen = Config.of(**{"data": data, "preset": name, **scale, **small, **changes})
    if epochs is None:
        return chosen
    if "steps" in changes or not isinstance(epochs, int) or epochs < 1:
        raise ValueError(f"epochs: expected at least 1, and no steps beside them, got {epochs!r}")
    return chosen.replace(steps=epochs * (training_images(data) // chosen.batch_size))


@cache
def training_images(name: str) -> int:
    """How many images the set ``name`` trains on."""
    return len(image_sets.load(name).train)


def beta_path(config: Config, betas: Sequence[float], *, first: int, stay: int, cooldown: int) -> list[Config]:
    """The runs of a path over beta: one training walks through all betas, and a branch cools down at each.

    The trunk takes ``first`` steps at the first of ``betas`` and ``stay`` at each of the others, all at the whole
    learning rate. At the end of each stay a branch leaves it, whose rate falls to zero over ``cooldown`` steps: that is
    the run of its beta. The trunk goes on from where the branch left. ``train`` trains each run on its own, with the
    same digits as ``sweeps.sweep``, where all share the trunk.

    Args:
        config: what holds for all of them; its beta and its steps are replaced
        betas: in the order in which they are visited, rising or falling
        first, stay, cooldown: numbers of steps

    Raises ``ValueError`` for betas in no such order, and as ``Config`` does.

    >>> path = beta_path(Config("digits"), [0.1, 0.3, 1.0], first=500, stay=200, cooldown=100)
    >>> [(run.objective.beta, run.walked, run.steps) for run in path]
    [(0.1, (), 600), (0.3, (0.1,), 800), (1.0, (0.1, 0.3), 1000)]
    """
    steps = [later - earlier for earlier, later in pairwise(betas)]
    if not betas or not (all(step > 0 for step in steps) or all(step < 0 for step in steps)):
        raise ValueError(f"betas: expected one or more, rising or falling, got {list(betas)}")
    runs = []
    for i, beta in enumerate(betas):
        walked, total = tuple(betas[:i]), first + i * stay + cooldown
        runs.append(config.replace(beta=beta, walked=walked, stay=stay if i else 0, cooldown=cooldown, steps=total))
    return runs
