"""The network of the page *The lab* in a real browser, against torch. No site is needed."""

import base64
import json
import re
from collections.abc import Iterator
from functools import cache
from typing import Any

import numpy as np
import pytest
import torch
from playwright.sync_api import Browser, Page
from scipy import stats
from test_project import ROOT, script
from torch.distributions import Normal, kl_divergence

from companion import learn
from companion.models import generator

pytestmark = pytest.mark.browser

STATIC = ROOT / "book" / "_static"
NETWORK = ROOT / "book" / "results" / "members" / "family---"
LAB = json.loads((ROOT / "book" / "results" / "lab.json").read_text())
BETAS = [0.1, 0.37, 1.0, 3.3, 10.0]
START = "globalThis.rd = {loaded: (name, data) => { globalThis[name] = data; }};"
MEMBER = """([beta, images, codes]) => {
  const member = net.at(beta), z = Float32Array.from(codes.flat()), logits = Array.from(member.decode(z));
  const one = member.decode(z.subarray(64, 128)), lists = name => found.map(each => Array.from(each[name]));
  const found = images.map((x, i) => {
    const code = member.encode(x), copy = logits.slice(784 * i, 784 * (i + 1));
    return {...code, rates: member.rate(code), distortion: member.distortion(copy, x)};
  });
  const alone = one.every((value, i) => value === logits[784 + i]);
  const told = Object.fromEntries(["mean", "variance", "sd", "rates"].map(name => [name, lists(name)]));
  return {...told, logits, alone, distortion: found.map(each => each.distortion)};
}"""
LOOK = """([beta, x, draws, seed]) => {
  const found = net.at(beta).look(x, draws, rd.network.normals(seed));
  const lists = value => value.map(each => Array.from(each));
  return {...found, mean: Array.from(found.mean), codes: lists(found.codes), probabilities: lists(found.probabilities)};
}"""
TIMES = """([x, betas]) => {
  const normal = rd.network.normals(0), found = [];
  for (const beta of betas) {
    const start = performance.now();
    net.at(beta).look(x, 5, normal);
    found.push(performance.now() - start);
  }
  return found;
}"""
BAD = [
    ("net.at(0.01)", "beta: expected one from 0.0667 to 15.0, as trained, got 0.01"),
    ("net.at(NaN)", "beta: expected one from 0.0667 to 15.0, as trained, got NaN"),
    ("net.at('one')", "beta: expected one from 0.0667 to 15.0, as trained, got one"),
    ("net.at(1).encode(new Float32Array(100))", "x: expected 784 pixels, 0 or 1, got 100 of them"),
    ("net.at(1).encode(new Float32Array(784).fill(0.5))", "x: expected pixels, 0 or 1, got 0.5"),
    ("net.at(1).encode()", "x: expected 784 pixels, 0 or 1, got undefined"),
    ("net.at(1).decode(new Float32Array(65))", "z: expected 128 finite numbers, got 65 of them"),
    ("net.at(1).decode([])", "z: expected 64 finite numbers, got 0 of them"),
    ("net.at(1).decode(new Float32Array(64).fill(NaN))", "z: expected finite numbers, got NaN"),
    ("net.at(1).distortion([1], new Uint8Array(784))", "logits: expected 784 numbers, got 1 of them"),
    ("net.at(1).look(new Uint8Array(784), 0, () => 0)", "draws: expected a whole number, 1 or more, got 0"),
    ("rd.network.normals(0.5)", "seed: expected a whole number, got 0.5"),
    ("rd.network.load({...one_network, halves: 'AAAA'})", "halves: expected 271325 numbers, got 1"),
]


