"""What helps a reader on every screen: the way, the switch, edges, tips, the search, and paper."""

import json
import re
from itertools import pairwise

import pytest
from test_pages import AXE, DESK, PAGES, PHONE, SITE, opened

pytestmark = pytest.mark.browser

CHAPTER = "book/sandwich.html"
CLIPPED = """() => [...document.querySelectorAll('article .math')].map(math => {
  const box = math.matches('div') ? math.querySelector('mjx-container') : math;
  const more = math.querySelector('mjx-math').getBoundingClientRect().width - box.clientWidth;
  return [more > 1 && box.clientWidth, box.matches('.scrolls.more-right[tabindex]'), math.textContent.slice(0, 60)];
}).filter(([clipped]) => clipped)"""
HIDDEN_EDGES = """() => [...document.querySelectorAll('article :is(pre, .rd-still, div:has(> table))')].filter(each =>
  each.clientWidth && each.scrollWidth > each.clientWidth + 1 && !each.matches('.more-right[tabindex]')
).map(each => each.outerHTML.slice(0, 120))"""
SERIOUS = """() => axe.run('#main-content').then(found => found.violations.filter(
  each => ['critical', 'serious'].includes(each.impact)).map(each => [each.id, each.nodes[0].html.slice(0, 200)]))"""


def settled(browser, name, scheme="light", size=DESK):
    """A page whose formulas are set and whose edges are marked."""
    page, wrong = opened(browser, name, scheme, size)
    page.wait_for_timeout(300)
    return page, wrong


@pytest.mark.parametrize("name", PAGES)
def test_no_equation_is_clipped_on_a_desk(browser, name):
    page, _ = settled(browser, name, size=(1400, 900))
    assert page.evaluate(CLIPPED) == []
    page.context.close()


def test_formulas_of_a_line_and_in_it_have_one_size_where_there_is_room(browser):
    page, _ = settled(browser, "book/tour.html", size=(1400, 900))
    size = "all => [...new Set(all.map(each => Math.round(parseFloat(getComputedStyle(each).fontSize))))]"
    inside, apart = (
        page.eval_on_selector_all(each, size) for each in ("p > span.math > mjx-container", "div.math > mjx-container")
    )
    assert inside == apart
    assert len(inside) == 1  # how large, the fonts of the machine decide
    page.context.close()


@pytest.mark.parametrize("name", PAGES)
def test_what_scrolls_on_a_phone_shows_that_it_goes_on(browser, name):
    page, _ = settled(browser, name, size=PHONE)
    assert [told for _, cued, told in page.evaluate(CLIPPED) if not cued] == []
    assert page.evaluate(HIDDEN_EDGES) == []
    page.evaluate("scrollTo(500, 0)")
    assert page.evaluate("scrollX") == 0
    page.context.close()


def test_the_cue_follows_the_scrolling_and_the_first_column_stays(browser):
    page, _ = settled(browser, "book/notation.html", size=PHONE)
    table = page.locator(".scrolls:has(> table)").first
    before = table.locator("td").first.bounding_box()["x"]
    table.evaluate("each => { each.scrollLeft = 1e6; }")
    page.wait_for_function("!document.querySelector('.scrolls:has(> table)').matches('.more-right')")
    assert "more-left" in table.get_attribute("class")
    assert abs(table.locator("td").first.bounding_box()["x"] - before) < 2
    page.context.close()


def test_the_number_of_an_equation_stands_clear_of_it_on_a_phone(browser):
    page, _ = settled(browser, CHAPTER, size=PHONE)
    equation = page.locator("div.math:has(> .eqno)").first
    number, formula = (equation.locator(part).bounding_box() for part in (".eqno", "mjx-container"))
    below = number["y"] >= formula["y"] + formula["height"] - 1
    assert below or number["x"] >= formula["x"] + formula["width"] - 1
    assert number["x"] + number["width"] <= PHONE[0]
    page.context.close()


