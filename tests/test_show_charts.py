"""Charts draw the values they are given: dots, medians and intervals of seeds, and paired runs."""

import numpy as np
import pytest

from companion.results import PairedValues, median_interval
from companion.show import paired_panels, seed_dots

RNG = np.random.default_rng(0)
LEVELS = np.array([0.0, 0.001, 0.01, 1.0])


def some(seeds: int, seed: int = 0) -> PairedValues:
    return PairedValues(LEVELS, tuple(range(seeds)), np.random.default_rng(seed).normal(size=(seeds, len(LEVELS))))


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


@pytest.mark.parametrize(("by_title", "counts"), [({}, r"\[\]"), ({"a": {}}, r"\[0\]")])
def test_panels_without_quantities_are_refused(by_title, counts):
    with pytest.raises(ValueError, match=f"by_title: expected some, each of 1 to 5 quantities, got {counts}"):
        paired_panels(by_title, "nats")


def test_dots_without_groups_are_refused():
    with pytest.raises(ValueError, match="groups: expected at least one, got none"):
        seed_dots({}, "purity")
