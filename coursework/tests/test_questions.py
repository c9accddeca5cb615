"""Instances follow the seed, and traps do not; answers are compared with reference, mistakes and invariant."""

import runpy
from dataclasses import replace
from functools import cache

import hypothesis.strategies as st
import numpy as np
import pytest
from examples import HALF, PAIR, TINY
from hypothesis import HealthCheck, example, given, settings
from hypothesis.extra import numpy as hnp

from elbo_coursework import NAMES, CommonMistake, Question, assignment, instances, judge
from elbo_coursework.assignments.common import apart, check_at_most, check_equal
from elbo_coursework.questions import LONGEST, all_close, structure_mismatch

EVEN = {"p": np.array([0.5, 0.5])}
QUESTIONS = [(name, question) for name in NAMES for question in assignment(name).questions]


def test_instances_follow_the_seed():
    first, again, other = (instances("tiny", HALF, seed)[0]["p"] for seed in ("a", "a", "b"))
    assert np.array_equal(first, again)
    assert not np.allclose(first, other)


def test_every_instance_is_drawn_with_its_own_trap():
    question = replace(HALF, draw=lambda rng, trap: {"p": rng.uniform(), "trap": trap}, traps=("", "zeros", "idle"))
    assert question.instances == 3
    for seed in ("a", "b"):
        assert [inputs["trap"] for inputs in instances("tiny", question, seed)] == ["", "zeros", "idle"]


def test_a_mistake_that_equals_the_reference_costs_nothing():
    verdict = judge(HALF, {"p": np.array([1.0])}, 0.0)
    assert (verdict.credit, verdict.hint, verdict.mistake) == (1.0, "", "")


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (None, "Expected the answer, got nothing: is the function written, and does it return?"),
        ([1.0], "Expected the answer of shape (), got shape (1,)."),
        (np.zeros((1,) * 7), "Expected the answer of shape (), got 7 dimensions."),
        ("inf", "Expected the answer as numbers, got a text of 3 characters."),
        (b"secret", "Expected the answer as numbers, got 6 bytes."),
        ({"a": 1.0}, "Expected the answer as numbers, got a dict of 1."),
        ([[1.0], [1.0, 2.0]], "Expected the answer as numbers, got a list of 2."),
        ([1.0, "x"], "Expected the answer as numbers, got a list of 2."),
        ([None], "Expected the answer as numbers, got a list of 1."),
        ({1.0}, "Expected the answer as numbers, got a set of 1."),
        (abs, "Expected the answer as numbers, got something else."),
        (np.array(["x", "y"]), "Expected the answer as numbers, got an array that holds no numbers."),
        (1 + 1j, "Expected the answer as real numbers, got complex ones."),
        (10**400, "Expected the answer as numbers of at most 64 bits, got a larger whole number."),
        (
            float("nan"),
            "Expected the answer without NaN, got NaN: where does your code meet 0 log 0, 0 / 0 or inf - inf?",
        ),
        (-1.0, "An entropy is never negative, and yours is -1."),
        (3.0, "The value is wrong, though no identity shows it."),
    ],
)
def test_a_wrong_answer_is_told_what_is_wrong(answer, message):
    verdict = judge(HALF, EVEN, answer)
    assert (verdict.credit, verdict.hint) == (0, message)


def test_an_answer_that_the_invariant_cannot_take_is_wrong_all_the_same():
    def falls(error):
        def invariant(answer, p):
            raise error

        return invariant

    for error in (LookupError(), RecursionError(), MemoryError(), AttributeError(), OverflowError(), AssertionError()):
        verdict = judge(replace(HALF, invariant=falls(error)), EVEN, 7.0)
        assert (verdict.credit, verdict.hint) == (0, "The value is wrong, though no identity shows it.")


def test_an_object_that_resists_is_wrong_and_no_more():
    class Resists(dict):
        def __array__(self, *args, **kwargs):
            raise RuntimeError("\x1b[31m secret")

        def keys(self):
            raise RuntimeError("secret")

        def __len__(self):
            raise RuntimeError("secret")

    for question in (HALF, PAIR):
        verdict = judge(question, instances("tiny", question, "a")[0], Resists())
        assert verdict.credit == 0
        assert "secret" not in verdict.hint


