"""An honest answer earns all that it is due, however it is written; the notebook's check says what grading does."""

import argparse
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from examples import HALF, TINY
from forms import FORMS, NUMPY, PLAIN, notebook_text
from machine import best

import elbo_coursework
from elbo_coursework import Assignment, Limits, checking, confinement, grade
from elbo_coursework.inside import reading
from elbo_coursework.submissions import Submission

ONE = Assignment("tiny", "A small one", 5, (HALF,))
TESTS = Path(__file__).parent
BODY = "-np.sum(p * np.log(p))"
#: What the kernel has and grading has not: cells, and what both should say.
REFUSED = {
    "a library": (
        ["import yaml\nimport numpy as np", f"def entropy(p):\n    return yaml.safe_load('1') * {BODY}"],
        "The code needs what cell 1, line 1 should have made, and that raised ModuleNotFoundError: No module named "
        "'yaml'; grading has Python's own library, numpy, scipy, torch, matplotlib, pandas and the scripts handed in "
        "beside the notebook.",
    ),
    "companion": (
        ["from companion.exact import tables", "def entropy(p):\n    return tables.entropy(p)"],
        "The code needs what cell 1, line 1 should have made, and that raised ModuleNotFoundError: No module named "
        "'companion'; grading has no companion, as it holds the answers.",
    ),
    "a file": (
        [
            NUMPY,
            "_ = open('sign.txt', 'w').write('1')",
            f"def entropy(p):\n    return float(open('sign.txt').read()) * {BODY}",
        ],
        "The code raised FileNotFoundError: [Errno 2] No such file or directory: 'sign.txt', in line 2 of entropy in "
        "cell 3; grading has the notebook and the scripts beside it, and no other file: write the numbers into a cell.",
    ),
    "a file by its whole path": (
        [NUMPY, "PATH = 'FOLDER/sign.txt'", f"def entropy(p):\n    return float(open(PATH).read()) * {BODY}"],
        "The code raised FileNotFoundError: [Errno 2] No such file or directory: 'FOLDER/sign.txt', in line 2 of "
        "entropy in cell 3; grading has the notebook and the scripts beside it, and no other file: write the numbers "
        "into a cell.",
    ),
    "a constant from a file": (
        [
            NUMPY,
            "_ = np.save('sign.npy', 1.0)",
            "sign = np.load('sign.npy')",
            f"def entropy(p):\n    return sign * {BODY}",
        ],
        "The code needs what cell 3, line 1 should have made, and that raised FileNotFoundError: [Errno 2] No such "
        "file or directory: 'sign.npy'; grading has the notebook and the scripts beside it, and no other file: write "
        "the numbers into a cell.",
    ),
    "a thread": (
        [
            NUMPY + "\nfrom concurrent.futures import ThreadPoolExecutor",
            "def entropy(p):\n    with ThreadPoolExecutor(1) as pool:\n        "
            "return -sum(pool.map(lambda x: x * np.log(x), p))",
        ],
        "The code raised RuntimeError: can't start new thread, in line 3 of entropy in cell 2; an answer has neither "
        "network nor threads nor other programs.",
    ),
    "another program": (
        [NUMPY + "\nimport os", f"def entropy(p):\n    os.fork() or os._exit(0)\n    return {BODY}"],
        "The code raised BlockingIOError: [Errno 11] Resource temporarily unavailable, in line 2 of entropy in cell 2; "
        "an answer has neither network nor threads nor other programs.",
    ),
}
DELETED = (
    "The code raised NameError: name 'sign' is not defined, in line 2 of entropy in cell 2; no cell that Python can "
    "read gives it a value, so look whether one was deleted, renamed or moved."
)


def graded(cells, level="full", folder=""):
    text = notebook_text([cell.replace("RESTS", "1000").replace("FOLDER", folder) for cell in cells])
    isolated = confinement.isolation(level, allow_root=True)
    return grade(Submission("ada", "ada.ipynb", text.encode()), ONE, "spring", isolated=isolated)


def in_kernels(asked):
    """What a last cell with the check prints and raises, after the cells of each notebook."""
    text = json.dumps({name: [*cells, "check(entropy, TINY)"] for name, cells in asked.items()})
    command = [sys.executable, str(TESTS / "shells.py")]
    done = subprocess.run(command, input=text, capture_output=True, text=True, check=True)
    return dict(json.loads(line) for line in done.stdout.splitlines())


