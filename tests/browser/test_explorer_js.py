"""The plane of all runs in Chromium: what it says, leaves and draws is what the table and numpy say."""

import re

import numpy as np
import pytest
from explorers import PLAIN, ROWS, D, R, caption, figures, pages, place, press, shown, to_price

from companion import exact

NUMBER = r"(−?[\d.]+) ± ([\d.]+)"
SPOTS = "all => all.map(e => e.getAttribute('transform').match(/[-\\d.]+/g))"
NAMES = """all => all.map(e => [e.textContent, e.getBBox()])
  .map(([name, box]) => [name, box.x, box.y, box.x + box.width, box.y + box.height])"""

# the row in focus, what is read of it, the caption, and how many stops of the tab key the points are
FOCUS = """() => {
  const {dataset, ariaLabel} = document.activeElement, told = document.querySelector('.rd-caption span').innerText;
  return [dataset.row, ariaLabel, told, document.querySelectorAll('.rd-point[tabindex="0"]').length];
}"""

pytestmark = pytest.mark.browser


@pytest.fixture
def opened(browser, tmp_path):
    yield from pages(browser, tmp_path)


def says(text: str, row: dict, said: str) -> None:
    """The caption is that of the row, each number to its last digit."""
    assert text.startswith(said + ": ")
    for sign, name in (("R", "rate"), ("D", "distortion"), ("ELBO", "elbo")):
        value, error = re.search(rf"\b{sign} {NUMBER}", text).groups()
        digits = len(value.split(".")[1])
        assert value.replace("−", "-") in (f"{row[name]:.{digits}f}", f"{round(row[name], digits):.{digits}f}")
        assert abs(float(error) - row[f"{name}_se"]) <= 0.51 * 10**-digits
    assert f"; {row['steps']} steps, {'arrived' if row['arrived'] else 'has not arrived'}." in text


def chosen(**kinds: str) -> list[int]:
    """The rows that a choice of buttons leaves."""
    at = {"encoder": 0, "decoder": 1, "marginal": 2}
    return [
        i
        for i, row in enumerate(ROWS)
        if all(row["family"][at[k]] in v for k, v in kinds.items() if k in at)
        and row["arrived"] == (kinds.get("training", row["arrived"]) in (True, "arrived"))
    ]


def test_every_row_is_reached_by_arrow_keys_along_the_rate_and_read(opened):
    page, said = opened("mnist"), [row["said"] for row in figures()["mnist"].settings["rows"]]
    page.locator('.rd-point[tabindex="0"]').focus()
    page.keyboard.press("Home")
    order = sorted(range(len(ROWS)), key=lambda i: (R[i], i))
    for i in order:
        row, label, told, stops = page.evaluate(FOCUS)
        assert row == str(i)
        says(told, ROWS[i], said[i])
        assert stops == 1
        assert label == told
        page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowLeft")
    assert page.evaluate("document.activeElement.dataset.row") == str(order[-2])
    page.keyboard.press("Home")
    page.keyboard.press("End")
    assert page.evaluate("document.activeElement.dataset.row") == str(order[-1])


def test_the_pointer_reads_the_point_it_is_nearest_to(opened):
    page, said = opened("mnist"), [row["said"] for row in figures()["mnist"].settings["rows"]]
    places = np.array([place(page, i) for i in range(len(ROWS))])
    gaps = np.hypot(*(places[:, None] - places[None]).T) + 1e9 * np.eye(len(ROWS))
    alone = np.flatnonzero(gaps.min(1) > 4)
    assert len(alone) > 10
    for i in alone:
        page.mouse.move(*(places[i] + 1))
        says(caption(page), ROWS[i], said[i])
    before = caption(page)
    page.mouse.move(*(places.max(0) - [100, 300]))  # far from all
    assert caption(page) == before
    page.touchscreen.tap(*places[R.argmax()])
    says(caption(page), ROWS[R.argmax()], said[R.argmax()])


