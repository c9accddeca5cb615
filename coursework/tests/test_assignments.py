"""Every assignment under three secrets: references, common mistakes, invariants, and the solutions of its master.

Of every master also: that it says what its assignment says, and what students get of it.
"""

import re
from copy import deepcopy
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any, ClassVar

import matplotlib.pyplot as plt
import nbformat
import numpy as np
import pytest
from examples import load

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
WITH_SECRETS = pytest.mark.parametrize("secret", SECRETS)
ALL = pytest.mark.parametrize("assignment", ASSIGNMENTS, ids=NAMES)
build = load("coursework/scripts/build_assignments.py")


@cache
def master(name: str) -> Any:
    return nbformat.read(ROOT / "assignments" / f"{name}.ipynb", as_version=4)


@cache
def solutions(name: str) -> dict[str, Any]:
    """What the solution cells of a master define: the cells with functions of the questions, and the imports."""
    asked = next(a for a in ASSIGNMENTS if a.name == name)
    wanted = tuple(f"def {question.name}(" for question in asked.questions)
    names: dict[str, Any] = {}
    for cell in build.code_cells(master(name)):
        if any(start in cell.source for start in wanted) or cell.source.startswith("import"):
            exec(compile(cell.source, f"{name}.ipynb", "exec"), names)
    return names


@cache
def drawn(name: str, question: Question, secret: str) -> list[Inputs]:
    return instances(name, question, secret)


def earned(assignment: Assignment, question: Question, function: Any, secret: str) -> list[Any]:
    return [judge(question, inputs, function(**inputs)) for inputs in drawn(assignment.name, question, secret)]


@WITH_SECRETS
@pytest.mark.parametrize(("assignment", "question"), QUESTIONS)
def test_the_reference_earns_everything_and_breaks_no_invariant(
    assignment: Assignment, question: Question, secret: str
) -> None:
    assert all(v.credit == 1 and not v.hint for v in earned(assignment, question, question.reference, secret))


@WITH_SECRETS
@pytest.mark.parametrize(("assignment", "question"), QUESTIONS)
def test_the_solution_in_the_master_earns_everything(assignment: Assignment, question: Question, secret: str) -> None:
    function = solutions(assignment.name)[question.name]
    verdicts = earned(assignment, question, function, secret)
    assert [v.credit for v in verdicts] == [1.0] * question.instances, verdicts


@WITH_SECRETS
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
        assert (verdict.credit, verdict.hint) == (first.credit, first.told)
        recognised.append(first.name)
    assert mistake.name in recognised


@WITH_SECRETS
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


@WITH_SECRETS
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


@ALL
def test_the_master_asks_what_the_assignment_asks(assignment: Assignment) -> None:
    assert build.disagreements(master(assignment.name), assignment) == []
    assert assignment.points == 100
    assert 40 <= sum(question.points for question in assignment.manual) <= 50


SLIPS = {
    "minutes": (r"\*\*Time\*\* \d+", "**Time** 7", "expected '**Time** "),
    "points in code": (r"\(10 points\)\n", "(11 points)\n", ": expected ' (10 points)\\n' in its section"),
    "points in words": (r"\(7 points\)\n", "(8 points)\n", ": expected ' (7 points)\\n' in its section"),
    "no mark of a question": (
        r"<!-- question: rate -->\n",
        "",
        "rate: expected '<!-- question: rate -->\\n## ' in its",
    ),
    "no mark of an answer": (r"<!-- answer: batches -->\n", "", "batches: expected '<!-- answer: batches -->\\n## '"),
    "two marks": (r"<!-- answer: batches -->", "<!-- answer: drawers -->", "drawers: expected '<!-- answer: drawers"),
    "rubric": (r"- 4 points: the identity", "- 3 points: the identity", 'batches: expected "- 4 points: the identity'),
    "no check": (r'check\(rate, "surgery"\)', "", "rate: expected 'check(rate, "),
    "check of another": (r'check\(rate, "surgery"\)', 'check(rate, "toy")', "rate: expected 'check(rate, "),
    "one hint": (r"<summary>Hint 2: ", "<summary>", ": expected '<summary>Hint 2: ' in its section"),
}


