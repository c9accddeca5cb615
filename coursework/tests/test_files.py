"""Files as they come: whose they are, which one counts, and that nobody is lost."""

import json
import os
import time
import unicodedata
import zipfile
from datetime import datetime
from pathlib import Path

import pytest
from examples import HALF, SOLUTION, STUB, TINY, notebook, script
from machine import best

from elbo_coursework import Assignment, grade_folder, sandbox
from elbo_coursework.exports import exported
from elbo_coursework.submissions import find, find_submissions
from elbo_coursework.text import file_name, listed, printable

ONE = Assignment("tiny", "A small one", 5, (HALF,))
WRONG = "import numpy as np\ndef entropy(p):\n    return 0.0 * p[0]\n"
USING = "from tools import plogp\n\ndef entropy(p):\n    return -float(plogp(p).sum())\n"
TOOLS = "import numpy as np\n\ndef plogp(p):\n    return p * np.log(p)\n"
UMLAUT = "# Müller\n" + SOLUTION
LONG = "a" * 200


def version3(path, source):
    cell = {"cell_type": "code", "input": source.splitlines(True), "outputs": [], "language": "python"}
    script(path, json.dumps({"worksheets": [{"cells": [cell]}], "metadata": {}, "nbformat": 3, "nbformat_minor": 0}))


def zipped(path, **members):
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in members.items():
            archive.writestr(name, text)


def with_bytes(path, content):
    path.write_bytes(content)


def text_of(tmp_path, source):
    """The text of a notebook with that source."""
    return notebook(tmp_path / "made", source).read_text()


