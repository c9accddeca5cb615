"""Medians over seeds with intervals, against scipy and enumeration, and the picture of them."""

from itertools import product

import numpy as np
import pytest
from scipy.stats import quantile_test

from companion.show.seeds import median_interval, seed_dots

RNG = np.random.default_rng(0)


@pytest.mark.parametrize("n", [6, 7, 10, 11, 40])
@pytest.mark.parametrize("level", [0.5, 0.9, 0.95])
def test_the_interval_is_that_of_the_sign_test(n, level):
    values = RNG.normal(size=n)
    found, theirs = median_interval(values, level), quantile_test(values).confidence_interval(level)
    assert (found.low, found.high) == (theirs.low, theirs.high)
    assert found.median == np.median(values)
    assert found.coverage >= level


@pytest.mark.parametrize(("n", "level"), [(1, 0.95), (4, 0.95), (5, 0.95), (6, 0.9), (7, 0.5), (10, 0.95)])
def test_the_coverage_is_what_all_signs_give(n, level):
    """Each value is below or above the median with a fair coin."""
    k = np.searchsorted(np.arange(n), median_interval(range(n), level).low)
    signs = np.array(list(product((0, 1), repeat=n))).sum(1)
    covered = np.mean((signs > k) & (signs < n - k))
    assert median_interval(range(n), level).coverage == pytest.approx(covered)
    assert covered >= level or k == 0


def test_dots_bars_and_bands_are_the_values_medians_and_intervals():
    groups = {"asked": RNG.random(10), "not asked": RNG.random(5)}
    axes = seed_dots(groups, "purity", {"source": 0.82}).axes[0]
    assert [tick.get_text() for tick in axes.get_yticklabels()] == list(groups)
    for i, values in enumerate(groups.values()):
        bar, dots = axes.lines[2 * i : 2 * i + 2]
        np.testing.assert_array_equal(dots.get_xdata(), values)
        assert np.round(dots.get_ydata()).tolist() == [i] * len(values)
        assert list(bar.get_xdata()) == [np.median(values)] * 2
        band, middle = axes.patches[i], median_interval(values)
        assert (band.get_x(), band.get_x() + band.get_width()) == pytest.approx((middle.low, middle.high))
    assert list(axes.lines[-1].get_xdata()) == [0.82, 0.82]
    assert axes.texts[0].get_text() == "source"
    assert axes.get_ylim()[0] > axes.get_ylim()[1]  # the first on top


def test_too_little_is_refused():
    with pytest.raises(ValueError, match=r"values, level: expected numbers and 0 < level < 1, got 0 and 0\.95"):
        median_interval([])
    with pytest.raises(ValueError, match=r"values, level: .* got 2 and 1\.0"):
        median_interval([1, 2], 1.0)
    with pytest.raises(ValueError, match="groups: expected at least one, got none"):
        seed_dots({}, "purity")
