"""Models of other forms and libraries, measured: against closed forms, enumeration and the library's own loss."""

from functools import cache
from itertools import product
from math import log, pi

import numpy as np
import pytest
import torch
from scipy.special import log_softmax
from scipy.stats import norm
from torch import nn
from torch.distributions import Bernoulli, Independent, Normal

from companion import adapters, data, measure
from companion.measure import diagnose_loss, validate_model
from companion.measure.evaluation import log_weights
from companion.models import VAE, StandardNormal, draw, generator
from companion.models.likelihoods import DiscretisedLogistic, bernoulli_from_probabilities, discretised_logistic

RNG = np.random.default_rng(0)
BINARY = np.array(list(product([False, True], repeat=4))).reshape(16, 2, 2)  # every image of four pixels


class Public(nn.Module):
    """The form of most public repositories: one module with ``encode`` and ``decode``, and dropout in training."""

    def __init__(self, outputs: int = 4, squash: bool = False, seed: int = 0) -> None:
        super().__init__()
        torch.manual_seed(seed)
        self.inner, self.head, self.out = nn.Linear(4, 6), nn.Linear(6, 2), nn.Linear(1, outputs)
        self.dropout, self.squash = nn.Dropout(0.9), squash
        self.head.weight.data *= 6  # a rate that one can tell from zero

    def encode(self, x):
        mean, log_variance = self.head(self.dropout(self.inner(x.flatten(1)).tanh())).chunk(2, 1)
        return mean, log_variance

    def decode(self, z):
        return self.out(z).sigmoid() if self.squash else self.out(z)


def exact_terms(model, images, log_likelihood):
    """Mean rate in closed form, and mean distortion by quadrature over the one-dimensional code; numpy alone."""
    model.eval()
    with torch.no_grad():
        mean, log_variance = (part.double().numpy()[:, 0] for part in model.encode(torch.from_numpy(images).float()))
        rate = 0.5 * (np.exp(log_variance) + mean**2 - 1 - log_variance)
        nodes, weights = np.polynomial.hermite_e.hermegauss(60)
        z = mean[:, None] + np.exp(log_variance / 2)[:, None] * nodes
        raw = model.decode(torch.from_numpy(z.reshape(-1, 1)).float()).double().numpy().reshape(*z.shape, -1)
    distortion = -(log_likelihood(raw, images) * weights).sum(1) / weights.sum()
    return rate.mean(), distortion.mean()


def by_logits(raw, images):
    x = images.reshape(len(images), 1, -1)
    return np.where(x, -np.logaddexp(0, -raw), -np.logaddexp(0, raw)).sum(2)


def by_probabilities(raw, images):
    x = images.reshape(len(images), 1, -1)
    return np.log(np.where(x, raw, 1 - raw)).sum(2)


def by_gaussian(raw, images):
    return norm.logpdf(images.reshape(len(images), 1, -1), raw, 0.3).sum(2)


def by_category(raw, images):
    log_p = log_softmax(raw.reshape(*raw.shape[:2], 3, 4), axis=2)
    chosen = np.broadcast_to(images.reshape(len(images), 1, 1, 4).astype(int), (*raw.shape[:2], 1, 4))
    return np.take_along_axis(log_p, chosen, 2).sum((2, 3))


class Levels(Public):
    """Logits of three levels for each of four pixels, ``[n, 3, 2, 2]``."""

    def decode(self, z):
        return super().decode(z).view(-1, 3, 2, 2)


FORMS = {
    "logits": (Public(), {}, BINARY, by_logits),
    "probabilities": (Public(squash=True), {"likelihood": "probabilities"}, BINARY, by_probabilities),
    "gaussian": (Public(), {"likelihood": "gaussian", "sd": 0.3}, RNG.normal(size=(16, 2, 2)), by_gaussian),
    "categorical": (Levels(12), {"likelihood": "categorical"}, RNG.integers(0, 3, (16, 2, 2)), by_category),
}


