"""The toy process of Alemi et al. (2018), its model by hand, and the panels of figure 2."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate, stats

from companion.exact import toy
from companion.exact.discrete import DiscreteModel
from companion.exact.tables import cross_entropy, entropy, kl, mutual_information
from companion.exact.toy import DISCRETISATIONS, ModelTables, optimal_toy_model, toy_panels, toy_process


def rate_and_distortion(model):
    joint = model.p_x[:, None] * model.encoder
    rate = mutual_information(joint) + kl(joint.sum(0), model.marginal)
    return rate, cross_entropy(joint, model.decoder.T)


@pytest.mark.parametrize(
    ("discretisation", "sigma", "entropy"), [("tails", 0.5984, 3.0184), ("centres", 0.6011, 3.0165)]
)
def test_noise_and_entropy_are_the_measured_ones(discretisation, sigma, entropy):
    process = toy_process(discretisation=discretisation)
    assert process.information == pytest.approx(0.5, abs=1e-14)
    assert process.sigma == pytest.approx(sigma, abs=5e-5)
    assert process.entropy == pytest.approx(entropy, abs=5e-5)
    assert process.centres.shape == (30,)
    np.testing.assert_allclose(process.centres[[0, 14, -1]], [-2.9, -0.1, 2.9])


def test_bins_hold_the_gaussians_mass_and_the_outer_ones_its_tails():
    process = toy_process()
    edges = np.linspace(-3, 3, 31)
    for mean, row in zip((-1, 1), process.conditional, strict=True):
        density = stats.norm(mean, process.sigma).pdf
        for i in (1, 12, 20, 28):
            assert row[i] == pytest.approx(integrate.quad(density, edges[i], edges[i + 1])[0], rel=1e-9)
        assert row[0] == pytest.approx(stats.norm(mean, process.sigma).cdf(edges[1]), rel=1e-12)
        assert row[-1] == pytest.approx(stats.norm(mean, process.sigma).sf(edges[-2]), rel=1e-12)
    np.testing.assert_allclose(process.conditional[0], process.conditional[1, ::-1], rtol=1e-12)
    mirrored = toy_process(bins=12).conditional  # edges without rounding, so no digit of either tail is lost
    np.testing.assert_array_equal(mirrored[0], mirrored[1, ::-1])


def test_centres_give_the_normalised_density():
    process = toy_process(discretisation="centres")
    density = stats.norm(1, process.sigma).pdf(process.centres)
    np.testing.assert_allclose(process.conditional[1], density / density.sum(), rtol=1e-12)


@settings(max_examples=40)
@given(
    st.integers(4, 40),
    st.floats(0.02, 0.95),
    st.floats(0.05, 0.95),
    st.sampled_from(DISCRETISATIONS),
    st.integers(2, 9),
)
def test_any_process_has_the_information_asked_for_and_a_model_on_the_line(bins, share, p0, discretisation, codes):
    """The model by hand has R = I(X; Z*) and D = H(X | Z*), so R + D = H, whatever the process."""
    prior = [p0, 1 - p0]
    information = share * entropy(np.array(prior))
    process = toy_process(bins, information, discretisation, prior)
    assert process.information == pytest.approx(information, abs=1e-9)
    np.testing.assert_allclose(process.p_x @ process.posterior, prior, atol=1e-12)
    np.testing.assert_allclose(process.posterior.sum(1), 1, atol=1e-12)
    rate, distortion = rate_and_distortion(optimal_toy_model(process, codes))
    assert rate == pytest.approx(information, abs=1e-9)
    assert rate + distortion == pytest.approx(process.entropy, abs=1e-9)


def random_joint(rng, bins, codes):
    """A joint table with some zeros, whose rows and columns all have mass."""
    joint = rng.dirichlet(np.full(bins * codes, 0.3)).reshape(bins, codes) + 1e-3 * (rng.random((bins, codes)) < 0.3)
    joint[np.arange(max(bins, codes)) % bins, np.arange(max(bins, codes)) % codes] += 1e-3
    return joint / joint.sum()


@pytest.mark.verifies("thm-toy-line")
@given(st.integers(2, 8), st.integers(1, 8), st.integers(0, 2**32 - 1))
def test_any_joint_with_the_data_as_its_marginal_is_a_model_on_the_line(bins, codes, seed):
    """Split p(x, z) into e, d and m: R = I(X; Z), D = H(X | Z), R + D = H; any other d or m adds two divergences."""
    rng = np.random.default_rng(seed)
    joint = random_joint(rng, bins, codes)
    p_x, p_z = joint.sum(1), joint.sum(0)
    encoder, decoder = joint / p_x[:, None], (joint / p_z).T

    def by_definition(d, m):
        """E log e(z|x) / m(z) and -E log d(x|z), summed entry by entry over what can happen."""
        cells = [(x, z) for x in range(bins) for z in range(codes) if joint[x, z] > 0]
        rate = sum(joint[x, z] * (np.log(encoder[x, z]) - np.log(m[z])) for x, z in cells)
        return rate, -sum(joint[x, z] * np.log(d[z, x]) for x, z in cells)

    rate, distortion = by_definition(decoder, p_z)
    assert rate == pytest.approx(entropy(p_z) + entropy(p_x) - entropy(joint), abs=1e-10)
    assert distortion == pytest.approx(entropy(joint) - entropy(p_z), abs=1e-10)
    assert rate + distortion == pytest.approx(entropy(p_x), abs=1e-10)
    assert (rate, distortion) == pytest.approx(rate_and_distortion(ModelTables(p_x, encoder, decoder, p_z)), abs=1e-10)
    for spread in (0.3, 1.0):
        other_d, other_m = rng.dirichlet(np.full(bins, spread), codes), rng.dirichlet(np.full(codes, spread))
        gap = kl(p_z, other_m) + sum(p_z[z] * kl(decoder[z], other_d[z]) for z in range(codes))
        assert sum(by_definition(other_d, other_m)) - entropy(p_x) == pytest.approx(gap, abs=1e-9)
        only_m, only_d = by_definition(decoder, other_m), by_definition(other_d, p_z)
        assert only_m == pytest.approx((rate + kl(p_z, other_m), distortion), abs=1e-9)  # each pays in its own bill
        assert only_d == pytest.approx((rate, distortion + gap - kl(p_z, other_m)), abs=1e-9)


@pytest.mark.verifies("thm-toy-class")
@given(st.integers(4, 12), st.integers(1, 8), st.floats(0.05, 0.55), st.integers(0, 2**32 - 1))
def test_a_code_knows_no_more_of_the_class_than_of_the_bin(bins, codes, information, seed):
    """I(Z; Z*) <= min(I(X; Z*), I(X; Z)) <= R for every model: the class is reached through the bin only."""
    process = toy_process(bins, information)
    rng = np.random.default_rng(seed)
    soft, hard = rng.dirichlet(np.full(codes, 0.2), bins), np.eye(codes)[rng.integers(codes, size=bins)]
    decoder, other = rng.dirichlet(np.ones(bins), codes), rng.dirichlet(np.ones(codes))
    for encoder in (soft, hard):
        joint = np.einsum("cx,xz->czx", process.joint, encoder)  # the class, the code and the bin together
        of_class = mutual_information(joint.sum(2))
        of_bin = mutual_information(joint.sum(0))
        assert of_class <= min(process.information, of_bin) + 1e-12
        for marginal in (other, process.p_x @ encoder):
            model = DiscreteModel(process.p_x, encoder, decoder, marginal)
            assert min(process.information, of_bin) <= model.rate + 1e-12
            assert of_class <= model.rate + 1e-12
    copied = mutual_information(process.joint @ np.eye(bins))  # a copy of the bin reaches the bound
    assert copied == pytest.approx(process.information, abs=1e-10)


def test_the_hand_made_codes_come_in_two_groups():
    process = toy_process()
    model = optimal_toy_model(process)
    assert [len(np.unique(rows, axis=0)) for rows in (model.decoder[:21], model.decoder[21:])] == [1, 1]
    np.testing.assert_allclose(model.encoder[:, :21].sum(1), process.posterior[:, 0])
    np.testing.assert_allclose(model.marginal, 1 / 30)
    assert rate_and_distortion(model) == pytest.approx((0.5, process.entropy - 0.5), abs=1e-9)
    assert mutual_information(process.joint @ model.encoder) == pytest.approx(0.3781, abs=5e-5)


@pytest.mark.parametrize(("p0", "codes", "first"), [(0.3, 3, 1), (0.05, 2, 1), (0.5, 6, 3), (0.95, 4, 3)])
def test_each_class_has_its_share_of_the_codes_and_one_at_least(p0, codes, first):
    model = optimal_toy_model(toy_process(information=0.1, p_z=(p0, 1 - p0)), codes)
    shares = [p0 / first] * first + [(1 - p0) / (codes - first)] * (codes - first)
    np.testing.assert_allclose(model.marginal, shares)


def test_panels_agree_with_sums_over_every_symbol():
    process = toy_process(bins=5)
    rng = np.random.default_rng(3)
    encoder, decoder, marginal = rng.dirichlet(np.ones(4), 5), rng.dirichlet(np.ones(5), 4), rng.dirichlet(np.ones(4))
    shown = toy_panels(process.p_x, process.posterior, encoder, decoder, marginal)
    p, classes = process.p_x, process.posterior
    given = {"p_x": p, "encoder": encoder, "decoder": decoder, "marginal": marginal}
    assert all(np.array_equal(getattr(shown, name), table) for name, table in given.items())
    for x in range(5):
        assert shown.generated[x] == pytest.approx(sum(marginal[z] * decoder[z, x] for z in range(4)))
        pairs = [(y, z) for y in range(5) for z in range(4)]
        assert shown.reconstructed[x] == pytest.approx(sum(p[y] * encoder[y, z] * decoder[z, x] for y, z in pairs))
        assert shown.reconstruction[0, x] == pytest.approx(sum(encoder[0, z] * decoder[z, x] for z in range(4)))
    for z in range(4):
        assert shown.aggregate[z] == pytest.approx(sum(p[x] * encoder[x, z] for x in range(5)))
        for c, weight in enumerate(process.p_z):
            share = sum(p[x] * classes[x, c] * encoder[x, z] for x in range(5)) / weight
            assert shown.class_aggregates[c, z] == pytest.approx(share)
    np.testing.assert_allclose(shown.class_weights, [0.7, 0.3])
    np.testing.assert_allclose(shown.class_weights @ shown.class_aggregates, shown.aggregate)


LEAST = mutual_information(np.array([[0.7], [0.3]]) * toy._conditional(30, toy.NOISE[1], "tails"))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"bins": 1}, "bins: expected at least 2, got 1"),
        ({"discretisation": "corners"}, "discretisation: expected one of tails, centres, got 'corners'"),
        ({"information": 0.62}, "information: expected between .* and 0.611 nats, got 0.62"),
        ({"information": 0.0}, "information: expected between"),
        ({"information": LEAST}, f"information: expected between {LEAST:.3g} and"),
        ({"bins": 2, "p_z": [0.5, 0.5], "information": np.log(2)}, "information: expected between .* and 0.693 nats"),
        ({"information": float("nan")}, "information: expected between"),
        ({"p_z": [0.7, 0.2]}, "p_z: expected sums of one"),
        ({"p_z": [0.5, 0.25, 0.25]}, r"p_z: expected shape \(2,\)"),
    ],
)
def test_impossible_processes_are_refused(options, message):
    with pytest.raises(ValueError, match=f"^{message}"):
        toy_process(**options)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"p_x": [0.5, 0.6]}, "p_x: expected sums of one"),
        ({"class_posterior": np.full((2, 2), 0.6)}, "class_posterior: expected sums of one"),
        ({"encoder": np.full((2, 3), 0.3)}, "encoder: expected sums of one"),
        ({"decoder": np.full((3, 2), 0.6)}, "decoder: expected sums of one"),
        ({"encoder": np.full((3, 3), 1 / 3)}, r"encoder: expected shape \(2, 3\), got \(3, 3\)"),
        ({"decoder": np.full((2, 2), 0.5)}, r"decoder: expected shape \(3, 2\), got \(2, 2\)"),
        ({"class_posterior": np.full((3, 2), 0.5)}, r"class_posterior: expected shape \(2, 2\)"),
        ({"class_posterior": np.array([[1.0, 0.0], [1.0, 0.0]])}, "class_posterior: expected every class to have data"),
        ({"marginal": np.array([1.5, -0.5, 0.0])}, "marginal: expected probabilities"),
    ],
)
def test_tables_that_do_not_fit_are_refused(changes, message):
    tables = {"encoder": np.full((2, 3), 1 / 3), "decoder": np.full((3, 2), 0.5), "marginal": np.full(3, 1 / 3)}
    with pytest.raises(ValueError, match=f"^{message}"):
        toy_panels(**{"p_x": [0.5, 0.5], "class_posterior": np.eye(2), **tables, **changes})


def test_a_model_of_one_code_cannot_hold_two_groups():
    with pytest.raises(ValueError, match="codes: expected at least 2, got 1"):
        optimal_toy_model(toy_process(), codes=1)
