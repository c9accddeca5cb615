"""Finished runs, read back from their folders."""

from pathlib import Path

from companion import data
from companion.learn.checkpoint import Checkpoint, CheckpointError, State, read_config
from companion.learn.config import ARRAYS, Config
from companion.learn.training import build
from companion.models import VAE


def load_run(folder: Path | str, device: str = "cpu", model: VAE | None = None) -> tuple[Config, VAE]:
    """The configuration and the trained model of the run in ``folder``, on ``device``, wherever it was trained.

    No data is needed.

    Args:
        model: where the run trained a VAE of your own, one of the same architecture, which receives the weights

    Raises ``CheckpointError`` where there is no finished run, or its weights fit another architecture.
    """
    config = read_config(folder)
    if not (Path(folder) / "model.safetensors").is_file():
        raise CheckpointError(f"{folder}: expected a finished run, found no model.safetensors: train it first")
    if model is None:
        if config.data == ARRAYS:
            raise ValueError("model: expected one of the run's architecture beside data='arrays', got none")
        model = build(config.replace(device=device, compile=False), data.SETS[config.data].image_shape)
    Checkpoint(folder, config).restore(State({"model": model}, []))
    return config, model