@pytest.mark.parametrize("form", FORMS)
def test_public_forms_measure_what_quadrature_finds(form):
    network, settings, images, log_likelihood = FORMS[form]
    model = adapters.plain(network.encode, network.decode, image_shape=(2, 2), input_shape=(4,), **settings)
    rate, distortion = exact_terms(network, images, log_likelihood)
    network.train()
    validate_model(model, images)
    many = np.tile(images, (500, 1, 1))
    point = measure.evaluate(model, many)
    assert point.rate == pytest.approx(rate, abs=1e-6)
    noise = measure.evaluate(model, many, seed=1).distortion - point.distortion
    assert abs(point.distortion - distortion) < 5 * point.distortion_se
    assert abs(noise) < 5 * point.distortion_se
    assert network.training  # the modules behind bound methods are put into evaluation mode, and back
    assert len(list(model.parameters())) == 6


def test_weights_surgery_and_samples_take_an_adapted_model():
    network = FORMS["logits"][0]
    model = adapters.plain(network.encode, network.decode, image_shape=(2, 2), input_shape=(4,))
    nodes = np.linspace(-8, 8, 4001)
    with torch.no_grad():
        raw = network.decode(torch.from_numpy(nodes[:, None]).float()).double().numpy()
    p = np.exp(by_logits(raw[None], BINARY) + norm.logpdf(nodes)).sum(1) * (nodes[1] - nodes[0])
    weights = np.exp(log_weights(model, BINARY, 4000))
    assert (np.abs(weights.mean(0) - p) < 5 * weights.std(0) / 4000**0.5).all()
    assert p.sum() == pytest.approx(1.0, abs=1e-6)
    parts = measure.surgery(model, BINARY)
    assert parts.rate == pytest.approx(measure.evaluate(model, BINARY).rate, abs=1e-6)
    assert 0 <= parts.index_information <= log(16)
    assert model.generate(3, generator(0), draws=2).shape == (2, 3, 2, 2)
    assert model.reconstruct(torch.from_numpy(BINARY), generator(0)).shape == (1, 16, 2, 2)


def test_probabilities_that_round_to_one_cost_what_torch_says():
    p = torch.tensor([[0.0, 1.0, 1e-30, 0.3, 1 - 1e-7]])
    for x in (torch.zeros(1, 5), torch.ones(1, 5)):
        theirs = -nn.functional.binary_cross_entropy(p, x, reduction="sum")
        assert bernoulli_from_probabilities(p, (5,)).log_prob(x).item() == pytest.approx(theirs.item(), rel=1e-6)


@pytest.mark.parametrize(("mean", "log_scale"), [(1.3, 0.0), (-4.0, 2.0), (2.0, -6.0), (90.0, 0.5)])
def test_discretised_logistic_sums_to_one_and_is_the_integral_of_its_density(mean, log_scale):
    d = DiscretisedLogistic(torch.tensor(mean, dtype=torch.float64), torch.tensor(log_scale, dtype=torch.float64), 5)
    x = torch.arange(5, dtype=torch.float64)
    assert d.log_prob(x).exp().sum().item() == pytest.approx(1.0, abs=1e-12)
    edges = (np.arange(4) + 0.5 - mean) / np.exp(log_scale)
    cdf = np.concatenate([[0.0], 1 / (1 + np.exp(-edges)), [1.0]])
    np.testing.assert_allclose(d.log_prob(x).exp().numpy(), np.diff(cdf), atol=1e-13)
    drawn = draw(d, generator(1), (40_000,))
    for level in range(5):
        share, p = (drawn == level).double().mean().item(), d.log_prob(x[level]).exp().item()
        assert abs(share - p) <= 5 * np.sqrt(p * (1 - p) / 40_000) + 1e-5