def test_a_hint_is_one_short_line_whatever_it_quotes():
    question = replace(HALF, invariant=lambda answer, p: f"a\nb\x1b[31m\t{'c' * 10**6}")
    hint = judge(question, EVEN, 7.0).hint
    assert hint == "a b [31m " + "c" * (LONGEST - 12) + "..."
    assert len(hint) == LONGEST


def test_part_of_the_points_is_explained():
    shares = {0.5: "half", 0.25: "a quarter", 0.75: "three quarters", 0.1: "10%"}
    for credit, share in shares.items():
        mistake = CommonMistake("twice", "Twice as much.", lambda p: 2 * np.log(2), credit)
        verdict = judge(replace(HALF, mistakes=(mistake,)), EVEN, 2 * np.log(2))
        ending = f"Since nothing else is wrong, this instance earns {share} of its points."
        assert (verdict.credit, verdict.hint) == (credit, f"Twice as much. {ending}")
    mistake = CommonMistake("twice", "Twice as much.", lambda p: 2 * np.log(2))
    assert judge(replace(HALF, mistakes=(mistake,)), EVEN, 2 * np.log(2)).hint == "Twice as much."


def test_forms_and_equality():
    keys = "Expected a dict with the keys a, b and no others, got"
    assert structure_mismatch({"a": 1}, {"a": 1, "b": 2}) == f"{keys} one without b."
    assert structure_mismatch({"a": 1, "b": 2, "secret": 3}, {"a": 1, "b": 2}) == f"{keys} a dict of 3."
    assert structure_mismatch([1], {"a": 1}) == "Expected a dict with the keys a, got a list of 1."
    assert structure_mismatch({"a": np.nan}, {"a": 1}).startswith("Expected 'a' without NaN, got NaN: ")
    assert structure_mismatch(1, "text") == "Expected the answer as a text, got a number."
    assert structure_mismatch("x", True) == "Expected the answer as True or False, got a text of 1 characters."
    assert structure_mismatch([1.0, np.nan], [1, 2]).startswith("Expected the answer without NaN, got NaN in 1 of 2 ")
    assert not all_close(np.inf, 1e300, 1e-6)
    assert all_close(np.inf, np.inf, 1e-6)
    assert not all_close(1.0, 1.0 + 3e-6, 1e-6)
    assert all_close(1.0, 1.0 + 1.9e-6, 1e-6)


@given(st.floats(allow_nan=False), st.floats(allow_nan=False))
@example(0.0, -0.0)
@example(1.00001, 1.0)
@example(1.0, 1.0000000000000002)
def test_two_numbers_that_differ_never_look_the_same(a, b):
    assert (len(set(apart(a, b))) == 2) == (a != b)


@given(st.floats(0.5, 2), st.floats(1e-8, 1e-2))
def test_a_comparison_shows_the_difference_that_it_is_about(limit, more):
    assert apart(1.0, 1.0) == ["1", "1"]
    sentence = check_at_most("The information", limit + more, "log N", limit)
    most, found = sentence.removesuffix(".").split(" = ")[1].split(", and yours is ")
    assert (float(found) > float(most)) == (more > 0)
    sentence = check_equal("It", limit + more, limit) or check_equal("It", limit + 1, limit)
    right, found = sentence.removeprefix("It should be ").removesuffix(".").split(", and yours is ")
    assert float(right) < float(found)


numbers = st.one_of(st.floats(), st.integers(), st.complex_numbers(), st.sampled_from([2**63, -(2**70), 10**400, True]))
leaves = st.one_of(numbers, st.none(), st.text(max_size=40), st.binary(max_size=9), st.just("9" * 10**5))
arrays = hnp.arrays(
    st.one_of(hnp.scalar_dtypes(), hnp.unicode_string_dtypes()), hnp.array_shapes(min_dims=0, max_side=5)
)
anything = st.recursive(
    st.one_of(leaves, arrays),
    lambda inner: st.one_of(st.lists(inner, max_size=5), st.dictionaries(st.text(max_size=5), inner, max_size=4)),
    max_leaves=8,
)


