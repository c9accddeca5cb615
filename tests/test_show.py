import base64
import io
import json
import re

import matplotlib as mpl
import numpy as np
import pytest
from PIL import Image

from companion import show
from companion.show.svg import small
from companion.terms import RateDistortion

POINTS = [RateDistortion(22.0, 75.0, 0.1, 0.2, 0.2, n=100), RateDistortion(5.0, 100.0, 0.1, 0.2, 0.2, n=100)]


def test_the_plane_shows_each_point_its_errors_and_the_best_elbo():
    axes = show.rd_plane(POINTS, ["a", "b"]).axes[0]
    for point, bars in zip(POINTS, axes.containers, strict=True):
        assert bars[0].get_xydata().tolist() == [[point.rate, point.distortion]]
        across, up = (collection.get_segments()[0] for collection in bars[2])
        np.testing.assert_allclose(across[:, 0], [point.rate - 0.2, point.rate + 0.2])
        np.testing.assert_allclose(up[:, 1], [point.distortion - 0.4, point.distortion + 0.4])
    diagonal = axes.lines[0].get_xydata()
    np.testing.assert_allclose(diagonal.sum(1), 97.0)
    texts = [text.get_text() for text in axes.texts]
    assert {"a", "b", "R + D = 97.0"} <= set(texts)
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("rate R (nats)", "distortion D (nats)")


def test_labels_of_points_that_coincide_share_one_place():
    twin = RateDistortion(22.01, 75.0, 0.1, 0.2, 0.2, n=100)
    axes = show.rd_plane([*POINTS, twin], ["a", "b", "c"]).axes[0]
    assert [text.get_text() for text in axes.texts][1:] == ["a, c", "b"]


def test_points_that_have_not_arrived_are_hollow_and_the_legend_says_so():
    axes = show.rd_plane(POINTS, arrived=[True, False]).axes[0]
    assert [bars[0].get_markerfacecolor() for bars in axes.containers] == [show.PALETTE[0], "white"]
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["hollow: not arrived"]
    for all_of_them in (show.rd_plane(POINTS), show.rd_plane(POINTS, arrived=[True, True])):
        axes = all_of_them.axes[0]
        assert {bars[0].get_markerfacecolor() for bars in axes.containers} == {show.PALETTE[0]}
        assert axes.get_legend() is None


@pytest.mark.parametrize("distortion", [75.0, 22.0, 15.0, 5.5, 5.0, 2.0])
def test_the_best_sum_is_written_between_its_line_and_the_axis_and_over_no_number(distortion):
    """Wherever the line ends: high on the right, just above the axis, or on it."""
    figure = show.rd_plane([RateDistortion(22.0, distortion, 0.1, 0.2, 0.2, n=100)])
    figure.draw_without_rendering()
    axes, best = figure.axes[0], 22.0 + distortion
    (words,) = (each for each in axes.texts if "R + D" in each.get_text())
    box = words.get_window_extent()
    assert box.y0 >= axes.get_window_extent().y0
    line = axes.transData.transform([(x, best - x) for x in axes.get_xlim()])
    at = np.interp(box.x1, *line.T)  # the line falls: it is lowest above the right end
    assert box.y1 <= at


def test_the_plane_shades_what_no_model_reaches():
    axes = show.rd_plane(POINTS, entropy=80.0).axes[0]
    shaded = axes.collections[0].get_paths()[0]
    assert shaded.contains_point((30, 49.9))
    assert not shaded.contains_point((30, 50.1))


def test_a_sheet_holds_every_pixel_of_every_image():
    images = np.random.default_rng(0).random((3, 4, 4))
    figure = show.image_sheet({"one": images, "two": 1 - images})
    assert [axes.get_ylabel() for axes in figure.axes] == ["one", "two"]
    drawn = figure.axes[1].images[0].get_array()
    for i in range(3):
        np.testing.assert_allclose(drawn[1:5, 1 + 6 * i : 5 + 6 * i], 1 - images[i])
    assert figure.axes[0].images[0].get_cmap().name == "gray_r"


def settings(page):
    return json.loads(re.search(r"<script type=\"application/json\">(.*?)</script>", page, re.S)[1])


