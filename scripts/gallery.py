"""Keep the best run of every family, all betas of one and all held rates, with their weights and sheets of samples.

    python scripts/gallery.py book/results/mnist.csv RUNS [--all-betas=-+v]
    python scripts/gallery.py book/results/vmi_mnist.csv RUNS --keep literal=HASH valid=HASH

For every family in the table, the run with the best validation ELBO goes from the folder RUNS/<hash> of its sweep to
``book/results/models/<table>/family<name>_beta<beta>``: configuration, weights and rows, as ``learn.load_run`` reads
them; the name ends in the hash where two choices would share it. One family keeps the best run at every beta by
D + beta R on the validation images, of the runs with its fewest steps, so that beta alone tells them apart. Runs held
at a rate go to ``family<name>_rate<target>``, the one of least D where several share it. Beside them
``reconstructions.png`` and ``generations.png``, drawn anew whenever they are missing, so that they can be deleted; RUNS
may be missing then. Of a table of another kind the runs to keep are named. The weights are rounded to half precision,
which moves R and D by far less than their standard errors.
"""

import argparse
import shutil
from collections import Counter
from filecmp import cmpfiles
from pathlib import Path

import numpy as np
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from companion import data, learn, results, show
from companion.models import generator
from companion.results.schema import Row
from companion.show.sheets import COLUMNS, DRAWS

FILES = ("config.json", "rates.csv")
WEIGHTS = "model.safetensors"


def chosen(rows: list[Row], all_betas: str) -> dict[str, str]:
    """The hashes of the runs to keep, by folder name, each the best of its group on the validation images."""
    found = [row for row in rows if row["split"] == "validation"]
    shortest = min((row["steps"] for row in found if row["family"] == all_betas), default=0)
    kept: dict[str, Row] = {}
    for row in found:
        for group, beta in groups(row, row["family"] == all_betas and row["steps"] == shortest):
            kept[group] = min(kept.get(group, row), row, key=lambda r: cost(r, beta))
    names = {row["config_hash"]: title(row) for row in kept.values()}
    shared = {name for name, count in Counter(names.values()).items() if count > 1}
    return {f"{name}_{identity}" if name in shared else name: identity for identity, name in names.items()}


def groups(row: Row, by_beta: bool) -> list[tuple[str, float]]:
    """The groups in which a run competes, and the weight of R in the D + weight R that decides there."""
    if row["target"] is not None:
        return [(title(row), 0.0)]
    return [(row["family"], 1.0)] + [(f"{row['family']} {row['beta']:g}", row["beta"])] * by_beta


def title(row: Row) -> str:
    """The folder of a run: its family, and its price or the rate it was held at."""
    if row["target"] is not None:
        return f"family{row['family']}_rate{row['target']:g}"
    return f"family{row['family']}_beta{row['beta']:g}" + "_annealed" * row["annealed"]


def cost(row: Row, beta: float) -> float:
    """The objective D + beta R of a row."""
    return row["distortion"] + beta * row["rate"]


def draw_sheets(folder: Path) -> None:
    """Write the sheets that are missing: test images and their reconstructions, and codes of the marginal decoded."""
    paths = {name: folder / f"{name}.png" for name in ("reconstructions", "generations")}
    if all(path.is_file() for path in paths.values()):
        return
    config, model = learn.load_run(folder)
    test = data.load(config.data, config.binarise).test
    x = test[np.sort(np.random.default_rng(1).permutation(len(test))[:COLUMNS])]
    with learn.threads(config.threads):
        copies = model.reconstruct(torch.from_numpy(x), generator(0, 0), DRAWS)
        samples = model.generate(COLUMNS, generator(0, 1), DRAWS)
    show.save(show.sample_gallery(copies.numpy(), x), paths["reconstructions"])
    show.save(show.sample_gallery(samples.numpy()), paths["generations"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("table", type=Path, help="CSV of a sweep, in book/results")
    parser.add_argument(
        "runs", type=Path, nargs="?", help="folder of its runs; without it only missing sheets are drawn"
    )
    parser.add_argument("--all-betas", default="-+v", metavar="FAMILY", help="family kept at every beta (default -+v)")
    parser.add_argument("--keep", nargs="+", metavar="NAME=HASH", help="keep these runs, and choose none")
    options = parser.parse_args()
    gallery = options.table.parent / "models" / options.table.stem
    if options.runs:
        named = dict(word.split("=", 1) for word in options.keep or ())
        keep = named or chosen(results.read_rows(options.table), options.all_betas)
        runs = {gallery / name: options.runs / identity for name, identity in keep.items()}
        missing = [run / name for run in runs.values() for name in (*FILES, WEIGHTS) if not (run / name).is_file()]
        if missing:
            parser.error(f"RUNS: expected the finished runs of the table, found no {missing[0]}")
        for folder, run in runs.items():
            refresh(folder, run)
        for folder in (path for path in gallery.iterdir() if path.is_dir() and path not in runs):
            shutil.rmtree(folder)
    for folder in sorted(path.parent for path in gallery.glob("[!.]*/config.json")):
        draw_sheets(folder)
        print(folder)


def refresh(folder: Path, run: Path) -> None:
    """Put the files of ``run`` into ``folder`` in place of those of an earlier choice."""
    if (folder / WEIGHTS).is_file() and cmpfiles(folder, run, FILES, shallow=False)[0] == list(FILES):
        return
    part = folder.with_name(f".{folder.name}.part")  # an interrupted refresh leaves this one behind, and no half folder
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    for name in FILES:
        shutil.copyfile(run / name, part / name)
    with safe_open(run / WEIGHTS, "pt") as stored:
        halves = {name: stored.get_tensor(name).half() for name in stored.keys()}  # noqa: SIM118
        save_file(halves, part / WEIGHTS, stored.metadata())
    shutil.rmtree(folder, ignore_errors=True)
    part.rename(folder)


if __name__ == "__main__":
    main()
