"""Measure what several workers bring, and what a run costs beside its training.

    python benchmarks/scale.py [--only MEASUREMENT ...] [--repeats 3] [--out TABLE]

Sixteen equal runs on the small digits, which differ in their seed alone, are swept by one process, by two, and by the
two workers of a Dask cluster on this machine, in an order that shifts every round. All start from nothing, so that
starting the workers is part of the time. Seconds are those on the wall: the machine must be quiet. A ratio is taken
within each round, before its median. The table is written after each measurement; those that are not asked for stay.
"""

import argparse
import resource
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from itertools import cycle, islice
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

import pandas as pd

from companion import data, learn, sweeps
from companion.results import write_provenance, write_rows
from companion.results.schema import Row, environment_info, row
from companion.results.table import SPLITS, ResultsTable
from companion.studies.measures import measured
from companion.sweeps.engines import workers
from companion.terms import RateDistortion

TABLE = Path(__file__).resolve().parents[1] / "book" / "results" / "scale.csv"
RUNS, STEPS = 16, 1000
WAYS = {"one process": ("joblib", 1), "two processes": ("joblib", 2), "two Dask workers": ("dask", 2)}
KNOWN, ENTERED = (100, 1000, 10_000), 100  # runs in a table, and those that are entered then
CALLS = 200  # empty jobs
NAMES = ("workers", "parts", "jobs", "table")  # of what is measured
Run = tuple[list[Row], dict[str, Any]]


def configs(runs: int, steps: int, name: str = "digits") -> list[learn.Config]:
    """Equal runs: the laptop's network for an image set, under different seeds."""
    return [learn.preset("laptop", name, steps=steps, seed=seed) for seed in range(runs)]


def seconds(call: Callable[[], object]) -> float:
    """What ``call`` takes on the wall."""
    start = perf_counter()
    call()
    return perf_counter() - start


def measurements(told: argparse.Namespace) -> dict[str, Callable[[], list[Row]]]:
    """What is measured, by name."""
    (one,) = configs(1, told.steps, told.data)
    data.load(one.data, one.binarise)  # parsed into the cache
    return {
        "workers": partial(efficiency, configs(told.runs, told.steps), told.repeats),
        "parts": partial(parts, one, told.repeats),
        "jobs": partial(empty_jobs, told.repeats),
        "table": partial(bookkeeping, told.repeats),
    }


def entry(quantity: str, case: str, values: Sequence[float]) -> Row:
    """A row of the table: the median of ``values``, the least and the largest."""
    low, mid, high = (f"{value:.4g}" for value in (min(values), median(values), max(values)))
    return {"quantity": quantity, "case": case, "median": mid, "low": low, "high": high, "n": len(values)}


def sweep_seconds(grid: list[learn.Config], way: str) -> tuple[float, float]:
    """What a sweep from nothing takes by ``way``: on the wall, and what of it is the training of its runs."""
    engine, jobs = WAYS[way]
    with tempfile.TemporaryDirectory() as folder:
        whole = seconds(lambda: sweeps.sweep(grid, folder, jobs=jobs, engine=engine, progress=False))
        runs = ResultsTable(Path(folder) / "rates.csv", grid).provenance()["runs"].values()
    return whole, sum(run["seconds"] for run in runs)


def efficiency(grid: list[learn.Config], repeats: int) -> list[Row]:
    """Seconds of the whole by each way, how many times as fast as one process, and seconds of a run beside training."""
    found: dict[str, list[tuple[float, float]]] = {way: [] for way in WAYS}
    for turn in range(repeats):
        for way in islice(cycle(WAYS), turn, turn + len(WAYS)):
            found[way].append(sweep_seconds(grid, way))
            print(f"{way}: {found[way][-1][0]:.1f} s", file=sys.stderr)
    alone = [whole for whole, _ in found["one process"]]
    rows = [entry("seconds", way, [whole for whole, _ in pairs]) for way, pairs in found.items()]
    for way, pairs in found.items():
        ratios = [one / whole for one, (whole, _) in zip(alone, pairs, strict=True)]
        rows.append(entry("times as fast as one process", way, ratios))
    shares = [(whole - training) / len(grid) for whole, training in found["one process"]]
    rows.append(entry("seconds of a run beside its training", "one process", shares))
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024  # the largest of all workers
    return [*rows, entry("MiB", "the largest worker", [peak])]


