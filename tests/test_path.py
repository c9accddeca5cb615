"""Paths over beta: one trunk, a branch at each beta; against runs trained alone, and against the schedule by hand."""

from dataclasses import replace
from itertools import count

import pytest
import torch

from companion import cli, data, learn, results, sweeps
from companion.learn import CheckpointError, Config, beta_path, train
from companion.sweeps.sweeping import train_after_prefix, turns

DIGITS = learn.preset("laptop", "digits", dense=True)
PATH = beta_path(DIGITS, [3.0, 1.0, 0.3], first=40, stay=20, cooldown=8)
SHORT = beta_path(DIGITS, [3.0, 1.0, 0.3], first=9, stay=5, cooldown=4)


def weights(model):
    return torch.cat([parameter.flatten() for parameter in model.state_dict().values()])


def test_the_schedule_of_a_run_that_walks():
    """40 steps at 3, 20 at 1 and 20 at 0.3; then 8 on which the learning rate falls to zero."""
    run = PATH[2]
    assert run.steps == 88
    assert [run.objective_at(step).beta for step in (0, 39, 40, 59, 60, 79, 80, 87)] == [3, 3, 1, 1, 0.3, 0.3, 0.3, 0.3]
    assert [run.decay_at(step) for step in (0, 80, 81, 84, 87)] == [1, 1, 7 / 8, 4 / 8, 1 / 8]
    assert [run.prefix.decay_at(step) for step in (0, 79)] == [1, 1]
    usual = DIGITS.replace(steps=20)
    assert [usual.decay_at(step) for step in (0, 10, 11, 15, 19)] == [1, 1, 0.9, 0.5, 0.1]
    assert usual.objective_at(7) is usual.objective


def test_what_a_run_goes_on_from():
    chain = [PATH[2]]
    while chain[-1].prefix:
        chain.append(chain[-1].prefix)
    assert [(run.objective.beta, run.walked, run.steps, run.cooldown) for run in chain] == [
        *((0.3, (3.0, 1.0), 88, 8), (0.3, (3.0, 1.0), 80, 0)),
        *((1.0, (3.0,), 60, 0), (3.0, (), 40, 0)),
    ]
    assert PATH[1].prefix == chain[2]
    assert DIGITS.prefix is None
    assert [run.direction for run in PATH] == ["start", "down", "down"]
    assert beta_path(DIGITS, [0.1, 2.0], first=4, stay=2, cooldown=1)[1].direction == "up"


def test_runs_that_share_a_trunk_are_those_trained_alone_to_the_last_bit(tmp_path):
    images = data.load("digits")
    for run in SHORT:
        shared = train_after_prefix(run, images, tmp_path / run.hash, progress=False).model
        alone = train(run, progress=False).model
        assert torch.equal(weights(shared), weights(alone))
    assert not torch.equal(weights(shared), weights(train(SHORT[2].replace(walked=(3.0, 2.0)), progress=False).model))


def test_the_last_weights_of_a_branch_are_kept():
    assert train(SHORT[0], every=6, progress=False).kept == SHORT[0].steps


def test_a_path_stopped_at_many_places_gives_the_same_rows(tmp_path, monkeypatch):
    """The clock reaches the end of the budget at every seventh look, in the middle of every run."""
    whole = sweeps.sweep(SHORT, tmp_path / "whole", progress=False)
    clock = count()
    monkeypatch.setattr("companion.learn.training.monotonic", lambda: next(clock) % 7)
    monkeypatch.setattr("companion.sweeps.sweeping.monotonic", lambda: 0.0)
    rows, calls = [], 0
    while len(rows) < len(whole):
        rows, calls = sweeps.sweep(SHORT, tmp_path / "pieces", budget=6.0, progress=False), calls + 1
    assert calls > 2
    assert rows == whole
    assert [row["direction"] for row in rows] == ["start"] * 2 + ["down"] * 4


def test_workers_side_by_side_never_share_what_they_go_on_from():
    runs = [*PATH, *(run.replace(seed=1) for run in PATH)]
    found = [[(run.seed, run.objective.beta) for run in turn] for turn in turns(runs)]
    assert found == [[(0, beta), (1, beta)] for beta in (3.0, 1.0, 0.3)]


