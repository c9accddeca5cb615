"""``python -m elbo_coursework grade``."""

import json

import pytest
from examples import SOLUTION, STUB, TINY, script

import elbo_coursework
from elbo_coursework import questions
from elbo_coursework.__main__ import main


@pytest.fixture
def tiny(monkeypatch):
    monkeypatch.setattr(questions, "assignment", lambda name: TINY)
    monkeypatch.delenv("COMPANION_SEED", raising=False)


def run(*arguments):
    return main(["grade", *map(str, arguments), "--assignment", "tiny"])


@pytest.mark.usefixtures("tiny")
def test_one_submission(tmp_path, capsys):
    (tmp_path / "seed.txt").write_text("spring\n")
    path = script(tmp_path / "ada.py", SOLUTION)
    assert run(path, "--seed-file", tmp_path / "seed.txt", "--out", tmp_path / "out") == 0
    assert capsys.readouterr().out.splitlines()[0].split() == ["ada", "10.00", "of", "10"]
    record = json.loads((tmp_path / "out" / "records" / "ada.json").read_text())
    assert (record["earned"], record["key"]) == (10, elbo_coursework.grade(path, TINY, "spring").key)


@pytest.mark.usefixtures("tiny")
def test_a_class_under_the_seed_of_the_environment(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("COMPANION_SEED", "spring")
    (tmp_path / "class").mkdir()
    script(tmp_path / "class" / "ada.py", SOLUTION)
    script(tmp_path / "class" / "bob.py", STUB)
    assert run(tmp_path / "class", "--out", tmp_path / "out", "--jobs", "1") == 0
    assert [line.split()[:2] for line in capsys.readouterr().out.splitlines()[:2]] == [
        ["ada", "10.00"],
        ["bob", "0.00"],
    ]


@pytest.mark.usefixtures("tiny")
def test_gradescope_gets_its_results_whatever_was_handed_in(tmp_path):
    target = tmp_path / "results.json"
    (tmp_path / "submission").mkdir()
    assert run(tmp_path / "submission", "--self-study", "--gradescope", target) == 0
    results = json.loads(target.read_text())
    assert (results["score"], results["tests"]) == (0, [])
    assert results["output"].endswith("Expected one notebook or script, found none.")
    script(tmp_path / "submission" / "ada.py", SOLUTION)
    assert run(tmp_path / "submission", "--self-study", "--gradescope", target) == 0
    assert json.loads(target.read_text())["score"] == 10


@pytest.mark.usefixtures("tiny")
def test_without_a_seed_nothing_is_graded(tmp_path, capsys):
    path = script(tmp_path / "ada.py", SOLUTION)
    (tmp_path / "empty.txt").write_text("\n")
    for arguments in ([], ["--seed-file", tmp_path / "empty.txt"]):
        assert run(path, "--out", tmp_path / "out", *arguments) == 1
        assert "seed: expected the class's secret, got none." in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_what_is_not_there_is_named(tmp_path, capsys):
    assert main(["grade", str(tmp_path / "x"), "--assignment", "surgery", "--self-study"]) == 1
    assert "PATH: expected a notebook, a script or a folder" in capsys.readouterr().err
    assert main(["grade", str(tmp_path), "--assignment", "x", "--self-study"]) == 1
    assert "assignment: expected one of surgery, rate_distortion" in capsys.readouterr().err
