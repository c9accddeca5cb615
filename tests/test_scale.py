"""What a cluster's simulation gives is what a formula says, and where there is none, what was counted by hand."""

from dataclasses import replace
from math import exp, inf
from statistics import fmean, stdev

import cluster
import numpy as np
import pytest
import scale

from companion import results
from companion.results.table import ResultsTable

PLAN = cluster.Plan(runs=6, machines=2, training=400.0, measuring=30.0, start=20.0)


def outcomes(plan: cluster.Plan, repeats: int) -> list[cluster.Outcome]:
    return [cluster.simulate(plan, np.random.default_rng(seed)) for seed in range(repeats)]


def test_without_failures_the_machines_share_the_runs():
    (outcome,) = outcomes(PLAN, 1)
    assert outcome.makespan == pytest.approx(20 + 3 * 430)
    assert (outcome.lost, outcome.repeated) == (0, 0.0)
    assert PLAN.expected == pytest.approx(20 + 3 * 430)
    (uneven,) = outcomes(replace(PLAN, runs=7), 1)
    assert uneven.makespan == pytest.approx(20 + 4 * 430)


@pytest.mark.parametrize(("life", "segments"), [(3600.0, 20), (600.0, 20), (600.0, 1)])
def test_a_machine_that_is_replaced_takes_as_long_as_the_formula_says(life, segments):
    plan = replace(PLAN, machines=1, runs=20, life=life, segments=segments)
    found = outcomes(plan, 200)
    ends = [each.makespan for each in found]
    assert abs(fmean(ends) - plan.expected) < 4 * stdev(ends) / len(ends) ** 0.5
    work = plan.runs * sum(plan.parts)
    for each in found:  # what one machine does is work, repeated work, starts and gaps; some die at the start
        least = work + each.repeated + each.lost * plan.gap
        assert least <= each.makespan + 1e-6 <= least + (each.lost + 1) * plan.start + 2e-6


def test_the_share_that_is_done_again_is_the_formulas():
    """A part of length t loses (e^x - 1 - x) / x of it on average, with x = t / life."""
    plan = replace(PLAN, machines=1, runs=50, life=900.0, measuring=0.0)
    x = 20 / 900
    found = [each.repeated / (plan.runs * plan.training) for each in outcomes(plan, 200)]
    assert abs(fmean(found) - (exp(x) - 1 - x) / x) < 4 * stdev(found) / len(found) ** 0.5


def test_what_it_takes_to_enter_a_run_is_that_of_a_hundredth_of_the_table_at_a_time(monkeypatch):
    sizes, upsert = [], ResultsTable.upsert

    def watched(table: ResultsTable, rows: list, facts: dict) -> None:
        upsert(table, rows, facts)
        sizes.append(len(table.done()))

    monkeypatch.setattr(ResultsTable, "upsert", watched)
    monkeypatch.setattr(scale, "KNOWN", (1000,))
    scale.bookkeeping(1)
    assert sizes == [1010, 1021, 1032, 1043, 1054, 1065, 1076, 1087, 1098, 1100]


def test_the_committed_table_is_of_the_committed_seconds():
    found = results.load("cluster")
    found = found[found["quantity"] == "hours to the end, by the formula"]
    assert len(found) == 2 * len(cluster.LIVES)
    for row in found.to_dict("records"):
        life = 3600 * row["life_hours"] if row["life_hours"] == row["life_hours"] else inf
        now = replace(cluster.of_tables(), life=life, segments=row["segments"])
        assert now.expected / 3600 == pytest.approx(row["value"], abs=1e-6)


@pytest.mark.full
def test_scale_measures_what_it_says(tmp_path):
    rows = scale.main(
        ["--data", "digits", "--runs", "2", "--steps", "2", "--repeats", "1", "--out", str(tmp_path / "a.csv")]
    )
    assert [row["measurement"] for row in rows] == sorted((row["measurement"] for row in rows), key=scale.NAMES.index)
    found = {(row["quantity"], row["case"]): float(row["median"]) for row in rows}
    assert found["times as fast as one process", "one process"] == 1.0
    whole = found["seconds", "one process"]
    for way in ("two processes", "two Dask workers"):
        assert found["times as fast as one process", way] == pytest.approx(whole / found["seconds", way], rel=1e-3)
    assert all(value > 0 for value in found.values())
    assert len(results.load(tmp_path / "a.csv")) == len(rows)
