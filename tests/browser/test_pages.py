"""The built site in a real browser, with the network off: run by ``make test-site``."""

import io
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Browser, Locator, Page, expect

ROOT = Path(__file__).parents[2]
SITE = ROOT / "_build" / "html"
AXE = ROOT / "site" / "node_modules" / "axe-core" / "axe.min.js"
PAGES = sorted(path.relative_to(SITE).as_posix() for path in SITE.glob("book/**/*.html"))
DRAWN = [name for name in PAGES if 'class="rd-still"' in (SITE / name).read_text()]
PLAYED = [name for name in PAGES if 'data-figure="player"' in (SITE / name).read_text()]
PHONE, DESK = (360, 780), (1280, 900)
OWN = "() => axe.run('#main-content article').then(found => found.violations)"
SMALLEST = """() => {
  const letters = [...document.querySelectorAll('article svg text, article svg tspan')];
  const seen = letters.filter(each => !each.querySelector('tspan') && each.getBoundingClientRect().width);
  const scale = at => Math.hypot(at.a, at.b);
  const size = each => parseFloat(getComputedStyle(each).fontSize) * scale(each.getScreenCTM());
  const sizes = seen.map(each => [size(each), each.textContent]);
  return sizes.sort((a, b) => a[0] - b[0])[0] || [99, ''];
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
    page.wait_for_load_state("load")
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


@pytest.mark.parametrize(("size", "menus"), [(PHONE, 2), (DESK, 0)])
def test_every_button_of_the_header_shows_its_drawing(browser, size, menus):
    """The two that open the chapters and the contents of the page, too, where the page has no room for these."""
    page, _ = opened(browser, "book/tour.html", size=size)
    buttons = [each for each in page.locator(".bd-header-article button").all() if each.is_visible()]
    assert sum("sidebar-toggle" in each.get_attribute("class") for each in buttons) >= menus
    for button in buttons:
        drawn = [each.bounding_box() for each in button.locator("svg").all() if each.is_visible()]
        assert [min(box["width"], box["height"]) > 12 for box in drawn] == [True], button.inner_html()
    page.context.close()


FORMULAS = """() => [...document.querySelectorAll('article div.math')].filter(each => each.clientWidth).map(each => {
  const formula = each.querySelector('mjx-container'), number = each.querySelector('.eqno');
  const [at, beside] = [formula, number || formula].map(part => part.getBoundingClientRect());
  const whole = parseFloat(formula.dataset.size) / 100 * parseFloat(getComputedStyle(each).fontSize);
  return {
    size: parseFloat(getComputedStyle(formula).fontSize) / whole,
    lines: new Set([...formula.querySelectorAll('rd-part')].map(part => part.getBoundingClientRect().bottom | 0)).size,
    scrolls: formula.classList.contains('scrolls'),
    beside: beside.top < at.bottom && at.top < beside.bottom,
  };
})"""


@pytest.mark.parametrize("name", ["tour", "sandwich", "linear", "asking"])
def test_an_equation_gets_lines_before_it_gets_small(browser, name):
    """Little scrolls on a phone; nothing is below 80 %; a number stands beside its equation; a desk has fewer lines."""
    page, _ = opened(browser, f"book/{name}.html", size=PHONE)
    page.wait_for_selector(".broken rd-part")
    found = page.evaluate(FORMULAS)
    assert min(each["size"] for each in found) > 0.795
    assert all(each["beside"] for each in found)
    assert sum(each["scrolls"] for each in found) <= 1
    assert max(each["lines"] for each in found) > 1
    broken = page.locator(".broken").count()
    page.set_viewport_size({"width": DESK[0], "height": DESK[1]})
    page.wait_for_function("before => document.querySelectorAll('.broken').length < before", arg=broken)
    page.context.close()


def live(page: Page, kind: str) -> list[Locator]:
    """The figures of one kind, each brought near and made live."""
    found = page.locator(f'[data-figure="{kind}"]').all()
    for figure in found:
        figure.scroll_into_view_if_needed()
        expect(figure).to_have_attribute("data-live", "on")
    return found


@pytest.mark.parametrize("name", PLAYED)
def test_players_move_by_keyboard_and_by_click(browser, name):
    page, wrong = opened(browser, name)
    for player in live(page, "player"):
        slider, view, caption = (player.locator(part) for part in ("input", ".rd-view", ".rd-caption"))
        seen = []
        slider.focus()
        for key in ("Home", "ArrowRight"):
            page.keyboard.press(key)
            seen.append((view.inner_html(), caption.inner_text()))
            assert slider.get_attribute("aria-valuetext") == caption.inner_text()
        assert len(set(seen)) == 2
        page.keyboard.press("Home")
        box = slider.bounding_box()
        slider.click(position={"x": box["width"] - 2, "y": box["height"] / 2})
        assert (view.inner_html(), caption.inner_text()) != seen[0]
        page.keyboard.press("End")
        player.get_by_role("button").click()  # plays from the start
        assert (view.inner_html(), caption.inner_text()) != (seen[0], "")
        player.get_by_role("button").click()
    assert wrong == []
    page.context.close()


@pytest.mark.parametrize("name", DRAWN)
def test_figures_stand_without_scripts_and_can_be_read_on_a_phone(browser, name):
    page = browser.new_context(java_script_enabled=False, viewport={"width": 360, "height": 780}).new_page()
    page.goto((SITE / name).as_uri())
    for figure in page.locator("[data-figure]").all():
        assert figure.locator("svg, img").first.bounding_box()["width"] > 200
    page.context.close()
    page, _ = opened(browser, name, size=PHONE)
    for kind in {figure.get_attribute("data-figure") for figure in page.locator("[data-figure]").all()}:
        live(page, kind)
    smallest, words = page.evaluate(SMALLEST)
    assert smallest > 10.9, words
    page.context.close()


@pytest.mark.parametrize("name", ["tour", "linear", "nats"])
def test_a_phone_shows_every_picture_whole_and_a_desk_side_by_side(browser, name):
    page, _ = opened(browser, f"book/{name}.html", size=PHONE)
    page.wait_for_selector(".rd-still.stacked", state="attached")
    wide = "() => [...document.querySelectorAll('article .rd-still')].map(each => each.scrollWidth - each.clientWidth)"
    assert max(page.evaluate(wide)) <= 1
    outside = """() => [...document.querySelectorAll('.rd-still.stacked > svg')].flatMap(svg => {
      const frame = svg.getBoundingClientRect();
      return [...svg.querySelectorAll('text, image')].map(each => each.getBoundingClientRect()).map(at =>
        Math.max(frame.left - at.left, at.right - frame.right, frame.top - at.top, at.bottom - frame.bottom));
    })"""
    assert max(page.evaluate(outside)) < 3
    page.set_viewport_size({"width": DESK[0], "height": DESK[1]})
    page.wait_for_function("() => !document.querySelector('.rd-still.stacked')")
    page.context.close()


@pytest.mark.parametrize("name", DRAWN)
def test_no_figure_is_a_light_slab_in_the_dark(browser, name):
    page, _ = opened(browser, name, "dark")
    for figure in page.locator("article .rd-still, article .rd-figure").all():
        if figure.is_visible():
            shown = np.asarray(Image.open(io.BytesIO(figure.screenshot())).convert("L"))
            assert (shown > 225).mean() < 0.3  # a picture of data may be half ink
    page.context.close()


def test_the_pad_follows_the_pointer_the_finger_and_the_keys(browser):
    page, wrong = opened(browser, "book/sandwich.html")
    (pad,) = live(page, "sandwich-pad")
    dot, told = pad.locator(".rd-handle"), pad.locator(".rd-caption")
    box = dot.bounding_box()
    assert min(box["width"], box["height"]) >= 44
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    shown = Image.open(io.BytesIO(page.screenshot())).convert("RGB").getpixel((round(x), round(y)))
    assert shown == (0xD5, 0x5E, 0x00)  # the point has its colour at its place
    before = told.inner_text()
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x - 60, y + 120, steps=4)
    page.mouse.up()
    assert told.inner_text() != before
    pad.get_by_role("button", name="half of each").click()
    assert "On the line the bounds meet" in told.inner_text()
    dot.focus()
    page.keyboard.press("Shift+ArrowDown")
    assert "No model stands here" in told.inner_text()
    assert dot.get_attribute("aria-valuetext") == told.inner_text()
    page.keyboard.press("Shift+ArrowUp")
    page.keyboard.press("Shift+ArrowUp")
    assert "The code carries between" in told.inner_text()
    assert dot.evaluate("each => getComputedStyle(each).touchAction") == "none"
    assert pad.locator("svg").first.evaluate("each => getComputedStyle(each).touchAction") == "auto"
    assert wrong == []
    page.context.close()


def test_the_hero_draws_again_and_its_words_are_those_of_its_file(browser):
    page, wrong = opened(browser, "book/index.html")
    (hero,) = live(page, "hero")
    facts = json.loads((ROOT / "book" / "results" / "hero.json").read_text())["models"]
    told = hero.inner_text().replace("−", "-")
    for model in facts:
        assert f"ELBO {model['elbo']:.1f} nats" in told
        assert f"{model['rate']:.1f} nats" in told
    pixels = "each => each.toDataURL()"
    rows = hero.locator("canvas").all()
    before = [row.evaluate(pixels) for row in rows]
    hero.get_by_role("button", name="Draw again").click()
    assert [row.evaluate(pixels) == old for row, old in zip(rows, before, strict=True)] == [True, False, False]
    assert wrong == []
    page.context.close()


def test_the_search_finds_a_word(browser):
    page, _ = opened(browser, "search.html")
    page.goto((SITE / "search.html").as_uri() + "?q=rate")
    page.locator("#search-results li a", has_text="Notation").first.wait_for()
    page.context.close()
