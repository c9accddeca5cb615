"""The page for instructors tells what the grading does."""

import re
import shlex
from pathlib import Path

import pytest
from examples import load

from elbo_coursework import NAMES, Limits, assignment
from elbo_coursework.__main__ import parser

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "book" / "coursework.md").read_text()
tables = load("site/coursework_tables.py")


@pytest.mark.parametrize("name", NAMES)
def test_every_recognised_mistake_is_listed(name):
    mistakes = [(q, mistake) for q in assignment(name).questions for mistake in q.mistakes]
    lines = tables.mistakes(name)[2:]
    assert len(lines) == len(mistakes)
    for line, (question, mistake) in zip(lines, mistakes, strict=True):
        cells = [re.sub(r"\\(.)", r"\1", cell).strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
        assert cells == [f"`{question.name}`", mistake.name, f"{mistake.credit:.0%}", mistake.hint]
    assert f"```{{common-mistakes}} {name}\n" in PAGE


def test_every_assignment_is_listed_with_its_points():
    lines = tables.assignments()[2:]
    assert [line.split("`")[1] for line in lines] == list(NAMES)
    for line, found in zip(lines, map(assignment, NAMES), strict=True):
        minutes, code, hand = (int(cell) for cell in line.split("|")[3:6])
        assert (minutes, code + hand) == (found.minutes, found.points)
        assert hand == sum(question.points for question in found.manual)
        assert f"\n| `{found.name}` | {{doc}}`" in PAGE


def test_the_limits_told_are_those_in_force():
    limits = Limits()
    message = (
        f"ran longer than {limits.cpu_per_call:g} s of processor time or used more than {limits.memory // 2**30} GiB"
    )
    assert message in " ".join(PAGE.split())


def test_the_commands_are_there():
    targets = set(re.findall(r"^([a-z-]+):.*##", (ROOT / "Makefile").read_text(), re.M))
    assert set(re.findall(r"(?:^|`)make ([a-z-]+)", PAGE, re.M)) <= targets


def test_the_commands_of_the_package_can_be_called_as_written():
    text = re.sub(r"\\\n\s*", " ", PAGE)
    found = [shlex.split(line) for line in re.findall(r"python -m elbo_coursework ([^`\n]*)", text)]
    assert found
    for arguments in found:
        parser().parse_args(arguments)
