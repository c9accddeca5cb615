"""From the bytes of the published files to arrays in splits, against files made by hand."""

import hashlib
from urllib.parse import urlparse

import numpy as np
import pytest
from sklearn.datasets import load_digits

from companion import data
from companion.data import files, formats, sets


def idx(array: np.ndarray) -> bytes:
    header = bytes([0, 0, 8, array.ndim]) + b"".join(n.to_bytes(4, "big") for n in array.shape)
    return header + array.astype(np.uint8).tobytes()


@pytest.mark.parametrize("shape", [(5,), (300, 2, 3)])
def test_idx_bytes_are_read_big_end_first(shape):
    truth = np.arange(np.prod(shape)).reshape(shape).astype(np.uint8)
    found = formats.parse_idx(idx(truth))
    assert found.dtype == np.uint8
    assert np.array_equal(found, truth)


def test_the_last_ten_thousand_of_the_first_part_validate_with_their_own_labels():
    n = np.arange(10_003)
    pixels = np.stack([n // 256, n % 256], axis=1)[:, None]  # an image tells its number
    contents = [idx(pixels), idx(n % 251), idx(pixels[:4]), idx(np.array([9, 8, 7, 6]))]
    found = formats.idx_set(contents)
    numbers = {split: found[split].astype(int)[:, 0] @ [256, 1] for split in formats.SPLITS}
    truth = {"train": n[:3], "validation": n[3:], "test": n[:4]}
    assert all(np.array_equal(numbers[split], truth[split]) for split in truth)
    assert np.array_equal(found["train_labels"], [0, 1, 2])
    assert np.array_equal(found["validation_labels"], n[3:] % 251)
    assert np.array_equal(found["test_labels"], [9, 8, 7, 6])
    assert len(found) == 6


def test_amat_text_is_one_image_a_line():
    truth = np.random.default_rng(0).random((3, 2, 2)) < 0.5
    text = b"".join(b" ".join(b"%d" % p for p in image.ravel()) + b"\n" for image in truth)
    assert np.array_equal(formats.parse_amat(text, side=2), truth)


@pytest.mark.parametrize("text", [b"0 1 1 0", b"0 1 1 0\n0 ", b"0 1 1 0\n0 1 1\n"])
def test_amat_text_of_another_length_is_refused(text):
    with pytest.raises(ValueError, match="amat: expected lines of 4 pixels"):
        formats.parse_amat(text, side=2)


def test_the_three_files_of_static_mnist_are_its_splits():
    contents = [((b"%d " % (i == 1)) * 784)[:-1] + b"\n" for i in range(3)]
    found = formats.static_mnist([contents[0] * 3, contents[1] * 2, contents[2]])
    assert {split: (len(a), bool(a.all())) for split, a in found.items()} == {
        "train": (3, False),
        "validation": (2, True),
        "test": (1, False),
    }


@pytest.mark.parametrize("count", [1, 2])
def test_omniglot_is_split_by_drawer_and_then_at_random(monkeypatch, count):
    """2 000 images that tell their numbers, of 20 drawers and 4 alphabets, as either form of the files gives them."""
    n = np.arange(2000)
    ink = np.zeros((2000, 28, 28), bool)
    ink[:, 0, :11] = n[:, None] >> np.arange(11) & 1
    alphabet, drawer = np.array(["Tagalog", "Angelic", "Sylheti", "Keble"])[n // 500], n % 20 + 1
    form = "parse_omniglot_npz" if count == 1 else "parse_omniglot_zips"
    argument = b"x" if count == 1 else [b"x", b"x"]
    monkeypatch.setattr(formats, form, lambda content: {argument == content: (ink, alphabet, drawer)}[True])
    found = formats.omniglot([b"x"] * count)
    numbers = {split: (found[split][:, 0, :11] == 255) @ (1 << np.arange(11)) for split in formats.SPLITS}
    shuffled = np.random.RandomState(0).permutation(n[drawer <= 15])  # the choice behind the committed results
    assert np.array_equal(numbers["validation"], np.sort(shuffled[:1345]))
    assert np.array_equal(numbers["train"], np.sort(shuffled[1345:]))
    assert np.array_equal(numbers["test"], n[drawer > 15])
    for split in formats.SPLITS:
        assert np.array_equal(found[f"{split}_labels"], np.array([3, 0, 2, 1])[numbers[split] // 500])


def test_the_digits_are_split_by_the_order_of_a_fixed_seed():
    order = np.random.RandomState(0).permutation(1797)  # the choice behind the committed results
    levels, labels = load_digits(return_X_y=True)
    found = formats.digits([])
    for split, part in zip(formats.SPLITS, (order[:1197], order[1197:1497], order[1497:]), strict=True):
        truth = (levels[part].reshape(-1, 8, 8) * 255 / 16).round()
        assert found[split].dtype == np.uint8
        assert np.array_equal(found[split], truth)
        assert np.array_equal(found[f"{split}_labels"], labels[part])


def test_area_averages_do_not_depend_on_how_many_there_are():
    ink = np.random.default_rng(1).random((2100, 9, 9)) < 0.3
    truth = np.rint(255 * ink.reshape(2100, 3, 3, 3, 3).mean(axis=(2, 4)))
    found = formats.area_average(ink, side=3)
    assert found.dtype == np.uint8
    assert np.array_equal(found, truth)


def test_what_is_offered_of_each_set():
    grey = ("grey", "threshold", "dynamic")
    assert {name: (known.rules, known.image_shape) for name, known in sets.SETS.items()} == {
        "digits": (("threshold", "grey", "dynamic"), (8, 8)),
        "mnist-static": (("static",), (28, 28)),
        "mnist": (grey, (28, 28)),
        "fashion-mnist": (grey, (28, 28)),
        "omniglot": (grey, (28, 28)),
    }
    assert set(sets.BINARISATIONS) == {rule for known in sets.SETS.values() for rule in known.rules}
    assert tuple(sets.SETS) == data.NAMES


SOURCES = [(name, s) for name, known in sets.SETS.items() for group in known.sources for s in group]


def test_every_published_file_has_two_mirrors_of_its_own_name():
    """Omniglot's packed form alone is at hand or is not: it is published nowhere."""
    assert [source.path for _, source in SOURCES if not source.urls] == ["omniglot/omniglot105.npz"]
    first = [source for known in sets.SETS.values() for source in known.sources[0]]  # what is downloaded
    assert all(source.urls for source in first)
    for _, source in SOURCES:
        served = {url.rsplit("/", 1)[1].removesuffix(".gz") for url in source.urls}
        assert served <= {source.path.rsplit("/", 1)[1]}, source
        assert len({urlparse(url).netloc for url in source.urls}) in (0, 2), source
        gzipped = {url.endswith(".gz") for url in source.urls}
        assert gzipped <= {bool(source.download)}, source
    digests = [d for _, source in SOURCES for d in (source.sha256, source.download) if d]
    assert len(set(digests)) == len(digests) == 3 + 8 + 8 + 3
    assert {len(digest) for digest in digests} == {64}


@pytest.mark.parametrize("name", [pytest.param(n, marks=pytest.mark.needs(n)) for n in sets.NAMES if n != "digits"])
def test_the_files_at_hand_are_those_published(name):
    at_hand = [(s, path) for owner, s in SOURCES if owner == name and (path := files.locate(s))]
    for source, path in at_hand:
        assert hashlib.sha256(files.read(source)).hexdigest() == source.sha256
        if source.download and path.suffix == ".gz":
            assert hashlib.sha256(path.read_bytes()).hexdigest() == source.download
