import json
import threading

import pytest
from term_class import SMALL

from elbo_coursework.term.marks import Mark, append_marks, fresh, latest, read_marks, saved_marks

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
    path.write_text("\ufeffQuestion;Points;Submission;My own;Why\r\nwhy;2,5;ada;seen;\r\nrate;3;bob;;typo\r\n;;;;\r\n")
    append_marks(path, [Mark("eve", "why", 1.5, "Good.")], SMALL)
    assert path.read_text(encoding="utf-8-sig").splitlines() == [
        "Question,Points,Submission,My own,Why,when,who,comment,rubric",
        'why,"2,5",ada,seen,,,,,',
        "rate,3,bob,,typo,,,,",
        ",,,,,,,,",
        "why,1.5,eve,,,,,Good.,",
    ]
    assert points(read_marks(path, SMALL)) == {("ada", "why"): 2.5, ("bob", "rate"): 3.0, ("eve", "why"): 1.5}


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (",,ada,why,much,,", "marks.csv, row 2, column points: expected a number such as 2.5, got 'much'"),
        (",,ada,why,4,,", "marks.csv, row 2, column points: expected from 0 to 3, got 4"),
        (",,ada,why,-1,,", "marks.csv, row 2, column points: expected from 0 to 3, got -1"),
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
}


def test_what_the_page_saved_is_taken_once(tmp_path):
    path = tmp_path / "saved.json"
    path.write_text(json.dumps({"assignment": "small", "marks": [ENTRY]}))
    marks = saved_marks(path, SMALL, ["ada"])
    assert marks == (Mark("ada", "why", 2.0, "a b", rubric=("says why",), when="w", who="t"),)
    append_marks(tmp_path / "marks.csv", marks, SMALL)
    assert fresh(marks, read_marks(tmp_path / "marks.csv", SMALL)) == []


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
