"""A figure that lives, on a bare page of its own: what the tests of its numbers and of its hands share."""

import re
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.datasets import load_digits

from companion import show

STATIC = Path(__file__).parents[2] / "book" / "_static"
P, E = [0.4, 0.3, 0.2, 0.1], [[0.9, 0.1, 0], [0.4, 0.6, 0], [0, 0.7, 0.3], [0, 0.2, 0.8]]
M, D = [0.4, 0.3, 0.3], [[0.6, 0.3, 0.05, 0.05], [0.1, 0.5, 0.3, 0.1], [0.1, 0.1, 0.3, 0.5]]
PIXEL, WRONG = [0.3, 0.7], [[0, 1], [1, 0]]
SPECTRUM, NOISE, GAMMA = [4, 2, 1, 0.5, 0.25], 0.25, 4


def cloud():
    """Digits on their first two principal axes, of variance 1 on each."""
    pixels = load_digits().data
    centred = pixels - pixels.mean(0)
    axes = np.linalg.svd(centred, full_matrices=False)[2][:2]
    return ((centred @ axes.T) / (centred @ axes.T).std(0))[:128].round(3)


MEANS = cloud()
SETTINGS: dict[str, dict[str, Any]] = {
    "sandwich-tables": {"digits": list("1749"), "codes": ["stroke", "corner", "loop"], "p": P, "e": E, "m": M, "d": D},
    "tangent": {"p": PIXEL, "distortion": WRONG, "up": "distortion D (wrong pixels)", "beta": 0.5, "betas": [0.05, 3]},
    "water": {
        "spectrum": SPECTRUM,
        "noise": NOISE,
        "held": ["price", "rate", "infomax", "capacity"],
        "beta": 4,
        "gamma": GAMMA,
    },
    "album": {"means": MEANS.tolist(), "images": 32, "spread": 0.15},
    "toy-atlas": {"scale": 0.5, "seed": 0, "form": "table", "objective": 0, "steps": 500, "learningRate": 0.1},
}
KINDS = list(SETTINGS)
PAGE = """<!doctype html><html lang="en-GB" data-theme="light"><meta charset="utf-8">
<meta name="viewport" content="width=device-width"><title>a figure</title>
<link rel="stylesheet" href="{static}/figures.css"><script defer src="{static}/figures.js"></script>
<style>* {{ box-sizing: border-box }} body {{ font: 16px/1.65 sans-serif; margin: 20px; background: var(--rd-paper);
color: var(--rd-ink) }}</style>{figure}<p style="height: 2000px">Below.</p></html>"""


class Figure:
    """A figure of one kind on a page of its own."""

    def __init__(self, browser, folder, kind, width=720, **options):
        still = show.empty_plane()
        live = show.LiveFigure(kind, still, SETTINGS[kind], name="a figure", alt="a plane", caption="It stands.")
        path = folder / f"{kind}.html"
        path.write_text(PAGE.format(static=STATIC.as_uri(), figure=live._repr_html_()))
        self.context = browser.new_context(viewport={"width": width, "height": 700}, offline=True, **options)
        self.context.set_default_timeout(60_000)  # milliseconds
        self.page, self.kind, self.wrong = self.context.new_page(), kind, []
        self.page.on("console", lambda told: self.wrong.append(told.text) if told.type == "error" else None)
        self.page.on("pageerror", lambda error: self.wrong.append(str(error)))
        self.page.goto(path.as_uri())
        if options.get("java_script_enabled", True):
            self.page.wait_for_selector('[data-live="on"]')
            self.settle()

    def __enter__(self):
        return self

    def __exit__(self, kind, *error):
        self.context.close()
        assert kind or not self.wrong, self.wrong

    def settle(self):
        """Until nothing is computed any more: the descent says so."""
        if self.kind == "toy-atlas":
            self.page.wait_for_function("document.querySelector('.rd-caption').textContent.startsWith('After')")

    @property
    def text(self):
        """The caption as it is now."""
        return self.page.inner_text(".rd-caption").replace("\u00a0", " ").replace("−", "-")

    @property
    def said(self):
        """The caption once nothing moves."""
        self.settle()
        return self.text

    def numbers(self, after=": "):
        return re.findall(r"-?\d+\.\d{3,}", self.said.split(after, 1)[1])

    def slide(self, which, value):
        """A slider moved as near to a value as its steps allow; where it stands."""
        move = "(e, value) => { e.value = value; e.dispatchEvent(new Event('input')); return Number(e.value); }"
        return self.page.locator(".rd-slider input").nth(which).evaluate(move, value)

    def press(self, name):
        self.page.get_by_role("button", name=name).click()

    def drag(self, where, dx, dy):
        """Something drawn by the mouse; where it was."""
        x, y = self.place(where)
        self.page.mouse.move(x, y)
        self.page.mouse.down()
        self.page.mouse.move(x + dx, y + dy, steps=4)
        self.page.mouse.up()
        return x, y

    def place(self, where):
        box = self.page.locator(where).bounding_box()
        return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
