"""Stored sheets of images are read as they were drawn, and the page on nats gets those of every model."""

import io
from base64 import b64decode
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from companion import results, show
from companion.show.chapters import nats
from companion.show.explorer import NUMBERS
from companion.show.sheets import sheet_strips, stored_images, strip_uri

BOOK = Path(__file__).parents[1] / "book" / "results"
GALLERY = BOOK / "models" / "mnist"
ROWS = results.records(results.load(BOOK / "mnist.csv").query("split == 'test'"))


@pytest.mark.parametrize("file", ["reconstructions.png", "generations.png"])
def test_a_stored_sheet_gives_back_its_images(file, tmp_path):
    rng = np.random.default_rng(0)
    samples, inputs = (rng.random(shape) < 0.3 for shape in ((5, 10, 28, 28), (10, 28, 28)))
    show.save(show.sample_gallery(samples, inputs if file[0] == "r" else None), tmp_path / file)
    found = stored_images(tmp_path / file)
    expected = {"input": inputs} if file[0] == "r" else {}
    expected |= {"one sample": samples[0], "mean of 5": samples.mean(0)}
    assert list(found) == list(expected)
    for name, images in expected.items():
        np.testing.assert_allclose(found[name], images, atol=1 / 255)


def test_a_sheet_of_another_size_is_refused(tmp_path):
    path = tmp_path / "generations.png"
    show.save(show.sample_gallery(np.zeros((5, 8, 28, 28))), path)
    with pytest.raises(ValueError, match="path: expected a sheet of 1238 x 195 pixels"):
        stored_images(path)


def test_the_boxes_of_a_sheet_are_ten_times_as_wide_as_high():
    for file, size in (("reconstructions.png", (1238, 293)), ("generations.png", (1238, 195))):
        for strip in sheet_strips(file):
            _, _, width, height = strip["box"]
            assert width * size[0] / (height * size[1]) == pytest.approx(10, rel=0.01)


def test_a_strip_in_the_page_is_its_images_enlarged_on_white():
    images = np.random.default_rng(1).random((3, 4, 4))
    head, code = strip_uri(images).split(",")
    shown = np.asarray(Image.open(io.BytesIO(b64decode(code))))
    assert head == "data:image/png;base64"
    assert shown.shape == (18, 54)
    tiles = 1 - shown[1::3, 1::3].reshape(6, 3, 6).transpose(1, 0, 2) / 255
    np.testing.assert_allclose(tiles[:, 1:-1, 1:-1], images, atol=0.5 / 255 + 1e-12)
    assert not np.delete(tiles, slice(1, -1), 1).any()


def of_one_family():
    kept = {
        results.read_rows(path)[0]["config_hash"]: path.parent for path in GALLERY.glob("family-+v_beta*/rates.csv")
    }
    rows = [row for row in ROWS if row["config_hash"] in kept]
    return rows, [kept[row["config_hash"]] for row in rows]


def test_one_price_moves_every_picture():
    rows, folders = of_one_family()
    drawings = [{"input": np.zeros((10, 28, 28)), "drawing 1": np.full((10, 28, 28), i / 9)} for i in range(len(rows))]
    told = nats.price_explorer(rows, folders, drawings).settings
    assert [sheet["title"] for sheet in told["sheets"]] == ["Copies", "Inventions", "Drawings of one code"]
    assert [strip["name"] for strip in told["sheets"][2]["strips"]] == ["input", "drawing 1"]
    for row, folder, drawn, line in zip(rows, folders, drawings, told["rows"], strict=True):
        assert {name: line[name] for name in NUMBERS} == {name: row[name] for name in NUMBERS}
        assert (line["said"], line["arrived"]) == (f"β = {row['beta']:g}", row["arrived"])
        copies, inventions, repeated = line["sheets"]
        assert copies == f"mnist/{folder.name}/reconstructions.png"
        assert inventions == f"mnist/{folder.name}/generations.png"
        assert repeated == [strip_uri(images) for images in drawn.values()]


def test_the_still_shows_one_copy_by_every_model():
    rows, folders = of_one_family()
    axes = nats.copies_figure(rows, folders).axes
    labels = ["input", *(f"β = {row['beta']:g}: R {row['rate']:.1f}" for row in rows)]
    assert [each.get_ylabel() for each in axes] == labels
    for each, folder in zip(axes[1:], folders, strict=True):
        tiles = np.asarray(each.images[0].get_array()).reshape(30, 10, 30).transpose(1, 0, 2)[:, 1:-1, 1:-1]
        np.testing.assert_array_equal(tiles, stored_images(folder / "reconstructions.png")["one sample"])


def test_models_of_one_price_need_pictures_alike():
    rows, folders = of_one_family()
    drawn = {"drawing 1": np.zeros((10, 28, 28))}
    with pytest.raises(ValueError, match=r"rows: expected two or more, and as many folders and drawings, got 2, 2, 1"):
        nats.price_explorer(rows[:2], folders[:2], [drawn])
    with pytest.raises(ValueError, match=r"rows: expected two or more, .* got 1, 1, 1"):
        nats.price_explorer(rows[:1], folders[:1], [drawn])
    with pytest.raises(ValueError, match="drawings: expected the rows drawing 1 for every model"):
        nats.price_explorer(rows[:2], folders[:2], [drawn, {"other": drawn["drawing 1"]}])