def test_discretised_logistic_pixels_of_a_decoder():
    decoder = nn.Linear(1, 2 * 4)
    model = adapters.plain(
        Public().encode,
        decoder,
        image_shape=(1, 2, 2),
        input_shape=(4,),
        likelihood="discretised logistic",
        levels=3,
    )
    z = torch.zeros(1, 1)
    every = torch.tensor(list(product([0.0, 1.0, 2.0], repeat=4))).view(-1, 1, 2, 2)
    total = model.decoder(z).log_prob(every).exp().sum().item()
    assert total == pytest.approx(1.0, abs=1e-5)
    assert discretised_logistic(decoder(z), (1, 2, 2), 3).event_shape == (1, 2, 2)
    validate_model(model, every.numpy())


# models of pythae


@pytest.fixture(scope="module")
def pythae_models(tmp_path_factory):
    """A VAE and a VAMP, by pythae's own trainer on 2 000 binary digits, and pythae's name for its data."""
    from pythae import models as theirs
    from pythae.data.datasets import BaseDataset
    from pythae.trainers import BaseTrainer, BaseTrainerConfig

    train = torch.from_numpy(data.load("mnist-static").train[:2000]).float().unsqueeze(1)
    found = {}
    for name in ("VAE", "VAMP"):
        kind, config = getattr(theirs, name), getattr(theirs, f"{name}Config")
        torch.manual_seed(0)
        more = {"number_components": 20} if name == "VAMP" else {}
        model = kind(config(input_dim=(1, 28, 28), latent_dim=8, reconstruction_loss="bce", **more))
        settings = BaseTrainerConfig(
            output_dir=str(tmp_path_factory.mktemp(name)),
            num_epochs=2,
            per_device_train_batch_size=40,
            learning_rate=1e-3,
            no_cuda=True,
        )
        BaseTrainer(model, BaseDataset(train, torch.zeros(len(train))), None, settings).train()
        found[name] = model
    return found


def own_loss(model, images):
    """pythae's own loss of binary ``images``, in evaluation mode."""
    model.eval()
    with torch.no_grad():
        return model({"data": torch.from_numpy(images).float().unsqueeze(1)}).loss.item()


@pytest.mark.needs("mnist-static")
@pytest.mark.parametrize("name", ["VAE", "VAMP"])
def test_pythae_is_measured_as_it_measures_itself(pythae_models, name):
    theirs, test = pythae_models[name], data.load("mnist-static").test[:1000]
    model = adapters.pythae(theirs)
    assert model.image_shape == (28, 28)
    validate_model(model, test)
    found = diagnose_loss(model, test, own_loss(theirs, test))
    assert found.agrees
    assert found.negative_elbo == pytest.approx(-measure.evaluate(model, test).elbo, abs=0.5)
    assert 100 < found.negative_elbo < 250  # trained: an untrained one has 543
    assert measure.surgery(model, test[:300], by_dimension=False).index_information <= log(300)


@pytest.mark.needs("mnist-static")
def test_pythae_with_a_mean_over_pixels_is_told_apart_by_name(pythae_models):
    theirs, test = pythae_models["VAE"], data.load("mnist-static").test[:500]
    x, model = torch.from_numpy(test).float().unsqueeze(1), adapters.pythae(theirs)
    with torch.no_grad():
        out = theirs({"data": x})
    wrong = nn.functional.binary_cross_entropy(out.recon_x.view_as(x), x).item() + out.reg_loss.item()
    (named,) = diagnose_loss(model, test, wrong).explanations
    assert named == "D averaged over the 784 pixels, R summed: as if β were 784"


@pytest.mark.parametrize("name", adapters.PYTHAE)
def test_every_kind_of_pythae_that_is_listed_is_taken(name):
    from pythae import models as theirs

    config = getattr(theirs, f"{name}Config", None) or getattr(theirs, f"{name}_Config")
    torch.manual_seed(0)
    network = getattr(theirs, name)(config(input_dim=(1, 4, 4), latent_dim=3, reconstruction_loss="bce"))
    model, images = adapters.pythae(network), RNG.random((30, 4, 4)) < 0.5
    validate_model(model, images)
    with torch.no_grad():
        e = network.encoder(torch.from_numpy(images).float())
    rate = 0.5 * (e.log_covariance.exp() + e.embedding**2 - 1 - e.log_covariance).sum(1)
    if name != "VAMP":
        assert measure.evaluate(model, images).rate == pytest.approx(rate.double().mean().item(), rel=1e-5)


