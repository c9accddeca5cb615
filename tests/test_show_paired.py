"""Paired runs: the trend against SciPy and by hand, and a picture that draws the values it is given."""

import numpy as np
import pytest
from scipy.stats import page_trend_test, rankdata, ttest_1samp

from companion.show.paired import Interval, Paired, paired, paired_panels

LEVELS = np.array([0.0, 0.001, 0.01, 1.0])
ROWS = [{"seed": s, "lambda": w, "rate": 10.0 * s + w} for s in (2, 1) for w in (1.0, 0.0, 0.5)]


def some(seeds: int, seed: int = 0) -> Paired:
    return Paired(LEVELS, tuple(range(seeds)), np.random.default_rng(seed).normal(size=(seeds, len(LEVELS))))


def test_rows_are_sorted_by_seed_and_level_and_unfinished_seeds_left_out():
    found = paired([*ROWS, {"seed": 3, "lambda": 0.5, "rate": 7.0}], "rate")
    assert found.seeds == (1, 2)
    assert found.levels.tolist() == [0.0, 0.5, 1.0]
    assert found.values.tolist() == [[10.0, 10.5, 11.0], [20.0, 20.5, 21.0]]
    assert found.against_first().values.tolist() == [[0.0, 0.5, 1.0]] * 2


def test_rank_correlations_by_hand_and_their_mean_is_pages_statistic():
    by_hand = Paired(LEVELS, (0, 1, 2), np.array([[1.0, 2, 3, 9], [9.0, 3, 2, 1], [1.0, 3, 2, 4]]))
    assert by_hand.rank_correlations() == pytest.approx([1, -1, 0.8])  # 1 - 6 (1 + 1) / (4 * 15)
    tied = Paired(LEVELS, (0,), np.array([[1.0, 1, 2, 3]]))
    assert tied.rank_correlations() == pytest.approx(np.corrcoef([1, 2, 3, 4], rankdata([1, 1, 2, 3]))[0, 1])
    drawn, n = some(5), len(LEVELS)
    page = page_trend_test(drawn.values, method="exact").statistic
    mean = 12 * page / (5 * n * (n**2 - 1)) - 3 * (n + 1) / (n - 1)
    assert drawn.rank_correlations().mean() == pytest.approx(mean)


def test_the_interval_is_students():
    values = some(6).values[:, 0]
    found, truth = Interval.of(values), ttest_1samp(values, 0.0).confidence_interval()
    assert (found.mean, found.n) == (pytest.approx(values.mean()), 6)
    assert (found.low, found.high) == (pytest.approx(truth.low), pytest.approx(truth.high))


def test_the_interval_holds_the_truth_as_often_as_it_says():
    drawn = np.random.default_rng(1).normal(3.0, 2.0, (2000, 5))
    held = np.mean([found.low <= 3 <= found.high for found in map(Interval.of, drawn)])
    assert abs(held - 0.95) < 5 * np.sqrt(0.95 * 0.05 / 2000)


def test_the_panels_draw_every_seed_and_the_means():
    one, other = some(3), some(3, seed=1)
    picture = paired_panels(
        {"MNIST": {"I": one, "R": other}, "Fashion-MNIST": {"I": one, "R": other}}, "nats", linear=1
    )
    left, right = picture.axes
    assert (left.get_title(), right.get_title(), left.get_ylabel()) == ("MNIST", "Fashion-MNIST", "nats")
    drawn = [line.get_ydata() for line in left.lines]
    np.testing.assert_array_equal(drawn[:3], one.values)
    np.testing.assert_allclose([drawn[3], drawn[7]], [one.values.mean(0), other.values.mean(0)])
    assert left.lines[3].get_marker() != left.lines[7].get_marker()
    assert [label.get_text() for label in left.get_xticklabels()] == ["0", "0.001", "0.01", "1"]
    assert [text.get_text() for text in picture.legends[0].texts] == ["I", "R"]
    assert left.get_yscale() == "symlog"
    assert picture.png() == picture.png()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: paired([], "rate"), r"rows: expected a seed with every lambda of \[\], got none"),
        (lambda: paired([ROWS[0], ROWS[4]], "rate"), r"rows: expected a seed with every lambda of \[0.0, 1.0\]"),
        (lambda: paired([*ROWS, ROWS[0]], "rate"), r"rows: expected one .*, got two for \(2, 1.0\)"),
        (lambda: Paired(LEVELS, (0,), np.ones((1, 4))).rank_correlations(), "values: .* differences in each seed"),
        (lambda: Paired(LEVELS[:1], (0,), np.ones((1, 1))).rank_correlations(), "values: expected two or more levels"),
        (lambda: Interval.of([1.0]), r"values: expected two or more of shape \[n\], got \[1\]"),
        (lambda: Interval.of(np.ones((2, 2))), r"values: expected two or more of shape \[n\], got \[2, 2\]"),
        (lambda: paired_panels({}, "nats"), r"panels: expected some, each of 1 to 5 quantities, got \[\]"),
        (lambda: paired_panels({"a": {}}, "nats"), r"panels: expected some, each of 1 to 5 quantities, got \[0\]"),
    ],
)
def test_what_cannot_be_paired_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
