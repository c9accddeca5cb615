import csv
from dataclasses import replace
from io import StringIO

import pytest
from term_class import SMALL, grade

from elbo_coursework.term.exports import export, without_ids
from elbo_coursework.term.late import Late
from elbo_coursework.term.marks import Mark
from elbo_coursework.term.roster import Student
from elbo_coursework.term.totals import totals

ROSTER = (
    Student("s1", "ada@uni.edu", "Lovelace, Ada", login="alove", section="One", canvas="501"),
    Student("s2", "bob@uni.edu", "Bob Roe"),
    Student("s3", "eve@uni.edu", "=Eve"),
)
MARKS = (Mark("ada", "why", 2.0), Mark("ada", "picture", 1.0))
LATE = Late("2026-11-30T12:00:00+00:00", 2, 0.1)


@pytest.fixture
def whole():
    ada = grade("ada", file="s1/ada.ipynb", handed_in="2026-12-01T11:00:00+00:00")
    return totals(SMALL, [ada, grade("bob", 3.0, file="s2.ipynb"), grade("who")], MARKS, ROSTER, LATE)


def rows(text):
    assert text.startswith("\ufeff")
    return list(csv.reader(StringIO(text[1:])))


def test_canvas(whole):
    assert rows(export(SMALL, whole, "canvas", title="Small (77)")) == [
        ["Student", "ID", "SIS User ID", "SIS Login ID", "Section", "Small (77)"],
        ["Points Possible", "", "", "", "", "15"],
        ["Lovelace, Ada", "501", "s1", "alove", "One", "11.7"],
        ["Bob Roe", "", "s2", "bob@uni.edu", "", ""],
        ["'=Eve", "", "s3", "eve@uni.edu", "", "0.0"],
    ]


def test_moodle(whole):
    assert rows(export(SMALL, whole, "moodle", so_far=True)) == [
        ["First name", "Last name", "ID number", "Email address", "A small one (Real)", "A small one (Feedback)"],
        ["Ada", "Lovelace", "s1", "ada@uni.edu", "11.7", "code 10, words 3, 1 day late: -1.3; 11.7 of 15."],
        ["Bob", "Roe", "s2", "bob@uni.edu", "7.0", "code 7, words 0; 7 of 15."],
        ["", "'=Eve", "s3", "eve@uni.edu", "0.0", "Nothing handed in."],
    ]


def test_gradescope(whole):
    head, ada, bob, eve = rows(export(SMALL, whole, "gradescope"))
    assert head[:8] == ["First Name", "Last Name", "SID", "Email", "Sections", "Total Score", "Max Points", "Status"]
    assert head[8:] == ["Submission ID", "Submission Time", "Lateness (H:M:S)"]
    assert ada == ["Ada", "Lovelace", "s1", "ada@uni.edu", "One", "11.7", "15", "Graded", "ada", *ada[9:]]
    assert ada[9:] == ["2026-12-01T11:00:00+00:00", "24:00:00"]
    assert (bob[5], bob[7]) == ("", "Ungraded")
    assert (eve[5], eve[7]) == ("", "Missing")


def test_plain(whole):
    head, ada, *_ = rows(export(SMALL, whole, "csv"))
    assert dict(zip(head, ada, strict=True)) == {
        "id": "s1",
        "name": "Lovelace, Ada",
        "email": "ada@uni.edu",
        "submission": "ada",
        "code": "10.0",
        "words": "3.0",
        "days late": "1",
        "deduction": "1.3",
        "total": "11.7",
        "of": "15",
        "status": "complete",
    }


def test_a_roster_that_lacks_what_a_platform_goes_by_is_told(whole):
    assert without_ids(whole, "canvas") == (
        "2 of 3 lines have no Canvas ID, by which Canvas recognises students; a roster that Canvas exported has it"
    )
    ours = replace(whole, results=whole.results[:2])
    assert [without_ids(ours, platform) for platform in ("moodle", "gradescope", "csv")] == ["", "", ""]
    assert without_ids(replace(whole, results=whole.results[:1]), "canvas") == ""
    nobody = totals(SMALL, [grade("ada")])
    assert without_ids(nobody, "gradescope").startswith("1 of 1 lines has no SID or email address, by which Gradescope")


def test_without_a_roster_names_are_those_of_submissions():
    assert rows(export(SMALL, totals(SMALL, [grade("ada")]), "canvas", so_far=True))[2] == ["ada", *[""] * 4, "10.0"]
    with pytest.raises(ValueError, match="roster: expected an email address or an id of each student, got none"):
        export(SMALL, totals(SMALL, [grade("ada")]), "moodle")
    with pytest.raises(ValueError, match="for: expected one of canvas, moodle, gradescope, csv, got 'ilias'"):
        export(SMALL, totals(SMALL, [grade("ada")]), "ilias")
