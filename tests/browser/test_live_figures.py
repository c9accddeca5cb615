"""The figures that live, each on a bare page in a browser: by mouse, touch and keys, on a phone, without scripts."""

import pytest
from live_pages import KINDS

pytestmark = pytest.mark.browser

# what is dragged, and by how much: a cell, the model on the curve, the water, the rim of a code, the start
HANDS = {
    "sandwich-tables": (".rd-cell >> nth=1", 0, 30),
    "tangent": (".rd-handle", 60, 0),
    "water": (".rd-handle >> nth=5", 0, 40),
    "album": (".rd-handle", -30, 0),
    "toy-atlas": (".rd-handle", 40, 0),
}
EMPTY = """() => {
  const told = document.querySelector('.rd-caption'), text = told.textContent;
  told.textContent = '';
  const height = document.querySelector('.rd-figure').offsetHeight;
  told.textContent = text;
  return height;
}"""
SMALLEST = """() => Math.min(...[...document.querySelectorAll('.rd-figure *')]
  .filter(e => [...e.childNodes].some(child => child.nodeType === 3 && child.textContent.trim()))
  .map(e => parseFloat(getComputedStyle(e).fontSize)))"""
CLOSE = """() => {
  const texts = [...document.querySelectorAll('.rd-figure svg text')].filter(e => !e.transform.baseVal.length);
  const boxes = texts.map(e => [e.textContent, e.getBoundingClientRect()]).filter(([, box]) => box.width);
  const width = document.documentElement.clientWidth, out = ({left, right}) => left < 0 || right > width;
  const shared = (a, b, low, high) => Math.min(a[high], b[high]) - Math.max(a[low], b[low]);
  const over = (a, b) => shared(a, b, 'left', 'right') > 1 && shared(a, b, 'top', 'bottom') > 4;
  return boxes.flatMap(([text, a], i) => [...(out(a) ? [text] : []),
    ...boxes.slice(i + 1).filter(([, b]) => over(a, b)).map(([other]) => `${text} / ${other}`)]);
}"""


def touch(shown, *places):
    """A finger that is set down at the first place, moves over the others, and is lifted."""
    client = shown.context.new_cdp_session(shown.page)
    first, *others = [[{"x": x, "y": y}] for x, y in places]
    client.send("Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": first})
    for at in others:
        client.send("Input.dispatchTouchEvent", {"type": "touchMove", "touchPoints": at})
    client.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    shown.page.wait_for_timeout(300)


def way(x, y, dx, dy, count=6):
    return [(x + dx * i / count, y + dy * i / count) for i in range(count + 1)]


@pytest.mark.parametrize("kind", KINDS)
def test_a_mouse_moves_it(figure, kind):
    """And the point stays under it, along the way that it can go."""
    with figure(kind) as shown:
        before, (where, dx, dy) = shown.said, HANDS[kind]
        x, y = shown.drag(where, dx, dy)
        after, now = shown.said, shown.place(where)
        assert after != before
        if kind in ("album", "toy-atlas"):
            assert now[0] == pytest.approx(x + dx, abs=2)
        if kind == "water":
            assert now[1] == pytest.approx(y + dy, abs=2)
        shown.page.mouse.move(*now)
        shown.page.mouse.move(now[0] + 9, now[1] + 9)  # no button is down
        assert shown.said == after


@pytest.mark.parametrize(("kind", "slider"), [("tangent", 0), ("water", 0), ("album", 1), ("toy-atlas", 0)])
def test_the_hand_goes_where_the_slider_does(figure, kind, slider):
    with figure(kind) as shown:
        places = []
        for end in ("min", "max"):
            shown.slide(slider, shown.page.locator(".rd-slider input").nth(slider).get_attribute(end))
            places.append(shown.place(HANDS[kind][0]))
        assert max(abs(a - b) for a, b in zip(*places, strict=True)) > 20


def test_the_line_follows_the_hand(figure):
    """Pulled to where a model is, it touches there; pulled off the curve, at the nearest."""
    with figure("tangent") as shown:
        shown.slide(0, -0.5)
        there, model = shown.place(".rd-handle"), [float(each) for each in shown.numbers()]
        shown.slide(0, 0.05)
        here = shown.place(".rd-handle")
        shown.drag(".rd-handle", there[0] - here[0], there[1] - here[1])
        assert [float(each) for each in shown.numbers()] == pytest.approx(model, rel=0.01)
        shown.drag(".rd-handle", -400, -400)
        assert float(shown.numbers()[0]) < 0.01


