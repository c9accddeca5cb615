"""What the figures that live say, against the package: three states of each, or more."""

import re
from itertools import pairwise

import numpy as np
import pytest
import torch
from live_pages import GAMMA, MEANS, NOISE, PIXEL, SPECTRUM, WRONG, D, E, M, P

from companion import exact
from companion.exact import DiscreteModel
from companion.studies import toy

pytestmark = pytest.mark.browser


def rounded(*values, decimals=3):
    return [f"{round(value, decimals) + 0:.{decimals}f}" for value in values]


def sandwich(model):
    bounds = [model.entropy - model.distortion, model.mutual_information, model.rate]
    return rounded(model.elbo, *bounds, *(b - a for a, b in pairwise(bounds)))


def test_the_tables_say_what_the_package_does(figure):
    with figure("sandwich-tables") as shown:
        model = DiscreteModel(P, E, D, M)
        assert shown.numbers("ELBO") == sandwich(model)
        for name, better in (("Bayes", model.with_optimal_decoder()), ("aggregate", model.with_optimal_marginal())):
            shown.press(name)
            assert shown.numbers("ELBO") == sandwich(better)
            shown.press("Ann and Bob")
        shown.press("Bob uniform")
        even = DiscreteModel(P, E, np.full((3, 4), 1 / 4), np.full(3, 1 / 3))
        assert shown.numbers("ELBO") == sandwich(even)
        shown.page.locator(".rd-cell").nth(1).press("PageDown")
        edited = np.array(E)
        edited[0] = [0.8, 0.2, 0]
        assert shown.numbers("ELBO") == sandwich(DiscreteModel(P, edited, even.decoder, even.marginal))


def test_a_bar_may_be_infinite(figure):
    with figure("sandwich-tables") as shown:
        shown.page.locator(".rd-cell").nth(16).press("End")  # m(stroke), which leaves nothing for the others
        assert "R = ∞" in shown.said
        assert "ELBO = -∞" in shown.said


def test_the_line_touches_where_the_package_says(figure):
    with figure("tangent") as shown:
        for place in (-0.3, 0.03, 0.4):
            beta = 10 ** shown.slide(0, place)
            point = exact.blahut_arimoto(PIXEL, WRONG, slope=1 / beta)
            total = point.distortion + beta * point.rate
            assert shown.numbers() == rounded(point.rate, point.distortion, total, total / beta)
            assert re.search(r"certified to [1-9]·10⁻(⁸|⁹|¹.) nats", shown.said)
            assert shown.page.locator(".rd-halo").all_text_contents() == rounded(total, total / beta)


def water(model):
    return [*rounded(model.water_level, model.rate, model.distortion), f"{model.active} of 5"]


def test_the_water_stands_where_the_package_says(figure):
    roads = [
        ("price β", 0.0, exact.linear_beta_vae(SPECTRUM, 1.0, NOISE)),
        ("rate R", 2.0, exact.linear_at_rate(SPECTRUM, 2.0, NOISE)),
        ("InfoMax", 1.0, exact.linear_beta_vae(SPECTRUM, 0.5, NOISE)),
        ("capacity", 7.0, exact.linear_at_rate(SPECTRUM, 7.0, NOISE)),
        ("capacity", 0.5, exact.linear_beta_vae(SPECTRUM, GAMMA, NOISE)),  # too small a weight for this target
    ]
    with figure("water") as shown:
        for name, place, model in roads:
            shown.press(name)
            shown.slide(0, place)
            assert [*shown.numbers(), re.search(r"\d of 5", shown.said)[0]] == water(model)
        assert shown.said.startswith("γ = 4 is too small to hold C = 0.50")
        shown.press("price β")
        shown.slide(0, 0)
        shown.page.locator(".rd-handle").nth(1).press("ArrowUp")
        spectrum = [4, 2 * np.exp(0.1), 1, 0.5, 0.25]
        assert shown.numbers() == water(exact.linear_beta_vae(spectrum, 1.0, NOISE))[:3]


