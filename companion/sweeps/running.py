"""One run of a sweep: train, measure, write its rows and where they come from."""

from math import inf
from pathlib import Path
from typing import Any

from companion import data
from companion.learn import Config, Trained, threads, train
from companion.results.schema import Row, read_rows, write_provenance, write_rows
from companion.results.table import SPLITS
from companion.studies.measures import check_labels, measured


def run(config: Config, out: Path | str, *, until: float = inf, progress: bool = True) -> list[Row]:
    """Train the run of ``config`` in the folder ``out``, resuming what is there, and measure it on both splits.

    Writes ``rates.csv``, one row for validation and one for test, ``provenance.json``, and the weights.
    Raises as ``train`` does, and ``ValueError`` for categories without labels to compare them with.
    """
    out, images = Path(out), data.load(config.data, config.binarise)
    check_labels(config, images)
    trained = train_after_prefix(config, images, out, until=until, progress=progress)
    try:
        return read_rows(out / "rates.csv")
    except (FileNotFoundError, ValueError):  # not measured yet, or by an earlier schema
        with threads(config.threads):
            rows = measured(trained.model, config, images, SPLITS)
        facts = {"hash": config.hash, "seconds": trained.seconds, "kept": trained.kept}
        write_provenance(out / "provenance.json", config=config.settings(), **facts)
        write_rows(out / "rates.csv", rows)
        return read_rows(out / "rates.csv")


def train_after_prefix(config: Config, images: data.ImageData, out: Path, **options: Any) -> Trained:
    """``train``; where the run goes on from another (``Config.prefix``), that one first, in a folder beside ``out``."""
    start = out.parent / config.prefix.hash if config.prefix else None
    if start and config.prefix and not any(out.glob("*.safetensors")):
        train_after_prefix(config.prefix, images, start, **options)
    return train(config, images=images, out=out, start=start, **options)
