"""The assignments by name."""

from importlib import import_module

from companion.coursework.questions import Assignment

#: The assignments, in the order of the book.
NAMES = ("surgery", "rate_distortion", "toy", "sweep", "information")


def assignment(name: str) -> Assignment:
    """The assignment of that name; raises ``ValueError`` for an unknown one.

    >>> assignment("surgery").minutes > 0
    True
    """
    if name not in NAMES:
        raise ValueError(f"assignment: expected one of {', '.join(NAMES)}, got {name!r}")
    found: Assignment = import_module(f"companion.coursework.{name}").ASSIGNMENT
    return found
