"""What categories and numbers of a code carry, against tables and closed forms."""

from math import exp, log, sqrt

import numpy as np
import pytest
import torch
from torch import nn
from torch.distributions import Independent, Normal

from companion import data
from companion.exact.discrete import DiscreteModel
from companion.measure import categories, latents
from companion.measure.decomposition import gaussian_surgery
from companion.models import VAE, StandardNormal, family

RNG = np.random.default_rng(0)
PROBS = torch.from_numpy(RNG.dirichlet(np.full(5, 0.3), 400))


@pytest.mark.verifies("thm-asking-bound")
def test_the_quantities_are_those_of_the_table():
    table = DiscreteModel(np.full(400, 1 / 400), PROBS.numpy(), np.full((5, 400), 1 / 400), np.full(5, 0.2))
    assert categories.category_information(PROBS).value == pytest.approx(table.mutual_information)
    assert categories.category_kl(PROBS).value == pytest.approx(table.rate)
    excess = log(5) - categories.category_entropy(PROBS).value
    assert table.rate - table.mutual_information == pytest.approx(excess)


def test_one_category_for_all_has_the_largest_rate_and_no_information():
    probs = torch.eye(5, dtype=torch.float64)[[2] * 30]
    assert categories.category_kl(probs).value == pytest.approx(log(5))
    assert categories.category_information(probs).value == 0
    assert categories.category_entropy(probs).value == 0
    assert categories.entropy_lower_bound(probs) == 0


def test_standard_errors_are_the_spread_over_samples_of_images():
    big = torch.from_numpy(RNG.dirichlet([2.0, 1.0, 0.5, 0.2], 50_000))
    samples = [big[torch.from_numpy(RNG.choice(len(big), 200, replace=False))] for _ in range(400)]
    for quantity in (categories.category_information, categories.category_kl, categories.category_entropy):
        found = [quantity(sample) for sample in samples]
        spread = np.std([estimate.value for estimate in found])
        assert np.mean([estimate.se for estimate in found]) == pytest.approx(spread, rel=0.15)


def test_the_floor_lies_below_the_entropy_of_all_images_and_one_image_moves_it_no_further_than_it_says():
    big = torch.from_numpy(RNG.dirichlet([2.0, 1.0, 0.5, 0.2], 50_000))
    truth = categories.category_entropy(big).value
    floors = [categories.entropy_lower_bound(big[torch.from_numpy(RNG.choice(len(big), 500))], 0.5) for _ in range(200)]
    assert np.mean(np.array(floors) > truth) < 0.5
    extremes = torch.eye(4, dtype=torch.float64)
    for sample in (big[:50], extremes[[0] * 50], extremes.repeat(10, 1)):
        for new in extremes:
            moved = categories.category_entropy(torch.cat([sample[:-1], new[None]])).value
            assert abs(moved - categories.category_entropy(sample).value) <= 2 / len(sample) * log(len(sample) * 2)
    even = extremes.repeat(250, 1)  # 1 000 images in four equal categories: log 4, less log 2000 tenths
    assert categories.entropy_lower_bound(even, exp(-5)) == pytest.approx(log(4) - log(2000) * sqrt(10 / 1000))
    with pytest.raises(ValueError, match=r"expected 0 < risk < 1 and three images or more, got 1\.0 and 50"):
        categories.entropy_lower_bound(big[:50], 1.0)


def test_each_category_takes_the_name_most_of_its_images_have():
    probs = torch.eye(3)[[0, 0, 0, 1, 1, 1]]
    found = categories.majority_accuracy(probs, np.array([4, 4, 2, 2, 2, 2]))
    assert found.value == pytest.approx(5 / 6)
    assert found.se == pytest.approx(np.std([1, 1, 0, 1, 1, 1], ddof=1) / np.sqrt(6))


def test_a_model_without_categories_is_refused():
    model = family("---", image_shape=(8, 8), width=0.25, latent_dim=4)
    with pytest.raises(ValueError, match="model: expected a code with categories, got Independent"):
        categories.category_probabilities(model, data.load("digits").test)


class Sums(nn.Module):
    """e(z|x) whose three means are the numbers of black pixels in the first three columns, and of scale 0.5."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.tensor(0.5))

    def forward(self, x: torch.Tensor) -> Independent:
        mean = x.sum(1)[:, :3]
        return Independent(Normal(mean, self.scale.expand_as(mean)), 1)


class Grey(nn.Module):
    """A decoder whose mean image is 0.1 z_0 + 0.05 z_1 everywhere, as if it were a Gaussian's."""

    def forward(self, z: torch.Tensor) -> Normal:
        return Normal((0.1 * z[:, 0] + 0.05 * z[:, 1])[:, None, None].expand(-1, 8, 8), 1.0)


def test_the_effect_is_the_variance_over_the_grid_and_an_idle_number_has_none():
    model, images = VAE(Sums(), Grey(), StandardNormal(3), (8, 8)), data.load("digits").test
    variance = 4.0  # of -3, -2, .., 3
    assert latents.traversal_variance(model, images, [0]).value == pytest.approx(64 * 0.01 * variance, rel=1e-5)
    assert latents.traversal_variance(model, images, [0, 1]).value == pytest.approx(
        64 * (0.01 + 0.0025) * variance, rel=1e-5
    )
    assert latents.traversal_variance(model, images, [2]).value == pytest.approx(0, abs=1e-12)
    assert latents.least_active_latents(model, images, 2) == (1, 2)
    for chosen in ([], [3]):
        with pytest.raises(ValueError, match="indices: expected some from 0 to 2, got"):
            latents.traversal_variance(model, images, chosen)


def test_the_information_of_all_numbers_is_that_of_the_code():
    model, images = VAE(Sums(), Grey(), StandardNormal(3), (8, 8)), data.load("digits").test
    found = latents.latent_information(model, images, [0, 1, 2])
    mean = torch.from_numpy(images.astype(np.float64).sum(1)[:, :3])
    whole = gaussian_surgery(mean, torch.full_like(mean, 0.25), draws=20)
    assert found["kl_c"].value == pytest.approx(whole.rate, rel=1e-6)
    for name, value in {"mi_exact": whole.index_information, "kl_aggregate": whole.marginal_kl}.items():
        assert abs(found[name].value - value) < 5 * found[name].se
    conditional = 1.5 * (1 + log(2 * np.pi * 0.25))
    both = found["entropy_aggregate"]
    assert abs(both.value - conditional - whole.index_information) < 5 * both.se
