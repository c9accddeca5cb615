"""The committed results: every table has its provenance, and every kept model still is what its row says."""

import json
from math import log
from pathlib import Path

import numpy as np
import pytest
import torch
from _pytest.mark import ParameterSet

from companion import data, learn, measure, results
from companion.learn.checkpoint import read_config
from companion.results.schema import FIELD_OF

RESULTS = Path(__file__).parents[1] / "book" / "results"
TABLES = sorted(path for path in RESULTS.glob("*.csv") if path.with_suffix(".toml").is_file())  # of sweeps
MODELS = sorted(path.parent for path in RESULTS.glob("models/*/*/config.json"))
LIMIT = 30 * 2**20  # bytes of the weights of the families together, and of all others together
IMAGES = 200


def with_column(name: str) -> list[Path]:
    """The tables that hold it."""
    return [table for table in TABLES if name in results.read_rows(table)[0]]


@pytest.mark.parametrize("table", TABLES, ids=lambda path: path.stem)
def test_every_row_has_the_configuration_that_made_it(table):
    runs = json.loads(table.with_suffix(".json").read_text())["runs"]
    rows = results.read_rows(table)
    assert {row["config_hash"] for row in rows} == runs.keys()
    for row in rows:
        config = learn.Config.of(**runs[row["config_hash"]]["config"])
        assert config.hash == row["config_hash"]
        told = {FIELD_OF.get(name, name): value for name, value in row.items()}
        settings = config.settings()
        assert all(settings[name] == told[name] for name in settings.keys() & told.keys())
        assert row["elbo"] == pytest.approx(-row["rate"] - row["distortion"], abs=2e-6)
        assert row["rate"] > -5 * row["rate_se"]  # a divergence, up to the noise of its draws


@pytest.mark.parametrize("table", with_column("iwae5"), ids=lambda path: path.stem)
def test_importance_weights_tighten_every_bound(table):
    for row in results.read_rows(table):
        assert row["iwae5"] >= row["elbo"]
        assert row["iwae5_se"] < 2 * row["elbo_se"]


def test_no_bound_exceeds_what_it_bounds():
    for row in (row for table in with_column("mi_exact") for row in results.read_rows(table)):
        assert row["mi_direct"] <= row["mi_exact"] + 5 * np.hypot(row["mi_direct_se"], row["mi_exact_se"])
        drawn = 0 if row.get("categories") else row["mi_exact_se"]  # exact sums, and codes drawn from densities
        assert abs(row["mi_exact"] + row["kl_aggregate"] - row["kl_c"]) <= 5 * (drawn + row["kl_aggregate_se"]) + 2e-6
        if row.get("categories"):
            assert row["mi_valid"] <= row["entropy_aggregate"] + 5 * row["mi_valid_se"]
            assert row["mi_exact"] <= log(row["categories"])


def needing(folder: Path) -> ParameterSet:
    """The folder of a kept model, marked by the data it needs."""
    needs = pytest.mark.needs(read_config(folder).data)
    return pytest.param(folder, marks=needs, id=f"{folder.parent.name}-{folder.name}")


@pytest.mark.parametrize("folder", [needing(folder) for folder in MODELS])
def test_a_kept_model_measures_what_its_row_says(folder):
    config, model = learn.load_run(folder)
    test = data.load(config.data, config.binarise).test
    some = np.sort(np.random.default_rng(2).permutation(len(test))[:IMAGES])  # the set is sorted by class
    point = measure.evaluate(model, test[some], seed=1)
    (row,) = (r for r in results.read_rows(folder / "rates.csv") if r["split"] == "test")
    assert row in results.read_rows(RESULTS / f"{folder.parent.name}.csv")
    assert row["config_hash"] == read_config(folder).hash
    assert abs(point.rate - row["rate"]) < 5 * np.hypot(point.rate_se, row["rate_se"]) + 1e-4
    assert abs(point.elbo - row["elbo"]) < 5 * np.hypot(point.elbo_se, row["elbo_se"])


@pytest.mark.parametrize("folder", [needing(folder) for folder in MODELS[:1]])
def test_half_precision_moves_a_model_by_less_than_a_fifth_of_a_standard_error(folder):
    """On the same images and draws, a kept model against its weights moved at random by as much as rounding moves."""
    config, model = learn.load_run(folder)
    test = data.load(config.data, config.binarise).test
    some = np.sort(np.random.default_rng(2).permutation(len(test))[:IMAGES])
    kept = measure.evaluate(model, test[some])
    rng = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for p in model.parameters():
            spacing = 2.0 ** (p.abs().clamp_min(2.0**-14).log2().floor() - 10)  # of half precision, around p
            p += spacing * (torch.rand(p.shape, generator=rng) - 0.5)
    moved = measure.evaluate(model, test[some])
    assert kept != moved
    assert abs(kept.rate - moved.rate) < kept.rate_se / 5
    assert abs(kept.distortion - moved.distortion) < kept.distortion_se / 5


def test_kept_weights_stay_small_and_each_has_its_sheets():
    weights = list(RESULTS.glob("models/**/*.safetensors"))
    families = [path for path in weights if path.parent.name.startswith("family")]
    for group in (families, set(weights) - set(families)):
        assert sum(path.stat().st_size for path in group) < LIMIT
    for folder in MODELS:
        assert {"reconstructions.png", "generations.png"} <= {path.name for path in folder.iterdir()}
