"""A small assignment, and submissions to it."""

import importlib.util
import json
from pathlib import Path
from types import ModuleType

import numpy as np

from companion.coursework import Assignment, Question, Slip, Written
from companion.exact.tables import entropy


def draw(rng):
    return {"p": rng.dirichlet(np.ones(4))}


def law(answer, p):
    return f"An entropy is never negative, and yours is {answer:.3g}." if answer < 0 else None


def draw_pair(rng):
    return {"x": rng.normal(size=3), "names": "abc"}


HALF = Question(
    name="entropy",
    points=6,
    draw=draw,
    truth=lambda p: entropy(p),
    law=law,
    slips=(Slip("in bits", "This is in bits.", lambda p: entropy(p) / np.log(2), 0.5),),
    forbids=("companion.exact.tables", "scipy.stats", "scipy.special.entr"),
    instances=3,
)
PAIR = Question(
    name="moments",
    points=4,
    draw=draw_pair,
    truth=lambda x, names: {"mean": x.mean(), "letters": names.upper()},
    law=lambda answer, x, names: None,
    slips=(),
    forbids=(),
    instances=2,
)
TINY = Assignment("tiny", "A small one", 5, (HALF, PAIR), (Written("why", {"says why": 2}),))
SOLUTION = """
import numpy as np
from companion.coursework import check

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


def load(name: str, folder: str = "scripts") -> ModuleType:
    """The module of ``FOLDER/NAME.py``."""
    spec = importlib.util.spec_from_file_location(name, Path(__file__).parents[2] / folder / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
