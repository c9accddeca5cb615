"""Categories in drawings: in worlds of four striped images, where all that is measured is known; and the worst step."""

from math import log

import numpy as np
import pytest
import torch
from torch import nn
from torch.distributions import Bernoulli, Independent, Normal, OneHotCategorical

from companion import data, learn
from companion.learn import batches, build, training_units
from companion.measure import category_swap, read_again
from companion.models import VAE, GaussianCategorical, GaussianCategoricalMarginal, adversarial_step, generator
from companion.objectives import TrainingStep, VariationalPosterior, drawn_information, objective

SHARP = 20.0  # a logit that is nearly certain
DIGITS = learn.preset("laptop", "digits", dense=True, categories=4, latent_dim=4)
ROWS = torch.eye(4).repeat_interleave(2, 1)[:, :, None].expand(-1, 8, 8)


class Reads(nn.Module):
    """The category is the stripe with the most ink, sharply or by a slope; z has a Gaussian of its own."""

    def __init__(self, slope: float) -> None:
        super().__init__()
        self.slope, self.mean = nn.Parameter(torch.tensor(slope)), nn.Parameter(torch.zeros(4))

    def forward(self, x: torch.Tensor) -> GaussianCategorical:
        ink = x.reshape(len(x), 4, 16).mean(2)
        gaussian = Independent(Normal(self.mean.expand(len(x), 4), 1.0, validate_args=False), 1)
        return GaussianCategorical(gaussian, OneHotCategorical(logits=self.slope * ink, validate_args=False))


class Draws(nn.Module):
    """Blackens the stripe that c names, or the one of the largest entry of z."""

    def __init__(self, by_category: bool) -> None:
        super().__init__()
        self.part, self.weight = slice(4, 8) if by_category else slice(0, 4), nn.Parameter(torch.tensor(SHARP))

    def forward(self, code: torch.Tensor) -> Independent:
        named = nn.functional.one_hot(code[:, self.part].argmax(1), 4).float()
        stripes = named.repeat_interleave(2, 1)[:, :, None].expand(-1, 8, 8)
        return Independent(Bernoulli(logits=self.weight * (2 * stripes - 1), validate_args=False), 2)


def world(by_category: bool, slope: float = SHARP) -> VAE:
    return VAE(Reads(slope), Draws(by_category), GaussianCategoricalMarginal(4, 4), (8, 8))


def four_stripes(n: int) -> np.ndarray:
    return ROWS[torch.arange(n) % 4].numpy().astype(bool)


def test_a_decoder_that_draws_the_category_is_read_as_it_was_given():
    model, images = world(by_category=True), four_stripes(400)
    assert read_again(model).value == 1
    read, cost = category_swap(model, images)
    assert read.value == 1
    # one stripe of 16 pixels is missing and one is too many, each at log (1 + e^20) - log (1 + e^-20) = 20 nats
    assert cost.value == pytest.approx(32 * SHARP, rel=1e-6)
    assert cost.se == pytest.approx(0, abs=1e-3)


def test_a_decoder_that_looks_at_z_alone_is_read_by_chance():
    model, images = world(by_category=False), four_stripes(4000)
    again, (read, cost) = read_again(model, 20_000), category_swap(model, images)
    for share in (again, read):  # z is independent of c: K equal cases, of which one is right
        assert abs(share.value - 1 / 4) < 4 * share.se
        assert share.se == pytest.approx((3 / 16 / share.n) ** 0.5, rel=0.05)
    assert cost.value == 0


def test_a_code_without_categories_has_nothing_to_read():
    plain = build(learn.preset("laptop", "digits", dense=True, latent_dim=4), (8, 8))
    for measure in (lambda: read_again(plain), lambda: category_swap(plain, four_stripes(4))):
        with pytest.raises(ValueError, match="model: expected a code with categories, got Independent"):
            measure()


def test_the_drawn_information_is_that_of_a_reader_who_knows_how_sure_to_be():
    """With ink of 1 in the right stripe and 0 elsewhere, e(c|y) is softmax(slope) at every drawing."""
    for slope in (0.0, 1.0, 5.0):
        model = world(by_category=True, slope=slope)
        out = model(torch.from_numpy(four_stripes(64)), generator(0))
        found = drawn_information(model, out, generator(1), augmented=False).item()
        assert found == pytest.approx(log(4) + slope - np.log(np.exp(slope) + 3), abs=1e-5)
        assert found <= log(4)


