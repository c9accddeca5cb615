"""Bits back: the images come back, the file is as long as the ELBO says, and no other file is taken for one."""

import re
import struct
import subprocess
import sys
import zlib
from math import log2

import numpy as np
import pytest
import torch
from scipy.special import expit
from torch.distributions import Bernoulli, Independent, Normal

from companion import cli, coding, data, learn, measure
from companion.coding import CodingError, bits_back, compress, decompress
from companion.coding.container import HEAD, VERSION
from companion.coding.integers import BINS, IntegerModel, parts
from companion.coding.stack import Stack
from companion.learn import threads
from companion.models import VAE, DiagonalGaussianMixture, family, generator
from companion.units import bits, nats

IMAGES = np.random.default_rng(0).random((12, 8, 8)) < 0.3
SMALL = {name: family(name, image_shape=(8, 8), width=0.25, latent_dim=4).eval() for name in ("---", "--v")}
FILES = {name: compress(model, IMAGES) for name, model in SMALL.items()}


def normalised(weights):
    return weights / weights.sum(-1, keepdims=True)


def sharp(scale=0.01, reach=2.0):
    """A model of 3 pixels whose code is the first pixel, and whose decoder is deaf: R is known, and D is 3 bits."""

    def encoder(x):
        return Independent(Normal(reach * (2 * x[:, :1] - 1), scale), 1)

    def decoder(z):
        return Independent(Bernoulli(logits=torch.zeros(len(z), 3)), 1)

    return VAE(encoder, decoder, lambda: Independent(Normal(torch.zeros(1), torch.ones(1)), 1))


@pytest.mark.verifies("thm-bits-stack")
@pytest.mark.parametrize("name", SMALL)
@pytest.mark.parametrize("kind", ["bool", "uint8", "float32"])
def test_images_come_back_bit_for_bit(name, kind):
    found = decompress(SMALL[name], compress(SMALL[name], IMAGES.astype(kind)))
    assert found.dtype == bool
    assert np.array_equal(found, IMAGES)


@pytest.mark.parametrize(("images", "inside"), [(1, False), (1, True), (40, False)])
def test_images_that_no_model_expects_come_back(images, inside):
    """Sharp posteriors far out in the marginal's tails; logits of 40 against the image; a single image."""
    x = np.random.default_rng(1).random((images, 3)) < 0.5

    def decoder(z):
        return Independent(Bernoulli(logits=torch.full((len(z), 3), 40.0)), 1)

    model = sharp(scale=1e-4, reach=1.0 if inside else 9.0)
    assert np.array_equal(decompress(model, compress(model, x)), x)
    surprised = VAE(model.encoder, decoder, model.marginal)
    assert np.array_equal(decompress(surprised, compress(surprised, x)), x)


def smooth(scale=0.3, pixels=6):
    """A model whose aggregate is nearly its marginal N(0, 1): each of the 2^6 images has a mean of its own.

    Its distortion is 6 bits, and its rate is the mean of KL(N(mean, scale^2) || N(0, 1)).
    """
    powers = 2.0 ** torch.arange(pixels)
    means = torch.special.ndtri((torch.arange(2.0**pixels) + 0.5) / 2**pixels)
    means *= ((1 - scale**2) / means.square().mean()).sqrt()

    def encoder(x):
        return Independent(Normal(means[(x.float() @ powers).long()][:, None], scale), 1)

    def decoder(z):
        return Independent(Bernoulli(logits=torch.zeros(len(z), pixels)), 1)

    rate = (scale**2 + means.square().mean() - 1) / 2 - np.log(scale)
    return VAE(encoder, decoder, lambda: Independent(Normal(torch.zeros(1), torch.ones(1)), 1)), bits(rate.item())


@pytest.mark.verifies("thm-bits-stack")
@pytest.mark.parametrize("scale", [0.3, 0.1])
def test_the_file_of_a_model_whose_rate_is_known(scale):
    """R = -log of the scale, as the variances add up to 1, and a deaf decoder leaves each of 6 pixels its bit."""
    model, rate = smooth(scale)
    assert rate == pytest.approx(-log2(scale), abs=1e-6)
    found = bits_back(model, np.random.default_rng(2).random((6000, 6)) < 0.5)
    error = found.net.std() / np.sqrt(len(found.net))
    assert error < 0.03
    assert found.pixels.mean() == pytest.approx(6, abs=1e-3)
    assert found.net.mean() == pytest.approx(6 + rate, abs=5 * error)
    assert found.code.mean() == pytest.approx(log2(BINS), abs=1e-3)


