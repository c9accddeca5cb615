"""``python -m elbo_coursework grade``, and the list of commands."""

import argparse
import json
import os
import sys
from datetime import datetime
from pathlib import Path

import pytest
from examples import HALF, SOLUTION, STUB, TINY, script
from machine import best, flags

from elbo_coursework import Assignment, confinement, grade, grade_command, grading, questions
from elbo_coursework.__main__ import main, parser
from elbo_coursework.submissions import Submission

ONE = Assignment("tiny", "A small one", 5, (HALF,))


@pytest.fixture
def tiny(forked, monkeypatch):
    monkeypatch.setattr(questions, "assignment", lambda name: TINY)
    monkeypatch.setattr(questions, "NAMES", ("tiny",))
    monkeypatch.delenv("COMPANION_SEED", raising=False)


def run(*arguments):
    return main(["grade", *map(str, arguments), "--assignment", "tiny", *flags()])


def commands():
    (parts,) = (action for action in parser()._actions if isinstance(action, argparse._SubParsersAction))
    return set(parts.choices)


@pytest.mark.usefixtures("tiny")
def test_one_submission(tmp_path, capsys):
    (tmp_path / "seed.txt").write_text("spring\n")
    (tmp_path / "seed.txt").chmod(0o600)
    path = script(tmp_path / "ada.py", SOLUTION)
    assert run(path, "--seed-file", tmp_path / "seed.txt", "--out", tmp_path / "out") == 0
    assert capsys.readouterr().out.splitlines()[0].split() == ["ada", "10.00", "of", "10"]
    record = json.loads((tmp_path / "out" / "records" / "ada.json").read_text())
    expected = grade(Submission.of_file(path), TINY, "spring", isolated=best())
    assert (record["earned"], record["file"], record["key"]) == (10, "ada.py", expected.key)


@pytest.mark.usefixtures("tiny")
def test_a_class_under_the_seed_of_the_environment(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("COMPANION_SEED", "spring")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "class").mkdir()
    script(tmp_path / "class" / "ada.py", SOLUTION)
    script(tmp_path / "class" / "b\x1b[2J\nob.pdf", STUB)
    assert run("class", "--jobs", "1") == 0
    said = capsys.readouterr()
    lines = said.out.splitlines()
    assert [line.split()[:2] for line in lines[:2]] == [["ada", "10.00"], ["b\\x1b[2J\\x0aob.pdf", "0.00"]]
    assert lines[1].endswith("Expected a notebook or script, found b\\x1b[2J\\x0aob.pdf.")
    assert lines[-1] == "records, grades.csv, feedback and summary.html are in graded/tiny"
    assert "\x1b" not in said.out + said.err
    assert (tmp_path / "graded" / "tiny" / "records" / "ada.json").exists()


@pytest.mark.usefixtures("tiny")
def test_a_roster_and_a_date_reach_the_table(tmp_path, capsys):
    (tmp_path / "roster.csv").write_text("id,name\n7,Ada Lovelace\n8,Bob Ross\n")
    folder = tmp_path / "class"
    folder.mkdir()
    script(folder / "Ada Lovelace.pdf", "")
    given = ["--roster", tmp_path / "roster.csv", "--due", "2020-01-01", "--late-days", "9999", "--per-day", "0%"]
    assert run(folder, "--self-study", "--out", tmp_path / "out", *given) == 0
    text = (tmp_path / "out" / "grades.csv").read_text(encoding="utf-8")
    assert text.startswith("\ufeff")
    assert "\n7,Ada Lovelace," in text
    assert "\n8,Bob Ross," in text
    assert run(folder, "--self-study", "--out", tmp_path / "out", "--per-day", "many") == 1
    assert "per-day: expected a percentage" in capsys.readouterr().err


