"""Files that somebody meant harm with are refused in a sentence: changed ones at random, and bombs by hand.

``make fuzz`` gives each reader far more of them, within limits of memory and time that a test cannot set.
"""

import gzip
import io
import json
import struct
import tracemalloc
import zipfile

import numpy as np
import pytest
from hostile import (
    CONTENT,
    DRAWINGS,
    INK,
    READERS,
    RUN,
    SMALL,
    checkpoint,
    load_checkpoint,
    npy,
    png,
    split_head,
    weights,
    zipped,
)
from mutations import Fault, Reader, in_file, try_changed
from safetensors.torch import load, save

from companion import data, learn, results, sweeps
from companion.coding.container import HEAD, PIXELS
from companion.data import arrays, formats
from companion.jsons import json_object
from companion.learn import Config, training

BY_NAME = {reader.name: reader for reader in READERS}


@pytest.mark.parametrize("reader", READERS, ids=lambda reader: reader.name)
def test_valid_files_are_accepted(reader, tmp_path):
    assert [reader.outcome(content, tmp_path) for content in reader.seeds] == ["accepted"] * len(reader.seeds)


@pytest.mark.parametrize("reader", READERS, ids=lambda reader: reader.name)
def test_a_changed_file_is_accepted_or_refused_in_a_sentence(reader, tmp_path_factory):
    try_changed(reader, tmp_path_factory.mktemp("hostile"), 20)


def unpickle(content, folder):
    import pickle

    pickle.loads(b"cos\nsystem\n(S'true'\ntR.")


@pytest.mark.parametrize(
    ("read", "fault"),
    [
        (unpickle, "pickle.find_class"),
        (lambda content, folder: (folder.parent / "out").write_bytes(content), "writes .*out"),
        (lambda content, folder: int("x"), 'says no sentence: "invalid literal'),
    ],
)
def test_what_no_reader_may_do_is_noticed(read, fault, tmp_path):
    (tmp_path / "in").mkdir()
    with pytest.raises(Fault, match=fault):
        Reader("bad", (b"",), read).outcome(b"", tmp_path / "in")
    assert not (tmp_path / "out").exists()


@pytest.fixture
def little(monkeypatch):
    """A smaller limit, so that a bomb is quickly made."""
    monkeypatch.setattr(arrays, "LARGEST", 10**6)


def held_at_most(read, *given):
    """The most bytes that a refusal took."""
    tracemalloc.start()
    try:
        with pytest.raises((ValueError, data.DataError), match="expected"):
            read(*given)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


BOMB = bytes(2 * 10**7)


def test_what_unpacks_without_end_is_refused_before_it_is_unpacked(little, tmp_path):
    """Twenty megabytes where one is allowed, by gzip and by each method of a zip."""
    (tmp_path / "a.gz").write_bytes(gzip.compress(BOMB, 1))
    assert held_at_most(arrays.read_gzip, tmp_path / "a.gz") < 5 * 10**6
    for method in (zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA):
        assert held_at_most(arrays.read_zip, zipped(method, **{"a.npy": BOMB})) < 5 * 10**6


def test_a_zip_that_understates_its_size_gives_no_more_than_it_says(little):
    content = zipped(**{"a.npy": bytes(5 * 10**6)})
    small = content.replace(struct.pack("<I", 5 * 10**6), struct.pack("<I", 1000))
    assert held_at_most(arrays.read_zip, small) < 10**6


def test_a_picture_of_other_size_is_not_drawn():
    """Of 400 megapixels."""
    stream = io.BytesIO(png(INK[0]))
    bomb = stream.getvalue().replace(struct.pack(">II", 105, 105), struct.pack(">II", 20_000, 20_000))
    assert held_at_most(formats.parse_drawing, bomb) < 10**6
    assert held_at_most(formats.parse_omniglot_zips, [zipped(**dict.fromkeys(DRAWINGS, bomb))]) < 10**6


@pytest.mark.parametrize("shape", [(10**12,), (2**40, 2**40), (-1,), (3, 3)])
def test_an_array_is_as_large_as_it_says(shape):
    stream = io.BytesIO()
    np.lib.format.write_array_header_1_0(stream, {"descr": "|u1", "fortran_order": False, "shape": shape})
    assert held_at_most(arrays.read_npy, stream.getvalue() + bytes(8)) < 10**6


def test_objects_are_not_unpickled():
    stream = io.BytesIO()
    np.save(stream, np.array([{}], object), allow_pickle=True)
    with pytest.raises(ValueError, match=r"expected an array stored by numpy.save"):
        arrays.read_npy(stream.getvalue())


@pytest.mark.parametrize("array", [np.arange(6).reshape(2, 3), np.asfortranarray(np.eye(3, 2)), np.zeros((0, 2), "f2")])
def test_an_array_comes_back_as_it_was_stored(array):
    found = arrays.read_npy(npy(array))
    assert found.dtype == array.dtype
    assert np.array_equal(found, array)
    assert found.flags.writeable


@pytest.mark.parametrize(
    "content",
    [b"", b"\0\0\x08", b"\0\0\x08\x01\0\0\0\x02a", b"\0\0\x0d\x01\0\0\0\x01a", b"\0\0\x08\x02\0\0\0\0\xff\xff\xff\xff"],
)
def test_idx_is_as_large_as_it_says(content):
    with pytest.raises(ValueError, match="idx: expected unsigned bytes and their shape before them"):
        formats.parse_idx(content)


