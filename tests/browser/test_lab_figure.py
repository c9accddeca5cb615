"""The figure *lab* in a real browser, on a page of its own: what it says is what the network gives."""

import numpy as np
import pytest
from bare import PIXELS, check_reach, settle
from lab_figure import IMAGES, LAB, LIVE, ORDER, check, image, numbers

pytestmark = pytest.mark.browser

COMPACT = {"compact": True, "images": LAB["images"], "labels": LAB["labels"]}


def test_it_begins_with_a_test_image_and_all_is_drawn(opened):
    page = opened("lab", LAB)
    assert image(page) == IMAGES[35].tolist()
    found = check(page)
    assert page.locator(".lab-four canvas").count() == 8
    bars = page.locator(".lab-code svg rect").all()
    heights = [float(bar.get_attribute("height")) for bar in bars]
    rates = [found["rates"][j] for j in ORDER]
    np.testing.assert_allclose(heights, np.multiply(rates, max(heights) / max(rates)), atol=1e-6)
    page.wait_for_function("() => document.querySelector('.rd-caption').textContent.startsWith('At β = 1 ')")
    costs = f"rate {found['rate']:.1f}, distortion {found['distortion']:.1f} nats."
    assert page.text_content(".rd-caption").endswith(costs)
    assert "R = 29.95, D = 61.58 nats, 26 dimensions open" in page.inner_text(".lab-map")
    invented = "([seed]) => Array.from(net.at(1).decode(Float32Array.from({length: 256}, rd.network.normals(seed))))"
    logits = np.array(page.evaluate(invented, [1000004])).reshape(4, 784)
    new = [canvas.evaluate(PIXELS) for canvas in page.locator(".lab-four >> nth=1 >> canvas").all()]
    np.testing.assert_allclose(new, 255 / (1 + np.exp(-logits)), atol=0.51)


def test_beta_slides_by_keyboard_and_dimensions_die_in_their_places(opened):
    page = opened("lab", LAB)
    page.focus(".lab-beta input")
    seen = {}
    for key, beta in (("Home", 0.1), ("End", 10.0), ("ArrowLeft", 10**0.99)):
        page.keyboard.press(key)
        seen[key] = check(page, beta)
        assert page.get_attribute(".lab-beta input", "aria-valuetext") == page.inner_text(".lab-beta output")
        assert float(page.inner_text(".lab-beta output")) == pytest.approx(beta, rel=0.03)
    least, most = seen["Home"], seen["End"]
    assert least["rate"] > 60 > 10 > most["rate"]
    assert least["distortion"] < 60 < 150 < most["distortion"]
    assert [numbers(page, ".lab-ticks")[i] for i in (0, 3, 6)] == [0.1, 1, 10]
    assert len(page.get_attribute(".lab-map polyline >> nth=1", "points").split()) == 4  # beta 1 and the three


def stroke(page, points, box):
    places = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in points]
    page.mouse.move(*places[0])
    page.mouse.down()
    for place in places[1:]:
        page.mouse.move(*place, steps=5)
    page.mouse.up()


def test_it_is_drawn_on_by_mouse_and_what_was_drawn_can_be_undone(opened):
    page = opened("lab", LAB)
    undo = page.get_by_role("button", name="Undo")
    assert undo.is_disabled()
    page.get_by_role("button", name="Clear").click()
    settle(page)
    assert sum(image(page)) == 0
    check(page)
    stroke(page, [(0.2, 0.2), (0.2, 0.7)], page.locator(".lab-input canvas").bounding_box())
    settle(page)
    drawn = np.reshape(image(page), (28, 28))
    assert drawn[6:20, 4:7].mean() > 0.6
    assert drawn[:, 9:].sum() == drawn[23:].sum() == 0
    check(page)
    assert page.locator(".lab-picks [aria-pressed=true]").count() == 0
    page.get_by_role("button", name="Centre").click()
    settle(page)
    places = np.argwhere(np.reshape(image(page), (28, 28)))
    np.testing.assert_allclose(places.mean(0), [13.5, 13.5], atol=0.51)
    assert sum(image(page)) == drawn.sum()
    for expected in (drawn.ravel().tolist(), [0] * 784, IMAGES[35].tolist()):
        undo.click()
        settle(page)
        assert image(page) == expected
    assert undo.is_disabled()


