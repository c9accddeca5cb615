"""Annealed importance sampling against exact likelihoods, and its transitions against what they leave invariant."""

import numpy as np
import pytest
import torch
from scipy import special, stats
from test_iwae import IMAGES, SHAPE, log_joint, small
from torch.distributions import Bernoulli, Independent, Normal

from companion import data, measure, models
from companion.measure.annealing import AnnealingPath, sigmoidal_schedule
from companion.measure.hamiltonian import Point, transition, tuned_step_sizes
from companion.models import draw, generator
from companion.models.draws import seeded
from companion.stats import as_float64

CUBE = np.array(np.meshgrid([0, 1], [0, 1], [0, 1], indexing="ij")).reshape(3, 8).T.astype(bool)
COPIES = 300
STARTS = ("marginal", "encoder")


def gaussian(mean, scale):
    return Independent(Normal(mean, scale), 1)


def linear():
    """A linear model with active dimensions, and the density of its data."""
    model = models.LinearVAE(6, latent_dim=3, noise=0.25, seed=1)
    with torch.no_grad():
        model.decoder.weight.mul_(4)
    weight = as_float64(model.decoder.weight)
    return model, stats.multivariate_normal(cov=weight @ weight.T + 0.25 * np.eye(6))


def tiny(bend=3.0):
    """Three binary pixels of one code, in double precision: a posterior of one or two modes, and a poor encoder."""
    weight = torch.tensor([1.0, -1.0, 0.5], dtype=torch.float64)

    def decoder(z):
        return Independent(Bernoulli(logits=bend * (z**2 - 1) * weight + z * weight.roll(1)), 1)

    def encoder(x):
        x = x.double()
        return gaussian(0.5 * (x.sum(1, keepdim=True) - 1.5), torch.full((len(x), 1), 0.8, dtype=torch.float64))

    one = torch.ones(1, dtype=torch.float64)
    return models.VAE(encoder, decoder, lambda: gaussian(0 * one, one), (3,))


def likelihoods(model, images=CUBE):
    """p(x) of each image of a model with one code dimension, by the trapezoidal rule."""
    grid = torch.linspace(-12, 12, 24_001, dtype=torch.float64)[:, None]
    m = model.marginal().log_prob(grid).exp() * 0.001
    x = torch.from_numpy(images).double()
    return np.array([(m * model.decoder(grid).log_prob(each.expand(len(grid), 3)).exp()).sum() for each in x])


def test_the_tiny_models_likelihoods_are_exact():
    assert likelihoods(tiny()).sum() == pytest.approx(1, abs=1e-10)


def test_a_linear_model_meets_its_exact_likelihood():
    model, density = linear()
    x = density.rvs(50, random_state=0).astype(np.float32)
    found = measure.annealed(model, x, chains=64, temperatures=300, leapfrogs=5, batch_size=3200)
    exact = density.logpdf(x)
    assert found.value == pytest.approx(exact.mean(), abs=0.05)
    assert np.abs(found.each - exact).max() < 0.7
    assert found.effective.mean() > 20
    assert found.acceptance == pytest.approx(0.65, abs=0.05)
    assert found.se == pytest.approx(stats.sem(found.each))


@pytest.mark.parametrize("start", STARTS)
def test_the_two_bounds_hold_the_exact_likelihood_between_them(start):
    model, density = linear()
    found = measure.bidirectional(model, 60, chains=8, temperatures=30, leapfrogs=3, start=start)
    exact = density.logpdf(found.images)
    below, above = exact - found.forward.each, found.reverse.each - exact
    assert below.mean() > 3 * stats.sem(below)  # so few temperatures leave a gap on both sides
    assert above.mean() > 3 * stats.sem(above)
    assert found.gap == pytest.approx((below + above).mean())
    assert found.gap_se == pytest.approx(stats.sem(below + above))
    finer = measure.bidirectional(model, 60, chains=8, temperatures=150, leapfrogs=3, start=start)
    assert finer.gap < found.gap / 3


