import csv
import json
import os
from dataclasses import replace
from io import StringIO

import pytest
from term_class import SMALL, a_class, full, grade

from elbo_coursework import assignment, term
from elbo_coursework.grading import Piece
from elbo_coursework.term import Late, Student
from elbo_coursework.term.late import share
from elbo_coursework.term.marks import Mark, answer_name, append_marks
from elbo_coursework.term.totals import totals
from elbo_coursework.term.write import records

ADA, BOB, EVE = (Student(f"s{i}", name=name) for i, name in enumerate(("Ada", "Bob", "Eve")))
MARKS = (
    Mark("ada", "why", 2.0, "Nearly.", rubric=("says why",), row=2),
    Mark("ada", "why", 2.5, "Nearly.", rubric=("says why",), row=3),
    Mark("ada", "picture", 1.0, row=4),
    Mark("bob", "why", 1.0, row=5),
    Mark("bob", "rate", 5.0, why="a typo of ours", row=6),
    Mark("zed", "why", 1.0, row=7),
)


def rows(out):
    return list(csv.DictReader(StringIO((out / "grades.csv").read_text(encoding="utf-8-sig"))))


def test_code_words_and_overrides_make_a_total():
    whole = totals(SMALL, [grade("bob", 3.0, 0.0), grade("ada")], MARKS, (ADA, BOB, EVE))
    ada, bob, eve = whole.results
    assert (ada.code_points, ada.word_points, ada.total, ada.of, ada.status) == (10, 3.5, 13.5, 15, "complete")
    assert (bob.code_points, bob.word_points, bob.total) == (5.0, 1.0, 6.0)
    assert bob.status == "words not marked yet: picture"
    assert (eve.total, eve.of, eve.status, eve.shown) == (0, 15, "nothing handed in", "Eve")
    assert whole.notes == ("marks.csv has marks for zed, of whom there is no submission here (row 7).",)


@pytest.mark.parametrize(
    ("handed_in", "days", "lost"),
    [
        ("2026-11-30T23:59:00", 0, 0.0),
        ("2026-11-30T23:59:01", 1, 0.1),
        ("2026-12-01T23:59:00", 1, 0.1),
        ("2026-12-02T00:00:00", 2, 0.2),
        ("2026-12-03T23:59:00", 3, 0.3),
        ("2026-12-04T00:00:00", 4, 1.0),
        ("", None, 0.0),
    ],
)
def test_each_day_begun_costs_and_after_the_last_nothing_counts(handed_in, days, lost):
    late = Late("2026-11-30T23:59", 3, 0.1)
    assert late.days_late(handed_in) == days
    assert late.share_lost(handed_in) == pytest.approx(lost)
    assert late.days_late(handed_in, extension=9) == (None if days is None else 0)


def test_a_zone_is_heeded_and_a_day_lasts_until_its_end():
    late = Late("2026-11-30T23:59:00+01:00", 3, 0.1)
    assert late.days_late("2026-11-30T22:59:00Z") == 0
    assert late.days_late("2026-11-30T23:00:00Z") == 1
    assert Late("2026-11-30", 1).days_late("2026-11-30T23:59:59") == 0


@pytest.mark.parametrize(
    ("rules", "message"),
    [
        ({"due": "soon"}, "due: expected a moment such as 2026-11-30T23:59, got 'soon'"),
        ({"days": -1}, "late-days: expected at least 0, got -1"),
        ({"per_day": 1.5}, "per-day: expected from 0% to 100%, got 150%"),
        ({"per_day": 10**308}, "per-day: expected from 0% to 100%, got inf%"),
        ({"attempts": "first"}, "attempts: expected one of last, best, got 'first'"),
    ],
)
def test_rules_that_cannot_be_are_refused(rules, message):
    with pytest.raises(ValueError) as error:  # noqa: PT011  # the whole message is compared
        Late(**rules)
    assert str(error.value) == message


@pytest.mark.parametrize("text", ["10", "10 points", "101%", "-1%", "ten%"])
def test_a_share_is_a_percentage(text):
    with pytest.raises(ValueError, match="expected a percentage"):
        share(text)


def test_lateness_is_taken_from_what_was_earned():
    late = Late("2026-11-30T12:00", 3, 0.1)
    grades = [grade("ada", handed_in="2026-12-02T11:00:00"), grade("bob")]
    whole = totals(SMALL, grades, MARKS[:3], (replace(ADA, extension=1), BOB), late)
    ada, bob = whole.results
    assert (ada.days_late, ada.deduction, ada.total) == (1, 1.35, 12.15)
    assert (bob.days_late, bob.deduction) == (None, 0)
    assert whole.notes == ("It is not known when these came, and they count as in time: bob.",)


