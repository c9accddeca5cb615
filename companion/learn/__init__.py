"""One training run: its configuration, the loop, and its checkpoints.

- ``preset(name, data, **changes)`` makes a ``Config``: data, model, objective with its settings, optimiser. ``PRESETS``
  says what ``laptop`` and ``paper`` stand for. ``Config.of`` takes all settings by name, ``Config.replace`` changes
  some.
- ``beta_path(config, betas, ...)`` gives the configurations of a path: one training that walks through all betas.
- ``train(config)`` trains it and gives a ``Trained``: the model, the validation points on the way, the seconds.
  With ``out=`` a folder it writes checkpoints, from which it goes on when it was interrupted; ``load_run`` reads a
  finished one. With ``model=`` and ``images=`` it trains any VAE on any arrays. ``watch=`` is given the ``State`` of
  the run after every validation.
- The pieces, for a loop of your own: ``build`` (the untrained model), ``batches``, ``training_units`` (what takes
  steps, each an ``objectives.TrainingUnit``), ``fit`` (the loop itself), ``gumbel_temperature``, ``relaxed``,
  ``threads``.
- ``CheckpointError``, ``CompilerError``, ``TrainingError`` and ``OutOfTime`` are what may be raised.

>>> run = train(preset("laptop", "digits", steps=2), progress=False)
>>> [step for step, _ in run.history]
[1, 2]
"""

from companion.learn.checkpoint import CheckpointError, State
from companion.learn.config import PRESETS, Config, beta_path, preset
from companion.learn.machine import CompilerError
from companion.learn.training import (
    OutOfTime,
    Trained,
    TrainingError,
    batches,
    build,
    fit,
    gumbel_temperature,
    load_run,
    relaxed,
    threads,
    train,
    training_units,
)

__all__ = [
    "PRESETS",
    "CheckpointError",
    "CompilerError",
    "Config",
    "OutOfTime",
    "State",
    "Trained",
    "TrainingError",
    "batches",
    "beta_path",
    "build",
    "fit",
    "gumbel_temperature",
    "load_run",
    "preset",
    "relaxed",
    "threads",
    "train",
    "training_units",
]
