"""Pictures of categories hold the counts and the trajectories that they are given."""

import numpy as np
import pandas as pd
import pytest

from companion.results import median_interval
from companion.show import count_maps
from companion.show.chapters.categories import (
    CURVES,
    drawings_table,
    prices_table,
    purity_table,
    runs,
    settings_table,
    trajectory_curves,
    trajectory_player,
)

COUNTS = np.array([[30, 10, 0], [0, 5, 15]])


def line(step, value, bound):
    row = {"step": step, "categories": 10, "bound": bound} | dict.fromkeys(list(CURVES)[1:], value)
    return row | {f"{kind}_{k}": (k + 1) / 55 for kind in ("histogram", "share") for k in range(10)}


TRAJECTORIES = {
    "ELBO": [line(step, step / 1000, None) for step in range(0, 2000, 100)],
    "valid": [line(step, step / 2000, 2.0) for step in range(0, 1500, 100)],
}


def test_counts_are_written_in_and_coloured_by_their_share_of_the_row():
    picture = count_maps({"one": COUNTS, "two": COUNTS[:, :2] * 0}, ["shirt", "bag"])
    one, two = picture.axes[:2]
    np.testing.assert_allclose(one.images[0].get_array(), [[0.75, 0.25, 0], [0, 0.25, 0.75]])
    assert two.images[0].get_array().max() == 0
    for text in one.texts:
        column, row = text.get_position()
        assert text.get_text() == str(COUNTS[row, column])
    assert [tick.get_text() for tick in one.get_yticklabels()] == ["shirt", "bag"]
    assert one.get_ylim()[0] > one.get_ylim()[1]  # row 0 on top
    assert one.images[0].get_clim() == two.images[0].get_clim() == (0, 0.75)
    assert [axes.get_title() for axes in picture.axes[:2]] == ["one", "two"]
    assert picture.axes[2].get_ylabel() == "share of the label's images"
    assert picture.png() == count_maps({"one": COUNTS, "two": COUNTS[:, :2] * 0}, ["shirt", "bag"]).png()


def test_maps_wrap_and_leave_no_empty_axes():
    picture = count_maps({str(i): COUNTS for i in range(3)}, "ab")
    assert [axes.axison for axes in picture.axes[:4]] == [True] * 3 + [False]


@pytest.mark.parametrize(("counts", "found"), [({}, "{}"), ({"one": COUNTS}, "{'one': 2}")])
def test_tables_without_a_row_for_each_label_are_refused(counts, found):
    with pytest.raises(ValueError, match=f"counts: expected tables with a row for each of 3 labels, got {found}"):
        count_maps(counts, "abc")


def test_curves_are_the_columns_and_a_bound_that_is_not_rewarded_is_left_out():
    for axes, rows in zip(trajectory_curves(TRAJECTORIES).axes, TRAJECTORIES.values(), strict=True):
        ceiling, bound, *others = axes.lines
        assert ceiling.get_ydata() == pytest.approx([np.log(10)] * 2)
        assert len(bound.get_xdata()) == (0 if rows[0]["bound"] is None else len(rows))
        for curve, column in zip(others, list(CURVES)[1:], strict=True):
            assert curve.get_label() == CURVES[column][0]
            assert list(curve.get_xdata()) == [row["step"] for row in rows]
            assert list(curve.get_ydata()) == [row[column] for row in rows]


def test_the_player_runs_through_the_steps_that_all_trajectories_have():
    player = trajectory_player(TRAJECTORIES, frames=5)
    assert len(player.frames) == 5
    assert player.captions[0] == "0 steps: I(c; x) = 0.00, 0.00 nats"
    assert player.captions[-1] == "1400 steps: I(c; x) = 1.40, 0.70 nats"
    assert len(set(player.frames)) == 1  # the histograms do not change, and the frames are alike
    assert "ELBO, valid" in player.alt
    changed = [*TRAJECTORIES["valid"][:-1], TRAJECTORIES["valid"][-1] | {"share_3": 0.9}]
    assert len(set(trajectory_player(TRAJECTORIES | {"valid": changed}, frames=5).frames)) == 2


