"""Confidence limits of means and of an information: they cover the truth as often as they say, and are short."""

from itertools import product
from math import inf, log

import numpy as np
import pytest
import torch
from scipy.special import logsumexp
from scipy.stats import norm
from torch.distributions import Bernoulli, Independent, Normal, OneHotCategorical

from companion import exact, models
from companion.measure import information_interval, intervals
from companion.stats import bounded_mean_limit

IMAGES = np.array(list(product([False, True], repeat=4))).reshape(16, 2, 2)
PLACES = torch.tensor([8.0, 4.0, 2.0, 1.0])
H = log(16)
TRIALS, N = 200, 320


def index(x):
    return (x.flatten(1) @ PLACES).long()


def table_model():
    """16 images, 16 codes that name them nine times in ten, and decoders that hit a pixel 97 times in a hundred."""
    encoder = 0.9 * np.eye(16) + 0.1 / 16
    decoder = np.where(IMAGES, 0.97, 0.03)
    marginal = np.full(16, 1 / 16)
    e, d, m = (torch.tensor(table, dtype=torch.float32) for table in (encoder, decoder, marginal))
    model = models.VAE(
        lambda x: OneHotCategorical(e[index(x)]),
        lambda z: Independent(Bernoulli(probs=torch.einsum("nk,khw->nhw", z, d)), 2),
        lambda: OneHotCategorical(m),
        (2, 2),
    )
    p_x_given_z = np.prod(np.where(IMAGES[None], decoder[:, None], 1 - decoder[:, None]), axis=(2, 3))
    found = exact.DiscreteModel(np.full(16, 1 / 16), encoder, p_x_given_z, marginal)
    return model, found.mutual_information, 1 + (encoder * np.log(encoder / marginal)).sum(1).max(), found


def mixed_distortion(found):
    """D of the decoder that one pixel pattern in a thousand comes from all alike."""
    mixed = 0.999 * found.decoder + 0.001 / 16
    return -(found.joint * np.log(mixed.T)).sum()


def gaussian_model():
    """16 images, each a Gaussian on the line: I by quadrature."""
    mean = torch.linspace(-2, 2, 16)
    scale = 0.15
    model = models.VAE(
        lambda x: Independent(Normal(mean[index(x)][:, None], scale), 1),
        lambda z: Independent(Bernoulli(logits=z[:, :, None].expand(-1, 2, 2)), 2),
        models.StandardNormal(1),
        (2, 2),
    )
    z = np.linspace(-5, 5, 20_001)
    log_e = norm.logpdf(z[:, None], mean.numpy(), scale)
    log_q = logsumexp(log_e, axis=1) - log(16)
    truth = (np.exp(log_e) * (log_e - log_q[:, None])).sum() * (z[1] - z[0]) / 16
    largest = (0.5 * (scale**2 + mean.numpy() ** 2 - 1) - log(scale)).max()
    return model, truth, largest


def drawn(seed, n=N):
    return IMAGES[np.random.default_rng(seed).integers(0, 16, n)]


@pytest.mark.parametrize("make", [table_model, gaussian_model])
@pytest.mark.parametrize("known", [True, False])
def test_intervals_cover_the_information_and_are_shorter_than_the_trivial_one(make, known):
    model, truth, largest = make()[:3]
    settings = {"entropy": H if known else None, "largest_rate": float(largest) + 1e-6}
    found = [information_interval(model, drawn(seed), seed=seed, **settings) for seed in range(TRIALS)]
    covered = np.mean([f.lower <= truth <= f.upper for f in found])
    assert covered >= 0.95
    lengths = np.array([f.upper - f.lower for f in found])
    assert lengths.mean() < min(H, float(largest))
    if known and make is table_model:
        assert {f.side for f in found} == {"H - D"}
        seen = H - mixed_distortion(make()[3])
        assert np.mean([f.lower <= seen for f in found]) >= 0.95
        assert np.mean([f.lower for f in found]) > seen - 0.6


def test_the_chances_to_miss_add_up_to_what_is_left_of_the_level(monkeypatch):
    spent = []

    def recorded(values, low, high, miss, upper=False):
        spent.append(miss)
        return bounded_mean_limit(values, low, high, miss, upper=upper)

    monkeypatch.setattr(intervals, "bounded_mean_limit", recorded)
    model, _, largest = gaussian_model()
    settings = {"largest_rate": float(largest) + 0.01, "level": 0.9}
    information_interval(model, drawn(0), **settings)
    assert spent == pytest.approx([0.05, 0.05])
    spent.clear()
    information_interval(model, drawn(0), entropy=H, **settings)
    assert sum(spent) == pytest.approx(0.1)
    assert len(spent) == 3


