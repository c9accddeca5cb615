"""A class is graded whole, whatever is in it, and goes on after a stop."""

import csv
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from examples import SOLUTION, STUB, TINY, notebook, script

import elbo_coursework
from elbo_coursework import Limits, batch, feedback, grade_folder

LIMITS = Limits(cpu_per_call=1, cpu_total=3, wall_clock_factor=30)
ANSWER = "return -float(np.sum(p * np.log(p)))"
RUN = f"""
import sys
sys.path[:0] = [{str(Path(__file__).parent)!r}, {str(Path(elbo_coursework.__file__).parents[1])!r}]
from examples import TINY
from elbo_coursework import grade_folder
grade_folder(sys.argv[1], TINY, "spring", sys.argv[2], jobs=2, progress=False)
"""


@pytest.fixture
def folder(tmp_path):
    """A class: files, folders as learning platforms export them, and trouble."""
    folder = tmp_path / "class"
    for name in ("lin_1234_assignsubmission_file", "two", "none", "__MACOSX", "maya"):
        (folder / name).mkdir(parents=True)
    for name in (b"m\xfc.py", b"\xfc.py"):
        (folder / "none" / os.fsdecode(name)).write_text("")
    notebook(folder / "ada.ipynb", *SOLUTION.split("\n\n"))
    script(folder / "bob.py", STUB)
    script(folder / "ada.py", SOLUTION.replace("np.log(", "np.log2("))
    script(folder / "eve.py", SOLUTION.replace(ANSWER, "while True: pass"))
    script(folder / "=1+1.py", SOLUTION.replace(ANSWER, "return open('/etc/passwd').read()"))
    script(folder / "broken.ipynb", "{")
    script(folder / "notes.txt", "not a submission")
    script(folder / "RAÚL.PY", SOLUTION.replace(ANSWER, "raise ValueError('\\ud800')"))
    (folder / os.fsdecode(b"m\xfcller.py")).write_text(SOLUTION)
    (folder / "mallory.py").symlink_to("/etc/passwd")
    notebook(folder / "lin_1234_assignsubmission_file" / "homework.ipynb", SOLUTION)
    script(folder / "__MACOSX" / "x.py", "")
    for name in ("tiny.ipynb", "other.ipynb"):
        notebook(folder / "maya" / name, SOLUTION if name == "tiny.ipynb" else "")
        notebook(folder / "two" / name.replace("tiny", "third"), SOLUTION)
    return folder


EARNED = {"=1+1": 4, "ada": 10, "ada.py": 7, "bob": 0, "broken": 0, "eve": 4, "lin_1234_assignsubmission_file": 10}
EARNED |= {"notes.txt": 0, "RAÚL": 4, "m\\xfcller": 10}
EARNED |= {"maya": 10, "none": 0, "two": 0}


def test_a_class_is_graded_whole(folder, tmp_path):
    out = tmp_path / "out"
    grades = grade_folder(folder, TINY, "spring", out, jobs=2, limits=LIMITS, progress=False)
    assert {graded.submission: graded.earned for graded in grades} == EARNED
    notes = {graded.submission: " ".join(graded.notes) for graded in grades if graded.notes}
    assert notes["two"] == "Expected one notebook or script, found other.ipynb, third.ipynb."
    assert notes["none"] == "Expected one notebook or script, found m\udcfc.py, \udcfc.py."
    assert "broken.ipynb is none" in notes["broken"]
    assert notes["notes.txt"] == "Expected a notebook or script, found notes.txt."
    rows = list(csv.DictReader((out / "grades.csv").read_text().splitlines()))
    assert {row["submission"].lstrip("'"): float(row["code"]) for row in rows} == EARNED
    assert rows[0]["submission"] == "'=1+1"
    assert [row["entropy"] for row in rows if row["submission"].startswith("ada")] == ["6.0", "3.0"]
    assert rows[0]["why (of 2, manual)"] == ""
    assert {path.stem for path in (out / "records").iterdir()} == {p.stem for p in (out / "feedback").iterdir()}
    summary = (out / "summary.html").read_text()
    assert "<td>entropy</td><td>in bits</td><td>1</td>" in summary
    assert "<td>entropy</td><td>4</td><td>2.1</td><td>6</td>" in summary
    assert "ran longer than 1 s." in (out / "feedback" / "eve.html").read_text()


