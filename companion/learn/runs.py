"""One run: train, measure, write its rows and where they come from."""

from dataclasses import asdict, replace
from math import inf
from pathlib import Path

from companion import data
from companion.learn.checkpoint import Checkpoint, CheckpointError, State, read_config
from companion.learn.config import Config
from companion.learn.measures import check_labels, measured
from companion.learn.records import Row, read_rows, write_provenance, write_rows
from companion.learn.train import build, threads, train
from companion.models import VAE

SPLITS = ("validation", "test")


def run(config: Config, out: Path | str, *, until: float = inf, progress: bool = True) -> list[Row]:
    """Train the run of ``config`` in the folder ``out``, resuming what is there, and measure it on both splits.

    Writes ``rates.csv``, one row for validation and one for test, ``provenance.json``, and the weights.
    Raises as ``train`` does, and ``ValueError`` for categories without labels to compare them with.
    """
    out, images = Path(out), data.load(config.data, config.binarise)
    check_labels(config, images)
    trained = train(config, images=images, out=out, until=until, progress=progress)
    try:
        return read_rows(out / "rates.csv")
    except (FileNotFoundError, ValueError):  # not measured yet, or by an earlier schema
        with threads(config.threads):
            rows = measured(trained.model, config, images, SPLITS)
        facts = {"hash": config.hash, "seconds": trained.seconds, "kept": trained.kept}
        write_provenance(out / "provenance.json", config=asdict(config), **facts)
        write_rows(out / "rates.csv", rows)
        return read_rows(out / "rates.csv")


def load_run(folder: Path | str, device: str = "cpu") -> tuple[Config, VAE]:
    """The configuration and the trained model of the run in ``folder``, on ``device``, wherever it was trained.

    No data is needed.

    Raises ``CheckpointError`` where there is no finished run, or its weights fit another architecture.
    """
    config = read_config(folder)
    if not (Path(folder) / "model.safetensors").is_file():
        raise CheckpointError(f"{folder}: expected a finished run, found no model.safetensors: train it first")
    here = replace(config, device=device, compile=False)
    model = build(here, data.SETS[config.data].image_shape)
    Checkpoint(folder, config).restore(State({"model": model}, []))
    return config, model