def test_images_in_the_order_of_their_classes_make_the_same_limits_as_shuffled_ones():
    """Sorted by how dear they are, they would fool whoever bets on them in turn."""
    model, truth, largest, _ = table_model()
    rng = np.random.default_rng(5)
    images = drawn(5, 2000)
    model.decoder = lambda z: Independent(
        Bernoulli(probs=0.5 + 0.47 * (z[:, :8].sum(1) > 0).float()[:, None, None].expand(-1, 2, 2)), 2
    )
    dear = images[np.argsort(images.reshape(2000, -1).sum(1), kind="stable")]
    limits = [
        information_interval(model, x, entropy=H, largest_rate=float(largest) + 1e-6, seed=2)
        for x in (dear, dear[rng.permutation(2000)])
    ]
    assert limits[0].lower == pytest.approx(limits[1].lower, abs=0.3)
    assert limits[0].upper == pytest.approx(limits[1].upper, abs=0.05)
    assert all(limit.lower <= truth <= limit.upper for limit in limits)


def test_a_rate_of_single_draws_has_no_upper_side():
    model = models.family("--v", image_shape=(8, 8), width=0.25, latent_dim=2, pseudo_inputs=3)
    images = np.random.default_rng(0).random((64, 8, 8)) < 0.5
    with pytest.raises(ValueError, match=r"largest_rate: expected a model whose KL.* has a closed form"):
        information_interval(model, images, largest_rate=50.0)
    assert information_interval(model, images).upper == inf


def test_the_limits_close_in_on_the_sandwich():
    """With many images: the upper one on R, the lower one on the better of H - D and the bound by pairs."""
    model, truth, largest, exactly = table_model()
    found = information_interval(model, drawn(3, 100_000), entropy=H, largest_rate=float(largest) + 1e-6)
    assert exactly.rate < found.upper < exactly.rate + 0.03
    assert found.lower <= truth
    seen = H - mixed_distortion(exactly)
    assert seen - 0.1 < found.lower < seen < truth


def test_the_upper_side_needs_an_assumption():
    model, _, largest = gaussian_model()
    free = information_interval(model, drawn(0, 3200))
    assert (free.upper, free.assumes) == (inf, ())
    assert "inf nats (95%, Bhattacharyya, n = 3200)" in str(free)
    with pytest.raises(ValueError, match=r"largest_rate: expected one that no image exceeds, .* got 0.5 beside"):
        information_interval(model, drawn(0), largest_rate=0.5)
    assumed = information_interval(model, drawn(0), entropy=H, largest_rate=float(largest) + 0.01)
    assert "if no rate exceeds 3.41837 and H = 2.77259" in str(assumed)


def affinities(model):
    """B(x, x') of all 16 images, ``[16, 16]``, and I: by sums over codes, or quadrature."""
    x = torch.from_numpy(IMAGES).float()
    e = model.encoder(x)
    if isinstance(e, OneHotCategorical):
        log_e, cell = e.logits.double().numpy(), 1.0
    else:
        z = torch.linspace(-5, 5, 20_001)[:, None, None]
        log_e, cell = e.log_prob(z).double().numpy().T, 10 / 20_000
    root = np.exp(log_e / 2)
    return root @ root.T * cell


@pytest.mark.verifies("thm-truth-pairs")
@pytest.mark.parametrize("make", [table_model, gaussian_model])
def test_the_bound_by_pairs_is_unbiased_and_below_the_information(make):
    model, truth = make()[:2]
    exactly = affinities(model)
    for i, j in [(0, 1), (3, 12), (5, 5)]:
        pairs = np.tile(IMAGES[[i, j]], (4000, 1, 1))
        found = intervals._terms(model, pairs, seed=1)[2]
        error = found.std() / len(found) ** 0.5
        assert found.mean() == pytest.approx(exactly[i, j], abs=4 * error + 1e-6)
        assert 0 <= found.min() <= found.max() <= 1
    bound = -np.log(exactly.mean())
    assert bound <= -np.log(exactly.mean(1)).mean() <= truth
    found = information_interval(model, drawn(1, 40_000))
    assert bound - 0.05 < found.lower < bound


