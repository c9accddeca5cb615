import errno
import gzip
import hashlib
import http.server
import io
import os
import subprocess
import sys
import threading
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pooch
import pytest
from PIL import Image
from sklearn.datasets import load_digits

from companion import data
from companion.atomic import StorageError
from companion.data import files, formats, images, sets

BOTH_SIDES = np.random.default_rng(0).random((4, 105, 105)) < 0.3


def test_digits_are_scikit_learns_thresholded_at_half():
    digits = data.load("digits")
    upstream = load_digits()
    ours = np.concatenate([digits.train, digits.validation, digits.test])
    labels = np.concatenate([digits.train_labels, digits.validation_labels, digits.test_labels])
    assert sorted(map(bytes, ours)) == sorted(map(bytes, upstream.images >= 8))
    assert np.array_equal(np.bincount(labels), np.bincount(upstream.target))
    assert [len(digits.train), len(digits.validation), len(digits.test)] == [1197, 300, 300]


def test_a_label_stays_with_its_image():
    digits = data.load("digits", binarise="grey")
    known = {
        bytes(np.rint(i * 255 / 16).astype(np.uint8)): t for i, t in zip(*load_digits(return_X_y=True), strict=True)
    }
    for image, label in zip(digits.test, digits.test_labels, strict=True):
        assert known[bytes(image)] == label


def test_the_dynamic_rule_draws_grey_over_255_anew_each_epoch():
    digits = data.load("digits", binarise="dynamic")
    grey = data.load("digits", binarise="grey").train
    draws = np.stack([digits.epoch(number, seed=3) for number in range(400)])
    assert np.array_equal(digits.epoch(5, seed=3), draws[5])
    assert not np.array_equal(draws[0], draws[1])
    z = (draws.mean(0) - grey / 255) / np.sqrt(np.clip(grey / 255 * (1 - grey / 255), 1e-9, None) / 400)
    assert draws[:, grey == 255].all()
    assert not draws[:, grey == 0].any()
    inner = z[(grey > 0) & (grey < 255)]
    assert abs(inner.mean()) < 5 / np.sqrt(inner.size)
    assert inner.std() == pytest.approx(1, abs=0.02)
    assert np.array_equal(data.load("digits").epoch(9), data.load("digits").train)


@pytest.mark.needs("mnist-static")
def test_static_mnist_is_the_published_binarisation():
    static = data.load("mnist-static")
    assert [a.shape for a in (static.train, static.validation, static.test)] == [
        *((50_000, 28, 28), (10_000, 28, 28), (10_000, 28, 28))
    ]
    assert all(a.dtype == bool for a in (static.train, static.validation, static.test))
    text = b"\n".join(b" ".join(b"%d" % p for p in image.ravel()) for image in static.test) + b"\n"
    assert hashlib.sha256(text).hexdigest() == sets.SETS["mnist-static"].sources[0][2].sha256


@pytest.mark.needs("mnist")
@pytest.mark.needs("mnist-static")
def test_static_and_dynamic_mnist_agree_in_their_mean():
    dynamic, static = data.load("mnist", binarise="dynamic"), data.load("mnist-static")
    assert dynamic.train.mean() == pytest.approx(static.train.mean(), abs=5e-4)
    assert np.bincount(dynamic.test_labels).tolist() == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]


@pytest.mark.needs("mnist")
def test_mnists_splits_are_the_well_known_ones_and_every_label_fits_its_image():
    mnist = data.load("mnist")
    counts = [4932, 5678, 4968, 5101, 4859, 4506, 4951, 5175, 4842, 4988]  # of the first 50 000 training labels
    assert np.bincount(mnist.train_labels).tolist() == counts
    assert np.bincount(mnist.validation_labels).tolist() == [991, 1064, 990, 1030, 983, 915, 967, 1090, 1009, 961]
    means = np.stack([mnist.train[mnist.train_labels == digit].mean(0).ravel() for digit in range(10)])
    for split in formats.SPLITS:  # the nearest class mean is right for 82 of 100
        images, labels = getattr(mnist, split), getattr(mnist, f"{split}_labels")
        products = images.reshape(len(images), -1).astype(np.float32) @ means.T.astype(np.float32)
        assert np.mean(np.argmax(2 * products - (means**2).sum(1), axis=1) == labels) > 0.8, split


