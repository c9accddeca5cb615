"""Right answers earn everything, stubs nothing, mistakes what the rubric says once, and tricks nothing."""

import json

import nbformat
import pytest
from examples import HALF, SOLUTION, STUB, TINY

from elbo_coursework import Grade, assignment, confinement, grade, instances
from elbo_coursework.grading import ELSEWHERE, cache_key
from elbo_coursework.questions import PUBLIC_SEED
from elbo_coursework.submissions import Submission

SEEDS = ["spring", "autumn", "7"]
ANSWER = "return -float(np.sum(p * np.log(p)))"
SURGERY = assignment("surgery")


@pytest.fixture(scope="module")
def isolated():
    for level in confinement.LEVELS:
        try:
            return confinement.isolation(level, allow_root=True)
        except ValueError:
            continue
    raise AssertionError("no level of isolation")


@pytest.fixture
def graded(forked, isolated):
    def graded(source, seed="spring", asked=TINY, file="one.py"):
        return grade(Submission("one", file, source.encode()), asked, seed, isolated=isolated)

    return graded


@pytest.mark.parametrize("seed", SEEDS)
def test_the_solution_earns_everything_and_the_stub_nothing(graded, seed):
    cells = [nbformat.v4.new_code_cell(cell) for cell in SOLUTION.split("\n\n")]
    full = graded(nbformat.writes(nbformat.v4.new_notebook(cells=cells)), seed, file="ada.ipynb")
    assert (full.submission, full.file, full.earned, full.points) == ("one", "ada.ipynb", 10, 10)
    assert full.manual == {"why": 2}
    assert [question.hints for question in full.questions] == [{}, {}]
    stub = graded(STUB, seed)
    assert stub.earned == 0
    assert all("is the function written" in hint for question in stub.questions for hint in question.hints)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_mistake_earns_its_credit_and_another_mistake_breaks_its_invariant(graded, seed):
    bits = graded(SOLUTION.replace("np.log(", "np.log2("), seed).questions[0]
    assert (bits.earned, bits.correct, bits.mistakes) == (3, 0, ("in bits",))
    assert all(hint.startswith("This is in bits.") for hint in bits.hints)
    negative = graded(SOLUTION.replace("-float", "float"), seed).questions[0]
    assert negative.earned == 0
    assert all(hint.startswith("An entropy is never negative") for hint in negative.hints)


def test_answers_learnt_by_heart_fail_under_another_seed(graded):
    pairs = [(inputs["p"].tolist(), float(HALF.reference(**inputs))) for inputs in instances("tiny", HALF, "spring")]
    learnt = f"return next((h for q, h in {pairs} if np.allclose(p, q)), 0.5)"
    source = SOLUTION.replace(ANSWER, learnt)
    assert graded(source).questions[0].earned == 6
    assert graded(source, "autumn").questions[0].earned == 0


def test_an_answer_that_looks_at_nothing_earns_nothing(graded):
    drawn = [HALF.reference(**inputs) for inputs in instances("tiny", HALF, "spring")]
    lucky = graded(SOLUTION.replace(ANSWER, f"return {drawn[1]!r}")).questions[0]
    assert (lucky.earned, len(lucky.hints)) == (0, 2)
    assert any(hint.startswith("The answer is the same whatever") for hint in lucky.hints)


def test_the_answer_of_the_package_is_not_there_and_the_rest_of_the_notebook_earns_its_points(graded):
    source = SOLUTION.replace(ANSWER, "from companion.exact import tables\n    return tables.entropy(p)")
    found = graded(source)
    assert [question.earned for question in found.questions] == [0, 4]
    (hint,) = found.questions[0].hints
    assert hint == (
        "The code raised ModuleNotFoundError: No module named 'companion', in line 2 of entropy; grading has no "
        "companion, as it holds the answers."
    )


REVERSED = """
import numpy as np
def rate(encoder, prior):
    with np.errstate(all="ignore"):
        return np.nansum(prior * np.log(prior / encoder)) / len(encoder)
def index_information(encoder):
    return rate(encoder, encoder.mean(0))
def marginal_kl(encoder, prior):
    return rate(encoder.mean(0)[None], prior)
"""