#: What lies in the folder of the class, by its path: how it is made.
SHAPES = {
    "ada.ipynb": lambda path: notebook(path, SOLUTION),
    "bob.py": lambda path: script(path, SOLUTION),
    "CAPITALS.IPYNB": lambda path: notebook(path, SOLUTION),
    "text.ipynb.txt": lambda path: notebook(path, SOLUTION),
    "script.py.txt": lambda path: script(path, SOLUTION),
    "data.json": lambda path: notebook(path, SOLUTION),
    "version3.ipynb": lambda path: version3(path, SOLUTION),
    "utf16.ipynb": lambda path: with_bytes(path, text_of(path.parent.parent, UMLAUT).encode("utf-16")),
    "marked.ipynb": lambda path: with_bytes(path, text_of(path.parent.parent, UMLAUT).encode("utf-8-sig")),
    "latin.py": lambda path: with_bytes(path, b"# coding: latin-1\n" + UMLAUT.encode("latin-1")),
    "crlf.py": lambda path: with_bytes(path, SOLUTION.replace("\n", "\r\n").encode()),
    "packed.zip": lambda path: zipped(path, **{"work/mine.ipynb": text_of(path.parent.parent, SOLUTION)}),
    "copy/TINY (1).ipynb": lambda path: notebook(path, SOLUTION),
    "copy/draft.ipynb": lambda path: notebook(path, WRONG),
    "drafts/a.ipynb": lambda path: notebook(path, SOLUTION),
    "drafts/b.ipynb": lambda path: notebook(path, "print(1)"),
    "helped/mine.ipynb": lambda path: notebook(path, USING),
    "helped/tools.py": lambda path: script(path, TOOLS),
    "helped/notes.txt": lambda path: script(path, "It was fun."),
    "deep/to/hand/in/tiny.ipynb": lambda path: notebook(path, SOLUTION),
    "bare/homework": lambda path: notebook(path, SOLUTION),
    "both/tiny.ipynb": lambda path: notebook(path, SOLUTION),
    "both/tiny.py": lambda path: script(path, WRONG),
    "paper.pdf": lambda path: script(path, "%PDF"),
    "settings.json": lambda path: script(path, "{}"),
    "empty/.DS_Store": lambda path: script(path, ""),
    "void.ipynb": lambda path: script(path, ""),
    "cut.ipynb": lambda path: script(path, '{"cells": ['),
    "pipe.ipynb": os.mkfifo,
    "large.ipynb": lambda path: (script(path, "{"), os.truncate(path, 20 * 10**6 + 1)),
    "..ipynb": lambda path: notebook(path, SOLUTION),
    ".hidden/tiny.ipynb": lambda path: notebook(path, SOLUTION),
    "eva.ipynb": lambda path: notebook(path, SOLUTION),
    "eva.py": lambda path: script(path, WRONG),
    "Zoë.py": lambda path: script(path, SOLUTION),
    os.fsdecode(b"m\xfcller.py"): lambda path: script(path, SOLUTION),
    "two\nlines\x1b[2J.py": lambda path: script(path, SOLUTION),
    "\u202eyp.evil.py": lambda path: script(path, SOLUTION),
    "=1+1.py": lambda path: script(path, SOLUTION),
    f"{LONG}1.ipynb": lambda path: notebook(path, SOLUTION),
    f"{LONG}2.ipynb": lambda path: notebook(path, WRONG),
    f"{LONG}3.ipynb": lambda path: notebook(path, SOLUTION),
    "Ada Lovelace_12345_assignsubmission_file_mine.ipynb": lambda path: notebook(path, USING),
    "Ada Lovelace_12345_assignsubmission_file_tools.py": lambda path: script(path, TOOLS),
    "Bob_678_assignsubmission_file/mine.ipynb": lambda path: notebook(path, SOLUTION),
    "Bob_678_assignsubmission_onlinetext/onlinetext.html": lambda path: script(path, "<p>Hello"),
    "curiemarie_LATE_1234_5678_tiny-1.ipynb": lambda path: notebook(path, USING),
    "curiemarie_LATE_1234_5679_tools.py": lambda path: script(path, TOOLS),
    "11-22 - Emmy Noether - Oct 3, 2023 112 PM - tiny.ipynb": lambda path: notebook(path, SOLUTION),
    "11-22 - Emmy Noether - Oct 3, 2023 1012 AM - tiny.ipynb": lambda path: notebook(path, WRONG),
    "index.html": lambda path: script(path, "<html>"),
    "Tiny_gauss_attempt_2023-10-03-10-12-00_tiny.ipynb": lambda path: notebook(path, SOLUTION),
    "Tiny_gauss_attempt_2023-10-03-10-12-00.txt": lambda path: script(path, "Name: C. F. Gauss"),
    "__MACOSX/x.py": lambda path: script(path, SOLUTION),
    ".ipynb_checkpoints/x.ipynb": lambda path: notebook(path, SOLUTION),
    "__pycache__/x.py": lambda path: script(path, SOLUTION),
    ".DS_Store": lambda path: script(path, ""),
    "._ada.ipynb": lambda path: script(path, "Mac OS X"),
    "link.py": lambda path: path.symlink_to("/etc/passwd"),
}
#: By the name of each submission: the points of 6, and what its notes say.
TRUTH = {
    "ada": (6, ""),
    "bob": (6, ""),
    "CAPITALS": (6, ""),
    "text": (6, ""),
    "script": (6, ""),
    "data.json": (6, ""),
    "version3": (6, ""),
    "utf16": (6, ""),
    "marked": (6, ""),
    "latin": (6, ""),
    "crlf": (6, ""),
    "packed": (6, ""),
    "copy": (6, "TINY (1).ipynb was graded, of TINY (1).ipynb, draft.ipynb: it has the assignment's name."),
    "drafts": (
        6,
        "a.ipynb was graded, of a.ipynb, b.ipynb: it defines the most of the assignment's functions, 1 of",
    ),
    "helped": (6, "mine.ipynb was graded, of mine.ipynb, tools.py: it defines the most of the assignment's functions"),
    "deep": (6, ""),
    "bare": (6, ""),
    "both": (6, "tiny.ipynb was graded, of tiny.ipynb, tiny.py: it has the assignment's name."),
    "paper.pdf": (0, "Expected a notebook or script, found paper.pdf."),
    "settings.json": (0, "Expected a notebook or script, found settings.json."),
    "empty": (0, "Expected a notebook or script, found none."),
    "void": (0, "empty"),
    "cut": (0, "The file cannot be read"),
    "pipe": (0, "pipe.ipynb cannot be read: it is no plain file."),
    "large": (0, "large.ipynb cannot be read: it is larger than 20 MB."),
    "_.ipynb": (6, "Its name begins with a dot."),
    "_hidden": (6, "Its name begins with a dot."),
    "eva.ipynb": (6, ""),
    "eva.py": (0, ""),
    "Zoë": (6, ""),
    "m\\xfcller": (6, ""),
    "two\\x0alines\\x1b[2J": (6, ""),
    "\\u202eyp.evil": (6, ""),
    "=1+1": (6, ""),
    file_name(f"{LONG}1"): (6, ""),
    file_name(f"{LONG}2"): (0, ""),
    file_name(f"{LONG}3"): (6, ""),
    "Ada Lovelace_12345": (6, "mine.ipynb was graded, of mine.ipynb, tools.py"),
    "Bob_678": (6, ""),
    "curiemarie_1234": (6, "tiny-1.ipynb was graded, of tiny-1.ipynb, tools.py: it has the assignment's name."),
    "11-22 - Emmy Noether": (6, "This is the last of 2 attempts."),
    "gauss": (6, ""),
}


@pytest.fixture(scope="module")
def shapes(tmp_path_factory):
    folder = tmp_path_factory.mktemp("files") / "class"
    for name, make in SHAPES.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        make(path)
    return folder


