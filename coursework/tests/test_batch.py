"""A class is graded whole, whatever is in it, and goes on after a stop; its records cannot be forged."""

import csv
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import replace
from multiprocessing.pool import ThreadPool
from pathlib import Path

import pytest
from examples import HALF, SOLUTION, STUB, TINY, notebook, script
from machine import available, best, flags

import companion
import elbo_coursework
from companion.locks import BusyError, locked
from elbo_coursework import Assignment, Limits, batch, confinement, grade_folder, records
from elbo_coursework.grading import Grade, QuestionGrade, cache_key

LIMITS = Limits(cpu_per_call=1, cpu_total=3)
ANSWER = "return -float(np.sum(p * np.log(p)))"
ONE = Assignment("tiny", "A small one", 5, (HALF,))
PATHS = [str(Path(module.__file__).parents[1]) for module in (companion, elbo_coursework)]
RUN = f"""
import sys
sys.path[:0] = {[str(Path(__file__).parent), *PATHS]!r}
from examples import TINY
from machine import best
from elbo_coursework import grade_folder
grade_folder(sys.argv[1], TINY, "spring", sys.argv[2], jobs=2, isolation=best(), progress=False)
"""


def grade_class(folder, out, assignment=ONE, seed="spring", **options):
    return grade_folder(folder, assignment, seed, out, isolation=best(), progress=False, **options)


def stored(out):
    return {path.stem: json.loads(path.read_text()) for path in (out / "records").glob("*.json")}


@pytest.fixture
def two(tmp_path):
    """A class of two, and a place for the results."""
    folder = tmp_path / "class"
    folder.mkdir()
    script(folder / "ada.py", SOLUTION)
    script(folder / "bob.py", STUB)
    return folder, tmp_path / "out"


@pytest.fixture
def made(monkeypatch):
    """The names of those that are graded anew, by a grade that takes no time: the solution has all points."""
    names = []

    def grade(submission, assignment, seed, **options):
        names.append(submission.name)
        if submission.problem:
            return batch.zero_grade(submission, assignment, submission.problem)
        earned = 6.0 if SOLUTION.encode() in submission.content else 0.0
        question = QuestionGrade("entropy", 6, earned, 3 if earned else 0, 3, {} if earned else {"It's wrong.": 3})
        key, manual = cache_key(submission, assignment, seed), {q.name: q.points for q in assignment.manual}
        named = {"submission": submission.name, "assignment": assignment.name, "file": submission.file, "key": key}
        return Grade(**named, handed_in=submission.handed_in, questions=(question,), manual=manual)

    monkeypatch.setattr(batch, "grade", grade)
    return names


def test_a_class_is_graded_whole(tmp_path):
    folder, out = tmp_path / "class", tmp_path / "out"
    folder.mkdir()
    notebook(folder / "ada.ipynb", *SOLUTION.split("\n\n"))
    script(folder / "bob.py", STUB)
    script(folder / "cleo.py", SOLUTION.replace("np.log(", "np.log2("))
    script(folder / "dan.py", SOLUTION.replace(ANSWER, "while True: pass"))
    script(folder / "=1+1.py", SOLUTION.replace(ANSWER, "raise ValueError('<script>\\ud800')"))
    earned = {"=1+1": 4, "ada": 10, "bob": 0, "cleo": 7, "dan": 4}
    grades = grade_class(folder, out, TINY, jobs=2, limits=LIMITS)
    assert {graded.submission: graded.earned for graded in grades} == earned
    assert {name: record["earned"] for name, record in stored(out).items()} == earned
    assert json.loads((out / "assignment.json").read_text())["assignment"] == "tiny"
    assert out.stat().st_mode & 0o777 == 0o700
    rows = list(csv.DictReader((out / "grades.csv").read_text(encoding="utf-8-sig").splitlines()))
    assert {row["submission"].lstrip("'") for row in rows} == set(earned)