def test_where_the_encoder_is_the_posterior_one_step_is_exact():
    model, density = linear()
    weight = model.decoder.weight.detach().double()
    covariance = torch.linalg.inv(torch.eye(3) + weight.T @ weight / 0.25)

    def posterior(x):
        mean = x.double() @ (covariance @ weight.T / 0.25).T
        return torch.distributions.MultivariateNormal(mean.float(), covariance.float())

    exact = models.VAE(posterior, model.decoder, model.marginal, (6,))
    x = density.rvs(10, random_state=0).astype(np.float32)
    found = measure.annealed(exact, x, chains=4, temperatures=2, start="encoder")
    assert found.each == pytest.approx(density.logpdf(x), abs=1e-3)
    assert found.effective == pytest.approx(4, abs=1e-3)
    assert np.isnan(found.acceptance)
    both = measure.bidirectional(exact, 10, chains=2, temperatures=5, start="encoder")
    assert both.gap == pytest.approx(0, abs=1e-3)


@pytest.mark.verifies("thm-truth-ais")
@pytest.mark.parametrize("start", STARTS)
@pytest.mark.parametrize("temperatures", [2, 4])
def test_the_mean_weight_is_unbiased_and_its_logarithm_is_below(start, temperatures):
    model = tiny()
    truth = np.repeat(likelihoods(model), COPIES)
    images = np.repeat(CUBE, COPIES, 0)
    found = measure.annealed(
        model, images, chains=4, temperatures=temperatures, leapfrogs=3, start=start, batch_size=10_000
    )
    ratio = (np.exp(found.each) / truth).reshape(8, COPIES)
    error = stats.sem(ratio, axis=1)
    assert (np.abs(ratio.mean(1) - 1) < 4 * error).all()
    assert abs(ratio.mean() - 1) < 4 * stats.sem(ratio.ravel()) < 0.1
    low = np.log(truth) - found.each
    assert low.mean() > 4 * stats.sem(low)


@pytest.mark.verifies("thm-truth-reverse")
@pytest.mark.parametrize("start", STARTS)
def test_reverse_weights_are_unbiased_for_the_inverse(start):
    """Over images x ~ p(x) and paths, E[p(x) / w] = 1, image by image as well."""
    model = tiny(bend=1.0)
    found = measure.bidirectional(
        model, 4000, chains=2, temperatures=4, leapfrogs=3, start=start, batch_size=10_000, seed=1
    )
    truth = likelihoods(model)[found.images @ [4, 2, 1]]
    assert np.bincount(found.images @ [4, 2, 1]) / 4000 == pytest.approx(likelihoods(model), abs=0.03)
    ratio = truth * np.exp(-found.reverse.each)
    assert abs(ratio.mean() - 1) < 4 * stats.sem(ratio) < 0.1
    high = found.reverse.each - np.log(truth)
    assert high.mean() > 4 * stats.sem(high)
    for image in range(8):
        some = ratio[found.images @ [4, 2, 1] == image]
        assert abs(some.mean() - 1) < 4 * stats.sem(some)
    forward = np.exp(found.forward.each) / truth
    assert abs(forward.mean() - 1) < 4 * stats.sem(forward) < 0.1


def test_two_temperatures_from_the_encoder_are_importance_weights():
    model, images = small("---", latent_dim=2), np.repeat(IMAGES, 300, 0)
    found = measure.annealed(model, images, chains=5, temperatures=2, start="encoder")
    bound = measure.iwae(model, images, 5)
    noise = 2**0.5 * stats.sem(found.each.reshape(4, 300), axis=1).mean() / 2  # of two independent means
    assert found.value == pytest.approx(bound.value, abs=4 * noise)


