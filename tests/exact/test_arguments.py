"""What the exact functions take: numbers of any exact type, and the defaults that their docstrings promise."""

import inspect
from fractions import Fraction

import numpy as np
import pytest

from companion import exact
from companion.exact.mixtures import m_step

ENCODER = [[0.5, 0.25, 0.25], [0.0, 0.75, 0.25]]
PRIOR = [0.25, 0.5, 0.25]
JOINT = [[[0.125, 0.25], [0.0, 0.125]], [[0.25, 0.0], [0.125, 0.125]]]
POINTS = [[0.5], [1.25], [-2.0]]


@pytest.mark.parametrize(
    "call",
    [
        lambda of: exact.elbo_surgery(of(ENCODER), [of(PRIOR)]).rate,
        lambda of: exact.elbo_forms(ENCODER, [PRIOR], of(ENCODER)).split,
        lambda of: exact.marginal_mutual_information(of(JOINT), "AC"),
        lambda of: exact.linear_beta_vae(of([4.0, 1.0, 0.25]), beta=2.0, noise=0.5).elbo,
        lambda of: exact.water_filling(of([4.0, 1.0, 0.25]), 0.5),
        lambda of: exact.GaussianMixture(of([0.25, 0.75]), of([[0.0], [1.0]]), of([[[2.0]], [[1.0]]])).log_prob(
            [[0.5]]
        ),
        lambda of: exact.random_initialisation(of(POINTS), 2).covariances,
        lambda of: exact.blahut_arimoto(of([0.25, 0.75]), of([[0.0, 1.0], [0.5, 0.0]]), 2.0).rate,
        lambda of: exact.hull_distortion(of([0.0, 2.0, 1.0]), of([4.0, 1.0, 1.5]), 0.5),
    ],
)
def test_fractions_are_as_good_as_the_numbers_they_are(call):
    np.testing.assert_array_equal(call(np.vectorize(Fraction)), call(np.array))


def test_a_mixture_of_lists_holds_arrays():
    mixture = exact.GaussianMixture([0.25, 0.75], [[0], [1]], [[[2]], [[1]]])
    for part, shape in ((mixture.weights, (2,)), (mixture.means, (2, 1)), (mixture.covariances, (2, 1, 1))):
        assert (part.dtype, part.shape) == (np.float64, shape)


def test_the_m_steps_floor_leaves_the_variance_of_common_data_alone():
    """Of -1 and 1 it is 1, of -0.01 and 0.01 it is 1e-4, and of one point the floor, 1e-6."""
    for reach, variance in ((1.0, 1.0), (0.01, 1e-4), (0.0, 1e-6)):
        assert m_step([[-reach], [reach]], np.ones((2, 1))).covariances.item() == pytest.approx(variance)


def test_a_random_start_has_seed_zero_where_none_is_given():
    x = np.arange(50.0)[:, None]
    means = [exact.random_initialisation(x, 5, *seed).means.tolist() for seed in ((), (0,), (1,))]
    assert means[0] == means[1] != means[2]


def test_pairs_of_given_information_are_gaussian_unless_asked_otherwise():
    assert exact.CorrelatedGaussians.from_information(2, 1.0) == exact.CorrelatedGaussians(
        2, np.sqrt(1 - np.exp(-1.0)), sinh_transformed=False
    )


def test_a_frontier_is_searched_as_each_of_its_points_is():
    whole, single = (inspect.signature(call).parameters for call in (exact.frontier, exact.blahut_arimoto))
    for name in ("tolerance", "max_iterations"):
        assert whole[name].default == single[name].default
