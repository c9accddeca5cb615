"""Every assignment under three secrets: references, common mistakes, invariants, and the solutions of its master."""

import json
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from elbo_coursework.questions import Assignment, Inputs, Question, all_close, instances, judge

ROOT = Path(__file__).parents[1]
SECRETS = ("seventeen grey herons", "a kettle, half full", "0x5eed")
NAMES = sorted(path.stem for path in (ROOT / "assignments").glob("*.ipynb"))
ASSIGNMENTS: list[Assignment] = [import_module(f"elbo_coursework.assignments.{name}").ASSIGNMENT for name in NAMES]
QUESTIONS = [pytest.param(a, q, id=f"{a.name}-{q.name}") for a in ASSIGNMENTS for q in a.questions]
MISTAKES = [
    pytest.param(a, q, i, id=f"{a.name}-{q.name}-{mistake.name}")
    for a in ASSIGNMENTS
    for q in a.questions
    for i, mistake in enumerate(q.mistakes)
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
def test_the_reference_earns_everything_and_breaks_no_invariant(
    assignment: Assignment, question: Question, secret: str
) -> None:
    assert all(v.credit == 1 and not v.hint for v in earned(assignment, question, question.reference, secret))


@pytest.mark.parametrize(("assignment", "question"), QUESTIONS)
def test_the_solution_in_the_master_earns_everything(assignment: Assignment, question: Question, secret: str) -> None:
    function = solutions(assignment.name)[question.name]
    verdicts = earned(assignment, question, function, secret)
    assert [v.credit for v in verdicts] == [1.0] * question.instances, verdicts


@pytest.mark.parametrize(("assignment", "question", "index"), MISTAKES)
def test_a_mistake_earns_its_credit_and_its_own_hint(
    assignment: Assignment, question: Question, index: int, secret: str
) -> None:
    mistake, recognised = question.mistakes[index], []
    for inputs in drawn(assignment.name, question, secret):
        answer = mistake.answer(**inputs)
        verdict = judge(question, inputs, answer)
        if verdict.credit == 1:
            assert all_close(answer, question.reference(**inputs), question.tolerance)
            continue
        first = next(s for s in question.mistakes if all_close(answer, s.answer(**inputs), question.tolerance))
        assert (verdict.credit, verdict.hint) == (first.credit, first.hint)
        recognised.append(first.name)
    assert mistake.name in recognised


@pytest.mark.parametrize(("assignment", "question"), QUESTIONS)
def test_nothing_a_wrong_shape_and_nan_earn_nothing_and_are_told(
    assignment: Assignment, question: Question, secret: str
) -> None:
    for inputs in drawn(assignment.name, question, secret):
        reference = question.reference(**inputs)
        for bad, message in (
            (None, "got nothing"),
            (np.ones((2, 3, 1, 1)), "Expected"),
            (_spoilt(reference), "Expected"),
        ):
            verdict = judge(question, inputs, bad)
            assert verdict.credit == 0
            assert message in verdict.hint


def _spoilt(reference: Any) -> Any:
    """The reference with NaN in place of its numbers."""
    if isinstance(reference, dict):
        return {key: _spoilt(value) for key, value in reference.items()}
    return np.nan if isinstance(reference, (str, bool)) else np.full(np.shape(reference), np.nan)


@pytest.mark.parametrize(("assignment", "question"), QUESTIONS)
def test_wrong_numbers_are_told_something_and_the_invariant_holds_for_the_reference(
    assignment: Assignment, question: Question, secret: str
) -> None:
    rng = np.random.default_rng(1)
    for inputs in drawn(assignment.name, question, secret):
        reference = question.reference(**inputs)
        assert question.invariant(reference, **inputs) is None
        verdict = judge(question, inputs, _moved(reference, rng))
        assert verdict.credit < 1
        assert verdict.hint


def _moved(reference: Any, rng: np.random.Generator) -> Any:
    if isinstance(reference, dict):
        return {key: _moved(value, rng) for key, value in reference.items()}
    if isinstance(reference, (str, bool)):
        return not reference if isinstance(reference, bool) else f"not {reference}"
    return np.nan_to_num(np.asarray(reference, float), posinf=3.0, neginf=-3.0) + rng.uniform(0.1, 0.9)


@pytest.mark.parametrize("assignment", ASSIGNMENTS, ids=NAMES)
def test_the_master_asks_what_the_assignment_asks(assignment: Assignment, secret: str) -> None:
    text = "\n".join("".join(cell["source"]) for cell in cells(assignment.name))
    assert assignment.points == 100
    for question in (*assignment.questions, *assignment.manual):
        assert f"name: {question.name}\npoints: {question.points}\n" in text
    for rubric in (w.rubric for w in assignment.manual):
        assert all(f"{points} point{'s'[: points - 1]}: {earns}" in text for earns, points in rubric.items())
