import base64
import hashlib
import html
import json
import re

import pytest
from term_class import SMALL, grade, png

from elbo_coursework.feedback import feedback_page, gradescope_results, plain, points
from elbo_coursework.grading import Piece, QuestionGrade
from elbo_coursework.term.late import Late
from elbo_coursework.term.marking_page import marking_page, picture_problem
from elbo_coursework.term.marks import Mark, answer_name
from elbo_coursework.term.overview import counts, histogram, median, overview
from elbo_coursework.term.roster import Student
from elbo_coursework.term.totals import totals

EVIL = "</script><script>alert(1)</script><img src=x onerror=alert(2)>\u202e\x1b[31m"
MARKS = (
    Mark("ada", "why", 2.5, "Nearly <b>.", rubric=("says why",)),
    Mark("ada", "picture", 0.0),
    Mark("bob", "rate", 5.0, why="a typo of ours"),
)


def result_of(name, grades, **options):
    whole = totals(SMALL, grades, MARKS, **options)
    return next(result for result in whole.results if result.name == name)


def text_of(page):
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", page.split("</style>")[1])).split())


def data_of(page):
    return json.loads(re.search(r'<script type="application/json" id="data">(.*?)</script>', page)[1])


def policy_of(page):
    return re.search(r'http-equiv="Content-Security-Policy" content="([^"]*)"', page)[1]


