"""What the figure *lab* shows, and what the network gives of the same image."""

import json
import re
from base64 import b64decode

import numpy as np
from bare import PIXELS, settle
from test_project import ROOT

LAB = json.loads((ROOT / "book" / "results" / "lab.json").read_text())
IMAGES = np.unpackbits(np.frombuffer(b64decode(LAB["images"]), np.uint8)).reshape(100, 784)
AT_ONE = next(member["rates"] for member in LAB["members"] if member["beta"] == 1)
ORDER = sorted(range(64), key=lambda j: -AT_ONE[j])
LIVE = sum(max(member["rates"][j] for member in LAB["members"]) >= LAB["open_from"] for j in range(64))
LIT = "all => all.map(each => each.style.getPropertyValue('--on') !== '0%')"
LOOK = """async ([beta, x, seed, stays, moved]) => {
  globalThis.net = globalThis.net || rd.network.load(await rd.load("one_network"));
  const member = net.at(beta), only = other => (value, j) => stays.includes(j) ? value : other;
  const erase = ({mean, variance, sd}) =>
    ({mean: mean.map(only(0)), variance: variance.map(only(1)), sd: sd.map(only(1))});
  const found = member.look(x, 5, rd.network.normals(seed), stays ? erase : undefined), z = found.codes[0];
  for (const [j, value] of moved) z[j] = value;
  const walked = Array.from(member.decode(z), value => 1 / (1 + Math.exp(-value)));
  const {rate, rates, distortion, distortionError: error} = found;
  const copies = [walked, ...found.probabilities.slice(1).map(copy => Array.from(copy))];
  return {rate, rates, distortion, error, copies, z: Array.from(z)};
}"""


def image(page):
    return [value // 255 for value in page.eval_on_selector(".lab-input canvas", PIXELS)]


def numbers(page, selector):
    text = page.inner_text(selector).replace("−", "-")
    return [float(number) for number in re.findall(r"-?\d+(?:\.\d+)?", text)]


def check(page, beta=1.0, seed=1, stays=None, moved=()):
    """Bill, copies and open dimensions are those of the image that is seen; returns what the network gives."""
    settle(page)
    found = page.evaluate(LOOK, [beta, image(page), seed, stays, list(moved)])
    assert numbers(page, ".lab-heads .lab-rate") == [round(found["rate"], 1)]
    told = numbers(page, ".lab-heads .lab-distortion")
    np.testing.assert_allclose(told, [found["distortion"], found["error"]], atol=0.0501)
    both = found["rate"] + found["distortion"]
    np.testing.assert_allclose(numbers(page, ".lab-bill p")[:2], [both, both / np.log(2)], atol=0.501)
    shares = page.eval_on_selector_all(".lab-track span", "all => all.map(each => parseFloat(each.style.width))")
    room = max(200, both)
    np.testing.assert_allclose(shares, [100 * found["rate"] / room, 100 * found["distortion"] / room], rtol=1e-3)
    more = page.locator(".lab-four").first.locator("canvas").all() if page.locator(".lab-four").count() else []
    for canvas, copy in zip([page.locator(".lab-copy canvas"), *more], found["copies"], strict=False):
        np.testing.assert_allclose(canvas.evaluate(PIXELS), np.multiply(copy, 255), atol=0.51)
    opened = sum(rate >= LAB["open_from"] for rate in found["rates"])
    assert numbers(page, ".lab-lights p") == [opened, 64]
    lights = page.eval_on_selector_all(".lab-lights span", LIT)
    order = ORDER if page.locator(".lab-code").count() else None
    assert sum(lights) == opened
    assert order is None or lights == [found["rates"][j] >= LAB["open_from"] for j in order]
    return found