def test_without_a_trace_of_the_category_the_drawn_information_is_none():
    """log 4 + log e(c|y), averaged over c that y knows nothing of: at most 0, and 0 for a reader who says so."""
    for slope, most in ((0.0, 1e-6), (5.0, -2.0)):
        model = world(by_category=False, slope=slope)
        out = model(torch.from_numpy(four_stripes(400)), generator(0))
        assert drawn_information(model, out, generator(1), augmented=False).item() <= most


def test_half_of_the_drawings_have_the_z_of_an_image():
    """The decoder draws by z; in the first half it is the mean of the images, certain to name the last stripe."""
    model = world(by_category=False)
    with torch.no_grad():
        model.encoder.mean.copy_(torch.tensor([0.0, 0.0, 0.0, 100.0]))
    out = model(torch.from_numpy(four_stripes(2000)), generator(0))
    seen = []
    model.decoder.register_forward_hook(lambda _, code, drawn: seen.append((code[0], drawn.mean)))
    drawn_information(model, out, generator(1), augmented=False)
    ((code, y),) = seen
    last = y[:, 6:].mean((1, 2)) > 0.5
    assert last[:1000].all()
    assert 0.2 < last[1000:].float().mean() < 0.3
    assert (code[:, 4:].sum(0) - 500).abs().max() < 100


def test_what_is_read_in_drawings_teaches_the_decoder_and_not_the_reader():
    """Its gradient is that of log softmax with the reader's slope held: none for the slope, and exact for the ink."""
    slope = 3.0
    model = world(by_category=True, slope=slope)
    with torch.no_grad():
        model.decoder.weight.fill_(0.5)
    out = model(torch.from_numpy(four_stripes(64)), generator(0))
    drawn_information(model, out, generator(1), augmented=False).backward()
    assert model.encoder.slope.grad is None

    def by_hand(w: float) -> float:
        dark, light = 1 / (1 + np.exp(-w)), 1 / (1 + np.exp(w))
        return slope * dark - np.log(np.exp(slope * dark) + 3 * np.exp(slope * light))

    assert model.decoder.weight.grad.item() == pytest.approx((by_hand(0.501) - by_hand(0.499)) / 0.002, rel=1e-4)


@pytest.mark.parametrize("length", [0.5, 3.0])
def test_the_worst_step_of_a_linear_score_is_its_direction(length):
    w, x = torch.randn(3, 5, 7, generator=generator(0)), torch.rand(3, 5, 7, generator=generator(1), requires_grad=True)
    moved = adversarial_step(lambda y: (w * y).sum((1, 2)), x, length)
    for i in range(3):
        torch.testing.assert_close(moved[i], x[i] - length * w[i] / w[i].norm())
    moved.sum().backward()
    assert torch.equal(x.grad, torch.ones(3, 5, 7))
    flat = adversarial_step(lambda y: (0 * y).sum((1, 2)), x, length)
    assert torch.equal(flat, x)


def test_a_read_image_is_moved_from_where_its_category_is_to_the_others():
    """The step takes ink out of the own stripe, 3 parts, and puts 1 part into each other one."""
    model = world(by_category=True, slope=1.0)
    asked = {"critic_input": "image", "adversarial": 2.0}
    posterior = VariationalPosterior(model, objective("mi_valid", **asked), seed=0)
    posterior.network = model.encoder  # in place of a network that has to learn: its logits are known
    posterior.forward = lambda model, y: model.encoder(y).categorical
    out = model(torch.from_numpy(four_stripes(4)), generator(0))
    p = np.full(4, 1 / (np.e + 3)) + np.eye(4)[0] * (np.e - 1) / (np.e + 3)
    out.e.categorical = OneHotCategorical(probs=torch.eye(4))  # certain of what they show, which Q is not
    found = posterior.log_prob(model, out, generator(1))
    step = (np.eye(4)[0] - p) / (4 * np.linalg.norm(np.eye(4)[0] - p))  # of 16 pixels each, so that the norm is 1
    ink = np.eye(4)[0] - 2.0 * step
    np.testing.assert_allclose(found.detach().numpy(), ink[0] - np.log(np.exp(ink).sum()), rtol=1e-5)


