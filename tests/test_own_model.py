"""A model of your own, from a file to a report: its numbers are those of the measures, and nothing is half written."""

import json
import re
from html.parser import HTMLParser

import numpy as np
import pytest
import torch

from companion import adapters, cli, data, measure, models
from companion.show.report import report_page
from companion.studies.own_model import report_model

DIGITS = data.load("digits")
BUILD = """
import torch
from companion import models
from helper import WIDTH

def vae():
    return models.family("---", image_shape=(8, 8), width=WIDTH, latent_dim=4)

def with_loss():
    model = vae()
    return model, lambda x: model.terms(torch.from_numpy(x), models.generator(9)).elbo.mean().neg()

def with_pixel_means():
    model = vae()
    def loss(x):
        terms = model.terms(torch.from_numpy(x), models.generator(9))
        return (terms.distortion / 64 + terms.rate).mean()
    return model, loss

def triple():
    model = vae()
    return model.encoder, model.decoder, model.marginal

def broken():
    raise KeyError("weights.pt")

def number():
    return 3

def pair_of_tensors():
    return models.VAE(lambda x: (x, x), vae().decoder, models.StandardNormal(4))

def bad_loss():
    return vae(), lambda x: [1.0, 2.0]

def wordless():
    return vae(), "loss"

def late_import():
    from helper import WIDTH
    return models.family("---", image_shape=(8, 8), width=WIDTH, latent_dim=4)
"""


@pytest.fixture
def files(tmp_path):
    (tmp_path / "own.py").write_text(BUILD)
    (tmp_path / "helper.py").write_text("WIDTH = 0.25\n")
    return tmp_path


def run(files, function, *more):
    where = f"{files / 'own.py'}:{function}"
    return cli.main(["measure", where, "--data", "digits", "--out", str(files / "report"), *more])


