import numpy as np
import pytest
from scipy import stats

from companion.exact import tables


def joints(shape, count=200):
    """Random joint tables, some with zeros."""
    rng = np.random.default_rng(0)
    for i in range(count):
        table = rng.gamma(0.5, size=shape) * (rng.random(shape) > 0.3 * (i % 2))
        yield table / table.sum()


def test_sums_agree_with_scipy():
    for joint in joints((12,)):
        other = np.random.default_rng(1).dirichlet(np.ones(12))
        assert tables.entropy(joint) == pytest.approx(stats.entropy(joint), abs=1e-12)
        assert tables.kl(joint, other) == pytest.approx(stats.entropy(joint, other), abs=1e-12)
        assert tables.cross_entropy(joint, other) == pytest.approx(-(joint * np.log(other)).sum(), abs=1e-12)


def test_information_is_what_the_entropies_leave():
    for joint in joints((3, 5)):
        parts = tables.entropy(joint.sum(0)) + tables.entropy(joint.sum(1)) - tables.entropy(joint)
        assert tables.mutual_information(joint) == pytest.approx(parts, abs=1e-12)
        assert tables.total_correlation(joint) == pytest.approx(parts, abs=1e-12)
    for joint in joints((2, 3, 4)):
        singles = sum(tables.entropy(joint.sum(others)) for others in ((1, 2), (0, 2), (0, 1)))
        assert tables.total_correlation(joint) == pytest.approx(singles - tables.entropy(joint), abs=1e-12)


def test_missed_support_costs_infinity_and_never_nan():
    assert tables.kl(np.array([0.5, 0.5]), np.array([0.0, 1.0])) == np.inf
    assert tables.cross_entropy(np.array([0.5, 0.5]), np.array([0.0, 1.0])) == np.inf
    assert tables.kl(np.array([0.0, 1.0]), np.array([0.0, 1.0])) == 0


@pytest.mark.parametrize(
    ("values", "ndim", "message"),
    [
        ([], 1, "p: expected a non-empty array of 1 dimensions"),
        ([[0.5, 0.5]], 1, r"p: expected a non-empty array of 1 dimensions, got shape \(1, 2\)"),
        ([-0.1, 1.1], 1, "p: expected probabilities, finite and 0 or more, got -0.1 to 1.1"),
        ([np.nan, 1.0], 1, "p: expected probabilities, finite and 0 or more"),
        ([np.inf, 1.0], 1, "p: expected probabilities, finite and 0 or more"),
        ([0.5, 0.4], 1, "p: expected sums of one along the last axis, got one that misses by 0.1"),
        ([[1.0, 0.0], [0.5, 0.6]], 2, "p: expected sums of one along the last axis, got one that misses by 0.1"),
    ],
)
def test_tables_that_are_no_distributions_are_refused(values, ndim, message):
    with pytest.raises(ValueError, match=f"^{message}"):
        tables.check_distribution("p", values, ndim)


def test_wrong_shapes_are_named():
    with pytest.raises(ValueError, match=r"encoder: expected shape \(2, 3\), got \(3, 2\)"):
        tables.check_shapes(encoder=(np.zeros((3, 2)), (2, 3)))