@pytest.mark.parametrize("trajectories", [{}, {"ELBO": []}])
def test_nothing_to_draw_is_refused(trajectories):
    with pytest.raises(ValueError, match="trajectories: expected one or more, none empty"):
        trajectory_curves(trajectories)
    with pytest.raises(ValueError, match="trajectories: expected one or more, none empty"):
        trajectory_player(trajectories)


def test_trajectories_without_common_steps_are_refused():
    with pytest.raises(ValueError, match=r"trajectories: expected two or more steps that all have, got \[0\]"):
        trajectory_player(TRAJECTORIES | {"short": TRAJECTORIES["ELBO"][:1]})


def test_purities_are_told_by_their_median_its_interval_and_the_best():
    values = np.random.default_rng(0).random(10)
    (line,) = purity_table({"asked": values}).lines
    found = median_interval(values)
    assert line[:3] == ["asked", "10", f"{np.median(values):.3f}"]
    assert line[3] == f"{np.sort(values)[1]:.3f} to {np.sort(values)[-2]:.3f} ({found.coverage:.1%})"
    assert line[4] == f"{values.max():.3f}"


def drawn_rows(**columns):
    n = len(next(iter(columns.values())))
    known = ("accuracy", "mi_exact", "kl_c", "entropy_aggregate", "read_again", "swap_read", "swap_cost")
    return pd.DataFrame({name: columns.get(name, [0.5] * n) for name in known})


def test_what_drawings_show_is_told_by_the_median_over_seeds_and_the_range():
    rows = drawn_rows(read_again=[0.9, 0.98, 0.95], swap_read=[0.7, 0.7, 0.7], swap_cost=[60.0, 80.0, 71.26])
    (line,) = drawings_table("test images", {"MNIST": rows}).lines
    assert line == ["MNIST", "3", "0.950 (0.900 to 0.980)", "0.700 (0.700)", "71.3 (60.0 to 80.0)"]


def test_a_setting_whose_drawings_were_not_measured_says_so():
    measured, before = drawn_rows(read_again=[0.9, 0.8]), drawn_rows(read_again=[np.nan, np.nan])
    assert [line[-1] for line in settings_table({"now": measured, "then": before}).lines] == ["0.85", "—"]


def test_settings_are_named_by_what_tells_them_apart():
    names = pd.concat(runs("vmi_tuning").values()).groupby("setting").config_hash.nunique()
    seeds = pd.concat(runs("vmi_tuning").values()).groupby("setting").seed.nunique()
    assert names.tolist() == seeds.tolist()  # one run a seed: no two settings share a name
    assert {"ELBO", "literal, λ 3, reconstruction", "valid, λ 2, encoder, augmented"} <= set(names.index)


def test_prices_are_paired_by_seed():
    def of(rates, seeds=(0, 1, 2)):
        rows = {"seed": seeds, "kl_c": 1.0, "rate": rates, "distortion": 70.0}
        return pd.DataFrame(rows).assign(elbo=lambda r: -r.rate - r.distortion)

    groups = {"beta_vae": of([20.0, 21, 22]), "mi_valid": of([22.0, 20, 21], (2, 0, 1)), "mi_drawn": of([25.0, 25, 25])}
    lines = {line[1]: line for line in prices_table({"MNIST": groups}).lines}
    assert lines["R + D"] == [
        "MNIST",
        "R + D",
        "91.00",
        "91.00",
        "95.00",
        *["+0.00 (+0.00 to +0.00)"],
        lines["R + D"][-1],
    ]
    assert lines["R_z"][-1] == "+4.00 (+3.00 to +5.00)"
    assert lines["D"][-1] == "+0.00 (+0.00 to +0.00)"
