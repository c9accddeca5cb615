"""``python -m companion``: fetch data, train, evaluate, sweep and draw from the command line."""

import argparse
import sys
from collections.abc import Callable, Sequence

from companion import data, learn
from companion.cli.options import parser

ERRORS = (ValueError, OSError, data.DataError, learn.CheckpointError, learn.CompilerError, learn.TrainingError)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit status, 0 or, after one sentence on standard error, 1."""
    options = parser().parse_args(arguments)
    command: Callable[[argparse.Namespace], int | None] = options.command
    try:
        return command(options) or 0
    except ERRORS as error:
        print(f"companion: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("companion: stopped; train, sweep and path go on where they were when called again", file=sys.stderr)
        return 130
