"""The record of any arrays, its rules, and the cache of what was parsed."""

import hashlib
import inspect
import re
from dataclasses import replace

import numpy as np
import pytest
import torch

from companion import data
from companion.data import ImageData, files, formats, images, sets
from companion.seeds import numpy_generator

RNG = np.random.default_rng(0)
BINARY = [RNG.random((n, 5, 7)) < 0.4 for n in (4, 3, 2)]
GREY = [RNG.integers(0, 256, (n, 5, 7), dtype=np.uint8) for n in (4, 3, 2)]
SPLITS = ("train", "validation", "test")


def of(record: ImageData) -> list[np.ndarray]:
    return [record.train, record.validation, record.test]


@pytest.mark.parametrize(
    "form",
    [np.asarray, np.uint8, np.float32, np.int64, torch.tensor, np.ndarray.tolist, lambda a: torch.tensor(a).float()],
)
def test_binary_images_of_any_number_type_become_bool(form):
    record = ImageData.from_arrays(*map(form, BINARY))
    assert all(a.dtype == bool and np.array_equal(a, b) for a, b in zip(of(record), BINARY, strict=True))
    assert (record.name, record.binarise, record.image_shape) == ("arrays", "static", (5, 7))
    assert (record.train_labels, record.validation_labels, record.test_labels) == (None, None, None)
    assert record.epoch(3) is record.train


def test_what_is_said_of_the_images_is_kept():
    labels = {"train_labels": [3, 0, 1, 2], "validation_labels": np.array([0, 1, 9], np.uint8), "test_labels": [1, 1]}
    said = {"name": "bars", "licence": "CC0", "source": "made by hand"}
    record = ImageData.from_arrays(*BINARY, **labels, **said)
    assert all(np.array_equal(getattr(record, name), values) for name, values in labels.items())
    assert {name: getattr(record, name) for name in said} == said
    assert ImageData.from_arrays(*BINARY).licence == ImageData.from_arrays(*BINARY).source == ""


def test_views_become_arrays_that_torch_can_read():
    record = ImageData.from_arrays(*(a[:, ::-1] for a in BINARY))
    assert np.array_equal(torch.from_numpy(record.test).numpy(), BINARY[2][:, ::-1])


def test_a_pixel_is_ink_from_128_of_255_on():
    levels = np.arange(256, dtype=np.uint8).reshape(1, 16, 16)
    record = ImageData.from_arrays(levels, levels, levels, binarise="threshold")
    assert all(a.dtype == bool and np.array_equal(a.ravel(), np.arange(256) > 127.5) for a in of(record))
    assert record.grey_train is None


def test_grey_images_stay_as_they_are():
    record = ImageData.from_arrays(*GREY, binarise="grey")
    assert all(a.dtype == np.uint8 and np.array_equal(a, b) for a, b in zip(of(record), GREY, strict=True))
    assert np.array_equal(record.epoch(1), GREY[0])


def test_dynamic_draws_are_those_of_the_named_streams():
    """The streams of the committed results: seed 0, path (4, split) for what is fixed, and seed, (3, epoch)."""
    record = ImageData.from_arrays(*GREY, binarise="dynamic")
    for i, (drawn, grey) in enumerate(zip(of(record), GREY, strict=True)):
        rng = np.random.default_rng(np.random.SeedSequence(0, spawn_key=(4, i)))
        assert np.array_equal(drawn, rng.integers(0, 255, grey.shape, dtype=np.uint8) < grey)
    rng = np.random.default_rng(np.random.SeedSequence(6, spawn_key=(3, 2)))
    truth = rng.integers(0, 255, GREY[0].shape, dtype=np.uint8) < GREY[0]
    assert np.array_equal(record.epoch(2, seed=6), truth)
    assert np.array_equal(record.epoch(2), record.epoch(2, seed=0))


def test_a_pixel_is_drawn_with_probability_exactly_grey_over_255():
    class Levels:
        """Every number a generator may give, once each."""

        @staticmethod
        def integers(low, high, shape, dtype):
            return np.arange(low, high, dtype=dtype).repeat(shape[1] * shape[2]).reshape(shape)

    grey = np.tile(np.arange(256, dtype=np.uint8).reshape(1, 16, 16), (255, 1, 1))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(images, "numpy_generator", lambda *seed: Levels)
        assert np.array_equal(images.bernoulli(grey, 0).sum(0).ravel(), np.arange(256))


