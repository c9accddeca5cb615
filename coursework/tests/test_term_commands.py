import argparse
import csv
import html
import json
from io import StringIO

import pytest
from term_class import a_class, full

from elbo_coursework import assignment
from elbo_coursework.term import commands

ROSTER = "id,name,email\ns1,Ada Lovelace,ada@uni.edu\ns2,Bob Roe,bob@uni.edu\ns3,Cy Poe,cy@uni.edu\n"


@pytest.fixture
def surgery():
    return assignment("surgery")


@pytest.fixture
def out(tmp_path):
    grades = (full("ada-lovelace", handed_in="2026-12-01T10:00:00+00:00"), full("bob-roe"), full("nobody"))
    return a_class(tmp_path / "graded" / "surgery", *grades)


def run(*arguments):
    parser = argparse.ArgumentParser()
    commands.add(parser.add_subparsers(required=True))
    options = parser.parse_args([str(argument) for argument in arguments])
    options.command(options)


def rows(path):
    return list(csv.DictReader(StringIO(path.read_text(encoding="utf-8-sig"))))


def saved(tmp_path, surgery, *names):
    marks = [
        {"when": "w", "who": "t", "submission": n, "question": q.name, "points": 1, "rubric": [], "comment": ""}
        for n in names
        for q in surgery.manual
    ]
    path = tmp_path / "marks-surgery.json"
    path.write_text(json.dumps({"assignment": "surgery", "marks": marks}))
    return path


def test_a_term_is_walked(tmp_path, surgery, out, capsys):
    (tmp_path / "roster.csv").write_text(ROSTER)
    code, words = sum(q.points for q in surgery.questions), len(surgery.manual)
    run("mark", out, "--roster", tmp_path / "roster.csv", "--due", "2026-11-30T23:59:00+00:00", "--late-days", 3)
    assert "nobody is of nobody on the roster." in capsys.readouterr().out
    assert (out / "marking.html").is_file()

    path = saved(tmp_path, surgery, "ada-lovelace", "bob-roe")
    run("mark", out, "--take", path)
    assert f"{2 * words} marks are added" in capsys.readouterr().out
    run("mark", out, "--take", path)
    assert "0 marks are added" in capsys.readouterr().out
    assert len(rows(out / "marks.csv")) == 2 * words

    question = surgery.questions[0]
    run("override", out, "bob-roe", question.name, "0,5", "--why", "copied, and said so")
    total = code - question.points + 0.5 + words
    assert capsys.readouterr().out.startswith(f"bob-roe: {total:g} of {surgery.points}, complete")
    assert "copied, and said so" in (out / "feedback" / "bob-roe.html").read_text()

    run("export", out, "--for", "csv", "--per-day", "10%")
    ada, bob, cy = rows(out / "for-csv.csv")
    assert float(ada["total"]) == pytest.approx(0.9 * (code + words))
    assert (float(bob["total"]), cy["status"]) == (total, "nothing handed in")
    assert "left out, as nobody on the roster: nobody" in capsys.readouterr().out

    run("override", out, "bob-roe", question.name, "none", "--why", "a mistake of mine")
    assert capsys.readouterr().out.startswith(f"bob-roe: {code + words:g} of")
    assert len(rows(out / "marks.csv")) == 2 * words + 2


def test_an_override_in_words_keeps_the_rubric_says_why_and_is_taken_back(tmp_path, surgery, out, capsys):
    asked = surgery.manual[0]
    line, worth = next(iter(asked.rubric.items()))
    entry = {"when": "w", "who": "t", "submission": "bob-roe", "question": asked.name, "points": worth}
    path = tmp_path / "marks.json"
    path.write_text(json.dumps({"assignment": "surgery", "marks": [entry | {"rubric": [line], "comment": "Nearly."}]}))
    run("mark", out, "--take", path)
    run("override", out, "bob-roe", asked.name, asked.points, "--why", "shown at the desk")
    page = html.unescape((out / "feedback" / "bob-roe.html").read_text())
    assert f"Changed by hand to {asked.points} of {asked.points} points: shown at the desk" in page
    assert "Nearly." in page
    assert f"<td>yes</td><td>{line}</td>" in page
    assert "shown at the desk" in (out / "summary.html").read_text()
    assert f"{asked.name}: overridden, shown at the desk" in (out / "grades.csv").read_text()

    run("override", out, "bob-roe", asked.name, "none", "--why", "the wrong student")
    page = html.unescape((out / "feedback" / "bob-roe.html").read_text())
    assert "Changed by hand" not in page
    assert f"<p>{worth} of {asked.points} points.</p>" in page
    assert "Nearly." in page


