"""How well this machine can isolate: tests grade as well as it can."""

import os

from elbo_coursework.confinement import LEVELS, Isolation, isolation


def available(level: str) -> bool:
    """Whether the machine has that level."""
    try:
        isolation(level, allow_root=True)
    except ValueError:
        return False
    return True


def best() -> Isolation:
    """The best level that the machine has."""
    return isolation(next(level for level in LEVELS if available(level)), allow_root=True)


def flags() -> list[str]:
    """The options of ``grade`` for it."""
    return ["--isolation", best().level, *(["--allow-root"] if os.geteuid() == 0 else [])]