def test_a_bin_without_weight_is_never_drawn():
    """The coder gives 2^-24 to a symbol of no weight: with 4094 of them in 64 rows, to 1.6 % of all images."""
    weights = np.zeros((64, BINS))
    weights[:, 5:7] = 2.0**23
    words = np.random.default_rng(0).integers(1, 2**32, size=100_000, dtype=np.uint32)
    stack = Stack(words)
    drawn = [stack.draw(weights) for _ in range(500)]
    found = np.stack(drawn)
    assert np.unique(found).tolist() == [5, 6]
    assert found.mean() == pytest.approx(5.5, abs=5 * 0.5 / np.sqrt(found.size))
    for symbols in reversed(drawn):
        stack.undraw(symbols, weights)
    assert np.array_equal(stack.words, words)


def test_what_was_pushed_last_is_no_fair_coin_where_the_aggregate_is_not_the_marginal():
    """The codes lie at ±2 alone, and are what the next image borrows from: its code is no draw from e(z|x)."""
    found = bits_back(sharp(), np.random.default_rng(2).random((1000, 3)) < 0.5)
    rate = bits((0.01**2 + 4 - 1) / 2 - np.log(0.01))
    assert found.net.mean() < 3 + rate - 1


@pytest.mark.verifies("thm-bits-stack")
@pytest.mark.parametrize("name", SMALL)
def test_the_account_adds_up_to_the_file(name):
    found = bits_back(SMALL[name], IMAGES)
    held = 8 * (len(found.data) - HEAD.size - 2 * 2 - 4)
    assert held - 31 <= found.initial_bits + found.net.sum() <= held
    assert compress(SMALL[name], IMAGES) == found.data


@pytest.mark.verifies("thm-bits-stack")
@pytest.mark.parametrize("name", SMALL)
def test_the_rate_in_bins_is_that_of_the_densities(name):
    """-log e + log m of draws of bins against that of draws of codes."""
    model, x = SMALL[name], torch.from_numpy(IMAGES[:1])
    with torch.no_grad():
        rate = model.terms(x.repeat(20_000, 1, 1), generator(0), closed_form=False).rate.double().numpy()
    tables = IntegerModel(model, (8, 8))
    e = normalised(tables.encoder(IMAGES[0]))
    m = np.stack([normalised(tables.component(k)) for k in range(tables.components)])
    rng, row = np.random.default_rng(0), np.arange(4)
    chosen = np.stack([rng.choice(BINS, p=p, size=3000) for p in e], axis=1)
    log_e = np.log(e[row, chosen]).sum(1)
    log_m = np.logaddexp.reduce(np.log(tables.weights)[:, None] + np.log(m[:, row, chosen]).sum(2))
    error = np.hypot(log_e.std() / np.sqrt(3000), rate.std() / np.sqrt(len(rate)))
    assert (log_e - log_m).mean() == pytest.approx(rate.mean(), abs=5 * error)


@pytest.mark.needs("mnist-static")
@pytest.mark.parametrize("name", ["---", "--v"])
def test_the_file_of_test_images_is_as_long_as_distortion_and_rate(name):
    """Within 1 % of D + R of the same images, by an estimate that knows no bins; the head and initial bits aside."""
    _, model = learn.load_run(f"book/results/models/mnist/family{name}_beta1")
    x = data.load("mnist-static").test[::100]
    file = bits_back(model, x)
    price = -np.mean([measure.evaluate(model, x, seed=seed).elbo for seed in range(5)])
    assert nats(file.net.mean()) == pytest.approx(price, rel=0.01)
    assert np.array_equal(decompress(model, file.data), x)


