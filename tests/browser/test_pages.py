"""The built site in a real browser, with the network off: run by ``make test-site``."""

import io
import json

import page_laws
import pytest
from built_site import AXE, CHAPTER, DRAWN, PAGES, PHONE, ROOT, SHORTENED, SITE, WHOLE, WIDE, live, opened, settle
from PIL import Image

pytestmark = pytest.mark.browser


def test_no_script_asks_for_the_scheme():
    """So a page that was loaded in the light and turned dark is the page that is loaded in the dark."""
    scripts = {path.name: path.read_text() for path in (ROOT / "book" / "_static").glob("*.js")}
    assert {name for name, text in scripts.items() if "theme" in text or "color-scheme" in text} == {"page.js"}
    assert "color-scheme" not in scripts["page.js"]  # which puts the theme back after paper


@pytest.mark.parametrize("name", PAGES)
def test_a_page_keeps_the_laws(browser, name, subtests):
    """Loaded once on a phone, then dark, then on a desk; `page_laws` says what holds where."""

    def check(laws):
        for law, pages in laws.items():
            if name in pages:
                with subtests.test(law.__name__):
                    law(page)

    page, wrong = opened(browser, name, "light", PHONE)
    check(page_laws.ON_A_PHONE)
    page.add_script_tag(path=AXE)
    page.evaluate(SHORTENED)
    check(page_laws.BY_AXE)
    page.emulate_media(color_scheme="dark", reduced_motion="reduce")  # else a button takes its colour by and by
    page.wait_for_function("document.documentElement.dataset.theme === 'dark'")
    check(page_laws.BY_AXE_IN_THE_DARK)
    page.evaluate(WHOLE)
    check(page_laws.LIVE_ON_A_PHONE)
    page.set_viewport_size({"width": WIDE[0], "height": WIDE[1]})
    settle(page)
    check(page_laws.ON_A_DESK_IN_THE_DARK)
    assert wrong == []
    page.context.close()


@pytest.mark.parametrize("name", sorted(DRAWN))
def test_figures_stand_without_scripts(browser, name):
    page = browser.new_context(java_script_enabled=False, viewport={"width": 360, "height": 780}).new_page()
    page.goto((SITE / name).as_uri())
    for figure in page.locator("[data-figure]").all():
        assert figure.locator("svg, img").first.bounding_box()["width"] > 200
    page.context.close()


def test_the_pad_follows_the_pointer_the_finger_and_the_keys(browser):
    page, wrong = opened(browser, CHAPTER)
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


def test_the_front_page_has_the_sites_sign_the_way_to_the_tour_and_a_hero_with_the_words_of_its_file(browser):
    page, wrong = opened(browser, "book/index.html")
    sign = page.locator('link[rel~="icon"]').get_attribute("href").partition("?")[0]
    assert sign.endswith("favicon.svg")
    assert (SITE / "_static" / "favicon.svg").stat().st_size < 1000
    assert page.locator("a.right-next").get_attribute("href") == "tour.html"
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