def hashes(page, tag):
    texts = re.findall(rf"<{tag}>(.*?)</{tag}>", page, re.S)
    return [f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'" for text in texts]


def test_a_student_reads_totals_rubric_and_comment():
    page = feedback_page(SMALL, grade("ada"), result_of("ada", [grade("ada")]))
    text = text_of(page)
    assert "code 10 10 words 2.5 5 all 12.5 15" in text
    assert "why 2.5 of 3 points. given for points yes says why 2 of 2 no gives an example 0 of 1" in text
    assert "The points were set by hand, and differ from the sum of the lines." in text
    assert "Nearly <b>." in text
    assert "<b>" not in page
    assert "picture 0 of 2 points. given for points no shows it 0 of 2" in text


def test_a_student_reads_why_points_were_changed_and_what_half_is():
    page = feedback_page(SMALL, grade("bob", 3.0), result_of("bob", [grade("bob", 3.0)]))
    text = text_of(page)
    assert "rate 3 of 6 points: 2 of 4 instances are right." in text
    assert "2 instances (each keeps half of its points): This is in bits." in text
    assert "Changed by hand to 5 of 6 points: a typo of ours" in text
    assert "words not marked yet 5 so far 9 15 Not marked yet: why, picture." in text


def test_a_student_reads_what_being_late_cost():
    late = Late("2026-11-30T12:00:00+00:00", 3, 0.1)
    one = grade("ada", handed_in="2026-12-02T11:00:00+00:00")
    text = text_of(feedback_page(SMALL, one, result_of("ada", [one], late=late)))
    assert "2 days late -2.5 20% of the points all 10 15" in text


def test_nothing_that_a_student_names_breaks_a_page():
    long = QuestionGrade("rate", 6, 0.0, 0, 4, {f"It raised {'X' * 2_000_000}: {EVIL}": 4})
    bad = grade(EVIL, questions=(long,), notes=(EVIL,))
    for page in (feedback_page(SMALL, bad), overview(SMALL, totals(SMALL, [bad]))):
        assert len(page) < 8000
        assert "<script" not in page
        assert "<img" not in page
        assert "\u202e" not in page
        assert "\x1b" not in page
    assert f"It raised {'X' * 57}... <" in text_of(feedback_page(SMALL, bad))
    output = gradescope_results(SMALL, bad)["tests"][0]["output"]
    assert f"every instance: It raised {'X' * 57}... <" in output
    assert "\x1b" not in output


def test_gradescope_adds_the_words_itself():
    results = gradescope_results(SMALL, grade("bob", 3.0, notes=("Cell 3 is left out.",)))
    assert results["score"] == 7.0
    assert results["output"] == "7 of 10 points.\nCell 3 is left out."
    assert [(test["name"], test["score"], test["max_score"]) for test in results["tests"]] == [
        ("rate", 3.0, 6),
        ("bound", 4.0, 4),
    ]
    assert results["tests"][0]["output"] == (
        "2 of 4 instances are right.\n2 instances (each keeps half of its points): This is in bits."
    )


def test_pages_load_nothing_and_run_their_own_script_alone():
    whole = totals(SMALL, [grade("ada")], MARKS)
    for page in (feedback_page(SMALL, grade("ada")), overview(SMALL, whole), marking_page(SMALL, whole)):
        policy = policy_of(page)
        assert policy.startswith("default-src 'none'; ")
        assert "unsafe" not in policy
        for tag, source in (("style", "style-src"), ("script", "script-src")):
            given = re.search(rf"{source} ([^;]*)", policy)
            assert (given[1].split() if given else []) == hashes(page, tag)
        assert not re.findall(r"\b(?:src|href)=|url\(|@import|\bon\w+=|style=", page.split("<script")[0])


def test_marking_has_every_answer_as_text():
    pieces = (Piece("text", EVIL), Piece("code", "x\t= 1"), Piece("output", "1"), Piece("image", png()))
    whole = totals(SMALL, [grade("ada", answers={"why": pieces}), grade("bob")], MARKS)
    page = marking_page(SMALL, whole, folder="graded/<small>", of="2026")
    data = data_of(page)
    assert data["storage"] == "elbo-coursework/small/2026/"
    assert "<small>" not in page
    assert [q["rubric"] for q in data["questions"]] == [[["says why", 2], ["gives an example", 1]], [["shows it", 2]]]
    assert [(a["question"], a["submission"]) for a in data["answers"]] == [
        ("why", "ada"),
        ("why", "bob"),
        ("picture", "ada"),
        ("picture", "bob"),
    ]
    ada = data["answers"][0]
    assert ada["mark"] == {"points": 2.5, "rubric": ["says why"], "comment": "Nearly <b>.", "who": ""}
    assert data["answers"][1]["mark"] is None
    kinds = [(piece["kind"], piece["content"]) for piece in ada["pieces"]]
    assert kinds[0] == ("text", EVIL.replace("\u202e", " ").replace("\x1b", " "))
    assert kinds[1:] == [("code", "x   = 1"), ("output", "1"), ("image", png())]
    assert page.count("<script") == page.count("</script>") == 2


def test_a_mark_of_an_earlier_answer_is_named_on_the_page():
    marks = [Mark("ada", "why", 2.0, answer="another"), Mark("bob", "why", 2.0, answer=answer_name(THINKS))]
    answers = data_of(marking_page(SMALL, totals(SMALL, [grade("ada"), grade("bob", answers={"why": THINKS})], marks)))
    told = {(a["submission"], a["question"]): (a["earlier"], a["answer"]) for a in answers["answers"]}
    assert told["ada", "why"] == (True, answer_name(grade("ada").answers["why"]))
    assert told["bob", "why"] == (False, answer_name(THINKS))
    assert told["ada", "picture"] == (False, answer_name(()))


THINKS = (Piece("text", "bob thinks so."),)


def test_the_order_tells_nothing_of_names():
    names = [f"student{i:02}" for i in range(30)]
    answers = data_of(marking_page(SMALL, totals(SMALL, [grade(name) for name in names])))["answers"]
    for question in ("why", "picture"):
        order = [a["submission"] for a in sorted(answers, key=lambda a: a["order"][0]) if a["question"] == question]
        assert sorted(order) == names
        assert order != names
    assert len({a["order"][0] for a in answers}) == 60
    assert len({a["order"][1] for a in answers}) == 30


def test_marking_leaves_out_attempts_that_do_not_count():
    grades = [grade("ada_1", handed_in="2026-11-01T10:00"), grade("ada_2", handed_in="2026-11-02T10:00")]
    data = data_of(marking_page(SMALL, totals(SMALL, grades, roster=(Student("s1", name="Ada"),))))
    assert {(a["submission"], a["shown"]) for a in data["answers"]} == {("ada_2", "Ada")}


def jpeg(width, height):
    """A JPEG in base64, of which nothing but the frame is there."""
    frame = b"\xff\xc0\x00\x0b\x08" + height.to_bytes(2) + width.to_bytes(2) + b"\x01\x01\x11\x00"
    return base64.b64encode(b"\xff\xd8\xff\xe0\x00\x04ab" + frame + b"\xff\xd9").decode()


def broken(change):
    data = bytearray(base64.b64decode(png()))
    change(data)
    return base64.b64encode(bytes(data)).decode()


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (png(), ""),
        (png(7000, 1), ""),
        (f"{png()[:10]}\n{png()[10:]}", ""),
        ("<svg onload=alert(1)>", "it is no base64"),
        (base64.b64encode(b"<svg onload=alert(1)>").decode(), "it is no PNG or JPEG"),
        (jpeg(40, 30), ""),
        (jpeg(40, 30)[:28], "it is a broken picture"),
        (jpeg(60000, 60000), "it has 60000 by 60000 pixels"),
        (base64.b64encode(b"\x89PNG\r\n\x1a\n").decode(), "it is a broken picture"),
        (broken(lambda data: data.__setitem__(20, 9)), "it is a broken picture"),
        (broken(lambda data: data.extend(b"<script>")), "it is a broken picture"),
        (broken(lambda data: data.__delitem__(slice(-12, None))), "it is a broken picture"),
        ("A" * 7_000_000, "it is larger than 5 MB"),
    ],
)
def test_a_picture_is_a_png(content, problem):
    assert picture_problem(content) == problem
    whole = totals(SMALL, [grade("ada", answers={"why": (Piece("image", content),)})])
    (piece,) = data_of(marking_page(SMALL, whole))["answers"][0]["pieces"]
    expected = ("text", f"(A picture is left out: {problem}.)") if problem else ("image", png_text(content))
    assert (piece["kind"], piece["content"]) == expected