@pytest.mark.needs("mnist-static")
def test_tables_do_not_depend_on_batches_or_threads():
    """Whole numbers out of batches of 1 and of 64, on one thread and on two."""
    _, model = learn.load_run("book/results/models/mnist/family--v_beta1")
    x = data.load("mnist-static").test[:64]
    tables = IntegerModel(model, (28, 28))
    alone = [tables.encoder(image) for image in x]
    pixels = [tables.decoder(weights.argmax(1)) for weights in alone]
    z = torch.from_numpy(np.stack([tables.codes(weights.argmax(1)) for weights in alone]))
    for count in (1, 2):
        with threads(count), torch.no_grad():
            e, d = tables.model.encoder(torch.from_numpy(x).double()), tables.model.decoder(z)
        for i in range(64):
            loc, scale = (each[i].double().numpy() for each in (e.base_dist.loc, e.base_dist.scale))
            assert np.array_equal(tables.masses(*tables.rounded(loc, scale)), alone[i])
            assert np.array_equal(parts(expit(d.base_dist.logits[i].double().numpy())), pixels[i])


def test_a_fresh_process_with_more_threads_reads_the_file(tmp_path):
    """Also where torch was told to use two threads, and the model was built anew from its run."""
    run = tmp_path / "run"
    learn.train(learn.preset("laptop", "digits", dense=True, steps=3), out=run, progress=False)
    np.save(tmp_path / "images.npy", data.load("digits").test[:20])
    commands = [
        ["compress", run, tmp_path / "file", "--images", tmp_path / "images.npy"],
        ["decompress", run, tmp_path / "file", tmp_path / "back.npy"],
    ]
    start = "import sys, torch; torch.set_num_threads({}); from companion.cli import main; sys.exit(main(sys.argv[1:]))"
    for count, command in enumerate(commands, 1):
        subprocess.run([sys.executable, "-c", start.format(count), *command], check=True, capture_output=True)
    assert np.array_equal(np.load(tmp_path / "back.npy"), data.load("digits").test[:20])


def test_the_command_line_there_and_back(tmp_path, capsys):
    run, file, out = tmp_path / "run", tmp_path / "digits.rd", tmp_path / "back.npy"
    learn.train(learn.preset("laptop", "digits", dense=True, steps=3), out=run, progress=False)
    assert cli.main(["compress", str(run), str(file), "--first", "30"]) == 0
    said = capsys.readouterr().out
    assert f"{file.stat().st_size} bytes for 30 images" in said
    assert cli.main(["decompress", str(run), str(file), str(out)]) == 0
    assert np.array_equal(np.load(out), data.load("digits").test[:30])
    assert cli.main(["compress", str(run), str(tmp_path / "x"), "--first", "0"]) == 1
    assert "first: expected 1 to" in capsys.readouterr().err
    odd = tmp_path / "odd.npy"
    for array in (np.zeros(3), np.zeros((2, 8, 8), complex)):
        np.save(odd, array)
        assert cli.main(["compress", str(run), str(tmp_path / "x"), "--images", str(odd)]) == 1
        assert "images: expected numbers of shape [n, ...], got" in capsys.readouterr().err
    np.save(odd, data.load("digits").test[:4].astype(">f4"))
    assert cli.main(["compress", str(run), str(tmp_path / "odd"), "--images", str(odd)]) == 0
    assert cli.main(["compress", str(run), str(tmp_path)]) == 1
    assert "out: expected a file to write, got" in capsys.readouterr().err
    assert cli.main(["decompress", str(run), str(file), str(file)]) == 1
    assert "which is read" in capsys.readouterr().err
    out.write_bytes(b"no array")
    assert cli.main(["compress", str(run), str(tmp_path / "x"), "--images", str(out)]) == 1
    assert re.search(r"images: .*: expected an array stored by numpy.save", capsys.readouterr().err)
    file.write_bytes(file.read_bytes()[:-1])
    assert cli.main(["decompress", str(run), str(file), str(tmp_path / "y")]) == 1
    assert re.search(r"^companion: data: expected \d+ bytes, .*\n$", capsys.readouterr().err)
    assert not (tmp_path / "x").exists()
    assert not (tmp_path / "y").exists()


@pytest.mark.parametrize("name", SMALL)
def test_every_flipped_bit_is_noticed(name):
    file = FILES[name]
    for at in range(len(file)):
        damaged = bytearray(file)
        damaged[at] ^= 1 << at % 8
        with pytest.raises(CodingError, match=r"^(data|model): expected .*, got "):
            decompress(SMALL[name], bytes(damaged))


