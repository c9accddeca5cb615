"""``python -m elbo_coursework``: grade a class and all that follows, one command for each."""

import argparse
import sys
from collections.abc import Callable, Sequence

from companion.atomic import sentence
from companion.signals import Terminated, sigterm_raises
from elbo_coursework import checking, grade_command
from elbo_coursework.term import commands
from elbo_coursework.text import printable

#: Each has ``add(parts)``, which adds its commands; what one sets as ``command`` takes the options.
MODULES = (grade_command, checking, commands)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit status, 0 or, after one sentence on standard error, 1."""
    options = parser().parse_args(arguments)
    command: Callable[[argparse.Namespace], None] = options.command
    try:
        with sigterm_raises():
            command(options)
    except (ValueError, OSError) as error:
        lines = str(error).split("\n") if isinstance(error, ValueError) else [sentence(error)]
        print(f"elbo_coursework: {chr(10).join(map(printable, lines))}", file=sys.stderr)
        return 1
    except KeyboardInterrupt as stop:
        print("elbo_coursework: stopped; grade goes on where it was when called again", file=sys.stderr)
        return 143 if isinstance(stop, Terminated) else 130
    return 0


def parser() -> argparse.ArgumentParser:
    """The parser of all commands."""
    top = argparse.ArgumentParser(
        prog=f"{grade_command.interpreter()} -m elbo_coursework",
        description="Grade the assignments of the book on rate, distortion and the ELBO, with all that follows.",
        epilog=grade_command.example(),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parts = top.add_subparsers(required=True, metavar="COMMAND")
    for module in MODULES:
        module.add(parts)
    return top


if __name__ == "__main__":
    sys.exit(main())
