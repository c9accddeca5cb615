"""Committed tables as frames: every cell as the file has it, the choice by validation and the pairs by enumeration."""

import csv
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from companion import results
from companion.results.frames import ALIKE, COMPARED
from companion.results.schema import OLD_COLUMNS

ERRORS = {"rate_se": 0.1, "distortion_se": 0.2, "elbo_se": 0.25}
BOOK = Path(__file__).parents[1] / "book" / "results"
RUN = {"beta": 1.0, "annealed": False, "seed": 0, "steps": 10, "objective": "beta_vae", "target": None}


@pytest.mark.parametrize("path", sorted(BOOK.glob("*.csv")), ids=lambda path: path.stem)
def test_every_committed_table_is_read_to_the_last_digit(path):
    frame = results.load(path)
    with path.open(newline="") as file:
        reader = csv.DictReader(file)
        lines = list(reader)
    columns = [OLD_COLUMNS.get(name, name) for name in reader.fieldnames]
    judged = ["excess", "excess_se", "arrived"] if {*COMPARED, "rate", "elbo_se"} <= {*columns} else []
    assert list(frame.columns) == columns + judged
    for line, found in zip(lines, results.records(frame[columns]), strict=True):
        for (name, cell), value in zip(line.items(), found.values(), strict=True):
            if cell == "":
                assert value is None, name
            elif isinstance(value, (bool, np.bool_, str)):
                assert str(value) == cell, name
            else:
                assert value == float(cell), name


def test_a_name_is_found_in_the_folders_above(tmp_path, monkeypatch):
    folder = tmp_path / "book" / "results"
    folder.mkdir(parents=True)
    (folder / "some.csv").write_text('informed,reads,shaken,effect,config_hash\n"0,14",data,True,0.1,12e4\n')
    for here in (folder, folder.parent, tmp_path):
        monkeypatch.chdir(here)
        (row,) = results.records(results.load("some"))
        names = {"latent_indices": "0,14", "critic_input": "data", "augmented": True, "traversal_variance": 0.1}
        assert row == names | {"config_hash": "12e4"}
    with pytest.raises(ValueError, match=r"name: expected a table in book/results or the path .*, got 'other'"):
        results.load("other")


def test_records_leave_rows_that_are_dicts_alone():
    assert results.records([RUN]) == [RUN]
    (row,) = results.records(pd.DataFrame([RUN]))
    assert row == RUN


@pytest.mark.parametrize(
    ("score", "value"),
    [
        ("elbo", lambda row: row["elbo"]),
        (lambda f: -f.distortion - 3 * f.rate, lambda r: -r["distortion"] - 3 * r["rate"]),
    ],
)
def test_the_best_is_the_one_that_a_loop_finds_and_is_reported_on_the_test_split(score, value):
    frame = results.load(BOOK / "mnist.csv")
    rows = results.records(frame)
    found = results.best_by_validation(frame, "family", score)
    families = {row["family"] for row in rows}
    assert set(found.index) == families
    for family in families:
        tried = [row for row in rows if row["family"] == family and row["split"] == "validation"]
        chosen = max(tried, key=value)["config_hash"]
        (truth,) = (row for row in rows if row["config_hash"] == chosen and row["split"] == "test")
        assert found.loc[family, "config_hash"] == chosen
        assert found.loc[family, "elbo"] == truth["elbo"]


def test_pairs_are_those_that_a_double_loop_finds():
    frame = results.load(BOOK / "mnist.csv").query("split == 'test'")
    pairs = results.matched_pairs(frame, frame.family == "--+", frame.family == "---")
    rows = results.records(frame)
    truth = [
        (a["config_hash"], b["config_hash"])
        for a in rows
        for b in rows
        if (a["family"], b["family"]) == ("--+", "---") and all(a[name] == b[name] for name in ALIKE)
    ]
    assert truth
    assert list(zip(pairs.config_hash, pairs.config_hash_matched, strict=True)) == truth


@pytest.mark.parametrize("name", RUN)
def test_a_matched_run_agrees_in_everything_but_the_family(name):
    like = RUN | {"family": "---"}
    other = like | {"family": "--v"}
    assert results.matched_run([like, other], "--v", like) is other
    assert results.matched_run([like, other | {name: 7}], "--v", like) is None


def test_the_best_arrived_run_is_the_one_that_a_loop_finds():
    """Of the runs that no other of their family beats at their own price by a nat and by three errors."""
    frame = results.load(BOOK / "mnist.csv")
    rows = results.records(frame)

    def beaten(row):
        cost = {r["config_hash"]: r["distortion"] + row["beta"] * r["rate"] for r in rows if alike(r, row)}
        own = cost.pop(row["config_hash"])
        return row["objective"] == "beta_vae" and own > min(cost.values()) + max(1, 3 * row["excess_se"])

    def alike(one, other):
        return all(one[name] == other[name] for name in COMPARED)

    late = {row["config_hash"] for row in rows if beaten(row)}
    assert 0 < len(late) < len(rows) / 2
    assert {row["config_hash"] for row in rows if not row["arrived"]} == late
    found = results.best_by_validation(frame[frame.arrived], "family")
    for family, chosen in found.config_hash.items():
        tried = [r for r in rows if r["family"] == family and r["split"] == "validation"]
        (best, *_) = sorted((r for r in tried if r["config_hash"] not in late), key=lambda r: -r["elbo"])
        assert best["config_hash"] == chosen