def test_it_is_drawn_on_by_touch_and_the_page_stays(opened):
    page = opened("lab", LAB, 360, has_touch=True, is_mobile=True)
    page.get_by_role("button", name="Clear").tap()
    page.locator(".lab-input canvas").scroll_into_view_if_needed()
    box, scrolled = page.locator(".lab-input canvas").bounding_box(), page.evaluate("scrollY")
    finger = page.context.new_cdp_session(page)
    for i in range(6):
        at = {"x": box["x"] + box["width"] / 2, "y": box["y"] + (0.2 + 0.1 * i) * box["height"]}
        kind = "touchMove" if i else "touchStart"
        finger.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": [at]})
    finger.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    settle(page)
    assert np.reshape(image(page), (28, 28))[7:19, 13:15].all()
    assert page.evaluate("scrollY") == scrolled
    check(page)


def test_test_images_are_chosen_by_keyboard_one_after_another(opened):
    page = opened("lab", LAB)
    pick = page.locator(".lab-picks button").nth(7)
    pick.focus()
    for number in (1, 2):
        page.keyboard.press("Enter")
        settle(page)
        assert image(page) == IMAGES[69 + number].tolist()
        assert pick.get_attribute("aria-label") == f"Test image: a 7, number {number} of 10"
        assert page.locator(".lab-picks [aria-pressed=true]").count() == 1
        assert pick.evaluate("e => e === document.activeElement")
        check(page)
    page.get_by_role("button", name="Draw again").click()
    check(page, seed=2)


def test_dimensions_are_erased_from_the_last_one_on(opened):
    page = opened("lab", LAB)
    page.focus(".lab-code .rd-slider input")
    kept = LIVE - 4
    for _ in range(4):
        page.keyboard.press("ArrowLeft")
    check(page, stays=ORDER[:kept])
    assert page.inner_text(".lab-code output") == f"{kept} of {LIVE}"
    page.keyboard.press("Home")
    assert check(page, stays=[])["rate"] == 0
    page.keyboard.press("End")
    check(page)


def test_a_dimension_is_walked_by_keys_and_by_mouse(opened):
    page = opened("lab", LAB)
    before = check(page)
    dot, back = page.locator(".rd-handle"), page.get_by_role("button", name="Put back")
    assert back.is_disabled()
    dot.focus()
    for key in ("ArrowRight", "ArrowUp", "ArrowUp"):
        page.keyboard.press(key)
        settle(page)
    j = ORDER[1]
    moved = check(page, moved=[[j, before["z"][j] + 0.5]])
    assert moved["rate"] == before["rate"]
    assert moved["copies"][0] != before["copies"][0]
    told = f"dimension 2: {before['rates'][j]:.2f} nats, at {moved['z'][j]:.2f}, moved".replace("-", "−")
    assert (page.inner_text(".lab-walked"), dot.get_attribute("aria-valuetext")) == (told, told)
    assert page.inner_text(".lab-copy p") == "its copy, 1 moved"
    box = dot.bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 60, y - 40, steps=4)  # sideways it stays with its dimension
    page.mouse.up()
    settle(page)
    place = numbers(page, ".lab-walked")
    assert place[0] == 2
    assert place[2] > moved["z"][j] + 0.5
    back.click()
    check(page)
    page.locator(".lab-code svg").click(position={"x": 300, "y": 200})
    settle(page)
    assert numbers(page, ".lab-walked")[0] > 5


