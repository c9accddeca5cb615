"""Result rows and their provenance: every table of a sweep has one of the schemas here, and one CSV form."""

import csv
import json
import os
import platform
import reprlib
from collections.abc import Iterable, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

import companion
from companion.atomic import atomic_write
from companion.learn.config import OLD_NAMES, Config
from companion.terms import RateDistortion

Row = dict[str, Any]

BINS = 10  # bins of the histograms of categories through training, and the most categories that they are of
POINT = ("rate", "distortion", "rate_se", "distortion_se", "elbo", "elbo_se")
ABOUT = ("n", "draw_seed", "steps", "data", "binarise")
INFORMATION = ("mi_literal", "mi_valid", "mi_direct", "mi_exact", "kl_c", "kl_aggregate", "entropy_aggregate")
SURGERY = ("information", "marginal_kl", "total_correlation", "dimension_wise_kl")
ESTIMATED = ("tc_minibatch", "tc_discriminator", "dip_i", "dip_ii", "mmd")
TUNED = ("adversarial", "drawn", "balance", "hard", "learning_rate")  # what settings of categories differ in, too
DRAWN = ("read_again", "swap_read", "swap_cost")
PAID = ("objective", "lambda", "critic_input", "augmented", "beta", "annealed", "seed", "preset", "split")


def _with_errors(*names: str) -> tuple[str, ...]:
    return tuple(column for name in names for column in (name, f"{name}_se"))


#: The columns of each kind of table, by its name.
SCHEMAS: dict[str, tuple[str, ...]] = {
    "families": (
        *("family", "beta", "annealed", "seed", "preset", "split", *POINT, "iwae5", "iwae5_se"),
        *(*ABOUT, "objective", "target", "config_hash"),
    ),
    "paths": (  # over beta, one training a family
        *("family", "beta", "direction", "seed", "preset", "split", *POINT, "iwae5", "iwae5_se"),
        *(*ABOUT, "stay", "cooldown", "config_hash"),
    ),
    "members": (  # of networks that serve a range of betas
        *("family", "beta", "span", "seed", "preset", "split", *POINT, *ABOUT, "config_hash"),
    ),
    "categories": (
        *(*PAID, *TUNED, *_with_errors("accuracy", *INFORMATION, *DRAWN)),
        *(*POINT, *ABOUT, "categories", "latent_dim", "config_hash"),
    ),
    "trajectories": (  # of categories, through training
        *(*PAID, *TUNED, "step", "bound"),
        *_with_errors("accuracy", "mi_exact", "kl_c", "kl_aggregate", "entropy_aggregate"),
        *(*(f"share_{k}" for k in range(BINS)), *(f"histogram_{k}" for k in range(BINS))),
        *(*POINT, *ABOUT, "categories", "latent_dim", "config_hash"),
    ),
    "latents": (
        *(*PAID, "latent_indices", *_with_errors("traversal_variance", *INFORMATION)),
        *(*POINT, *ABOUT, "latent_dim", "config_hash"),
    ),
    "relatives": (
        *("objective", "lambda", "beta", "family", "seed", "preset", "split"),
        *(*POINT, *_with_errors(*SURGERY, *ESTIMATED), *ABOUT, "latent_dim", "config_hash"),
    ),
    "mi_bounds": (  # on problems whose information is known
        *("dimensions", "nats", "sinh_transformed", "bound", "critic", "value", "se", "n", "batch_size", "steps"),
        "seed",
    ),
    "likelihoods": (  # of kept models, all bounds on the same images
        *("table", "model", "family", "beta", "data", "binarise", "config_hash", "n", "draw_seed"),
        *(*_with_errors("elbo", "iwae5", "iwae5000", "ais", "ais_gain"), "effective", "acceptance"),
        *("simulated", *_with_errors("forward", "reverse", "gap"), "chains", "temperatures", "leapfrogs", "start"),
    ),
}
FIELD_OF = {"lambda": "weight"}  # columns that have another name than their setting of a configuration
#: Column names of version 0.1, still read.
OLD_COLUMNS = {was: name for name, was in OLD_NAMES.items()} | {"effect": "traversal_variance"}
OLD_COLUMNS |= {"bent": "sinh_transformed", "effect_se": "traversal_variance_se"}
OLD_COLUMNS |= {f"among_{k}": f"histogram_{k}" for k in range(BINS)}
FLAGS = ("annealed", "augmented", "hard", "sinh_transformed")
COUNTS = (
    *("seed", "step", "n", "draw_seed", "steps", "stay", "cooldown"),
    *("categories", "latent_dim", "dimensions", "batch_size"),
    *("simulated", "chains", "temperatures", "leapfrogs"),
)
WORDS = (
    *("family", "preset", "split", "data", "binarise", "objective", "config_hash"),
    *("critic", "critic_input", "latent_indices", "direction"),
    *("table", "model", "start"),
)
#: An empty cell is None: not measured, or there is none.
OPTIONAL = ("iwae5", "iwae5_se", "target", "bound", *_with_errors(*DRAWN))