def test_what_cannot_be_chosen_or_paired_is_refused():
    frame = results.load(BOOK / "mnist.csv")
    with pytest.raises(ValueError, match=r"frame: expected the columns colour, split, .* got none of colour"):
        results.best_by_validation(frame, "colour")
    with pytest.raises(ValueError, match="frame: expected one row on test for each of 12 runs, got 0"):
        results.best_by_validation(frame[frame.split != "test"])
    with pytest.raises(ValueError, match="frame: expected the columns colour, got none of colour"):
        results.matched_pairs(frame, frame.beta == 1, frame.beta == 0, on=["colour"])
    with pytest.raises(ValueError, match="control: expected one row for each of seed, got"):
        results.matched_pairs(frame, frame.beta == 1, frame.beta != 1, on=["seed"])


def test_a_training_that_another_of_its_family_beats_at_its_own_price_has_not_arrived():
    """At beta = 3 the first pays 70 + 60 and is beaten by the second; the same points in two families are at peace."""
    frame = pd.DataFrame({"beta": [3.0, 1.0], "rate": [20.0, 12.0], "distortion": [70.0, 80.0]}).assign(**ERRORS)
    frame = frame.assign(family=["---", "---"])
    judged = results.arrival(frame, by=["family"])
    assert judged["excess"].tolist() == [130 - 116, 92 - 90]
    # the variance of D + 3 R of one run, twice: 0.04 + 9 * 0.01 + 3 * (0.0625 - 0.01 - 0.04)
    assert judged["excess_se"][0] == pytest.approx(np.sqrt(2 * (0.04 + 9 * 0.01 + 3 * 0.0125)))
    assert judged["arrived"].tolist() == [False, False]
    apart = results.arrival(frame.assign(family=["---", "--v"]), by=["family"])
    assert apart["arrived"].all()
    assert (apart["excess"] == -np.inf).all()


@pytest.mark.parametrize(("beaten_by", "error", "arrived"), [(0.9, 0.0, True), (1.1, 0.0, False), (1.1, 0.4, True)])
def test_a_run_is_judged_by_a_nat_and_by_three_errors(beaten_by, error, arrived):
    frame = pd.DataFrame({"beta": [1.0, 1.0], "rate": [5.0, 5.0], "distortion": [50.0 + beaten_by, 50.0]})
    frame = frame.assign(family="---", rate_se=0.0, distortion_se=error, elbo_se=error)
    assert results.arrival(frame, by=["family"])["arrived"].tolist() == [arrived, True]


def test_a_run_that_is_beaten_on_one_split_has_not_arrived_on_any():
    """The validation images are few: what they leave open, the test images settle for the run."""
    errors = {"rate_se": 0.0, "distortion_se": [1.0, 1.0, 0.1, 0.1], "elbo_se": [1.0, 1.0, 0.1, 0.1]}
    frame = pd.DataFrame({"beta": 1.0, "rate": 5.0, "distortion": [53.0, 50.0, 53.0, 50.0], "family": "---"})
    frame = frame.assign(**errors, split=["validation"] * 2 + ["test"] * 2, config_hash=[*"abab"])
    judged = results.arrival(frame, by=["family", "split"])
    assert judged["excess"].tolist() == [3, -3, 3, -3]
    assert (judged["excess"][0] > 3 * judged["excess_se"][0], judged["arrived"][0]) == (False, False)
    assert judged["arrived"].tolist() == [False, True] * 2
    assert results.arrival(frame[:2], by=["family", "split"])["arrived"].all()


def test_tables_put_together_are_judged_together_whatever_their_labels():
    one = pd.DataFrame({"beta": [3.0], "rate": [20.0], "distortion": [70.0], "family": "---"}).assign(**ERRORS)
    other = one.assign(beta=1.0, rate=12.0, distortion=80.0)
    judged = results.arrival(pd.concat([one.assign(objective="beta_vae"), other]), by=["family"])
    assert judged["excess"].tolist() == [130 - 116, 92 - 90]
    assert judged.index.tolist() == [0, 0]


def test_runs_of_other_objectives_are_compared_with_and_not_judged():
    frame = pd.DataFrame({"beta": [1.0, 1.0], "rate": [8.0, 5.0], "distortion": [60.0, 50.0]}).assign(**ERRORS)
    frame = frame.assign(family="---", objective=["target_rate", "beta_vae"])
    judged = results.arrival(frame, by=["family"])
    assert judged["arrived"].tolist() == [True, True]
    assert np.isnan(judged["excess"][0])
    assert judged["excess"][1] == 55 - 68
    with pytest.raises(ValueError, match="frame: expected the columns"):
        results.arrival(frame)