def test_a_record_is_kept_until_what_it_depends_on_changes(two, made):
    folder, out = two
    for seed, expected in (("spring", ["ada", "bob"]), ("spring", []), ("autumn", ["ada", "bob"])):
        made.clear()
        assert [graded.notes for graded in grade_class(folder, out, seed=seed)] == [(), ()]
        assert made == expected
    script(folder / "bob.py", SOLUTION)
    made.clear()
    assert [graded.earned for graded in grade_class(folder, out, seed="autumn")] == [6, 6]
    assert made == ["bob"]


FORGERIES = {
    "points": lambda record: record["questions"][0].update(earned=6.0),
    "no code": lambda record: (record["questions"][0].update(earned=6.0), record.pop("mac")),
    "another code": lambda record: record.update(mac="0" * 64),
    "a note": lambda record: record["notes"].append("full points, see my e-mail"),
    "a key": lambda record: record.update(key="0" * 32),
    "a kind": lambda record: record.update(questions={}),
}


@pytest.mark.parametrize("forge", FORGERIES.values(), ids=FORGERIES)
def test_a_forged_record_is_graded_anew_and_told(two, made, forge):
    folder, out = two
    grade_class(folder, out)
    path = out / "records" / "bob.json"
    record = json.loads(path.read_text())
    honest = path.read_text()
    forge(record)
    path.write_text(json.dumps(record))
    made.clear()
    ada, bob = grade_class(folder, out)
    assert (made, ada.notes, bob.notes, bob.earned) == (["bob"], (), (records.CHANGED,), 0)
    assert grade_class(folder, out)[1].notes == (records.CHANGED,)
    assert made == ["bob"]
    again = json.loads(path.read_text()) | {"notes": []}
    assert records.sealed(again, "spring") == json.loads(honest)


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"mac": 3}', "[" * 10**5])
@pytest.mark.usefixtures("made")
def test_a_record_that_is_none_is_graded_anew_and_told(two, text):
    folder, out = two
    grade_class(folder, out)
    (out / "records" / "ada.json").write_text(text)
    ada, bob = grade_class(folder, out)
    assert (ada.earned, ada.notes, bob.notes) == (6, (records.CHANGED,), ())


def test_another_ones_record_is_no_help(two, made):
    folder, out = two
    grade_class(folder, out)
    (out / "records" / "bob.json").write_bytes((out / "records" / "ada.json").read_bytes())
    made.clear()
    assert [graded.earned for graded in grade_class(folder, out)] == [6, 0]
    assert made == ["bob"]
    (out / "records" / "bob.json").unlink()
    (out / "records" / "bob.json").symlink_to(out / "records" / "ada.json")
    assert grade_class(folder, out)[1].earned == 0
    assert json.loads((out / "records" / "ada.json").read_text())["earned"] == 6


@pytest.mark.usefixtures("made")
def test_a_record_of_nobody_counts_only_if_it_is_sealed(two):
    folder, out = two
    grade_class(folder, out)
    honest = json.loads((out / "records" / "bob.json").read_text())
    (out / "records" / "eve.json").write_text(json.dumps(honest | {"submission": "eve"}))
    (folder / "bob.py").unlink()
    grade_class(folder, out)
    assert batch.aside(out) == ["eve"]
    assert set(stored(out)) == {"ada", "bob"}
    rows = csv.DictReader((out / "grades.csv").read_text(encoding="utf-8-sig").splitlines())
    assert {row["submission"] for row in rows} == {"ada", "bob"}
    grade_class(folder, out, seed="autumn")
    assert batch.aside(out) == ["bob", "eve"]


def test_a_code_is_that_of_the_rest_under_the_secret():
    first = records.sealed({"b": 1, "a": [2.5, "é"]}, "spring")
    assert records.sealed({"a": [2.5, "é"], "b": 1, "mac": "x"}, "spring") == first
    assert re.fullmatch("[0-9a-f]{64}", first["mac"])
    others = [records.sealed({"b": 1, "a": [2.5, "e"]}, "spring"), records.sealed({"b": 1, "a": [2.5, "é"]}, "autumn")]
    assert len({first["mac"], *(other["mac"] for other in others)}) == 3
    assert "spring" not in json.dumps(first)


