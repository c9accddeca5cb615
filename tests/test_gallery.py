"""The script that keeps the best runs of a table, on runs of two steps."""

import shutil
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from test_project import script

from companion import learn, results, sweeps

TINY = learn.preset("laptop", "digits", width=0.05, steps=2, beta=0.5)
CONFIGS = [TINY, TINY.replace(seed=1), TINY.replace(family="-+v"), TINY.replace(family="-+v", beta=2.0)]
FILES = ["config.json", "generations.png", "model.safetensors", "rates.csv", "reconstructions.png"]


@pytest.fixture(scope="module")
def swept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("swept")
    sweeps.sweep(CONFIGS, out, table=out / "tiny.csv", progress=False)
    return out


@pytest.fixture
def gallery(swept, tmp_path, monkeypatch):
    """The script on a copy of the table; returns the gallery's folder."""
    shutil.copy(swept / "tiny.csv", tmp_path)

    def call(*arguments: object) -> Path:
        monkeypatch.setattr(sys, "argv", ["gallery.py", *map(str, (tmp_path / "tiny.csv", *arguments))])
        script("gallery").main()
        return tmp_path / "models" / "tiny"

    return call


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_each_familys_best_and_one_familys_betas_are_kept_in_half_precision(swept, gallery):
    folder = gallery(swept / "runs")
    rows = [r for r in results.read_rows(swept / "tiny.csv") if r["split"] == "validation"]
    best = max((r for r in rows if r["family"] == "---"), key=lambda r: r["elbo"])
    assert names(folder) == ["family-+v_beta0.5", "family-+v_beta2", "family---_beta0.5"]
    assert all(names(path) == FILES for path in folder.iterdir())
    assert learn.load_run(folder / "family---_beta0.5")[0].hash == best["config_hash"]
    folders = folder / "family---_beta0.5", swept / "runs" / best["config_hash"]
    kept, whole = (load_file(path / "model.safetensors") for path in folders)
    assert all(torch.equal(kept[name], whole[name].half()) for name in whole)


SHARED = {"split": "validation", "family": "-+v", "annealed": False, "target": None, "steps": 10}


def test_two_choices_of_one_name_are_both_kept():
    low = {"beta": 0.5, "rate": 9.0, "distortion": 70.0, "config_hash": "a"}  # 79 nats, and 74.5 at its own beta
    high = {"beta": 0.5, "rate": 12.0, "distortion": 69.0, "config_hash": "b"}  # 81 nats, and 75
    other = {"beta": 0.5, "rate": 6.0, "distortion": 72.0, "config_hash": "c"}  # 78 nats, and 75
    kept = script("gallery").chosen([SHARED | r for r in (low, high, other)], "-+v")
    assert kept == {"family-+v_beta0.5_c": "c", "family-+v_beta0.5_a": "a"}


def test_betas_are_compared_at_equal_steps_and_held_rates_are_kept_apart():
    short = {"beta": 1.0, "rate": 1.0, "distortion": 80.0, "config_hash": "short"}
    long = {"beta": 1.0, "rate": 1.0, "distortion": 70.0, "config_hash": "long", "annealed": True, "steps": 20}
    held = {"beta": 1.0, "rate": 8.0, "distortion": 60.0, "config_hash": "held", "target": 8.0}
    worse = held | {"distortion": 61.0, "config_hash": "worse"}
    tests = {"split": "test", "beta": 1.0, "rate": 0.0, "distortion": 0.0, "config_hash": "test"}
    kept = script("gallery").chosen([SHARED | r for r in (short, long, worse, held, tests)], "-+v")
    assert kept == {"family-+v_beta1": "short", "family-+v_beta1_annealed": "long", "family-+v_rate8": "held"}
    assert "family-+v_beta1" not in script("gallery").chosen([SHARED | r for r in (short, long)], "---")


def test_an_interrupted_or_outdated_folder_is_made_anew_and_plain_files_stay(swept, gallery):
    folder = gallery(swept / "runs")
    (folder / "family-+v_beta2" / "model.safetensors").unlink()
    (folder / "family---_beta0.5" / "rates.csv").write_text("of an earlier training")
    (folder / ".family-+v_beta0.5.part").mkdir()
    (folder / "old").mkdir()
    (folder / ".DS_Store").write_text("")
    whole = (folder / "family-+v_beta0.5" / "model.safetensors").stat().st_mtime_ns
    gallery(swept / "runs")
    assert names(folder) == [".DS_Store", "family-+v_beta0.5", "family-+v_beta2", "family---_beta0.5"]
    assert all(names(path) == FILES for path in folder.iterdir() if path.is_dir())
    assert len(results.read_rows(folder / "family---_beta0.5" / "rates.csv")) == 2
    assert (folder / "family-+v_beta0.5" / "model.safetensors").stat().st_mtime_ns == whole


def test_nothing_is_deleted_where_the_runs_are_not_there(swept, gallery, tmp_path, capsys):
    folder = gallery(swept / "runs")
    (folder / "old").mkdir()
    with pytest.raises(SystemExit):
        gallery(tmp_path / "nowhere")
    assert "RUNS: expected the finished runs of the table, found no" in capsys.readouterr().err
    assert len(names(folder)) == 4


def test_missing_sheets_are_drawn_without_the_runs_in_the_threads_of_the_run(swept, gallery, monkeypatch):
    folder = gallery(swept / "runs")
    sheet = folder / "family-+v_beta2" / "generations.png"
    before, seen = sheet.read_bytes(), []
    sheet.unlink()
    threads = learn.threads
    monkeypatch.setattr(learn, "threads", lambda count: seen.append(count) or threads(count))
    gallery()
    assert sheet.read_bytes() == before
    assert seen == [1]
