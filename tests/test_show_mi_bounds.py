"""The sheet of the zoo draws the rows it is given."""

from math import log

import numpy as np
import pytest

from companion.show.chapters.mi_bounds import PANELS, bounds_figure

ROW = {
    "critic": "exact",
    "sinh_transformed": False,
    "dimensions": 1,
    "nats": 5.0,
    "value": 3.5,
    "se": 0.25,
    "batch_size": 64,
}
ROWS = [ROW | {"bound": bound} for bound in PANELS]


def test_every_bound_has_its_panel_with_errors_and_the_excluded_side_shaded():
    picture = bounds_figure(
        [*ROWS, ROWS[0] | {"critic": "trained", "sinh_transformed": True, "dimensions": 20, "value": 4.0}]
    )
    assert [axes.get_title() for axes in picture.axes[:5]] == [name for name, _ in PANELS.values()]
    for axes, (_, side) in zip(picture.axes, PANELS.values(), strict=False):
        mark, _, (bars,) = axes.containers[0]
        assert mark.get_ydata().tolist() == [-1.5]
        np.testing.assert_allclose(bars.get_segments()[0][:, 1], [-2.0, -1.0])
        spans = [patch.get_extents().transformed(axes.transData.inverted()) for patch in axes.patches]
        assert [np.sign(span.y0 + span.y1) for span in spans] == ([-side] if side else [])
    first, second = (container[0] for container in picture.axes[0].containers)
    assert (first.get_marker(), second.get_marker()) == ("o", "s")
    assert (first.get_markerfacecolor(), second.get_markerfacecolor() != "white") == ("white", True)
    assert second.get_xdata()[0] > first.get_xdata()[0]


def test_the_ceiling_is_log_b():
    (line,) = [line for line in bounds_figure(ROWS).axes[1].lines if line.get_linestyle() == "--"]
    np.testing.assert_allclose(line.get_xdata() + line.get_ydata(), log(64))


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([], "rows: expected at least one row, got none"),
        ([{"bound": "nwj"}], "rows: expected the keys bound, .* got a row without critic, sinh_transformed"),
        ([ROW | {"bound": "mine"}], "rows: expected a bound of barber_agakov, .* got 'mine', 'exact'"),
        ([ROWS[0] | {"critic": "best"}], "rows: expected .* with a critic trained or exact, got .*, 'best'"),
    ],
)
def test_rows_that_say_too_little_are_refused(rows, message):
    with pytest.raises(ValueError, match=message):
        bounds_figure(rows)
