"""A term, walked by the commands of the page for instructors, as they are printed there and in their order."""

import csv
import json
import os
import re
import shlex
import shutil
from pathlib import Path

import pytest
from machine import flags

from elbo_coursework import assignment
from elbo_coursework.__main__ import main

ROOT = Path(__file__).parents[2]
PAGE = re.sub(r"\\\n\s*", " ", (ROOT / "book" / "coursework.md").read_text())
PRINTED = [shlex.split(line) for line in re.findall(r"^\.venv/bin/python -m elbo_coursework (.*)$", PAGE, re.M)]
SURGERY = assignment("surgery")
RIGHT = "np.log(encoder[n, z]) - np.log(prior[z])"
CODE = sum(question.points for question in SURGERY.questions)
WORDS = sum(question.points for question in SURGERY.manual)


def command(*beginning):
    """The printed command that begins so, with what this machine needs."""
    (found,) = [words for words in PRINTED if words[: len(beginning)] == list(beginning)]
    return found + (flags() if beginning[0] == "grade" else [])


GRADE = [words + flags() for words in PRINTED if words[0] == "grade"]


@pytest.fixture
def course(tmp_path, monkeypatch):
    """Where an instructor works: the submissions of two, and the secret one folder above."""
    folder = tmp_path / "course"
    (folder / "submissions").mkdir(parents=True)
    (tmp_path / "seed.txt").write_text("a heron in the fog")
    master = (ROOT / "coursework" / "assignments" / "surgery.ipynb").read_text()
    assert RIGHT in master
    (folder / "surgery.ipynb").write_text(master)
    (folder / "submissions" / "bob.ipynb").write_text(master)
    wrong = " - ".join(reversed(RIGHT.split(" - ")))
    (folder / "submissions" / "ada.ipynb").write_text(master.replace(RIGHT, wrong))
    (folder / "roster.csv").write_text("id,name,email\n1,Ada,ada@x.org\n2,Bob,bob@x.org\n3,Cleo,cleo@x.org\n")
    monkeypatch.chdir(folder)
    return folder


def totals(course):
    """The rows of the table by the student's name."""
    rows = list(csv.DictReader((course / "graded" / "surgery" / "grades.csv").read_text("utf-8-sig").splitlines()))
    return {row["submission"]: row for row in rows}


def marked(question, points):
    """A mark as the marking page saves it: the first lines of the rubric that make up the points, and a comment."""
    lines, left = [], points
    for line, worth in question.rubric.items():
        if worth <= left:
            lines.append(line)
            left -= worth
    return {"when": "2026-12-01T10:00:00+00:00", "who": "eve", "question": question.name, "points": points} | {
        "rubric": lines,
        "comment": "well argued",
    }


def test_a_term_is_walked_as_the_page_prints_it(course, capsys):
    assert main(command("read")) == 0
    said = capsys.readouterr().out
    assert said.count("public instances are right") == len(SURGERY.questions)
    assert re.search(r"SHA-256 [0-9a-f]{64}", said)

    plain, with_roster = GRADE
    assert main(plain) == 0
    ada, bob = totals(course)["ada"], totals(course)["bob"]
    assert float(bob["code"]) == CODE
    lost = CODE - float(ada["code"])
    assert 0 < lost <= SURGERY.question("rate").points  # its mistake is charged once

    assert main(command("mark", "graded/surgery", "--take")[:2]) == 0
    saved = [
        {"submission": name} | marked(question, question.points)
        for name in ("ada", "bob")
        for question in SURGERY.manual
    ]
    (course / "marks-surgery.json").write_text(json.dumps({"assignment": "surgery", "marks": saved}))
    assert main(command("mark", "graded/surgery", "--take")) == 0
    assert float(totals(course)["bob"]["total"]) == CODE + WORDS

    shutil.copy(course / "surgery.ipynb", course / "submissions" / "cleo.ipynb")
    os.utime(course / "submissions" / "cleo.ipynb", (1_800_000_000, 1_800_000_000))  # in 2027: too late
    for name in ("ada", "bob"):
        os.utime(course / "submissions" / f"{name}.ipynb", (1_790_000_000, 1_790_000_000))  # in time
    capsys.readouterr()
    assert main(with_roster) == 0
    said = capsys.readouterr()
    assert "2 kept, 1 made anew" in said.out + said.err
    after = totals(course)
    assert float(after["bob"]["total"]) == CODE + WORDS  # the marks are kept
    assert float(after["cleo"]["total"]) == 0  # later than all late days

    assert main(command("override")) == 0
    assert float(totals(course)["ada"]["rate"]) == 8
    (course / "graded" / "surgery" / "records" / "ada.json").unlink()
    assert main(plain) == 0
    again = totals(course)["ada"]
    assert (float(again["rate"]), float(again["total"])) == (8, CODE + WORDS - SURGERY.question("rate").points + 8)
    assert "the docstring allowed it" in (course / "graded" / "surgery" / "feedback" / "ada.html").read_text()

    assert main(command("export")) == 0
    assert main(command("similar")) == 0
    (exported,) = (course / "graded" / "surgery").glob("for-canvas.csv")
    assert "Ada" in exported.read_text("utf-8-sig")
    assert "bob" in (course / "graded" / "surgery" / "similar.html").read_text()