@pytest.mark.parametrize(("attempts", "counts"), [("last", "ada_2"), ("best", "ada_1")])
def test_of_several_attempts_the_last_or_the_best_counts(attempts, counts):
    grades = [grade("ada_1", handed_in="2026-11-01T10:00"), grade("ada_2", rate=0.0, handed_in="2026-11-02T10:00")]
    whole = totals(SMALL, grades, roster=(ADA, BOB), late=Late(attempts=attempts))
    assert [result.name for result in whole.counting] == [counts, "Bob"]
    assert sorted(r.status for r in whole.results if not r.counts) == ["another attempt counts"]
    assert whole.notes == ("Ada has 2 submissions: ada_1, ada_2.",)


def test_what_came_after_its_mark_is_told():
    marks = [Mark("ada", "why", 2.0, when="2026-11-02T10:00:00+00:00"), Mark("bob", "why", 2.0, when="2.11.2026")]
    grades = [grade("ada", handed_in="2026-11-03T10:00:00+00:00"), grade("bob", handed_in="2026-11-03T10:00:00+00:00")]
    assert totals(SMALL, grades, marks).notes == (
        "Newer than their marks; if handed in again, look once more: ada (why).",
    )


def test_a_mark_of_an_earlier_answer_is_told_and_kept():
    name = answer_name(grade("ada").answers["why"])
    marks = [Mark("ada", "why", 2.0, answer=name, when="2026-11-02T10:00:00+00:00"), Mark("ada", "picture", 2.0)]
    same, *_ = (whole := totals(SMALL, [grade("ada", handed_in="2026-11-03T10:00:00+00:00")], marks[:1])).results
    assert (same.earlier, same.status, whole.notes) == ((), "words not marked yet: picture", ())
    other = grade("ada", answers={"why": (Piece("text", "ada thinks otherwise."),), "picture": ()})
    (result,) = (whole := totals(SMALL, [other], marks)).results
    assert (result.earlier, result.status, result.total) == (("why",), "marked on an earlier file: why", 14.0)
    assert whole.notes == ("Marked on an earlier file, with another answer; look once more: ada (why).",)
    again = grade("ada", answers={"why": (*grade("ada").answers["why"], Piece("output", "1")), "picture": ()})
    assert totals(SMALL, [again], marks).results[0].status == "complete"


def test_grading_again_keeps_marks_roster_and_rules(tmp_path):
    surgery, out = assignment("surgery"), tmp_path / "out"
    ada, bob = full("ada"), full("bob", handed_in="2026-12-01T10:00:00+00:00")
    a_class(out, ada)
    late = Late("2026-11-30T23:59:00+00:00", 3, 0.5)
    term.write_results(surgery, [ada], out, (ADA, BOB), late)
    question = surgery.manual[0]
    append_marks(out / "marks.csv", [Mark("ada", question.name, question.points, "Well said.", who="tom")], surgery)
    log = (out / "marks.csv").read_bytes()
    code = sum(q.points for q in surgery.questions)

    (out / "records" / "bob.json").write_text(json.dumps(bob.to_record()))
    term.write_results(surgery, [ada, bob], out)
    assert (out / "marks.csv").read_bytes() == log
    first, second = rows(out)
    assert float(first["total"]) == code + question.points
    assert (float(second["total"]), second["days late"], second["id"]) == (code / 2, "1", "s1")
    assert "Well said." in (out / "feedback" / "ada.html").read_text()

    term.write_results(surgery, [bob], out)  # the late one alone: the others stay
    assert [row["submission"] for row in rows(out)] == ["ada", "bob"]
    assert "Kept from an earlier run" in (out / "summary.html").read_text()
    assert [one.submission for one in records(out)] == ["ada", "bob"]


def test_a_log_that_cannot_be_read_stops_with_its_row(tmp_path):
    surgery, out = assignment("surgery"), a_class(tmp_path / "out", full("ada"))
    (out / "marks.csv").write_text("submission,question,points\nada,nothing,1\n")
    with pytest.raises(ValueError, match=r"marks.csv, row 2, column question"):
        term.write_results(surgery, [full("ada")], out)
    assert not (out / "grades.csv").exists()


def test_a_name_that_looks_like_a_formula_finds_its_marks(tmp_path):
    surgery, name = assignment("surgery"), "=cmd|' /C calc'!A0"
    out = a_class(tmp_path / "out", full(name.replace("/", "_")))
    one = full(name.replace("/", "_"))
    append_marks(out / "marks.csv", [Mark(one.submission, surgery.manual[0].name, 1.0)], surgery)
    term.write_results(surgery, [one], out)
    (row,) = rows(out)
    assert row["submission"] == f"'{one.submission}"
    assert float(row["words"]) == 1.0


def test_results_are_whole_or_as_before(tmp_path, monkeypatch):
    surgery, out = assignment("surgery"), a_class(tmp_path / "out", full("ada"))
    term.write_results(surgery, [full("ada")], out)
    before = (out / "grades.csv").read_bytes()

    def stop(*paths):
        raise OSError("no space left on device")

    monkeypatch.setattr(os, "replace", stop)
    with pytest.raises(OSError, match="no space"):
        term.write_results(surgery, [full("ada"), full("bob")], out)
    assert (out / "grades.csv").read_bytes() == before
    assert not list(out.glob(".*.part"))