@pytest.mark.needs("fashion-mnist")
def test_fashion_mnist_has_a_thousand_test_images_a_class():
    fashion = data.load("fashion-mnist", binarise="threshold")
    assert np.bincount(fashion.test_labels).tolist() == [1000] * 10
    assert len(fashion.train) + len(fashion.validation) == 60_000
    assert fashion.train.dtype == bool


@pytest.mark.needs("omniglot")
def test_omniglot_keeps_its_ink_and_its_drawers_apart():
    omniglot = data.load("omniglot")
    assert [len(omniglot.train), len(omniglot.validation), len(omniglot.test)] == [23_000, 1_345, 8_115]
    everything = np.concatenate([omniglot.train, omniglot.validation, omniglot.test])
    assert everything.mean() / 255 == pytest.approx(0.08051568, abs=1e-4)  # share of ink at 105 x 105
    assert len(np.unique(omniglot.test_labels)) == 50


def omniglot_zip(folder: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for i, ink in enumerate(BOTH_SIDES):
            png = io.BytesIO()
            Image.fromarray(~ink).save(png, "png")
            archive.writestr(
                f"{folder}/Alphabet_{folder}/character{i // 2 + 1:02}/{i:04}_{i % 2 + 1:02}.png", png.getvalue()
            )
    return buffer.getvalue()


def test_upstreams_zips_and_the_packed_file_give_the_same_images():
    from_zips = formats.parse_omniglot_zips([omniglot_zip("b"), omniglot_zip("a")])
    assert np.array_equal(from_zips[0], np.concatenate([BOTH_SIDES, BOTH_SIDES]))
    buffer, shuffled = io.BytesIO(), [5, 2, 7, 0, 1, 6, 3, 4]
    fields = {
        "images_packed": np.packbits(from_zips[0].reshape(8, -1), axis=1)[shuffled],
        "alphabet_id": np.array([0, 0, 0, 0, 1, 1, 1, 1], np.uint8)[shuffled],
        "character_in_alphabet": np.array([1, 1, 2, 2, 1, 1, 2, 2], np.uint8)[shuffled],
        "drawer": np.array([1, 2] * 4, np.uint8)[shuffled],
        "alphabet_names": np.array(["Alphabet_a", "Alphabet_b"]),
    }
    np.savez(buffer, **fields)
    for ours, theirs in zip(formats.parse_omniglot_npz(buffer.getvalue()), from_zips, strict=True):
        assert np.array_equal(ours, theirs)


def test_area_averages_equal_a_fine_grid():
    ink = BOTH_SIDES[:1]
    fine = np.kron(ink[0], np.ones((4, 4)))  # 420 = 28 * 15, so 15 x 15 fine pixels make one output pixel
    truth = 255 * fine.reshape(28, 15, 28, 15).mean(axis=(1, 3))
    assert np.abs(formats.area_average(ink)[0] - truth).max() <= 0.5 + 1e-9


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("svhn",), "name: expected one of digits, mnist-static"),
        (("mnist-static", "dynamic"), "binarise: mnist-static offers static, got 'dynamic'"),
        (("digits", "static"), "binarise: digits offers threshold, grey, dynamic, got 'static'"),
    ],
)
def test_unknown_sets_and_rules_are_refused(arguments, message):
    with pytest.raises(ValueError, match=f"^{message}"):
        data.load(*arguments)


@pytest.fixture
def served(tmp_path, cache_folder, monkeypatch):
    """A local server with an altered mirror and a good one, and a small set that is fetched from it."""
    lines = [(pixels * 392)[:-1] + b"\n" for pixels in (b"0 1 ", b"1 0 ", b"1 1 ")]
    contents = {split: b"".join(lines[i:]) for i, split in enumerate(formats.SPLITS)}  # of 3, 2 and 1 images
    folder = tmp_path / "served"
    for mirror, end in {"altered": -7, "good": None}.items():
        (folder / mirror).mkdir(parents=True)
        for split, content in contents.items():
            (folder / mirror / f"{split}.amat.gz").write_bytes(gzip.compress(content[:end], mtime=0))
    handler = type("Quiet", (http.server.SimpleHTTPRequestHandler,), {"log_message": lambda *_: None})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), lambda *a: handler(*a, directory=str(folder)))
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    address = f"http://127.0.0.1:{server.server_port}"
    sources = tuple(
        files.Source(
            f"small/{split}.amat",
            tuple(f"{address}/{mirror}/{split}.amat.gz" for mirror in ("absent", "altered", "good")),
            hashlib.sha256(content).hexdigest(),
            hashlib.sha256((folder / "good" / f"{split}.amat.gz").read_bytes()).hexdigest(),
        )
        for split, content in contents.items()
    )
    monkeypatch.delenv("COMPANION_DATA", raising=False)
    monkeypatch.setitem(sets.SETS, "small", replace(sets.SETS["mnist-static"], sources=(sources,)))
    yield sources
    server.shutdown()
    server.server_close()