@pytest.mark.parametrize("kind", KINDS)
def test_a_finger_moves_it_and_beside_it_scrolls(figure, kind):
    with figure(kind, 360, has_touch=True, is_mobile=True) as shown:
        where, dx, _ = HANDS[kind]
        before, at = shown.said, shown.place(where)
        if kind == "sandwich-tables":
            touch(shown, at)  # a cell is tapped first
        touch(shown, *way(*at, dx, -60))  # upwards, which beside it scrolls
        after = shown.said
        assert after != before
        assert shown.page.evaluate("scrollY") == 0
        if kind == "sandwich-tables":
            beside = shown.place(".rd-cell >> nth=9")  # another cell, which was not tapped
        else:
            box = shown.page.locator("svg.rd-plane").first.bounding_box()
            beside = (box["x"] + 30, box["y"] + box["height"] - 15)
        touch(shown, *way(*beside, 0, -90))
        assert shown.page.evaluate("scrollY") > 40
        assert shown.said == after


@pytest.mark.parametrize("kind", KINDS)
def test_keys_move_all_of_it(figure, kind):
    """Every handle, cell, slider, list and button; what is read of each says where it is."""
    with figure(kind) as shown:
        for hand in shown.page.locator("[role=slider], input[type=range]").all():
            hand.focus()
            before, told, own = shown.said, hand.get_attribute("aria-valuetext"), hand.get_attribute("aria-label")
            for key in ("ArrowUp", "ArrowRight") if own else ("ArrowRight",):
                shown.page.keyboard.press(key)
            if shown.text == before:  # it was at its end
                shown.page.keyboard.press("ArrowLeft")
            assert shown.text != before, own
            assert hand.get_attribute("aria-valuetext") != told != "", own
        reached = "e => e.tabIndex >= 0 && (e.ariaLabel || e.labels?.[0]?.textContent || e.textContent).length > 0"
        for control in shown.page.locator(".rd-figure :is([role=slider], input, select, button)").all():
            assert control.evaluate(reached)


@pytest.mark.parametrize("width", [360, 720])
@pytest.mark.parametrize("kind", KINDS)
def test_it_fits_its_page(figure, kind, width):
    """Letters of 11 pixels or more, none over others, nothing wider than the page, one height; hands of 44 pixels."""
    with figure(kind, width) as shown:
        height = "document.querySelector('.rd-figure').offsetHeight"
        tall = shown.page.evaluate(height)
        for place in (None, "min", "max"):
            if place:
                bar = shown.page.locator(".rd-slider input").first
                if not bar.count():
                    break
                shown.slide(0, bar.get_attribute(place))
                shown.settle()
            assert shown.page.evaluate(SMALLEST) >= 11
            assert shown.page.evaluate("document.documentElement.scrollWidth") <= width
            assert shown.page.evaluate(CLOSE) == []
            assert shown.page.evaluate(height) == tall
            assert shown.page.evaluate(EMPTY) == tall
        for hand in shown.page.locator(".rd-handle, .rd-cell, button, select, input").all():
            assert min(hand.bounding_box()[side] for side in ("width", "height")) >= 43.9


@pytest.mark.parametrize("kind", KINDS)
def test_its_still_stands_where_scripts_are_off(figure, kind):
    with figure(kind, 360, java_script_enabled=False) as shown:
        assert shown.page.locator(".rd-still svg[role=img]").is_visible()
        assert shown.page.inner_text(".rd-caption") == "It stands."


@pytest.mark.parametrize(("motion", "pictures"), [("reduce", 1), ("no-preference", 2)])
def test_a_descent_is_shown_as_it_goes_where_motion_is_wanted(figure, motion, pictures):
    with figure("toy-atlas", reduced_motion=motion) as shown:
        shown.page.evaluate("""() => {
          globalThis.drawn = 0;
          const layer = document.querySelector('svg.rd-plane > g:not(.rd-handle)');
          new MutationObserver(() => { drawn += 1; }).observe(layer, {childList: true});
        }""")
        shown.slide(0, 0.1)
        shown.page.wait_for_timeout(100)
        shown.settle()
        drawn = shown.page.evaluate("drawn")
        assert drawn == pictures if motion == "reduce" else drawn >= pictures
