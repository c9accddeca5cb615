"""Measure log p(x) of the kept models: ELBO, importance-weighted bounds, and annealed importance sampling.

    python scripts/likelihoods.py [--only mnist/family---_beta1 ...] [--images 100] [--simulated 30] [--cost]

For every model in ``book/results/models`` whose code has no categories, one row goes to
``book/results/likelihoods.csv``: all bounds on the same test images, with their standard errors over these images;
AIS minus IWAE-5000, paired; and bidirectional Monte Carlo on images drawn from the model. One pass of ``DRAWS`` weights
an image gives ELBO, IWAE-5 and IWAE-5000, the first two as means over all of them. Temperatures and chains depend on
the decoder (``PLAN``), whose passes are the cost: what is left to do is printed first, and ``--cost`` prints no more.

The table and its provenance, which holds the settings and the seconds of every row, are whole after every row. Called
again it goes on with the rows that are missing, or whose model or settings have changed since.
"""

import argparse
import json
from collections.abc import Callable, Iterator
from math import log
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
from scipy.special import logsumexp

from companion import data, learn, measure, results
from companion.locks import locked
from companion.measure.annealed_importance import PILOT_CHAINS
from companion.measure.evaluation import log_weights
from companion.measure.hamiltonian import WARM_UP
from companion.models import VAE
from companion.results.schema import Row
from companion.stats import mean_and_error

RESULTS = Path(__file__).parents[1] / "book" / "results"
DRAWS, FEW, COPIES = 5000, 5, 5  # importance weights an image, those of the small bound, images beside each other
SEED = 0
#: Settings of annealed importance sampling, by the sign of the decoder.
PLAN = {
    "-": {"chains": 8, "temperatures": 200, "leapfrogs": 5},
    "+": {"chains": 4, "temperatures": 60, "leapfrogs": 4},
}


def settings(config: learn.Config, asked: argparse.Namespace) -> dict[str, Any]:
    """What, beside the model, a row depends on."""
    plan = {name: getattr(asked, name) or value for name, value in PLAN[config.family[1]].items()}
    return {"n": asked.images, "simulated": asked.simulated, **plan, "start": asked.start, "draw_seed": SEED}


def chosen_images(config: learn.Config, n: int) -> np.ndarray:
    """The same ``n`` test images for every model of one data set, which is sorted by class."""
    test = data.load(config.data, config.binarise).test
    return test[np.sort(np.random.default_rng(0).permutation(len(test))[:n])]