def test_a_download_passes_over_absent_and_altered_mirrors(served, cache_folder, capsys):
    assert not data.available("small")
    loaded = data.load("small")
    assert [len(a) for a in (loaded.train, loaded.validation, loaded.test)] == [3, 2, 1]
    assert np.array_equal(loaded.train[0].ravel(), np.arange(784) % 2 == 1)
    assert np.array_equal(loaded.validation[0].ravel(), np.arange(784) % 2 == 0)
    assert loaded.test.all()
    assert data.available("small")
    assert "100%" in capsys.readouterr().err  # the progress bar
    assert not list(cache_folder.rglob("*.part")) + list(cache_folder.rglob("tmp*"))


def test_the_cache_needs_no_files_and_no_network(served, cache_folder):
    first = data.load("small")
    for path in (cache_folder / "downloads").rglob("*.gz"):
        path.unlink()
    assert np.array_equal(data.load("small").train, first.train)


def only(source: files.Source, mirror: str) -> files.Source:
    return replace(source, urls=tuple(url for url in source.urls if mirror in url))


def test_no_good_mirror_leaves_one_clear_error_and_no_file(served, cache_folder, monkeypatch):
    sources = tuple(only(s, "altered") for s in served)
    monkeypatch.setitem(sets.SETS, "small", replace(sets.SETS["small"], sources=(sources,)))
    with pytest.raises(
        data.DataError, match=r"train.amat: no mirror served the expected file .*altered.*COMPANION_DATA"
    ):
        data.load("small")
    assert not [p for p in cache_folder.rglob("*") if p.is_file()]


def test_no_network_is_named(served, monkeypatch):
    sources = tuple(replace(s, urls=("http://127.0.0.1:9/x.gz",)) for s in served)
    monkeypatch.setitem(sets.SETS, "small", replace(sets.SETS["small"], sources=(sources,)))
    with pytest.raises(data.DataError, match=r"ConnectionError.*check the network"):
        data.load("small")


@pytest.mark.parametrize(
    "damage",
    [
        lambda b: b[:-20],
        lambda b: b[:200] + b"x" + b[201:],
        lambda b: b[:20] + b"\xff" * 8 + b[28:],
        lambda b: b"x" + b[1:],
        lambda b: b"",
    ],
)
def test_a_damaged_local_file_is_named_with_what_to_do(served, tmp_path, monkeypatch, damage):
    folder = tmp_path / "local" / "small"
    folder.mkdir(parents=True)
    for source in served:
        good = Path(tmp_path / "served" / "good" / f"{Path(source.path).name}.gz").read_bytes()
        (folder / f"{Path(source.path).name}.gz").write_bytes(damage(good))
    monkeypatch.setenv("COMPANION_DATA", str(folder.parent))
    with pytest.raises(
        data.DataError, match=r"train.amat.gz: the file is truncated or altered.*delete it and load again"
    ):
        data.load("small")


def test_a_plain_file_is_read_like_a_gzipped_one(served, tmp_path, monkeypatch):
    folder = tmp_path / "plain" / "small"
    folder.mkdir(parents=True)
    for split in formats.SPLITS:
        (folder / f"{split}.amat").write_bytes(
            gzip.decompress((tmp_path / f"served/good/{split}.amat.gz").read_bytes())
        )
    monkeypatch.setenv("COMPANION_DATA", os.path.relpath(folder.parent))
    assert data.load("small").test.shape == (1, 28, 28)


def test_without_a_word_the_cache_is_the_users(monkeypatch):
    users = Path(pooch.os_cache("elbo-companion"))
    monkeypatch.setenv("COMPANION_CACHE", "")
    assert files.cache_folder() == users
    monkeypatch.delenv("COMPANION_CACHE")
    assert files.cache_folder() == users
    monkeypatch.setenv("COMPANION_CACHE", "here")
    assert files.cache_folder() == Path.cwd() / "here"