@pytest.fixture(scope="module")
def kernels(request):
    """The last cells of all forms that this module asks for, from one process; a cell of a page has no fixtures."""
    items = [item for item in request.session.items if "kernels" in getattr(item, "fixturenames", ())]
    wanted = [item.callspec.params["name"] for item in items]
    return in_kernels({name: [c.replace("RESTS", "0") for c in FORMS[name]] for name in wanted})


def some(rest):
    """The forms, of which one in ten is not for ``make test-full`` alone."""
    return [pytest.param(name, marks=[pytest.mark.full] if i % 10 != rest else []) for i, name in enumerate(FORMS)]


def test_there_are_many_forms():
    assert len(FORMS) >= 100


@pytest.mark.usefixtures("forked")
@pytest.mark.parametrize("name", FORMS)
def test_an_honest_form_earns_all_it_is_due(name):
    found = graded(FORMS[name]).questions[0]
    assert (found.hints, found.notes, found.earned, found.correct) == ({}, (), 6, 3)


@pytest.mark.parametrize("name", some(4))
def test_in_isolation_an_honest_form_earns_the_same(name):
    assert graded(FORMS[name], best().level).questions[0].earned == 6


@pytest.mark.parametrize("name", some(0))
def test_the_check_in_a_notebook_passes_an_honest_form(name, kernels):
    error, printed = kernels[name]["error"], kernels[name]["printed"]
    assert error == ""
    assert "entropy: 3 of 3 instances are right.\n" in printed  # after what the function itself shows


@pytest.mark.full
@pytest.mark.parametrize("name", FORMS)
def test_without_isolation_an_honest_form_earns_the_same(name):
    assert graded(FORMS[name], "none").questions[0].earned == 6


@pytest.mark.full
def test_an_ordinary_user_grades_honest_forms_as_the_superuser_does():
    source = (
        "import test_honest as t\n"
        "for name, cells in t.FORMS.items():\n"
        "    found = t.graded(cells).questions[0]\n"
        "    assert found.earned == 6, (name, found.hints)\n"
    )
    command = ["unshare", "--user", "--map-user=1000", "--map-group=1000", sys.executable, "-c", source]
    done = subprocess.run(command, cwd=TESTS, capture_output=True, text=True, check=False)
    if "unshare failed" in done.stderr:
        pytest.skip("this machine lets nobody have a user namespace")
    assert (done.returncode, done.stderr) == (0, "")


@pytest.fixture(scope="module")
def refused(tmp_path_factory):
    folder = tmp_path_factory.mktemp("student")
    (folder / "sign.txt").write_text("1")
    asked = {name: [cell.replace("FOLDER", str(folder)) for cell in cells] for name, (cells, _) in REFUSED.items()}
    cells = [NUMPY, f"def entropy(p):\n    return sign * {BODY}"]
    asked["a deleted cell"] = ["sign = 1", f"_ = open('ada.ipynb', 'w').write({notebook_text(cells)!r})", *cells]
    return str(folder), in_kernels(asked)


@pytest.mark.parametrize("name", [*REFUSED, "a deleted cell"])
def test_the_check_says_what_grading_says_of_a_form_that_it_cannot_run(name, refused):
    folder, told = refused
    cells, sentence = REFUSED.get(name, ([NUMPY, f"def entropy(p):\n    return sign * {BODY}"], DELETED))
    found = graded(cells, folder=folder).questions[0]
    sentence = sentence.replace("FOLDER", folder)
    assert (found.earned, found.hints) == (0, {sentence: 3})
    shown = re.sub(r"cell \[(\d+)\]", r"cell \1", told[name]["error"])
    assert shown == f"AssertionError: {checking.DIFFERS.format(sentence)}"
    assert told[name]["printed"].startswith("entropy: 0 of 3 instances are right.\n  Here it is right.")
    assert (checking.SAVED.format("ada.ipynb") in told[name]["printed"]) == (name == "a deleted cell")


def read(path, monkeypatch, capsys, assignment=TINY):
    """What the command prints on a file."""
    monkeypatch.setattr(checking, "assignment", lambda name: assignment)
    parser = argparse.ArgumentParser()
    checking.add(parser.add_subparsers())
    options = parser.parse_args(["read", str(path), "--assignment", "tiny"])
    options.command(options)
    return capsys.readouterr().out


