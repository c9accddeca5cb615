"""The commands: each takes what the options say, and prints."""

import argparse
from collections.abc import Mapping, Sequence
from math import inf
from pathlib import Path
from typing import Any

import numpy as np
import torch

from companion import data, learn, measure, results, show, sweeps, units
from companion.models import generator
from companion.objectives import OBJECTIVES
from companion.results.schema import Row
from companion.sweeps.grids import AXES, SCALARS
from companion.sweeps.verification import ERRORS, NATS, SHARE, Comparison

BETAS = [0.1, 0.3, 1.0, 3.0, 10.0]  # of a sweep that names none


def data_command(options: argparse.Namespace) -> None:
    """List the image sets, or load the named ones."""
    for name in options.names or data.NAMES:
        if not options.names:
            print(f"{name:14} {'at hand' if data.available(name) else 'to be fetched':14} {data.SETS[name].source}")
            continue
        images = data.load(name)
        sizes = " / ".join(f"{len(getattr(images, split)):,}" for split in ("train", "validation", "test"))
        side = "x".join(map(str, images.image_shape))
        print(f"{name}: {sizes} images of {side}, {images.binarise}\n  {images.source}\n  licence {images.licence}")


def changes(options: argparse.Namespace) -> dict[str, Any]:
    """What the options say of a configuration, by the names of a grid; one left out keeps the preset's value."""
    known = SCALARS | AXES.keys()
    return {name: value for name, value in vars(options).items() if name in known and value is not None}


def train_command(options: argparse.Namespace) -> None:
    """Train one run and print its points."""
    (chosen,) = sweeps.expand(changes(options))
    out = options.out or Path("runs") / chosen.hash
    rows = sweeps.run(chosen, out)
    print_table(rows)
    print(f"written to {out}")


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
    except (learn.TrainingError, sweeps.WorkerError):  # what is finished is shown first
        print_sweep(results.ResultsTable(table, configs).own_rows(), out, table)
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


def merge_command(options: argparse.Namespace) -> None:
    """Make one table of several, and say what made its runs and which of the grid are left."""
    configs = sweeps.read_grid(options.grid) if options.grid else None
    merged = sweeps.merge(options.tables, options.out, configs)
    n = len({row["config_hash"] for row in merged.rows})
    print(f"{options.out}: {n} runs, {len(merged.repeated)} of them in several tables, which agree")
    for machine, runs in merged.machines.items():
        print(f"{runs} by {machine}")
    if configs:
        print(f"{len(configs) - n} of the {len(configs)} runs of {options.grid} are left")


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


def evaluate_command(options: argparse.Namespace) -> None:
    """Measure a finished run on one split."""
    chosen, model = learn.load_run(options.run, options.device)
    images = data.load(chosen.data, chosen.binarise)
    with learn.threads(chosen.threads):
        print(measure.evaluate(model, getattr(images, options.split), split=options.split, seed=options.draw_seed))


def show_command(options: argparse.Namespace) -> None:
    """Draw what a folder or a table holds."""
    given = options.path
    table, out = (given, given.with_suffix("")) if given.suffix == ".csv" else (given / "rates.csv", given)
    if not table.is_file():
        raise ValueError(f"PATH: expected a table, or the folder of a finished run or sweep, found no {table}")
    results.read_rows(table)  # names the line that cannot be read
    written = draw_planes(results.records(results.load(table)), out)
    if (out / "config.json").is_file():
        written.append(draw_images(out))
    print("\n".join(map(str, written)))


def draw_planes(rows: Sequence[Mapping[str, Any]], out: Path) -> list[Path]:
    """Write ``rd_plane.png`` of the test rows, or where these are of several data sets or rules, one for each.

    Raises ``ValueError`` where there are no test rows.
    """
    groups: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for row in (r for r in rows if r["split"] == "test"):
        groups.setdefault((row["data"], row["binarise"]), []).append(row)
    if not groups:
        raise ValueError(f"rows: expected one or more of the split test, got {len(rows)} of others")
    out.mkdir(parents=True, exist_ok=True)
    paths = []
    for names, chosen in groups.items():
        paths.append(out / ("rd_plane.png" if len(groups) == 1 else f"rd_plane-{'-'.join(names)}.png"))
        points, arrived = [results.point(r) for r in chosen], [r.get("arrived", True) for r in chosen]
        show.save(show.rd_plane(points, plane_labels(chosen), arrived=arrived, title=", ".join(names)), paths[-1])
    return paths


def plane_labels(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """What each row was trained for, and whatever else of its configuration varies."""
    texts = {"family": "{}", "seed": "seed {}", "steps": "{} steps", "objective": "{}", "direction": "{}"}
    varying = [name for name in texts if len({r.get(name) for r in rows}) > 1]
    return [
        " ".join([aim(r), *(texts[name].format(r[name]) for name in varying), *["annealed"] * r.get("annealed", False)])
        for r in rows
    ]


def aim(row: Mapping[str, Any]) -> str:
    """The beta of a row, the rate it was to reach, or what its reward or penalty weighs."""
    if row.get("target") is not None:
        return f"R = {row['target']:g}"
    weighed = hasattr(OBJECTIVES[row.get("objective", "beta_vae")], "weight")
    return f"λ = {row['lambda']:g}" if weighed else f"β = {row['beta']:g}"


def draw_images(folder: Path) -> Path:
    """Write ``images.png``: test images of a run, their reconstructions, and samples of its marginal."""
    chosen, model = learn.load_run(folder)
    test = data.load(chosen.data, chosen.binarise).test
    x = torch.from_numpy(test[np.random.default_rng(0).permutation(len(test))[:10]])
    copies, samples = model.reconstruct(x, generator(0, 0), draws=5), model.generate(10, generator(0, 1), draws=5)
    rows = {"test image": x, "reconstruction": copies[0], "mean of 5": copies.float().mean(0)}
    rows |= {"sample": samples[0], "mean of 5 ": samples.float().mean(0)}
    show.save(show.image_sheet({name: images.numpy() for name, images in rows.items()}), folder / "images.png")
    return folder / "images.png"


def print_table(rows: list[Row]) -> None:
    """Rate, distortion and their sum with one standard error, in nats, and the sum in bits."""
    print(line("data", "family", "aim", "seed", "split", "R", "D", "R + D (nats)", "(bits)"))
    for r in rows:
        pairs = [(r["rate"], r["rate_se"]), (r["distortion"], r["distortion_se"]), (-r["elbo"], r["elbo_se"])]
        pairs.append((units.bits(-r["elbo"]), units.bits(r["elbo_se"])))
        measured = [f"{value:.3f} ± {error:.3f}" for value, error in pairs]
        print(line(r["data"], r.get("family", "---"), aim(r), r["seed"], r["split"], *measured))


def line(*cells: object) -> str:
    """One line of the table: words to the left, numbers to the right."""
    widths = (-14, -8, -8, 4, -12, 18, 18, 18, 18)
    return " ".join(f"{cell!s:{'<' if w < 0 else '>'}{abs(w)}}" for cell, w in zip(cells, widths, strict=True)).rstrip()