def test_names_in_code_break_after_a_sign_and_nowhere_else(browser):
    page, _ = settled(browser, "book/notation.html", size=PHONE)
    broken = page.evaluate("""() => [...document.querySelectorAll('article code .pre')].flatMap(each =>
      [...each.childNodes].filter(part => {
        const range = document.createRange();
        range.selectNodeContents(part);
        return part.nodeType === 3 && range.getClientRects().length > 1;
      }).map(part => part.textContent))""")
    assert broken == []
    page.context.close()


def test_a_chapter_says_where_it_stands(browser):
    page, _ = settled(browser, CHAPTER)
    line = page.get_by_role("navigation", name="Chapters")
    assert "Chapter 5 of " in line.inner_text()
    assert "Part I. Exact laboratories" in line.inner_text()
    line.get_by_role("link", name="Next: Rate-distortion theory").click()
    assert page.url.endswith("/rate_distortion.html")
    page.get_by_role("navigation", name="Chapters").get_by_role("link", name="Previous: The sandwich").click()
    assert page.url.endswith("/sandwich.html")
    page.context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_map_can_be_read_on_a_phone(browser, scheme):
    page, _ = settled(browser, "book/index.html", scheme, PHONE)
    links = page.get_by_role("navigation", name="Map of the chapters").get_by_role("link").all()
    assert len(links) >= 24
    boxes = [link.bounding_box() for link in links]
    assert all(a["y"] + a["height"] <= b["y"] + 1 for a, b in pairwise(boxes))
    assert max(box["x"] + box["width"] for box in boxes) <= PHONE[0]
    assert [each.inner_text() for each in links if each.evaluate("e => e.scrollWidth > e.clientWidth + 1")] == []
    links[4].click()
    assert page.url.endswith("/" + CHAPTER)
    page.context.close()


def test_next_on_the_front_page_is_the_tour(browser):
    page, _ = settled(browser, "book/index.html")
    assert page.locator("a.right-next").get_attribute("href") == "tour.html"
    page.context.close()


def test_one_switch_shows_and_hides_all_code_and_is_remembered(browser):
    page, wrong = settled(browser, "book/mnist.html")
    cells, switch = page.locator("article .cell_input"), page.locator("#code-switch")
    seen = [each.is_visible() for each in cells.all()]
    assert {True, False} == set(seen)  # as the page has them
    switch.focus()
    page.keyboard.press("Enter")
    assert all(each.is_visible() for each in cells.all() if not each.evaluate("e => e.closest('.toggle-hidden')"))
    assert switch.get_attribute("aria-pressed") == "true"
    page.keyboard.press("Space")
    assert not any(each.is_visible() for each in cells.all())
    page.goto((SITE / CHAPTER).as_uri())
    assert page.locator("#code-switch").get_attribute("aria-pressed") == "false"
    assert not page.locator("article .cell_input").first.is_visible()
    assert wrong == []
    page.context.close()


@pytest.mark.parametrize(
    ("link", "told"),
    [
        ("a.term[href$='#term-marginal']", "marginal"),
        ("a[href='#thm-sandwich-target']", "Theorem 5.7"),
        ("a[href='tour.html#thm-sandwich']", "Theorem 1.1"),
        ("a.internal[href='#equation-eq-sandwich-joints']", ""),
        ("a[href^='references.html#id']", "Fixing a broken ELBO"),
    ],
)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_link_tells_what_it_leads_to(browser, link, told, scheme):
    page, wrong = settled(browser, CHAPTER, scheme)
    asked, tip = page.locator(f"article {link}").first, page.get_by_role("tooltip")
    asked.hover()
    tip.wait_for()
    assert told in tip.inner_text()
    assert tip.locator(".math").count() == tip.locator("mjx-container").count()
    assert tip.locator("a").count() == 0
    box = tip.bounding_box()
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= DESK[0]
    tip.hover()  # which keeps it
    page.wait_for_timeout(400)
    assert tip.is_visible()
    assert wrong == []
    page.add_script_tag(path=AXE)
    assert page.evaluate(SERIOUS) == []
    page.keyboard.press("Escape")
    assert not tip.is_visible()
    page.context.close()


