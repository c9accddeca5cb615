"""From the master to a grade: Otter's loop on public instances, and this package's on secret ones."""

import json
import os
import subprocess
import sys

import nbformat
import pytest
from examples import load

import elbo_coursework as coursework

SEEDS = ["spring", "autumn", "7"]
build = load("coursework/scripts/build_assignments.py")


def otter(archive, notebook, out):
    """The points that Otter gives the questions in code, and the most it could."""
    out.mkdir()
    command = [sys.executable, "-m", "otter", "run", "-a", str(archive), "-o", str(out), "--no-logo", str(notebook)]
    subprocess.run(command, cwd=out, env=build.environment(), check=True, capture_output=True)
    tests = json.loads((out / "results.json").read_text())["tests"]
    scored = [test for test in tests if "max_score" in test]
    return sum(test["score"] for test in scored), sum(test["max_score"] for test in scored)


@pytest.fixture(
    scope="module", params=["surgery", *(pytest.param(n, marks=pytest.mark.full) for n in coursework.NAMES[1:])]
)
def built(request, tmp_path_factory):
    return build.build(request.param, tmp_path_factory.mktemp("built"), "spring")


def test_otter_gives_the_solution_all_points_and_the_stub_none(built, tmp_path):
    assignment = coursework.assignment(built.name)
    most = sum(question.points for question in assignment.questions)
    for kind, earned in (("staff", most), ("student", 0)):
        assert otter(built / "otter.zip", built / kind / f"{built.name}.ipynb", tmp_path / kind) == (earned, most)


@pytest.mark.parametrize("seed", SEEDS)
def test_secret_instances_give_the_solution_all_points_and_the_stub_none(built, seed):
    assignment = coursework.assignment(built.name)
    full = coursework.grade(built / "staff" / f"{built.name}.ipynb", assignment, seed)
    assert full.notes == ()
    assert full.earned == full.points == sum(question.points for question in assignment.questions)
    stub = coursework.grade(built / "student" / f"{built.name}.ipynb", assignment, seed)
    assert (stub.notes, stub.earned) == ((), 0)


def test_the_zip_for_gradescope_grades(built, tmp_path):
    subprocess.run(
        [sys.executable, "-m", "zipfile", "-e", str(built / "gradescope.zip"), str(tmp_path / "source")], check=True
    )
    for name in ("results", "submission"):
        (tmp_path / name).mkdir()
    notebook = (built / "staff" / f"{built.name}.ipynb").read_text()
    (tmp_path / "submission" / "mine.ipynb").write_text(notebook)
    paths = [str(tmp_path / "source"), str(tmp_path / "source" / "coursework")]
    package = {
        "PYTHONPATH": os.pathsep.join(paths),
        "AUTOGRADER": str(tmp_path),
        "PYTHON": sys.executable,
    }
    subprocess.run(["bash", str(tmp_path / "source" / "run_autograder")], env=os.environ | package, check=True)
    results = json.loads((tmp_path / "results" / "results.json").read_text())
    assert results["score"] == sum(question.points for question in coursework.assignment(built.name).questions)
    assert "spring" not in json.dumps(results)


def test_a_stub_that_differs_by_more_than_the_answer_is_found(tmp_path):
    def write(name, source):
        cells = [nbformat.v4.new_code_cell(source)]
        nbformat.write(nbformat.v4.new_notebook(cells=cells), tmp_path / name)
        return tmp_path / name

    solution = write("a.ipynb", "def f(x):\n    # BEGIN SOLUTION\n    y = x\n    return y\n    # END SOLUTION")
    assert build.differences(write("b.ipynb", "def f(x):\n    ..."), solution) == []
    (message,) = build.differences(write("c.ipynb", "def f(x, y):\n    ..."), solution)
    assert message.startswith("a cell differs from the solution by more than its answer: 'def f(x, y)")


def test_the_sample_class_shows_what_it_promises(built, tmp_path, monkeypatch):
    sample = load("coursework/scripts/sample_class.py")
    monkeypatch.setattr(sample, "BUILT", built.parent)
    sample.write(built.name, tmp_path / "class", len(sample.SAMPLES))
    assignment, limits = coursework.assignment(built.name), coursework.Limits(cpu_per_call=1, wall_clock_factor=30)
    grades = coursework.grade_folder(
        tmp_path / "class", assignment, "spring", tmp_path / "out", limits=limits, progress=False
    )
    first = {g.submission[4:]: " ".join([*g.notes, *(g.questions[0].hints if g.questions else ())]) for g in grades}
    lost = {g.submission[4:]: g.points - g.earned for g in grades if g.questions}
    assert lost.pop("solution") == 0
    assert (first.pop("solution"), lost.pop("untouched")) == ("", grades[0].points)
    assert {name for name, value in lost.items() if value == 0} == set()
    assert {name for name, value in lost.items() if value == grades[0].points} == {"no-notebook"}
    for name, message in {
        "crashes": "The code raised ZeroDivisionError: division by zero, in line 2 of",
        "endless": "The code ran longer than 1 s.",
        "eats-memory": "The code used more than 2 GiB of memory.",
        "ends-itself": "The code tried to end its process.",
        "imports-the-answer": "which does the work of this question.",
        "learnt-by-heart": "The code raised KeyError",
        "no-notebook": "expected a notebook",
        "opens-a-socket": "imports socket, which grading does not allow",
        "returns-text": "got 'forty-two'",
        "untouched": "is the function written",
        "writes-a-file": "uses open, which grading does not allow.",
        "writes-by-numpy": "uses .tofile, which grading does not allow.",
    }.items():
        assert message in first[name], name
    known = {mistake.name for question in assignment.questions for mistake in question.mistakes}
    found = {mistake for graded in grades for question in graded.questions for mistake in question.mistakes}
    assert set(sample.MISTAKES.values()) & known <= found