def test_the_command_says_how_a_notebook_will_be_read(tmp_path, monkeypatch, capsys):
    cells, sentence = REFUSED["a constant from a file"]
    path = tmp_path / "ada.ipynb"
    path.write_text(notebook_text([*cells, "def wrong(:", "from beside import moments"]))
    (tmp_path / "beside.py").write_text(
        "def moments(x, names):\n    return {'mean': x.mean(), 'letters': names.upper()}"
    )
    first, entropy, moments, words, receipt = read(path, monkeypatch, capsys).splitlines()
    assert first == "cell 5 is left out, as Python cannot read it: invalid syntax, line 1."
    assert entropy.split(maxsplit=1) == ["entropy", f"0 of 3 public instances are right. {sentence}"]
    right = "2 of 2 public instances are right. It needs beside.py: hand that in beside the notebook."
    assert moments.split(maxsplit=1) == ["moments", right]
    assert words.split(maxsplit=1) == ["why", "is empty: no text of yours, and no picture"]
    assert re.fullmatch(r"receipt: ada\.ipynb, \d+ bytes, SHA-256 [0-9a-f]{64}, read \d{4}-\S+", receipt)
    path.write_text("<!DOCTYPE html><p>Jupyter</p>")
    with pytest.raises(
        ValueError, match=r"NOTEBOOK: ada.ipynb cannot be read: it is a page of HTML: hand in the noteb"
    ):
        read(path, monkeypatch, capsys)


def test_the_command_says_that_an_earlier_mistake_is_charged_once(tmp_path, monkeypatch, capsys):
    path = tmp_path / "ada.py"
    path.write_text("def entropy(p):\n    return 0\n\ndef moments(x, names):\n    return entropy(x)\n")
    _, entropy, moments, *_ = ["", *read(path, monkeypatch, capsys).splitlines()]
    assert (checking.ONCE in entropy, checking.ONCE in moments) == (False, True)
    path.write_text("def entropy(p):\n    return 0\n")
    assert checking.ONCE not in read(path, monkeypatch, capsys)


MASTERS = sorted((TESTS.parent / "assignments").glob("*.ipynb"))


@pytest.mark.parametrize("master", MASTERS, ids=lambda path: path.stem)
def test_what_a_notebook_gives_is_no_text_of_a_student(master):
    notebook = json.loads(master.read_text())
    kept = [cell for cell in notebook["cells"] if not "".join(cell["source"]).startswith("<!-- solution")]
    found = reading.read(json.dumps(notebook | {"cells": kept}).encode()).answers
    assert len(found) == 3
    for pieces in found.values():
        texts = [text for kind, text in pieces if kind == "text"]
        assert texts
        assert [(text, number) for text in texts if (number := checking.letters_of(text))] == []


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("**What happened, and why.** It rose.", 8),
        ("**What happened, and why.** *Your answer.*\n\nIt rose.", 8),
        ("It rose.\nAnd fell.", 17),
        ("| each photograph twice | stays | rises | *?* |\n| --- | --- | --- | --- |", 10),
        ("**My prediction**, made before running the cell. Rate at t = 1/2: *0.2* of that at t = 1. Information about "
         "the class: *?*.", 5),
        ("*My report:*\n$D + R$ falls *slowly*.", 23),
        ("H(n|z) grows", 12),
    ],
)  # fmt: skip
def test_what_a_student_writes_is_counted(text, number):
    assert checking.letters_of(text) == number


