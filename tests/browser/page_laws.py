"""What holds on every page of the built site, or on those that are named, on a phone, in the dark and on a desk."""

import io

import numpy as np
from built_site import CHAPTER, CLIPPED, COLOURS, DRAWN, PAGES, PHONE, SERIOUS, live, settle
from PIL import Image
from playwright.sync_api import Page

NOTATION, TOUR = "book/notation.html", "book/tour.html"
HIDDEN_EDGES = """() => [...document.querySelectorAll('article :is(pre, .rd-still, div:has(> table))')].filter(each =>
  each.clientWidth && each.scrollWidth > each.clientWidth + 1 && !each.matches('.more-right[tabindex]')
).map(each => each.outerHTML.slice(0, 120))"""
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
OUTSIDE = """() => [...document.querySelectorAll('.rd-still.stacked > svg')].flatMap(svg => {
  const frame = svg.getBoundingClientRect();
  return [...svg.querySelectorAll('text, image')].map(each => each.getBoundingClientRect()).map(at =>
    Math.max(frame.left - at.left, at.right - frame.right, frame.top - at.top, at.bottom - frame.bottom));
})"""
BROKEN_NAMES = """() => [...document.querySelectorAll('article code .pre')].flatMap(each =>
  [...each.childNodes].filter(part => {
    const range = document.createRange();
    range.selectNodeContents(part);
    return part.nodeType === 3 && range.getClientRects().length > 1;
  }).map(part => part.textContent))"""
SMALLEST = """() => {
  const letters = [...document.querySelectorAll('article svg text, article svg tspan')];
  const seen = letters.filter(each => !each.querySelector('tspan') && each.getBoundingClientRect().width);
  const scale = at => Math.hypot(at.a, at.b);
  const size = each => parseFloat(getComputedStyle(each).fontSize) * scale(each.getScreenCTM());
  const sizes = seen.map(each => [size(each), each.textContent]);
  return sizes.sort((a, b) => a[0] - b[0])[0] || [99, ''];
}"""


def every_formula_is_set(page: Page) -> None:
    assert page.locator("mjx-container").count() >= page.locator("article .math").count()
    assert page.locator("mjx-merror").count() == 0


def nothing_scrolls_sideways_but_what_shows_it(page: Page) -> None:
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE[0]
    assert [told for _, cued, told in page.evaluate(CLIPPED) if not cued] == []
    assert page.evaluate(HIDDEN_EDGES) == []
    page.evaluate("scrollTo(500, 0)")
    assert page.evaluate("scrollX") == 0


def an_equation_gets_lines_before_it_gets_small(page: Page) -> None:
    """Little scrolls on a phone; nothing is below 80 %; a number stands beside its equation; a desk has fewer lines."""
    page.wait_for_selector(".broken rd-part")
    found = page.evaluate(FORMULAS)
    assert min(each["size"] for each in found) > 0.795
    assert all(each["beside"] for each in found)
    assert sum(each["scrolls"] for each in found) <= 1
    assert max(each["lines"] for each in found) > 1
    page.evaluate("globalThis.onPhone = document.querySelectorAll('.broken').length")


def fewer_equations_have_lines(page: Page) -> None:
    page.wait_for_function("document.querySelectorAll('.broken').length < onPhone")


def the_number_of_an_equation_stands_clear_of_it(page: Page) -> None:
    equation = page.locator("div.math:has(> .eqno)").first
    number, formula = (equation.locator(part).bounding_box() for part in (".eqno", "mjx-container"))
    below = number["y"] >= formula["y"] + formula["height"] - 1
    assert below or number["x"] >= formula["x"] + formula["width"] - 1
    assert number["x"] + number["width"] <= PHONE[0]


def every_picture_is_whole(page: Page) -> None:
    page.wait_for_selector(".rd-still.stacked", state="attached")
    wide = "() => [...document.querySelectorAll('article .rd-still')].map(each => each.scrollWidth - each.clientWidth)"
    assert max(page.evaluate(wide)) <= 1
    assert max(page.evaluate(OUTSIDE)) < 3


def pictures_stand_side_by_side(page: Page) -> None:
    page.wait_for_function("!document.querySelector('.rd-still.stacked')")


def names_in_code_break_after_a_sign_and_nowhere_else(page: Page) -> None:
    assert page.evaluate(BROKEN_NAMES) == []