def test_an_epochs_order_is_that_of_its_own_stream():
    record = ImageData.from_arrays(*BINARY)
    order = np.random.default_rng(np.random.SeedSequence(6, spawn_key=(1, 2))).permutation(4)
    assert np.array_equal(record.shuffled(2, seed=6), BINARY[0][order])
    drawn = ImageData.from_arrays(*GREY, binarise="dynamic")
    assert np.array_equal(drawn.shuffled(2, seed=6), drawn.epoch(2, seed=6)[order])
    assert np.array_equal(drawn.shuffled(2), drawn.shuffled(2, seed=0))


def test_images_may_be_of_one_pixel_and_of_one_colour():
    for colour in (0, 1):
        record = ImageData.from_arrays(*[np.full((1, 1, 1), colour)] * 3)
        assert record.train.tolist() == [[[bool(colour)]]]


BAD = [
    ({"binarise": "otsu"}, "binarise: expected one of static, threshold, dynamic, grey, got 'otsu'"),
    ({"train": BINARY[0][0]}, r"train: expected images \[n, H, W\], at least one, got shape \[5, 7\]"),
    ({"test": BINARY[2][:, None]}, r"test: expected images \[n, H, W\], at least one, got shape \[2, 1, 5, 7\]"),
    ({"validation": BINARY[1][:0]}, r"validation: expected images .* at least one, got shape \[0, 5, 7\]"),
    ({"validation": BINARY[1][:, :0]}, r"validation: expected images .* got shape \[3, 0, 7\]"),
    ({"test": BINARY[2][:, :4]}, r"train, validation, test: .* train \[4, 5, 7\], .* test \[2, 4, 7\]"),
    ({"test": BINARY[2][:, :, 1:]}, r"train, validation, test: expected images of one size, got .* \[2, 5, 6\]"),
    (
        {"train": GREY[0]},
        "train: expected binary images, bool, or the numbers 0 and 1; for grey .*, got uint8 with other",
    ),
    ({"train": np.arange(35).reshape(1, 5, 7)}, "train: expected binary images, .* got int64 with other values"),
    ({"test": GREY[2] / 255}, "test: expected binary images, .* got float64 with other values"),
    ({"test": np.where(BINARY[2], 1, np.nan)}, "test: expected binary images, .* got float64 with other values"),
    ({"test": np.full((2, 5, 7), "0")}, "test: expected binary images"),
    ({"binarise": "dynamic"}, "train: expected unsigned bytes, 0 to 255, under the rule dynamic, got bool"),
    ({"binarise": "grey", "train": GREY[0] / 255}, "train: expected unsigned bytes, .* rule grey, got float64"),
    ({"train_labels": [0, 1, 2]}, r"train_labels: expected 4 whole numbers from 0, one an image, got array\(\[0, 1, 2"),
    ({"test_labels": [[0], [1]]}, "test_labels: expected 2 whole numbers"),
    ({"test_labels": [0.5, 1]}, "test_labels: expected 2 whole numbers"),
    ({"test_labels": [True, False]}, "test_labels: expected 2 whole numbers"),
    ({"validation_labels": [0, -1, 1]}, r"validation_labels: expected 3 whole numbers from 0, .*\[ 0, -1,  1\]"),
]


@pytest.mark.parametrize(("change", "message"), BAD)
def test_other_arrays_are_refused(change, message):
    with pytest.raises(ValueError, match=f"^{message}"):
        ImageData.from_arrays(**(dict(zip(SPLITS, BINARY, strict=True)) | change))


def bytes_of_16(contents: list[bytes]) -> formats.Arrays:
    """A set 16 pixels wide, static, with labels."""
    bits = np.frombuffer(contents[0], np.uint8).reshape(-1, 16, 16) == 1
    return {split: bits + (i == 2) for i, split in enumerate(SPLITS)} | {"test_labels": np.arange(len(bits))}


@pytest.fixture
def wide(tmp_path, cache_folder, monkeypatch) -> files.Source:
    content = RNG.integers(0, 2, (200, 16, 16), dtype=np.uint8).tobytes()
    (tmp_path / "wide.bin").write_bytes(content)
    monkeypatch.setenv("COMPANION_DATA", str(tmp_path))
    source = files.Source("wide.bin", (), hashlib.sha256(content).hexdigest())
    known = replace(sets.SETS["mnist-static"], sources=((source,),), parse=bytes_of_16)
    monkeypatch.setitem(sets.SETS, "wide", known)
    return source


def test_a_set_of_another_width_comes_back_as_it_was_parsed(wide, tmp_path):
    truth = bytes_of_16([(tmp_path / "wide.bin").read_bytes()])
    for record in (data.load("wide"), data.load("wide")):  # parsed, and from the cache
        assert all(a.dtype == bool and np.array_equal(a, truth[s]) for a, s in zip(of(record), SPLITS, strict=True))
        assert record.test_labels.dtype == truth["test_labels"].dtype
        assert np.array_equal(record.test_labels, np.arange(200))
        assert record.train_labels is None


