"""The files of the page *The lab*: what the package measures, and the network to the bit."""

import base64
import hashlib
import json
import shutil
from math import log

import numpy as np
import pytest
import torch
from safetensors import safe_open
from sphinx_builds import sphinx
from test_project import ROOT, script
from torch.distributions import Normal, kl_divergence

from companion import data, learn, measure, results
from companion.models import generator

RESULTS = ROOT / "book" / "results"
NETWORK = RESULTS / "members" / "family---"
LAB = json.loads((RESULTS / "lab.json").read_text())
MEMBERS = {member["beta"]: member for member in LAB["members"]}


def stored() -> dict[str, np.ndarray]:
    with safe_open(NETWORK / "model.safetensors", "np") as file:
        return {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118


def test_the_lab_has_the_kept_network_and_the_betas_of_its_table():
    rows = (
        results.load(RESULTS / "members.csv").query("split == 'test'").set_index("config_hash").loc[LAB["config_hash"]]
    )
    assert hashlib.sha256((NETWORK / "model.safetensors").read_bytes()).hexdigest() == LAB["weights"]
    assert list(MEMBERS) == sorted(rows.beta)
    for row in results.records(rows):  # measured before the weights were rounded
        member = MEMBERS[row["beta"]]
        assert abs(member["rate"] - row["rate"]) < row["rate_se"]
        assert abs(member["distortion"] - row["distortion"]) < row["distortion_se"]
    assert (RESULTS / "lab.json").stat().st_size < 250_000
    assert {"torch", "companion"} <= LAB["made_by"].keys()


@pytest.mark.parametrize("beta", MEMBERS)
def test_the_parts_of_a_rate_agree(beta):
    member = MEMBERS[beta]
    assert member["information"] + member["fee"] == pytest.approx(member["rate"], abs=2e-4)
    assert member["information"] <= log(LAB["n"])
    assert member["fee"] + 3 * member["fee_se"] > member["fee_least"] > 0
    assert sum(member["rates"]) == pytest.approx(member["rate"], abs=64 * 1e-4)
    assert member["open"] == sum(rate >= LAB["open_from"] for rate in member["rates"])
    assert len(member["each_rate"]) == len(member["each_distortion"]) == len(LAB["indices"]) == 200
    for name in ("rate", "distortion"):  # a sample of the same images
        each = np.array(member[f"each_{name}"])
        assert abs(each.mean() - member[name]) < 5 * each.std() / np.sqrt(len(each))


@pytest.mark.needs("mnist-static")
def test_the_images_of_the_lab_are_test_images():
    test = data.load("mnist-static").test
    packed = np.frombuffer(base64.b64decode(LAB["images"]), np.uint8).reshape(100, 98)
    np.testing.assert_array_equal(np.unpackbits(packed, axis=1).reshape(-1, 28, 28), test[LAB["indices"][:100]])
    assert len(set(LAB["indices"])) == 200


@pytest.mark.needs("mnist")
@pytest.mark.needs("mnist-static")
def test_their_labels_are_those_of_the_grey_images():
    labels = script("lab").labels_of_static()
    np.testing.assert_array_equal(labels[LAB["indices"]], np.repeat([*range(10), *range(10)], 10))
    assert LAB["labels"] == labels[LAB["indices"][:100]].tolist()


@pytest.mark.needs("mnist-static")
@pytest.mark.parametrize("beta", [0.1, 7.0])
def test_the_clouds_are_what_the_member_gives(beta):
    """Rates in closed form by torch; distortions of other draws, within the noise of both."""
    told, images = MEMBERS[beta], data.load("mnist-static").test[LAB["indices"]]
    member, x = learn.load_run(NETWORK)[1].at(beta), torch.from_numpy(images).float()
    rng = generator(1)
    with torch.no_grad():
        e = member.encoder(x).base_dist
        rates = kl_divergence(e, Normal(torch.zeros(64), torch.ones(64))).sum(1)
        noise = torch.randn(20, *e.loc.shape, generator=rng)
        draws = torch.stack([-member.decoder(e.loc + e.scale * each).log_prob(x) for each in noise])
    np.testing.assert_allclose(told["each_rate"], rates, atol=0.006)
    error = draws.std(0) * (1 / 20 + 1 / LAB["draws"]) ** 0.5
    apart = (draws.mean(0) - torch.tensor(told["each_distortion"])) / error
    assert abs(apart.mean()) < 5 / 200**0.5
    assert apart.abs().max() < 5.5


@pytest.mark.needs("mnist-static")
@pytest.mark.parametrize("beta", [3.0, pytest.param(10.0, marks=pytest.mark.full)])
def test_the_fee_is_the_marginal_kl_of_the_aggregate(beta):
    """Of other draws, within the error of both."""
    told, test = MEMBERS[beta], data.load("mnist-static").test
    member = learn.load_run(NETWORK)[1].at(beta)
    parts = measure.surgery(member, test, seed=1, by_dimension=False)
    assert abs(told["fee"] - parts.marginal_kl) < 5 * np.hypot(told["fee_se"], parts.marginal_kl_se) + 1e-4
    assert told["fee_se"] == pytest.approx(parts.marginal_kl_se, rel=0.1)
    assert told["rate"] == pytest.approx(parts.rate, abs=1e-4)
    np.testing.assert_allclose(told["rates"], measure.latent_rates(member, test), atol=1e-4)


def test_the_gaussian_of_the_moments_costs_what_its_formula_says():
    rng = np.random.default_rng(0)
    mean, variance = rng.normal(size=(500, 3)) + 0.3, rng.uniform(0.2, 0.5, (500, 3))
    centre, covariance = mean.mean(0), np.cov(mean.T, bias=True) + np.diag(variance.mean(0))
    expected = (np.trace(covariance) + centre @ centre - 3 - np.linalg.slogdet(covariance)[1]) / 2
    found = script("lab").fee_least(torch.from_numpy(mean), torch.from_numpy(variance))
    assert found == pytest.approx(expected, rel=1e-9)


def test_the_packed_network_is_the_stored_one_to_the_bit():
    packed, tensors = script("network", "site").network(NETWORK), stored()
    raw, start = base64.b64decode(packed["halves"]), 0
    assert {f"model/{name}" for name, _ in packed["tensors"]} == tensors.keys()
    for name, shape in packed["tensors"]:
        tensor = tensors[f"model/{name}"]
        assert (tensor.dtype, list(tensor.shape)) == (np.float16, shape)
        assert raw[start : start + tensor.nbytes] == tensor.tobytes()
        start += tensor.nbytes
    assert start == len(raw)
    assert [packed[name] for name in ("centre", "span", "sharpness", "side")] == [1.0, 15.0, 3.0, 28]
    assert [layer["name"] for layer in packed["layers"]] == learn.load_run(NETWORK)[1].layers


def test_a_network_in_full_precision_is_refused(tmp_path):
    from safetensors.numpy import save_file

    save_file({name: tensor.astype(np.float32) for name, tensor in stored().items()}, tmp_path / "model.safetensors")
    with pytest.raises(ValueError, match="expected numbers in half precision"):
        script("network", "site").halves(tmp_path / "model.safetensors")


@pytest.mark.parametrize("builder", ["html", "text"])
def test_the_site_has_the_network_as_a_script(tmp_path, builder):
    shutil.copytree(NETWORK, tmp_path / "book" / "results" / "members" / "family---")
    (tmp_path / "index.rst").write_text("Lab\n===\n")
    (tmp_path / "conf.py").write_text(
        f"import sys\nsys.path.insert(0, {str(ROOT / 'site')!r})\nextensions = ['network']\n"
    )
    out = tmp_path / "out"
    done = sphinx("-W", "-q", "-b", builder, tmp_path, out)
    assert (done.returncode, done.stderr) == (0, "")
    path = out / "_static" / "one_network.js"
    assert path.is_file() == (builder == "html")
    if path.is_file():
        text, head, tail = path.read_text(), 'rd.loaded("one_network", ', ");\n"
        assert text.startswith(head)
        assert text.endswith(tail)
        assert len(text) < 1_000_000
        assert json.loads(text.removeprefix(head).removesuffix(tail)) == script("network", "site").network(NETWORK)