def row(config: Config, point: RateDistortion, measured: Mapping[str, float | None], table: str = "families") -> Row:
    """The row of one run on one split in a ``table`` of ``SCHEMAS``, in nats; nothing in it depends on speed.

    ``seed`` is of the training, ``draw_seed`` of the codes drawn to measure it. ``measured`` holds what the table has
    besides the configuration and the point of the plane.

    Raises ``ValueError`` where it holds something else.
    """
    columns = SCHEMAS[table]
    told = {"split": point.split, "n": point.n, "draw_seed": point.seed, **config_cells(config, columns)}
    values = {name: getattr(point, name) for name in POINT} | {**measured}
    cells = told | {name: value if value is None else round(value, 6) for name, value in values.items()}
    if cells.keys() != set(columns):
        missing, foreign = sorted(set(columns) - cells.keys()), sorted(cells.keys() - set(columns))
        raise ValueError(f"measured: expected the columns of the table {table}, missing {missing}, foreign {foreign}")
    return {name: cells[name] for name in columns}


def config_cells(config: Config, columns: Iterable[str]) -> Row:
    """Those of ``columns`` that the configuration tells, with what it says."""
    settings = {"config_hash": config.hash, "direction": config.direction, **config.settings()}
    return {name: settings[FIELD_OF.get(name, name)] for name in columns if FIELD_OF.get(name, name) in settings}


def quantities(columns: Iterable[str]) -> dict[str, str]:
    """The measured columns, each with the column of its standard error."""
    found = set(columns)
    return {name: f"{name}_se" for name in columns if f"{name}_se" in found}


def write_rows(path: Path, rows: Sequence[Row]) -> None:
    """Write ``rows``, one or more of one schema, as CSV, whole or not at all; equal rows give equal bytes."""
    with atomic_write(path) as temporary, temporary.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def read_rows(path: Path) -> list[Row]:
    """The rows of a CSV written by ``write_rows``, numbers as numbers.

    Raises ``ValueError`` for another schema, and naming the line that cannot be read.
    """
    try:
        with Path(path).open(newline="") as file:
            return _rows(file, path)
    except (UnicodeDecodeError, csv.Error) as error:
        raise ValueError(f"{path}: expected CSV, got other text: {error}") from error


def _rows(file: Iterable[str], path: Path) -> list[Row]:
    reader = csv.DictReader(file)
    reader.fieldnames = [OLD_COLUMNS.get(name, name) for name in reader.fieldnames or ()]
    columns = tuple(reader.fieldnames)
    if columns not in SCHEMAS.values():
        known = "; or ".join(",".join(columns) for columns in SCHEMAS.values())
        raise ValueError(f"{path}: expected the columns {known}, got {reader.fieldnames}")
    rows = []
    for line in reader:
        try:
            rows.append(_typed(line, columns))
        except ValueError as error:
            raise ValueError(f"{path}: line {reader.line_num}: {error}") from error
    return rows


def _typed(line: dict[str, str], columns: Sequence[str]) -> Row:
    if line.keys() != set(columns) or None in line.values():
        raise ValueError(f"expected {len(columns)} cells, got more or fewer")
    words = (*WORDS, *["bound"] * ("critic" in columns))  # there a bound's name, elsewhere its value
    return {name: _cell(name, text, words) for name, text in line.items()}


def _cell(name: str, text: str, words: Sequence[str]) -> Any:
    if name in FLAGS:
        if text not in ("True", "False"):
            raise ValueError(f"{name}: expected True or False, got {text!r}")
        return text == "True"
    if name in OPTIONAL and not text:
        return None
    if name in words:
        return text
    try:
        return int(text) if name in COUNTS else float(text)
    except ValueError as error:
        raise ValueError(f"{name}: expected a number, got {reprlib.repr(text)}") from error


def point(line: Mapping[str, Any]) -> RateDistortion:
    """The point of the plane that a row records."""
    names = ("rate", "distortion", "rate_se", "distortion_se", "elbo_se", "n", "split")
    return RateDistortion(**{name: line[name] for name in names}, seed=line["draw_seed"])


def write_provenance(path: Path, **facts: Any) -> None:
    """Write ``facts`` as JSON beside what made them, ``made_by``."""
    with atomic_write(path) as temporary:
        temporary.write_text(json.dumps({**facts, "made_by": environment_info()}, indent=1) + "\n")


def environment_info() -> dict[str, Any]:
    """Versions, processor and operating system: with a configuration, all that the digits of a run depend on."""
    return {
        "companion": companion.__version__,
        **{name: version(name) for name in ("torch", "numpy")},
        "python": platform.python_version(),
        "system": platform.platform(terse=True),
        "processor": processor(),
        "cores": os.cpu_count(),
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
    }


def machine(made_by: Mapping[str, Any]) -> str:
    """What ``environment_info`` told, in words: versions, and what computed."""
    device = made_by["gpu"] or made_by["processor"]
    return f"companion {made_by['companion']}, torch {made_by['torch']}, Python {made_by['python']}, {device}"


def processor() -> str:
    """The processor's name, as far as the system tells."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()
