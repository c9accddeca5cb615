"""Words about rows: spans, twins and verdicts."""

import pytest

from companion import show

RUN = {"beta": 1.0, "annealed": False, "seed": 0, "steps": 10, "objective": "beta_vae", "target": None}


def test_a_spread_is_one_number_where_both_ends_look_the_same():
    assert show.spread(iter([2, 1, 3])) == "1 to 3"
    assert show.spread([-0.5, 1.25], "+.1f") == "-0.5 to +1.2"
    assert show.spread([7.0]) == show.spread([7.0000001, 7.0]) == "7"
    with pytest.raises(ValueError, match="values: expected at least one number, got none"):
        show.spread([])


@pytest.mark.parametrize("name", RUN)
def test_a_twin_agrees_in_everything_but_the_family(name):
    like = RUN | {"family": "---"}
    other = like | {"family": "--v"}
    assert show.twin([like, other], "--v", like) is other
    assert show.twin([like, other | {name: 7}], "--v", like) is None


@pytest.mark.parametrize(
    ("answer", "word"),
    [
        (True, "reproduced"),
        ([True, True], "reproduced"),
        ([True, False], "partly"),
        ([False, False], "not reproduced"),
        (False, "not reproduced"),
        ([False, None], "not run yet"),
        ([], "not run yet"),
        (None, "not run yet"),
        ("not tested", "not tested"),
    ],
)
def test_a_verdict_is_about_all_parts_and_waits_for_missing_runs(answer, word):
    (line,) = show.claim_table(("claim", "question", None, answer)).lines
    assert line == ["claim", word, "no run", "question"]