@pytest.mark.parametrize("n", [255, 256, 257, 513])
def test_every_image_is_measured_and_every_pair_within_a_batch_counts(n):
    """Also where one is left over: pairs of equal images have B = 1, and neighbours of other pairs would not."""
    images = np.repeat(IMAGES[np.arange(257) % 16], 2, axis=0)[:n]
    rate, log_d, pairs = intervals._terms(gaussian_model()[0], images, seed=0)
    assert (len(rate), len(log_d)) == (n, n)
    assert pairs == pytest.approx(np.ones(n // 2))


def test_codes_that_never_meet_certify_about_the_logarithm_of_the_pairs():
    """A code of 40 coins without noise, I = 27.7 nats: n / 2 zeros exclude means that would show with 97.5 %."""
    images = np.random.default_rng(0).random((2000, 5, 8)) < 0.5
    model = models.VAE(
        lambda x: Independent(Normal(40 * x.flatten(1), 1.0), 1),
        lambda z: Independent(Bernoulli(logits=z.view(-1, 5, 8)), 2),
        models.StandardNormal(40),
        (5, 8),
    )
    found = information_interval(model, images).lower
    assert log(1000 / log(40)) - 0.3 < found <= log(1000 / log(40))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"level": 1.0}, "level: expected a share between 0 and 1, got 1.0"),
        ({"images": drawn(0, 1)}, "images: expected at least two, for a pair, got 1"),
    ],
)
def test_settings_that_make_no_interval(settings, message):
    with pytest.raises(ValueError, match=message):
        information_interval(gaussian_model()[0], **{"images": drawn(0)} | settings)


def test_a_density_has_no_entropy_side():
    model = gaussian_model()[0]
    dense = models.VAE(
        model.encoder, lambda z: Independent(Normal(z[:, :, None].expand(-1, 2, 2), 1.0), 2), model.marginal, (2, 2)
    )
    with pytest.raises(ValueError, match="entropy: expected a decoder of binary pixels beside it, got a Independent"):
        information_interval(dense, drawn(0), entropy=H)


# limits of means


@pytest.mark.parametrize("upper", [False, True])
@pytest.mark.parametrize("n", [5, pytest.param(50, marks=pytest.mark.full), 500])
@pytest.mark.parametrize("name", ["rare", "coin", "uniform"])
def test_limits_of_means_miss_as_rarely_as_they_say(name, n, upper):
    """1 000 samples: at 10 % the misses stay within 10 % and three errors; rare values fool every normal interval."""
    rng = np.random.default_rng(n)
    sample, truth = {
        "rare": (lambda: 10.0 * (rng.random(n) < 0.01), 0.1),
        "coin": (lambda: 10.0 * (rng.random(n) < 0.5), 5.0),
        "uniform": (lambda: rng.uniform(0, 10, n), 5.0),
    }[name]
    missed = 0
    for _ in range(1000):
        limit = bounded_mean_limit(sample(), 0.0, 10.0, 0.1, upper=upper)
        missed += limit < truth if upper else limit > truth
    assert missed / 1000 <= 0.1 + 3 * np.sqrt(0.09 / 1000)


def test_limits_shrink_with_the_spread_and_the_number():
    rng = np.random.default_rng(0)
    wide, narrow = rng.uniform(0, 1, 20_000), rng.uniform(0.45, 0.55, 20_000)
    gaps = [0.5 - bounded_mean_limit(values, 0, 1, 0.05) for values in (wide[:200], wide, narrow)]
    assert gaps[0] > 5 * gaps[1] > 5 * 2 * gaps[2] > 0
    normal = 1.645 * np.sqrt(1 / 12 / 20_000)
    assert gaps[1] < 3 * normal


def test_an_upper_limit_is_the_lower_one_of_the_mirror():
    values = np.random.default_rng(2).beta(2, 5, 100)
    upper = bounded_mean_limit(values, -1, 3, 0.05, upper=True)
    assert upper == pytest.approx(2 - bounded_mean_limit(2 - values, -1, 3, 0.05), abs=1e-12)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: bounded_mean_limit([0.5, 1.5], 0, 1, 0.05), "values: expected them between 0 and 1, got 0.5 to 1.5"),
        (lambda: bounded_mean_limit([], 0, 1, 0.05), r"values: expected one or more, of shape \[n\], got \[0\]"),
        (lambda: bounded_mean_limit([0.5], 0, 1, 0.0), "miss: expected a probability between 0 and 1, got 0.0"),
    ],
)
def test_values_that_have_no_limit(call, message):
    with pytest.raises(ValueError, match=message):
        call()
