import json
import threading
from dataclasses import replace

import pytest
from term_class import SMALL, grade

from elbo_coursework import ManualQuestion
from elbo_coursework.term.marks import (
    COLUMNS,
    Mark,
    append_marks,
    fresh,
    latest,
    read_marks,
    rubric_lines,
    saved_marks,
)
from elbo_coursework.term.totals import totals

HEADER = "when,who,submission,question,points,comment,why\n"


def points(marks):
    return {key: mark.points for key, mark in latest(marks).items()}


def test_rows_are_added_and_the_last_counts(tmp_path):
    path = tmp_path / "marks.csv"
    append_marks(path, [Mark("ada", "why", 1.0, "=short", when="1", who="tom", rubric=("gives an example",))], SMALL)
    append_marks(path, [Mark("ada", "why", 3.0, when="2"), Mark("bob", "picture", 0.0)], SMALL)
    marks = read_marks(path, SMALL)
    assert [(m.submission, m.points, m.when, m.row) for m in marks] == [
        ("ada", 1.0, "1", 2),
        ("ada", 3.0, "2", 3),
        ("bob", 0.0, "", 4),
    ]
    assert marks[0].comment == "=short"
    assert marks[0].rubric == ("gives an example",)
    assert b"'=short" in path.read_bytes()
    assert points(marks) == {("ada", "why"): 3.0, ("bob", "picture"): 0.0}
    append_marks(path, [Mark("ada", "why", None)], SMALL)
    assert points(read_marks(path, SMALL)) == {("bob", "picture"): 0.0}


def test_a_log_from_a_spreadsheet_is_read_and_all_of_it_stays(tmp_path):
    path = tmp_path / "marks.csv"
    before = '\ufeffQuestion;Points;Submission;My own;Why\r\nwhy;2,5;ada;\'-log 2;\r\nrate;3;bob;"a;-b";typo\r\n;;;;'
    path.write_bytes(before.encode())
    append_marks(path, [Mark("eve", "why", 1.5)], SMALL)
    assert path.read_bytes().decode() == f"{before}\r\nwhy;1,5;eve;;\r\n"
    append_marks(path, [Mark("eve", "why", 2.0, "Good; -1.", who="tom")], SMALL)
    head = "\ufeffQuestion;Points;Submission;My own;Why"
    rest = before.removeprefix(head)
    added = 'why;1,5;eve;;\r\nwhy;2,0;eve;;;tom;"Good; \'-1."\r\n'
    assert path.read_bytes().decode() == f"{head};who;comment{rest}\r\n{added}"
    assert points(read_marks(path, SMALL)) == {("ada", "why"): 2.5, ("bob", "rate"): 3.0, ("eve", "why"): 2.0}
    assert read_marks(path, SMALL)[-1].comment == "Good; -1."


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("head", ["", "sep=,"])
def test_rows_of_your_own_stay_to_the_byte(tmp_path, encoding, end, head):
    path = tmp_path / "marks.csv"
    rows = ["submission,question,points,comment", 'ada,picture,1,"picture; -log 2, Zoë"', "bob,why,2,-log 2"]
    before = (f"{head}{end if head else ''}" + end.join(rows)).encode(encoding)
    path.write_bytes(before)
    append_marks(path, [Mark("eve", "why", 1.0, "=x")], SMALL)
    last = f"{end}eve,why,1.0,'=x{end}".encode(encoding)
    bom = 2 * (encoding == "utf-16") + 3 * (encoding == "utf-8-sig")
    assert path.read_bytes() == before + last[bom:]
    comments = [mark.comment for mark in read_marks(path, SMALL)]
    assert comments == ["picture; -log 2, Zoë", "-log 2", "=x"]


def test_a_column_that_a_new_row_needs_is_added_to_the_header_alone(tmp_path):
    path = tmp_path / "marks.csv"
    path.write_text("submission,question,points\nada,why,1\n")
    append_marks(path, [Mark("ada", "why", 2.0, rubric=("says why",))], SMALL)
    assert path.read_text() == 'submission,question,points,rubric\nada,why,1\nada,why,2.0,"[""says why""]"\n'
    assert read_marks(path, SMALL)[1].rubric == ("says why",)