@cache
def drawn(place):
    name, question = QUESTIONS[place]
    found = instances(name, question, "a")
    return question, [(inputs, question.reference(**inputs)) for inputs in found]


def deep(levels):
    nested = 1.0
    for _ in range(levels):
        nested = [nested]
    return nested


def fitted(reference, value):
    """The value, or as many of it as the reference has entries: an answer that comes as far as the invariant."""
    if isinstance(reference, dict):
        return {key: fitted(inner, value) for key, inner in reference.items()}
    return np.full(np.shape(reference), value) if isinstance(value, (int, float, complex)) else value


@settings(suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
@given(st.integers(0, len(QUESTIONS) - 1), st.integers(0, 4), anything, st.booleans())
def test_any_answer_to_any_question_gets_a_verdict_and_one_short_line(place, index, answer, fits):
    question, found = drawn(place)
    inputs, reference = found[index]
    judged(question, inputs, fitted(reference, answer) if fits else answer)


HOSTILE = [deep(60), deep(900), deep(5000), [[]] * 9, np.empty((0, 10**9)), "x" * 10**7, {"\x1b[31m" * 10**5: 1}]
HOSTILE += [np.inf, -np.inf, 1e308, -1e308, 5e-324, np.array("2020-01-01", "M8"), range(10**5), np.float32(1), Ellipsis]


@pytest.mark.parametrize("place", range(len(QUESTIONS)))
def test_a_hostile_answer_gets_a_verdict_and_one_short_line(place):
    question, found = drawn(place)
    for inputs, reference in found[1:3]:
        for answer in HOSTILE:
            judged(question, inputs, answer)
            judged(question, inputs, fitted(reference, answer))


def judged(question, inputs, answer):
    verdict = judge(question, inputs, answer)
    assert 0 <= verdict.credit <= 1
    assert bool(verdict.hint) == (verdict.credit < 1)
    assert len(verdict.hint) <= LONGEST
    assert verdict.hint.isprintable()


def test_no_hint_quotes_a_text_or_a_key_of_an_answer():
    for question, found in map(drawn, range(len(QUESTIONS))):
        inputs, reference = found[0]
        for answer in ("Tr0ub4dor", ["Tr0ub4dor"], {"Tr0ub4dor": 1}, [{"Tr0ub4dor": 1}], b"Tr0ub4dor"):
            answers = [answer]
            if isinstance(reference, dict):
                answers += [dict.fromkeys(reference, answer), reference | {"Tr0ub4dor": 1}]
            assert not any("Tr0ub" in judge(question, inputs, given_).hint for given_ in answers)


CHECKED = """
import numpy as np
from elbo_coursework import check
from examples import TINY

def entropy(p):
    p *= 0.5  # what a function does to its argument does not reach the reference
    return -float((2 * p * np.log(2 * p)).sum())

check(entropy, TINY)
"""


def test_check_prints_hints_and_never_the_reference(capsys, tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(CHECKED.replace("np.log(", "np.log2("))
    with pytest.raises(AssertionError, match=r"This is in bits\."):
        runpy.run_path(str(path))
    said = "This is in bits. Since nothing else is wrong, this instance earns half of its points."
    assert capsys.readouterr().out == f"entropy: 0 of 3 instances are right.\n  {said}\n"
    path.write_text(CHECKED)
    runpy.run_path(str(path))
    assert capsys.readouterr().out == "entropy: 3 of 3 instances are right.\n"


def test_what_makes_no_sense_is_refused():
    with pytest.raises(ValueError, match=r"credit: expected from 0 to below 1, got 1.0"):
        CommonMistake("", "", abs, 1.0)
    for points, traps in ((0, ("",)), (1, ())):
        with pytest.raises(ValueError, match=f"points, traps: expected at least 1 of each, got {points}, {len(traps)}"):
            Question("f", points, HALF.draw, HALF.reference, HALF.invariant, (), traps=traps)
    with pytest.raises(ValueError, match="name: expected one of entropy, moments, got 'x'"):
        TINY.question("x")
    assert TINY.points == 12