def test_a_network_in_double_precision_is_measured_and_drawn_from():
    network = Public().double()
    model = adapters.plain(network.encode, network.decode, image_shape=(2, 2), input_shape=(4,))
    validate_model(model, BINARY)
    assert model.marginal().sample().dtype == torch.float64
    assert model.generate(3, generator(0)).shape == (1, 3, 2, 2)
    double = Autoencoder().double()
    validate_model(adapters.diffusers(double, (3, 4, 4)), RNG.normal(size=(8, 3, 4, 4)))


def test_pythae_of_other_kinds_is_refused():
    class HVAE(nn.Module):
        model_name = "HVAE"

    with pytest.raises(ValueError, match=r"model: expected one of pythae's VAE, BetaVAE, .* VAMP, got HVAE"):
        adapters.pythae(HVAE())


def test_squared_errors_of_pythae_are_gaussian_pixels():
    from pythae.models import BetaVAE, BetaVAEConfig

    torch.manual_seed(0)
    theirs = BetaVAE(BetaVAEConfig(input_dim=(3, 4, 4), latent_dim=2, reconstruction_loss="mse", beta=1.0))
    x = RNG.random((400, 3, 4, 4)).astype(np.float32)
    theirs.eval()
    with torch.no_grad():
        reported = theirs({"data": torch.from_numpy(x)}).loss.item()
    model = adapters.pythae(theirs)
    assert model.image_shape == (3, 4, 4)
    found = diagnose_loss(model, x, reported)
    assert found.explanations == ("the Gaussian's constant is left out of D",)
    assert found.negative_elbo == pytest.approx(reported + 24 * log(2 * pi), abs=0.3)


# the form of diffusers' AutoencoderKL


