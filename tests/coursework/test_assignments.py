"""Every assignment: its truth, its slips, its laws, and the answers in its master notebook, under three secrets."""

import json
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from companion.coursework.questions import Assignment, Inputs, Question, equal, instances, judge

ROOT = Path(__file__).parents[2]
SECRETS = ("seventeen grey herons", "a kettle, half full", "0x5eed")
NAMES = sorted(path.stem for path in (ROOT / "assignments").glob("*.ipynb"))
ASSIGNMENTS: list[Assignment] = [import_module(f"companion.coursework.{name}").ASSIGNMENT for name in NAMES]
QUESTIONS = [pytest.param(a, q, id=f"{a.name}-{q.name}") for a in ASSIGNMENTS for q in a.questions]
SLIPS = [
    pytest.param(a, q, i, id=f"{a.name}-{q.name}-{slip.name}")
    for a in ASSIGNMENTS
    for q in a.questions
    for i, slip in enumerate(q.slips)
]
pytestmark = pytest.mark.parametrize("secret", SECRETS)


@cache
def cells(name: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads((ROOT / "assignments" / f"{name}.ipynb").read_text())["cells"]
    return found


@cache
def solutions(name: str) -> dict[str, Any]:
    """What the solution cells of a master define: the cells with functions of the questions, and the imports."""
    names: dict[str, Any] = {}
    for cell in cells(name):
        source = "".join(cell["source"])
        if cell["cell_type"] == "code" and ("BEGIN SOLUTION" in source or source.startswith("import")):
            exec(compile(source, f"{name}.ipynb", "exec"), names)
    return names


@cache
def drawn(name: str, question: Question, secret: str) -> list[Inputs]:
    return instances(name, question, secret)


def earned(assignment: Assignment, question: Question, function: Any, secret: str) -> list[Any]:
    return [judge(question, inputs, function(**inputs)) for inputs in drawn(assignment.name, question, secret)]


@pytest.mark.parametrize(("assignment", "question"), QUESTIONS)
def test_the_truth_earns_everything_and_breaks_no_law(assignment: Assignment, question: Question, secret: str) -> None:
    assert all(v.credit == 1 and not v.hint for v in earned(assignment, question, question.truth, secret))


@pytest.mark.parametrize(("assignment", "question"), QUESTIONS)
def test_the_solution_in_the_master_earns_everything(assignment: Assignment, question: Question, secret: str) -> None:
    function = solutions(assignment.name)[question.name]
    verdicts = earned(assignment, question, function, secret)
    assert [v.credit for v in verdicts] == [1.0] * question.instances, verdicts


@pytest.mark.parametrize(("assignment", "question", "index"), SLIPS)
def test_a_slip_earns_its_credit_and_its_own_hint(
    assignment: Assignment, question: Question, index: int, secret: str
) -> None:
    slip, told = question.slips[index], []
    for inputs in drawn(assignment.name, question, secret):
        answer = slip.answer(**inputs)
        verdict = judge(question, inputs, answer)
        if verdict.credit == 1:
            assert equal(answer, question.truth(**inputs), question.tolerance)
            continue
        first = next(s for s in question.slips if equal(answer, s.answer(**inputs), question.tolerance))
        assert (verdict.credit, verdict.hint) == (first.credit, first.hint)
        told.append(first.name)
    assert slip.name in told


@pytest.mark.parametrize(("assignment", "question"), QUESTIONS)
def test_nothing_a_wrong_shape_and_nan_earn_nothing_and_are_told(
    assignment: Assignment, question: Question, secret: str
) -> None:
    for inputs in drawn(assignment.name, question, secret):
        truth = question.truth(**inputs)
        for bad, told in ((None, "got nothing"), (np.ones((2, 3, 1, 1)), "Expected"), (_spoilt(truth), "Expected")):
            verdict = judge(question, inputs, bad)
            assert verdict.credit == 0
            assert told in verdict.hint


def _spoilt(truth: Any) -> Any:
    """The truth with NaN in place of its numbers."""
    if isinstance(truth, dict):
        return {key: _spoilt(value) for key, value in truth.items()}
    return np.nan if isinstance(truth, (str, bool)) else np.full(np.shape(truth), np.nan)


@pytest.mark.parametrize(("assignment", "question"), QUESTIONS)
def test_wrong_numbers_are_told_something_and_the_law_is_silent_on_the_truth(
    assignment: Assignment, question: Question, secret: str
) -> None:
    rng = np.random.default_rng(1)
    for inputs in drawn(assignment.name, question, secret):
        truth = question.truth(**inputs)
        assert question.law(truth, **inputs) is None
        verdict = judge(question, inputs, _moved(truth, rng))
        assert verdict.credit < 1
        assert verdict.hint


def _moved(truth: Any, rng: np.random.Generator) -> Any:
    if isinstance(truth, dict):
        return {key: _moved(value, rng) for key, value in truth.items()}
    if isinstance(truth, (str, bool)):
        return not truth if isinstance(truth, bool) else f"not {truth}"
    return np.nan_to_num(np.asarray(truth, float), posinf=3.0, neginf=-3.0) + rng.uniform(0.1, 0.9)


@pytest.mark.parametrize("assignment", ASSIGNMENTS, ids=NAMES)
def test_the_master_asks_what_the_assignment_asks(assignment: Assignment, secret: str) -> None:
    text = "\n".join("".join(cell["source"]) for cell in cells(assignment.name))
    assert assignment.points == 100
    for question in (*assignment.questions, *assignment.written):
        assert f"name: {question.name}\npoints: {question.points}\n" in text
    for rubric in (w.rubric for w in assignment.written):
        assert all(f"{points} point{'s'[: points - 1]}: {earns}" in text for earns, points in rubric.items())
