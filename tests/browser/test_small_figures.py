"""The kinds *toggle* and *latent-pad* in a real browser, on a page of their own."""

import io
from base64 import b64encode

import numpy as np
import pytest
from bare import PIXELS, check_reach, settle
from PIL import Image

pytestmark = pytest.mark.browser

FRAME = '<div class="rd-still" style="--rd-wide: 900px; --rd-least: 900px" tabindex="0">{}</div>'
SVG = '<svg role="img" aria-label="frame {}" viewBox="0 0 90 10"></svg>'
FRAMES = [FRAME.format(SVG.format(i)) for i in range(3)]
TOGGLE = {"name": "objective", "frames": FRAMES, "captions": ["ELBO", "literal", "valid"], "start": 1}
COUNT, REACH = 5, 2.0
GRID = np.random.default_rng(0).integers(0, 256, (2, COUNT, COUNT, 28, 28)).astype(np.uint8)  # of rows from above


def sprite(images):
    written = io.BytesIO()
    Image.fromarray(images.swapaxes(1, 2).reshape(COUNT * 28, COUNT * 28)).save(written, "PNG")
    return b64encode(written.getvalue()).decode()


PAD = {
    **{"reach": REACH, "count": COUNT, "side": 28, "names": ["z₁", "z₂"], "start": [0.5, -0.25]},
    "pictures": [{"name": f"model {i}", "sprite": sprite(images)} for i, images in enumerate(GRID)],
    "points": [[0.5, -1.0], [1.5, 0.25], [-1.9, 1.9]],
}


def test_each_frame_has_a_button_that_is_pressed_while_it_is_seen(opened):
    page = opened("toggle", TOGGLE, 360)
    buttons, view = page.locator("[role=group] button"), page.locator(".rd-view svg")
    assert buttons.all_inner_texts() == TOGGLE["captions"]
    for press, seen in ((None, 1), (2, 2), (0, 0), (0, 0)):
        if press is not None:
            buttons.nth(press).focus()
            page.keyboard.press("Enter")
        assert view.get_attribute("aria-label") == f"frame {seen}"
        pressed = [each.get_attribute("aria-pressed") for each in buttons.all()]
        assert pressed == ["true" if i == seen else "false" for i in range(3)]
    page.locator(".rd-still").evaluate("each => { each.scrollLeft = 120; }")
    buttons.nth(2).click()
    assert page.locator(".rd-still").evaluate("each => each.scrollLeft") == 120
    assert page.locator("[role=group][aria-label=objective]").count() == 1
    assert page.locator(".rd-caption").count() == 0
    check_reach(page, 360)


def seen(page):
    settle(page)
    return [canvas.evaluate(PIXELS) for canvas in page.locator(".pad-pictures canvas").all()]


def expected(x, y):
    """The pictures at (x, y), by the shares of the four neighbours."""
    column, row = (x + REACH) / REACH * (COUNT - 1) / 2, (REACH - y) / REACH * (COUNT - 1) / 2
    near = np.maximum(0, 1 - abs(np.arange(COUNT) - row))[:, None] * np.maximum(0, 1 - abs(np.arange(COUNT) - column))
    return np.einsum("rc,mrcij->mij", near, GRID).reshape(2, 784)


def test_the_pictures_are_those_of_the_point_by_keys_and_by_mouse(opened):
    page = opened("latent-pad", PAD)
    told, dot = page.locator(".rd-caption"), page.locator(".rd-handle")
    np.testing.assert_allclose(seen(page), expected(0.5, -0.25), atol=0.51)
    assert page.locator(".pad svg circle[r='1.5']").count() == 3
    dot.focus()
    for key in ("ArrowRight", "ArrowUp", "ArrowUp", "ArrowUp"):
        page.keyboard.press(key)
    np.testing.assert_allclose(seen(page), expected(0.75, 0.5), atol=0.51)
    assert told.inner_text() == dot.get_attribute("aria-valuetext") == "z₁ = 0.75, z₂ = 0.50"
    for key in ("Shift+ArrowRight", "Shift+ArrowDown"):
        for _ in range(4):
            page.keyboard.press(key)
    np.testing.assert_allclose(seen(page), expected(2, -2), atol=0.51)
    box = dot.bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x - 90, y - 70, steps=3)
    page.mouse.up()
    settle(page)
    x, y = (float(part.split("= ")[1].replace("−", "-")) for part in told.inner_text().split(", "))
    assert -2 < x < 1.7
    assert -1.7 < y < 2
    np.testing.assert_allclose(seen(page), expected(x, y), atol=2.5)  # which is told to two decimals


@pytest.mark.parametrize(("width", "theme"), [(360, "dark"), (720, "light")])
def test_the_pad_is_within_reach(opened, width, theme):
    check_reach(opened("latent-pad", PAD, width, theme), width)


def test_the_pad_keeps_its_point_when_the_page_gets_narrower(opened):
    page = opened("latent-pad", PAD)
    page.locator(".rd-handle").focus()
    page.keyboard.press("Shift+ArrowRight")
    page.set_viewport_size({"width": 400, "height": 900})
    settle(page)
    assert page.inner_text(".rd-caption") == "z₁ = 1.75, z₂ = −0.25"
    assert page.locator(".rd-handle").get_attribute("aria-valuenow") == "1.750"