class Autoencoder(nn.Module):
    """Its interface: ``encode(x).latent_dist`` with ``mean`` and ``logvar``, and ``decode(z).sample``."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.encoder, self.decoder = nn.Conv2d(3, 4, 2, stride=2), nn.ConvTranspose2d(2, 3, 2, stride=2)

    def encode(self, x):
        mean, logvar = self.encoder(x).chunk(2, 1)
        return type("Output", (), {"latent_dist": type("Gaussian", (), {"mean": mean, "logvar": logvar})})

    def decode(self, z):
        return type("Output", (), {"sample": self.decoder(z)})


def test_the_form_of_diffusers_is_measured_over_flat_codes():
    theirs = Autoencoder()
    model, x = adapters.diffusers(theirs, (3, 4, 4), sd=0.5), RNG.normal(size=(2000, 3, 4, 4)).astype(np.float32)
    validate_model(model, x)
    with torch.no_grad():
        mean, logvar = theirs.encoder(torch.from_numpy(x)).double().flatten(1).chunk(2, 1)
        rate = 0.5 * (logvar.exp() + mean**2 - 1 - logvar).sum(1).mean().item()
        weight = theirs.decoder.weight.double()  # [2, 3, 2, 2]: kernels do not overlap, so the model is linear
        bias = theirs.decoder.bias.double()
        blocks = mean.view(-1, 2, 2, 2)
        copies = torch.einsum("nkhw,kcij->nchiwj", blocks, weight).reshape(-1, 3, 4, 4) + bias[:, None, None]
        spread = torch.einsum("nkhw,kcij->n", logvar.exp().view(-1, 2, 2, 2), weight**2)
        error = (torch.from_numpy(x) - copies).square().sum((1, 2, 3)) + spread
        distortion = 24 * log(2 * pi * 0.25) + error.mean().item() / (2 * 0.25)
    point = measure.evaluate(model, x)
    assert point.rate == pytest.approx(rate, rel=1e-6)
    assert abs(point.distortion - distortion) < 5 * point.distortion_se
    assert len(list(model.parameters())) == 4


@pytest.mark.parametrize("sd", [1.0, 0.25])
def test_an_autoencoder_of_diffusers_itself_is_measured(sd):
    from diffusers import AutoencoderKL

    torch.manual_seed(0)
    theirs = AutoencoderKL(
        down_block_types=("DownEncoderBlock2D",) * 2,
        up_block_types=("UpDecoderBlock2D",) * 2,
        block_out_channels=(8, 8),
        norm_num_groups=2,
        latent_channels=2,
        sample_size=8,
    ).eval()
    model, x = adapters.diffusers(theirs, (3, 8, 8), sd=sd), RNG.normal(size=(300, 3, 8, 8)).astype(np.float32)
    validate_model(model, x)
    point, images = measure.evaluate(model, x), torch.from_numpy(x)
    with torch.no_grad():
        e = theirs.encode(images).latent_dist
        errors = [(images - theirs.decode(e.sample(generator(seed))).sample).square().mean() for seed in range(20)]
    squared = torch.stack(errors).mean().item() * 192
    assert point.rate == pytest.approx(e.kl().double().mean().item(), rel=1e-5)
    assert point.distortion == pytest.approx(96 * log(2 * pi * sd**2) + squared / (2 * sd**2), rel=2e-3)
    assert model.generate(2, generator(0)).shape == (1, 2, 3, 8, 8)


# what is wrong with a model, in one sentence


def triple(**parts):
    def encoder(x):
        return Independent(Normal(x.flatten(1)[:, :2], 1.0), 1)

    def decoder(z):
        return Independent(Bernoulli(logits=z.sum(1)[:, None, None].expand(-1, 2, 2)), 2)

    return VAE(**({"encoder": encoder, "decoder": decoder, "marginal": StandardNormal(2)} | parts))


def raises(*_):
    raise RuntimeError("Expected all tensors to be on the same device, cuda:0 and cpu!\nmore")


def sized(n, event):
    return lambda *_: Independent(Normal(torch.zeros(n, *event), 1.0), len(event))


WRONG = {
    "a tuple": (
        {"encoder": lambda x: (x, x)},
        r"encoder: expected a torch.distributions.Distribution for .* \[8, 2, 2\], got a tuple \(companion.adapters",
    ),
    "raises": (
        {"decoder": raises},
        r"decoder: expected a distribution for a tensor \[8, 2\], got RuntimeError: Expected all tensors .* cpu!$",
    ),
    "not summed over the code": (
        {"encoder": lambda x: Normal(x.flatten(1)[:, :2], 1.0)},
        r"encoder: expected batch shape \[8\] and event shape \[2\], got \[8, 2\] and \[\]: .* Independent\(..., 1\)",
    ),
    "not summed over pixels": (
        {"decoder": lambda z: Bernoulli(logits=z.sum(1)[:, None, None].expand(-1, 2, 2))},
        r"decoder: expected batch .* and event shape \[2, 2\], got \[8, 2, 2\] and \[\]: .* Independent\(\.\.\., 2\)",
    ),
    "another batch": (
        {"decoder": sized(5, (2, 2))},
        r"decoder: expected batch shape \[8\] and event shape \[2, 2\], got \[5\] and \[2, 2\]$",
    ),
    "another image": (
        {"decoder": sized(8, (3, 2))},
        r"decoder: expected batch shape \[8\] and event shape \[2, 2\], got \[8\] and \[3, 2\]$",
    ),
    "a marginal with a batch": (
        {"marginal": lambda: Normal(torch.zeros(2), 1.0)},
        r"marginal: expected batch shape \[\] and event shape \[2\], got \[2\] and \[\]: .* Independent\(\.\.\., 1\)",
    ),
    "another code": (
        {"marginal": StandardNormal(3)},
        r"marginal: expected batch shape \[\] and event shape \[2\], got \[\] and \[3\]$",
    ),
    "nan": (
        {"decoder": lambda z: Independent(Normal(z.new_full((8, 2, 2), torch.nan), 1.0, validate_args=False), 2)},
        r"decoder: expected finite log densities, got nan for 8 of 8 images",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_does_not_fit_is_said_in_one_sentence(name):
    parts, message = WRONG[name]
    with pytest.raises(ValueError, match=message) as caught:
        validate_model(triple(**parts), BINARY)
    assert "\n" not in str(caught.value)


def test_pixels_outside_the_support_are_named():
    with pytest.raises(ValueError, match=r"images: expected pixels in the support of .* Bernoulli, got .* 0\.\d"):
        validate_model(triple(), RNG.random((9, 2, 2)))
    validate_model(triple(), BINARY)
    negative = adapters.plain(
        Public().encode, Levels(12).decode, image_shape=(2, 2), input_shape=(4,), likelihood="categorical"
    )
    with pytest.raises(ValueError, match=r"support of the decoder's Categorical, got values from 0 to 3$"):
        validate_model(negative, np.arange(16).reshape(4, 2, 2) % 4)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: adapters.plain(lambda x: x, nn.Identity(), image_shape=(2, 2)),
            "encoder: expected a pair of tensors, mean and log variance, got a tensor",
        ),
        (
            lambda: adapters.plain(lambda x: (x, x, x), nn.Identity(), image_shape=(2, 2)),
            r"encoder: expected a pair of tensors, mean and log variance, got a tuple of a tensor \[2, 2, 2\], a",
        ),
        (
            lambda: adapters.plain(lambda x: (x, x[:, 0]), nn.Identity(), image_shape=(2, 2)),
            r"encoder: expected mean and log variance of one shape \[2, ...\], got \[2, 2, 2\] and \[2, 2\]",
        ),
        (
            lambda: adapters.plain(lambda x: (x, x), nn.Identity(), image_shape=(2, 2), input_shape=(5,)),
            r"input_shape: expected \(2, 2\) but for axes of 1, or a flat one, got \(5,\)",
        ),
        (
            lambda: adapters.plain(lambda x: (x, x), nn.Identity(), image_shape=(4, 4, 3), input_shape=(3, 4, 4)),
            r"input_shape: expected \(4, 4, 3\) but for axes of 1, or a flat one, got \(3, 4, 4\)",
        ),
        (
            lambda: validate_model(
                adapters.plain(
                    lambda x: (x, x), lambda z: z.view(-1, 2, 1, 2), image_shape=(2, 2), likelihood="categorical"
                ),
                BINARY,
            ),
            r"^decoder: expected a tensor \[8, 2, 2, 2\], or a flat one, got \[8, 2, 1, 2\]",
        ),
        (
            lambda: validate_model(triple(encoder=lambda x: Independent(Normal(x.float(), 1.0), 2)), BINARY),
            r"encoder: expected codes of one axis, got event shape \[2, 2\]: flatten them",
        ),
        (
            lambda: adapters.plain(lambda x: (x, x), nn.Identity(), image_shape=(2, 2), likelihood="poisson"),
            "likelihood: expected one of bernoulli, probabilities, gaussian, categorical, .*, got 'poisson'",
        ),
        (
            lambda: validate_model(adapters.plain(lambda x: (x, x), lambda z: (z,), image_shape=(2, 2)), BINARY),
            "decoder: expected a tensor, the parameters of the likelihood, got a tuple of a tensor",
        ),
    ],
)
def test_adapters_refuse_what_they_cannot_read(call, message):
    with pytest.raises(ValueError, match=message):
        call()


# the loss that a model reports


SD = 1.1


@cache
def gaussian_model():
    """A model with Gaussian pixels, its images, and their exact R and D."""
    network, _, images, _ = FORMS["gaussian"]
    model = adapters.plain(
        network.encode, network.decode, image_shape=(2, 2), input_shape=(4,), likelihood="gaussian", sd=SD
    )
    exact = exact_terms(network, images, lambda raw, x: norm.logpdf(x.reshape(len(x), 1, -1), raw, SD).sum(2))
    return model, np.tile(images, (3000, 1, 1)), *exact


def reported_as(loss):
    """The diagnosis of a loss that is made of the exact D and R."""
    model, images, rate, distortion = gaussian_model()
    return diagnose_loss(model, images, loss(distortion, rate))


CONSTANT = 2 * log(2 * pi * SD**2)
SLIPS = {
    "the negative ELBO, as it should be": lambda d, r: d + r,
    "D and R both divided by the 4 pixels": lambda d, r: (d + r) / 4,
    "D averaged over the 4 pixels, R summed: as if β were 4": lambda d, r: d / 4 + r,
    "in bits, not nats (factor 1 / ln 2)": lambda d, r: (d + r) / log(2),
    "in bits a pixel": lambda d, r: (d + r) / log(2) / 4,
    "summed over the 48000 images, not averaged": lambda d, r: 48000 * (d + r),
    "R counted twice: a KL without its factor 1/2": lambda d, r: d + 2 * r,
    "half of R: a factor 1/2 too many in the KL": lambda d, r: d + r / 2,
    "D alone: R is missing": lambda d, r: d,
    "R subtracted: its sign is wrong": lambda d, r: d - r,
    "the ELBO itself: the sign of a loss is the other": lambda d, r: -d - r,
    "the Gaussian's constant is left out of D": lambda d, r: d - CONSTANT + r,
    "1/2 log(2 pi) of every pixel is left out of D": lambda d, r: d - 2 * log(2 * pi) + r,
    "D is the sum of squared errors: without its factor 1 / (2 sd²)": lambda d, r: 2 * SD**2 * (d - CONSTANT) + r,
    "D is the mean squared error over the 4 pixels": lambda d, r: 2 * SD**2 * (d - CONSTANT) / 4 + r,
}


@pytest.mark.parametrize("name", SLIPS)
def test_each_slip_is_told_by_its_name(name):
    found = reported_as(SLIPS[name])
    assert found.explanations == (name,)
    assert found.agrees == (name == "the negative ELBO, as it should be")
    assert name in str(found)


def test_a_weight_on_the_rate_is_measured_where_no_slip_explains_the_loss():
    found = reported_as(lambda d, r: d + 5.5 * r)
    assert found.explanations == ()
    assert found.beta == pytest.approx(5.5, abs=0.1)
    assert "no usual slip explains it; with a weight on the rate, it would be β = 5." in str(found)


def test_a_collapsed_code_cannot_tell_its_loss_from_one_without_the_rate():
    model = triple(encoder=lambda x: Independent(Normal(torch.zeros(len(x), 2), 1.0), 1))
    found = diagnose_loss(
        model, np.tile(BINARY, (20, 1, 1)), -measure.evaluate(model, np.tile(BINARY, (20, 1, 1))).elbo
    )
    assert found.agrees
    assert "D alone: R is missing" in found.explanations
    assert "which cannot be told from: D alone" in str(found)


def test_the_error_of_a_diagnosis_is_that_of_its_mean_over_draws():
    network, _, images, _ = FORMS["logits"]
    model = adapters.plain(network.encode, network.decode, image_shape=(2, 2), input_shape=(4,))
    many = np.tile(images, (10, 1, 1))
    found = [diagnose_loss(model, many, 3.0, seed) for seed in range(200)]
    spread = np.std([each.negative_elbo for each in found], ddof=1)
    assert np.mean([each.se for each in found]) == pytest.approx(spread, rel=0.2)


def test_a_loss_is_finite_and_its_images_are_two_or_more():
    with pytest.raises(ValueError, match="reported: expected a finite loss, got nan"):
        diagnose_loss(triple(), BINARY, float("nan"))
    with pytest.raises(ValueError, match="images: expected at least two, for a standard error, got 1"):
        diagnose_loss(triple(), BINARY[:1], 3.0)