def pronounced(model):
    """The model with a decoder that tells codes apart, and an encoder at least as wide as the posterior."""
    x, z = torch.from_numpy(IMAGES[:1]).float(), draw(model.marginal(), generator(0), (50,))
    with torch.no_grad():
        model.encoder.variance.bias.add_(1.0)
        while model.decoder(z).log_prob(x.expand(50, *SHAPE)).std() < 0.7:
            for parameter in model.decoder.parameters():
                parameter.mul_(1.1)
    return model


def agrees(model, start, dim):
    """Many estimates of one image's likelihood are right on average."""
    _, joint, log_cell = log_joint(model, IMAGES[0], 161 if dim == 1 else 97, dim)
    copies, truth = np.repeat(IMAGES[:1], 32, 0), special.logsumexp(joint) + log_cell
    found = measure.annealed(model, copies, chains=8, temperatures=12, leapfrogs=2, start=start)
    ratio = np.exp(found.each - truth)
    assert abs(ratio.mean() - 1) < 4 * stats.sem(ratio) < 0.5
    assert ratio.std() > 0.01


@pytest.mark.parametrize(
    ("name", "start"), [("---", "marginal"), ("---", "encoder"), ("--v", "encoder"), ("-+v", "marginal")]
)
def test_families_meet_their_integral(name, start):
    agrees(pronounced(small(name)), start, 1)


@pytest.mark.parametrize(
    ("name", "conditioned", "start"),
    [
        ("--+", False, "marginal"),
        ("--+", False, "encoder"),
        ("+-+", True, "encoder"),
        ("+--", False, "marginal"),
        ("+-v", False, "encoder"),
    ],
)
def test_flows_of_two_dimensions_meet_their_integral(name, conditioned, start):
    """Shared, foreign and conditioned flows: the chains move before them, the integral is after them."""
    size = {"image_shape": SHAPE, "width": 0.25, "latent_dim": 2, "pseudo_inputs": 5}
    model = models.family(name, **size, conditioned=conditioned, seed=4)
    with seeded(0), torch.no_grad():
        for part in (model.encoder, model.marginal):
            for made in part.flow.steps if hasattr(part, "flow") else ():
                made.last.weight.normal_(std=0.3)
    agrees(pronounced(model), start, 2)
    with torch.no_grad():
        z, m, x = draw(model.marginal(), generator(1), (4,)), model.marginal(), torch.from_numpy(IMAGES).float()
        at = AnnealingPath(model, m, x, start).at(z, 3)
        joint = m.log_prob(z) + model.decoder(z).log_prob(x)
    assert as_float64(at.log_f(1.0)) == pytest.approx(as_float64(joint.expand(3, 4)), abs=1e-4)


def correlated(u):
    """A Gaussian of deviations 1 and 0.5 and correlation 0.6, times another one."""
    precision = torch.tensor([[1.0, 0.0], [0.0, 1.0]], dtype=u.dtype)
    more = torch.linalg.inv(torch.tensor([[1.0, 0.3], [0.3, 0.25]], dtype=u.dtype)) - precision
    return -0.5 * ((u @ precision) * u).sum(-1), -0.5 * ((u @ more) * u).sum(-1)


@pytest.mark.parametrize("leapfrogs", [1, 2, 5])
def test_a_transition_leaves_its_target_invariant(leapfrogs):
    rng, n = generator(leapfrogs), 100_000
    covariance = torch.tensor([[1.0, 0.3], [0.3, 0.25]], dtype=torch.float64)
    root = torch.linalg.cholesky(covariance)
    point = start = Point.of(correlated, torch.randn(n, 1, 2, generator=rng, dtype=torch.float64) @ root.T)
    size, scale = torch.full((1,), 0.8, dtype=torch.float64), torch.tensor([1.0, 0.7], dtype=torch.float64)
    for _ in range(4):
        point, probability = transition(correlated, point, 1.0, size, scale, leapfrogs, rng)
    assert 0.3 < probability.mean() < 0.97  # so that rejection matters
    u, before = point.u[:, 0], start.u[:, 0]
    assert np.corrcoef(u[:, 0], before[:, 0])[0, 1] < 0.9  # and the chains do move
    assert as_float64(u.mean(0)) == pytest.approx(0, abs=4 * n**-0.5)
    found = np.cov(u.T)
    error = np.sqrt((np.outer(np.diag(covariance), np.diag(covariance)) + as_float64(covariance) ** 2) / n)
    assert (np.abs(found - as_float64(covariance)) < 4 * error).all()
    assert stats.kstest(u[:, 1] / 0.5, "norm").pvalue > 1e-3
    assert torch.equal(point.log_r, Point.of(correlated, point.u).log_r)
    assert torch.equal(point.slope_r, Point.of(correlated, point.u).slope_r)


