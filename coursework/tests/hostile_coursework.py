"""What reads files that others wrote in ``elbo_coursework``, each with valid files to begin from: see ``mutations``."""

import base64
import io
import json
import zipfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from examples import HALF, SOLUTION, STUB, TINY
from mutations import Reader, in_file, parsed
from term_class import SMALL, WHY, grade, png

from elbo_coursework.__main__ import parser
from elbo_coursework.exports import exported, gradescope_times
from elbo_coursework.feedback import feedback_page, gradescope_results
from elbo_coursework.inside import reading
from elbo_coursework.questions import judge
from elbo_coursework.sandbox import EndedError, Limits, Process, checked_survey
from elbo_coursework.submissions import find_submissions
from elbo_coursework.term import late, marks, similarity, tables, totals, write
from elbo_coursework.term.commands import options_of
from elbo_coursework.term.marking_page import marking_page, picture_problem
from elbo_coursework.term.overview import overview
from elbo_coursework.term.roster import match, read_roster

PICTURE = png(3, 2)


def notebook(*sources: str) -> bytes:
    """A notebook with an answer in words, a picture, and cells of code."""
    words = [
        {"cell_type": "markdown", "metadata": {}, "source": ["<!-- answer: why -->\n", "Why?"]},
        {"cell_type": "markdown", "source": "So.", "attachments": {"a.png": {"image/png": PICTURE}}},
    ]
    shown = [{"output_type": "display_data", "data": {"image/png": PICTURE}}, {"output_type": "stream", "text": ["1"]}]
    code = [{"cell_type": "code", "source": source.splitlines(True), "outputs": shown} for source in sources]
    return json.dumps({"cells": [*words, *code], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}).encode()