def png_text(content):
    return "".join(content.split())


def test_a_picture_of_too_many_pixels_is_left_out():
    assert picture_problem(huge()) == "it has 60000 by 60000 pixels"


def huge():
    import struct
    import zlib

    body = b"IHDR" + struct.pack(">IIBBBBB", 60000, 60000, 8, 0, 0, 0, 0)
    chunk = struct.pack(">I", 13) + body + struct.pack(">I", zlib.crc32(body))
    end = b"\0\0\0\0IEND" + struct.pack(">I", zlib.crc32(b"IEND"))
    return base64.b64encode(b"\x89PNG\r\n\x1a\n" + chunk + end).decode()


def test_the_overview_counts():
    mistaken = QuestionGrade("rate", 6, 3.0, 0, 4, {"This is in bits.": 4}, ("in bits",), ("Marked otherwise.",))
    bob = grade("bob", questions=(mistaken, grade("bob").questions[1]), notes=("Cell 2 is left out.",))
    whole = totals(SMALL, [grade("ada"), bob], MARKS, (Student("1", name="Ada"), Student("2", name="Cy")))
    text = text_of(overview(SMALL, whole))
    assert "2 submissions; 1 student handed in nothing." in text
    assert "Mean 10.8, median 10.75, lowest 9, highest 12.5 of 15 points" in text
    assert "15 points. The words of 1 submission are not marked yet, and count as 0 so far." in text
    assert "rate 1 50% 5.5 6 bound 2 100% 4.0 4" in text
    assert "why 1 of 2 2.5 3 picture 1 of 2 0.0 2" in text
    assert "rate in bits 1" in text
    assert "bob rate 5 a typo of ours" in text
    assert "Cell 2 is left out." in text
    assert "rate Marked otherwise. 1" in text
    assert "bob is of nobody on the roster." in text


def test_the_histogram_has_every_total_once():
    values = [0, 1.4, 1.5, 15, 14.99, 7.5]
    assert counts(values, 15) == [2, 1, 0, 0, 0, 1, 0, 0, 0, 2]
    drawn = histogram(values, 15)
    heights = [float(height) for height in re.findall(r'height="([\d.]+)" opacity', drawn)]
    assert [round(height / max(heights) * 2) for height in heights] == counts(values, 15)
    assert 'fill="currentColor"' in drawn
    assert "<script" not in drawn


def test_an_empty_class_has_an_overview():
    assert "0 submissions." in text_of(overview(SMALL, totals(SMALL, [])))


def test_small_ones():
    assert median([3.0]) == 3.0
    assert [points(value) for value in (0.0, 10.0, 2.50, 1 / 3)] == ["0", "10", "2.5", "0.33"]
    assert plain("a" * 61) == f"{'a' * 57}..."
    assert len(plain("a " * 1000)) == 600
