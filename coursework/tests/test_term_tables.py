import csv
from io import StringIO

import pytest

from elbo_coursework.term.tables import cell, csv_text, number, one_line, read_rows, uncell

FORMULAS = [
    "=1+1",
    "+1",
    "-1",
    "@SUM(A1)",
    "\t=1",
    "\r=1",
    "\n=1",
    "＝1",
    "＋1",
    "－1",
    "＠x",
    " =1",
    "a;=1",
    'a;"=1',
    "a; @b",
]


@pytest.mark.parametrize("text", FORMULAS)
def test_no_text_becomes_a_formula(text):
    rows = list(csv.reader(StringIO(csv_text([["a", text, "b"]])[1:])))
    assert len(rows) == 1
    for separator in ",;":  # a spreadsheet may split at either
        for part in csv.reader(StringIO(csv_text([["a", text, "b"]])[1:]), delimiter=separator):
            assert not [
                value for value in part if value.lstrip(' "').startswith(("=", "+", "-", "@", "＝", "＋", "－", "＠"))
            ]


@pytest.mark.parametrize("text", ["=1+1", "'=1", "''-", "plain", "it's", "a;=1", "-", "naïve 日本", "@"])
def test_what_a_cell_was_given_comes_back(text):
    assert uncell(str(cell(text))) == text


def test_numbers_stay_numbers_and_the_mark_comes_first():
    assert csv_text([[-2.5, 3, None, True]]) == "\ufeff-2.5,3,,True\r\n"


def test_control_and_turning_characters_leave_a_line():
    assert one_line("a\x1b[31m\u202eb\tc\r\nd\x00") == "a [31m b c d"
    assert one_line("می\u200cخواهم") == "می\u200cخواهم"


@pytest.mark.parametrize(
    "content",
    [
        b"name,points\r\nZo\xc3\xab,1\r\n",
        b"\xef\xbb\xbfname;points\nZo\xc3\xab;1\n",
        "name\tpoints\nZoë\t1\n".encode("utf-16"),
        "sep=;\r\nname;points\r\nZoë;1".encode(),
        b'"name","points"\r"Zo\xc3\xab","1"\r',
    ],
)
def test_a_table_is_read_as_spreadsheets_write_it(tmp_path, content):
    (tmp_path / "t.csv").write_bytes(content)
    assert read_rows(tmp_path / "t.csv") == [["name", "points"], ["Zoë", "1"]]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"name,points\nZo\xeb,1\n", "t.csv, line 2: expected UTF-8; in the spreadsheet, save it as «CSV UTF-8»"),
        (b"\n \n", "t.csv: expected a header and rows, and the file is empty"),
        (
            b"a,b\n" + b"x" * 200_000,
            "t.csv: expected CSV, and it cannot be read: field larger than field limit (131072)",
        ),
    ],
)
def test_what_is_no_table_is_said_in_a_sentence(tmp_path, content, message):
    (tmp_path / "t.csv").write_bytes(content)
    with pytest.raises(ValueError) as error:  # noqa: PT011  # the whole message is compared
        read_rows(tmp_path / "t.csv")
    assert str(error.value) == message


@pytest.mark.parametrize(
    ("text", "value"),
    [("2", 2), ("2.5", 2.5), ("2,5", 2.5), ("-1", -1), ("1e3", None), ("nan", None), ("1.000,5", None)],
)
def test_numbers_have_a_point_or_a_comma(text, value):
    assert number(text) == value
