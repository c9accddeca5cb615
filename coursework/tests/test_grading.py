"""Right answers earn everything, stubs nothing, mistakes what the rubric says, and tricks nothing."""

import json

import pytest
from examples import HALF, SOLUTION, STUB, TINY, notebook, script

from elbo_coursework import Grade, grade, instances
from elbo_coursework.grading import cache_key

SEEDS = ["spring", "autumn", "7"]
ANSWER = "return -float(np.sum(p * np.log(p)))"


def graded(tmp_path, source, seed="spring"):
    return grade(script(tmp_path / "one.py", source), TINY, seed)


@pytest.mark.parametrize("seed", SEEDS)
def test_the_solution_earns_everything_and_the_stub_nothing(tmp_path, seed):
    full = grade(notebook(tmp_path / "ada.ipynb", *SOLUTION.split("\n\n")), TINY, seed)
    assert (full.submission, full.earned, full.points, full.manual) == ("ada", 10, 10, {"why": 2})
    assert [question.hints for question in full.questions] == [{}, {}]
    stub = graded(tmp_path, STUB, seed)
    assert stub.earned == 0
    assert all("is the function written" in hint for question in stub.questions for hint in question.hints)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_mistake_earns_its_credit_and_another_mistake_breaks_its_invariant(tmp_path, seed):
    bits = graded(tmp_path, SOLUTION.replace("np.log(", "np.log2("), seed).questions[0]
    assert (bits.earned, bits.correct, bits.hints, bits.mistakes) == (3, 0, {"This is in bits.": 3}, ("in bits",))
    negative = graded(tmp_path, SOLUTION.replace("-float", "float"), seed).questions[0]
    assert negative.earned == 0
    assert all(hint.startswith("An entropy is never negative") for hint in negative.hints)


def test_answers_learnt_by_heart_fail_under_another_seed(tmp_path):
    pairs = [(inputs["p"].tolist(), float(HALF.reference(**inputs))) for inputs in instances("tiny", HALF, "spring")]
    learnt = f"return next((h for q, h in {pairs} if np.allclose(p, q)), 0.5)"
    source = SOLUTION.replace(ANSWER, learnt)
    assert graded(tmp_path, source).questions[0].earned == 6
    assert graded(tmp_path, source, "autumn").questions[0].earned == 0


def test_an_answer_that_looks_at_nothing_earns_nothing(tmp_path):
    drawn = [HALF.reference(**inputs) for inputs in instances("tiny", HALF, "spring")]
    lucky = graded(tmp_path, SOLUTION.replace(ANSWER, f"return {drawn[1]!r}")).questions[0]
    assert (lucky.earned, len(lucky.hints)) == (0, 2)
    assert any(hint.startswith("The answer is the same whatever") for hint in lucky.hints)


def test_the_answer_of_the_package_earns_nothing_and_the_rest_of_the_notebook_its_points(tmp_path):
    source = SOLUTION.replace(ANSWER, "from companion.exact import tables\n    return tables.entropy(p)")
    found = graded(tmp_path, source)
    assert [question.earned for question in found.questions] == [0, 4]
    (hint,) = found.questions[0].hints
    assert hint == "Line 3 of entropy uses companion.exact.tables.entropy, which does the work of this question."


def test_a_missing_function_and_a_file_that_is_no_notebook_are_told(tmp_path):
    (hint,) = graded(tmp_path, "x = 1").questions[0].hints
    assert hint == "The notebook does not define entropy."
    found = grade(script(tmp_path / "bad.ipynb", "not JSON"), TINY, "spring")
    assert found.earned == 0
    assert "bad.ipynb is none" in found.notes[0]


def test_a_grade_is_the_same_after_a_record(tmp_path):
    found = graded(tmp_path, SOLUTION.replace("np.log(", "np.log2("))
    record = json.loads(json.dumps(found.to_record()))
    assert Grade.from_record(record) == found
    assert (record["earned"], record["points"]) == (7, 10)


def test_the_key_follows_what_a_grade_depends_on():
    keys = {cache_key(b"a", TINY, "1"), cache_key(b"b", TINY, "1"), cache_key(b"a", TINY, "2")}
    assert len(keys) == 3
    assert cache_key(b"a", TINY, "1") in keys