@pytest.fixture(scope="module")
def page(browser: Browser) -> Iterator[Page]:
    """An empty page with the network loaded as ``net``."""
    context = browser.new_context(offline=True)
    context.set_default_timeout(120_000)
    page = context.new_page()
    site: Any = script("network", "site")
    page.evaluate(START)
    for name in ("layers", "network"):
        page.add_script_tag(path=STATIC / f"{name}.js")
    page.add_script_tag(content=site.script("one_network", site.network(NETWORK)))
    page.evaluate("() => { globalThis.net = rd.network.load(one_network); }")
    yield page
    context.close()


@cache
def images() -> np.ndarray:
    packed = np.frombuffer(base64.b64decode(LAB["images"]), np.uint8).reshape(100, 98)
    return np.unpackbits(packed, axis=1)


@cache
def model() -> Any:
    return learn.load_run(NETWORK)[1]


def close(found: Any, expected: torch.Tensor) -> float:
    """The largest difference, absolute, or relative where the number is larger than 1; asserted to be below 1e-4."""
    values, wanted = np.asarray(found).reshape(expected.shape), expected.double().numpy()
    worst = float((np.abs(values - wanted) / np.maximum(1, np.abs(wanted))).max())
    assert worst < 1e-4
    return worst


@pytest.mark.parametrize("beta", BETAS)
def test_it_computes_what_torch_does(page, beta):
    """All numbers of 100 test images, within 1e-4 of the number or of 1, whichever is larger."""
    x, z = torch.from_numpy(images()).float(), torch.randn(100, 64, generator=generator(0, int(100 * beta)))
    found = page.evaluate(MEMBER, [beta, images().tolist(), z.tolist()])
    member = model().at(beta)
    with torch.no_grad():
        e, d = member.encoder(x.view(-1, 28, 28)).base_dist, member.decoder(z)
        rates = kl_divergence(e, Normal(torch.zeros(64), torch.ones(64)))
        distortion = -d.log_prob(x.view(-1, 28, 28))
        pairs = {"mean": e.loc, "variance": e.scale**2, "sd": e.scale, "rates": rates}
        pairs |= {"logits": d.base_dist.logits, "distortion": distortion}
    worst = {name: close(found[name], expected) for name, expected in pairs.items()}
    worst["rate"] = close(np.sum(found["rates"], 1), rates.sum(1))
    assert found["alone"], "a code decoded in a batch differs from the same code alone"
    print(f"beta {beta}:", {name: f"{value:.1e}" for name, value in worst.items()})


@pytest.mark.parametrize("beta", [0.37, 10.0])
def test_a_look_holds_draws_of_the_code_and_what_they_cost(page, beta):
    x, draws = images()[42], 5
    found = page.evaluate(LOOK, [beta, x.tolist(), draws, 7])
    member, codes = model().at(beta), torch.tensor(found["codes"])
    noise = page.evaluate("seed => Array.from({length: 320}, rd.network.normals(seed))", 7)
    with torch.no_grad():
        e = member.encoder(torch.from_numpy(x).float().view(1, 28, 28)).base_dist
        d = member.decoder(codes)
        distortions = -d.log_prob(torch.from_numpy(x).float().view(28, 28))
    close(codes, e.loc + e.scale * torch.tensor(noise).view(draws, 64))
    close(found["probabilities"], d.base_dist.probs)
    close(found["distortions"], distortions)
    close(found["distortion"], distortions.mean())
    assert found["distortionError"] == pytest.approx(distortions.std().item() / draws**0.5, rel=1e-3)
    assert found["rate"] == pytest.approx(sum(found["rates"]), rel=1e-12)
    assert page.evaluate(LOOK, [beta, x.tolist(), draws, 7]) == found
    assert page.evaluate(LOOK, [beta, x.tolist(), draws, 8])["codes"] != found["codes"]
    assert page.evaluate(f"net.at({beta}).look(new Uint8Array(784), 1, () => 0).distortionError === Infinity")