def test_a_trajectory_that_runs_to_infinity_stays_where_it_was():
    point = Point.of(correlated, torch.ones(3, 1, 2))
    end, probability = transition(correlated, point, 1.0, torch.full((1,), 1e30), torch.ones(1), 5, generator(0))
    assert torch.equal(end.u, point.u)
    assert (probability == 0).all()


def test_pilot_sizes_follow_each_image_to_the_acceptance_that_is_asked():
    narrow = torch.tensor([1.0, 25.0])

    def path(u):
        return -0.5 * u.square().sum(-1), -0.5 * (narrow**2 - 1) * u.square().sum(-1)

    times = sigmoidal_schedule(200)[1:].tolist()
    start = Point.of(path, torch.randn(4, 2, 3, generator=generator(0)))
    sizes = tuned_step_sizes(path, start, times, torch.ones(1), 5, generator(1))
    assert sizes.shape == (199, 2)
    late = sizes[-50:].log().mean(0).exp()
    assert late[0] / late[1] == pytest.approx(25, rel=0.3)
    assert sizes[0, 0] / sizes[0, 1] < 5


def test_the_schedule_is_symmetric_and_ends_at_0_and_1():
    times = sigmoidal_schedule(7)
    assert (times[0], times[-1]) == (0, 1)
    assert times + times[::-1] == pytest.approx(1)
    assert (np.diff(times) > 0).all()
    assert times[1] < 1 / 6
    assert sigmoidal_schedule(2).tolist() == [0, 1]


OPTIONS = {"chains": 3, "temperatures": 5, "leapfrogs": 2}


def test_the_same_seed_gives_the_same_numbers_in_any_mode_and_leaves_torch_alone():
    model, x = small("---", latent_dim=2), IMAGES
    before = torch.get_rng_state()
    first = measure.annealed(model.train(), x, **OPTIONS)
    again = measure.annealed(model.eval(), x, **OPTIONS)
    assert again == first
    assert (again.each == first.each).all()
    assert measure.annealed(model, x, **OPTIONS, seed=1).value != first.value
    both = [measure.bidirectional(model, 3, **OPTIONS) for _ in range(2)]
    assert both[0] == both[1]
    assert torch.equal(before, torch.get_rng_state())
    assert all(parameter.grad is None for parameter in model.parameters())
    assert str(first).startswith(f"AIS {first.value:.2f} ± {first.se:.2f} nats, n = 4 (3 chains, 5 temperatures from")
    assert str(both[0]).endswith("nats, n = 3")


def test_the_size_of_a_batch_changes_nothing_but_the_random_numbers():
    model, images = tiny(), np.repeat(CUBE[:2], 400, 0)
    truth = likelihoods(model)[[0, 1]]
    each = [measure.annealed(model, images, **OPTIONS, batch_size=size).each for size in (120, 5000)]
    assert not (each[0] == each[1]).any()
    for found in each:
        ratio = np.exp(found).reshape(2, 400).mean(1) / truth
        assert ratio == pytest.approx(1, abs=0.1)
    assert stats.ks_2samp(each[0][:400], each[1][:400]).pvalue > 1e-3


def test_chains_beyond_a_batch_go_image_by_image():
    found = measure.annealed(tiny(), CUBE[:3], chains=20, temperatures=3, leapfrogs=1, batch_size=4)
    assert found.each.shape == (3,)
    one = measure.annealed(tiny(), CUBE[:1], chains=1, temperatures=3, leapfrogs=1)
    assert one.se == np.inf
    assert one.effective == pytest.approx(1)