LINES = ("copies add log 2 to H(n) and to H(n|z), so that I stays", "a | b", '["x"], he says', "; -log 2", "=1")
BARS = replace(SMALL, manual=(ManualQuestion("why", dict.fromkeys(LINES, 1)),))


def test_lines_of_a_rubric_come_back_whatever_they_hold(tmp_path):
    path = tmp_path / "marks.csv"
    append_marks(path, [Mark("ada", "why", 5.0, rubric=LINES)], BARS)
    append_marks(path, [Mark("bob", "why", 1.0, rubric=LINES[:1])], BARS)
    assert [mark.rubric for mark in read_marks(path, BARS)] == [LINES, LINES[:1]]


def test_lines_of_an_older_file_are_told_by_those_of_the_question():
    assert rubric_lines(" | ".join(LINES), LINES) == LINES
    assert rubric_lines("one | two|", LINES) == ("one", "two")
    assert rubric_lines("[not JSON | two", ()) == ("[not JSON", "two")
    assert rubric_lines("", LINES) == ()


def test_points_out_of_range_are_told_and_count_as_the_most_until_a_later_row(tmp_path):
    path = tmp_path / "marks.csv"
    path.write_text(HEADER + ",,ada,rate,8,,typo\n,,ada,why,9,,\n,,bob,why,-1,,\n,,ada,why,1,,\n")
    (result, bob) = totals(SMALL, [grade("ada"), grade("bob")], read_marks(path, SMALL)).results
    assert (result.code["rate"], result.word_points, bob.word_points) == (6.0, 1.0, 0.0)
    assert totals(SMALL, [grade("ada"), grade("bob")], read_marks(path, SMALL)).notes == (
        "marks.csv, row 2, column points: expected from 0 to 6 for rate, got 8; 6 counts until a later row gives other "
        "points.",
        "marks.csv, row 4, column points: expected from 0 to 3 for why, got -1; 0 counts until a later row gives other "
        "points.",
    )
    append_marks(path, [Mark("ada", "rate", 5.0, why="less now"), Mark("bob", "why", 1.0)], SMALL)
    whole = totals(SMALL, [grade("ada"), grade("bob")], read_marks(path, SMALL))
    assert (whole.results[0].code["rate"], whole.notes) == (5.0, ())


def test_what_a_later_row_replaces_is_no_error(tmp_path):
    path = tmp_path / "marks.csv"
    path.write_text(HEADER + ",,ada,why,much,,\n")
    append_marks(path, [Mark("ada", "why", 1.0)], SMALL)
    assert points(read_marks(path, SMALL)) == {("ada", "why"): 1.0}


def test_an_override_keeps_rubric_and_comment_and_none_brings_the_mark_back():
    mark = Mark("ada", "why", 2.0, "Nearly.", rubric=("says why",))
    over = Mark("ada", "why", 3.0, why="asked at the desk")
    none = Mark("ada", "why", None, why="a mistake of mine")
    assert latest([mark, over]) == {("ada", "why"): replace(over, comment="Nearly.", rubric=("says why",))}
    assert latest([mark, over, over, none]) == {("ada", "why"): mark}
    assert latest([mark, none]) == latest([mark, over, none, none]) == latest([mark, over, replace(none, why="")]) == {}
    assert latest([mark, over, mark]) == {("ada", "why"): mark}
    assert latest([Mark("ada", "rate", 3.0, why="x"), Mark("ada", "rate", None, why="y")]) == {}


def test_a_log_is_begun_with_its_header(tmp_path):
    append_marks(tmp_path / "marks.csv", [], SMALL)
    assert (tmp_path / "marks.csv").read_bytes().decode() == "\ufeff" + ",".join(COLUMNS) + "\r\n"
    assert read_marks(tmp_path / "marks.csv", SMALL) == ()


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (",,ada,why,much,,", "marks.csv, row 2, column points: expected a number such as 2.5, got 'much'"),
        (",,ada,whi,1,,", "marks.csv, row 2, column question: expected one of why, picture, rate, bound, got 'whi'"),
        (",,,why,1,,", "marks.csv, row 2, column submission: expected the name of a submission, got nothing"),
        (",,ada,rate,1,,", "marks.csv, row 2, column why: expected a reason, since rate is graded by its code"),
        (f",,ada,why,1,{'x' * 5001},", "marks.csv, row 2: expected a comment and a reason of at most 5000 characters"),
    ],
)
def test_a_row_that_cannot_be_is_named_and_nothing_is_written(tmp_path, row, message):
    path = tmp_path / "marks.csv"
    path.write_text(HEADER + row + "\n")
    before = path.read_bytes()
    for act in (lambda: read_marks(path, SMALL), lambda: append_marks(path, [Mark("bob", "why", 1.0)], SMALL)):
        with pytest.raises(ValueError) as error:  # noqa: PT011  # the message is compared
            act()
        assert str(error.value).startswith(message)
    assert path.read_bytes() == before


