"""Critics on problems of known information, and the committed table of them."""

import json
from math import log
from pathlib import Path

import numpy as np
import pytest
import torch
from test_project import script

from companion.exact.gaussians import CorrelatedGaussians
from companion.learn import threads
from companion.models import Critic, GaussianRecognitionNetwork
from companion.results.schema import Row, read_rows
from companion.studies import mi_bounds

TABLE = Path(__file__).parents[1] / "book" / "results" / "mi_bounds.csv"
PROBLEM = CorrelatedGaussians.from_information(2, 1.0, sinh_transformed=True)


@pytest.mark.parametrize("bound", mi_bounds.TRAINED)
def test_a_critic_learns_most_of_the_information_and_is_frozen(bound):
    critic = mi_bounds.train_critic(PROBLEM, bound, seed=3, steps=150)
    assert not any(p.requires_grad for p in critic.parameters())
    found = mi_bounds.evaluate_critic(PROBLEM, bound, critic, seed=3)
    assert 0.5 < found.value < 1.0 + 5 * found.se
    assert mi_bounds.evaluate_critic(PROBLEM, bound, critic, seed=3) == found
    assert mi_bounds.evaluate_critic(PROBLEM, bound, critic, seed=4) != found


def test_the_same_seed_trains_the_same_critic():
    first, again, other = (mi_bounds.train_critic(PROBLEM, "nwj", seed, steps=3).state_dict() for seed in (0, 0, 1))
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not torch.equal(first["of_x.weight"], other["of_x.weight"])


@pytest.mark.parametrize("bound", ["barber_agakov", "nwj", "donsker_varadhan"])
def test_exact_critics_are_unbiased_where_little_is_to_be_known(bound):
    found = mi_bounds.evaluate_critic(PROBLEM, bound, seed=5)
    assert abs(found.value - 1.0) < 5 * found.se


def test_critics_score_every_pair_as_one_network_would():
    critic = Critic(3, 2, units=8, seed=1)
    x, z = torch.randn(2, 5, 3, generator=torch.Generator().manual_seed(0))
    scores = critic(x, z[:, :2])
    joint = torch.cat([critic.of_x.weight, critic.of_z.weight], 1)
    for i, j in ((0, 0), (4, 1), (2, 3)):
        hidden = joint @ torch.cat([x[j], z[i, :2]]) + critic.of_x.bias
        assert scores[i, j].item() == pytest.approx(critic.rest(hidden).item(), abs=1e-6)


def test_a_networks_weights_come_from_its_seed_alone():
    state = torch.get_rng_state()
    for make in (Critic, GaussianRecognitionNetwork):
        first, again, other = (next(make(3, 2, 8, seed).parameters()) for seed in (0, 0, 1))
        assert torch.equal(first, again)
        assert not torch.equal(first, other)
    assert torch.equal(state, torch.get_rng_state())


def test_a_recogniser_is_a_density():
    q = GaussianRecognitionNetwork(3, 1, units=8)(torch.ones(1, 3))
    z = q.mean + q.stddev * torch.linspace(-9, 9, 4001)[:, None, None]
    assert torch.trapezoid(q.log_prob(z).exp()[:, 0], z[:, 0, 0]).item() == pytest.approx(1.0, abs=1e-5)


def test_an_unknown_bound_is_refused():
    with pytest.raises(ValueError, match=r"bound: expected one of barber_agakov, .*, got 'leave_one_out'"):
        mi_bounds.train_critic(PROBLEM, "leave_one_out")