@pytest.fixture(scope="module")
def graded(shapes, forks):
    given = {"jobs": 2, "isolation": best(), "progress": False}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sandbox, "started", forks.started)
        grades = grade_folder(shapes, ONE, "spring", shapes.parent / "out", **given)
    return {grade.submission: grade for grade in grades}


def test_every_submission_has_a_grade_and_a_record(shapes, graded):
    assert len(TRUTH) > 40
    assert set(graded) == set(TRUTH)
    records = {path.name for path in (shapes.parent / "out" / "records").iterdir()}
    assert records == {f"{name}.json" for name in TRUTH}
    assert all(len(name.encode()) <= 150 for name in graded)


@pytest.mark.parametrize("name", TRUTH)
def test_a_file_is_graded_as_it_deserves(graded, name):
    earned, note = TRUTH[name]
    assert graded[name].earned == earned, graded[name]
    notes = " ".join(graded[name].notes)
    assert note in notes
    assert bool(note) == bool(notes)


def test_the_file_is_told_as_found_and_when_it_came(shapes, graded):
    assert graded["copy"].file == "copy/TINY (1).ipynb"
    assert graded["deep"].file == "deep/to/hand/in/tiny.ipynb"
    changed = datetime.fromtimestamp((shapes / "ada.ipynb").stat().st_mtime)
    assert datetime.fromisoformat(graded["ada"].handed_in).replace(tzinfo=None) == changed.replace(microsecond=0)
    assert graded["11-22 - Emmy Noether"].handed_in.startswith("2023-10-03T13:12:00")
    assert graded["11-22 - Emmy Noether"].notes == ("This is the last of 2 attempts.",)
    assert graded["gauss"].handed_in.startswith("2023-10-03T10:12:00")


@pytest.mark.parametrize(
    ("name", "student", "file", "moment"),
    [
        ("Ada Lovelace_123_assignsubmission_file_a_b.ipynb", "Ada Lovelace_123", "a_b.ipynb", ""),
        ("Ada Lovelace_123_assignsubmission_file_", "Ada Lovelace_123", "", ""),
        ("lovelaceada_1234_5678_my_file.ipynb", "lovelaceada_1234", "my_file.ipynb", ""),
        ("lovelaceada_LATE_1234_5678_a.ipynb", "lovelaceada_1234", "a.ipynb", ""),
        ("1-2 - A. B - Jan 9, 2024 1205 AM - a - b.py", "1-2 - A. B", "a - b.py", "2024-01-09T00:05:00"),
        ("1-2 - A-B C - 3 October, 2023 912 PM", "1-2 - A-B C", "", "2023-10-03T21:12:00"),
        ("HW_1_ada99_attempt_2023-10-03-10-12-00_a.ipynb", "ada99", "a.ipynb", "2023-10-03T10:12:00"),
    ],
)
def test_the_names_of_platforms_are_understood(name, student, file, moment):
    found = exported(name)
    assert (found.student, found.file, found.handed_in[:19]) == (student, file, moment)


@pytest.mark.parametrize("name", ["ada_lovelace.ipynb", "tiny_2.ipynb", "ada_1_2_tiny.ipynb", "1-2 - Ada.ipynb"])
def test_other_names_are_no_platforms(name):
    assert exported(name) is None


def test_an_export_of_gradescope_says_when(tmp_path):
    export = tmp_path / "assignment_1_export"
    for i in (7, 8):
        (export / f"submission_{i}").mkdir(parents=True)
        notebook(export / f"submission_{i}" / "mine.ipynb", SOLUTION)
    (export / "submission_metadata.yml").write_text(
        "---\nsubmission_7:\n  :submitters:\n  - :name: Ada\n    :sid: '1'\n  :created_at: 2023-10-03 17:12:05.12 Z\n"
        "  :history:\n  - :created_at: 2022-01-01 00:00:00 Z\nsubmission_8:\n  :created_at: tomorrow\n"
    )
    first, second = find_submissions(tmp_path, TINY)
    assert (first.name, first.handed_in) == ("submission_7", "2023-10-03T17:12:05+00:00")
    assert datetime.fromisoformat(second.handed_in).tzinfo
    assert second.file == "assignment_1_export/submission_8/mine.ipynb"


def test_a_folder_of_one_student_is_no_class(tmp_path):
    for name in ("a.ipynb", "tiny.ipynb"):
        (tmp_path / "ada").mkdir(exist_ok=True)
        notebook(tmp_path / "ada" / name, SOLUTION)
    (found,) = find_submissions(tmp_path, TINY)
    assert (found.name, found.file) == ("ada", "ada/tiny.ipynb")


