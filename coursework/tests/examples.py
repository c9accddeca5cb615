"""A small assignment, and submissions to it."""

import importlib.util
import json
from pathlib import Path
from types import ModuleType

import numpy as np

from companion.exact.tables import entropy
from elbo_coursework import Assignment, CommonMistake, ManualQuestion, Question


def draw(rng, trap):
    return {"p": rng.dirichlet(np.ones(4))}


def invariant(answer, p):
    return f"An entropy is never negative, and yours is {answer:.3g}." if answer < 0 else None


def draw_pair(rng, trap):
    return {"x": rng.normal(size=3), "names": "abc"}


HALF = Question(
    name="entropy",
    points=6,
    draw=draw,
    reference=lambda p: entropy(p),
    invariant=invariant,
    mistakes=(CommonMistake("in bits", "This is in bits.", lambda p: entropy(p) / np.log(2), 0.5),),
    traps=("",) * 3,
)
PAIR = Question(
    name="moments",
    points=4,
    draw=draw_pair,
    reference=lambda x, names: {"mean": x.mean(), "letters": names.upper()},
    invariant=lambda answer, x, names: None,
    mistakes=(),
    traps=("",) * 2,
)
TINY = Assignment("tiny", "A small one", 5, (HALF, PAIR), (ManualQuestion("why", {"says why": 2}),))
SOLUTION = """
import numpy as np
from elbo_coursework import check

def entropy(p):
    return -float(np.sum(p * np.log(p)))

def moments(x, names):
    return {"mean": x.mean(), "letters": names.upper()}

check(entropy, "tiny")
"""
STUB = "def entropy(p):\n    ...\n\ndef moments(x, names):\n    ...\n"


def notebook(path: Path, *cells: str) -> Path:
    """Write a notebook with a cell of text and these of code."""
    text = {"cell_type": "markdown", "metadata": {}, "source": ["# Entropy"]}
    code = [{"cell_type": "code", "metadata": {}, "source": cell.splitlines(True), "outputs": []} for cell in cells]
    path.write_text(json.dumps({"cells": [text, *code], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}))
    return path


def script(path: Path, source: str) -> Path:
    path.write_text(source)
    return path


def load(path: str) -> ModuleType:
    """The module of a file, by its path in the repository."""
    file = Path(__file__).parents[2] / path
    spec = importlib.util.spec_from_file_location(file.stem, file)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