class Outside(HTMLParser):
    """Every address that a page would fetch, and every element that is opened and not closed."""

    def __init__(self):
        super().__init__()
        self.addresses, self.open = [], []

    def handle_starttag(self, tag, attributes):
        self.addresses += [value for name, value in attributes if name in ("src", "href")]
        if tag not in ("meta", "img"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


@pytest.mark.parametrize("function", ["vae", "triple", "late_import"])
def test_the_report_has_the_numbers_of_the_measures(files, function, capsys):
    assert run(files, function, "--draw-seed", "3") == 0
    found = json.loads((files / "report" / "report.json").read_text())
    model = models.family("---", image_shape=(8, 8), width=0.25, latent_dim=4)
    point = measure.evaluate(model, DIGITS.test, seed=3)
    for name in ("rate", "distortion", "rate_se", "distortion_se", "elbo", "elbo_se", "n"):
        assert found["points"]["test"][name] == pytest.approx(getattr(point, name), abs=1e-12)
    train = measure.evaluate(model, DIGITS.train[np.random.default_rng(3).permutation(1197)[:300]], seed=3)
    assert found["points"]["train"]["distortion"] == pytest.approx(train.distortion, abs=1e-12)
    assert found["latent_rates"] == sorted(measure.latent_rates(model, DIGITS.test), reverse=True)
    assert found["active_dimensions"] == sum(rate >= 0.01 for rate in found["latent_rates"])
    assert found["surgery"]["rate"] == pytest.approx(point.rate, abs=1e-6)
    assert found["bound"]["value"] == pytest.approx(point.elbo + found["gain"][0], abs=1e-12)
    assert str(point) in capsys.readouterr().out


def test_the_page_stands_alone_and_says_what_was_found(files):
    assert run(files, "with_loss") == 0
    page = (files / "report" / "report.html").read_text()
    parser = Outside()
    parser.feed(page)
    assert not parser.open
    assert parser.addresses
    assert all(address.startswith("data:image/png;base64,") for address in parser.addresses)
    for words in ("own.py:with_loss on digits", "IWAE-50", "I(n; z)", "agrees with this", "Copies and samples"):
        assert words in page
    assert str(files) not in page


def test_a_mean_over_pixels_is_told_by_name(files, capsys):
    assert run(files, "with_pixel_means") == 0
    assert "D averaged over the 64 pixels, R summed: as if β were 64" in capsys.readouterr().out
    found = json.loads((files / "report" / "report.json").read_text())
    assert found["loss"]["explanations"] == ["D averaged over the 64 pixels, R summed: as if β were 64"]
    (warning,) = [text for text in found["warnings"] if "not the negative ELBO" in text]
    assert "64 pixels" in warning


WRONG = {
    "missing": "expected a VAE, three callables .*, got AttributeError: module 'own' has no attribute 'missing'",
    "broken": "broken: expected a VAE, .*, got KeyError: 'weights.pt'",
    "number": "number: expected a VAE, three callables .*, got a int",
    "pair_of_tensors": "encoder: expected a torch.distributions.Distribution for a tensor .* got a tuple",
    "bad_loss": r"loss: expected a number for images \[300, 8, 8\], got TypeError",
    "wordless": "wordless: expected a function as the loss, got a str",
}


@pytest.mark.parametrize("function", WRONG)
def test_what_does_not_fit_ends_with_status_2_one_sentence_and_no_report(files, function, capsys):
    assert run(files, function) == 2
    said = capsys.readouterr().err.split("\n")
    assert re.search(WRONG[function], said[-2])
    assert not (files / "report").exists()


def test_a_file_a_table_or_pixels_that_do_not_fit(files, capsys):
    assert cli.main(["measure", "nowhere.py:build", "--data", "digits"]) == 2
    assert "expected FILE.py:FUNCTION with a file that exists, got 'nowhere.py:build'" in capsys.readouterr().err
    assert run(files, "vae", "--beside", str(files / "no.csv")) == 2
    assert "expected a table in book/results or the path of a CSV file" in capsys.readouterr().err
    assert run(files, "vae", "--scale", "0") == 2
    assert "scale: expected a positive number, got 0" in capsys.readouterr().err
    assert run(files, "vae", "--binarise", "grey") == 2
    assert re.search("expected (binary )?pixels", capsys.readouterr().err)
    assert not (files / "report").exists()


def test_warnings_of_what_a_reader_must_know():
    model = models.family("---", image_shape=(8, 8), width=0.25, latent_dim=4)
    with torch.no_grad():
        model.encoder.mean.weight.zero_()
        model.encoder.mean.bias.zero_()
        model.encoder.variance.weight.zero_()
        model.encoder.variance.bias.fill_(np.log(np.e - 1))  # softplus gives 1: the code ignores the image
    found = report_model(model, DIGITS)
    assert found.points["test"].rate == pytest.approx(0, abs=1e-6)
    assert found.active == 0
    assert any("posterior collapse" in text for text in found.warnings)
    assert any("rule 'threshold'" in text for text in found.warnings)
    with torch.no_grad():
        model.encoder.mean.weight.copy_(torch.randn(model.encoder.mean.weight.shape, generator=models.generator(0)))
        model.encoder.variance.bias.fill_(-20)  # sharp: each code names its image
    sharp = report_model(model, DIGITS)
    assert any("I(n; z) has nearly reached log 300 = 5.70 nats" in text for text in sharp.warnings)
    assert not any("does not fit the codes" in text for text in sharp.warnings)
    with torch.no_grad():
        model.encoder.mean.weight.zero_()
        model.encoder.mean.bias.fill_(3.0)  # all codes at one place, far from the marginal's
        model.encoder.variance.bias.fill_(np.log(np.e - 1))
    assert any("does not fit the codes" in text for text in report_model(model, DIGITS).warnings)


def test_an_encoder_without_an_exact_aggregate_is_reported_without_surgery():
    model = models.family("+--", image_shape=(8, 8), width=0.1, latent_dim=2, conditioned=True)
    found = report_model(model, DIGITS)
    assert found.surgery is None
    assert found.latent_rates == ()
    assert any("not taken apart: model: expected an encoder whose flow is one" in text for text in found.warnings)
    assert "What the rate is made of" not in report_page(found, "own")


class Regularised(torch.nn.Module):
    """An encoder with batch normalisation and dropout, and its own loss: both in training mode, as when built."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.layers = torch.nn.Sequential(torch.nn.Linear(64, 16), torch.nn.BatchNorm1d(16), torch.nn.Dropout(0.9))
        self.head, self.out = torch.nn.Linear(16, 4), torch.nn.Linear(2, 64)

    def encode(self, x):
        return self.head(self.layers(x)).chunk(2, 1)

    def decode(self, z):
        return 3 * self.out(z)


def test_a_model_in_training_mode_is_measured_as_it_is_used_and_left_as_it_was():
    network = Regularised()
    model = adapters.plain(network.encode, network.decode, image_shape=(8, 8), input_shape=(64,))
    before = {name: value.clone() for name, value in model.state_dict().items()}

    def loss(x):
        return -model.terms(torch.from_numpy(x), models.generator(5)).elbo.mean()

    found = report_model(model, DIGITS, loss)
    assert found.loss.agrees
    assert network.training
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert found.points["test"] == measure.evaluate(model, DIGITS.test)


def test_grey_pixels_are_scaled_as_the_model_saw_them(files, capsys):
    (files / "own.py").write_text(GAUSSIAN)
    assert run(files, "build", "--binarise", "grey", "--scale", "255") == 0
    scaled = json.loads((files / "report" / "report.json").read_text())
    assert 0 < scaled["points"]["test"]["distortion"] < 150
    assert not any("--scale" in text for text in scaled["warnings"])
    assert run(files, "build", "--binarise", "grey") == 0
    raw = json.loads((files / "report" / "report.json").read_text())
    assert any("pixels go up to 255" in text and "--scale 255" in text for text in raw["warnings"])


GAUSSIAN = """
import torch
from companion import adapters

class Encoder(torch.nn.Linear):
    def forward(self, x):
        return (self.weight.sum() * 0 + x[:, :2] * 0).float(), torch.zeros(len(x), 2)

class Decoder(torch.nn.Linear):
    def forward(self, z):
        return super().forward(z) * 0.01 + 0.3

def build():
    torch.manual_seed(0)
    return adapters.plain(
        Encoder(64, 4), Decoder(2, 64), image_shape=(8, 8), input_shape=(64,), likelihood="gaussian", sd=1.0
    )
"""


def test_probabilities_taken_for_logits_are_noticed():
    network = Regularised()
    network.decode = lambda z: network.out(z).sigmoid()
    model = adapters.plain(network.encode, network.decode, image_shape=(8, 8), input_shape=(64,))
    with pytest.warns(UserWarning, match="all logits of the pixels lie between 0 and 1"):
        measure.validate_model(model, DIGITS.test)
