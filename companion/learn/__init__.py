"""Objectives, the training loop, and sweeps over configurations.

>>> from companion.learn import preset, train
>>> run = train(preset("laptop", "digits", steps=2), progress=False)
>>> [step for step, _ in run.history]
[1, 2]
"""

from companion.learn.checkpoint import CheckpointError
from companion.learn.config import PRESETS, Config, preset
from companion.learn.grids import expand, read_grid
from companion.learn.players import Player, TrainingError
from companion.learn.records import point, read_rows
from companion.learn.runs import load_run, run
from companion.learn.sweep import sweep
from companion.learn.train import OutOfTime, Trained, threads, train
from companion.learn.verify import verify

__all__ = ["PRESETS", "CheckpointError", "Config", "OutOfTime", "Player", "Trained", "TrainingError", "expand"]
__all__ += ["load_run", "point", "preset", "read_grid", "read_rows", "run", "sweep", "threads", "train", "verify"]
