import hashlib
import json
import os
import shutil
import subprocess
import sys
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from scipy import special
from torch._inductor.exc import InductorError

from companion import data, learn, measure, objectives
from companion.learn import CompilerError, batches, beta_path, build, fit, training
from companion.learn.machine import check_device, named_compiler_errors, warn_of_slow_bf16
from companion.learn.training import best_step, normalise_gradients, vae_unit, validate
from companion.terms import RateDistortion, Terms

QUICK = learn.preset("laptop", "digits", steps=20)


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return load_file(folder / "model.safetensors")


def equal(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> bool:
    return a.keys() == b.keys() and all(torch.equal(t, b[name]) for name, t in a.items())


def test_beta_weighs_the_rate():
    log_e, log_d, log_m = np.random.default_rng(0).normal(size=(3, 6))
    t = Terms(log_e, log_d, log_m)
    for beta in (0.0, 0.5, 1.0, 10.0):
        assert objectives.beta_vae(t, beta) == pytest.approx(np.mean(-log_d + beta * (log_e - log_m)))
    assert objectives.beta_vae(t, 1.0) == pytest.approx(-np.mean(t.elbo))


@pytest.mark.parametrize("beta", [-0.1, float("nan"), float("inf")])
def test_impossible_betas_are_refused(beta):
    with pytest.raises(ValueError, match="beta: expected a finite number, 0 or more"):
        objectives.beta_vae(Terms(np.zeros(2), np.zeros(2), np.zeros(2)), beta)
    with pytest.raises(ValueError, match="beta: expected a finite number, 0 or more"):
        learn.preset("laptop", "digits", beta=beta)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"data": "svhn"}, "data: expected one of digits, .* got 'svhn'"),
        ({"data": "mnist"}, "binarise: mnist is grey, and a Bernoulli likelihood needs binary pixels"),
        ({"data": "digits", "binarise": "grey"}, "binarise: digits is grey"),
        ({"binarise": "otsu"}, "binarise: expected one of static, threshold, dynamic, grey, got 'otsu'"),
        ({"family": "+++++"}, "family: expected one of ---"),
        ({"precision": "fp16"}, "precision: expected one of fp32, bf16"),
        ({"steps": 0}, "steps: expected at least 1, got 0"),
        ({"batch_size": 0}, "batch_size: expected at least 1"),
        ({"threads": 0}, "threads: expected at least 1"),
        ({"width": -1.0}, "width: expected a positive, finite number"),
        ({"learning_rate": float("nan")}, "learning_rate: expected a positive, finite number"),
        ({"seed": -1}, "seed: expected 0 or more"),
        ({"pseudo_inputs": 0}, "pseudo_inputs: expected at least 1"),
        ({"objective": "target_rate", "target": 1.0, "weight": 0.0}, "weight: expected a positive, finite number"),
        ({"objective": "elbo"}, "objective: expected one of beta_vae"),
        ({"conditioned": True}, r"conditioned: expected the encoder \+ and the marginal - or \+, got the family ---"),
        ({"target": 10.0}, "target: expected none with the objective beta_vae, got 10.0"),
        ({"objective": "capacity"}, "target: expected a finite rate in nats, 0 or more, got None"),
        ({"objective": "multiplier", "target": -1.0}, "target: expected a finite rate in nats, 0 or more, got -1.0"),
        (
            {"objective": "target_rate", "target": 9.0, "beta": 2.0},
            "beta: expected none with the objective target_rate, got 2.0",
        ),
        ({"annealed": "no"}, "annealed: expected true or false, got 'no'"),
        ({"steps": 1.5}, "steps: expected a whole number, got 1.5"),
        ({"seed": True}, "seed: expected a whole number, got True"),
        ({"steps": None}, "steps: expected a whole number, got None"),
        ({"beta": "1"}, "beta: expected a number, got '1'"),
    ],
)
def test_impossible_configurations_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        learn.preset("laptop", **{"data": "digits", **changes})


def test_unknown_presets_and_oversized_batches_are_refused():
    with pytest.raises(ValueError, match="preset: expected one of laptop, paper, got 'phone'"):
        learn.preset("phone", "digits")
    with pytest.raises(ValueError, match="batch_size: expected at most the 1197 training images"):
        learn.train(QUICK.replace(batch_size=1198), progress=False)