def test_what_a_mirror_says_is_cut_to_one_short_line(cache_folder, monkeypatch):
    """Every mirror is asked."""
    asked = []

    class Downloader:
        def __init__(self, **options):
            self.options = options

        def __call__(self, url, path, _):
            asked.append((url, path.parent, path.name.split(".", 2)[1], self.options))
            raise ValueError("a" * 199 + "bc\nsecond line")

    monkeypatch.setattr(pooch, "HTTPDownloader", Downloader)
    for source in (
        files.Source("set/f.bin", ("u/f.bin", "v/f.bin"), "12"),
        files.Source("set/g", ("u/g.gz",), "1", "2"),
    ):
        told = "; ".join(f"{url}: ValueError: {'a' * 199}b" for url in source.urls)
        with pytest.raises(
            data.DataError, match=rf"^{source.path}: no mirror served the expected file \({told}\): check"
        ):
            files.fetch(source)
    folder = cache_folder / "downloads" / "set"
    shown = {"progressbar": True, "timeout": 60}
    assert asked == [
        ("u/f.bin", folder, "f", shown),
        ("v/f.bin", folder, "f", shown),
        ("u/g.gz", folder, "g", shown),
    ]
    assert not list(folder.iterdir())


def test_a_download_is_held_to_its_own_sum_or_to_that_of_the_content_where_they_are_the_same(tmp_path):
    path, sums = tmp_path / "f", [hashlib.sha256(content).hexdigest() for content in (b"content", b"as served")]
    path.write_bytes(b"as served")
    files.check_download(path, files.Source("f", (), *sums))
    files.check_download(path, files.Source("f", (), sums[1]))
    with pytest.raises(ValueError, match=f"expected sha256 {sums[0]}, got {sums[1]}"):
        files.check_download(path, files.Source("f", (), sums[0]))


def test_a_full_disk_is_no_mirrors_fault(served, monkeypatch):
    """What cannot be stored from one mirror cannot from another."""

    def full(self, url, path, _):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(pooch.HTTPDownloader, "__call__", full)
    with pytest.raises(StorageError, match=r"train.amat.gz: it could not be written .*: free space there, then call"):
        data.load("small")


def test_what_is_published_nowhere_is_named():
    with pytest.raises(data.DataError, match=r"^set/f\.npz: it is published nowhere: point COMPANION_DATA at a folder"):
        files.fetch(files.Source("set/f.npz", (), "12"))


def test_a_data_folder_that_does_not_exist_is_named(monkeypatch):
    monkeypatch.setenv("COMPANION_DATA", "/no/such/folder")
    with pytest.raises(data.DataError, match="COMPANION_DATA: expected an existing folder"):
        files.data_folder()


def test_a_cache_that_cannot_be_written_is_named(served, tmp_path, monkeypatch):
    blocker = tmp_path / "file"
    blocker.write_text("not a folder")
    monkeypatch.setenv("COMPANION_CACHE", str(blocker))
    with pytest.raises(data.DataError, match=r"the cache cannot be written .* set COMPANION_CACHE"):
        data.load("small")


def test_a_damaged_cache_is_named(served):
    data.load("small")
    path = images._cache_path("small")
    path.write_bytes(path.read_bytes()[:300])
    with pytest.raises(data.DataError, match=r"small-.*\.npz: the cache is damaged .*delete it and load again"):
        data.load("small")


FETCH = """
import sys
from companion.data import files
source = files.Source("small/train.amat", (sys.argv[1],), sys.argv[2], sys.argv[3])
files.read(source)
"""


def test_processes_may_fetch_at_once(served):
    source = only(served[0], "good")
    command = [sys.executable, "-c", FETCH, source.urls[0], source.sha256, source.download]
    processes = [subprocess.Popen(command, stderr=subprocess.PIPE, text=True) for _ in range(4)]
    for process in processes:
        _, errors = process.communicate(timeout=120)
        assert process.returncode == 0, errors
    assert files.locate(source)


def test_a_whole_set_may_be_loaded_by_several_threads_of_work(served):
    data.load("small")
    stored = images._cache_path("small")
    before = stored.read_bytes()
    stored.unlink()
    workers = [threading.Thread(target=data.load, args=("small",)) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    with np.load(stored) as now, np.load(io.BytesIO(before)) as then:
        assert all(np.array_equal(now[key], then[key]) for key in then.files)


@pytest.mark.parametrize("name", [name for name in data.NAMES if data.available(name)])
def test_images_come_with_the_licence_and_the_source_of_their_set(name):
    images = data.load(name)
    assert (images.name, images.licence, images.source) == (name, data.SETS[name].licence, data.SETS[name].source)