@pytest.mark.usefixtures("tiny")
def test_what_the_files_times_cost_is_said(tmp_path, capsys):
    (tmp_path / "roster.csv").write_text("id,name\n7,Ada Lovelace\n8,Bob Ross\n9,Cy Poe\n")
    folder = tmp_path / "class"
    folder.mkdir()
    for name, day in (("Ada Lovelace.py", "2020-01-03"), ("Bob Ross.py", "2019-12-31")):
        path, when = script(folder / name, SOLUTION), datetime.fromisoformat(f"{day}T12:00").timestamp()
        os.utime(path, (when, when))
    given = ["--roster", tmp_path / "roster.csv", "--due", "2020-01-01", "--late-days", "9", "--per-day", "10%"]
    arguments = (folder, "--self-study", "--out", tmp_path / "out")
    told = (
        "Times are the files' own for 2 of 2 submissions, of which 1 counts as late: copying may change them.",
        "1 of 3 on the roster handed in nothing: Cy Poe",
        "records: 0 kept, 2 made anew",
    )
    assert run(*arguments, *given) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line for line in told if line not in lines] == []
    assert "of which 1 counts as late" in (tmp_path / "out" / "summary.html").read_text()
    ada, bob = ((tmp_path / "out" / "feedback" / f"{name}.html").read_text() for name in ("Ada Lovelace", "Bob Ross"))
    assert "The time is that of the file, 2020-01-03T12:00:00" in ada
    assert "The time is that of the file" not in bob

    script(folder / "Bob Ross.py", STUB)
    assert run(*arguments) == 0
    assert "records: 1 kept, 1 made anew" in capsys.readouterr().out.splitlines()


@pytest.mark.usefixtures("tiny")
def test_a_platforms_time_is_not_said_to_be_the_files(tmp_path, capsys):
    folder = tmp_path / "class" / "submission_12"
    folder.mkdir(parents=True)
    script(folder / "ada.py", SOLUTION)
    metadata = "submission_12:\n  :created_at: 2020-01-03 12:00:00.0 Z\n"
    (tmp_path / "class" / "submission_metadata.yml").write_text(metadata)
    assert run(tmp_path / "class", "--self-study", "--out", tmp_path / "out", "--due", "2020-01-01") == 0
    assert "Times are" not in capsys.readouterr().out
    page = (tmp_path / "out" / "feedback" / "submission_12.html").read_text()
    assert "late" in page
    assert "that of the file" not in page


@pytest.mark.usefixtures("tiny")
def test_a_log_that_cannot_be_read_is_said_before_grading(tmp_path, capsys):
    path = script(tmp_path / "ada.py", SOLUTION)
    assert run(path, "--self-study", "--out", tmp_path / "out") == 0
    (tmp_path / "out" / "records" / "ada.json").unlink()
    (tmp_path / "out" / "marks.csv").write_text("submission,question,points\nada,nothing,1\n")
    assert run(path, "--self-study", "--out", tmp_path / "out") == 1
    assert "marks.csv, row 2, column question: expected one of" in capsys.readouterr().err
    assert not (tmp_path / "out" / "records" / "ada.json").exists()
    (tmp_path / "out" / "marks.csv").write_text(f"submission,question,points,why\nbob,{HALF.name},1,typo\n")
    assert run(path, "--self-study", "--out", tmp_path / "out") == 0
    said = capsys.readouterr().out.splitlines()
    assert "marks.csv has marks for bob, of whom there is no submission here (row 2)." in said


@pytest.mark.usefixtures("tiny")
def test_gradescope_gets_its_results_whatever_was_handed_in(tmp_path):
    target = tmp_path / "results.json"
    (tmp_path / "submission").mkdir()
    assert run(tmp_path / "submission", "--self-study", "--gradescope", target) == 0
    results = json.loads(target.read_text())
    assert (results["score"], results["tests"]) == (0, [])
    assert results["output"].endswith("Expected a notebook or script, found none.")
    script(tmp_path / "submission" / "ada.py", SOLUTION)
    script(tmp_path / "submission" / "tools.py", "x = 1\n")
    assert run(tmp_path / "submission", "--self-study", "--gradescope", target) == 0
    results = json.loads(target.read_text())
    assert results["score"] == 10
    assert "ada.py was graded, of ada.py, tools.py" in results["output"]


@pytest.mark.usefixtures("tiny")
def test_most_with_another_assignment_are_a_sentence_at_the_end(tmp_path, capsys, monkeypatch):
    toy = Assignment("toy", "Another", 5, (HALF,))
    monkeypatch.setattr(questions, "assignment", lambda name: {"toy": toy}.get(name, WRONG_ONE))
    monkeypatch.setattr(questions, "NAMES", ("tiny", "toy"))
    script(tmp_path / "ada.py", SOLUTION)
    assert run(tmp_path / "ada.py", "--self-study", "--out", tmp_path / "out") == 0
    said = capsys.readouterr()
    assert grading.WRONG.format("tiny", 1, "toy") in said.out
    assert said.err.splitlines()[-1] == "1 of 1 submissions answer toy, and not tiny: is --assignment toy meant?"