def test_a_player_holds_its_frames_its_captions_and_a_still():
    figures = [show.rd_plane(POINTS[:1]), show.rd_plane(POINTS)]
    player = show.Player(figures, ["one </script>", "two"], name="points", alt='the "plane"')
    page = player._repr_html_()
    told = settings(page)
    assert told["captions"] == ["one </script>", "two"]
    assert (told["name"], told["start"]) == ("points", 1)
    assert told["frames"] == [figure.framed('the "plane"') for figure in figures]
    assert page.count("</script>") == 1
    assert f'<div class="rd-view">{told["frames"][1]}</div>' in page
    assert 'aria-label="the &quot;plane&quot;"' in page
    assert '<p class="rd-caption">two</p>' in page
    assert page == show.Player(figures, ["one </script>", "two"], name="points", alt='the "plane"')._repr_html_()
    picture, bar = player.live().children
    bar.children[0].value = 0
    assert (picture.value, bar.children[1].value) == (told["frames"][0], "one </script>")


def test_a_figure_that_lives_shows_its_still_its_settings_and_with_a_kernel_an_explorer():
    still, explorer = half(1.0), show.Explorer(half, str, [1.0, 2.0], name="R", alt="a plane")
    told = {"entropy": 1.5, "names": ["a </script>", "β"]}
    figure = show.LiveFigure("kind", still, told, name="a < b", alt="a plane", caption="c & d")
    bundle = figure._repr_mimebundle_()
    assert bundle.keys() == {"text/plain", "text/html"}
    assert '<div class="rd-figure" data-figure="kind" role="group" aria-label="a &lt; b">' in bundle["text/html"]
    assert (
        f'<div class="rd-view">{still.framed("a plane")}</div>\n<p class="rd-caption">c &amp; d</p>'
        in bundle["text/html"]
    )
    assert settings(bundle["text/html"]) == told
    with_kernel = show.LiveFigure("kind", still, told, name="a", alt="a plane", kernel=explorer)
    assert with_kernel._repr_mimebundle_()["application/vnd.jupyter.widget-view+json"]["model_id"]


def test_a_figure_on_a_page_has_the_colours_of_the_page_and_letters_that_stay_readable():
    figure, axes = show.panels((4.5, 2))
    axes.plot([0, 1], [0, 1], color=show.PALETTE[1])
    axes.plot([0, 1], [1, 0], color="#123456")
    axes.set_title("rate", fontsize=9)
    svg = figure.svg()
    assert svg == figure.svg() == figure._repr_svg_()
    assert "stroke: var(--rd-2, #d55e00)" in svg
    assert "stroke: #123456" in svg
    assert ">rate</text>" in svg
    assert set(re.findall(r'id="([^"]*)"', svg)) == set(re.findall(r'(?:href="|url\()#([^")]*)', svg))
    assert not re.search(r'fill: var\(--rd-paper[^"]*"[^>]*/></g><g', svg[:900])  # no ground behind it
    # 324 points wide with letters of 9: they are 11 pixels where the picture is 396 wide
    assert figure.framed("a line").startswith('<div class="rd-still" style="--rd-wide: 583px; --rd-least: 356px">')
    assert "font-size: max(9px, var(--rd-letter, 0px))" in figure.framed("a line")


def test_an_image_keeps_its_own_pixels_and_ink_is_named():
    images = np.arange(32).reshape(2, 4, 4) / 31
    svg = show.image_sheet({"a": images}).svg()
    (data,) = re.findall(r'xlink:href="data:image/png;base64,\s*([^"]*)"[^>]*class="ink"', svg)
    pixels = np.asarray(Image.open(io.BytesIO(base64.b64decode(data))).getchannel("R"))
    assert pixels.shape == (6, 12)
    np.testing.assert_allclose(255 - pixels[1:5, 1:5], 255 * images[0], atol=1.1)  # a map of 256 steps
    figure, axes = show.panels((2, 2))
    show.draw_table(axes, np.eye(2))
    assert "class=" not in figure.svg()


@pytest.mark.parametrize(("colours", "shorter"), [(1, True), (256, True), (257, False)])
def test_an_image_of_few_colours_is_stored_by_a_palette_pixel_by_pixel_the_same(colours, shorter):
    rng = np.random.default_rng(colours)
    pixels = rng.integers(0, 256, (colours, 4), dtype=np.uint8)[rng.permutation(80 * 80).reshape(80, 80) % colours]
    written = io.BytesIO()
    Image.fromarray(pixels).save(written, "PNG")
    stored = small(written.getvalue())
    np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(stored)).convert("RGBA")), pixels)
    assert (len(stored) < len(written.getvalue())) == shorter


def test_saved_pictures_are_the_same_bytes_twice(tmp_path):
    for name in ("a.png", "b.png"):
        show.save(show.rd_plane(POINTS), tmp_path / name)
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    image = Image.open(io.BytesIO((tmp_path / "a.png").read_bytes()))
    assert image.size == (648, 489)
    assert "Software" not in image.info


