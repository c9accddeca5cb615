import json
import re
import time

import pytest
from term_class import SMALL

from elbo_coursework.term.similarity import alike, code_of, similar_page

GIVEN = "\n".join(f"def given_{i}(x):\n    return (x + {i}) * [x for y in range(3) if y > x]" for i in range(6))
OWN = """
def rate(joint, axis=0):
    # the marginals first
    row, column = joint.sum(1), joint.sum(axis)
    total = 0.0
    for i in range(len(row)):
        for j in range(len(column)):
            if joint[i, j] > 0:
                total += joint[i, j] * np.log(joint[i, j] / row[i] / column[j])
    return {"rate": total, "bits": total / np.log(2)}
"""
OTHER = """
def rate(joint):
    outer = np.outer(joint.sum(axis=1), joint.sum(axis=0))
    held = np.where(joint > 0, joint, 1.0)
    nats = np.sum(joint * (np.log(held) - np.log(np.where(outer > 0, outer, 1.0))))
    assert nats >= -1e-9, "a rate is never negative"
    return dict(rate=float(nats), bits=float(nats) / float(np.log(2.0)))
"""
RENAMED = re.sub(r"\b(joint|row|column|total|axis|i|j)\b", lambda m: f"my_{m[0]}", OWN).replace("# the marg", "# Marg")


def scores(texts, known=(), **options):
    return {(pair.one, pair.other): pair.score for pair in alike(texts, known, code=True, **options)}


def test_renaming_changes_nothing_and_another_way_is_another():
    found = scores({"ada": OWN, "bob": RENAMED, "eve": OTHER})
    assert found["ada", "bob"] == 1.0
    assert max(found.get(("ada", "eve"), 0.0), found.get(("bob", "eve"), 0.0)) < 0.1


def test_what_was_given_and_what_many_wrote_does_not_count():
    assert scores({"ada": GIVEN + OWN, "bob": GIVEN + OTHER}, [GIVEN]).get(("ada", "bob"), 0.0) < 0.1
    assert scores({"ada": GIVEN + OWN, "bob": GIVEN + OTHER})["ada", "bob"] > 0.15
    assert scores({f"s{i}": OWN for i in range(4)}) == {}


def test_too_little_is_not_compared():
    assert (
        scores(
            {"ada": "def f(x):\n    return x.sum(0) + x.mean(1)", "bob": "def f(y):\n    return y.sum(0) + y.mean(1)"}
        )
        == {}
    )


def test_the_passage_is_what_each_wrote():
    (pair,) = alike({"ada": OTHER + OWN, "bob": RENAMED}, code=True)
    assert "joint.sum(1)" in pair.passages[0]
    assert "my_joint.sum(1)" in pair.passages[1]
    assert "outer" not in pair.passages[0]


def test_answers_in_words_are_compared_word_by_word():
    one = "The rate is what the encoder spends on an average image, and a prior that fits costs less than another."
    two = "Since the marginal is learnt, it takes the form of the aggregate; what remains of it is information alone."
    words = {"ada": one + two, "bob": f"{two} {one}".upper(), "eve": "I do not know it, sorry. " * 9}
    (pair,) = alike(words, code=False)
    assert (pair.one, pair.other) == ("ada", "bob")
    assert pair.score > 0.7


def test_the_page_says_its_limits_and_leaves_out_one_student():
    code = {"ada": OWN, "<b>": RENAMED}
    page = similar_page(SMALL, code, {})
    assert "Equal code proves little." in page
    assert "<td>&lt;b&gt;</td><td>ada</td>" in page
    assert "<b>" not in page
    assert "<td>" not in similar_page(SMALL, code, {}, same=frozenset([frozenset(["ada", "<b>"])]))


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (
            json.dumps({"cells": [{"cell_type": "code", "source": ["a = 1\n", "b"]}, {"cell_type": "markdown"}]}),
            "a = 1\nb",
        ),
        ("a = 1", "a = 1"),
        ("[" * 100_000, "[" * 100_000),
        ('{"cells": 3}', ""),
        ("3", ""),
    ],
)
def test_code_is_taken_from_notebooks_and_scripts(content, code):
    assert code_of(content.encode()) == code


@pytest.mark.parametrize(
    "text", ["'" * 400_000, "(" * 500_000, '"""' * 100_000, "r" * 500_000, "\\" * 400_000, "#" * 500_000]
)
def test_reading_takes_no_longer_than_the_text_is(text):
    start = time.perf_counter()
    alike({"ada": text, "bob": OWN}, code=True)
    assert time.perf_counter() - start < 20