def the_cue_follows_the_scrolling_and_the_first_column_stays(page: Page) -> None:
    table = page.locator(".scrolls:has(> table)").first
    before = table.locator("td").first.bounding_box()["x"]
    table.evaluate("each => { each.scrollLeft = 1e6; }")
    page.wait_for_function("!document.querySelector('.scrolls:has(> table)').matches('.more-right')")
    assert "more-left" in table.get_attribute("class")
    assert abs(table.locator("td").first.bounding_box()["x"] - before) < 2


def check_header(page: Page, menus: int) -> None:
    buttons = [each for each in page.locator(".bd-header-article button").all() if each.is_visible()]
    assert sum("sidebar-toggle" in each.get_attribute("class") for each in buttons) >= menus
    for button in buttons:
        drawn = [each.bounding_box() for each in button.locator("svg").all() if each.is_visible()]
        assert [min(box["width"], box["height"]) > 12 for box in drawn] == [True], button.inner_html()


def every_button_of_the_header_shows_its_drawing(page: Page) -> None:
    check_header(page, 0)


def the_menus_have_buttons_with_drawings_too(page: Page) -> None:
    """They open the chapters and the contents of the page, for which a phone has no room."""
    check_header(page, 2)


def axe_finds_nothing_serious(page: Page) -> None:
    assert page.evaluate(SERIOUS, ["#main-content article", None]) == []


def words_stand_out(page: Page) -> None:
    assert page.evaluate(SERIOUS, ["#main-content article", COLOURS]) == []


def figures_can_be_read(page: Page) -> None:
    for kind in set(page.locator("[data-figure]").evaluate_all("all => all.map(each => each.dataset.figure)")):
        live(page, kind)
    smallest, words = page.evaluate(SMALLEST)
    assert smallest > 10.9, words


def no_equation_is_clipped(page: Page) -> None:
    settle(page)  # figures that have come to life moved what stands below them
    assert page.evaluate(CLIPPED) == []


def formulas_of_a_line_and_in_it_have_one_size(page: Page) -> None:
    size = "all => [...new Set(all.map(each => Math.round(parseFloat(getComputedStyle(each).fontSize))))]"
    inside, apart = (
        page.eval_on_selector_all(each, size) for each in ("p > span.math > mjx-container", "div.math > mjx-container")
    )
    assert inside == apart
    assert len(inside) == 1  # how large, the fonts of the machine decide


def no_figure_is_a_light_slab(page: Page) -> None:
    for figure in page.locator("article .rd-still, article .rd-figure").all():
        if figure.is_visible():
            shown = np.asarray(Image.open(io.BytesIO(figure.screenshot())).convert("L"))
            assert (shown > 225).mean() < 0.3  # a picture of data may be half ink


def players_move_by_keyboard_and_by_click(page: Page) -> None:
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


EQUATIONS = [TOUR, CHAPTER, "book/linear.html", "book/asking.html"]
PICTURES = [TOUR, "book/linear.html", "book/nats.html"]
ON_A_PHONE = {
    every_formula_is_set: PAGES,
    nothing_scrolls_sideways_but_what_shows_it: PAGES,
    an_equation_gets_lines_before_it_gets_small: EQUATIONS,
    the_number_of_an_equation_stands_clear_of_it: [CHAPTER],
    every_picture_is_whole: PICTURES,
    names_in_code_break_after_a_sign_and_nowhere_else: [NOTATION],
    the_cue_follows_the_scrolling_and_the_first_column_stays: [NOTATION],
    the_menus_have_buttons_with_drawings_too: [TOUR],
}
BY_AXE = {axe_finds_nothing_serious: PAGES}
BY_AXE_IN_THE_DARK = {words_stand_out: PAGES}
LIVE_ON_A_PHONE = {figures_can_be_read: DRAWN}
ON_A_DESK_IN_THE_DARK = {
    no_equation_is_clipped: PAGES,
    fewer_equations_have_lines: EQUATIONS,
    pictures_stand_side_by_side: PICTURES,
    formulas_of_a_line_and_in_it_have_one_size: [TOUR],
    every_button_of_the_header_shows_its_drawing: [TOUR],
    no_figure_is_a_light_slab: DRAWN,
    players_move_by_keyboard_and_by_click: PAGES,
}