@pytest.mark.parametrize("length", [0, 3, HEAD.size - 1, HEAD.size, len(FILES["---"]) - 1])
def test_a_truncated_file_is_refused(length):
    with pytest.raises(CodingError, match=r"data: expected .* bytes"):
        decompress(SMALL["---"], FILES["---"][:length])


def resealed(file, **changes):
    """The file with other entries in its head, and a checksum that fits."""
    names = ("magic", "version", "axes", "initial", "count", "model", "tables", "images", "words")
    head = dict(zip(names, HEAD.unpack_from(file), strict=True)) | changes
    body = HEAD.pack(*head.values()) + file[HEAD.size : -4]
    return body + struct.pack("<I", zlib.crc32(body))


@pytest.mark.parametrize("name", SMALL)
def test_other_words_under_a_true_checksum_are_no_images(name):
    """As where another machine makes other tables: wherever the stack is changed, and with a stack of noise."""
    file, start = FILES[name], HEAD.size + 4
    words = range(start, len(file) - 4, 4)
    damaged = [file[:at] + bytes([file[at] ^ 128]) + file[at + 1 :] for at in words]
    rng = np.random.default_rng(0)
    damaged += [file[:start] + rng.bytes(len(file) - start - 4) + b"...." for _ in range(5)]
    for other in damaged:
        with pytest.raises(CodingError, match=r"^data: expected the .*images.*, got others: the file is damaged, or"):
            decompress(SMALL[name], resealed(other))


@pytest.mark.parametrize("unit", [1e-6, 1e6])
@pytest.mark.parametrize("name", SMALL)
def test_the_unit_of_the_code_does_not_matter(unit, name):
    """Tables are in units of the marginal's width: a code a million times as large makes a file of the same length."""
    model = SMALL[name]

    def scaled(d):
        return Independent(Normal(unit * d.base_dist.loc, unit * d.base_dist.scale), 1)

    def marginal():
        m = model.marginal()
        return DiagonalGaussianMixture(m.log_weights, scaled(m.components)) if name == "--v" else scaled(m)

    other = VAE(lambda x: scaled(model.encoder(x)), lambda z: model.decoder(z / unit), marginal)
    found = bits_back(other, IMAGES)
    assert found.net.sum() == pytest.approx(bits_back(model, IMAGES).net.sum(), abs=30)
    assert np.array_equal(decompress(other, found.data), IMAGES)


def test_a_model_that_draws_numbers_is_refused_before_its_images_are_lost():
    def encoder(x):
        return Independent(Normal(torch.randn(len(x), 1), 0.5), 1)

    with torch.random.fork_rng(), pytest.raises(ValueError, match="model: expected the same tables each time"):
        compress(VAE(encoder, sharp().decoder, sharp().marginal), np.zeros((2, 3)))


@pytest.mark.parametrize(
    ("dims", "pixels", "message"),
    [
        (2, 3, r"encoder: expected codes of shape \[1\], got \[2\]"),
        (1, 4, r"decoder: expected images \[3\], got \[4\]"),
    ],
)
def test_shapes_that_do_not_fit_are_named(dims, pixels, message):
    def encoder(x):
        return Independent(Normal(torch.zeros(len(x), dims), 0.5), 1)

    def decoder(z):
        return Independent(Bernoulli(logits=torch.zeros(len(z), pixels)), 1)

    with pytest.raises(ValueError, match=message):
        compress(VAE(encoder, decoder, sharp().marginal), np.zeros((2, 3)))


def test_another_model_version_or_machine_is_refused():
    file, model = FILES["---"], SMALL["---"]
    other = family("---", image_shape=(8, 8), width=0.25, latent_dim=4, seed=1)
    with pytest.raises(
        CodingError, match="model: expected the one that wrote the file, got a model with other weights"
    ):
        decompress(other, file)
    with pytest.raises(CodingError, match=f"expected version {VERSION} of the format, got version 7"):
        decompress(model, resealed(file, version=7))
    with pytest.raises(CodingError, match="model: expected the tables that the file was written with"):
        decompress(model, resealed(file, tables=1))
    with pytest.raises(CodingError, match="data: expected the images that the file was made of"):
        decompress(model, resealed(file, images=1))
    with pytest.raises(CodingError, match="data: expected the images that the file was made of"):
        decompress(model, resealed(file, count=11))
    with pytest.raises(CodingError, match="data: expected the bits of 10000 images, got others"):
        decompress(model, resealed(file, count=10_000))
    assert np.array_equal(decompress(model, resealed(file)), IMAGES)


