"""Grids of configurations, written as TOML: values under plural names are run through, the rest holds for all.

A file may read ::

    data = "mnist-static"
    steps = 6000

    [[runs]]
    families = ["---", "+--"]
    betas = [0.5, 1.0]
    annealed = [false, true]

    [[runs]]
    objective = "target_rate"
    targets = [5.0, 20.0]
    seeds = [0, 1]

A path (``companion.learn.beta_path``) walks through its betas in the order given. Its rows have columns of their own,
so a sweep takes a file of runs or one of paths::

    data = "mnist-static"

    [[paths]]
    families = ["---"]
    betas = [0.1, 0.3, 1.0, 3.0]
    first = 2000
    stay = 1000
    cooldown = 500
"""

import tomllib
from itertools import product
from math import prod
from pathlib import Path
from typing import Any

from companion.learn import Config, beta_path, preset
from companion.learn.config import OLD_NAMES

AXES = {"families": "family", "betas": "beta", "targets": "target", "annealed": "annealed", "seeds": "seed"}
AXES |= {"objectives": "objective", "weights": "weight"}
SCALARS = Config("digits").settings().keys() | {"epochs", *OLD_NAMES.values()}
DURATIONS = {"steps", "epochs"}
MOST_RUNS = 5000  # of a grid


def read_grid(path: Path | str) -> list[Config]:
    """The configurations of a TOML file, in its order, each once.

    What stands above the tables ``[[runs]]`` and ``[[paths]]`` holds for all, unless one of them says otherwise.
    Every field of ``Config`` may be given, and ``epochs`` in place of ``steps``.

    Raises ``ValueError`` naming the file, the table and the key that is wrong.
    """
    try:
        shared = tomllib.loads(Path(path).read_text())
    except (ValueError, RecursionError) as error:  # no TOML, or no text
        raise ValueError(f"{path}: expected TOML ({error})") from error
    tables = {kind: shared.pop(kind, []) for kind in ("runs", "paths")}
    for kind, given in tables.items():
        if not (isinstance(given, list) and all(isinstance(table, dict) for table in given) and any(tables.values())):
            raise ValueError(f"{path}: {kind}: expected one or more tables [[runs]] or [[paths]], got {given!r}")
    configs: list[Config] = []
    for kind, make in (("runs", expand), ("paths", expand_paths)):
        for number, table in enumerate(tables[kind], 1):
            try:
                configs += make(shared, table)
                check_runs(len(configs))
            except ValueError as error:
                raise ValueError(f"{path}: [[{kind}]] {number}: {error}") from error
    return list(dict.fromkeys(configs))


def expand(*tables: dict[str, Any]) -> list[Config]:
    """The configurations of the product of all lists of values; a later table overrides an earlier one.

    ``steps`` and ``epochs`` of a later table each override both of an earlier one.

    >>> grid = expand({"data": "digits", "seed": 3}, {"betas": [0.1, 1.0], "annealed": [False, True]})
    >>> [(c.objective.beta, c.objective.annealed, c.seed) for c in grid]
    [(0.1, False, 3), (0.1, True, 3), (1.0, False, 3), (1.0, True, 3)]

    Raises ``ValueError`` naming the key that is unknown, given twice or impossible.
    """
    values: dict[str, list] = {}
    for table in map(_lists, tables):
        if table.keys() & DURATIONS:  # either word for how long overrides both
            values = {name: value for name, value in values.items() if name not in DURATIONS}
        values |= table
    if "data" not in values:
        raise ValueError("data: expected the name of an image set, got none")
    axes = {name: values.pop(name) for name in AXES.values() if name in values}
    fixed = {name: value for name, (value,) in values.items()}
    name, data = fixed.pop("preset", "laptop"), fixed.pop("data")
    check_runs(prod(map(len, axes.values())))
    cells = (dict(zip(axes, cell, strict=True)) for cell in product(*axes.values()))
    return [preset(name, data, **fixed, **cell) for cell in cells]


def expand_paths(*tables: dict[str, Any]) -> list[Config]:
    """The configurations of paths over beta, one after another; a later table overrides an earlier one.

    ``betas`` are visited in the order given; ``first``, ``stay`` and ``cooldown`` are the steps of ``beta_path``. All
    else is as in ``expand``.

    >>> walk = {"betas": [3.0, 1.0], "first": 200, "stay": 100, "cooldown": 50}
    >>> [(c.seed, c.objective.beta, c.steps) for c in expand_paths({"data": "digits", "seeds": [0, 1]}, walk)]
    [(0, 3.0, 250), (0, 1.0, 350), (1, 3.0, 250), (1, 1.0, 350)]

    Raises ``ValueError`` as ``expand`` and ``beta_path`` do, and for one of the four that is missing.
    """
    values = {name: value for table in tables for name, value in table.items()}
    walk = {name: values.pop(name, None) for name in ("betas", "first", "stay", "cooldown")}
    betas = walk.pop("betas")
    if not isinstance(betas, list):
        raise ValueError(f"betas: expected a list of those that are walked through, got {betas!r}")
    for name, value in walk.items():
        if not isinstance(value, int):
            raise ValueError(f"{name}: expected a number of steps, got {value!r}")
    starts = expand(values)
    check_runs(len(starts) * len(betas))
    return [run for config in starts for run in beta_path(config, betas, **walk)]


def check_runs(count: int) -> None:
    """Raise ``ValueError`` for more runs than one grid may have."""
    if count > MOST_RUNS:
        raise ValueError(f"grid: expected at most {MOST_RUNS} runs, got {count}: split it")


def _lists(table: dict[str, Any]) -> dict[str, list]:
    """The values of each field that ``table`` names, under the field's own name."""
    found: dict[str, list] = {}
    for key, value in table.items():
        if key not in SCALARS | AXES.keys():
            raise ValueError(f"{key}: expected a field of a configuration or one of {', '.join(AXES)}")
        if AXES.get(key, key) in found:
            raise ValueError(f"{key}: expected one of {AXES[key]} and {key} in a table, got both")
        if key in AXES and not (isinstance(value, list) and value) and not (key in SCALARS and value in (True, False)):
            raise ValueError(f"{key}: expected a list of one or more values, got {value!r}")
        if key not in AXES and isinstance(value, list | dict):
            raise ValueError(f"{key}: expected one value, got {value!r}")
        found[AXES.get(key, key)] = value if isinstance(value, list) else [value]
    return found