def test_a_run_goes_on_from_its_own_prefix_alone(tmp_path):
    train(SHORT[0].prefix, out=tmp_path / "trunk", progress=False)
    other = SHORT[0].replace(seed=1)
    with pytest.raises(CheckpointError, match=f"expected the finished run that {other.hash} goes on from, found"):
        train(other, start=tmp_path / "trunk", progress=False)
    (tmp_path / "trunk" / "model.safetensors").unlink()
    with pytest.raises(CheckpointError, match="expected the finished run"):
        train(SHORT[0], start=tmp_path / "trunk", progress=False)


def test_a_path_from_a_file_and_from_the_command_line(tmp_path, capsys):
    (tmp_path / "g.toml").write_text(
        'data = "digits"\nbatch_size = 16\n[[runs]]\nsteps = 4\n[[paths]]\nfamilies = ["---", "--v"]\n'
        "betas = [3, 1]\nfirst = 6\nstay = 3\ncooldown = 2\n"
    )
    found = sweeps.read_grid(tmp_path / "g.toml")
    base = learn.preset("laptop", "digits", batch_size=16)
    walk = {"first": 6, "stay": 3, "cooldown": 2}
    expected = [run for name in ("---", "--v") for run in beta_path(base.replace(family=name), [3, 1], **walk)]
    assert found == [base.replace(steps=4), *expected]
    steps = ["--first", "6", "--stay", "3", "--cooldown", "2", "--batch-size", "16"]
    asked = ["path", "--data", "digits", "--betas", "3,1", "--families=---", *steps]
    assert cli.main([*asked, "--out", str(tmp_path / "out"), "--jobs", "1"]) == 0
    assert "β = 3" in capsys.readouterr().out
    rows = results.read_rows(tmp_path / "out" / "rates.csv")
    assert [row["config_hash"] for row in rows if row["split"] == "test"] == [run.hash for run in expected[:2]]
    assert [(row["steps"], row["stay"], row["cooldown"]) for row in rows[::2]] == [(8, 0, 2), (11, 3, 2)]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"walked": (1.0,)}, "cooldown: expected a number of steps where betas are walked, got None"),
        (
            {"cooldown": 5, "objective": "target_rate", "target": 3.0},
            "cooldown: expected none with .* target_rate 3",
        ),
        ({"cooldown": 5, "annealed": True}, "cooldown: expected none with .*beta 1 annealed, got 5"),
        ({"cooldown": -1}, "cooldown 0 or more, got .*-1"),
        ({"cooldown": 5, "walked": (2.0,)}, "expected stay 1 or more where betas are walked"),
        ({"cooldown": 5, "stay": 3}, "or else 0"),
        ({"cooldown": 20}, "steps: expected more than the cooldown of 20 and 0 stays of 0, got 20"),
        ({"cooldown": 5, "walked": (2.0, 1.5), "stay": 8}, "steps: expected more than .* 2 stays of 8, got 20"),
        ({"cooldown": 5, "walked": (-2.0,), "stay": 8}, r"walked: expected betas, finite and 0 or more, got \(-2"),
        ({"cooldown": 5, "walked": "ab", "stay": 8}, "walked: expected betas"),
    ],
)
def test_an_impossible_walk_is_named(settings, message):
    with pytest.raises(ValueError, match=message):
        DIGITS.replace(steps=20, **settings)


@pytest.mark.parametrize("betas", [[], [1.0, 1.0], [1.0, 2.0, 1.5]])
def test_betas_of_a_path_rise_or_fall(betas):
    with pytest.raises(ValueError, match="betas: expected one or more, rising or falling, got"):
        beta_path(DIGITS, betas, first=4, stay=2, cooldown=1)


def test_settings_of_a_walk_survive_their_files():
    assert Config.of(**PATH[2].settings()) == PATH[2]
    assert Config.of(**(PATH[2].settings() | {"walked": [3, 1]})) == PATH[2]
    assert replace(PATH[2], walked=(2.0, 1.0)).hash != PATH[2].hash