def importance_bounds(model: VAE, x: np.ndarray) -> dict[str, np.ndarray]:
    """ELBO, IWAE-5 and IWAE-5000 of each image, ``[n]``, from the same weights."""
    found = log_weights(model, np.repeat(x, COPIES, 0), DRAWS // COPIES, seed=SEED)
    log_w = found.reshape(DRAWS // COPIES, len(x), COPIES)
    few = logsumexp(log_w, axis=2) - log(FEW)
    return {"elbo": log_w.mean((0, 2)), "iwae5": few.mean(0), "iwae5000": logsumexp(log_w, axis=(0, 2)) - log(DRAWS)}


def measured(model: VAE, x: np.ndarray, how: dict[str, Any]) -> dict[str, float]:
    """The bounds of a row, by column."""
    options = {name: how[name] for name in ("chains", "temperatures", "leapfrogs", "start")}
    each = importance_bounds(model, x)
    found = measure.annealed(model, x, **options, seed=SEED, progress=True)
    both = measure.bidirectional(model, how["simulated"], **options, seed=SEED, progress=True)
    each |= {"ais": found.each, "ais_gain": found.each - each["iwae5000"]}
    each |= {"forward": both.forward.each, "reverse": both.reverse.each, "gap": both.reverse.each - both.forward.each}
    pairs = {name: mean_and_error(values) for name, values in each.items()}
    told = {
        column: value for name, pair in pairs.items() for column, value in zip((name, f"{name}_se"), pair, strict=True)
    }
    return told | {"effective": float(found.effective.mean()), "acceptance": found.acceptance}


def expected_seconds(model: VAE, x: np.ndarray, how: dict[str, Any]) -> float:
    """The cost of a row, from a few passes of this model on this machine."""
    chains, inner, leapfrogs = how["chains"], how["temperatures"] - 2, how["leapfrogs"]
    weight = seconds_of(lambda: log_weights(model, np.repeat(x[:2], 50, 0), 1)) / 100
    few = {"chains": PILOT_CHAINS, "temperatures": 3, "leapfrogs": 1, "start": how["start"]}
    one_pass = seconds_of(lambda: measure.annealed(model, x[:4], **few)) / (4 * PILOT_CHAINS * (WARM_UP + 4))
    pilot = PILOT_CHAINS * (WARM_UP + inner)
    walks = how["n"] * (pilot + chains * inner) + how["simulated"] * (pilot + 2 * chains * inner)
    return how["n"] * DRAWS * weight + walks * leapfrogs * one_pass


def seconds_of(call: Callable[[], object]) -> float:
    """How long ``call`` takes."""
    start = perf_counter()
    call()
    return perf_counter() - start


def kept_models(only: list[str]) -> Iterator[Path]:
    """The folders of the kept models, all or those named as ``TABLE/MODEL``, but for codes with categories."""
    for folder in sorted(path.parent for path in RESULTS.glob("models/*/*/config.json")):
        name = f"{folder.parent.name}/{folder.name}"
        if only and name not in only:
            continue
        if json.loads((folder / "config.json").read_text()).get("categories"):
            print(f"{name}: left out, its code has categories")
        else:
            yield folder


def add(table: Path, row: Row, how: dict[str, Any], seconds: float) -> None:
    """Put a finished row into the table in place of an earlier one of its model, and its provenance beside it."""
    made = {"settings": how, "seconds": round(seconds, 1), "made_by": results.environment_info()}
    with locked(table.with_name(f".{table.name}.lock")):
        known = json.loads(table.with_suffix(".json").read_text())["rows"] if table.is_file() else {}
        known[f"{row['table']}/{row['model']}"] = made
        spent = [made["seconds"] for made in known.values()]
        others = [r for r in finished(table) if (r["table"], r["model"]) != (row["table"], row["model"])]
        rows = sorted([*others, row], key=lambda r: (r["table"], r["model"]))
        results.write_provenance(table.with_suffix(".json"), split="test", draws=DRAWS, seconds=spent, rows=known)
        results.write_rows(table, rows)


def finished(table: Path) -> list[Row]:
    """The rows of the table so far."""
    return results.read_rows(table) if table.is_file() else []


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--table", type=Path, default=RESULTS / "likelihoods.csv", help="where to write")
    parser.add_argument("--only", nargs="+", default=[], metavar="TABLE/MODEL", help="measure these models alone")
    parser.add_argument("--images", type=int, default=100, help="test images (default %(default)s)")
    parser.add_argument("--simulated", type=int, default=30, help="images drawn from the model (default %(default)s)")
    for name in ("chains", "temperatures", "leapfrogs"):
        parser.add_argument(f"--{name}", type=int, help="in place of the plan's")
    parser.add_argument("--start", default="encoder", choices=("marginal", "encoder"), help="what is annealed")
    parser.add_argument("--cost", action="store_true", help="print what is left to do and what it costs, and stop")
    asked = parser.parse_args()
    with learn.threads(1):
        left = pending(asked)
        if not asked.cost:
            for folder, how in left:
                measure_model(asked.table, folder, how)


def pending(asked: argparse.Namespace) -> list[tuple[Path, dict[str, Any]]]:
    """The models without a row of these settings, each with its settings; prints what they cost."""
    rows = {(row["table"], row["model"]): row for row in finished(asked.table)}
    left, total = [], 0.0
    for folder in kept_models(asked.only):
        config, model = learn.load_run(folder)
        how = settings(config, asked)
        told = how | {"config_hash": config.hash}
        row = rows.get((folder.parent.name, folder.name))
        if row and all(row[name] == value for name, value in told.items()):
            continue
        seconds = expected_seconds(model, chosen_images(config, asked.images), how)
        print(f"{folder.parent.name}/{folder.name}: {seconds / 60:.0f} minutes", flush=True)
        left.append((folder, how))
        total += seconds
    print(f"{len(left)} models are left, about {total / 3600:.1f} hours of one core", flush=True)
    return left


def measure_model(table: Path, folder: Path, how: dict[str, Any]) -> None:
    """Measure one model, and add its row."""
    config, model = learn.load_run(folder)
    start = perf_counter()
    found = measured(model, chosen_images(config, how["n"]), how)
    about = {"table": folder.parent.name, "model": folder.name, "config_hash": config.hash, "data": config.data}
    told = config.settings() | about | how | {name: round(value, 6) for name, value in found.items()}
    row = {name: told[name] for name in results.SCHEMAS["likelihoods"]}
    add(table, row, how, perf_counter() - start)
    print(*row.values(), f"{perf_counter() - start:.0f} s", flush=True)


if __name__ == "__main__":
    main()