@pytest.mark.parametrize(("number", "share"), [(0, 0.0), (5, 0.5), (10, 1.0), (19, 1.0)])
def test_the_reward_for_drawings_grows_until_the_middle(number, share):
    x = torch.from_numpy(data.load("digits").train[:64])
    config = DIGITS.replace(objective="mi_drawn", drawn=4.0, adversarial=0.7, weight=3.0, beta=1.5)
    model = build(config, (8, 8))
    out, step = model(x, generator(0)), TrainingStep(number, 20, 0, 1000)
    values = {}
    for w in (0.0, 4.0):
        chosen = config.replace(drawn=w).objective
        auxiliary = VariationalPosterior(model, chosen, 0)
        values[w] = chosen.loss(model, out, step, auxiliary).item()
    other = config.replace(objective="mi_valid", critic_input="encoder", augmented=True).objective
    assert values[0.0] == pytest.approx(other.loss(model, out, step, VariationalPosterior(model, other, 0)).item())
    shown = drawn_information(model, out, step.generator(10, "cpu")).item()
    assert values[4.0] == pytest.approx(values[0.0] - 4.0 * share * shown, rel=1e-5)


def test_an_uneven_aggregate_is_charged_in_units_of_the_weight():
    """Two images in the first stripe and one in the second: log 4 less the entropy of (2/3, 1/3)."""
    model, step = world(by_category=True), TrainingStep(0, 20, 0, 1000)
    out = model(ROWS[[0, 0, 1]], generator(0))
    losses = []
    for balance in (0.0, 2.0):
        chosen = objective("mi_drawn", weight=3.0, balance=balance, critic_input="image", augmented=False)
        auxiliary = VariationalPosterior(model, chosen, 0)
        losses.append(chosen.loss(model, out, step, auxiliary).item())
    uneven = log(4) + (2 * log(2 / 3) + log(1 / 3)) / 3
    assert losses[1] - losses[0] == pytest.approx(3.0 * 2.0 * uneven, abs=1e-4)


@pytest.mark.parametrize("hard", [False, True])
def test_the_distortion_of_hard_categories_does_not_teach_them(hard):
    """With no reward, and a rate that costs nothing, only D is left: is there a gradient for the logits?"""
    settings = {"weight": 0.0, "drawn": 0.0, "beta": 0.0, "hard": hard, "learning_rate": 1e-3}
    config = DIGITS.replace(objective="mi_drawn", **settings)
    model, images = build(config, (8, 8)), data.load("digits")
    before = model.encoder.logits.weight.detach().clone()
    (unit,), _ = training_units(model, config, len(images.train))
    unit.loss(torch.from_numpy(images.train[:64]), generator(0), 3).backward()
    gradient = model.encoder.logits.weight.grad
    assert (gradient is None or not gradient.any()) == hard
    assert torch.equal(before, model.encoder.logits.weight)


def test_categories_of_digits_are_drawn_where_it_pays_and_not_by_the_elbo_alone():
    images, found = data.load("digits"), {}
    for name, settings in {"mi_drawn": {"weight": 20.0, "adversarial": 0.5}, "beta_vae": {}}.items():
        config = DIGITS.replace(objective=name, steps=400, **settings)
        model = learn.train(config, images=images, progress=False).model
        found[name] = read_again(model, 2000).value
    assert found["mi_drawn"] >= 0.8
    assert found["beta_vae"] <= 0.5


def test_it_adds_nothing_that_is_trained_beside_it_and_needs_categories():
    model = build(DIGITS.replace(objective="mi_drawn"), (8, 8))
    units, beside = training_units(model, DIGITS.replace(objective="mi_drawn"), 100)
    assert [unit.name for unit in units] == ["VAE"]
    assert list(beside["variational_posterior"].parameters()) == []
    with pytest.raises(ValueError, match="categories: expected 2 or more with the objective mi_drawn, got 0"):
        DIGITS.replace(objective="mi_drawn", categories=0, latent_indices="1", critic_input="image")
    for name in ("drawn", "adversarial", "balance"):
        with pytest.raises(ValueError, match=f"{name}: expected a finite number, 0 or more, got -1"):
            objective("mi_drawn", **{name: -1.0})


def test_its_batches_are_those_of_the_other_objectives():
    images = data.load("digits")
    one, other = (batches(images, DIGITS.replace(objective=name))(3) for name in ("mi_drawn", "beta_vae"))
    assert torch.equal(one, other)