def test_the_script_writes_what_it_measured(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(mi_bounds, "mi_problems", lambda: [PROBLEM])
    monkeypatch.setattr(mi_bounds, "STEPS", 2)
    monkeypatch.setattr(mi_bounds, "EVALUATED", 3)
    path = tmp_path / "mi_bounds.csv"
    for _ in range(2):
        monkeypatch.setattr("sys.argv", ["mi_bounds.py", str(path)])
        script("mi_bounds").main()
        stored = path.read_bytes()
    script("mi_bounds").main()
    assert path.read_bytes() == stored
    rows = read_rows(path)
    assert [row["bound"] for row in rows] == [*mi_bounds.TRAINED, "barber_agakov", *mi_bounds.BOUNDS]
    assert all(
        (row["nats"], row["dimensions"], row["sinh_transformed"], row["seed"]) == (1.0, 2, True, 0) for row in rows
    )
    assert len(json.loads(path.with_suffix(".json").read_text())["seconds"]) == len(rows)
    path.write_text(path.read_text().replace("nats", "bits"))
    with pytest.raises(ValueError, match="expected the columns"):
        read_rows(path)


@pytest.fixture(scope="module")
def rows():
    return read_rows(TABLE)


def select(rows: list[Row], *bounds: str, critic: str = "", above: float = 0.0, below: float = 99.0):
    chosen = (row for row in rows if row["bound"] in bounds and critic in ("", row["critic"]))
    return [row for row in chosen if above <= row["nats"] <= below]


def excess(row: Row) -> float:
    """How far the row is above the truth, in its own standard errors."""
    return (row["value"] - row["nats"]) / row["se"]


def test_the_table_holds_every_problem_with_every_bound(rows):
    problems = mi_bounds.mi_problems()
    assert len(problems) >= 20
    assert 2 * sum(problem.sinh_transformed for problem in problems) == len(problems)
    told = [
        (row["seed"], row["dimensions"], row["sinh_transformed"], row["nats"], row["bound"], row["critic"])
        for row in rows
    ]
    pairs = [(b, "trained") for b in mi_bounds.TRAINED] + [(b, "exact") for b in ("barber_agakov", *mi_bounds.BOUNDS)]
    assert told == [
        (seed, p.dimensions, p.sinh_transformed, round(p.information, 6), *pair)
        for seed, p in enumerate(problems)
        for pair in pairs
    ]
    assert all(np.isfinite([row["value"], row["se"]]).all() and row["se"] >= 0 for row in rows)


def test_lower_bounds_are_below_and_the_upper_one_above_the_truth_everywhere(rows):
    lower = select(rows, "barber_agakov", "infonce") + select(rows, "nwj", below=2.0)
    assert [row for row in lower if row["value"] > row["nats"] + 5 * row["se"]] == []
    upper = select(rows, "leave_one_out")
    assert [row for row in upper if row["value"] < row["nats"] - 5 * row["se"]] == []


def test_infonce_stays_below_log_b(rows):
    assert [row for row in select(rows, "infonce") if row["value"] > log(row["batch_size"])] == []


def test_what_mine_maximises_is_above_the_truth_where_there_is_much_to_know(rows):
    trained, exact = (select(rows, "donsker_varadhan", critic=kind, above=9.0) for kind in ("trained", "exact"))
    assert sum(excess(row) > 5 for row in trained) >= 3
    assert sum(excess(row) > 5 for row in exact) >= 3


def test_nwj_is_above_the_truth_where_its_large_terms_are_missing(rows):
    exact = select(rows, "nwj", critic="exact", above=19.0)
    assert [row for row in exact if excess(row) < 5] == []


def test_the_exact_rows_are_made_anew_to_the_last_digit(rows):
    problems = mi_bounds.mi_problems()
    with threads(1):
        for row in [row for row in rows if row["critic"] == "exact" and row["seed"] in (1, 27)]:
            found = mi_bounds.evaluate_critic(problems[row["seed"]], row["bound"], seed=row["seed"])
            assert found.value == pytest.approx(row["value"], rel=1e-6, abs=2e-6)
            assert found.se == pytest.approx(row["se"], rel=1e-5, abs=2e-6)


def test_the_table_has_its_provenance():
    told = json.loads(TABLE.with_suffix(".json").read_text())
    assert len(told["seconds"]) == len(read_rows(TABLE))
    assert told["learning_rate"] == mi_bounds.LEARNING_RATE
    assert {"torch", "numpy", "processor"} <= told["made_by"].keys()
