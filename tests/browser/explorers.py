"""Figures to explore, each alone on a bare page in Chromium with the network off."""

from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import numpy as np
from playwright.sync_api import Browser, Page

from companion import results, show
from companion.show.chapters import nats, relatives
from companion.show.sheets import stored_images
from companion.show.widgets import LiveFigure

ROOT = Path(__file__).parents[2]
RESULTS, STATIC = ROOT / "book" / "results", ROOT / "book" / "_static"
GALLERY = RESULTS / "models" / "mnist"
DESK = (760, 900)
PLAIN = "a plain encoder: what it says of an image is a Gaussian, one number at a time"
FRAME = results.load(RESULTS / "mnist.csv").query("split == 'test'")
ROWS = results.records(FRAME.assign(arrived=[i % 3 > 0 for i in range(len(FRAME))]))  # both kinds, whatever the table
R, D = (np.array([row[name] for row in ROWS]) for name in ("rate", "distortion"))
RELATIVES = results.load(RESULTS / "relatives.csv").query("split == 'test'")
BARE = """<!doctype html><html lang="en" data-theme="light"><meta charset="utf-8"><title>bare</title>
<link rel="stylesheet" href="_static/figures.css"><script defer src="_static/figures.js"></script>
<style>* {{ box-sizing: border-box }}
body {{ font: 16px/1.5 sans-serif; margin: 20px; background: var(--rd-paper); color: var(--rd-ink) }}</style>
<main><h1>Bare</h1>{figure}</main></html>"""


@cache
def figures() -> dict[str, LiveFigure]:
    """One of each kind of settings; the model at each price of one family has made-up drawings."""
    kept = {
        results.read_rows(path)[0]["config_hash"]: path.parent for path in GALLERY.glob("family-+v_beta*/rates.csv")
    }
    line = sorted((row for row in ROWS if row["config_hash"] in kept), key=lambda row: -row["beta"])
    digits = stored_images(kept[line[0]["config_hash"]] / "reconstructions.png")["input"]
    drawings = [{"input": digits, "drawing 1": np.roll(digits, i, 0)} for i in range(len(line))]
    return {
        "mnist": show.plane_explorer(
            ROWS, GALLERY, views={"all": lambda row: True, PLAIN: lambda row: row["family"][0] == "-"}
        ),
        "relatives": relatives.relatives_explorer(RELATIVES),
        "nats": nats.price_explorer(line, [kept[row["config_hash"]] for row in line], drawings),
    }


def pages(browser: Browser, tmp_path: Path) -> Iterator[Callable[..., Page]]:
    """What opens a figure on a page of its own and waits until it is live; at the end nothing may have gone wrong."""
    (tmp_path / "_static").mkdir()
    for path in STATIC.iterdir():
        (tmp_path / "_static" / path.name).symlink_to(path)
    if not (tmp_path / "_static" / "models").exists():
        (tmp_path / "_static" / "models").symlink_to(RESULTS / "models")
    wrong, contexts = [], []

    def call(name: str, size: tuple[int, int] = DESK, motion: str = "no-preference") -> Page:
        look = {"viewport": {"width": size[0], "height": size[1]}, "reduced_motion": motion, "has_touch": True}
        context = browser.new_context(offline=True, **look)
        context.set_default_timeout(60_000)  # milliseconds: a busy machine is no fault of a page
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: wrong.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: wrong.append(str(error)))
        (tmp_path / "bare.html").write_text(BARE.format(figure=figures()[name]._repr_html_()))
        page.goto((tmp_path / "bare.html").as_uri())
        page.locator('[data-live="on"]').wait_for()
        return page

    yield call
    for context in contexts:
        context.close()
    assert wrong == []


def caption(page: Page) -> str:
    return page.locator(".rd-caption span").first.inner_text()


def place(page: Page, i: int) -> tuple[float, float]:
    """The middle of a point's mark, in the window."""
    box = page.locator(f'.rd-point[data-row="{i}"] .rd-ring').bounding_box()
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def press(page: Page, name: str, value: str) -> None:
    page.get_by_role("group", name=name, exact=True).get_by_role("button", name=value, exact=True).click()


def shown(page: Page) -> list[int]:
    return [int(i) for i in page.locator(".rd-point:not(.rd-away)").evaluate_all("all => all.map(e => e.dataset.row)")]


def to_price(page: Page, beta: float) -> None:
    page.get_by_label("price β").evaluate(
        "(e, to) => { e.step = 'any'; e.value = to; e.dispatchEvent(new Event('input')); }", float(np.log(beta))
    )