@pytest.mark.parametrize("text", [b"0 1 2 0\n", b"00 11 0 ", b"0 1 1 01", b"0 1 1 \xb1\n"])
def test_amat_text_is_of_zeros_and_ones_between_blanks(text):
    with pytest.raises(ValueError, match="amat: expected lines of 4 pixels"):
        formats.parse_amat(text, side=2)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[" * 10**5, "expected JSON, got text that is none"),
        ("[1]", "expected a JSON object, got a list"),
        ('{"a": 1, "a": 2}', "some of them twice"),
        ('{"a": ' + "9" * 5000 + "}", "expected JSON"),
        ('{"a": [-' + "9" * 309 + "]}", "a whole number of 309 digits"),
        (b"\xff{}", "expected JSON"),
    ],
)
def test_json_holds_one_object(text, message):
    with pytest.raises(ValueError, match=message):
        json_object(text)
    assert json_object(b'\xef\xbb\xbf{"a": [1]}') == {"a": [1]}
    assert json_object('{"a": 1' + "0" * 308 + "}") == {"a": 10**308}


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"latent_dim": 10**9}, "latent_dim: expected at most 10000, got 1000000000"),
        ({"seed": 10**400}, r"seed: expected a whole number of 64 bits, got 1000+\.\.\.0+$"),
        ({"width": 10**400}, r"width: expected a number of 64 bits, got 1000"),
        ({"family": ["---"]}, r"family: expected a word, got \['---'\]"),
        ({"objective": ["beta_vae"]}, r"objective: expected one of .*, got \['beta_vae'\]"),
    ],
)
def test_an_absurd_setting_is_named(setting, message):
    with pytest.raises(ValueError, match=message):
        Config.of(**{"data": "digits", **setting})


def test_no_model_is_made_that_the_weights_cannot_fill(tmp_path, monkeypatch):
    """Its first layers alone would take three gigabytes."""
    monkeypatch.setattr(training, "build", lambda *given: pytest.fail("a model was made"))
    (tmp_path / "model.safetensors").write_bytes(weights())
    settings = RUN.replace(latent_dim=10_000, width=20.0).settings()
    (tmp_path / "config.json").write_text(json.dumps(settings))
    with pytest.raises(learn.CheckpointError, match=r"of another architecture: .* expected .*, got "):
        learn.load_run(tmp_path)


@pytest.mark.parametrize("name", ["model/weight", "best/weight", "optimizer/0/0/exp_avg"])
@pytest.mark.parametrize("change", ["dtype", "shape"])
def test_a_tensor_of_another_form_is_refused(name, change, tmp_path):
    tensors = load(checkpoint())
    tensors[name] = tensors[name].to(int) if change == "dtype" else tensors[name][:1].contiguous()
    head = json.loads(split_head(checkpoint())[0])["__metadata__"]
    if name.startswith("optimizer") and change == "dtype":
        return
    with pytest.raises(learn.CheckpointError, match="expected"):
        in_file("checkpoint.safetensors", load_checkpoint)(save(tensors, head), tmp_path)


def test_a_grid_has_an_end(tmp_path):
    (tmp_path / "grid.toml").write_text(
        'data = "digits"\n[[runs]]\n' + f"betas = {list(range(1000))}\nseeds = {list(range(1000))}\nweights = [1, 2]\n"
    )
    with pytest.raises(ValueError, match="grid: expected at most 5000 runs, got 2000000: split it"):
        sweeps.read_grid(tmp_path / "grid.toml")
    (tmp_path / "grid.toml").write_text("a = " + "[" * 10**4)
    with pytest.raises(ValueError, match=r"grid.toml: expected TOML"):
        sweeps.read_grid(tmp_path / "grid.toml")


def test_a_table_with_a_cell_too_many_or_too_long_is_refused(tmp_path):
    (tmp_path / "rows.csv").write_text("family,beta\n" + "a" * 140_000 + ",1\n")
    with pytest.raises(ValueError, match=r"rows.csv: expected a table as CSV, got other text"):
        results.load(tmp_path / "rows.csv")
    lines = BY_NAME["table"].seeds[0].decode().splitlines()
    cells = lines[1].split(",")
    (tmp_path / "rows.csv").write_text("\n".join([lines[0], ",".join([cells[0], "much", *cells[2:]])]))
    with pytest.raises(ValueError, match=r"rows.csv: expected numbers in the columns .*, got words as beta"):
        results.load(tmp_path / "rows.csv")


def test_a_coded_file_of_huge_images_is_refused_at_once():
    """Its head says images of 2^26 pixels, its checksums fit."""
    content = bytearray(BY_NAME["stack"].seeds[0])
    content[HEAD.size : HEAD.size + 4] = struct.pack("<HH", int(PIXELS**0.5), int(PIXELS**0.5))
    assert held_at_most(BY_NAME["stack"].read, bytes(content), None) < 2 * PIXELS


def test_the_valid_files_say_what_they_say():
    """The seeds are no empty shells: what is read of them is what was put in."""
    assert gzip.decompress(BY_NAME["gzip"].seeds[1]) == CONTENT
    assert np.array_equal(BY_NAME["idx"].read(BY_NAME["idx"].seeds[0], None), SMALL)
    assert np.array_equal(BY_NAME["stack"].read(BY_NAME["stack"].seeds[0], None), SMALL)
    assert np.array_equal(BY_NAME["zip"].read(BY_NAME["zip"].seeds[0], None)[0], INK)
    assert np.array_equal(BY_NAME["npz"].read(BY_NAME["npz"].seeds[0], None)[0], INK[[1, 2, 0]])
