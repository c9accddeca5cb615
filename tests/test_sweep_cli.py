import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from companion import cli, data, learn, measure, results, show, sweeps, units
from companion.cli.commands import draw_planes, plane_labels, print_table
from companion.results import schema
from companion.studies.measures import table_of
from companion.terms import RateDistortion

GRID = [learn.preset("laptop", "digits", dense=True, steps=20, beta=beta) for beta in (0.1, 10.0)]
SWEEP = ["sweep", "--data", "digits", "--betas", "0.1,10", "--steps", "20", "--jobs", "1"]


def row_of(config: learn.Config, point: RateDistortion) -> schema.Row:
    """A row without a tighter bound."""
    return schema.row(config, point, {"iwae5": None, "iwae5_se": None})


@pytest.fixture(scope="module")
def swept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("swept")
    sweeps.sweep(GRID, out, progress=False)
    return out


def test_order_and_jobs_change_no_byte_of_the_rows(swept, tmp_path):
    sweeps.sweep(GRID[::-1], tmp_path, jobs=2, progress=False)
    lines, reversed_lines = ((folder / "rates.csv").read_text().splitlines() for folder in (swept, tmp_path))
    assert sorted(lines) == sorted(reversed_lines)
    assert reversed_lines[1:3] == lines[3:5]


def test_rows_in_the_table_are_done_with_or_without_their_folder_and_lost_rows_are_found_in_it(swept, tmp_path):
    shutil.copytree(swept, tmp_path, dirs_exist_ok=True)
    shutil.rmtree(tmp_path / "runs" / GRID[0].hash)
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "runs").rglob("*") if path.is_file()}
    rows = results.read_rows(swept / "rates.csv")
    assert sweeps.sweep(GRID, tmp_path, progress=False) == rows
    assert not (tmp_path / "runs" / GRID[0].hash).exists()
    schema.write_rows(tmp_path / "rates.csv", rows[:3])  # the second run has lost a row
    assert sweeps.sweep(GRID, tmp_path, progress=False) == rows
    assert (tmp_path / "rates.csv").read_bytes() == (swept / "rates.csv").read_bytes()
    assert all(path.stat().st_mtime_ns == time for path, time in before.items())


def test_a_finished_run_with_rows_of_another_schema_is_measured_anew(swept, tmp_path):
    shutil.copytree(swept / "runs" / GRID[0].hash, tmp_path, dirs_exist_ok=True)
    (tmp_path / "rates.csv").write_text("beta,kld\n1,2\n")
    assert sweeps.run(GRID[0], tmp_path, progress=False) == results.read_rows(swept / "rates.csv")[:2]


def test_a_lower_beta_buys_rate_and_saves_distortion(swept):
    low, high = (r for r in results.read_rows(swept / "rates.csv") if r["split"] == "test")
    assert low["rate"] > high["rate"]
    assert low["beta"] < high["beta"]


def test_rows_survive_their_file(tmp_path):
    point = RateDistortion(0.000412, 80.6, 1e-5, 0.25, 0.251, n=10_000, split="test", seed=5)
    rows = [row_of(config, point) for config in (GRID[0].replace(seed=3), GRID[0].replace(annealed=True))]
    rows += [schema.row(GRID[0], point, {"iwae5": -78.1, "iwae5_se": 0.2543})]
    schema.write_rows(tmp_path / "rates.csv", rows)
    read = schema.read_rows(tmp_path / "rates.csv")
    assert read == [{**r, "beta": float(r["beta"])} for r in rows]
    assert schema.point(read[0]) == point
    assert (read[0]["iwae5"], read[0]["target"]) == (None, None)
    assert (read[2]["iwae5"], read[2]["iwae5_se"]) == (-78.1, 0.2543)
    header = (tmp_path / "rates.csv").read_text().splitlines()[0].split(",")
    assert header[:6] == ["family", "beta", "annealed", "seed", "preset", "split"]
    assert header[6:10] == ["rate", "distortion", "rate_se", "distortion_se"]
    assert header[-1] == "config_hash"


