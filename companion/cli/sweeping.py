"""The command ``sweep``: a grid from a file or from options, trained or verified."""

import argparse
from math import inf
from pathlib import Path

from companion import learn, sweeps
from companion.cli.commands import changes, draw_planes, print_table
from companion.results import ResultsTable
from companion.results.schema import Row
from companion.sweeps.verification import ERRORS, NATS, SHARE, Comparison

BETAS = [0.1, 0.3, 1.0, 3.0, 10.0]


def sweep_command(options: argparse.Namespace) -> int:
    """Train a grid and write its table and its plane, or verify the table."""
    configs, out, table = grid(options)
    if options.verify is not None:
        return print_comparisons(sweeps.verify(configs, table, options.verify, jobs=options.jobs))
    return train_all(configs, out, table, options)


def path_command(options: argparse.Namespace) -> int:
    """Train the runs of a path over beta."""
    steps = {name: getattr(options, name) for name in ("first", "stay", "cooldown")}
    out = options.out or Path("runs") / f"path-{options.data}"
    return train_all(sweeps.expand_paths(changes(options) | steps), out, out / "rates.csv", options)


def train_all(configs: list[learn.Config], out: Path, table: Path, options: argparse.Namespace) -> int:
    """Train what is left of ``configs``, draw their planes and print their table."""
    budget = inf if options.budget is None else options.budget
    workers = {"jobs": options.jobs, "engine": options.engine, "scheduler": options.scheduler}
    try:
        rows = sweeps.sweep(configs, out, table=table, budget=budget, **workers)
    except learn.TrainingError:  # what did not diverge is shown first
        print_sweep(ResultsTable(table, configs).own_rows(), out, table)
        raise
    print_sweep(rows, out, table)
    left = len(configs) - len({row["config_hash"] for row in rows})
    if left:
        print(f"the budget is spent: {left} of {len(configs)} runs are left; call again to go on")
    return 0


def print_sweep(rows: list[Row], out: Path, table: Path) -> None:
    """Draw the planes of ``rows``, if there are any, and print the table."""
    if rows:
        pictures = " and ".join(path.name for path in draw_planes(rows, out))
        print_table([row for row in rows if row["split"] == "test"])
        print(f"{table} and {table.with_suffix('.json').name} are written; {pictures} and the runs are in {out}")


def grid(options: argparse.Namespace) -> tuple[list[learn.Config], Path, Path]:
    """The configurations that the options name, the folder of their runs, and their table."""
    said = changes(options)
    if options.grid:
        if said:
            raise ValueError(f"grid: expected all settings in {options.grid}, got {', '.join(said)} beside it")
        out = options.out or Path("runs") / options.grid.stem
        return sweeps.read_grid(options.grid), out, options.grid.with_suffix(".csv")
    if "data" not in said:
        raise ValueError("sweep: expected --grid FILE.toml or --data NAME, got neither")
    betas = {"betas": BETAS} if said.get("objective", "beta_vae") == "beta_vae" else {}
    out = options.out or Path("runs") / f"sweep-{options.data}"
    return list(dict.fromkeys(sweeps.expand(betas, said))), out, out / "rates.csv"


def print_comparisons(comparisons: list[Comparison]) -> int:
    """Print what stands in the table beside what was found; returns the exit status, 1 where a row disagrees."""
    print("hash         split      quantity            stored        found  may differ by")
    for c in comparisons:
        values = [f"{v:.6f}" if isinstance(v, float) else "-" if v is None else str(v) for v in (c.stored, c.found)]
        verdict = "" if c.agrees else "  differs"
        row = f"{c.row['config_hash']} {c.row['split']:10} {c.quantity:13}"
        print(f"{row} {values[0]:>12} {values[1]:>12} {c.allowed or 0.0:14.6f}{verdict}")
    wrong = sum(not c.agrees for c in comparisons)
    print(f"{len(comparisons) - wrong} of {len(comparisons)} quantities agree; under other versions or processors")
    print(f"{NATS} nats, {SHARE:.0%} of the value and {ERRORS} standard errors of the difference are allowed")
    return int(wrong > 0)