@pytest.mark.parametrize(
    ("changes", "middle"),
    [
        ({"axes": 0}, b""),
        ({"axes": 255}, struct.pack("<255H", *[2] * 255)),
        ({"axes": 2}, struct.pack("<2H", 65535, 65535)),
        ({"axes": 2}, struct.pack("<2H", 0, 8)),
        ({"count": 0}, struct.pack("<2H", 8, 8)),
        ({"count": 2**32 - 1}, struct.pack("<2H", 8, 8)),
        ({"words": 0}, struct.pack("<2H", 8, 8)),
    ],
)
def test_a_false_head_under_a_true_checksum_is_refused_at_once(changes, middle):
    """Nothing of the size that it claims is made: the widest would take 4 GiB, the most images 256 GiB."""
    words = b"" if "words" in changes else FILES["---"][HEAD.size + 4 : -4]
    file = resealed(FILES["---"][: HEAD.size] + middle + words + b"....", **changes)
    with pytest.raises(CodingError, match=r"^data: expected .*, got "):
        decompress(SMALL["---"], file)


@pytest.mark.parametrize(
    ("means", "scale", "message"),
    [
        (0.0, float("inf"), "encoder: expected finite means, .* got 0 to 0, and inf to inf"),
        (float("inf"), 1.0, "encoder: expected finite means, .* got inf to inf, and 1 to 1"),
    ],
)
def test_an_encoder_without_numbers_is_refused(means, scale, message):
    def encoder(x):
        return Independent(Normal(torch.full((len(x), 1), means), scale, validate_args=False), 1)

    model = VAE(encoder, sharp().decoder, sharp().marginal)
    with pytest.raises(ValueError, match=message):
        compress(model, np.zeros((2, 3)))


def test_a_decoder_of_nan_is_refused():
    def decoder(z):
        return Independent(Bernoulli(torch.full((len(z), 3), torch.nan), validate_args=False), 1)

    with pytest.raises(ValueError, match="decoder: expected probabilities of pixels, got NaN"):
        compress(VAE(sharp().encoder, decoder, sharp().marginal), np.zeros((2, 3)))


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("-+-", "decoder: expected Bernoulli pixels that are independent .* got AutoregressiveBernoulli"),
        ("+--", "encoder: expected a Gaussian with independent dimensions, .* got FlowDistribution"),
        ("--+", "marginal: expected a Gaussian or a mixture of them, .* got FlowDistribution"),
    ],
)
def test_models_without_tables_are_refused(name, message):
    model = family(name, image_shape=(8, 8), width=0.1, latent_dim=2)
    with pytest.raises(ValueError, match=message):
        compress(model, IMAGES)


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (IMAGES[:0], r"images: expected binary ones .* got shape \[0, 8, 8\]"),
        (np.zeros(8), r"images: expected binary ones .* got shape \[8\]"),
        (IMAGES * 0.5, "expected binary pixels, 0 or 1"),
        (IMAGES[:, :4], r"x: expected images of shape \[n, 8, 8\]"),
    ],
)
def test_bad_images_are_refused(images, message):
    with pytest.raises(ValueError, match=message):
        compress(SMALL["---"], images)


def test_coding_moves_no_model_and_no_random_state():
    model = family("---", image_shape=(8, 8), width=0.25, latent_dim=4).train()
    before, state = {k: v.clone() for k, v in model.state_dict().items()}, torch.get_rng_state()
    coding.decompress(model, coding.compress(model, IMAGES))
    assert model.training
    assert next(model.parameters()).dtype == torch.float32
    assert all(torch.equal(before[k], v) for k, v in model.state_dict().items())
    assert torch.equal(state, torch.get_rng_state())