def album(images, spread, finer=1):
    """The cut of the codes as tables on a grid, that of the script or a finer one."""
    size = finer * int(np.ceil(11 / min(0.6 * spread, 0.3)))
    grid = (np.arange(size) + 0.5) / size * 11 - 5.5
    centres = np.sqrt(1 - spread**2) * MEANS[:images]
    bells = np.exp(-((grid - centres[..., None]) ** 2) / (2 * spread**2))
    bells /= bells.sum(-1, keepdims=True)
    marginal = np.exp(-(grid**2) / 2) / np.exp(-(grid**2) / 2).sum()
    cut = exact.elbo_surgery(bells[:, 0, :, None] * bells[:, 1, None, :], [marginal] * 2)
    rate = ((centres**2).sum(1) / 2 + spread**2 - 1 - 2 * np.log(spread)).mean()
    return np.array([rate, cut.index_information, cut.total_correlation, sum(cut.dimension_wise_kl)])


def test_the_album_is_cut_as_the_package_cuts_it(figure):
    with figure("album") as shown:
        for images, spread in ((32, 0.15), (4, 0.4), (128, 0.3)):
            shown.slide(0, np.log2(images))
            shown.slide(1, spread)
            assert shown.numbers() == rounded(*album(images, spread), np.log(images))


@pytest.mark.parametrize(("images", "spread"), [(4, 0.2), (8, 0.15), (32, 0.35), (32, 0.9)])
def test_the_grid_of_the_album_is_fine_enough(images, spread):
    """By the rate, which has a closed form, and by a grid three times as fine."""
    rate, *parts = album(images, spread)
    assert sum(parts) == pytest.approx(rate, abs=1e-5)
    np.testing.assert_allclose(parts, album(images, spread, finer=3)[1:], atol=1e-5)


def snake(name):
    return re.sub("([A-Z])", lambda found: f"_{found[1].lower()}", name)


@pytest.mark.parametrize(
    ("form", "objective", "place", "loss"),
    [
        ("table", 0, -0.3, toy.elbo),
        ("printed", 3, 0.0, toy.target_rate(0.5)),
        ("output", 2, -1.0, toy.beta_vae(1.5)),
        ("table", 4, 0.2, toy.target_rate_squared(0.5, 50)),
    ],
)
def test_the_descent_ends_where_the_packages_does(figure, monkeypatch, form, objective, place, loss):
    """From the same start, which is the script's."""
    with figure("toy-atlas") as shown:
        shown.page.locator("select").nth(0).select_option(form)
        shown.page.locator("select").nth(1).select_option(str(objective))
        shown.slide(0, place)
        found = shown.numbers()
        drawn = shown.page.evaluate(f"rd.descent.drawStart(30, 30, 0, 10 ** {place}, '{form}')")
    start = {snake(name): torch.tensor([values], dtype=torch.float64) for name, values in drawn.items()}
    monkeypatch.setattr(toy, "_start", lambda *_: {name: q.clone().requires_grad_() for name, q in start.items()})
    process = exact.toy_process()
    models = toy.train_toys(process.p_x, form, loss, seeds=[0])
    model = DiscreteModel(*models.tables(0))
    gap = model.rate + model.distortion - process.entropy
    told = exact.mutual_information(process.joint @ model.encoder)
    begun = [models.history[0, i, 0].item() for i in (0, 1)]
    assert found == [*rounded(model.rate, model.distortion), *rounded(gap, decimals=4), *rounded(told, *begun)]


def test_the_step_of_a_descent_is_the_model_then(figure):
    with figure("toy-atlas") as shown:
        shown.slide(1, 100)
        at = "rd.descent.descend(rd.toy.toyProcess().pX, rd.descent.drawStart(30, 30, 0, 0.5)).history"
        rates, distortions = shown.page.evaluate(f"[{at}.rates, {at}.distortions]")
        assert shown.page.inner_text(".rd-caption").startswith("At step 100")
        text = shown.page.inner_text(".rd-caption")
        assert re.findall(r"\d+\.\d{3}", text)[:2] == rounded(rates[100], distortions[100])
