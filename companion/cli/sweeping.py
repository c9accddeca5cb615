"""The command ``sweep``: a grid from a file or from options, trained or verified."""

import argparse
from math import inf
from pathlib import Path

from companion import learn
from companion.cli.commands import changes, draw_plane, print_table
from companion.learn.verify import ERRORS, NATS, SHARE, Comparison

BETAS = [0.1, 0.3, 1.0, 3.0, 10.0]


def sweep_command(options: argparse.Namespace) -> int:
    """Train a grid and write its table and its plane, or verify the table."""
    configs, out, table = grid(options)
    if options.verify is not None:
        return print_comparisons(learn.verify(configs, table, options.verify, jobs=options.jobs))
    budget = inf if options.budget is None else options.budget
    workers = {"jobs": options.jobs, "engine": options.engine, "scheduler": options.scheduler}
    rows = learn.sweep(configs, out, table=table, budget=budget, **workers)
    if rows:
        draw_plane(rows, out)
        print_table([row for row in rows if row["split"] == "test"])
        print(f"{table} and {table.with_suffix('.json').name} are written; rd_plane.png and the runs are in {out}")
    left = len(configs) - len({row["config_hash"] for row in rows})
    if left:
        print(f"the budget is spent: {left} of {len(configs)} runs are left; call again to go on")
    return 0


def grid(options: argparse.Namespace) -> tuple[list[learn.Config], Path, Path]:
    """The configurations that the options name, the folder of their runs, and their table."""
    said = changes(options)
    if options.grid:
        if said:
            raise ValueError(f"grid: expected all settings in {options.grid}, got {', '.join(said)} beside it")
        out = options.out or Path("runs") / options.grid.stem
        return learn.read_grid(options.grid), out, options.grid.with_suffix(".csv")
    if "data" not in said:
        raise ValueError("sweep: expected --grid FILE.toml or --data NAME, got neither")
    betas = {} if "objective" in said else {"betas": BETAS}
    out = options.out or Path("runs") / f"sweep-{options.data}"
    return list(dict.fromkeys(learn.expand(betas, said))), out, out / "rates.csv"


def print_comparisons(comparisons: list[Comparison]) -> int:
    """Print what stands in the table beside what was found; returns the exit status, 1 where a row disagrees."""
    print("hash         split      quantity         stored        found  may differ by")
    for c in comparisons:
        numbers = " ".join(f"{value:12.6f}" if value is not None else f"{'-':>12}" for value in (c.stored, c.found))
        verdict = "" if c.agrees else "  differs"
        row = f"{c.row['config_hash']} {c.row['split']:10} {c.quantity:10}"
        print(f"{row} {numbers} {c.allowed:14.6f}{verdict}")
    wrong = sum(not c.agrees for c in comparisons)
    print(f"{len(comparisons) - wrong} of {len(comparisons)} quantities agree; under other versions or processors")
    print(f"{NATS} nats, {SHARE:.0%} of the value and {ERRORS} standard errors of the difference are allowed")
    return int(wrong > 0)