def zipped(members: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", method) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return stream.getvalue()


CODE = (*SOLUTION.split("\n\n"), "%%writefile tools.py\nimport os\n", "%matplotlib inline\nx = !ls\nx.append(1)\n")
NOTEBOOKS = (notebook(*CODE), json.dumps({"worksheets": [{"cells": [{"cell_type": "code", "input": STUB}]}]}).encode())
SCRIPTS = (
    SOLUTION.encode(),
    b"# -*- coding: latin-1 -*-\nfrom tools import *\n\n@staticmethod\nasync def f(x=[i for i in y]): pass\n",
)
HELPERS = {"tools.py": b"def plogp(p):\n    return 0\n"}


def read_as(name: str) -> Callable[[bytes, Path], Any]:
    """What grading and the check read of a file, down to the slice of a function."""
    return lambda content, folder: reading.read(content, name, HELPERS).slice("entropy")


def member(content: bytes, folder: Path) -> Any:
    """A line with a name, and the file of that name in a zip."""
    name, _, file = content.partition(b"\n")
    path = name[:100].decode("latin-1").replace("\0", "") or "x"
    return read_as("a.zip")(zipped({path: file, "tools.py": b"import os\n"}, zipfile.ZIP_STORED), folder)


def class_folder(content: bytes, folder: Path) -> Any:
    """A folder of files with these names, a name a line; what no system takes for a name is left out."""
    with Emptied(folder / "class") as root:
        for name in content.decode("utf-8", "surrogateescape").split("\n")[:20]:
            exported(name)
            if (
                name.strip("./")
                and "/" not in name
                and "\0" not in name
                and len(name.encode("utf-8", "surrogateescape")) < 250
            ):
                (root / name).write_bytes(NOTEBOOKS[0])
        return find_submissions(root, TINY)


class Emptied:
    """A folder that is there inside the block."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __enter__(self) -> Path:
        self.folder.mkdir(exist_ok=True)
        return self.folder

    def __exit__(self, *error: object) -> None:
        for path in self.folder.iterdir():
            path.unlink()


def roster(path: Path) -> Any:
    return match({"ada_12": "ada.ipynb", "Bob Bell": "b/x.ipynb"}, read_roster(path))


def log(path: Path) -> Any:
    marks.append_marks(path, [marks.Mark("ada", "why", 1.0)], SMALL)
    return totals.totals(SMALL, [grade("ada")], marks.read_marks(path, SMALL))


def saved(path: Path) -> Any:
    return marks.saved_marks(path, SMALL, ["ada", "bob"])


def record(path: Path) -> Any:
    """A record, and the pages that are made of it."""
    whole = totals.totals(SMALL, write.records(path.parents[1]))
    pages = [feedback_page(SMALL, result.grade, result) for result in whole.results if result.grade]
    upload = [gradescope_results(SMALL, result.grade) for result in whole.results if result.grade]
    return pages, upload, totals.table(SMALL, whole), overview(SMALL, whole), marking_page(SMALL, whole)


def recorded(content: bytes, folder: Path) -> Any:
    (folder / "records").mkdir(exist_ok=True)
    return in_file("records/ada.json", record)(content, folder)


def kept(content: bytes, folder: Path) -> Any:
    """A line with the name of a file that grading keeps, and what it holds."""
    name, _, text = content.partition(b"\n")
    readers = {b"late.json": write.kept_late, b"assignment.json": write.opened, b"times.json": write.file_times}
    if name not in readers:
        return None
    path = folder / name.decode()
    path.write_bytes(text)
    found = readers[name](folder)
    return found.share_lost("2026-12-02T08:00", 1) if isinstance(found, late.Late) else [found, write.created(folder)]


def similar(content: bytes, folder: Path) -> Any:
    code = similarity.code_of(content, {"tools.py": content[:500]})
    return similarity.alike({"ada": code, "bob": code[: len(code) // 2] + SOLUTION, "eve": SOLUTION}, code=True)


class Said(Process):
    """A child that says one line."""

    def __init__(self, said: bytes) -> None:
        super().__init__({"content": b"", "file": "", "helpers": {}}, "entropy", Limits(), None, {"entropy": len})
        self.said = said

    def line(self, longest: int) -> bytes:
        said, self.said = self.said, b"{}"
        return said

    def send(self, message: dict[str, Any]) -> None:
        json.dumps(message)


def answer(content: bytes, folder: Path) -> Any:
    """What a child says, as an answer and as a survey."""
    said = Said(content).receive()
    return judge(HALF, {"p": np.full(4, 0.25)}, said.value), checked_survey(said.value)


def picture(content: bytes, folder: Path) -> Any:
    return picture_problem(base64.b64encode(content).decode()), picture_problem(content.decode("latin-1"))


coursework_parser = cache(parser)


def command_line(content: bytes, folder: Path) -> Any:
    """What a command line asks for, as far as it can be told without doing it."""
    options = parsed(coursework_parser(), content)
    if hasattr(options, "due"):
        options.roster = None
        return options_of(options, folder / "none")
    return options


ROSTERS = (
    b"id,name,email,extension\ns01,Ada Lovelace,ada@uni.edu,2\ns02,Bob Bell,bob@uni.edu,\n",
    b"\xef\xbb\xbfFirst name;Surname;ID number;Email address\r\nAda;Lovelace;s01;ada@uni.edu\r\n",
    'Student,ID,SIS User ID,SIS Login ID,Section\n    Points Possible,,,,\n"Lovelace, Ada",501,s01,alove,One\n'.encode(
        "utf-16"
    ),
)
LOG = (
    tables.csv_text([marks.COLUMNS, marks.Mark("ada", "why", 2.0, "=good", rubric=("says why",)).cells()]).encode(),
    b"Question;Points;Submission;Rubric;Why\r\nwhy;2,5;ada;says why | gives an example;\r\nrate;3;bob;;typo\r\n",
)
ENTRY = {"submission": "ada", "question": "why", "comment": "Good.", "when": "2026-11-01", "who": "tom", "points": 2}
SAVED = json.dumps({"assignment": "small", "marks": [{**ENTRY, "rubric": [next(iter(WHY.rubric))], "answer": "a1"}]})
KEPT = (
    b'late.json\n{"due": "2026-11-30T23:59", "days": 3, "per_day": 0.1, "attempts": "best"}',
    b'assignment.json\n{"assignment": "surgery", "created": "2026-11-01T10:00:00+00:00"}',
    b'times.json\n{"of the file": ["ada", "bob"]}',
)
SAID = (
    b'{"value": 1.386, "uses": ["entropy", "np"]}',
    b'{"value": {"functions": ["f"], "problems": ["p"], "answers": {"why": [["text", "So."], ["image", "eA=="]]}}}',
    b'{"reference": "entropy", "given": [[1, 2]], "named": {}}',
    b'{"error": "raised ValueError: no", "memory": false}',
)
CLASS = (
    b"lovelaceada_LATE_1234_5678_tiny.ipynb\nbellbob_99_77_tiny-1.py\n..ipynb\nindex.html",
    b"Ada Lovelace_12_assignsubmission_file_tiny.ipynb\n12-34 - Ada Lovelace - Oct 3, 2023 1012 AM - tiny.ipynb",
    b"tiny_ada_attempt_2023-10-03-10-12-00_tiny.ipynb\nada.zip\nada (2).ipynb.txt\n.hidden.py",
)
METADATA = (
    b"submission_12:\n  :created_at: 2023-10-03 17:12:00.123456000 Z\nsubmission_13:\n  created_at: 'yesterday'\n"
)
LINES = (
    "grade submissions --assignment surgery --seed-file seed.txt --out graded --jobs 3 --isolation user --allow-root",
    "grade submissions --assignment toy --self-study --due 2026-11-30T23:59 --late-days 3 --per-day 10%",
    "read notebook.ipynb --assignment bits",
    "mark graded/surgery --take marks.json --due none",
    "override graded/surgery ada why 2.5 --why typo",
    "export graded/surgery --for canvas --title Surgery --so-far --per-day 5%",
    "similar graded/surgery submissions --given a.ipynb b.ipynb",
)
READERS = (
    Reader("notebook", NOTEBOOKS, read_as("a.ipynb"), says="it "),
    Reader("script", SCRIPTS, read_as("a.py"), says="it "),
    Reader(
        "archive", (zipped({"a/tiny.ipynb": NOTEBOOKS[0], "a/tools.py": SCRIPTS[1]}),), read_as("a.zip"), says="it "
    ),
    Reader("archive-member", tuple(b"a/b.ipynb\n" + content for content in NOTEBOOKS), member, says="it "),
    Reader("class-folder", CLASS, class_folder),
    Reader(
        "export-metadata", (METADATA,), in_file("submission_metadata.yml", lambda path: gradescope_times(path.parent))
    ),
    Reader("roster", ROSTERS, in_file("roster.csv", roster)),
    Reader("marks", LOG, in_file("marks.csv", log)),
    Reader("saved-marks", (SAVED.encode(),), in_file("saved.json", saved)),
    Reader("record", (json.dumps(grade("ada").to_record()).encode(),), recorded, says="cannot be read"),
    Reader("kept", KEPT, kept),
    Reader("similar", (*NOTEBOOKS, *SCRIPTS), similar),
    Reader("answer", SAID, answer, refuses=(EndedError,), says="The code"),
    Reader("picture", (base64.b64decode(PICTURE),), picture),
    Reader(
        "grader-line",
        tuple("\n".join(line.split(" ")).encode() for line in LINES),
        command_line,
        says="expected|error:",
    ),
)
