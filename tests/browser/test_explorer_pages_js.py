"""Figures to explore in Chromium: their pictures, on a phone, in both schemes, and for readers of all kinds."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from explorers import BARE, ROOT, STATIC, R, caption, figures, pages, place
from playwright.sync_api import Page

AXE = ROOT / "site" / "node_modules" / "axe-core" / "axe.min.js"
PHONE = (360, 780)
SMALL = """() => [...document.querySelectorAll('.rd-figure *')].filter(each => each.checkVisibility()
  && [...each.childNodes].some(node => node.nodeType === 3 && node.textContent.trim())
  && parseFloat(getComputedStyle(each).fontSize) < 11).map(each => each.outerHTML)"""
WIDE = """() => [...document.querySelectorAll('.rd-figure :is(button, select, input, p, svg.rd-plane, .rd-frame)')]
  .filter(each => each.getBoundingClientRect().right > innerWidth - 19).map(each => each.outerHTML)"""
WEAK = (
    "() => axe.run('main', {preload: false}).then(found => found.violations.map(each => [each.id, each.nodes[0].html]))"
)

pytestmark = pytest.mark.browser


@pytest.fixture
def opened(browser, tmp_path):
    yield from pages(browser, tmp_path)


def pictures(page: Page) -> list[str]:
    page.wait_for_function("() => [...document.querySelectorAll('.rd-frame')].every(e => e.children.length === 1)")
    assert page.locator(".rd-frame img").evaluate_all("all => all.every(e => e.naturalWidth > 0)")
    return page.locator(".rd-frame img").evaluate_all("all => all.map(e => decodeURIComponent(e.src))")


def shows(page: Page, i: int) -> None:
    """The pictures are those of row i, and the page says so."""
    row, models = figures()["mnist"].settings["rows"][i], Path(page.url[7:]).parent / "_static" / "models"
    files = ["reconstructions.png"] * 3 + ["generations.png"] * 2
    assert pictures(page) == [(models / row["folder"] / file).as_uri().replace("%2B", "+") for file in files]
    addresses = page.locator(".rd-frame img").evaluate_all("all => all.map(e => e.getAttribute('src'))")
    assert not any("+" in each for each in addresses)  # which some servers take for a space
    assert page.locator(".rd-whose").inner_text().startswith(f"Pictures of {row['said']}.")
    assert page.locator('.rd-point[aria-pressed="true"]').get_attribute("data-row") == str(i)


def test_a_kept_model_shows_its_own_pictures_by_click_and_by_key(opened):
    page, rows = opened("mnist"), figures()["mnist"].settings["rows"]
    kept = [i for i, row in enumerate(rows) if row["folder"]]
    assert page.locator(".rd-kept").count() == len(kept)
    far = max(kept, key=lambda i: R[i])
    page.mouse.click(*place(page, far))
    shows(page, far)
    other = next(i for i in range(len(rows)) if not rows[i]["folder"])
    page.locator(f'.rd-point[data-row="{other}"]').focus()
    page.keyboard.press("Enter")
    shows(page, far)  # the other has none
    page.locator(f'.rd-point[data-row="{kept[0]}"]').focus()
    page.keyboard.press("Enter")
    shows(page, kept[0])


@pytest.mark.parametrize("name", ["mnist", "relatives", "nats"])
def test_a_phone_reads_it_all(opened, name):
    """No letters below 11 pixels, nothing wider than the page, buttons for fingers, a caption that keeps its height."""
    page = opened(name, size=PHONE)
    assert page.evaluate(SMALL) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE[0]
    assert page.evaluate(WIDE) == []
    heights = page.locator(".rd-figure button, .rd-figure input, .rd-figure select").evaluate_all(
        "all => all.map(e => e.offsetHeight)"
    )
    assert min(heights) >= 44
    high = page.evaluate("document.querySelector('.rd-caption').offsetHeight")
    if name == "nats":
        page.locator("input[type=range]").focus()
    else:
        page.locator('.rd-point[tabindex="0"]').focus()
    page.keyboard.press("Home")
    seen = set()
    for _ in range(60):
        assert page.evaluate("document.querySelector('.rd-caption').offsetHeight") == high
        seen.add(caption(page))
        page.keyboard.press("ArrowRight")
    assert len(seen) > 5


@pytest.mark.parametrize("name", ["mnist", "relatives", "nats"])
def test_axe_finds_nothing(opened, name):
    if not AXE.is_file():
        pytest.skip("axe-core is not installed: npm ci --prefix site")
    page = opened(name, size=PHONE)
    page.add_script_tag(path=AXE)
    for scheme in ("light", "dark"):
        page.evaluate("scheme => { document.documentElement.dataset.theme = scheme; }", scheme)
        assert page.evaluate(WEAK) == []


@pytest.mark.parametrize("motion", ["no-preference", "reduce"])
def test_one_slider_moves_all_pictures(opened, motion):
    page, told = opened("nats", motion=motion), figures()["nats"].settings
    slider = page.get_by_label("β", exact=True)
    slider.focus()
    page.keyboard.press("Home")
    for row in told["rows"]:
        if motion == "reduce":
            assert page.evaluate("document.getAnimations().length") == 0
        found, (copies, inventions, repeated) = pictures(page), row["sheets"]
        assert all(src.endswith("models/" + copies) for src in found[:3])
        assert all(src.endswith("models/" + inventions) for src in found[3:5])
        assert found[5:] == repeated
        assert caption(page).startswith(f"{row['said']}: R ")
        assert slider.get_attribute("aria-valuetext") == caption(page)
        page.keyboard.press("ArrowRight")


def test_the_point_of_one_price_moves_with_it_and_is_chosen_by_a_click(opened):
    page, told = opened("nats", motion="reduce"), figures()["nats"].settings
    rates, across = np.array([row["rate"] for row in told["rows"]]), []
    page.get_by_label("β", exact=True).focus()
    page.keyboard.press("Home")
    for _ in rates:
        box, plane = page.locator(".rd-moved").bounding_box(), page.locator("svg.rd-plane").bounding_box()
        across.append(box["x"] + box["width"] / 2 - plane["x"])
        page.keyboard.press("ArrowRight")
    (low, high), wide = told["x"], plane["width"] - 56
    np.testing.assert_allclose(across, 46 + wide * (rates - low) / (high - low), atol=1)
    alone = int(np.argsort(rates)[-2])
    spot = page.locator("svg.rd-plane circle").nth(alone).bounding_box()
    page.mouse.click(spot["x"] + 4, spot["y"] + 4)
    assert caption(page).startswith(told["rows"][alone]["said"])


def test_a_missing_picture_is_said_and_nothing_else_breaks(browser, tmp_path):
    (tmp_path / "_static").mkdir()
    for path in STATIC.glob("*.*s"):
        shutil.copy(path, tmp_path / "_static")
    (tmp_path / "bare.html").write_text(BARE.format(figure=figures()["mnist"]._repr_html_()))
    page = browser.new_page()
    page.goto((tmp_path / "bare.html").as_uri())
    page.locator(".rd-missing").first.wait_for()
    assert page.locator(".rd-missing").all_inner_texts() == ["This picture is not stored here."] * 5
    assert page.locator('[data-live="on"]').count() == 1
    page.close()