@pytest.mark.usefixtures("made")
def test_marks_by_hand_are_kept_over_reruns(two):
    folder, out = two
    grade_class(folder, out, TINY)
    marks = "when,who,submission,question,points,comment,why,rubric\n2026-01-01T00:00,me,ada,why,2,good,,\n"
    (out / "marks.csv").write_text(marks)
    notebook(folder / "late.ipynb", SOLUTION)
    assert [graded.submission for graded in grade_class(folder, out, TINY)] == ["ada", "bob", "late"]
    assert (out / "marks.csv").read_text() == marks
    rows = csv.DictReader((out / "grades.csv").read_text(encoding="utf-8-sig").splitlines())
    assert [row[next(name for name in row if name.startswith("why"))] for row in rows] == ["2.0", "", ""]


@pytest.mark.usefixtures("made")
def test_a_folder_says_whose_it_is_and_no_other_is_overwritten(two, tmp_path, monkeypatch):
    folder, out = two
    grade_class(folder, out)
    before = stored(out)
    with pytest.raises(ValueError, match=r"out: expected a folder of other's, and .*out is tiny's"):
        grade_class(folder, out, replace(ONE, name="other"))
    with pytest.raises(ValueError, match=r"out: expected a new folder or one that grading tiny made, and .* something"):
        grade_class(folder, folder)
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "assignment.json").write_text("{")
    with pytest.raises(ValueError, match=r"assignment\.json cannot be read"):
        grade_class(folder, tmp_path / "broken")
    assert stored(out) == before
    assert sorted(path.name for path in folder.iterdir()) == ["ada.py", "bob.py"]
    monkeypatch.chdir(tmp_path)
    grade_class(folder, None)
    assert set(stored(tmp_path / "graded" / "tiny")) == {"ada", "bob"}


@pytest.mark.parametrize("error", [RuntimeError("no such\x1b[31m luck"), MemoryError(), RecursionError("deep")])
@pytest.mark.usefixtures("made")
def test_where_grading_fails_the_others_are_graded(two, monkeypatch, error):
    folder, out = two
    real = batch.grade

    def fail(submission, *rest, **named):
        if submission.name == "bob":
            raise error
        return real(submission, *rest, **named)

    with monkeypatch.context() as patched:
        patched.setattr(batch, "grade", fail)
        ada, bob = grade_class(folder, out, jobs=2)
    assert ada.earned == 6
    (note,) = bob.notes
    assert note.startswith(f"Grading failed and has to be looked at: {type(error).__name__}")
    assert "\x1b" not in note
    assert set(stored(out)) == {"ada", "bob"}
    assert grade_class(folder, out)[1].notes == ()


@pytest.mark.usefixtures("made")
def test_a_file_that_cannot_be_read_any_more_is_noted(two, monkeypatch):
    folder, out = two
    grade_class(folder, out)
    real = batch.find

    def find(*given):
        found = real(*given)
        (folder / "ada.py").unlink()
        return found

    monkeypatch.setattr(batch, "find", find)
    ada, _ = grade_class(folder, out)
    assert (ada.earned, ada.notes) == (0, ("ada.py cannot be read: No such file or directory.",))


def test_a_batch_killed_half_way_gives_the_same_records(tmp_path):
    folder, out = tmp_path / "class", tmp_path / "out"
    folder.mkdir()
    for i in range(8):
        script(folder / f"student{i}.py", (SOLUTION if i % 2 else STUB) + f"# {i}\n")
    running = subprocess.Popen([sys.executable, "-c", RUN, str(folder), str(out)], start_new_session=True)
    while running.poll() is None and len(list((out / "records").glob("*.json"))) < 2:
        time.sleep(0.01)
    os.killpg(running.pid, signal.SIGKILL)
    assert running.wait() == -signal.SIGKILL
    before = {path: path.stat().st_mtime_ns for path in (out / "records").glob("*.json")}
    kept = stored(out)
    assert 2 <= len(kept) < 8
    assert not (out / "grades.csv").exists()
    (out / "marks.csv").write_text("submission,question,points\n")
    for place in (out, tmp_path / "whole"):
        subprocess.run([sys.executable, "-c", RUN, str(folder), str(place)], check=True)
    assert stored(out) == stored(tmp_path / "whole")
    assert {name: record["earned"] for name, record in stored(out).items()} == {
        f"student{i}": 10 if i % 2 else 0 for i in range(8)
    }
    assert {name: record for name, record in stored(out).items() if name in kept} == kept
    assert len(before) == len(kept)
    assert (out / "marks.csv").read_text() == "submission,question,points\n"


