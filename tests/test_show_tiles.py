"""Tiles over two numbers: every image in its place."""

import numpy as np
import pytest

from companion.show import image_grid


def test_every_image_stands_at_its_row_and_column():
    panel = np.random.default_rng(0).random((2, 3, 4, 5))
    picture = image_grid({"before": panel, "after": 1 - panel}, up=[3, -3], across=[-1, 0, 1], names=("a", "b"))
    for axes, truth in zip(picture.axes, (panel, 1 - panel), strict=True):
        drawn = np.asarray(axes.images[0].get_array())
        for i in range(2):
            for j in range(3):
                np.testing.assert_array_equal(drawn[4 * i : 4 * i + 4, 5 * j : 5 * j + 5], truth[i, j])
        assert axes.get_xticks().tolist() == [2.0, 7.0, 12.0]
        assert axes.get_yticks().tolist() == [1.5, 5.5]
        assert axes.get_xlabel() == "b"
    assert [axes.get_title() for axes in picture.axes] == ["before", "after"]
    assert [label.get_text() for label in picture.axes[0].get_yticklabels()] == ["3", "-3"]
    assert picture.axes[0].get_ylabel() == "a"


@pytest.mark.parametrize("panels", [{}, {"a": np.zeros((2, 8, 8))}, {"a": np.zeros((3, 2, 8, 8))}])
def test_other_shapes_are_refused(panels):
    with pytest.raises(ValueError, match=r"by_title: expected all of one shape \[2, 3, H, W\], got"):
        image_grid(panels, up=[0, 1], across=[0, 1, 2])