def test_a_set_is_parsed_once(wide, tmp_path):
    first = data.load("wide")
    (tmp_path / "wide.bin").unlink()
    assert data.available("wide")
    assert np.array_equal(data.load("wide").train, first.train)


def test_other_code_or_other_files_need_another_cache(wide, monkeypatch):
    def altered(contents):
        return bytes_of_16(contents)

    known, paths = sets.SETS["wide"], [images._cache_path("wide")]
    for change in ({"parse": altered}, {"sources": ((replace(wide, sha256="0" * 64),),)}):
        monkeypatch.setitem(sets.SETS, "wide", replace(known, **change))
        paths.append(images._cache_path("wide"))
    monkeypatch.setitem(sets.SETS, "wide", known)
    assert images._cache_path("wide") == paths[0]
    whole = inspect.getsource
    monkeypatch.setattr(inspect, "getsource", lambda of: whole(of) + "# changed" * (of is formats))
    assert len({*paths, images._cache_path("wide")}) == 4


def test_of_several_forms_of_a_set_the_one_at_hand_is_read(wide, monkeypatch):
    absent = files.Source("absent.bin", ("http://127.0.0.1:9/absent.bin",), "0" * 64)
    monkeypatch.setitem(sets.SETS, "wide", replace(sets.SETS["wide"], sources=((absent, wide), (wide,))))
    assert data.available("wide")
    assert len(data.load("wide").train) == 200
    monkeypatch.setitem(sets.SETS, "wide", replace(sets.SETS["wide"], sources=((wide, absent), (absent,))))
    assert not data.available("wide")


@pytest.mark.parametrize(
    "damage",
    [
        lambda b: b"",
        lambda b: b[:300],
        lambda b: b[:900] + b"xx" + b[902:],
        lambda b: b"xx" + b[2:],
        lambda b: b[:64] + b"\xff" * 8 + b[72:],
    ],
)
def test_a_damaged_cache_is_named_with_what_to_do(wide, damage):
    data.load("wide")
    path = images._cache_path("wide")
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(data.DataError, match=r"wide-.*\.npz: the cache is damaged .*delete it and load again$"):
        data.load("wide")


def test_the_cache_is_named_after_the_set_and_what_made_it(wide, cache_folder):
    data.load("wide")
    (stored,) = (path for path in cache_folder.rglob("*") if path.is_file())
    assert stored.parent == cache_folder / "parsed"
    assert re.fullmatch(r"wide-[0-9a-f]{12}\.npz", stored.name)


def test_a_set_without_files_is_parsed_of_nothing_and_leaves_no_cache(cache_folder, monkeypatch):
    def bars(contents):
        assert contents == []
        return dict(zip(SPLITS, BINARY, strict=True))

    monkeypatch.setitem(sets.SETS, "bars", replace(sets.SETS["mnist-static"], sources=((),), parse=bars))
    for _ in range(2):
        assert np.array_equal(data.load("bars").test, BINARY[2])
    assert not cache_folder.exists()


def test_nothing_is_parsed_that_cannot_be_stored(wide, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("not a folder")
    monkeypatch.setenv("COMPANION_CACHE", str(tmp_path / "file"))
    monkeypatch.setattr(images, "read", lambda source: pytest.fail("it was read"))
    with pytest.raises(
        data.DataError, match=r"^\S+/file/parsed: the cache cannot be written \(Not a directory\): make"
    ):
        data.load("wide")


def test_an_unknown_set_is_not_available_but_an_error():
    with pytest.raises(ValueError, match=r"name: expected one of digits, mnist-static, .*, got 'svhn'"):
        data.available("svhn")
    assert data.available("digits")


def test_streams_are_those_of_numpys_seed_sequences():
    """The committed results were drawn from these."""
    from companion import seeds

    assert (seeds.ORDER, seeds.DRAWS, seeds.PIXELS, seeds.HELD_OUT) == (1, 2, 3, 4)
    truth = np.random.default_rng(np.random.SeedSequence(5, spawn_key=(2, 7))).random(4)
    assert np.array_equal(numpy_generator(5, 2, 7).random(4), truth)
    paths = [(5,), (5, 0), (5, 0, 0), (5, 2), (2, 5), (0, 5)]
    assert len({numpy_generator(*path).integers(2**62) for path in paths}) == len(paths)