def test_what_is_left_before_its_end_begins_nothing_more():
    begun, goes = [], threading.Event()

    def work(name):
        begun.append(name)
        if name == "b":
            raise OSError("no space left")
        if name == "c":
            goes.wait(30)
        return name

    done = batch.side_by_side(work, list("abcdef"), 1)
    assert next(done) == "a"
    with pytest.raises(OSError, match="no space left"):
        next(done)
    assert begun == ["a", "b"]
    left = batch.side_by_side(work, list("acdef"), 1)
    assert next(left) == "a"
    left.close()
    goes.set()
    time.sleep(0.2)
    assert begun in (["a", "b", "a"], ["a", "b", "a", "c"])
    assert sorted(batch.side_by_side(work, list("acdef"), 3)) == list("acdef")


def test_a_second_grade_is_told_in_one_sentence_and_writes_nothing(two):
    """Of two threads, as of two processes, one holds the folder of results."""
    folder, out = two
    batch.claim(out, ONE)
    with locked(out / ".lock"), ThreadPool(1) as other:
        with pytest.raises(BusyError, match=f"^{out}: another process is at work there: wait until it has ended, or"):
            other.apply(grade_class, (folder, out))
        assert sorted(path.name for path in out.iterdir()) == [".lock", "assignment.json"]
    assert len(grade_class(folder, out)) == 2
    assert not (out / ".lock").exists()


def test_results_that_are_deleted_while_a_class_is_graded_are_not_begun_anew(two, made, monkeypatch):
    folder, out = two
    monkeypatch.setattr(
        batch.records, "read", lambda *given: shutil.rmtree(out, ignore_errors=True) or batch.records.Kept()
    )
    with pytest.raises(ValueError, match=f"^{out}: the folder was deleted while it was graded into: call again"):
        grade_class(folder, out)
    assert not out.exists()


