import io
import json
import re

import matplotlib as mpl
import numpy as np
import pytest
from PIL import Image

from companion import show
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


def test_a_player_holds_its_frames_its_captions_and_a_plain_image():
    figures = [show.rd_plane(POINTS[:1]), show.rd_plane(POINTS)]
    player = show.Player(figures, ["one </script>", "two"], name="points", alt='the "plane"')
    page = player._repr_html_()
    frames = json.loads(re.search(r"<script type=\"application/json\">(.*?)</script>", page, re.S)[1])
    assert [caption for _, caption in frames] == ["one </script>", "two"]
    assert page.count("</script>") == 1
    assert f'<img src="{frames[1][0]}" alt="the &quot;plane&quot;"' in page
    assert 'max="1" value="1"' in page
    assert page == show.Player(figures, ["one </script>", "two"], name="points", alt='the "plane"')._repr_html_()


def test_saved_pictures_are_the_same_bytes_twice(tmp_path):
    for name in ("a.png", "b.png"):
        show.save(show.rd_plane(POINTS), tmp_path / name)
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    image = Image.open(io.BytesIO((tmp_path / "a.png").read_bytes()))
    assert image.size == (864, 648)
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
    assert (slider.value, caption.value, image.value) == (2.0, "R = 2", half(2.0).png(dpi=80))
    slider.value = 3.24
    assert (caption.value, image.value) == ("R = 3.24", half(3.24).png(dpi=80))


def test_whole_numbers_are_explored_one_by_one():
    slider = show.Explorer(half, str, [0, 4, 9], name="step", alt="a plane").live().children[1].children[0]
    assert (slider.min, slider.max, slider.step, slider.value) == (0, 9, 1, 9)


def test_values_that_do_not_increase_are_refused():
    with pytest.raises(ValueError, match=r"values: expected them to increase, got \[1, 1\]"):
        show.Explorer(half, str, [1, 1], name="R", alt="a plane")


def test_the_pad_knows_where_its_axes_are():
    pad = show.PhasePad(2.0)
    page = pad._repr_html_()
    left, low, width, height = json.loads(re.search(r"box = (\[.*?\]);", page)[1])
    pixels = np.asarray(Image.open(io.BytesIO(pad.figure().png(dpi=80))).convert("L")) < 128
    column, row = (
        np.flatnonzero(pixels.sum(0) > 0.7 * height * len(pixels)),
        np.flatnonzero(pixels.sum(1) > 0.7 * width * pixels.shape[1]),
    )
    assert abs(column.mean() + 0.5 - left * pixels.shape[1]) < 1  # the spine of the vertical axis
    assert abs(len(pixels) - row.mean() - 0.5 - low * len(pixels)) < 1
    assert "H = 2.0000" in page
    assert 'max="3.50"' in page


@pytest.mark.parametrize("entropy", [0.0, -1.0, float("inf")])
def test_a_pad_without_entropy_is_refused(entropy):
    with pytest.raises(ValueError, match="entropy: expected a positive, finite number of nats"):
        show.PhasePad(entropy)