def test_the_keyboard_gets_tips_too(browser):
    page, _ = settled(browser, CHAPTER)
    page.locator("article .admonition a.term").first.evaluate("each => each.focus({ focusVisible: true })")
    page.get_by_role("tooltip").wait_for()
    assert page.evaluate("document.activeElement.getAttribute('aria-describedby')") == "tip"
    page.context.close()


def test_a_site_without_its_tips_stays_silent(browser):
    page, wrong = settled(browser, CHAPTER)
    page.evaluate("() => { rd.load = () => Promise.reject(new Error('none')); }")
    page.locator("article a.term").first.hover()
    page.wait_for_timeout(500)
    assert page.get_by_role("tooltip").count() == 0
    assert wrong == []
    page.context.close()


@pytest.mark.parametrize(
    ("asked", "first"),
    [
        ("posterior collapse", "Powerful decoders and collapse"),
        ("sandwich", "The sandwich"),
        ("bits back", "Bits on the disk"),
        ("DiscreteModel", "companion.exact.DiscreteModel"),
        ("ELBO surgery", "ELBO surgery"),
        ("rate-distortion", "Rate-distortion theory"),
    ],
)
def test_the_search_finds_chapters_first(browser, asked, first):
    page, _ = opened(browser, "search.html")
    page.goto((SITE / "search.html").as_uri() + "?q=" + asked.replace(" ", "+"))
    found = page.locator("#search-results li a").first
    found.wait_for()
    assert re.sub(r"^\d+\. ", "", found.inner_text()).startswith(first)
    page.context.close()


def test_paper_is_light_whole_and_open(browser):
    page, _ = settled(browser, CHAPTER, "dark")
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"
    page.emulate_media(media="print")
    page.wait_for_function("document.documentElement.dataset.theme === 'light'")
    assert page.evaluate("getComputedStyle(document.querySelector('h1')).color") == "rgb(0, 0, 0)"
    for unseen in (".chapter-line", "#code-switch", ".bd-sidebar-primary", ".bd-header-article", ".prev-next-area"):
        assert not page.locator(unseen).first.is_visible(), unseen
    assert page.evaluate("document.documentElement.scrollWidth") <= DESK[0]
    solutions = page.locator(".solution section").all()
    assert solutions
    assert all(each.is_visible() for each in solutions)
    assert page.evaluate("getComputedStyle(document.querySelector('article pre')).overflowX") == "visible"
    assert page.evaluate("getComputedStyle(document.querySelector('article a'), '::after').content") in ("none", '""')
    page.emulate_media(media="screen")
    page.wait_for_function("document.documentElement.dataset.theme === 'dark'")
    assert not page.locator(".solution section").first.is_visible()
    page.context.close()


def test_a_theorems_test_is_a_mark_that_leads_to_the_ledger(browser):
    page, _ = settled(browser, CHAPTER)
    mark = page.locator("article a.tested").first
    name = mark.get_attribute("title")
    assert mark.inner_text() == "test"
    assert name.startswith("tests/exact/test_discrete.py::test_")
    assert "::test_" not in page.locator("article").inner_text()
    mark.click()
    place = page.url.partition("#")[2]
    assert place.startswith("ledger-thm-")
    assert name in page.locator(f"li:has(#{place})").inner_text()
    page.context.close()


def test_the_site_has_its_own_sign(browser):
    page, _ = opened(browser, "book/index.html")
    sign = page.locator('link[rel~="icon"]').get_attribute("href").partition("?")[0]
    assert sign.endswith("favicon.svg")
    assert (SITE / "_static" / "favicon.svg").stat().st_size < 1000
    page.context.close()


def test_the_tips_are_those_of_the_pages():
    text = (SITE / "_static" / "tips_of_the_book.js").read_text()
    told = json.loads(text[text.index(", ") + 2 : -3])
    assert len(text) < 250_000
    labels = {name.partition("#")[2] for name in told}
    assert {"thm-sandwich", "term-rate", "equation-eq-sandwich-joints"} <= labels