def test_a_header_without_a_column_is_told(tmp_path):
    (tmp_path / "marks.csv").write_text("who,question\n")
    with pytest.raises(ValueError, match=r"row 1: expected the columns submission, points as well, got who, question"):
        read_marks(tmp_path / "marks.csv", SMALL)


def test_an_override_needs_a_reason(tmp_path):
    with pytest.raises(ValueError, match="expected a reason, since bound is graded by its code"):
        append_marks(tmp_path / "marks.csv", [Mark("ada", "bound", 4.0)], SMALL)
    assert not (tmp_path / "marks.csv").exists()


def test_two_at_once_lose_nothing(tmp_path):
    path = tmp_path / "marks.csv"

    def work(who):
        for i in range(10):
            append_marks(path, [Mark(f"{who}{i}", "why", 1.0)], SMALL)

    threads = [threading.Thread(target=work, args=(who,)) for who in "abc"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(read_marks(path, SMALL)) == 30


ENTRY = {
    "when": "w",
    "who": "t",
    "submission": "ada",
    "question": "why",
    "points": 2,
    "rubric": ["says why"],
    "comment": "a\nb",
    "answer": "a12",
}


def test_what_the_page_saved_is_taken_once(tmp_path):
    path = tmp_path / "saved.json"
    path.write_text(json.dumps({"assignment": "small", "marks": [ENTRY]}))
    marks = saved_marks(path, SMALL, ["ada"])
    given = Mark("ada", "why", 2.0, "a b", rubric=("says why",), when="w", who="t", answer="a12")
    assert marks == (given,)
    append_marks(tmp_path / "marks.csv", marks, SMALL)
    assert fresh(marks, read_marks(tmp_path / "marks.csv", SMALL)) == []
    assert read_marks(tmp_path / "marks.csv", SMALL) == (replace(given, row=2),)
    older = {name: value for name, value in ENTRY.items() if name != "answer"}
    path.write_text(json.dumps({"assignment": "small", "marks": [older]}))
    assert saved_marks(path, SMALL, ["ada"]) == (replace(given, answer=""),)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"submission": "eve"}, "saved.json, mark 1: expected a submission of this folder, got 'eve'"),
        ({"question": "rate"}, "saved.json, mark 1: expected a question in words, one of why, picture, got 'rate'"),
        ({"points": 9}, "saved.json, mark 1, column points: expected from 0 to 3, got 9"),
        ({"points": "2"}, "saved.json, mark 1: expected submission, question, comment, when, who, points and rubric"),
        ({"points": True}, "saved.json, mark 1: expected submission, question, comment, when, who, points and rubric"),
        ({"points": float("nan")}, "saved.json, mark 1: expected submission"),
        ({"rubric": ["is nice"]}, "saved.json, mark 1: expected lines of the rubric of why, got 'is nice'"),
        ({"answer": 3}, "saved.json, mark 1: expected submission"),
        ({"rubric": 3}, "saved.json, mark 1: expected submission"),
    ],
)
def test_a_saved_mark_that_cannot_be_is_named(tmp_path, changes, message):
    path = tmp_path / "saved.json"
    path.write_text(json.dumps({"assignment": "small", "marks": [ENTRY | changes]}))
    with pytest.raises(ValueError) as error:  # noqa: PT011  # the message is compared
        saved_marks(path, SMALL, ["ada"])
    assert str(error.value).startswith(message)


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"assignment": "toy", "marks": []}', '{"assignment": "small", "marks": {}}']
)
def test_a_file_of_something_else_is_refused(tmp_path, text):
    path = tmp_path / "saved.json"
    path.write_text(text)
    with pytest.raises(ValueError, match=r"saved.json: expected"):
        saved_marks(path, SMALL, ["ada"])