def test_the_tighter_bound_agrees_with_its_direct_measurement(swept):
    """The 300 images are all in the subset; what is left is the noise of the draws, measured over other seeds."""
    _, model = learn.load_run(swept / "runs" / GRID[0].hash)
    row, test = results.read_rows(swept / "rates.csv")[1], data.load("digits").test
    direct = np.mean([measure.iwae(model, test, 5, seed=seed).value for seed in range(1, 9)])
    noise = np.std([measure.evaluate(model, test, seed=seed).elbo for seed in range(1, 9)])
    assert row["iwae5"] == pytest.approx(direct, abs=5 * noise)
    assert row["elbo"] < row["iwae5"] - 3 * noise


def test_other_columns_are_refused(tmp_path):
    point = RateDistortion(6.1, 80.6, 0.1, 0.25, 0.251, n=800, split="test")
    with pytest.raises(ValueError, match=r"table families, missing \['iwae5', 'iwae5_se'\], foreign \['kld'\]"):
        schema.row(GRID[0], point, {"kld": 1.0})
    (tmp_path / "rates.csv").write_text("beta,kld\n1,2\n")
    with pytest.raises(ValueError, match=r"rates.csv: expected the columns family,beta,.* got \['beta', 'kld'\]"):
        schema.read_rows(tmp_path / "rates.csv")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (",False,", ",no,", "annealed: expected True or False, got 'no'"),
        (",800,", ",many,", "n: expected a number, got 'many'"),
        (",800,", "\n", "expected 22 cells, got more or fewer"),
        (",800,", ",800,,", "expected 22 cells, got more or fewer"),
    ],
)
def test_a_damaged_table_is_named_with_its_line(tmp_path, old, new, message):
    point = RateDistortion(6.1, 80.6, 0.1, 0.25, 0.251, n=800, split="test")
    schema.write_rows(tmp_path / "rates.csv", [row_of(GRID[0], point)] * 2)
    head, tail = (tmp_path / "rates.csv").read_text().rsplit(old, 1)
    (tmp_path / "rates.csv").write_text(head + new + tail)
    with pytest.raises(ValueError, match=rf"rates.csv: line 3: {message}"):
        schema.read_rows(tmp_path / "rates.csv")


def test_provenance_says_what_made_the_rows(swept):
    facts = json.loads((swept / "rates.json").read_text())
    assert set(facts["runs"]) == {config.hash for config in GRID}
    one = facts["runs"][GRID[0].hash]
    assert one["config"]["beta"] == 0.1
    assert one["seconds"] > 0
    assert {"companion", "torch", "numpy", "python", "processor", "cores"} <= one["made_by"].keys()
    assert one["kept"] in range(1, 21)
    with pytest.raises(ValueError, match="jobs: expected at least 1, got 0"):
        sweeps.sweep(GRID, swept, jobs=0)
    for configs in ([], [GRID[0], GRID[0]]):
        with pytest.raises(ValueError, match="configs: expected one or more different configurations"):
            sweeps.sweep(configs, swept)


def test_the_sweep_command_prints_its_table_and_draws_the_plane(tmp_path, capsys):
    assert cli.main([*SWEEP, "--out", str(tmp_path)]) == 0
    printed = capsys.readouterr().out
    row = next(r for r in results.read_rows(tmp_path / "rates.csv") if r["split"] == "test")
    assert f"{row['rate']:.3f} ± {row['rate_se']:.3f}" in printed
    assert f"{units.bits(-row['elbo']):.3f} ± {units.bits(row['elbo_se']):.3f}" in printed
    assert np.asarray(Image.open(tmp_path / "rd_plane.png").convert("L")).std() > 10
    assert sorted(p.name for p in tmp_path.iterdir()) == ["rates.csv", "rates.json", "rd_plane.png", "runs"]


