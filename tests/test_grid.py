"""Grids from a file: what they name, and that kills, budgets, workers and clones change no byte of their table."""

import json
import shutil
import subprocess
import sys
from itertools import count
from pathlib import Path

import pytest

from companion import cli, learn, results, sweeps
from companion.learn import training
from companion.results import ResultsTable, schema
from companion.sweeps import sweeping
from companion.sweeps.verification import SHARE, compare

TOML = """
data = "digits"
dense = true
steps = 30
[[runs]]
betas = [0.1, 1.0]
seeds = [0, 1]
[[runs]]
objective = "target_rate"
targets = [3.0]
steps = 60
"""
SMALL = [learn.preset("laptop", "digits", dense=True, steps=10, beta=beta) for beta in (0.1, 1.0, 10.0)]


@pytest.fixture(scope="module")
def grid(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished grid: ``grid.toml`` with its table beside it."""
    folder = tmp_path_factory.mktemp("grid")
    (folder / "grid.toml").write_text(TOML)
    sweeps.sweep(sweeps.read_grid(folder / "grid.toml"), folder / "runs", table=folder / "grid.csv", progress=False)
    return folder


def test_a_grid_is_the_product_of_its_lists_in_the_order_of_the_file(grid):
    configs = sweeps.read_grid(grid / "grid.toml")
    assert [(s["beta"], s["seed"], s["target"], s["steps"]) for s in (c.settings() for c in configs)] == [
        *[(0.1, 0, None, 30), (0.1, 1, None, 30), (1.0, 0, None, 30), (1.0, 1, None, 30)],
        (1.0, 0, 3.0, 60),
    ]
    assert [r["config_hash"] for r in results.read_rows(grid / "grid.csv")] == [
        c.hash for c in configs for _ in range(2)
    ]


def test_a_table_overrides_what_stands_above_and_repeats_are_dropped(tmp_path):
    (tmp_path / "g.toml").write_text(
        'data = "mnist-static"\nbeta = 2\nannealed = true\n[[runs]]\nfamilies = ["---"]\n[[runs]]\nbetas = [1, 2]\n'
        '[[runs]]\nbetas = [2]\nannealed = [true, false]\npreset = "paper"\n[[runs]]\ndata = "digits"\nepochs = 2'
    )
    base = learn.preset("laptop", "mnist-static", annealed=True)
    paper = learn.preset("paper", "mnist-static", beta=2.0, annealed=True)
    assert sweeps.read_grid(tmp_path / "g.toml") == [
        *[base.replace(beta=2.0), base.replace(beta=1.0), paper, paper.replace(annealed=False)],
        learn.preset("laptop", "digits", beta=2.0, annealed=True, steps=2 * 37),
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("data = ", "expected TOML (Invalid value"),
        ('data = "digits"', "runs: expected one or more tables [[runs]] or [[paths]], got []"),
        ('data = "digits"\nruns = []', "runs: expected one or more tables [[runs]] or [[paths]], got []"),
        ("[[runs]]\nbetas = [1]", "[[runs]] 1: data: expected the name of an image set, got none"),
        ('data = "digits"\n[[runs]]\n[[runs]]\nbeat = 1', "[[runs]] 2: beat: expected a field of a configuration"),
        ('data = "digits"\n[[runs]]\nbetas = []', "betas: expected a list of one or more values, got []"),
        ('data = "digits"\n[[runs]]\nbetas = 1', "betas: expected a list of one or more values, got 1"),
        ('data = "digits"\n[[runs]]\nsteps = [1, 2]', "steps: expected one value, got [1, 2]"),
        (
            'data = "digits"\n[[runs]]\nbeta = 1\nbetas = [1]',
            "betas: expected one of beta and betas in a table",
        ),
        ('data = "digits"\n[[runs]]\nsteps = "many"', "steps: expected a whole number, got 'many'"),
        ('data = "digits"\n[[runs]]\nannealed = ["yes"]', "annealed: expected true or false, got 'yes'"),
        ('data = "digits"\n[[runs]]\nepochs = 2.5', "epochs: expected at least 1, and no steps beside them, got 2.5"),
        (
            'data = "digits"\n[[paths]]\nbetas = [1]\nstay = 2',
            "first: expected a number of steps, got None",
        ),
        (
            'data = "digits"\n[[paths]]\nbeta = 1',
            "[[paths]] 1: betas: expected a list of those that are walked",
        ),
        ('data = "svhn"\n[[runs]]', "data: expected one of digits"),
        ('data = "digits"\npreset = "phone"\n[[runs]]', "preset: expected one of laptop, paper"),
    ],
)
def test_a_wrong_grid_is_named_by_file_table_and_key(text, message, tmp_path, capsys):
    (tmp_path / "g.toml").write_text(text)
    assert cli.main(["sweep", "--grid", str(tmp_path / "g.toml")]) == 1
    printed = capsys.readouterr().err.splitlines()
    assert len(printed) == 1
    assert printed[0].startswith(f"companion: {tmp_path / 'g.toml'}: ")
    assert message in printed[0]


def command(folder: Path, *more: str) -> list[str]:
    out = ["--out", str(folder / "runs")]
    return [sys.executable, "-m", "companion", "sweep", "--grid", str(folder / "grid.toml"), *out, *more]


def test_two_dask_workers_write_the_same_bytes_as_one_process(grid, tmp_path):
    pytest.importorskip("dask.distributed", reason="install the extra scale")
    shutil.copy(grid / "grid.toml", tmp_path)
    finished = subprocess.run(command(tmp_path, "--jobs", "2", "--engine", "dask"), capture_output=True, text=True)
    assert finished.returncode == 0, finished.stderr
    assert (tmp_path / "grid.csv").read_bytes() == (grid / "grid.csv").read_bytes()


def test_without_dask_the_extra_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "dask.distributed", None)
    with pytest.raises(ValueError, match=r"engine: expected dask to be installed, .*elbo-companion\[scale\]"):
        sweeps.sweep(SMALL, tmp_path, engine="dask", progress=False)


def test_runs_and_paths_do_not_share_a_table(tmp_path):
    with pytest.raises(ValueError, match="configs: expected those of one table, got some of each of families, paths"):
        sweeps.sweep([*SMALL, SMALL[0].replace(cooldown=5)], tmp_path, progress=False)
    assert not list(tmp_path.iterdir())


def test_the_committed_table_alone_is_a_finished_sweep(grid, tmp_path, capsys):
    for name in ("grid.toml", "grid.csv", "grid.json"):
        shutil.copy(grid / name, tmp_path)
    assert cli.main(command(tmp_path)[3:]) == 0
    assert sorted(p.name for p in tmp_path.rglob("*")) == ["grid.csv", "grid.json", "grid.toml", "rd_plane.png", "runs"]
    assert (tmp_path / "grid.csv").read_bytes() == (grid / "grid.csv").read_bytes()
    printed = capsys.readouterr().out
    assert all(text in printed for text in ("β = 0.1", "R = 3", "grid.csv and grid.json are written"))


def test_a_spent_budget_stops_stores_and_goes_on(tmp_path, capsys, monkeypatch):
    """On a clock that ticks when it is read, which is once a step."""
    (tmp_path / "grid.toml").write_text('data = "digits"\ndense = true\nsteps = 200\n[[runs]]\nbetas = [0.5, 1]')
    assert cli.main([*command(tmp_path, "--jobs", "1", "--budget", "0s")[3:]]) == 0
    assert capsys.readouterr().out == "the budget is spent: 2 of 2 runs are left; call again to go on\n"
    assert list(tmp_path.iterdir()) == [tmp_path / "grid.toml"]
    configs, clock = sweeps.read_grid(tmp_path / "grid.toml"), count()
    whole = sweeps.sweep(configs, tmp_path / "whole", progress=False)
    for module in (training, sweeping):
        monkeypatch.setattr(module, "monotonic", lambda: next(clock))
    stored = []
    while len(rows := sweeps.sweep(configs, tmp_path / "parts", budget=70, progress=False)) < 4:
        stored.append(len(list(tmp_path.glob("parts/runs/*/checkpoint.safetensors"))))
        assert len(stored) < 9
    assert stored == [1] * 5
    assert rows == whole


def test_the_table_is_written_after_every_run_and_rows_of_other_runs_stay_behind(tmp_path, monkeypatch):
    sweeps.sweep(SMALL[2:], tmp_path, progress=False)
    entered, upsert = [], ResultsTable.upsert

    def watched(table: ResultsTable, rows: list, facts: dict) -> None:
        upsert(table, rows, facts)
        entered.append([r["beta"] for r in results.read_rows(tmp_path / "rates.csv")])

    monkeypatch.setattr(ResultsTable, "upsert", watched)
    rows = sweeps.sweep(SMALL[:2], tmp_path, progress=False)
    assert entered == [[0.1, 0.1, 10, 10], [0.1, 0.1, 1, 1, 10, 10]]
    assert [r["beta"] for r in rows] == [0.1, 0.1, 1, 1]
    runs = json.loads((tmp_path / "rates.json").read_text())["runs"]
    assert list(runs) == [config.hash for config in SMALL]
    for config in SMALL:
        assert runs[config.hash]["config"]["beta"] == config.objective.beta
        assert runs[config.hash]["made_by"] == schema.environment_info()


def test_a_run_that_diverges_does_not_stop_the_others(tmp_path):
    wild = SMALL[0].replace(steps=100, learning_rate=1e18)
    with pytest.raises(learn.TrainingError, match=rf"{wild.hash}: training stopped at step \d+: the .* is (nan|inf)"):
        sweeps.sweep([wild, SMALL[0]], tmp_path, progress=False)
    assert {r["config_hash"] for r in results.read_rows(tmp_path / "rates.csv")} == {SMALL[0].hash}


def test_damaged_provenance_is_named(grid, tmp_path):
    for name in ("grid.csv", "grid.json"):
        shutil.copy(grid / name, tmp_path)
    (tmp_path / "grid.json").write_text("[")
    with pytest.raises(ValueError, match=r"grid.json: expected the provenance of the rows beside it"):
        sweeps.sweep(SMALL[:1], tmp_path / "runs", table=tmp_path / "grid.csv", progress=False)


def test_verification_finds_the_same_bits_and_a_row_that_was_tampered_with(tmp_path, capsys):
    (tmp_path / "grid.toml").write_text('data = "digits"\ndense = true\nsteps = 10\n[[runs]]\nbetas = [0.1, 1, 10]')
    sweeps.sweep(SMALL, tmp_path / "runs", table=tmp_path / "grid.csv", progress=False)
    verify = command(tmp_path, "--jobs", "1", "--verify", "2")[3:]
    before = {path: path.read_bytes() for path in tmp_path.glob("grid.*")}
    assert cli.main(verify) == 0
    assert "16 of 16 quantities agree" in capsys.readouterr().out
    assert before == {path: path.read_bytes() for path in tmp_path.glob("grid.*")}
    rows = results.read_rows(tmp_path / "grid.csv")
    schema.write_rows(tmp_path / "grid.csv", [{**r, "rate": r["rate"] + 1e-6} for r in rows])
    assert cli.main(verify) == 1
    printed = capsys.readouterr().out
    assert "12 of 16 quantities agree" in printed
    assert sum(line.endswith("differs") for line in printed.splitlines()) == 4


def test_on_another_machine_the_stated_tolerance_holds(grid, tmp_path):
    """The provenance is made another machine's: then small differences pass, and large ones do not."""
    config = SMALL[1]
    sweeps.sweep([config], tmp_path, progress=False)
    facts = json.loads((tmp_path / "rates.json").read_text())
    facts["runs"][config.hash]["made_by"]["processor"] = "an abacus"
    (tmp_path / "rates.json").write_text(json.dumps(facts))
    rows = results.read_rows(tmp_path / "rates.csv")
    for change, agrees in {0.05: True, 20.0: False}.items():
        schema.write_rows(tmp_path / "rates.csv", [{**r, "distortion": r["distortion"] + change} for r in rows])
        found = sweeps.verify([config], tmp_path / "rates.csv", 1)
        assert {c.quantity for c in found if not c.agrees} == (set() if agrees else {"distortion"})


def test_steps_and_epochs_of_a_later_table_override_either_of_an_earlier_one():
    (longer,) = sweeps.expand({"data": "digits", "steps": 5}, {"epochs": 2})
    (shorter,) = sweeps.expand({"data": "digits", "epochs": 2}, {"steps": 5})
    assert (longer.steps, shorter.steps) == (74, 5)


def test_the_tolerance_is_the_one_that_is_stated(grid):
    stored = results.read_rows(grid / "grid.csv")[0]
    found = {**stored, "rate_se": 0.3}
    allowed = {c.quantity: c.allowed for c in compare(stored, found, identical=False)}
    assert allowed["rate"] == pytest.approx(0.1 + SHARE * stored["rate"] + 5 * 0.3)
    assert compare({**stored, "rate_se": 9.0}, found, identical=False)[0].allowed == allowed["rate"]
    assert compare({**stored, "rate": 1e3 + stored["rate"]}, found, identical=False)[0].allowed == allowed["rate"]
    empty = {"iwae5": None, "iwae5_se": None}
    assert all(c.agrees for c in compare({**stored, **empty}, found, identical=False))
    assert not compare(stored, {**found, **empty}, identical=False)[3].agrees


def test_no_column_may_differ_here_and_elsewhere_only_the_measured_ones(grid):
    stored = results.read_rows(grid / "grid.csv")[0]
    assert all(c.agrees and c.allowed is None for c in compare(stored, dict(stored), identical=True))
    for name in schema.SCHEMAS["families"]:
        found = {**stored, name: 1e-6 if stored[name] is None else stored[name] * 2 or 1}
        wrong = [c.quantity for c in compare(stored, found, identical=True) if not c.agrees]
        assert wrong == [name]
        if not name.startswith(("rate", "distortion", "elbo", "iwae5")):
            assert [c.quantity for c in compare(stored, found, identical=False) if not c.agrees] == [name]
