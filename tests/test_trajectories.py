"""Trajectories of categories through training: the measures of a finished run, taken on the way."""

from math import log

import pytest
import torch

from companion import data, learn, results
from companion.learn import State, train, training_units
from companion.measure.categories import category_entropy, category_probabilities
from companion.models import generator
from companion.objectives import ValidInformation, VariationalPosterior
from companion.results import schema
from companion.studies.trajectories import histograms, record_trajectory, rewarded

DIGITS = learn.preset("laptop", "digits", dense=True, steps=20)
LITERAL = DIGITS.replace(objective="mi_literal", categories=4, latent_dim=4, weight=3.0)
PLAIN = DIGITS.replace(categories=3)


@pytest.mark.parametrize("config", [PLAIN, LITERAL], ids=["plain", "literal"])
def test_a_trajectory_keeps_the_identities_and_ends_where_the_run_does(config, tmp_path):
    """The shares are the aggregate whose entropy is told."""
    images = data.load("digits")
    rows = record_trajectory(config, images, 10, progress=False)
    assert [line["step"] for line in rows] == [10, 20]
    for line in rows:
        assert line["mi_exact"] + line["kl_aggregate"] == pytest.approx(line["kl_c"], abs=2e-6)
        shares, values = ([line[f"{name}_{k}"] for k in range(schema.BINS)] for name in ("share", "histogram"))
        assert -sum(q * log(q) for q in shares if q) == pytest.approx(line["entropy_aggregate"], abs=1e-4)
        assert sum(values) == pytest.approx(1.0, abs=1e-5)
        assert (line["bound"] is None) == (config is PLAIN)
    probs = category_probabilities(train(config, images=images, every=10, progress=False).model, images.validation)
    assert config is PLAIN or rows[-1]["entropy_aggregate"] == round(category_entropy(probs).value, 6)
    schema.write_rows(tmp_path / "trajectories.csv", rows)
    assert results.read_rows(tmp_path / "trajectories.csv") == rows


def test_the_literal_bound_lies_above_the_valid_one_by_what_the_aggregate_lacks_of_log_k():
    """Under one posterior, as the objectives define them."""
    images, model = data.load("digits").validation, train(LITERAL, progress=False).model
    literal = training_units(model, LITERAL, 1)[1]["variational_posterior"]
    valid = VariationalPosterior(model, ValidInformation(), seed=0)
    valid.load_state_dict(literal.state_dict())
    told, true = (rewarded(State({"model": model, "variational_posterior": r}, []), images) for r in (literal, valid))
    with torch.no_grad():
        lacks = log(4) - float(valid.entropy(model(torch.from_numpy(images), generator(0))))
    assert told - true == pytest.approx(lacks, abs=1e-5)


def test_histograms_of_two_images():
    """By hand."""
    told = histograms(torch.tensor([[0.0, 1.0], [0.45, 0.55]]))
    expected = {
        "share_0": 0.225,
        "share_1": 0.775,
        "histogram_0": 0.25,
        "histogram_4": 0.25,
        "histogram_5": 0.25,
        "histogram_9": 0.25,
    }
    assert {name: value for name, value in told.items() if value} == pytest.approx(expected)


@pytest.mark.parametrize("categories", [0, 11])
def test_a_trajectory_needs_a_few_categories(categories):
    """Where the code has none, or more than there are columns."""
    config = learn.preset("laptop", "digits", categories=categories)
    with pytest.raises(ValueError, match=rf"categories: expected 1 to 10, got {categories}"):
        record_trajectory(config, data.load("digits"), 10)