def test_of_equals_the_last_changed_counts_and_a_notebook_before_a_script(tmp_path):
    for i, name in enumerate(("c.ipynb", "b.ipynb", "a.ipynb", "d.py")):
        (tmp_path / "ada").mkdir(exist_ok=True)
        os.utime(notebook(tmp_path / "ada" / name, STUB), (10**9, 10**9 + (i == 1)))
    (found,) = find_submissions(tmp_path, TINY, lambda content, file, helpers: ["entropy"] * (file != "c.ipynb"))
    assert found.file == "ada/b.ipynb"
    (note,) = found.notes
    assert note.endswith("of those that define 1 of the assignment's 2 functions, it was changed last.")


@pytest.mark.parametrize(
    ("names", "right"),
    [
        (["a.ipynb", "TINY.ipynb", "tiny_2.ipynb"], "TINY.ipynb"),
        (["a.ipynb", "Tiny - Copy (2).ipynb", "my tiny.ipynb"], "Tiny - Copy (2).ipynb"),
        (["a.ipynb", "Ada-tiny_final.ipynb", "tinyer.ipynb"], "Ada-tiny_final.ipynb"),
        (["a.ipynb", "tiny.py", "tiny2.ipynb"], "tiny.py"),
        (["old/tiny.ipynb", "tiny.zip"], "old/tiny.ipynb"),
    ],
)
def test_the_name_nearest_to_the_assignments_counts(tmp_path, names, right):
    for i, name in enumerate(names):
        (tmp_path / "ada" / name).parent.mkdir(parents=True, exist_ok=True)
        os.utime(script(tmp_path / "ada" / name, STUB), (10**9, 10**9 + i))
    (found,) = find_submissions(tmp_path, TINY, lambda *given: ["entropy", "moments"])
    assert found.file == f"ada/{right}"
    assert found.notes[0].endswith(": it has the assignment's name.")


def test_names_that_some_system_takes_for_one_are_told_apart(tmp_path):
    names = ["ada.py", "ADA.py", "Zoe\u0308.py", "Zo\u00eb.py", "m\\xfc.py", os.fsdecode(b"m\xfc.py")]
    for name in names:
        script(tmp_path / name, STUB)
    found = [one.name for one in find(tmp_path)]
    assert len({unicodedata.normalize("NFC", name).casefold() for name in found}) == len(names)
    assert sum("~" in name for name in found) == 3


def test_a_thousand_files_are_found_soon(tmp_path):
    (tmp_path / "ada").mkdir()
    for i in range(1000):
        script(tmp_path / f"student{i:03}.py", STUB)
        script(tmp_path / "ada" / f"draft{i}.py", STUB)
    began, asked = time.monotonic(), []
    found = find_submissions(tmp_path, TINY, lambda content, file, helpers: asked.append(file) or [])
    assert len(found) == 1001
    assert len(asked) <= 12
    assert len(found[0].helpers) <= 50
    assert len(found[0].notes[0]) < 400
    assert time.monotonic() - began < 20


def test_helpers_are_small_and_beside_the_notebook(tmp_path):
    (tmp_path / "ada" / "old").mkdir(parents=True)
    notebook(tmp_path / "ada" / "tiny.ipynb", USING)
    for name in ("tools.py", "not-a-module.py", "old/tools2.py"):
        script(tmp_path / "ada" / name, name)
    (found,) = find_submissions(tmp_path, TINY)
    assert found.helpers == {"tools.py": b"tools.py"}


def test_where_results_lie_among_the_submissions_they_are_none(tmp_path):
    notebook(tmp_path / "ada.ipynb", SOLUTION)
    (tmp_path / "graded" / "tiny" / "records").mkdir(parents=True)
    assert [one.name for one in find(tmp_path, [tmp_path / "graded" / "tiny"])] == ["ada"]
    with pytest.raises(ValueError, match="folder: expected notebooks, scripts or folders of them, found none in"):
        find(tmp_path / "graded", [tmp_path / "graded" / "tiny"])


def test_names_are_one_line_of_visible_letters():
    assert printable("a\tb\r\n\x1b[31m\u2028\u2066") == "a\\x09b\\x0d\\x0a\\x1b[31m\\u2028\\u2066"
    assert printable("Zoë 名 \u0628\u200c\u0628 👩\u200d🔬") == "Zoë 名 \u0628\u200c\u0628 👩\u200d🔬"
    assert printable(os.fsdecode(b"\xff")) == "\\xff"
    assert (file_name("../x"), file_name(".."), file_name("")) == ("_._x", "_.", "_")
    names = {file_name("é" * 100 + str(i)) for i in range(9)}
    assert len(names) == 9
    assert {len(name.encode()) for name in names} <= {149, 150}
    assert listed([str(i) for i in range(9)], 3) == "0, 1, 2 and 6 more"


def test_the_table_is_of_files_that_are_there(shapes):
    assert {path.relative_to(shapes).parts[0] for path in shapes.iterdir()} == {Path(n).parts[0] for n in SHAPES}