def test_presets_are_one_code_at_two_scales():
    laptop, paper = (learn.preset(name, "mnist-static") for name in ("laptop", "paper"))
    assert (laptop.width, paper.width) == (0.25, 1.0)
    assert paper.steps == 200 * (50_000 // paper.batch_size)  # 200 epochs
    assert (laptop.latent_dim, paper.latent_dim) == (64, 64)
    assert (paper.precision, paper.compile, paper.device, paper.pseudo_inputs) == ("bf16", True, "cuda", 500)
    strong = learn.preset("laptop", "mnist-static", family="-+-")
    assert strong == laptop.replace(family="-+-", steps=3000, batch_size=32)
    assert learn.preset("laptop", "mnist-static", family="-+-", batch_size=8, steps=5).batch_size == 8


def test_every_field_changes_the_hash():
    changed = {"annealed": True, "seed": 1, "precision": "bf16", "channels_last": True, "compile": True, "threads": 2}
    changed |= {"beta": 2.0, "steps": 21, "batch_size": 64, "learning_rate": 1e-4, "latent_dim": 8, "width": 1.0}
    changed |= {"data": "mnist", "binarise": "dynamic", "preset": "paper", "device": "cuda"}
    changed |= {"pseudo_inputs": 7, "conditioned": True, "normalised_gradients": True}
    asked = {
        "categories": 4,
        "dense": True,
        "weight": 2.0,
        "latent_indices": "3",
        "critic_input": "prior",
        "augmented": True,
        "adversarial": 0.5,
    }
    many = {"span", "drawn", "balance", "hard"}
    walk = {"walked", "stay", "cooldown"}
    assert changed.keys() | asked.keys() | walk | many == QUICK.settings().keys() - {"family", "objective", "target"}
    plain, informed = QUICK.replace(family="+--"), QUICK.replace(objective="mi_valid", latent_indices="1")
    runs = [QUICK, plain, *(plain.replace(**{name: value}) for name, value in changed.items())]
    runs += [informed, QUICK.replace(categories=4), *(QUICK.replace(dense=True, seed=seed) for seed in (0, 1))]
    runs += [informed.replace(**{name: value}) for name, value in asked.items() if name != "categories"]
    runs += [informed.replace(objective="mi_literal"), informed.replace(latent_indices="", categories=4)]
    runs += [
        QUICK.replace(objective=name, target=rate)
        for name in ("target_rate", "multiplier", "capacity")
        for rate in (3.0, 6.0)
    ]
    runs += [QUICK.replace(objective="multi_rate", span=span) for span in (3.0, 10.0)]
    runs += [QUICK.replace(objective="mi_drawn", categories=4, drawn=weight) for weight in (3.0, 10.0)]
    runs += [QUICK.replace(objective="mi_drawn", categories=4, **more) for more in ({"balance": 1.0}, {"hard": True})]
    runs += beta_path(QUICK, [3.0, 1.0, 0.3], first=9, stay=8, cooldown=3)
    runs += [runs[-1].replace(walked=(2.0, 1.0)), runs[-1].replace(stay=7), runs[-1].replace(cooldown=2)]
    assert len({run.hash for run in runs}) == len(runs)


def test_a_field_at_its_default_leaves_the_hash_alone():
    """The hash is of what differs from the defaults, spelt out here, so that fields can be added to finished tables."""
    plain, told = learn.preset("laptop", "mnist-static"), {"binarise": "static", "data": "mnist-static"}
    text = json.dumps(told, sort_keys=True)
    assert plain.hash == hashlib.sha256(text.encode()).hexdigest()[:12]
    text = json.dumps({"beta": 0.5, **told}, sort_keys=True)
    assert plain.replace(beta=0.5).hash == hashlib.sha256(text.encode()).hexdigest()[:12]


def test_epochs_count_steps():
    assert learn.preset("laptop", "digits", epochs=3) == learn.preset("laptop", "digits", steps=3 * (1197 // 32))
    assert learn.preset("laptop", "digits", epochs=1, batch_size=100).steps == 11
    for changes in ({"epochs": 0}, {"epochs": 2, "steps": 5}):
        with pytest.raises(ValueError, match="epochs: expected at least 1, and no steps beside them"):
            learn.preset("laptop", "digits", **changes)


def test_equal_configurations_have_one_hash():
    same = [QUICK.replace(beta=1), QUICK.replace(binarise="threshold"), QUICK.replace(seed=np.int64(0))]
    same += [learn.preset("laptop", "digits", steps=20, binarise=None)]
    assert {config.hash for config in same} == {QUICK.hash}
    assert set(same) == {QUICK}


def test_a_run_trained_elsewhere_is_measured_here(tmp_path, monkeypatch):
    learn.train(QUICK, out=tmp_path, progress=False)
    stored = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps(stored | {"device": "cuda", "compile": True}))
    monkeypatch.setenv("PATH", "")
    config, model = learn.load_run(tmp_path)
    assert (config.device, next(model.parameters()).device.type) == ("cuda", "cpu")


def test_every_training_unit_keeps_its_own_learning_rate():
    steps, rates = 8, {"fast": 0.1, "slow": 0.001}
    weights = {name: torch.nn.Parameter(torch.zeros(1)) for name in rates}
    units = [
        objectives.TrainingUnit(name, lambda x, rng, step, w=w: w.sum(), torch.optim.SGD([w], lr=rates[name]))
        for name, w in weights.items()
    ]
    list(fit(units, lambda step: torch.zeros(1), steps=steps))
    fall = sum(min(1.0, 2 * (1 - step / steps)) for step in range(steps))
    for name, w in weights.items():
        assert w.item() == pytest.approx(-rates[name] * fall, rel=1e-5)


def test_every_image_is_visited_once_an_epoch_in_a_new_order():
    digits = data.load("digits")
    numbered = replace(digits, train=np.arange(12 * 16).reshape(12, 4, 4) // 16)
    batch = batches(numbered, QUICK.replace(batch_size=4))
    epochs = [np.concatenate([batch(3 * e + i)[:, 0, 0] for i in range(3)]) for e in range(20)]
    assert all(sorted(order) == list(range(12)) for order in epochs)
    assert len({tuple(order) for order in epochs}) == 20
    assert np.array_equal(batch(31)[:, 0, 0], epochs[10][4:8])


def test_the_same_seed_gives_the_same_weights_twice_and_another_seed_others(tmp_path):
    for name, config in {"a": QUICK, "b": QUICK, "c": QUICK.replace(seed=1)}.items():
        learn.train(config, out=tmp_path / name, progress=False)
    assert equal(weights(tmp_path / "a"), weights(tmp_path / "b"))
    assert not equal(weights(tmp_path / "a"), weights(tmp_path / "c"))


def test_training_uses_its_threads_and_restores_them_and_the_random_state(monkeypatch):
    before, state, seen = torch.get_num_threads(), torch.get_rng_state(), []

    def watched(*arguments):
        seen.append(torch.get_num_threads())
        return validate(*arguments)

    monkeypatch.setattr(training, "validate", watched)
    learn.train(QUICK.replace(steps=1, threads=before + 1), progress=False)
    assert seen == [before + 1]
    assert torch.get_num_threads() == before
    assert torch.equal(state, torch.get_rng_state())


def test_no_rate_leaves_the_best_independent_pixels():
    """At R = 0 this decoder can at best know each pixel's frequency, whose cross-entropy is computed by counting."""
    digits = data.load("digits")
    trained = learn.train(learn.preset("laptop", "digits", dense=True, beta=30.0), progress=False)
    point = measure.evaluate(trained.model, digits.test)
    frequency = (digits.train.sum((0,)) + 0.5) / (len(digits.train) + 1)
    truth = -(special.xlogy(digits.test, frequency) + special.xlog1py(~digits.test, -frequency)).sum((1, 2)).mean()
    assert point.rate < 0.01
    assert point.distortion == pytest.approx(truth, abs=0.3)


def test_annealing_starts_without_the_rate_and_ends_with_all_of_it():
    runs = [QUICK.replace(annealed=True, beta=9.0), QUICK.replace(beta=0.0), QUICK.replace(beta=9.0)]
    annealed, free, fixed = (learn.train(run, progress=False, every=1).history for run in runs)
    assert annealed[0][1] == free[0][1]
    assert annealed[0][1] != fixed[0][1]
    assert annealed[-1][1].rate == pytest.approx(fixed[-1][1].rate, abs=0.1)
    assert annealed[-1][1].rate < free[-1][1].rate / 3


def test_the_kept_weights_are_those_of_the_lowest_validation_objective(tmp_path):
    """At a wild learning rate it soars after the first steps; the minimum is found by hand."""
    config = QUICK.replace(steps=20, learning_rate=0.1, beta=0.2)
    trained = learn.train(config, out=tmp_path, every=2, progress=False)
    objective = {step: p.distortion + 0.2 * p.rate for step, p in trained.history}
    best = min(objective, key=objective.get)
    assert best == trained.kept
    assert best < 20
    again = validate(learn.load_run(tmp_path)[1], data.load("digits"), 20)
    assert again == dict(trained.history)[best] == validate(trained.model, data.load("digits"), 20)
    assert learn.train(config, out=tmp_path, progress=False).kept == best  # a finished run, read back


def test_the_best_step_weighs_the_rate_by_beta():
    history = [(1, RateDistortion(9.0, 60.0, 0, 0, 0, 2)), (2, RateDistortion(1.0, 66.0, 0, 0, 0, 2))]
    assert best_step(history, QUICK.replace(beta=0.5)) == 1  # 64.5 against 66.5
    assert best_step(history, QUICK.replace(beta=1.0)) == 2  # 69 against 67
    assert best_step([*history, (3, history[0][1])], QUICK.replace(beta=0.5)) == 1  # the first of equals


def test_normalised_gradients_have_length_one_and_zero_stays_zero():
    a, b, c, d, e = (torch.nn.Parameter(torch.zeros(n)) for n in (2, 3, 1, 1, 64))
    a.grad, b.grad, c.grad = torch.tensor([3.0, -4.0]), torch.zeros(3), torch.tensor([1e-30])
    e.grad = torch.full((64,), 1e-24)  # the squares underflow
    normalise_gradients(torch.optim.SGD([a, b, c, d, e]))
    assert a.grad.tolist() == pytest.approx([0.6, -0.8])
    assert b.grad.tolist() == [0, 0, 0]
    assert c.grad.item() == pytest.approx(1.0)
    assert d.grad is None
    assert e.grad.tolist() == pytest.approx([0.125] * 64)


def test_the_configuration_normalises_gradients():
    """Without Adam's memory of scale nothing but the direction is left: one step of SGD has the rate as its length."""
    model = build(QUICK, (8, 8))
    unit = vae_unit(model, QUICK.replace(normalised_gradients=True), 1197)
    unit.optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    before = [p.detach().clone() for p in model.parameters()]
    next(fit([unit], batches(data.load("digits"), QUICK), steps=20))
    moved = [(p.detach() - q).norm().item() for p, q in zip(model.parameters(), before, strict=True)]
    assert moved == pytest.approx([0.01] * len(moved), rel=1e-3)


def test_the_history_holds_rate_and_distortion_apart():
    history = learn.train(QUICK, progress=False, every=5).history
    assert [step for step, _ in history] == [5, 10, 15, 20]
    assert history[-1][1].distortion < history[0][1].distortion
    assert all(p.split == "validation" and p.rate > 0 and p.rate_se > 0 for _, p in history)


def test_what_a_kill_left_half_written_is_cleared_away(tmp_path):
    for name in (".checkpoint.safetensors.0badcafe.part", ".film.mkv.part"):
        (tmp_path / name).write_bytes(b"half")
    learn.train(QUICK.replace(steps=1), out=tmp_path, progress=False)
    assert sorted(path.name for path in tmp_path.iterdir()) == [".film.mkv.part", "config.json", "model.safetensors"]


def test_a_finished_run_that_was_killed_before_its_checkpoint_was_deleted_loses_it_when_called_again(tmp_path):
    learn.train(QUICK.replace(steps=1), out=tmp_path, progress=False)
    (tmp_path / "checkpoint.safetensors").write_bytes(b"of an earlier step")
    learn.train(QUICK.replace(steps=1), out=tmp_path, progress=False)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["config.json", "model.safetensors"]


def test_a_run_that_diverges_names_step_and_term_and_keeps_its_last_good_checkpoint(tmp_path):
    config = QUICK.replace(steps=200, learning_rate=1e18)
    with pytest.raises(learn.TrainingError, match=r"training stopped at step \d+: the (rate|distortion) is (nan|inf)"):
        learn.train(config, out=tmp_path, progress=False, every=1)
    for path in tmp_path.glob("*.safetensors"):
        assert all(torch.isfinite(t).all() for name, t in load_file(path).items() if name.startswith("model/"))


def test_another_run_in_the_folder_is_refused_and_left_alone(tmp_path):
    learn.train(QUICK, out=tmp_path, progress=False)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    with pytest.raises(learn.CheckpointError, match=r"found a run that differs \(beta 1.0 against 5.0\)"):
        learn.train(QUICK.replace(beta=5.0), out=tmp_path, progress=False)
    assert before == {path.name: path.read_bytes() for path in tmp_path.iterdir()}


def test_a_checkpoint_of_another_architecture_is_refused(tmp_path):
    for name, width in {"a": 0.25, "b": 0.5}.items():
        learn.train(QUICK.replace(steps=1, width=width), out=tmp_path / name, progress=False)
    shutil.copy(tmp_path / "b" / "model.safetensors", tmp_path / "a" / "model.safetensors")
    message = r"architecture: encoder.trunk.0.conv.weight expected \(16, 1, 5, 5\) floats, got \(32, 1, 5, 5\) floats"
    with pytest.raises(learn.CheckpointError, match=message):
        learn.load_run(tmp_path / "a")
    tensors = weights(tmp_path / "b")
    tensors.pop("model/encoder.mean.bias")
    save_file(
        tensors,
        tmp_path / "b" / "model.safetensors",
        {"progress": json.dumps({"step": 1, "seconds": 0, "history": []})},
    )
    with pytest.raises(learn.CheckpointError, match=r"encoder.mean.bias expected .*, got absent"):
        learn.load_run(tmp_path / "b")


@pytest.mark.parametrize("damage", [b"", b"not safetensors", None])
def test_a_damaged_checkpoint_is_named_with_what_to_do(tmp_path, damage):
    learn.train(QUICK.replace(steps=1), out=tmp_path, progress=False)
    path = tmp_path / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-100] if damage is None else damage)
    with pytest.raises(
        learn.CheckpointError, match=r"model.safetensors: the checkpoint is damaged .*delete it and train again"
    ):
        learn.load_run(tmp_path)


def test_a_folder_without_a_run_and_a_damaged_configuration_are_named(tmp_path):
    with pytest.raises(learn.CheckpointError, match=r"expected the folder of a run, found no config.json"):
        learn.load_run(tmp_path)
    learn.train(QUICK.replace(steps=1), out=tmp_path, progress=False)
    (tmp_path / "model.safetensors").unlink()
    with pytest.raises(learn.CheckpointError, match=r"expected a finished run, found no model.safetensors"):
        learn.load_run(tmp_path)
    (tmp_path / "config.json").write_text('{"data": "digits"')
    with pytest.raises(learn.CheckpointError, match=r"config.json: expected the configuration of a run"):
        learn.load_run(tmp_path)


def test_a_stored_run_measures_as_the_trained_one(tmp_path):
    trained = learn.train(QUICK, out=tmp_path, progress=False)
    _, model = learn.load_run(tmp_path)
    test = data.load("digits").test
    assert measure.evaluate(model, test) == measure.evaluate(trained.model, test)


def test_a_stored_run_is_read_without_its_data(tmp_path, monkeypatch):
    trained = learn.train(QUICK.replace(steps=2), out=tmp_path, progress=False)
    monkeypatch.setattr(data, "load", None)
    stored = learn.load_run(tmp_path)[1].state_dict()
    assert equal(stored, trained.model.state_dict())


@pytest.mark.parametrize("name", [name for name in data.NAMES if data.available(name)])
def test_the_table_of_sets_knows_the_shape_of_their_images(name):
    assert data.SETS[name].image_shape == data.load(name).image_shape


def test_images_of_another_set_or_rule_are_refused():
    digits = data.load("digits", binarise="dynamic")
    with pytest.raises(ValueError, match="images: expected those of digits, threshold, got digits, dynamic"):
        learn.train(QUICK, images=digits, progress=False)
    with pytest.raises(ValueError, match="images: expected those of mnist-static, static, got digits, dynamic"):
        learn.train(QUICK.replace(data="mnist-static", binarise=None), images=digits, progress=False)


@pytest.mark.parametrize("device", ["tpu9", "cuda:99", "meta?"])
def test_devices_that_are_not_there_are_named(device):
    with pytest.raises(ValueError, match=f"device: expected cpu, cuda or mps, as present here, got '{device[:4]}"):
        check_device(device)


def test_compiling_without_a_compiler_is_named(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CXX", raising=False)
    with pytest.raises(ValueError, match=r"compile: expected a C\+\+ compiler on the path, found none"):
        build(QUICK.replace(compile=True), (8, 8))


def test_a_failure_of_the_compiler_names_the_folder_to_delete(monkeypatch, tmp_path):
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path))
    with (
        pytest.raises(
            CompilerError, match=rf"compile: .*file too short.* delete its cache, the folder {tmp_path}, and"
        ),
        named_compiler_errors(),
    ):
        raise InductorError(ImportError("c1.so: file too short"), sys._getframe()) from None
    with pytest.raises(RuntimeError, match="not of the compiler"), named_compiler_errors():
        raise RuntimeError("not of the compiler")