def test_buttons_leave_the_rows_of_their_kinds(opened):
    page = opened("mnist")
    assert shown(page) == list(range(len(ROWS)))
    press(page, "decoder", "+")
    assert shown(page) == chosen(decoder="+")
    press(page, "marginal", "−")
    press(page, "marginal", "v")
    assert shown(page) == chosen(decoder="+", marginal="-v")
    press(page, "training", "arrived")
    assert shown(page) == chosen(decoder="+", marginal="-v", training="arrived")
    pressed = page.locator('.rd-filter button[aria-pressed="true"]').all_inner_texts()
    assert pressed == ["+", "−", "v", "arrived", "staircase", "hull"]
    for name, value in (("training", "arrived"), ("marginal", "v"), ("marginal", "−"), ("decoder", "+")):
        press(page, name, value)
    assert shown(page) == list(range(len(ROWS)))


def test_arrow_keys_pass_over_what_is_not_shown(opened):
    page = opened("mnist")
    page.get_by_label("runs").last.select_option(PLAIN)
    left = chosen(encoder="-")
    assert shown(page) == left
    page.locator('.rd-point[tabindex="0"]').focus()
    page.keyboard.press("Home")
    for i in sorted(left, key=lambda i: R[i]):
        assert page.evaluate("document.activeElement.dataset.row") == str(i)
        page.keyboard.press("ArrowRight")


def test_buttons_that_leave_nothing_say_so(opened):
    page = opened("mnist", size=(360, 780))
    high = page.locator(".rd-caption").evaluate("e => e.offsetHeight")
    page.get_by_label("runs").last.select_option(PLAIN)
    press(page, "encoder", "+")
    assert shown(page) == chosen(encoder="+", decoder="?")  # nothing
    assert caption(page) == "No run is left by these buttons."
    assert page.locator(".rd-caption").evaluate("e => e.offsetHeight") == high
    assert page.locator(".rd-told span").first.inner_text() == "No run is shown."
    assert page.locator(".rd-rolling *, .rd-touch *, .rd-hull, .rd-staircase").count() == 0


def test_staircase_and_hull_are_those_of_the_rows_shown(opened):
    page = opened("mnist")
    for buttons in ({}, {"decoder": "−"}, {"training": "not arrived"}):
        for name, value in buttons.items():
            press(page, name, value)
        rows = shown(page)
        for name, made in (("staircase", exact.pareto_front), ("hull", exact.lower_hull)):
            drawn = page.locator(f".rd-{name}").get_attribute("data-rows").split()
            assert [int(i) for i in drawn] == [rows[i] for i in made(R[rows], D[rows])]
    for name in ("staircase", "hull"):
        press(page, "lines", name)
        assert page.locator(f".rd-{name}").count() == 0


@pytest.mark.parametrize("decoder", [None, "−"])
def test_the_line_of_a_price_touches_the_row_that_pays_least(opened, decoder):
    page = opened("mnist")
    if decoder:
        press(page, "decoder", decoder)
    rows, touched = np.array(shown(page)), set()
    for beta in np.geomspace(0.021, 48, 20):
        to_price(page, beta)
        pays = D[rows] + beta * R[rows]
        assert int(page.locator(".rd-rolling").get_attribute("data-row")) == rows[pays.argmin()]
        told = page.locator(".rd-told span").first.inner_text()
        said = figures()["mnist"].settings["rows"][rows[pays.argmin()]]["said"]
        assert told == f"At β = {beta:.2f} the line D + βR = {pays.min():.1f} touches {said}: no run shown pays less."
        assert page.get_by_label("price β").get_attribute("aria-valuetext") == told
        touched.add(rows[pays.argmin()])
    assert touched <= set(rows[exact.lower_hull(R[rows], D[rows])])
    assert len(touched) > 2


@pytest.mark.parametrize("name", ["mnist", "relatives"])
def test_no_point_lies_below_the_line(opened, name):
    """In pixels: the line goes through the point that it touches, and every other is above it or on it."""
    page, told = opened(name), figures()[name].settings
    for beta in (0.1, 0.5, 2.0):
        to_price(page, beta)
        path = page.locator(".rd-rolling path").get_attribute("d")[1:].split("L")
        line = np.array([[float(each) for each in corner.split()] for corner in path])
        across, up = np.array(page.locator(".rd-point").evaluate_all(SPOTS), float).T
        gap = np.interp(across, *line.T) - up  # pixels above the line
        (least,) = np.flatnonzero(gap == gap.min())
        assert abs(gap.min()) < 0.5
        pays = [row["distortion"] + beta * row["rate"] for row in told["rows"]]
        assert least == np.argmin(pays)
        dot = page.locator(".rd-touch circle").evaluate("e => [+e.getAttribute('cx'), +e.getAttribute('cy')]")
        assert dot == pytest.approx([across[least], up[least]], abs=0.01)


