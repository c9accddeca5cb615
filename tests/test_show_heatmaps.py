import matplotlib as mpl
import numpy as np
import pytest

from companion import show
from companion.exact import optimal_toy_model, toy_panels, toy_process
from companion.show.chapters.toy import model_panels


def test_a_table_is_drawn_from_the_bottom_up_in_the_colours_asked_for():
    axes, table = show.panels((3, 3))[1], np.random.default_rng(0).dirichlet(np.ones(4), 3)
    for top in (None, 0.4):
        image = show.draw_table(axes, table, top)
        np.testing.assert_array_equal(image.get_array(), table)
        assert image.get_clim() == (0, top or table.max())
        assert image.get_cmap().name == "cividis"
    low, high = axes.get_ylim()
    assert low < high


def test_model_panels_draw_the_record():
    process = toy_process(bins=8)
    model = optimal_toy_model(process, codes=6)
    shown = toy_panels(process.p_x, process.posterior, *model[1:])
    blind = toy_panels(
        process.p_x, process.posterior, np.full((8, 6), 1 / 6), np.tile(process.p_x, (6, 1)), np.full(6, 1 / 6)
    )
    picture = model_panels({"by hand": shown, "blind": blind})
    grid = np.array(picture.axes[:10]).reshape(5, 2)
    assert [axes.get_title() for axes in grid[0]] == ["by hand", "blind"]
    for column, record in enumerate((shown, blind)):
        data, codes = grid[0, column], grid[1, column]
        np.testing.assert_allclose([bar.get_height() for bar in data.patches], record.p_x)
        np.testing.assert_allclose(data.lines[0].get_ydata(), record.generated)
        np.testing.assert_allclose(data.lines[1].get_ydata(), record.reconstructed)
        tops = [bar.get_y() + bar.get_height() for bar in codes.patches[6:]]
        np.testing.assert_allclose(tops, record.aggregate)
        np.testing.assert_allclose([b.get_height() for b in codes.patches[:6]], 0.7 * record.class_aggregates[0])
        np.testing.assert_allclose(codes.lines[0].get_ydata(), record.marginal)
        for row, field in zip((2, 3, 4), ("encoder", "decoder", "reconstruction"), strict=True):
            np.testing.assert_array_equal(grid[row, column].images[0].get_array(), getattr(record, field))
    for row in grid[:2]:
        assert row[0].get_ylim() == row[1].get_ylim()
    for row in grid[2:]:
        assert row[0].images[0].get_clim() == row[1].images[0].get_clim()


def test_drawing_leaves_the_settings_alone():
    before = dict(mpl.rcParams)
    show.count_maps({"one": np.eye(3, dtype=int)}, "abc")
    assert dict(mpl.rcParams) == before


def test_no_models_are_refused():
    with pytest.raises(ValueError, match="models: expected at least one model, got none"):
        model_panels({})