def test_planes_keep_data_sets_apart_and_labels_tell_the_runs(tmp_path, capsys):
    point = RateDistortion(6.1, 80.6, 0.1, 0.25, 0.251, n=800, split="test")
    configs = [GRID[0], GRID[0].replace(annealed=True), GRID[0].replace(steps=9)]
    rows = [row_of(config, point) for config in configs]
    assert plane_labels(rows) == ["β = 0.1 20 steps", "β = 0.1 20 steps annealed", "β = 0.1 9 steps"]
    rows.append(row_of(GRID[0].replace(binarise="dynamic"), point))
    schema.write_rows(tmp_path / "two.csv", rows)
    assert cli.main(["show", str(tmp_path / "two.csv")]) == 0
    names = ["rd_plane-digits-dynamic.png", "rd_plane-digits-threshold.png"]
    assert sorted(path.name for path in (tmp_path / "two").iterdir()) == names
    schema.write_rows(tmp_path / "none.csv", [{**r, "split": "validation"} for r in rows])
    assert cli.main(["show", str(tmp_path / "none.csv")]) == 1
    assert "rows: expected one or more of the split test, got 4 of others" in capsys.readouterr().err


def test_a_plane_of_a_table_leaves_hollow_what_has_not_arrived(tmp_path, monkeypatch):
    """Two prices at one point cost the same; the third run pays two nats more at its own."""
    points = [RateDistortion(6, d, 0.1, 0.1, 0.1, n=800, split="test") for d in (80, 80, 82)]
    rows = [row_of(GRID[0].replace(seed=seed), point) for seed, point in enumerate(points)]
    schema.write_rows(tmp_path / "table.csv", rows)
    drawn = []
    monkeypatch.setattr(show, "save", lambda figure, path: drawn.append(figure))
    assert cli.main(["show", str(tmp_path / "table.csv")]) == 0
    (axes,) = drawn[0].axes
    assert [bars[0].get_markerfacecolor() == "white" for bars in axes.containers] == [False, False, True]


@pytest.mark.parametrize(
    ("config", "aim"),
    [
        (learn.Config.of(data="digits", objective="mi_valid", categories=10, weight=3.0), "λ = 3"),
        (learn.Config.of(data="digits", objective="beta_vae", categories=10, beta=0.5), "β = 0.5"),
        (learn.Config.of(data="digits", objective="mi_literal", latent_indices="1,2", weight=0.1), "λ = 0.1"),
        (learn.Config.of(data="digits", objective="beta_tcvae", weight=2.0), "λ = 2"),
        (learn.Config.of(data="digits", objective="target_rate", target=5.0), "R = 5"),
    ],
)
def test_every_table_is_drawn_and_printed(config, aim, tmp_path, capsys):
    table = table_of(config)
    point = RateDistortion(5.0, 100.0, 0.1, 0.2, 0.2, n=100, split="test")
    measured = {name: 1.0 for name in schema.quantities(schema.SCHEMAS[table]) if name not in schema.POINT}
    errors = {f"{name}_se": 0.1 for name in measured}
    row = schema.row(config, point, measured | errors, table)
    assert plane_labels([row]) == [aim]
    assert draw_planes([row], tmp_path) == [tmp_path / "rd_plane.png"]
    print_table([row])
    assert f" {aim} " in capsys.readouterr().out


def test_runs_that_diverge_are_all_named_after_the_table_of_the_others(tmp_path, capsys):
    runs = "[[runs]]\nlearning_rate = 1e18\nseeds = [0, 1]\n[[runs]]\nsteps = 2\n"
    (tmp_path / "g.toml").write_text(f'data = "digits"\ndense = true\nsteps = 50\n{runs}')
    assert cli.main(["sweep", "--grid", str(tmp_path / "g.toml"), "--out", str(tmp_path / "out"), "--jobs", "1"]) == 1
    printed = capsys.readouterr()
    assert "g.csv and g.json are written; rd_plane.png" in printed.out
    failed = [config.hash for config in sweeps.read_grid(tmp_path / "g.toml")][:2]
    assert all(name in printed.err.splitlines()[-1] for name in failed)