def test_feedback_escapes_and_gradescope_reads_it(tmp_path):
    path = script(tmp_path / "a.py", SOLUTION.replace(ANSWER, "raise ValueError('<script>')"))
    graded = batch.grade_and_store("a", path, TINY, "spring", tmp_path / "out")
    page = (tmp_path / "out" / "feedback" / "a.html").read_text()
    assert "&lt;script&gt;" in page
    assert "<script" not in page
    assert "a: <strong>4</strong> of 10 points" in page
    results = feedback.gradescope_results(TINY, graded)
    assert (results["score"], results["output"]) == (4, "4 of 10 points.")
    assert [(test["score"], test["max_score"]) for test in results["tests"]] == [(0, 6), (4, 4)]
    assert results["tests"][0]["output"].startswith("0 of 3 instances are right.\nThe code raised ValueError: <script>")


def test_a_record_is_kept_until_what_it_depends_on_changes(tmp_path, monkeypatch):
    made = []
    monkeypatch.setattr(
        batch, "grade", lambda path, *rest, **named: made.append(path.name) or real(path, *rest, **named)
    )
    folder, out = tmp_path / "class", tmp_path / "out"
    folder.mkdir()
    script(folder / "ada.py", STUB)
    script(folder / "bob.py", STUB)
    for seed, expected in (("spring", ["ada.py", "bob.py"]), ("spring", []), ("autumn", ["ada.py", "bob.py"])):
        made.clear()
        grade_folder(folder, TINY, seed, out, progress=False)
        assert made == expected
    script(folder / "bob.py", SOLUTION)
    (out / "records" / "ada.json").write_text("{")
    made.clear()
    assert [graded.earned for graded in grade_folder(folder, TINY, "autumn", out, progress=False)] == [0, 10]
    assert made == ["ada.py", "bob.py"]


real = batch.grade


def test_a_file_that_cannot_be_read_any_more_is_noted(tmp_path):
    path = script(tmp_path / "a.py", SOLUTION)
    assert batch.grade_and_store("a", path, TINY, "spring", tmp_path / "out").earned == 10
    path.unlink()
    graded = batch.grade_and_store("a", path, TINY, "spring", tmp_path / "out")
    assert (graded.earned, graded.key) == (0, "")
    assert "FileNotFoundError" in graded.notes[0]


def test_where_grading_fails_the_others_are_graded(tmp_path, monkeypatch):
    def fail(path, *rest, **named):
        if path.name == "ada.py":
            raise RuntimeError("no such luck")
        return real(path, *rest, **named)

    monkeypatch.setattr(batch, "grade", fail)
    script(tmp_path / "ada.py", SOLUTION)
    script(tmp_path / "bob.py", SOLUTION)
    first, second = grade_folder(tmp_path, TINY, "spring", tmp_path / "out", progress=False)
    assert first.notes == ("Grading failed and has to be looked at: RuntimeError: no such luck",)
    assert second.earned == 10
    monkeypatch.undo()
    assert grade_folder(tmp_path, TINY, "spring", tmp_path / "out", progress=False)[0].earned == 10


def test_a_batch_killed_half_way_loses_nothing(tmp_path):
    folder, out = tmp_path / "class", tmp_path / "out"
    folder.mkdir()
    for i in range(8):
        script(folder / f"student{i}.py", SOLUTION + f"# {i}\n")
    command = [sys.executable, "-c", RUN, str(folder), str(out)]
    running = subprocess.Popen(command, start_new_session=True)
    while running.poll() is None and len(list((out / "records").glob("*.json"))) < 2:
        time.sleep(0.01)
    os.killpg(running.pid, signal.SIGKILL)
    assert running.wait() == -signal.SIGKILL
    before = {path: path.stat().st_mtime_ns for path in (out / "records").glob("*.json")}
    kept = {path: json.loads(path.read_text()) for path in before}
    assert len(before) >= 2
    assert not (out / "grades.csv").exists()
    subprocess.run(command, check=True)
    assert len(list((out / "records").glob("*.json"))) == 8
    assert [float(row["code"]) for row in csv.DictReader((out / "grades.csv").read_text().splitlines())] == [10] * 8
    assert {path: json.loads(path.read_text()) for path in before} == kept


def test_bad_arguments(tmp_path):
    with pytest.raises(ValueError, match="folder: expected notebooks, scripts or folders of them, found none in"):
        grade_folder(tmp_path, TINY, "spring", tmp_path / "out")
    with pytest.raises(ValueError, match="jobs: expected at least 1, got 0"):
        grade_folder(tmp_path, TINY, "spring", tmp_path / "out", jobs=0)
