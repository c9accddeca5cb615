"""From the master to a grade: what students get, what they hand in, and what comes of it, also on Gradescope."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
from pathlib import Path

import pytest
from examples import load
from machine import available, best

import elbo_coursework as coursework
from elbo_coursework import confinement
from elbo_coursework.submissions import Submission

SEEDS = ["spring", "autumn", "7"]
build = load("coursework/scripts/build_assignments.py")
sample = load("coursework/scripts/sample_class.py")


@pytest.fixture(
    scope="module", params=["surgery", *(pytest.param(n, marks=pytest.mark.full) for n in coursework.NAMES[1:])]
)
def built(request, tmp_path_factory):
    return build.build(request.param, tmp_path_factory.mktemp("built"), "spring")


@pytest.mark.usefixtures("forked")
@pytest.mark.parametrize("seed", SEEDS)
def test_secret_instances_give_the_solution_all_points_and_the_stub_none(built, seed):
    assignment = coursework.assignment(built.name)
    solution, stub = (Submission.of_file(built / kind / f"{built.name}.ipynb") for kind in ("staff", "student"))
    full = coursework.grade(solution, assignment, seed, isolated=best())
    assert full.notes == ()
    assert full.earned == full.points == sum(question.points for question in assignment.questions)
    none = coursework.grade(stub, assignment, seed, isolated=best())
    assert (none.notes, none.earned) == ((), 0)


# A student's notebook in which one function attacks and another is right.
ATTACK = """
import os
import time

def joint_and_marginals(**named):
    words = []
    for path in PATHS:
        try:
            with open(path) as file:
                words.append(file.read())
        except OSError:
            continue
    if not words:
        try:
            child = os.fork()
        except OSError:
            child = 1
        if child == 0:
            try:
                os.setsid()
                if os.fork() == 0:
                    for _ in range(2000):
                        try:
                            with open(RESULTS, "w") as file:
                                file.write('{"score": 1000}')
                        except OSError:
                            pass
                        time.sleep(0.05)
            finally:
                os._exit(0)
    raise ValueError(str(words))
"""


@pytest.fixture
def autograder():
    """A folder as Gradescope has it, which every user may enter."""
    place = Path(tempfile.mkdtemp())
    place.chmod(0o755)
    for name in ("results", "submission", "source"):
        (place / name).mkdir()
    yield place
    shutil.rmtree(place)


def unpack(place):
    build.gradescope("surgery", "spring", place / "gradescope.zip")
    assert (place / "gradescope.zip").stat().st_mode & 0o077 == 0
    with zipfile.ZipFile(place / "gradescope.zip") as archive:
        archive.extractall(place / "source")
    (place / "gradescope.zip").unlink()


def run_autograder(place, levels):
    """Run the script as Gradescope does, and return what it wrote, and what it said."""
    paths = [str(place / "source"), str(place / "source" / "coursework")]
    package = {"PYTHONPATH": os.pathsep.join(paths), "AUTOGRADER": str(place), "PYTHON": sys.executable}
    command = ["bash", "-c", "umask 077; . " + str(place / "source" / "run_autograder")]
    kept = os.environ | package | ({"LEVELS": levels} if levels else {})
    done = subprocess.run(command, env=kept, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads((place / "results" / "results.json").read_text()), done.stdout + done.stderr


def levels():
    return [level for level in ("full", "user") if available(level)]


@pytest.mark.parametrize("level", ["", *levels()])
def test_on_gradescope_an_attack_earns_nothing_and_reaches_nothing(autograder, level):
    unpack(autograder)
    results = autograder / "results" / "results.json"
    others = [autograder / "source" / "seed.txt", autograder / "submission" / "mine.py", results]
    others += sorted((autograder / "source" / "coursework").rglob("surgery.py"))
    assert len(others) == 4
    source = ATTACK.replace("PATHS", repr([str(path) for path in others])).replace("RESULTS", repr(str(results)))
    (autograder / "submission" / "mine.py").write_text(source)
    found, said = run_autograder(autograder, level)
    before = results.read_bytes()
    assert found["score"] == 0
    assert "ValueError: []" in found["tests"][0]["output"]
    assert "spring" not in results.read_text() + said
    time.sleep(1.5)
    assert results.read_bytes() == before
    for name in ("source", "submission", "results"):
        assert (autograder / name).stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("built", ["surgery"], indirect=True)
def test_on_gradescope_a_solution_has_all_points(built, autograder):
    unpack(autograder)
    shutil.copy(built / "staff" / "surgery.ipynb", autograder / "submission" / "My own name.ipynb")
    found, said = run_autograder(autograder, "")
    assert found["score"] == sum(question.points for question in coursework.assignment("surgery").questions)
    assert "spring" not in json.dumps(found) + said


@pytest.mark.full
def test_the_sample_class_shows_what_it_promises(built, tmp_path, monkeypatch):
    monkeypatch.setattr(sample, "BUILT", built.parent)
    sample.write(built.name, tmp_path / "class", len(sample.SAMPLES))
    assignment, limits = coursework.assignment(built.name), coursework.Limits(cpu_per_call=1, cpu_total=3)
    grades = coursework.grade_folder(
        tmp_path / "class", assignment, "spring", tmp_path / "out", jobs=2, limits=limits, isolation=best()
    )
    first = {g.submission[4:]: " ".join([*g.notes, *(g.questions[0].hints if g.questions else ())]) for g in grades}
    lost = {g.submission[4:]: g.points - g.earned for g in grades if g.questions}
    assert (lost.pop("solution"), first.pop("solution")) == (0, "")
    assert lost.pop("untouched") == grades[0].points
    assert {name for name, value in lost.items() if value == 0} == set()
    assert {name for name, value in lost.items() if value == grades[0].points} == {"no-notebook"}
    for name, message in WORDS.items():
        assert message in first[name], name
    known = {mistake.name for question in assignment.questions for mistake in question.mistakes}
    found = {mistake for graded in grades for question in graded.questions for mistake in question.mistakes}
    assert set(sample.MISTAKES.values()) & known <= found


WORDS = {
    "crashes": "The code raised ZeroDivisionError: division by zero, in line 2 of",
    "endless": "The code ran longer than 1 s.",
    "eats-memory": "The code used more than 2 GiB of memory.",
    "ends-itself": "The code tried to end its process.",
    "imports-the-answer": "grading has no companion, as it holds the answers",
    "learnt-by-heart": "The code raised",
    "no-notebook": "The file cannot be read: it is no notebook.",
    "returns-text": "got a text of 9 characters",
    "untouched": "is the function written",
}


def test_the_options_for_this_machine_are_those_that_it_has(capsys, monkeypatch):
    root = os.geteuid() == 0
    assert sample.flags() == f"--isolation {best().level}{' --allow-root' if root else ''}"
    capsys.readouterr()
    monkeypatch.setattr(confinement, "refusal", lambda level: "no process may")
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert sample.flags() == "--isolation none"
    said = capsys.readouterr().err
    assert said.count("no process may") == 2
    assert said.splitlines()[-1].endswith("no real one should be")
