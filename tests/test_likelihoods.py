"""The script that measures log p(x) of kept models, on runs of two steps."""

import json
import sys

import numpy as np
import pytest
from test_project import script

from companion import data, learn, measure, results
from companion.measure.evaluation import log_weights

NAMES = ["---", "-+v"]
FEW = ["--images", "6", "--simulated", "4", "--chains", "3", "--temperatures", "6", "--leapfrogs", "2"]


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    """A folder of results with two models, and one whose code has categories."""
    folder = tmp_path_factory.mktemp("results")
    for name in NAMES:
        config = learn.preset("laptop", "digits", steps=2, family=name, width=0.05, latent_dim=4)
        learn.train(config, out=folder / "models" / "tiny" / name, progress=False)
    (folder / "models" / "tiny" / "categories").mkdir()
    (folder / "models" / "tiny" / "categories" / "config.json").write_text('{"categories": 10}')
    return folder


@pytest.fixture
def call(kept, tmp_path, monkeypatch, capsys):
    """The script with a table of its own and few draws; returns the rows and what was said."""
    module = script("likelihoods")
    monkeypatch.setattr(module, "RESULTS", kept)
    monkeypatch.setattr(module, "DRAWS", 50)
    monkeypatch.setenv("TQDM_DISABLE", "1")

    def run(*arguments):
        table = tmp_path / "likelihoods.csv"
        monkeypatch.setattr(sys, "argv", ["likelihoods.py", "--table", str(table), *FEW, *arguments])
        module.main()
        return module.finished(table), capsys.readouterr().out

    return run


def test_a_row_holds_the_bounds_of_the_same_images(call, kept):
    (row,), said = call("--only", "tiny/---")
    assert "tiny/categories" not in said
    assert "1 models are left, about 0.0 hours of one core" in said
    config, model = learn.load_run(kept / "models" / "tiny" / "---")
    test = data.load("digits").test
    x = test[np.sort(np.random.default_rng(0).permutation(len(test))[:6])]
    with learn.threads(1):
        log_w = log_weights(model, np.repeat(x, 5, 0), 10)
        found = measure.annealed(model, x, chains=3, temperatures=6, leapfrogs=2, start="encoder")
        both = measure.bidirectional(model, 4, chains=3, temperatures=6, leapfrogs=2, start="encoder")
        iwae = measure.iwae(model, np.repeat(x, 400, 0), 5)
    assert row["elbo"] == pytest.approx(log_w.mean(), abs=1e-5)
    assert row["iwae5"] == pytest.approx(iwae.value, abs=0.3)
    assert row["elbo"] < row["iwae5"] < row["iwae5000"]
    assert (row["ais"], row["ais_se"]) == pytest.approx((found.value, found.se), abs=1e-5)
    assert row["ais_gain"] == pytest.approx(row["ais"] - row["iwae5000"], abs=1e-5)
    assert row["ais_gain_se"] < row["ais_se"]
    assert (row["forward"], row["reverse"], row["gap"]) == pytest.approx(
        (both.forward.value, both.reverse.value, both.gap), abs=1e-5
    )
    assert (row["config_hash"], row["n"], row["simulated"], row["start"]) == (config.hash, 6, 4, "encoder")


def test_it_goes_on_where_it_stopped_and_again_where_settings_changed(call, kept, tmp_path):
    first, _ = call("--only", "tiny/---")
    rows, said = call()
    assert "1 models are left" in said
    assert [row["model"] for row in rows] == sorted(NAMES)
    assert [row for row in rows if row["model"] == "---"] == first
    assert call() == (
        rows,
        "tiny/categories: left out, its code has categories\n0 models are left, about 0.0 hours of one core\n",
    )
    again, said = call("--chains", "2", "--only", "tiny/---")
    assert [row["chains"] for row in again if row["model"] == "---"] == [2]
    assert "2 models are left" in call("--temperatures", "5", "--cost")[1]
    facts = json.loads((tmp_path / "likelihoods.json").read_text())
    assert facts["rows"]["tiny/---"]["settings"]["chains"] == 2
    assert facts["rows"].keys() == {f"tiny/{name}" for name in NAMES}
    assert results.load(tmp_path / "likelihoods.csv").family.tolist() == sorted(NAMES)