def test_a_mistake_is_charged_once(graded):
    found = {question.name: question for question in graded(REVERSED, asked=SURGERY).questions}
    assert found["rate"].earned < 8
    for name in ("index_information", "marginal_kl"):
        assert found[name].earned == found[name].points
        assert found[name].notes == ("Marked with the reference in place of your rate, which gives more.",)
    missing = REVERSED.replace("        return np.nansum", "        np.nansum")
    found = {question.name: question for question in graded(missing, asked=SURGERY).questions}
    assert (found["rate"].earned, found["marginal_kl"].earned) == (0, found["marginal_kl"].points)


def test_a_reference_helps_no_question_but_later_ones(graded):
    """The first question can lean on a later one, of which the reference stands in place of nothing."""
    source = REVERSED.replace(
        "def rate(encoder, prior):",
        "def rate(encoder, prior):\n    return marginal_kl(encoder, prior)\ndef old(encoder, prior):",
    )
    source = source.replace("return rate(encoder.mean(0)[None], prior)", "return 0 * rate(encoder, prior)")
    found = {question.name: question for question in graded(source, asked=SURGERY).questions}
    assert found["rate"].earned == 0
    assert found["rate"].notes == ()
    assert found["marginal_kl"].earned == 0


def test_the_words_of_an_error_carry_no_instance_out(graded):
    leaking = SOLUTION.replace(ANSWER, "raise ValueError(str(p.tolist()))")
    secret = [str(inputs["p"].tolist())[:20] for inputs in instances("tiny", HALF, "spring")]
    public = str(instances("tiny", HALF, PUBLIC_SEED)[0]["p"].tolist())[:20]
    (hint,) = graded(leaking).questions[0].hints
    assert public in hint
    assert not any(text in str(graded(leaking).to_record()) for text in secret)
    named = SOLUTION.replace(ANSWER, "raise type('E' + str(p.tolist()), (Exception,), {})")
    assert set(graded(named).questions[0].hints) == {ELSEWHERE}


def test_a_missing_function_and_a_file_that_is_no_notebook_are_told(graded):
    (hint,) = graded("x = 1").questions[0].hints
    assert hint == "The notebook does not define entropy."
    found = graded("{not JSON", file="bad.ipynb")
    assert found.earned == 0
    assert found.notes[0].startswith("The file cannot be read: it is no whole notebook (")


def test_a_fork_in_place_of_a_jail_starts_no_process_either(graded):
    found = graded(SOLUTION.replace(ANSWER, "return __import__('os').fork()"))
    (hint,) = found.questions[0].hints
    assert hint.startswith("The code raised BlockingIOError: [Errno 11] Resource temporarily unavailable")


def test_another_assignment_is_recognised(graded):
    found = graded("def blended_model(joint, share): pass\ndef on_the_line(): pass", asked=SURGERY)
    assert found.notes == (
        "Nothing in it is named after a question of the assignment surgery; 2 functions are named after those of toy.",
    )


def test_answers_in_words_are_kept(graded):
    cells = [
        nbformat.v4.new_markdown_cell("## 3. Why (2 points)\n<!-- answer: why -->"),
        nbformat.v4.new_markdown_cell("Since <b>p</b> sums to one."),
        nbformat.v4.new_code_cell("1 + 1", outputs=[nbformat.v4.new_output("execute_result", {"text/plain": "2"})]),
        nbformat.v4.new_markdown_cell("<!-- end -->\n## The end"),
        nbformat.v4.new_markdown_cell("not part of it"),
    ]
    found = graded(nbformat.writes(nbformat.v4.new_notebook(cells=cells)), file="a.ipynb")
    assert found.answers == {"why": (("text", "Since <b>p</b> sums to one."), ("code", "1 + 1"), ("output", "2"))}


def test_a_grade_is_the_same_after_a_record(graded):
    found = graded(SOLUTION.replace("np.log(", "np.log2("))
    record = json.loads(json.dumps(found.to_record()))
    assert Grade.from_record(record) == found
    assert (record["earned"], record["points"]) == (7, 10)


def test_the_key_follows_what_a_grade_depends_on():
    def key(content=b"a", seed="1", **more):
        return cache_key(Submission("one", "a.py", content, **more), TINY, seed)

    assert len({key(), key(b"b"), key(seed="2"), key(helpers={"h.py": b"1"})}) == 4
    assert key() == key()
