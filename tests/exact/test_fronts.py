"""Fronts against brute force, SciPy's hull, and the minimisers of D + beta R."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial import ConvexHull

from companion.exact.fronts import excess, hull_distortion, lower_hull, pareto_front

POINTS = st.lists(st.tuples(st.integers(0, 8), st.integers(0, 8)), min_size=1, max_size=25)  # with many ties
CLOUDS = [np.random.default_rng(seed).random((60, 2)) * [160, 90] for seed in range(5)]


def dominates(a, b):
    return a[0] <= b[0] and a[1] <= b[1] and a != b


@given(POINTS)
def test_the_front_holds_each_point_that_no_other_dominates_once(points):
    front = pareto_front(*zip(*points, strict=True))
    chosen = [points[i] for i in front]
    assert chosen == sorted({p for p in points if not any(dominates(q, p) for q in points)})
    assert all(points.index(points[i]) == i for i in front)
    assert all(r < s and d > e for (r, d), (s, e) in pairwise(chosen))


@pytest.mark.verifies("thm-mnist-corners")
@given(POINTS)
def test_the_corners_are_the_points_that_alone_minimise_the_objective(points):
    """Slopes of integer points up to 8 are ratios of integers up to 8: betas between those ratios meet every corner."""
    slopes = sorted({a / b for a in range(1, 9) for b in range(1, 9)})
    betas = [slopes[0] / 2, *np.add(slopes[1:], slopes[:-1]) / 2, 2 * slopes[-1]]
    best = {min(points, key=lambda p, beta=beta: p[1] + beta * p[0]) for beta in betas}
    hull = lower_hull(*zip(*points, strict=True))
    assert [points[i] for i in hull] == sorted(best)
    assert set(hull) <= set(pareto_front(*zip(*points, strict=True)))
    assert all(points.index(points[i]) == i for i in hull)


@pytest.mark.parametrize("cloud", CLOUDS, ids=range(5))
def test_the_hull_is_the_lower_left_part_of_scipys(cloud):
    hull = ConvexHull(cloud)
    around = hull.vertices  # counterclockwise: from the leftmost point down to the lowest one
    start, end = (list(around).index(cloud[:, axis].argmin()) for axis in (0, 1))
    path = np.roll(around, -start)[: (end - start) % len(around) + 1]
    assert lower_hull(*cloud.T).tolist() == path.tolist()


def test_the_front_of_the_papers_points():
    rates, distortions = [0.0004, 6.2, 120.3, 156, 6.2, 30.0], [80.6, 74.1, 8.1, 4.8, 74.1, 81.0]
    assert pareto_front(rates, distortions).tolist() == [0, 1, 2, 3]
    assert lower_hull(rates, distortions).tolist() == [0, 1, 2, 3]


def test_one_point_and_points_in_a_line():
    assert pareto_front([3.0], [2.0]).tolist() == lower_hull([3.0], [2.0]).tolist() == [0]
    rates = np.arange(5.0)
    assert pareto_front(rates, 8 - 2 * rates).tolist() == [0, 1, 2, 3, 4]
    assert lower_hull(rates, 8 - 2 * rates).tolist() == [0, 4]
    assert lower_hull(rates, np.full(5, 2.0)).tolist() == [0]


@pytest.mark.parametrize("call", [pareto_front, lower_hull])
@pytest.mark.parametrize(
    ("rates", "distortions", "message"),
    [
        ([], [], r"distortions: expected the rates' shape \[n\], n of 1 or more, got \(0,\)"),
        ([1.0], [1.0, 2.0], r"distortions: expected the rates' shape \[n\], n of 1 or more, got \(2,\) for \(1,\)"),
        ([[1.0]], [[1.0]], "distortions: expected the rates' shape"),
        ([np.nan], [1.0], "rates, distortions: expected finite numbers"),
        ([1.0], [np.inf], "rates, distortions: expected finite numbers"),
    ],
)
def test_what_is_no_set_of_points_is_refused(call, rates, distortions, message):
    with pytest.raises(ValueError, match=f"^{message}"):
        call(rates, distortions)


@pytest.mark.parametrize("points", CLOUDS)
def test_the_hull_is_the_best_of_all_coins_between_two_points(points):
    """Brute force over pairs: the least distortion of a mixture whose rate is at most the one asked for."""
    r, d = points.T
    at = np.linspace(r.min(), r.max() + 10, 40)
    i, j = (index.ravel() for index in np.indices((len(r), len(r))))
    i, j = i[r[i] < r[j]], j[r[i] < r[j]]
    best = []
    for rate in at:
        t = np.clip((rate - r[i]) / (r[j] - r[i]), 0, 1)
        reached = (1 - t) * r[i] + t * r[j] <= rate + 1e-9
        best.append(((1 - t) * d[i] + t * d[j])[reached].min())
    np.testing.assert_allclose(hull_distortion(r, d, at), np.minimum.accumulate(best), atol=1e-6)
    assert hull_distortion(r, d, r.min() - 1e-6) == np.inf


@given(st.lists(st.tuples(st.integers(0, 8), st.integers(0, 8), st.sampled_from([0.0, 0.5, 2.0])), min_size=2))
def test_the_excess_is_the_largest_over_all_others_one_by_one(runs):
    found, _ = excess(*zip(*runs, strict=True))
    for i, (r, d, beta) in enumerate(runs):
        others = (q + beta * p for j, (p, q, _) in enumerate(runs) if j != i)
        assert found[i] == d + beta * r - min(others)


def test_of_the_minimisers_of_a_convex_curve_none_has_an_excess():
    betas = np.geomspace(0.1, 10, 12)
    rates = 60 - 20 * np.log(betas)  # D = 100 exp(-R / 20) + 5 has the slope -beta there, up to a factor
    distortions = 20 * np.exp((60 - rates) / 20)
    assert (excess(rates, distortions, betas)[0] < 0).all()
    distortions[4] += 3.0
    found, _ = excess(rates, distortions, betas)
    assert (found > 0).nonzero()[0].tolist() == [4]
    assert found[4] < 3.0


def test_the_error_of_an_excess_is_that_of_the_difference_of_two_sums():
    """Against the spread of means of correlated rates and distortions, drawn ten thousand times."""
    rng = np.random.default_rng(0)
    spread = np.array([[[1.0, -0.5], [-0.5, 2.0]], [[0.5, 0.2], [0.2, 0.3]]])
    means = np.array([[10.0, 80.0], [12.0, 70.0]])
    drawn = np.stack([rng.multivariate_normal(m, s, size=10_000) for m, s in zip(means, spread, strict=True)])
    beta = np.array([2.0, 0.5])
    r_se, d_se = np.sqrt(spread[:, 0, 0]), np.sqrt(spread[:, 1, 1])
    found, se = excess(means[:, 0], means[:, 1], beta, r_se, d_se, np.sqrt(spread.sum((1, 2))))
    for i, other in ((0, 1), (1, 0)):
        sums = drawn[..., 1] + beta[i] * drawn[..., 0]
        assert found[i] == pytest.approx((sums[i] - sums[other]).mean(), abs=0.1)
        assert se[i] == pytest.approx((sums[i] - sums[other]).std(), rel=0.03)
    assert excess(means[:, 0], means[:, 1], beta, r_se, d_se)[1] == pytest.approx(
        [np.sqrt((d_se**2 + b**2 * r_se**2).sum()) for b in beta]
    )


def test_a_run_alone_and_a_run_without_a_price_have_no_excess_to_judge():
    alone, error = excess([1.0], [2.0], [1.0], 0.3, 0.4)
    assert alone.tolist() == [-np.inf]
    assert error == pytest.approx(0.5)
    found, _ = excess([1.0, 1.0, 1.0], [2.0, 5.0, 9.0], [1.0, np.nan, 1.0])
    assert found.tolist()[::2] == [-3.0, 7.0]
    assert np.isnan(found[1])
    with pytest.raises(ValueError, match="betas: expected finite numbers, 0 or more, or NaN, got -1"):
        excess([1.0], [2.0], [-1.0])