@pytest.mark.parametrize(("pattern", "instead", "message"), SLIPS.values(), ids=list(SLIPS))
def test_a_master_that_says_otherwise_is_found(pattern: str, instead: str, message: str) -> None:
    slipped = deepcopy(master("surgery"))
    for cell in slipped.cells:
        cell.source = re.sub(pattern, instead, cell.source)
    assert any(message in sentence for sentence in build.disagreements(slipped, ASSIGNMENTS[NAMES.index("surgery")]))


@ALL
def test_a_student_gets_stubs_and_nothing_of_the_solution(assignment: Assignment) -> None:
    handed, whole = build.student(master(assignment.name)), master(assignment.name).cells
    code, text = ("\n".join(c.source for c in handed.cells if c.cell_type == kind) for kind in ("code", "markdown"))
    for question in assignment.questions:
        (cell,) = [cell for cell in handed.cells if f"def {question.name}(" in cell.source]
        assert cell.source.rstrip().endswith("\n    ...")
    answers = "\n".join(
        re.findall(r"# BEGIN SOLUTION\n(.*?)# END SOLUTION", "\n".join(c.source for c in whole), re.DOTALL)
    )
    assert not [line for line in map(str.strip, answers.splitlines()) if len(line) > 30 and line in code]
    words = [cell.source for cell in whole if cell.source.startswith("<!-- solution -->")]
    assert not [line for part in words for line in part.splitlines() if len(line) > 60 and line in text]
    assert len(words) == len(assignment.manual)
    assert not re.search(r"otter|SOLUTION|<!-- solution", code + text)


@ALL
def test_a_students_notebook_runs_to_its_end_before_anything_is_written(
    assignment: Assignment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("elbo_coursework.check", lambda function, name: None)
    monkeypatch.setattr(plt, "show", lambda: None)
    plt.close("all")
    names: dict[str, Any] = {}
    for cell in build.code_cells(build.student(master(assignment.name))):
        brief = cell.source.replace(
            'STEPS = "digits", 500\n', 'STEPS = "digits", 5\n'
        )  # how far its models are trained says nothing here
        exec(compile(brief, f"{assignment.name}.ipynb", "exec"), names)
    assert names.get("STEPS", 5) == 5
    plt.close("all")


def test_the_clones_address_goes_into_the_notebooks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITHUB_REPOSITORY", "someone/somewhere")
    text = "\n".join(cell.source for cell in build.student(master("surgery")).cells)
    assert "# !git clone --quiet --depth 1 https://github.com/someone/somewhere book\n" in text
    assert build.ADDRESS not in text
    assert build.ADDRESS in "\n".join(cell.source for cell in master("surgery").cells)


class FakeClient:
    """Runs a notebook by counting."""

    runs: ClassVar[list[str]] = []

    def __init__(self, notebook: Any, **_options: Any) -> None:
        self.notebook = notebook

    def execute(self, **_given: Any) -> None:
        self.runs.append(self.notebook.cells[0].source)


def test_a_notebook_is_run_again_where_it_or_a_package_has_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(build, "NotebookClient", FakeClient)
    monkeypatch.setattr(build, "ROOT", tmp_path)
    monkeypatch.setattr(FakeClient, "runs", [])
    (tmp_path / "companion").mkdir()
    package, path = tmp_path / "companion" / "a.py", tmp_path / "a.ipynb"

    def shown(source: str, code: str, earlier: Any) -> Any:
        package.write_text(code)
        nbformat.write(nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source)]), path)
        build.show(path, earlier)
        assert source in path.with_suffix(".html").read_text()
        return nbformat.read(path, as_version=4)

    first = shown("one", "x = 1", None)
    second = shown("one", "x = 1", first)
    assert FakeClient.runs == ["one"]
    third = shown("two", "x = 1", second)
    shown("two", "x = 2", third)
    assert FakeClient.runs == ["one", "two", "two"]