@pytest.mark.parametrize(
    ("capabilities", "precision", "device", "warned"),
    [
        ({"avx512_bf16": False, "amx_bf16": False}, "bf16", "cpu", 1),
        ({"avx512_bf16": True, "amx_bf16": False}, "bf16", "cpu", 0),
        ({"avx512_bf16": False}, "fp32", "cpu", 0),
        ({"avx512_bf16": False}, "bf16", "cuda", 0),
    ],
)
def test_half_precision_that_the_processor_imitates_is_warned_of(capabilities, precision, device, warned, monkeypatch):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: capabilities)
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        warn_of_slow_bf16(precision, device)
    assert ["no native bf16" in str(w.message) for w in seen] == [True] * warned


@pytest.mark.filterwarnings("ignore:precision. this processor has no native bf16")
def test_half_precision_and_layout_train_to_nearly_the_same_point():
    test = data.load("digits").test
    config = QUICK.replace(steps=30)
    configs = [config, config.replace(precision="bf16"), config.replace(channels_last=True)]
    points = [measure.evaluate(learn.train(c, progress=False).model, test) for c in configs]
    assert points[1] != points[0]
    for p in points[1:]:
        assert abs(p.elbo - points[0].elbo) < 5 * points[0].elbo_se
    laid = [p for p in build(configs[2], (8, 8)).parameters() if p.ndim == 4 and min(p.shape[1:]) > 1]
    assert laid
    assert all(p.is_contiguous(memory_format=torch.channels_last) for p in laid)
    assert not any(p.is_contiguous() for p in laid)