def test_fewer_points_under_an_override_are_no_dead_end(surgery, out, capsys):
    asked = surgery.questions[0]
    (out / "marks.csv").write_text(f"submission,question,points,why\nbob-roe,{asked.name},{asked.points + 1},typo\n")
    run("mark", out)
    assert (
        f"marks.csv, row 2, column points: expected from 0 to {asked.points} for {asked.name}, got {asked.points + 1}; "
        f"{asked.points} counts until" in capsys.readouterr().out
    )
    run("override", out, "bob-roe", asked.name, "1", "--why", "less")
    run("mark", out)
    assert "column points" not in capsys.readouterr().out


def test_marking_begins_the_log_and_a_wrong_name_in_it_is_told_with_its_row(surgery, out, capsys):
    run("mark", out)
    (header,) = csv.reader(StringIO((out / "marks.csv").read_text(encoding="utf-8-sig")))
    assert header[:7] == ["when", "who", "submission", "question", "points", "comment", "why"]
    with (out / "marks.csv").open("a") as file:
        file.write(f",,bob-ro,{surgery.manual[0].name},1,,\n")
    run("mark", out)
    assert "marks.csv has marks for bob-ro, of whom there is no submission here (row 2).\n" in capsys.readouterr().out


def test_what_is_not_marked_is_not_exported(surgery, out, capsys):
    run("export", out, "--for", "canvas", "--title", "Surgery (7)")
    assert [row["Surgery (7)"] for row in rows(out / "for-canvas.csv")] == [str(surgery.points), "", "", ""]
    assert "3 totals are left empty" in capsys.readouterr().out
    run("export", out, "--for", "canvas", "--so-far")
    assert rows(out / "for-canvas.csv")[1][surgery.title] == str(float(sum(q.points for q in surgery.questions)))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["override", "bob-ro", "joint", "1", "--why", "x"], "SUBMISSION: expected bob-roe, got 'bob-ro'"),
        (["override", "bob-roe", "nothing", "1", "--why", "x"], "column question: expected one of"),
        (["override", "bob-roe", "QUESTION", "1000", "--why", "x"], "column points: expected from 0 to"),
        (["override", "bob-roe", "QUESTION", "much", "--why", "x"], "POINTS: expected a number such as 2.5, or none"),
        (["override", "bob-roe", "QUESTION", "1"], "--why: expected a reason, got none"),
        (["export", "--for", "moodle"], "roster: expected an email address or an id of each student, got none"),
        (["mark", "--per-day", "10"], "per-day: expected a percentage"),
        (["mark", "--due", "soon"], "due: expected a moment"),
    ],
)
def test_what_cannot_be_is_said_and_changes_nothing(surgery, out, arguments, message):
    command, *rest = [surgery.questions[0].name if a == "QUESTION" else a for a in arguments]
    with pytest.raises(ValueError) as error:  # noqa: PT011  # the message is compared
        run(command, out, *rest)
    assert message in str(error.value)
    assert not (out / "marks.csv").exists()


def test_another_folder_is_refused(tmp_path):
    with pytest.raises(ValueError, match="DIR: expected a folder that grade made, such as graded/surgery, got"):
        run("mark", tmp_path)


def test_rules_that_are_kept_are_filled_in(out):
    run("mark", out, "--due", "2026-11-30", "--late-days", "2", "--per-day", "5%")
    run("mark", out, "--attempts", "best")
    kept = {"due": "2026-11-30", "days": 2, "per_day": 0.05, "attempts": "best"}
    assert json.loads((out / "late.json").read_text()) == kept
    run("mark", out, "--due", "none")
    assert json.loads((out / "late.json").read_text()) == kept | {"due": ""}


def test_similar_reads_the_class(tmp_path, surgery, out):
    body = "\n".join(f"    a{i} = x.sum({i}) + np.log(y[{i}]) * a" for i in range(20))
    for name in ("ada-lovelace", "bob-roe"):
        (tmp_path / "class").mkdir(exist_ok=True)
        (tmp_path / "class" / f"{name}.py").write_text(f"def {surgery.questions[0].name}(x, y, a):\n{body}\n")
    run("similar", out, tmp_path / "class")
    assert "<td>ada-lovelace</td><td>bob-roe</td>" in (out / "similar.html").read_text()