@pytest.mark.parametrize("name", ["mnist", "relatives"])
def test_the_line_says_what_it_is_just_below_itself(opened, name):
    page, said = opened(name), 0
    for beta in (0.3, 0.6, 1.0, 2.0):
        to_price(page, beta)
        path = page.locator(".rd-rolling path").get_attribute("d")[1:].split("L")
        line = np.array([[float(each) for each in corner.split()] for corner in path])
        for text, _, top, right, _ in page.locator(".rd-rolling text").evaluate_all(NAMES):
            told = page.locator(".rd-told span").first.inner_text()
            assert text in told
            assert 0 < top + 2 - np.interp(right, *line.T) < 30 * max(1, beta)  # below, and not far
            said += 1
    assert said >= 2


def gaps(box: np.ndarray, spots: np.ndarray) -> np.ndarray:
    """How far points ``[n, 2]`` are from a box (left, top, right, bottom), in pixels; 0 inside."""
    return np.hypot(*(np.maximum(box[:2] - spots, 0) + np.maximum(spots - box[2:], 0)).T)


@pytest.mark.parametrize("name", ["mnist", "relatives"])
def test_a_name_stands_beside_its_group_and_clear_of_all_else(opened, name):
    page, told = opened(name), figures()[name].settings
    spots = np.array(page.locator(".rd-point").evaluate_all(SPOTS), float)
    group = [told["groups"][row["group"]]["name"] for row in told["rows"]]
    for beta in (0.4, 1.0, 3.0):
        to_price(page, beta)
        names, *boxes = zip(*page.locator("svg.rd-plane .rd-name").evaluate_all(NAMES), strict=True)
        boxes = np.transpose(boxes)
        assert len(set(names) & set(group)) >= 4
        for i, box in enumerate(boxes):
            others = np.delete(boxes, i, 0)
            clear = (others[:, 2:] < box[:2] + 1) | (box[2:] < others[:, :2] + 1)  # to the left or above, or beyond
            assert clear.any(1).all()
            far = gaps(box, spots)
            assert far.min() > 0
            assert names[i] == group[far.argmin()] or names[i].startswith("D + βR")


def test_a_logarithmic_plane_puts_its_points_by_ratios(opened):
    page, told = opened("relatives"), figures()["relatives"].settings
    across = np.array(page.locator(".rd-point").evaluate_all(SPOTS), float)[:, 0]
    slope, _ = np.polyfit(np.log([row["rate"] for row in told["rows"]]), across, 1)
    width = page.locator("svg.rd-plane").evaluate("e => e.clientWidth")
    assert slope == pytest.approx((width - 56) / np.log(told["x"][1] / told["x"][0]), rel=1e-3)
    ticks = page.locator('svg.rd-plane text[text-anchor="middle"]').all_text_contents()
    assert ticks[:5] == ["10", "20", "50", "100", "200"]
    assert page.locator(".rd-tie").count() == len(told["ties"])
    press(page, "relative", "AAE")
    assert page.locator(".rd-tie").count() == 0  # the twins are not shown
    press(page, "relative", "weight 0")
    assert page.locator(".rd-tie").count() == 5


def test_a_point_in_focus_keeps_it_when_the_page_is_turned(opened):
    page = opened("mnist")
    page.locator('.rd-point[tabindex="0"]').focus()
    active = page.evaluate("document.activeElement.dataset.row")
    page.set_viewport_size({"width": 400, "height": 900})
    page.wait_for_function("() => document.querySelector('svg.rd-plane').clientWidth < 400")
    assert page.evaluate("document.activeElement.dataset.row") == active
    page.locator(".rd-filter button").first.focus()
    page.set_viewport_size({"width": 760, "height": 900})
    page.wait_for_function("() => document.querySelector('svg.rd-plane').clientWidth > 400")
    assert page.evaluate("document.activeElement.tagName") == "BUTTON"