def children(pid):
    """The processes that a process started, and that these started."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            number, parent = int(path.parent.name), int(path.read_text().rpartition(")")[2].split()[1])
        except (OSError, ValueError):
            continue
        if parent == pid:
            found += [number, *children(number)]
    return found


def test_control_c_ends_all_at_once_and_the_next_call_goes_on(tmp_path):
    folder, out = tmp_path / "class", tmp_path / "out"
    folder.mkdir()
    script(folder / "ada.py", "def joint_and_marginals():\n    return 1\n")
    script(folder / "bob.py", "import time\ndef joint_and_marginals(**named):\n    time.sleep(100)\n")
    (tmp_path / "seed.txt").write_text("spring")
    os.chmod(tmp_path / "seed.txt", 0o600)
    command = [sys.executable, "-m", "elbo_coursework", "grade", str(folder), "--assignment", "surgery", *flags()]
    command += ["--seed-file", str(tmp_path / "seed.txt"), "--out", str(out)]
    paths = {"PYTHONPATH": os.pathsep.join(PATHS)}
    running = subprocess.Popen(command, env=os.environ | paths, stderr=subprocess.PIPE, text=True)
    until = time.monotonic() + 60
    while not (out / "records" / "ada.json").exists() and time.monotonic() < until:
        time.sleep(0.05)
    started = children(running.pid)
    assert started
    running.send_signal(signal.SIGINT)
    _, said = running.communicate(timeout=20)
    assert running.returncode == 130
    assert said.splitlines()[-1] == "elbo_coursework: stopped; grade goes on where it was when called again"
    time.sleep(1)
    assert [pid for pid in started if Path(f"/proc/{pid}").exists() and not ended(pid)] == []
    assert set(stored(out)) == {"ada"}


def ended(pid):
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"


@pytest.mark.usefixtures("forked")
def test_most_of_a_class_with_another_assignment_is_a_hint(tmp_path):
    surgery, toy = map(elbo_coursework.assignment, ("surgery", "toy"))
    folder = tmp_path / "class"
    folder.mkdir()
    answers = "".join(f"def {question.name}(**named):\n    return 1\n" for question in toy.questions)
    for name in ("ada", "bob"):
        script(folder / f"{name}.py", answers)
    script(folder / "cleo.py", "x = 1\n")
    grades = grade_class(folder, tmp_path / "out", surgery)
    words = f"{len(toy.questions)} functions are named after those of toy"
    assert [words in " ".join(graded.notes) for graded in grades] == [True, True, False]
    expected = "2 of 3 submissions answer toy, and not surgery: is --assignment toy meant?"
    assert batch.hint(grades, surgery) == expected
    assert batch.hint(grade_class(folder, tmp_path / "out", surgery), surgery) == expected
    assert batch.hint(grades[1:], surgery) == ""
    assert batch.hint([], surgery) == ""


@pytest.fixture
def open_place():
    """A folder into which every user may look."""
    place = Path(tempfile.mkdtemp())
    place.chmod(0o755)
    yield place
    shutil.rmtree(place)


def test_what_others_can_read_is_named(open_place):
    seed = script(open_place / "seed.txt", "spring")
    seed.chmod(0o644)
    with pytest.raises(ValueError, match=f"seed-file: expected .* call chmod go-rwx {seed}"):
        batch.closed(seed, "seed-file")
    with pytest.raises(ValueError, match=f"PATH: expected .* call chmod 700 {open_place}"):
        batch.closed(open_place, "PATH")
    seed.chmod(0o640)
    batch.closed(seed, "seed-file")
    seed.chmod(0o644)
    open_place.chmod(0o750)
    batch.closed(seed, "seed-file")


def test_bad_arguments(tmp_path, monkeypatch):
    with pytest.raises(ValueError, match="folder: expected notebooks, scripts or folders of them, found none in"):
        grade_class(tmp_path, tmp_path / "out")
    with pytest.raises(ValueError, match="jobs: expected at least 1, got 0"):
        grade_class(tmp_path, tmp_path / "out", jobs=0)
    assert not (tmp_path / "out").exists()
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    with pytest.raises(ValueError, match="--allow-root"):
        grade_folder(tmp_path, TINY, "spring", tmp_path / "out")


@pytest.mark.usefixtures("forked")
def test_a_grade_says_the_same_after_it_was_stored(two):
    folder, out = two
    for graded in grade_class(folder, out, TINY):
        kept = records.read(out / "records" / f"{graded.submission}.json", "spring")
        assert kept.grade == graded
        assert isinstance(kept.grade, Grade)


if available("user"):  # the superuser

    def test_another_user_can_neither_read_a_class_nor_write_a_record(open_place):
        folder, out = open_place / "class", open_place / "out"
        folder.mkdir(mode=0o700)
        other = script(folder / "other.py", STUB)
        script(folder / "ada.py", SOLUTION.replace(ANSWER, f"open({str(out / 'x')!r}, 'w')\n    {ANSWER}"))
        script(folder / "bob.py", f"def entropy(p):\n    return open({str(other)!r}).read()\n")
        isolation = confinement.isolation("user", allow_root=True)
        ada, bob, _ = grade_folder(folder, ONE, "spring", out, isolation=isolation, progress=False)
        assert (ada.earned, bob.earned, (out / "x").exists()) == (0, 0, False)
        assert ["PermissionError" in " ".join(graded.questions[0].hints) for graded in (ada, bob)] == [True, True]
