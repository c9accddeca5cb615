"""Instances follow the seed; an answer is compared with the reference, then the mistakes, then the invariant."""

from dataclasses import replace

import numpy as np
import pytest
from examples import HALF, TINY

from elbo_coursework import CommonMistake, Question, check, instances, judge
from elbo_coursework.questions import all_close, structure_mismatch


def test_instances_follow_the_seed():
    first, again, other = (instances("tiny", HALF, seed)[0]["p"] for seed in ("a", "a", "b"))
    assert np.array_equal(first, again)
    assert not np.allclose(first, other)


def test_a_mistake_that_equals_the_reference_costs_nothing():
    verdict = judge(HALF, {"p": np.array([1.0])}, 0.0)
    assert (verdict.credit, verdict.hint, verdict.mistake) == (1.0, "", "")


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (None, "Expected the answer, got nothing"),
        ([1.0], "Expected the answer of shape (), got shape (1,)."),
        ("x", "Expected the answer as numbers, got 'x'."),
        ("inf", "Expected the answer as numbers, got 'inf'."),
        ([[1.0], [1.0, 2.0]], "Expected the answer as numbers, got [[1.0]"),
        (float("nan"), "Expected the answer without NaN"),
        (-1.0, "An entropy is never negative, and yours is -1."),
        (3.0, "The value is wrong, though no identity shows it."),
    ],
)
def test_a_wrong_answer_is_told_what_is_wrong(answer, message):
    verdict = judge(HALF, {"p": np.array([0.5, 0.5])}, answer)
    assert verdict.credit == 0
    assert verdict.hint.startswith(message)


def test_an_answer_that_the_invariant_cannot_take_is_wrong_all_the_same():
    odd = replace(HALF, invariant=lambda answer, p: f"{p[int(answer)]}")
    for answer in (float("inf"), -7.0):
        verdict = judge(
            replace(odd, invariant=lambda a, p: [][int(a)]) if answer > 0 else odd, {"p": np.full(2, 0.5)}, answer
        )
        assert (verdict.credit, verdict.hint) == (0, "The value is wrong, though no identity shows it.")


def test_forms_and_equality():
    assert structure_mismatch({"a": 1}, {"a": 1, "b": 2}) == "Expected a dict with the keys a, b, got {'a': 1}."
    assert structure_mismatch(1, "text") == "Expected the answer as a text, got 1."
    assert not all_close(np.inf, 1e300, 1e-6)
    assert all_close(np.inf, np.inf, 1e-6)
    assert not all_close(1.0, 1.0 + 2e-5, 1e-6)


def test_check_prints_hints_and_never_the_reference(capsys):
    def entropy(p):
        p *= 0.5  # what a function does to its argument does not reach the reference
        return float(-(2 * p * np.log2(2 * p)).sum())

    with pytest.raises(AssertionError, match=r"This is in bits\."):
        check(entropy, TINY)
    assert capsys.readouterr().out == "entropy: 0 of 3 instances are right.\n  This is in bits.\n"

    def entropy(p):
        return -(p * np.log(p)).sum()

    check(entropy, TINY)
    assert capsys.readouterr().out == "entropy: 3 of 3 instances are right.\n"


def test_what_makes_no_sense_is_refused():
    with pytest.raises(ValueError, match=r"credit: expected from 0 to below 1, got 1.0"):
        CommonMistake("", "", abs, 1.0)
    with pytest.raises(ValueError, match="points, instances: expected at least 1 of each, got 0, 5"):
        Question("f", 0, HALF.draw, HALF.reference, HALF.invariant, (), ())
    with pytest.raises(ValueError, match="name: expected one of entropy, moments, got 'x'"):
        TINY.question("x")
    assert TINY.points == 12
