"""Statistics of seeds against SciPy, enumeration and by hand: medians, means, paired runs and differences."""

from itertools import product
from math import inf

import numpy as np
import pytest
from scipy import stats
from scipy.stats import page_trend_test, quantile_test, rankdata, ttest_1samp

from companion.results import (
    MeanInterval,
    PairedDifferences,
    PairedValues,
    median_interval,
    paired_values,
    with_error,
)

RNG = np.random.default_rng(0)
LEVELS = np.array([0.0, 0.001, 0.01, 1.0])
ROWS = [{"seed": s, "lambda": w, "rate": 10.0 * s + w} for s in (2, 1) for w in (1.0, 0.0, 0.5)]


def some(seeds: int, seed: int = 0) -> PairedValues:
    return PairedValues(LEVELS, tuple(range(seeds)), np.random.default_rng(seed).normal(size=(seeds, len(LEVELS))))


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


def test_rows_are_sorted_by_seed_and_level_and_unfinished_seeds_left_out():
    found = paired_values([*ROWS, {"seed": 3, "lambda": 0.5, "rate": 7.0}], "rate")
    assert found.seeds == (1, 2)
    assert found.levels.tolist() == [0.0, 0.5, 1.0]
    assert found.values.tolist() == [[10.0, 10.5, 11.0], [20.0, 20.5, 21.0]]
    assert found.against_first().values.tolist() == [[0.0, 0.5, 1.0]] * 2


def test_rank_correlations_by_hand_and_their_mean_is_pages_statistic():
    by_hand = PairedValues(LEVELS, (0, 1, 2), np.array([[1.0, 2, 3, 9], [9.0, 3, 2, 1], [1.0, 3, 2, 4]]))
    assert by_hand.rank_correlations() == pytest.approx([1, -1, 0.8])  # 1 - 6 (1 + 1) / (4 * 15)
    tied = PairedValues(LEVELS, (0,), np.array([[1.0, 1, 2, 3]]))
    assert tied.rank_correlations() == pytest.approx(np.corrcoef([1, 2, 3, 4], rankdata([1, 1, 2, 3]))[0, 1])
    drawn, n = some(5), len(LEVELS)
    page = page_trend_test(drawn.values, method="exact").statistic
    mean = 12 * page / (5 * n * (n**2 - 1)) - 3 * (n + 1) / (n - 1)
    assert drawn.rank_correlations().mean() == pytest.approx(mean)


def test_the_interval_is_students():
    values = some(6).values[:, 0]
    found, truth = MeanInterval.of(values), ttest_1samp(values, 0.0).confidence_interval()
    assert (found.mean, found.n) == (pytest.approx(values.mean()), 6)
    assert (found.low, found.high) == (pytest.approx(truth.low), pytest.approx(truth.high))


def test_the_interval_holds_the_truth_as_often_as_it_says():
    drawn = np.random.default_rng(1).normal(3.0, 2.0, (2000, 5))
    held = np.mean([found.low <= 3 <= found.high for found in map(MeanInterval.of, drawn)])
    assert abs(held - 0.95) < 5 * np.sqrt(0.95 * 0.05 / 2000)


def test_paired_differences_are_those_of_the_paired_test():
    a, b = np.random.default_rng(0).normal(size=(2, 5))
    found = PairedDifferences(tuple(a - b))
    interval = stats.ttest_rel(a, b).confidence_interval(0.95)
    assert (found.mean - found.half_width, found.mean + found.half_width) == pytest.approx(tuple(interval))
    assert found.lower == sum(a < b)
    assert PairedDifferences((1.0,)).half_width == inf
    assert str(PairedDifferences((1.0,))) == "1, lower in 0 of 1"


def test_errors_show_two_digits_where_they_have_any():
    assert with_error(123.456, 0.0996) == "123.46 ± 0.10"
    assert with_error(0.5, 0.0) == "0.5"
    assert with_error(-0.3, 12.0) == "0 ± 12"  # not "-0"


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: paired_values([], "rate"), r"rows: expected a seed with every lambda of \[\], got none"),
        (lambda: paired_values([ROWS[0], ROWS[4]], "rate"), r"rows: expected a seed with every lambda of \[0.0, 1.0\]"),
        (lambda: paired_values([*ROWS, ROWS[0]], "rate"), r"rows: expected one .*, got two for \(2\.0, 1\.0\)"),
        (
            lambda: PairedValues(LEVELS, (0,), np.ones((1, 4))).rank_correlations(),
            "values: .* differences in each seed",
        ),
        (
            lambda: PairedValues(LEVELS[:1], (0,), np.ones((1, 1))).rank_correlations(),
            "values: expected two or more levels",
        ),
        (lambda: MeanInterval.of([1.0]), r"values: expected two or more of shape \[n\], got \[1\]"),
        (lambda: MeanInterval.of(np.ones((2, 2))), r"values: expected two or more of shape \[n\], got \[2, 2\]"),
    ],
)
def test_what_cannot_be_paired_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_too_little_is_refused():
    with pytest.raises(ValueError, match=r"values, level: expected numbers and 0 < level < 1, got 0 and 0\.95"):
        median_interval([])
    with pytest.raises(ValueError, match=r"values, level: .* got 2 and 1\.0"):
        median_interval([1, 2], 1.0)
    with pytest.raises(ValueError, match="each: expected at least one difference, got none"):
        PairedDifferences(())
