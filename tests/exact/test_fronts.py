"""Fronts against brute force, SciPy's hull, and the minimisers of D + beta R."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial import ConvexHull

from companion.exact.fronts import hull_distortion, lower_hull, pareto_front

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
    with pytest.raises(ValueError, match=message):
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
