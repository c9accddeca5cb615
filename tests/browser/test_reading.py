"""What helps a reader on every screen: the way, the switch, tips, the search, and paper."""

import json
import re
from itertools import pairwise

import pytest
from built_site import AXE, CHAPTER, COLOURS, DESK, PHONE, SERIOUS, SHORTENED, SITE, opened

pytestmark = pytest.mark.browser

TIPS = {
    "a.term[href$='#term-marginal']": "marginal",
    "a[href='#thm-sandwich-target']": "Theorem 5.7",
    "a[href='tour.html#thm-sandwich']": "Theorem 1.1",
    "a.internal[href='#equation-eq-sandwich-joints']": "",
    "a[href^='references.html#id']": "Fixing a broken ELBO",
}
SEARCHES = {
    "posterior collapse": "Powerful decoders and collapse",
    "sandwich": "The sandwich",
    "bits back": "Bits on the disk",
    "DiscreteModel": "companion.exact.DiscreteModel",
    "ELBO surgery": "ELBO surgery",
    "rate-distortion": "Rate-distortion theory",
}


def test_a_chapter_says_where_it_stands(browser):
    page, _ = opened(browser, CHAPTER)
    line = page.get_by_role("navigation", name="Chapters")
    assert "Chapter 5 of " in line.inner_text()
    assert "Part I. Exact laboratories" in line.inner_text()
    line.get_by_role("link", name="Next: Rate-distortion theory").click()
    assert page.url.endswith("/rate_distortion.html")
    page.get_by_role("navigation", name="Chapters").get_by_role("link", name="Previous: The sandwich").click()
    assert page.url.endswith("/sandwich.html")
    page.context.close()


def test_the_map_can_be_read_on_a_phone(browser):
    page, _ = opened(browser, "book/index.html", size=PHONE)
    links = page.get_by_role("navigation", name="Map of the chapters").get_by_role("link").all()
    assert len(links) >= 24
    boxes = [link.bounding_box() for link in links]
    assert all(a["y"] + a["height"] <= b["y"] + 1 for a, b in pairwise(boxes))
    assert max(box["x"] + box["width"] for box in boxes) <= PHONE[0]
    assert [each.inner_text() for each in links if each.evaluate("e => e.scrollWidth > e.clientWidth + 1")] == []
    links[4].click()
    assert page.url.endswith("/" + CHAPTER)
    page.context.close()


def test_one_switch_shows_and_hides_all_code_and_is_remembered(browser):
    page, wrong = opened(browser, "book/mnist.html")
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


def check_tip(page, link, told):
    """The tip of a link is about it, within the window, and stays while the mouse is on it."""
    tip = page.get_by_role("tooltip")
    page.locator(f"article {link}").first.hover()
    tip.wait_for()
    assert told in tip.inner_text()
    assert tip.locator(".math").count() == tip.locator("mjx-container").count()
    assert tip.locator("a").count() == 0
    box = tip.bounding_box()
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= DESK[0]
    tip.hover()
    page.wait_for_timeout(400)
    assert tip.is_visible()


def test_a_link_tells_what_it_leads_to(browser, subtests):
    """And axe finds nothing serious, in either scheme."""
    page, wrong = opened(browser, CHAPTER)
    page.add_script_tag(path=AXE)
    page.evaluate(SHORTENED)
    for scheme, rules in (("light", None), ("dark", COLOURS)):
        page.emulate_media(color_scheme=scheme)
        page.wait_for_function("scheme => document.documentElement.dataset.theme === scheme", arg=scheme)
        for link, told in TIPS.items():
            with subtests.test(f"{link} {scheme}"):
                check_tip(page, link, told)
                assert page.evaluate(SERIOUS, ["[role=tooltip], [aria-describedby=tip]", rules]) == []
                page.keyboard.press("Escape")
                assert not page.get_by_role("tooltip").is_visible()
    assert wrong == []
    page.context.close()


def test_the_keyboard_gets_tips_too_and_a_site_without_them_stays_silent(browser):
    page, wrong = opened(browser, CHAPTER)
    page.evaluate("() => { rd.there = rd.load; rd.load = () => Promise.reject(new Error('none')); }")
    page.locator("article a.term").first.hover()
    page.wait_for_timeout(500)
    assert page.get_by_role("tooltip").count() == 0
    page.evaluate("() => { rd.load = rd.there; }")
    page.locator("article .admonition a.term").first.evaluate("each => each.focus({ focusVisible: true })")
    page.get_by_role("tooltip").wait_for()
    assert page.evaluate("document.activeElement.getAttribute('aria-describedby')") == "tip"
    assert wrong == []
    page.context.close()


def test_axe_finds_nothing_serious_on_a_page_with_all_its_formulas_and_code(browser):
    """On the other pages these are shortened (SHORTENED)."""
    page, _ = opened(browser, CHAPTER)
    page.add_script_tag(path=AXE)
    page.locator("article a.term").first.hover()
    page.get_by_role("tooltip").wait_for()
    assert page.evaluate(SERIOUS, ["#main-content", None]) == []
    page.context.close()


def test_the_search_finds_chapters_first(browser, subtests):
    page, _ = opened(browser, "search.html?q=rate")
    page.locator("#search-results li a", has_text="Notation").first.wait_for()
    for asked, first in SEARCHES.items():
        with subtests.test(asked):
            page.goto((SITE / "search.html").as_uri() + "?q=" + asked.replace(" ", "+"))
            found = page.locator("#search-results li a").first
            found.wait_for()
            assert re.sub(r"^\d+\. ", "", found.inner_text()).startswith(first)
    page.context.close()


def test_paper_is_light_whole_and_open(browser):
    page, wrong = opened(browser, CHAPTER, "dark")
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
    assert wrong == []
    page.context.close()


def test_a_theorems_test_is_a_mark_that_leads_to_the_ledger(browser):
    page, _ = opened(browser, CHAPTER)
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


def test_the_tips_are_those_of_the_pages():
    text = (SITE / "_static" / "tips_of_the_book.js").read_text()
    told = json.loads(text[text.index(", ") + 2 : -3])
    assert len(text) < 250_000
    labels = {name.partition("#")[2] for name in told}
    assert {"thm-sandwich", "term-rate", "equation-eq-sandwich-joints"} <= labels