def test_drawing_leaves_the_settings_alone():
    before = dict(mpl.rcParams)
    show.rd_plane(POINTS)
    show.image_sheet({"one": np.zeros((2, 4, 4))})
    assert dict(mpl.rcParams) == before


@pytest.mark.parametrize(
    ("draw", "message"),
    [
        (lambda: show.rd_plane([]), "points: expected at least one point"),
        (lambda: show.rd_plane(POINTS, ["a"]), "labels: expected one for each of the 2 points, got 1"),
        (lambda: show.rd_plane(POINTS, arrived=[True]), "arrived: expected one for each of the 2 points, got 1"),
        (lambda: show.image_sheet({}), "rows: expected images of one shape"),
        (lambda: show.image_sheet({"a": np.zeros((2, 4))}), "rows: expected images of one shape"),
        (
            lambda: show.image_sheet({"a": np.zeros((1, 4, 4)), "b": np.zeros((2, 4, 4))}),
            "rows: expected images of one",
        ),
        (
            lambda: show.Player([show.rd_plane(POINTS)], ["a"], name="x", alt="y"),
            "captions: expected one for each of 2",
        ),
        (lambda: show.Player([show.rd_plane(POINTS)] * 2, ["a"], name="x", alt="y"), "captions: expected one for each"),
        (
            lambda: show.Player([show.rd_plane(POINTS)] * 2, ["a", "b"], name="x", alt=" "),
            "alt: expected a description",
        ),
    ],
)
def test_pictures_of_nothing_are_refused(draw, message):
    with pytest.raises(ValueError, match=message):
        draw()


def half(value):
    return show.rd_plane([RateDistortion(value, 50.0, 0.1, 0.2, 0.2, n=100)], reach=POINTS)


def test_an_explorer_stores_its_frames_and_draws_any_value_where_there_is_a_kernel():
    explorer = show.Explorer(half, lambda r: f"R = {r:g}", [1.0, 2.0, 5.0], name="R", alt="a plane", start=1)
    plain = show.Player([half(r) for r in (1, 2, 5)], ["R = 1", "R = 2", "R = 5"], name="R", alt="a plane", start=1)
    bundle = explorer._repr_mimebundle_()
    assert bundle["text/html"] == plain._repr_html_()
    assert bundle["application/vnd.jupyter.widget-view+json"]["model_id"]
    image, (slider, caption) = (box := explorer.live()).children[0], box.children[1].children
    assert (slider.value, caption.value, image.value) == (2.0, "R = 2", half(2.0).framed("a plane"))
    slider.value = 3.24
    assert (caption.value, image.value) == ("R = 3.24", half(3.24).framed("a plane"))


def test_whole_numbers_are_explored_one_by_one():
    slider = show.Explorer(half, str, [0, 4, 9], name="step", alt="a plane").live().children[1].children[0]
    assert (slider.min, slider.max, slider.step, slider.value) == (0, 9, 1, 9)


def test_values_that_do_not_increase_are_refused():
    with pytest.raises(ValueError, match=r"values: expected them to increase, got \[1, 1\]"):
        show.Explorer(half, str, [1, 1], name="R", alt="a plane")


def test_the_pad_knows_the_entropy_and_its_still_shades_what_no_model_reaches():
    pad = show.PhasePad(2.0)
    assert settings(pad._repr_html_()) == {"entropy": 2.0}
    shaded = pad.figure().axes[0].collections[0].get_paths()[0]
    assert shaded.contains_point((0.9, 0.9))
    assert not shaded.contains_point((1.1, 1.1))


@pytest.mark.parametrize("entropy", [0.0, -1.0, float("inf")])
def test_a_pad_without_entropy_is_refused(entropy):
    with pytest.raises(ValueError, match="entropy: expected a positive, finite number of nats"):
        show.PhasePad(entropy)


def test_ink_on_a_page_is_ink_on_nothing():
    figure = show.image_sheet({"a row": np.linspace(0, 1, 8).reshape(2, 2, 2)})
    drawn = re.search(r'<image[^>]*class="ink"[^>]*>', figure.framed("two images"))[0]
    png = base64.b64decode(re.search('base64,([^"]*)', drawn)[1])
    pixels = np.asarray(Image.open(io.BytesIO(png)).convert("RGBA"))
    assert not pixels[..., :3].any()
    alpha = pixels[2::4, 2::4, 3]  # four pixels an edge for each
    expected = np.pad(np.linspace(0, 1, 8).reshape(2, 2, 2), ((0, 0), (1, 1), (1, 1))).transpose(1, 0, 2).reshape(4, 8)
    assert sorted(set(alpha.ravel())) == sorted(set(np.round(255 * expected).astype(int).ravel()))
