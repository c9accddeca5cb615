"""Merging: the tables of sweeps that several machines ran become one, if they belong together."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from companion.learn import Config
from companion.results.schema import Row, config_cells, machine
from companion.results.table import SPLITS, ResultsTable
from companion.sweeps.verification import compare

Run = tuple[list[Row], dict[str, Any]]  # the rows of one run, and its provenance


@dataclass(frozen=True)
class Merged:
    """What was merged: all ``rows``, the hashes of runs that stood in several tables, and runs by what made them."""

    rows: list[Row] = field(repr=False)
    repeated: list[str]
    machines: dict[str, int]


def merge(tables: Sequence[Path | str], out: Path | str, configs: Sequence[Config] | None = None) -> Merged:
    """Write the runs of ``tables`` into the table ``out``, a CSV with a JSON of the same name beside it.

    Every run must be whole, with a row on each split, and of the configuration that its provenance tells: the rows say
    the same of it, and its hash is that of the row. A run in several tables is taken from the first that has it; the
    others must agree with it as ``verify`` lets a run agree that was trained anew.

    Args:
        configs: the grid that all runs must be of, in the order of the rows; by default any, in the order of the tables

    Raises ``ValueError`` naming the table and the run for what does not belong, for tables of different columns, and
    for an ``out`` that is there and none of ``tables``; then nothing is written.

    >>> from tempfile import TemporaryDirectory
    >>> from companion import learn, sweeps
    >>> grid = [learn.preset("laptop", "digits", beta=beta, steps=5, dense=True) for beta in (0.1, 1.0)]
    >>> with TemporaryDirectory() as folder:
    ...     parts = [Path(folder) / name / "rates.csv" for name in "ab"]
    ...     for config, part in zip(grid, parts):
    ...         _ = sweeps.sweep([config], part.parent, progress=False)
    ...     merged = sweeps.merge(parts, Path(folder) / "all.csv", grid)
    >>> len(merged.rows), list(merged.machines.values())
    (4, [2])
    """
    if Path(out).exists() and Path(out).resolve() not in {Path(table).resolve() for table in tables}:
        raise ValueError(f"out: expected a new table, or one of those that are merged, got {out}, which is there")
    merged: dict[str, Run] = {}
    repeated: dict[str, None] = {}
    for table in map(Path, tables):
        for name, run in read_runs(table, configs).items():
            if name in merged:
                check_repeat(table, merged[name], run)
                repeated[name] = None
            else:
                merged[name] = run
    if not merged:
        raise ValueError(f"tables: expected one run or more, got {len(tables)} tables without any")
    kinds = {tuple(rows[0]): name for name, (rows, _) in merged.items()}
    if len(kinds) > 1:
        raise ValueError(f"tables: expected all of the same columns, got others in {' and '.join(kinds.values())}")
    order = [config.hash for config in configs or [] if config.hash in merged] or list(merged)
    rows = [row for name in order for row in merged[name][0]]
    ResultsTable(out, configs or []).write(rows, {"runs": {name: facts for name, (_, facts) in merged.items()}})
    made_by = Counter(machine(facts["made_by"]) for _, facts in merged.values())
    return Merged(rows, list(repeated), dict(made_by))


def read_runs(table: Path, configs: Sequence[Config] | None) -> dict[str, Run]:
    """The runs of one table by their hash; raises ``ValueError`` for one that is not whole, or not what it says."""
    if not table.is_file():
        raise ValueError(f"{table}: expected the table of a sweep, found no such file")
    results = ResultsTable(table, [])
    told = results.provenance()["runs"]
    found: dict[str, list[Row]] = {}
    for row in results.rows():
        found.setdefault(row["config_hash"], []).append(row)
    known = None if configs is None else {config.hash for config in configs}
    for name, rows in found.items():
        if known is not None and name not in known:
            raise ValueError(f"{table}: {name}: expected a run of the grid, got another")
        if sorted(row["split"] for row in rows) != sorted(SPLITS):
            raise ValueError(f"{table}: {name}: expected one row on each of {', '.join(SPLITS)}, got {len(rows)}")
        check_provenance(f"{table}: {name}", rows, told.get(name))
    return {name: (rows, told[name]) for name, rows in found.items()}


def check_provenance(where: str, rows: list[Row], facts: Any) -> None:
    """Raise ``ValueError`` unless ``facts`` tell of the configuration that ``rows`` are of."""
    try:
        config, _ = Config.of(**facts["config"]), machine(facts["made_by"])
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{where}: expected its provenance in the JSON beside the table ({error!r})") from error
    if config.hash != rows[0]["config_hash"]:
        raise ValueError(f"{where}: expected provenance of the run of this hash, got that of {config.hash}")
    for row in rows:
        for name, value in config_cells(config, row).items():
            if row[name] != value:
                raise ValueError(f"{where}: {name}: expected {value!r}, as its provenance tells, got {row[name]!r}")


def check_repeat(table: Path, first: Run, again: Run) -> None:
    """Raise ``ValueError`` where a run ``again`` in ``table`` differs from what another table had of it ``first``."""
    (rows, facts), (others, other_facts) = first, again
    by_split = {row["split"]: row for row in others}
    identical = facts["made_by"] == other_facts["made_by"] and facts["config"]["device"] == "cpu"
    for row in rows:
        for found in compare(row, by_split[row["split"]], identical):
            if not found.agrees:
                raise ValueError(
                    f"{table}: {row['config_hash']}: expected the {found.quantity} on {row['split']} that an earlier "
                    f"table has, {found.stored!r}, got {found.found!r}: leave one of the two tables out"
                )
