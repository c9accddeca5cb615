"""The benchmarks: what they count and compare is true; how long it took is asserted nowhere."""

import json

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

import bench
import contenders as c
from companion import coding


@pytest.fixture(scope="module")
def frame(tmp_path_factory):
    """The table of a whole run, everything very small."""
    out = tmp_path_factory.mktemp("bench") / "speed.csv"
    rows = bench.main(["--quick", "--repeats", "1", "--out", str(out), "--peers", str(out.parent)])
    found = pd.read_csv(out, keep_default_na=False)
    assert found.to_dict("records") == rows
    facts = json.loads(out.with_suffix(".json").read_text())
    assert len(facts["seconds"]) == len(bench.MEASUREMENTS)
    return found.set_index(["measurement", "quantity", "method"]).sort_index()


def test_operations_are_those_counted_by_hand():
    """Of a 3 x 5 kernel from 2 to 7 channels at 4 x 6 places, and back to the kernel alone."""
    layer, x = nn.Conv2d(2, 7, (3, 5)), torch.zeros(11, 2, 6, 10)
    forward = 2 * 11 * 7 * 4 * 6 * 2 * 3 * 5
    found = c.flops(lambda: layer(x).sum().backward())
    assert found == {"aten.convolution": forward, "aten.convolution_backward": forward}


def test_a_training_step_counts_every_layer(frame):
    """The dense parts of the narrow model: both heads of the encoder, forwards, to the weights and to the input."""
    turn = c.training(c.QUICK, "---, narrow", "default")
    found, batch, features, codes = c.flops(turn), 8, 26, 4
    heads = 2 * 2 * batch * features * codes
    assert (found["aten.addmm"], found["aten.mm"]) == (heads, 2 * heads)
    told = frame.loc[("training", "MFLOP an image", "default")].set_index("case")["median"]
    assert told["---, narrow"] == pytest.approx(sum(found.values()) / batch / 1e6, rel=1e-3)


def test_a_training_turn_takes_the_steps_that_it_says(monkeypatch):
    seen = []
    monkeypatch.setattr(torch.optim.Adam, "step", lambda self: seen.append(len(self.param_groups)))
    c.training(c.QUICK.taking(3), "-+-, narrow", "default")()
    assert len(seen) == 3


def test_the_parts_of_a_step_are_all_of_it(frame):
    parts = frame.loc[("profile", "ms a step")]["median"]
    assert set(parts.index) == {*bench.GROUPS, bench.REST}
    assert (parts > 0).all()


@pytest.mark.parametrize(
    ("names", "group"),
    [
        (["autograd::engine::evaluate_function: ConvolutionBackward0", "aten::copy_"], "convolutions, backward"),
        (["aten::conv2d", "aten::mkldnn_convolution", "aten::empty"], "convolutions, forward"),
        (["Optimizer.step#Adam.step", "aten::zeros_like", "aten::zero_"], "optimiser"),
        (["autograd::engine::evaluate_function: GluBackward0", "aten::glu_backward"], "gates"),
        (["aten::pad", "aten::constant_pad_nd", "aten::fill_"], "padding, slices and copies"),
        (["aten::add"], None),
    ],
)
def test_an_operator_belongs_to_the_outermost_that_has_a_group(names, group):
    class Event:
        def __init__(self, name, parent):
            self.name, self.cpu_parent = name, parent

    event = None
    for name in names:
        event = Event(name, event)
    assert bench.group(event) == group


def test_all_ways_to_the_aggregate_agree(frame):
    z, mean, variance = c.posteriors(300, 3)
    own = torch.arange(300)
    differences = z[:, None] - mean
    squares = (differences**2 / variance + variance.log()).sum(2) + 3 * np.log(2 * np.pi)
    truth = np.log(np.exp(-squares.numpy() / 2).mean(1))
    for method in (c.BROADCAST, c.IN_BLOCKS, c.PRODUCT):
        np.testing.assert_allclose(c.density(method)(z, mean, variance, own), truth, atol=1e-12)
    errors = frame.loc[("aggregate", "largest error in nats")]["median"]
    assert errors[c.PRODUCT] < 1e-10
    assert errors.get(c.SINGLE, 0.0) < 0.02


def test_turns_of_the_aggregate_go_through_all_codes(monkeypatch):
    z, *_ = c.posteriors(600, c.QUICK.latent_dim)
    seen = []
    monkeypatch.setattr(c, "density", lambda method: lambda codes, mean, variance, own: seen.append((codes, own)))
    turn = c.aggregates(c.QUICK, 600, c.PRODUCT)
    for _ in range(c.QUICK.parts):
        turn()
    assert torch.equal(torch.cat([codes for codes, _ in seen]), z)
    assert torch.equal(torch.cat([own for _, own in seen]), torch.arange(600))


def test_both_ways_to_draw_draw_the_same(frame):
    one, other = (c.sampling(c.QUICK, method)() for method in (c.STORED, c.FULL_PASSES))
    assert torch.equal(one, other)
    assert 0.05 < one.double().mean() < 0.95
    assert frame.loc[("sampling", "share of equal pixels", c.STORED)]["median"].item() == 1.0


def test_what_is_coded_comes_back(frame):
    turns = c.coders(c.QUICK)
    images = turns[c.READING]()
    assert images.shape == (c.QUICK.coded, c.QUICK.side, c.QUICK.side)
    assert coding.decompress(turns[c.WRITING].args[0], turns[c.WRITING]()).tolist() == images.tolist()
    assert set(frame.loc[("coding", "images a CPU second")].index) == {c.WRITING, c.READING}


def test_a_ratio_is_taken_within_each_round_and_a_median_has_its_ends():
    made = bench.Bench(c.QUICK, 3, {})
    turns = {name: [bench.Spent(cpu, cpu, 0.0) for cpu in (9, *times)] for name, times in TIMES.items()}
    made.ratios(("training", "one", "default"), turns, c.PYTHAE)
    told = {"quantity": "times as fast as pythae", "median": 3.0, "low": 2.0, "high": 4.0, "n": 3}
    assert told.items() <= made.rows[0].items()


TIMES = {"default": (1, 2, 1), c.PYTHAE: (4, 4, 3)}


def test_every_contender_takes_every_place_in_the_order():
    order = []
    made = bench.Bench(c.QUICK, 3, {})
    found = made.interleaved({name: lambda name=name: order.append(name) for name in "abc"}, ())
    assert "".join(order) == "abc" + "abc" + "bca" + "cab"
    assert all(len(taken) == 4 for taken in found.values())


def test_another_process_answers_with_what_a_turn_took_and_survives_a_failure():
    server = bench.Server(c.QUICK)
    try:
        assert server.spent(1, "training", "no such network", "default") is None
        assert server.spent(1, "sampling", c.STORED).cpu > 0
    finally:
        server.stop()