def test_the_cloud_is_measured_at_twelve_betas_and_mixed_between_them(opened):
    page = opened("lab", LAB)
    between = "([members, beta]) => rd.lab_charts.between(members, beta)"
    members = LAB["members"]
    for i, member in enumerate(members):
        found = page.evaluate(between, [members, member["beta"]])
        np.testing.assert_allclose(found["mean"], [member["rate"], member["distortion"]], rtol=1e-9)
        np.testing.assert_allclose(np.transpose(found["each"])[0], member["each_rate"], rtol=1e-9)
        if i:
            half = page.evaluate(between, [members, (member["beta"] * members[i - 1]["beta"]) ** 0.5])
            mixed = np.add(member["each_distortion"], members[i - 1]["each_distortion"]) / 2
            np.testing.assert_allclose(np.transpose(half["each"])[1], mixed, rtol=1e-9)


def test_the_image_stands_among_the_others_and_leaves_its_way_with_another(opened):
    page = opened("lab", LAB)
    found, member = check(page), next(each for each in LAB["members"] if each["beta"] == 1)
    at = "all => all.map(each => [each.getAttribute('cx'), each.getAttribute('cy')].map(Number))"
    places = np.array(page.eval_on_selector_all(".lab-map circle", at))
    for i, name in enumerate(("rate", "distortion")):
        line = np.polyfit(member[f"each_{name}"], places[:200, i], 1)
        expected = np.polyval(line, [*member[f"each_{name}"], member[name], found[name]])
        np.testing.assert_allclose(places[:, i], expected, atol=1e-6)
    way = page.locator(".lab-map polyline").nth(1)
    page.focus(".lab-beta input")
    page.keyboard.press("Home")
    settle(page)
    assert len(way.get_attribute("points").split()) == 2
    page.locator(".lab-picks button").first.click()
    settle(page)
    assert len(way.get_attribute("points").split()) == 1


def test_the_short_form_has_image_copy_and_bill(opened):
    page = opened("lab", COMPACT, 360)
    check(page)
    assert page.locator("svg, .lab-pad, .lab-tools").count() == 0
    page.locator(".lab-picks button").first.click()
    settle(page)
    assert image(page) == IMAGES[0].tolist()
    page.focus(".lab-beta input")
    page.keyboard.press("End")
    check(page, 10.0)
    check_reach(page, 360)


def test_the_still_stands_without_scripts_and_without_the_network(opened, folder):
    page = opened("lab", LAB, java_script_enabled=False, live=None)
    assert page.locator(".rd-view svg").get_attribute("aria-label") == "still"
    (folder / "one_network.js").rename(folder / "away.js")
    try:
        page = opened("lab", LAB, live="off")
    finally:
        (folder / "away.js").rename(folder / "one_network.js")
    assert page.locator(".rd-view svg").get_attribute("aria-label") == "still"
    assert "one_network.js did not load" in page.inner_text(".rd-broken")


@pytest.mark.parametrize(("width", "theme"), [(360, "light"), (720, "dark"), (900, "light")])
def test_it_is_within_reach_at_every_width(opened, width, theme):
    page = opened("lab", LAB, width, theme)
    page.focus(".lab-beta input")
    page.keyboard.press("End")
    settle(page)
    assert page.eval_on_selector(".lab-beta label", "each => each.scrollWidth <= each.clientWidth")
    check_reach(page, width)


def test_it_plays_and_where_less_motion_is_asked_a_press_is_a_step(opened):
    page = opened("lab", LAB)
    page.focus(".lab-beta input")
    page.keyboard.press("Home")
    page.get_by_role("button", name="Play").click()
    page.wait_for_function("() => Number(document.querySelector('.lab-beta input').value) > -0.9")
    page.get_by_role("button", name="Pause").click()
    at = page.input_value(".lab-beta input")
    check(page, 10 ** float(at))
    page = opened("lab", LAB, reduced_motion="reduce")
    page.get_by_role("button", name="Step").click()
    check(page, 10**0.2)
