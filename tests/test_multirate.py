"""One network for all betas: its gates against layers by hand, its members against ordinary VAEs, and its training."""

import copy
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn import functional

from companion import data, exact, learn, measure, results
from companion.models import VAE, LinearVAE, MultiRateVAE, family, generator
from companion.models.multirate import Gates
from companion.objectives import MultiRate, TrainingStep, beta_vae

RESULTS = Path(__file__).parents[1] / "book" / "results"
SHAPE = (8, 8)
MANY = learn.preset("laptop", "digits", objective="multi_rate", beta=0.2, span=5.0, steps=800)


def gated(name="---", seed=0):
    """A model whose gates are far from 1."""
    model = MultiRateVAE(family(name, image_shape=SHAPE, width=0.25, latent_dim=3), span=5.0)
    with torch.no_grad():
        for gate in model.gates.parameters():
            gate.copy_(torch.randn(gate.shape, generator=generator(seed, len(gate))) / 3)
        model.closing.copy_(torch.tensor([0.3, 5.0, 0.8]).log())
    return model


def images(n=4):
    return torch.rand(n, *SHAPE, generator=generator(1)).round()


@pytest.mark.parametrize(
    ("layer", "apply"),
    [
        (torch.nn.Linear(3, 5), functional.linear),
        (torch.nn.Conv2d(3, 5, 2), functional.conv2d),
        (torch.nn.ConvTranspose2d(3, 5, 2), functional.conv_transpose2d),
    ],
)
def test_gates_scale_the_channels_that_go_in_and_those_that_come_out(layer, apply):
    gates, shape = Gates(layer), (-1,) if isinstance(layer, torch.nn.Linear) else (-1, 1, 1)
    with torch.no_grad():
        gates.going_in.copy_(torch.randn(3, 2, generator=generator(0)))
        gates.coming_out.copy_(torch.randn(5, 2, generator=generator(1)))
        position = -0.7
        into, out = (
            (0.49 * gate[:, 1] - 0.7 * gate[:, 0]).exp().view(shape) for gate in (gates.going_in, gates.coming_out)
        )
        x = torch.randn(2, 3, *[4] * (len(shape) - 1), generator=generator(2))
        found = apply(x, *gates(layer.weight, layer.bias, position))
        torch.testing.assert_close(found, out * layer(into * x))


@pytest.mark.parametrize("name", ["---", "--v", "+-+", "-+-"])
@pytest.mark.parametrize("beta", [0.2, 0.7, 5.0])
def test_the_model_at_a_beta_is_an_ordinary_one_with_its_terms(name, beta):
    model = gated(name)
    plain = model.at(beta)
    assert type(plain) is VAE
    assert plain.state_dict().keys() == family(name, image_shape=SHAPE, width=0.25, latent_dim=3).state_dict().keys()
    with torch.no_grad():
        mine = model(images(), generator(3), beta=beta).terms
        theirs, middle = plain.terms(images(), generator(3)), model(images(), generator(3)).terms
    for term in ("log_e", "log_d", "log_m"):
        torch.testing.assert_close(getattr(mine, term), getattr(theirs, term), atol=1e-4, rtol=1e-5)
    assert (theirs.log_d - middle.log_d).abs().max() > 1e-3


def test_its_terms_are_those_at_the_centre():
    model = gated("--v")
    mine, theirs = (m.terms(images(), generator(3)) for m in (model, model.at(1.0)))
    for term in ("log_e", "log_d", "log_m"):
        torch.testing.assert_close(getattr(mine, term), getattr(theirs, term), atol=1e-4, rtol=1e-5)


def test_at_first_all_dimensions_are_open_below_the_centre_and_the_gates_are_1():
    begun = family("---", image_shape=SHAPE, width=0.25, latent_dim=3)
    kept, model = copy.deepcopy(begun), MultiRateVAE(begun, centre=2.0, span=5.0)
    assert model.closing.exp().tolist() == pytest.approx([20.0, 40**0.5, 2.0])
    log_d = model(images(), generator(3), beta=2.0 / 5.0).terms.log_d
    torch.testing.assert_close(log_d, kept.terms(images(), generator(3)).log_d, atol=0.1, rtol=0.01)


@pytest.mark.parametrize("beta", [0.2, 0.8, 5.0])
def test_a_dimension_closes_as_beta_passes_its_threshold(beta):
    """Its code is N(0, 1) whatever the image, and the decoder does not hear it; half way it is half open."""
    model = gated()
    with torch.no_grad():
        e = model.at(beta).encoder(images())
        open_share = 1 / (1 + (beta / torch.tensor([0.3, 5.0, 0.8])) ** 3)
        rate = 0.5 * (e.variance + e.mean**2 - 1 - e.variance.log()).mean(0)
        assert (rate[open_share < 0.01] < 1e-3).all()
        assert (rate[open_share > 0.4] > 1e-3).all()
        weights = model.weights_at(beta)
        model.closing.fill_(99.0)  # all open
        whole = model.weights_at(beta)
    for name, axis in (("encoder.mean.weight", 0), (f"{model.opening}.weight", 0)):
        found, opened = (w[name].movedim(axis, 0).flatten(1).norm(dim=1) for w in (weights, whole))
        torch.testing.assert_close(found / opened, open_share)
    variance = weights["encoder.variance.bias"] - open_share * whole["encoder.variance.bias"]
    torch.testing.assert_close(functional.softplus(variance / (1 - open_share)), torch.ones(3), atol=1e-3, rtol=0)


