"""``python -m companion``: fetch data, train, evaluate, sweep and draw from the command line."""

import argparse
import sys
from collections.abc import Callable, Sequence

from companion import data, learn, sweeps
from companion.atomic import sentence
from companion.cli.options import parser
from companion.signals import Terminated, sigterm_raises

ERRORS = (
    *(ValueError, data.DataError, sweeps.WorkerError),
    *(learn.CheckpointError, learn.CompilerError, learn.TrainingError),
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit status, 0 or, after one sentence on standard error, 1."""
    options = parser().parse_args(arguments)
    command: Callable[[argparse.Namespace], int | None] = options.command
    try:
        with sigterm_raises():
            return command(options) or 0
    except ERRORS as error:
        print(f"companion: {error}", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"companion: {sentence(error)}", file=sys.stderr)
        return 1
    except KeyboardInterrupt as stop:
        print("companion: stopped; train, sweep and path go on where they were when called again", file=sys.stderr)
        return 143 if isinstance(stop, Terminated) else 130