def test_the_command_and_the_check_name_the_cell_that_takes_too_long(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(checking, "Limits", lambda: Limits(cpu_start=3, cpu_per_call=1))
    slow = "steps = 0\nwhile steps >= 0:\n    steps += 1"
    path = tmp_path / "ada.ipynb"
    path.write_text(notebook_text([NUMPY, slow, f"def entropy(p):\n    return (steps > 0) * {BODY}"]))
    entropy = read(path, monkeypatch, capsys, ONE).splitlines()[0]
    sentence = (
        "The code needs what cell 2, line 2 should have made, and that ran longer than 3 s: write what it finds into a "
        "cell, as numbers."
    )
    assert entropy.split(maxsplit=1) == ["entropy", f"0 of 3 public instances are right. {sentence}"]
    path.write_text(notebook_text([NUMPY, "def entropy(p):\n    while True: pass"]))
    entropy = read(path, monkeypatch, capsys, ONE).splitlines()[0]
    assert entropy.endswith("0 of 3 public instances are right. The code ran longer than 1 s.")


def test_the_check_tells_of_scripts_beside_and_of_a_file_that_is_not_saved():
    helper = "_ = open('beside.py', 'w').write('sign = 1')"
    answer = f"def entropy(p):\n    return sign * {BODY}"
    old = notebook_text([NUMPY, "def entropy(p):\n    return 0"])
    asked = {
        "helper": [helper, NUMPY + "\nfrom beside import sign", answer],
        "unsaved": [f"_ = open('ada.ipynb', 'w').write({old!r})", NUMPY, PLAIN],
        "wrong": [NUMPY, PLAIN.replace("np.log(", "np.log2(")],
    }
    told = in_kernels(asked)
    right = "entropy: 3 of 3 instances are right.\n"
    assert told["helper"]["printed"] == f"{right}  It needs beside.py: hand that in beside the notebook.\n"
    assert told["unsaved"]["printed"] == f"{right}  {checking.UNSAVED.format('ada.ipynb', 'entropy')}\n"
    assert told["wrong"]["error"].startswith("AssertionError: This is in bits. Since nothing else is wrong")


def as_script(source, tmp_path):
    """Run a script that checks its own answer."""
    path = tmp_path / "ada.py"
    path.write_text(source)
    return subprocess.run([sys.executable, str(path)], capture_output=True, text=True, check=False, cwd=tmp_path)


@pytest.mark.parametrize("answer", [PLAIN, "entropy = lambda p: -np.sum(p * np.log(p))"])
def test_the_check_in_a_script_reads_the_script(answer, tmp_path):
    head = f"import sys\nsys.path.insert(0, {str(TESTS)!r})\n"
    head += "from examples import TINY\nfrom elbo_coursework import check\n"
    done = as_script(f"{head}{NUMPY}\n{answer}\ncheck(entropy, TINY)\n", tmp_path)
    assert (done.stdout, done.stderr) == ("entropy: 3 of 3 instances are right.\n", "")
    made = answer.replace("entropy", "made")
    done = as_script(f"{head}{NUMPY}\n{made}\nglobals()['entropy'] = made\ncheck(entropy, TINY)\n", tmp_path)
    sentence = "The code gives entropy no value: define it on the level of a cell, by def or by =."
    assert done.stderr.splitlines()[-1] == f"AssertionError: {checking.DIFFERS.format(sentence)}"


def master():
    """The cells of code of the assignment *surgery*, with its solutions."""
    text = (TESTS.parent / "assignments" / "surgery.ipynb").read_text()
    return ["".join(cell["source"]) for cell in json.loads(text)["cells"] if cell["cell_type"] == "code"]


TIMED = """
import functools, time
calls = 0
def timed(function):
    def wrapper(*args):
        global calls
        calls += 1
        return function(*args)
    return wrapper
"""
REAL = {
    "solution": lambda cells: (cells, {}),
    "decorated": lambda cells: (
        [TIMED, *(c.replace("def ", "@timed\ndef ", 1) if c.startswith("def ") else c for c in cells)],
        {},
    ),
    "in one cell": lambda cells: (["from __future__ import annotations\n" + "\n\n".join(cells)], {}),
    "backwards": lambda cells: (cells[::-1], {}),
    "in a script beside": lambda cells: (
        ["from mine import *"],
        {"mine.py": "\n".join(c for c in cells if c.startswith(("def ", "import")) and "check(" not in c).encode()},
    ),
    "answers renamed": lambda cells: (
        [
            re.sub(r"\Adef (\w+)", r"def my_\1", c)
            + "".join(
                re.findall(r"\Adef (\w+)", c)[:1] and [f"\n\n{n} = my_{n}" for n in re.findall(r"\Adef (\w+)", c)[:1]]
            )
            for c in cells
        ],
        {},
    ),
}


@pytest.mark.usefixtures("forked")
@pytest.mark.parametrize("name", REAL)
def test_the_solution_of_an_assignment_earns_all_in_several_forms(name):
    cells, helpers = REAL[name](master())
    asked = elbo_coursework.assignment("surgery")
    sent = Submission("ada", "ada.ipynb", notebook_text(cells).encode(), helpers)
    found = grade(sent, asked, "spring", isolated=confinement.isolation("full", allow_root=True))
    assert [(q.earned, q.hints) for q in found.questions] == [(q.points, {}) for q in asked.questions]
    assert found.notes == ()