def test_a_bar_counts_every_transition(capsys):
    measure.bidirectional(tiny(), 4, **OPTIONS, batch_size=6, progress=True)
    assert "/78" in capsys.readouterr().err  # two batches of a pilot run's 30 + 3, and 3 each way
    measure.annealed(tiny(), CUBE, **OPTIONS)
    assert capsys.readouterr().err == ""


def unfit(change):
    """The tiny model with another decoder or marginal."""
    model = tiny()
    return models.VAE(model.encoder, change.get("decoder", model.decoder), change.get("marginal", model.marginal))


def logits(of):
    return lambda z: Independent(Bernoulli(logits=of(z).expand(len(z), 3), validate_args=False), 1)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"chains": 0}, "chains: expected a whole number, 1 or more, got 0"),
        ({"temperatures": 1}, "temperatures: expected a whole number, 2 or more, got 1"),
        ({"leapfrogs": 0}, "leapfrogs: expected a whole number, 1 or more, got 0"),
        ({"batch_size": 0.5}, "batch_size: expected a whole number, 1 or more, got 0.5"),
        ({"start": "prior"}, "start: expected one of marginal, encoder, got 'prior'"),
    ],
)
def test_settings_that_make_no_path_are_refused(options, message):
    for call in (
        lambda: measure.annealed(tiny(), CUBE, **options),
        lambda: measure.bidirectional(tiny(), 2, **options),
    ):
        with pytest.raises(ValueError, match=message):
            call()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"decoder": logits(lambda z: (z > 0).double())},
            r"model.decoder: expected log d\(x\|z\) with a derivative in z",
        ),
        ({"decoder": logits(lambda z: z.detach())}, "model.decoder: expected"),
        (
            {"decoder": logits(lambda z: torch.where(z > 1, torch.nan, z))},
            "model: expected finite log weights, got .* nan",
        ),
        ({"marginal": lambda: Independent(Bernoulli(torch.full((1,), 0.5)), 1)}, "without discrete parts"),
        ({"marginal": lambda: Normal(torch.zeros(1), 1.0)}, r"event shape \[k\], got batch shape \[1\]"),
    ],
)
def test_models_without_a_path_are_refused(change, message):
    with pytest.raises(ValueError, match=message):
        measure.annealed(unfit(change), CUBE, **OPTIONS)


def test_images_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="images: expected at least one"):
        measure.annealed(tiny(), CUBE[:0])
    with pytest.raises(ValueError, match=r"x: expected images of shape \[n, 3\], got \[8, 2\]"):
        measure.annealed(tiny(), CUBE[:, :2])
    with pytest.raises(ValueError, match=r"images: expected shape \[n, 3\], as the decoder's, got \[8, 2\]"):
        measure.annealed(unfit({}), CUBE[:, :2])
    with pytest.raises(ValueError, match="x: expected binary pixels"):
        measure.annealed(unfit({}), CUBE / 2)
    with pytest.raises(ValueError, match="n: expected a whole number, 1 or more, got 0"):
        measure.bidirectional(tiny(), 0)


def test_a_code_with_categories_is_refused():
    model = models.family("---", image_shape=(8, 8), width=0.25, latent_dim=2, categories=3, dense=True)
    with pytest.raises(ValueError, match="without discrete parts, which have no slopes, got GaussianCategorical"):
        measure.annealed(model, data.load("digits").test[:2])


def test_a_decoder_that_ignores_the_code_is_a_model():
    model = unfit({"decoder": logits(lambda z: torch.zeros_like(z).detach())})
    found = measure.annealed(model, CUBE, **OPTIONS)
    assert found.each == pytest.approx(-3 * np.log(2))
    assert draw(model.marginal(), generator(0), (2,)).shape == (2, 1)