def parts(config: learn.Config, repeats: int) -> list[Row]:
    """What a run costs beside its training: a worker, its images, its network, its measurements."""
    images = data.load(config.data, config.binarise)
    model = learn.build(config, images.image_shape)
    first = [sys.executable, "-c", f"from companion import data, sweeps; data.load({config.data!r})"]
    calls: dict[str, Callable[[], object]] = {
        "start a worker": lambda: subprocess.run(first, check=True),
        "load the images": lambda: data.load(config.data, config.binarise),
        "build the network": lambda: learn.build(config, images.image_shape),
        "measure both splits": lambda: measured(model, config, images, SPLITS),
    }
    with learn.threads(1):
        return [entry("seconds", name, [seconds(call) for _ in range(repeats)]) for name, call in calls.items()]


def empty_jobs(repeats: int) -> list[Row]:
    """What it takes to hand out a job that does nothing, to workers that are there."""
    rows = []
    for way, (engine, jobs) in WAYS.items():
        with workers(engine, jobs) as pool:
            turns = [seconds(partial(list, pool(abs, [(0,)] * CALLS))) for _ in range(repeats + 1)]
        rows.append(entry("ms of an empty job", way, [1000 * each / CALLS for each in turns[1:]]))
    return rows


def bookkeeping(repeats: int) -> list[Row]:
    """What it takes to enter a run into a table, where a sweep enters many into one that holds many."""
    point = RateDistortion(rate=1.0, distortion=2.0, rate_se=0.1, distortion_se=0.1, elbo_se=0.1, n=100)
    points, bound = [replace(point, split=split) for split in SPLITS], {"iwae5": None, "iwae5_se": None}
    found, made_by = [], environment_info()
    for known in KNOWN:
        grid = configs(known + ENTERED, steps=1)
        rows = {c.hash: [row(c, each, bound) for each in points] for c in grid}
        facts = {c.hash: {"config": c.settings(), "made_by": made_by} for c in grid}
        new = [c.hash for c in grid[known:]]
        turns = []
        for _ in range(repeats):
            with tempfile.TemporaryDirectory() as folder:
                table = ResultsTable(Path(folder) / "rates.csv", grid)
                table.write([each for c in grid[:known] for each in rows[c.hash]], {"runs": facts})
                turns.append(seconds(partial(enter, table, {name: (rows[name], facts[name]) for name in new})))
        found.append(entry("ms to enter a run", f"{known} runs", [1000 * each / ENTERED for each in turns]))
    return found


def enter(table: ResultsTable, runs: dict[str, Run]) -> None:
    """Enter ``runs`` as a sweep does."""
    with table.entering() as one:
        for rows, facts in runs.values():
            one(rows, facts)


def main(arguments: Sequence[str] | None = None) -> list[Row]:
    """Measure as the command line says, write the table, and return its rows."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=3, help="turns of everything (default %(default)s)")
    parser.add_argument("--steps", type=int, default=STEPS, help="of each of the equal runs (default %(default)s)")
    parser.add_argument("--runs", type=int, default=RUNS, help="that are swept (default %(default)s)")
    parser.add_argument("--data", default="mnist-static", help="image set of the parts (default %(default)s)")
    parser.add_argument("--out", type=Path, default=TABLE, help="the table (default: that of the book)")
    parser.add_argument("--only", nargs="+", choices=NAMES, default=NAMES, help="these of %(choices)s")
    told = parser.parse_args(arguments)
    known = pd.read_csv(told.out, dtype=str).to_dict("records") if told.out.is_file() else []
    rows = {name: [row for row in known if row["measurement"] == name] for name in NAMES}
    for name, measure in measurements(told).items():
        if name in told.only:
            rows[name] = [{"measurement": name, **row} for row in measure()]
            write_rows(told.out, [row for name in NAMES for row in rows[name]])
            write_provenance(told.out.with_suffix(".json"), preset="laptop", runs_swept=told.runs, steps=told.steps)
    return [row for name in NAMES for row in rows[name]]


if __name__ == "__main__":
    main()
