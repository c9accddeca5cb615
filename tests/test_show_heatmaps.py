import matplotlib as mpl
import numpy as np
import pytest

from companion import show
from companion.exact import optimal_toy_model, toy_panels, toy_process
from companion.show.chapters.toy import model_panels

RNG = np.random.default_rng(0)
TABLES = {"e(z|x)": RNG.dirichlet(np.ones(4), 3), "d(x|z)": RNG.dirichlet(np.ones(3), 4)}


def test_heat_maps_hold_every_number_in_one_scale():
    picture = show.heat_maps(TABLES, across=["z", "x"], up=["x", "z"])
    for axes, (title, table) in zip(picture.axes, TABLES.items(), strict=False):
        image = axes.images[0]
        np.testing.assert_array_equal(image.get_array(), table)
        assert image.get_clim() == (0, max(table.max() for table in TABLES.values()))
        assert image.get_cmap().name == "cividis"
        assert axes.get_title() == title
        low, high = axes.get_ylim()
        assert low < high  # row 0 at the bottom
    assert [axes.get_xlabel() for axes in picture.axes[:2]] == ["z", "x"]
    assert [axes.get_ylabel() for axes in picture.axes[:2]] == ["x", "z"]
    assert picture.axes[2].get_ylabel() == "probability"
    assert picture.png() == show.heat_maps(TABLES, across=["z", "x"], up=["x", "z"]).png()


def test_heat_maps_wrap_and_leave_no_empty_axes():
    picture = show.heat_maps({str(i): np.eye(2) for i in range(5)}, columns=3)
    assert [axes.axison for axes in picture.axes[:6]] == [True] * 5 + [False]


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
    show.heat_maps(TABLES)
    assert dict(mpl.rcParams) == before


@pytest.mark.parametrize(
    ("draw", "message"),
    [
        (lambda: show.heat_maps({}), "tables: expected at least one table, got none"),
        (lambda: show.heat_maps({"a": np.ones(3)}), r"tables: expected finite numbers.*'a': \(3,\)"),
        (lambda: show.heat_maps({"a": -np.eye(2)}), "tables: expected finite numbers, 0 or more"),
        (lambda: show.heat_maps({"a": np.full((2, 2), np.nan)}), "tables: expected finite numbers"),
        (lambda: show.heat_maps(TABLES, across=["z"]), "across: expected one for each of the 2 tables, got 1"),
        (lambda: show.heat_maps(TABLES, up=["z"]), "up: expected one for each of the 2 tables, got 1"),
        (lambda: model_panels({}), "models: expected at least one model, got none"),
    ],
)
def test_pictures_of_nothing_are_refused(draw, message):
    with pytest.raises(ValueError, match=message):
        draw()
