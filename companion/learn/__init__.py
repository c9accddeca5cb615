"""Objectives, the training loop, and sweeps over configurations.

>>> from companion.learn import preset, train
>>> run = train(preset("laptop", "digits", steps=2), progress=False)
>>> [step for step, _ in run.history]
[1, 2]
"""

from companion.learn.checkpoint import CheckpointError
from companion.learn.config import PRESETS, Config, preset
from companion.learn.players import Player, TrainingError
from companion.learn.records import point, read_rows
from companion.learn.runs import load_run, run
from companion.learn.sweep import sweep
from companion.learn.train import Trained, threads, train

__all__ = ["PRESETS", "CheckpointError", "Config", "Player", "Trained", "TrainingError", "load_run", "point"]
__all__ += ["preset", "read_rows", "run", "sweep", "threads", "train"]