@pytest.mark.full
@pytest.mark.filterwarnings("default")  # the compiler warns of what it does itself
def test_compiled_networks_train_to_nearly_the_same_point():
    test = data.load("digits").test
    config = QUICK.replace(steps=100)
    points = [
        measure.evaluate(learn.train(config.replace(compile=c), progress=False).model, test) for c in (False, True)
    ]
    assert abs(points[0].elbo - points[1].elbo) < 5 * points[0].elbo_se


@pytest.mark.full
def test_a_damaged_cache_of_the_compiler_is_one_sentence(tmp_path):
    command = [sys.executable, "-m", "companion", "train", "--data", "digits", "--dense", "--steps", "2", "--compile"]
    again, cache = {**os.environ, "TORCHINDUCTOR_CACHE_DIR": str(tmp_path / "cache")}, tmp_path / "cache"
    subprocess.run([*command, "--out", tmp_path / "first"], env=again, check=True, capture_output=True)
    for path in cache.rglob("*.so"):
        path.write_bytes(path.read_bytes()[:100])
    failed = subprocess.run([*command, "--out", tmp_path / "second"], env=again, capture_output=True, text=True)
    assert failed.returncode == 1
    assert failed.stderr.splitlines()[-1].endswith(f"delete its cache, the folder {cache}, and train again")
    assert "Traceback" not in failed.stderr


@pytest.mark.full
@pytest.mark.needs("mnist-static")
def test_two_thousand_steps_reach_101_nats_on_static_mnist():
    trained = learn.train(learn.preset("laptop", "mnist-static", steps=2000, threads=2), progress=False)
    point = measure.evaluate(trained.model, data.load("mnist-static").test)
    assert -point.elbo <= 101
