"""The built site in a real browser, with the network off: run by ``make test-site``."""

import json
import re
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

ROOT = Path(__file__).parents[2]
SITE = ROOT / "_build" / "html"
AXE = ROOT / "site" / "node_modules" / "axe-core" / "axe.min.js"
PAGES = sorted(path.relative_to(SITE).as_posix() for path in SITE.glob("book/**/*.html"))
PHONE, DESK = (360, 780), (1280, 900)
OWN = "() => axe.run('#main-content article').then(found => found.violations)"
TOUCHED = """([where, at]) => {
  const box = document.querySelector('figure.pad img').getBoundingClientRect();
  const spot = {clientX: box.left + at * box.width, clientY: box.top + at * box.height};
  const move = new PointerEvent('pointermove', {...spot, pointerType: 'touch', buttons: 1, bubbles: true});
  document.querySelector(where).dispatchEvent(move);
}"""

pytestmark = pytest.mark.browser


def opened(browser: Browser, name: str, scheme: str = "light", size: tuple[int, int] = DESK) -> tuple[Page, list[str]]:
    """A page, its mathematics set, and what went wrong: errors on the console, and requests that leave the site."""
    assert PAGES, f"expected the site in {SITE}: make book"
    context = browser.new_context(color_scheme=scheme, viewport={"width": size[0], "height": size[1]}, offline=True)
    context.set_default_timeout(120_000)  # milliseconds: a busy machine is no fault of a page
    page, wrong = context.new_page(), []
    page.on("console", lambda message: wrong.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("request", lambda asked: wrong.append(asked.url) if asked.url.startswith("http") else None)
    page.goto((SITE / name).as_uri())
    page.evaluate("() => window.MathJax ? MathJax.startup.promise : null")
    return page, wrong


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", PAGES)
def test_a_page_stands_on_its_own(browser, name, scheme):
    """No error, nothing fetched, every formula set, no sideways scrolling on a phone, nothing serious found by axe."""
    page, wrong = opened(browser, name, scheme, PHONE)
    assert wrong == []
    assert page.locator("mjx-container").count() >= page.locator("article .math").count()
    assert page.locator("mjx-merror").count() == 0
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE[0]
    page.add_script_tag(path=AXE)
    found = [v for v in page.evaluate(OWN) if v["impact"] in ("critical", "serious")]
    assert [(v["id"], v["nodes"][0]["html"][:200]) for v in found] == []
    page.context.close()


@pytest.mark.parametrize("name", PAGES)
def test_players_move_by_keyboard_and_by_click(browser, name):
    page, _ = opened(browser, name)
    for player in page.locator("figure.player").all():
        slider, image, caption = (player.locator(part) for part in ("input", "img", "output"))
        seen = [(image.get_attribute("src"), caption.inner_text())]
        slider.focus()
        for move in (lambda: page.keyboard.press("Home"), lambda: page.keyboard.press("ArrowRight")):
            move()
            seen.append((image.get_attribute("src"), caption.inner_text()))
        assert len(set(seen[1:])) == 2
        page.keyboard.press("Home")
        box = slider.bounding_box()
        slider.click(position={"x": box["width"] - 2, "y": box["height"] / 2})
        assert (image.get_attribute("src"), caption.inner_text()) != seen[1]
        assert slider.get_attribute("aria-valuetext") == caption.inner_text()
    page.context.close()


def test_the_pad_follows_the_pointer_and_the_keys(browser):
    page, _ = opened(browser, "book/sandwich.html")
    pad = page.locator("figure.pad")
    stage, told, (across, up) = pad.locator("div").first, pad.locator("output"), pad.locator("input").all()
    # a point of 16 pixels in a handle of 44: the theme's border-box would leave the point none
    seen = pad.locator("span").evaluate("e => [e.clientWidth, e.clientHeight, e.offsetWidth, e.offsetHeight]")
    assert seen == [16, 16, 44, 44]
    box = stage.bounding_box()
    left, low, width, height = json.loads(re.search(r"box = (\[.*?\]);", pad.inner_html())[1])
    low_corner = {"x": (left + 0.1 * width) * box["width"], "y": (1 - low - 0.1 * height) * box["height"]}
    stage.click(position=low_corner)
    assert float(across.input_value()) == pytest.approx(float(across.get_attribute("max")) / 10, abs=0.02)
    assert float(up.input_value()) == pytest.approx(float(up.get_attribute("max")) / 10, abs=0.02)
    assert "no model stands here" in told.inner_text()
    up.focus()
    page.keyboard.press("End")
    assert "the code carries between 0.00 and" in told.inner_text()
    before = told.inner_text()
    page.evaluate(TOUCHED, ["figure.pad img", 0.5])  # a finger beside the point scrolls the page
    assert told.inner_text() == before
    page.evaluate(TOUCHED, ["figure.pad span", 0.5])
    assert told.inner_text() != before
    assert stage.evaluate("each => getComputedStyle(each).touchAction") == "auto"
    page.context.close()


def test_the_search_finds_a_word(browser):
    page, _ = opened(browser, "search.html")
    page.goto((SITE / "search.html").as_uri() + "?q=rate")
    page.locator("#search-results li a", has_text="Notation").first.wait_for()
    page.context.close()