WRONG_ONE = Assignment("tiny", "A small one", 5, (TINY.questions[0].__class__(**vars(HALF) | {"name": "absent"}),))


@pytest.mark.usefixtures("tiny")
def test_without_a_seed_nothing_is_graded(tmp_path, capsys, monkeypatch):
    path = script(tmp_path / "ada.py", SOLUTION)
    (tmp_path / "empty.txt").write_text("\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "executable", str(tmp_path / ".venv" / "bin" / "python"))
    for arguments in ([], ["--seed-file", tmp_path / "empty.txt"]):
        assert run(path, "--out", tmp_path / "out", *arguments) == 1
        said = capsys.readouterr().err
        assert "seed: expected the class's secret, got none." in said
        assert '\n  .venv/bin/python -c "import secrets; ' in said
    assert not (tmp_path / "out").exists()


@pytest.mark.usefixtures("tiny")
def test_missing_isolation_is_one_sentence_and_a_flag(tmp_path, capsys, monkeypatch):
    path = script(tmp_path / "ada.py", SOLUTION)
    arguments = ["grade", str(path), "--assignment", "tiny", "--self-study", "--out", str(tmp_path / "out")]
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert main(arguments) == 1
    assert capsys.readouterr().err.startswith("elbo_coursework: --allow-root: grading as the superuser starts")
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setattr(confinement, "refusal", lambda level: "no process may have any")
    assert main(arguments) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(
        "elbo_coursework: isolation: expected 'full', and no process may have any; add --isolation none"
    )
    assert not (tmp_path / "out").exists()


@pytest.mark.usefixtures("tiny")
def test_for_another_user_the_secret_has_to_be_closed(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(confinement, "isolation", lambda level, allow_root: confinement.Isolation("user"))
    monkeypatch.setattr(Path, "parents", property(lambda path: ()))
    path = script(tmp_path / "ada.py", SOLUTION)
    seed = script(tmp_path / "seed.txt", "spring")
    path.chmod(0o600)
    seed.chmod(0o644)
    assert run(path, "--seed-file", seed, "--out", tmp_path / "out") == 1
    assert "seed-file: expected a place that no other user can read" in capsys.readouterr().err
    path.chmod(0o644)
    assert run(path, "--seed-file", seed, "--out", tmp_path / "out") == 1
    assert f"call chmod go-rwx {path}" in capsys.readouterr().err


def test_what_is_not_there_is_named(tmp_path, capsys):
    assert main(["grade", str(tmp_path / "x"), "--assignment", "surgery", "--self-study", *flags()]) == 1
    assert "PATH: expected a notebook, a script or a folder" in capsys.readouterr().err
    assert main(["grade", str(tmp_path), "--assignment", "x\x1b", "--self-study", *flags()]) == 1
    said = capsys.readouterr().err
    assert "assignment: expected one of surgery, rate_distortion" in said
    assert "\x1b" not in said


def test_all_commands_are_there():
    assert commands() == {"grade", "read", "mark", "override", "export", "similar"}


def test_commands_are_printed_as_they_are_typed(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "executable", str(tmp_path / ".venv" / "bin" / "python"))
    assert grade_command.interpreter() == ".venv/bin/python"
    assert "\n  .venv/bin/python -m elbo_coursework grade submissions " in grade_command.example()
    monkeypatch.setattr(sys, "executable", "/somewhere/bin/python")
    monkeypatch.delenv("VIRTUAL_ENV", raising=False)
    assert grade_command.interpreter() == "/somewhere/bin/python"
    monkeypatch.setenv("VIRTUAL_ENV", "/somewhere")
    assert grade_command.interpreter() == "python"


@pytest.mark.parametrize("command", sorted(commands()))
def test_help_of_every_command_is_written(command, capsys):
    with pytest.raises(SystemExit, match=r"^0$"):
        main([command, "--help"])
    assert capsys.readouterr().out.startswith("usage: ")