def test_train_evaluate_and_show_agree(tmp_path, capsys):
    assert cli.main(["train", "--data", "digits", "--steps", "20", "--out", str(tmp_path)]) == 0
    test_row = results.read_rows(tmp_path / "rates.csv")[1]
    capsys.readouterr()
    assert cli.main(["evaluate", str(tmp_path)]) == 0
    assert f"R {test_row['rate']:.3f} ± {test_row['rate_se']:.3f}" in capsys.readouterr().out
    assert cli.main(["show", str(tmp_path)]) == 0
    for name in ("rd_plane.png", "images.png"):
        assert np.asarray(Image.open(tmp_path / name).convert("L")).std() > 10


def test_the_data_command_lists_and_describes(capsys):
    assert cli.main(["data"]) == 0
    assert "fashion-mnist" in capsys.readouterr().out
    assert cli.main(["data", "digits"]) == 0
    assert "1,197 / 300 / 300 images of 8x8, threshold" in capsys.readouterr().out


@pytest.mark.parametrize("command", [[], ["data"], ["train"], ["evaluate"], ["sweep"], ["show"]])
def test_help_is_there_for_every_command(command, capsys):
    with pytest.raises(SystemExit) as stop:
        cli.main([*command, "--help"])
    assert stop.value.code == 0
    assert "usage: python -m companion" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("command", "message"),
    [
        (["train", "--data", "svhn"], "data: expected one of digits"),
        (["train", "--data", "mnist"], "binarise: mnist is grey"),
        (["train", "--data", "digits", "--beta", "nan"], "beta: expected a finite number"),
        (["train", "--data", "digits", "--preset", "phone"], "preset: expected one of laptop, paper"),
        (["train", "--data", "digits", "--family", "xyz"], "family: expected one of ---"),
        (["train", "--data", "digits", "--device", "tpu"], "device: expected cpu, cuda or mps"),
        (["train", "--data", "digits", "--learning-rate", "1e18", "--steps", "50"], "training stopped at step"),
        (["sweep", "--data", "digits", "--betas", "1,-2"], "beta: expected a finite number, 0 or more, got -2.0"),
        (["data", "svhn"], "name: expected one of digits"),
        (["evaluate", "nowhere"], "expected the folder of a run, found no config.json"),
        (["sweep"], "sweep: expected --grid FILE.toml or --data NAME, got neither"),
        (["sweep", "--grid", "g.toml", "--steps", "9"], "grid: expected all settings in g.toml, got steps beside it"),
        (["sweep", "--grid", "nowhere.toml"], "nowhere.toml"),
        (["sweep", "--data", "digits", "--engine", "ray"], "engine: expected one of joblib, dask, got 'ray'"),
        (["sweep", "--data", "digits", "--scheduler", "tcp://a:1"], "scheduler: expected none with the engine joblib"),
        (["sweep", "--data", "digits", "--verify", "2"], "verify: expected 1 or more of the 0 finished runs"),
        (["train", "--data", "digits", "--objective", "capacity"], "target: expected a finite rate in nats"),
        (["train", "--data", "digits", "--epochs", "2", "--steps", "3"], "epochs: expected at least 1, and no steps"),
        (["show", "nowhere"], "found no nowhere/rates.csv"),
    ],
)
def test_bad_commands_end_in_one_sentence(command, message, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert cli.main(command) == 1
    errors = [line for line in capsys.readouterr().err.splitlines() if line.startswith("companion: ")]
    assert len(errors) == 1
    assert message in errors[0]


@pytest.mark.parametrize("command", [["train"], ["sweep", "--betas", "a,b"], ["sweep", "--budget", "25"], ["fly"]])
def test_words_that_are_no_command_end_with_the_usage(command, capsys):
    with pytest.raises(SystemExit) as stop:
        cli.main(command)
    assert stop.value.code == 2
    assert "usage:" in capsys.readouterr().err
