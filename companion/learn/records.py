"""Result rows and their provenance: one schema for every table of results in the project."""

import csv
import json
import os
import platform
from collections.abc import Iterable
from importlib.metadata import version
from math import hypot
from pathlib import Path
from typing import Any

import torch

import companion
from companion.atomic import replacing
from companion.learn.config import Config
from companion.terms import RateDistortion

Row = dict[str, Any]

FIELDS = (
    *("family", "beta", "annealed", "seed", "preset", "split"),
    *("rate", "distortion", "rate_se", "distortion_se", "elbo", "elbo_se", "iwae5", "iwae5_se"),
    *("n", "draw_seed", "steps", "data", "binarise", "objective", "target", "config_hash"),
)
CONFIGURED = ("family", "beta", "annealed", "seed", "preset", "steps", "data", "binarise", "objective", "target")
NUMBERS = ("rate", "distortion", "rate_se", "distortion_se", "elbo", "elbo_se")  # of every row
OPTIONAL = ("iwae5", "iwae5_se", "target")  # an empty cell is None: not measured, or no target


def row(config: Config, point: RateDistortion, gain: tuple[float, float] | None = None) -> Row:
    """The row of one run on one split, in nats. Nothing in it depends on the machine's speed.

    ``seed`` is of the training, ``draw_seed`` of the codes drawn to measure it. ``gain``, of IWAE-5 over the ELBO with
    its standard error, is that of ``measure.iwae_gain``, on some images of the split: with it, ``iwae5`` is unbiased
    for the split's IWAE-5, a lower bound on the mean log likelihood. Its standard error takes the ELBO and the gain
    for independent. They share images and the seed of their draws, and an image with a low ELBO tends to gain more, so
    it is an upper one.
    """
    shared = {name: getattr(config, name) for name in CONFIGURED}
    measured = {name: round(getattr(point, name), 6) for name in NUMBERS}
    iwae5, iwae5_se = (point.elbo + gain[0], hypot(point.elbo_se, gain[1])) if gain else (None, None)
    return {
        **shared,
        **measured,
        "iwae5": None if iwae5 is None else round(iwae5, 6),
        "iwae5_se": None if iwae5_se is None else round(iwae5_se, 6),
        "split": point.split,
        "n": point.n,
        "draw_seed": point.seed,
        "config_hash": config.hash,
    }


def write_rows(path: Path, rows: Iterable[Row]) -> None:
    """Write ``rows`` as CSV, whole or not at all; equal rows give equal bytes."""
    with replacing(path) as temporary, temporary.open("w", newline="") as file:
        writer = csv.DictWriter(file, FIELDS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def read_rows(path: Path) -> list[Row]:
    """The rows of a CSV written by ``write_rows``, numbers as numbers.

    Raises ``ValueError`` for another schema, and naming the line that cannot be read.
    """
    with Path(path).open(newline="") as file:
        reader = csv.DictReader(file)
        if tuple(reader.fieldnames or ()) != FIELDS:
            raise ValueError(f"{path}: expected the columns {','.join(FIELDS)}, got {reader.fieldnames}")
        rows = []
        for line in reader:
            try:
                rows.append(_typed(line))
            except (ValueError, TypeError) as error:
                raise ValueError(f"{path}: line {reader.line_num}: {error}") from error
        return rows


def _typed(line: dict[str, str]) -> Row:
    if line.keys() != set(FIELDS) or None in line.values():
        raise ValueError(f"expected {len(FIELDS)} cells, got more or fewer")
    if line["annealed"] not in ("True", "False"):
        raise ValueError(f"annealed: expected True or False, got {line['annealed']!r}")
    numbers = {name: float(line[name]) for name in ("beta", *NUMBERS)}
    counts = {name: int(line[name]) for name in ("seed", "n", "draw_seed", "steps")}
    optional = {name: float(line[name]) if line[name] else None for name in OPTIONAL}
    return {**line, **numbers, **counts, **optional, "annealed": line["annealed"] == "True"}


def point(line: Row) -> RateDistortion:
    """The point of the plane that a row records."""
    names = ("rate", "distortion", "rate_se", "distortion_se", "elbo_se", "n", "split")
    return RateDistortion(**{name: line[name] for name in names}, seed=line["draw_seed"])


def write_provenance(path: Path, **facts: Any) -> None:
    """Write ``facts`` as JSON beside what made them, ``made_by``."""
    with replacing(path) as temporary:
        temporary.write_text(json.dumps({**facts, "made_by": made_by()}, indent=1) + "\n")


def made_by() -> dict[str, Any]:
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


def processor() -> str:
    """The processor's name, as far as the system tells."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()
