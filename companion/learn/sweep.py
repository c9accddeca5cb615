"""Runs and sweeps: train, measure, write a row; skip what is done already."""

import json
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

from joblib import Parallel, delayed

from companion import data
from companion.learn.checkpoint import Checkpoint, CheckpointError, State, read_config
from companion.learn.config import Config
from companion.learn.records import Row, read_rows, row, write_provenance, write_rows
from companion.learn.train import build, progress_bar, threads, train
from companion.measure import evaluate
from companion.models import VAE

SPLITS = ("validation", "test")


def run(config: Config, out: Path | str, *, every: int | None = None, progress: bool = True) -> list[Row]:
    """Train the run of ``config`` in the folder ``out``, resuming what is there, and measure R and D on both splits.

    Writes ``rates.csv``, one row for validation and one for test, ``provenance.json``, and the weights.
    Raises as ``train`` does.
    """
    out, images = Path(out), data.load(config.data, config.binarise)
    trained = train(config, images=images, out=out, every=every, progress=progress)
    if not (out / "rates.csv").is_file():
        with threads(config.threads):
            points = [evaluate(trained.model, getattr(images, split), split=split) for split in SPLITS]
        write_provenance(out / "provenance.json", config=asdict(config), hash=config.hash, seconds=trained.seconds)
        write_rows(out / "rates.csv", [row(config, point) for point in points])
    return read_rows(out / "rates.csv")


def sweep(configs: Sequence[Config], out: Path | str, *, jobs: int = 1, progress: bool = True) -> list[Row]:
    """Run ``configs``, ``jobs`` at a time, each in ``out/runs/<hash>``; finished runs are not run again.

    Each run uses the threads its configuration says, one by default, so that the order and the number of jobs change
    no digit. Writes all rows to ``out/rates.csv``, by the order of ``configs``, and ``out/provenance.json``.

    Raises ``ValueError`` for ``jobs`` below 1 or no configurations, and whatever the first failing run raises; what
    is finished by then stays.
    """
    if jobs < 1:
        raise ValueError(f"jobs: expected at least 1, got {jobs!r}")
    if not configs or len(set(configs)) < len(configs):
        raise ValueError(f"configs: expected one or more different configurations, got {len(configs)} with repeats")
    out = Path(out)
    folders = [out / "runs" / config.hash for config in configs]
    data.load(configs[0].data, configs[0].binarise)  # fetched and parsed once, before the workers start
    work = (delayed(run)(c, folder, progress=False) for c, folder in zip(configs, folders, strict=True))
    finished = Parallel(n_jobs=jobs, return_as="generator")(work)
    rows = [r for rows in progress_bar(progress, finished, total=len(configs), unit="run") for r in rows]
    runs = {folder.name: json.loads((folder / "provenance.json").read_text()) for folder in folders}
    write_provenance(out / "provenance.json", jobs=jobs, runs=runs)
    write_rows(out / "rates.csv", rows)
    return rows


def load_run(folder: Path | str, device: str = "cpu") -> tuple[Config, VAE]:
    """The configuration and the trained model of the run in ``folder``, on ``device``, wherever it was trained.

    Raises ``CheckpointError`` where there is no finished run, or its weights fit another architecture.
    """
    config = read_config(folder)
    if not (Path(folder) / "model.safetensors").is_file():
        raise CheckpointError(f"{folder}: expected a finished run, found no model.safetensors: train it first")
    here = replace(config, device=device, compile=False)
    model = build(here, data.load(config.data, config.binarise).image_shape)
    Checkpoint(folder, config).restore(State({"model": model}, []))
    return config, model