def test_a_look_at_an_edited_code_costs_what_is_left_of_it(page):
    """Dimensions that become N(0, 1) cost nothing, and their codes are the noise."""
    found = page.evaluate(
        """([x, seed]) => {
      const keep = values => other => values.map((value, j) => j < 20 ? value : other), whole = net.at(1).encode(x);
      const edit = code => ({mean: keep(code.mean)(0), variance: keep(code.variance)(1), sd: keep(code.sd)(1)});
      const noise = Array.from({length: 64}, rd.network.normals(seed)), {rates} = net.at(1).look(x, 1, () => 0);
      const {rate, codes} = net.at(1).look(x, 1, rd.network.normals(seed), edit);
      return {rate, rates, noise, code: Array.from(codes[0]), mean: Array.from(whole.mean), sd: Array.from(whole.sd)};
    }""",
        [images()[3].tolist(), 5],
    )
    mean, sd, noise = (np.array(found[name]) for name in ("mean", "sd", "noise"))
    assert found["rate"] == pytest.approx(sum(found["rates"][:20]), rel=1e-9)
    np.testing.assert_allclose(found["code"][20:], noise[20:], rtol=1e-6)
    np.testing.assert_allclose(found["code"][:20], (mean + sd * noise)[:20], rtol=1e-5, atol=1e-6)


def test_its_normals_are_normal_and_the_same_for_a_seed(page):
    draw = "([seed, n]) => Array.from({length: n}, rd.network.normals(seed))"
    n = 100_000
    values = np.array(page.evaluate(draw, [1, n]))
    assert abs(values.mean()) < 5 / n**0.5
    assert abs(values.var() - 1) < 5 * (2 / n) ** 0.5
    assert stats.kstest(values, "norm").pvalue > 1e-4
    assert abs(np.corrcoef(values[:-1], values[1:])[0, 1]) < 5 / n**0.5
    assert page.evaluate(draw, [1, 10]) == values[:10].tolist()
    others = np.array([page.evaluate(draw, [seed, 2000]) for seed in (0, 2, 3, -1)])
    assert np.abs(np.corrcoef([values[:2000], *others]) - np.eye(5)).max() < 5 / 2000**0.5


def test_it_reads_every_number_of_half_precision(page):
    found = page.evaluate("Array.from({length: 65536}, (_, i) => String(rd.layers.half(i)))")
    expected = np.arange(65536, dtype=np.uint16).view(np.float16).astype(np.float64)
    np.testing.assert_array_equal([float(text.replace("Infinity", "inf")) for text in found], expected)


def test_it_keeps_the_latest_members_alone(page):
    kept = """() => {
      const first = net.at(1), betas = Array.from({length: 7}, (_, i) => 2 + i);
      betas.forEach(beta => net.at(beta));
      const still = net.at(1) === first;
      [...betas, 9].forEach(beta => net.at(beta));
      return [still, net.at(1) === first, net.known.size];
    }"""
    assert page.evaluate(kept) == [True, False, 8]


@pytest.mark.parametrize(("call", "message"), BAD, ids=[call for call, _ in BAD])
def test_bad_input_is_named(page, call, message):
    told = page.evaluate(f"() => {{ try {{ {call}; }} catch (error) {{ return [error.name, error.message]; }} }}")
    assert told == ["RangeError", message]


def test_one_update_is_timed(page, capsys):
    """A new beta, one encoding and five copies: printed, not judged, since the machine may be busy."""
    betas = np.geomspace(0.1, 10, 40).tolist()
    times = np.array(page.evaluate(TIMES, [images()[0].tolist(), betas]))[5:]
    with capsys.disabled():
        print(f"\none update: median {np.median(times):.0f} ms, from {times.min():.0f} to {times.max():.0f} ms")


@pytest.mark.parametrize("name", ["layers", "network", "drawing", "lab", "lab_state", "lab_charts"])
def test_the_scripts_are_classic_and_short(name):
    text = (STATIC / f"{name}.js").read_text()
    assert not re.search(r"^\s*(import|export)\b", text, re.M)
    assert len(text.splitlines()) < 250