def test_models_without_dimensions_to_close_are_refused():
    with pytest.raises(ValueError, match=r"model: expected a Gaussian encoder, .* got LinearEncoder and LinearDecoder"):
        MultiRateVAE(LinearVAE(5, latent_dim=2))


def test_a_member_shares_no_weights_with_the_whole():
    model = gated()
    member, before = model.at(0.3), copy.deepcopy(model.state_dict())
    with torch.no_grad():
        for parameter in member.parameters():
            parameter.zero_()
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())


def test_gradients_reach_every_weight_and_gate():
    model = gated("--v")
    terms = model(images(), generator(3), beta=0.4).terms
    beta_vae(terms, 0.4).backward()
    assert all(parameter.grad is not None and parameter.grad.any() for parameter in model.parameters())


@pytest.mark.parametrize("beta", [0.19, 5.1, -1.0])
def test_betas_beyond_the_range_are_refused(beta):
    with pytest.raises(ValueError, match=f"beta: expected one from 0.2 to 5, as trained, got {beta}"):
        gated().at(beta)


@pytest.mark.parametrize("settings", [{"beta": 0.0}, {"span": 1.0}, {"span": float("inf")}])
def test_ranges_that_are_none_are_refused(settings):
    with pytest.raises(ValueError, match="beta, span: expected finite numbers above 0 and above 1, got"):
        MultiRate(**settings)
    with pytest.raises(ValueError, match="centre, span: expected"):
        MultiRateVAE(family("---", image_shape=SHAPE, width=0.1, latent_dim=2), centre=0.0)


def test_the_betas_of_the_steps_lean_to_the_small_ones():
    objective = MultiRate(beta=2.0, span=4.0)
    logs = torch.tensor([objective.beta_at(TrainingStep(i, 2000, 0, 1)) for i in range(2000)]).log2()
    assert -1 <= logs.min() < -0.99
    assert 2.99 < logs.max() <= 3
    for share in (0.25, 0.5, 0.75):
        found = (logs < -1 + 4 * share**2.2).double().mean().item()
        assert abs(found - share) < 4 * (share * (1 - share) / 2000) ** 0.5
    assert objective.label == "beta 0.5 to 8"


def test_training_finds_a_rate_for_every_beta_and_a_stored_run_is_the_same(tmp_path):
    trained = learn.train(MANY, out=tmp_path, progress=False).model
    stored, test = learn.load_run(tmp_path)[1], data.load("digits").test
    points = {beta: measure.evaluate(trained.at(beta), test) for beta in (0.04, 0.2, 1.0)}
    assert points[0.04] == measure.evaluate(stored.at(0.04), test)
    assert points[0.04].rate - 2 > points[0.2].rate > points[1.0].rate + 1
    for beta, point in points.items():  # none is beaten at its own price by a member for another
        assert point.distortion + beta * point.rate < 0.1 + min(p.distortion + beta * p.rate for p in points.values())
    assert measure.evaluate(trained, test).rate == pytest.approx(points[0.2].rate, rel=1e-5)


@pytest.mark.needs("mnist-static")
@pytest.mark.parametrize("beta", [0.1, 1.0, 10.0])
def test_a_member_of_the_kept_network_measures_what_its_row_says(beta):
    folder = RESULTS / "members" / "family---"
    config, model = learn.load_run(folder)
    assert (folder / "model.safetensors").stat().st_size < 1_500_000  # a page fetches it
    (row,) = (
        row
        for row in results.read_rows(RESULTS / "members.csv")
        if (row["beta"], row["split"], row["config_hash"]) == (beta, "test", config.hash)
    )
    test = data.load(config.data, config.binarise).test
    some = np.sort(np.random.default_rng(2).permutation(len(test))[:1000])  # the set is sorted by class
    point = measure.evaluate(model.at(beta), test[some], seed=1)
    assert abs(point.rate - row["rate"]) < 5 * np.hypot(point.rate_se, row["rate_se"])
    assert abs(point.elbo - row["elbo"]) < 5 * np.hypot(point.elbo_se, row["elbo_se"])


@pytest.mark.parametrize(("seed", "most"), [(0, 0.5), (1, 1.0), (2, 1.0)])
def test_one_network_lies_as_close_above_the_walks_as_the_page_says(seed, most):
    """At rates that both have, the hull of its members lies less above that of both walks of the same family."""
    chosen = "split == 'test' and family == '---'"
    walks, members = (results.load(RESULTS / f"{name}.csv").query(chosen) for name in ("paths", "members"))
    network = members.query(f"seed == {seed}")
    assert len(network) == 12
    pair = [frame[["rate", "distortion"]].to_numpy().T for frame in (network, walks)]
    rates = np.linspace(max(p[0].min() for p in pair), min(p[0].max() for p in pair), 500)
    mine, theirs = (exact.hull_distortion(*points, rates) for points in pair)
    assert (mine - theirs).max() < most
