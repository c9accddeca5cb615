"""Planes of many families, sheets of samples, and the player over beta: what is drawn is what the rows say."""

import io
from base64 import b64encode
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.colors import to_hex
from PIL import Image

from companion import show
from companion.exact.fronts import lower_hull, pareto_front
from companion.models.families import DECODERS, MARGINALS
from companion.results import load
from companion.show.plane import COLOURS, MARKERS, SHADES, family_plane, skew_plane

BOOK = Path(__file__).parents[1] / "book" / "results"


def row(family, rate, distortion, beta=1.0, annealed=False, steps=100, se=0.1, **more):
    errors = {"rate_se": se, "distortion_se": 2 * se, "elbo_se": 2.5 * se}
    point = {"rate": rate, "distortion": distortion, "elbo": -(rate + distortion)}
    return {"family": family, "beta": beta, "annealed": annealed, "steps": steps} | point | errors | more


ROWS = [
    row("-+v", 0.0004, 80.6, 1.1, se=1e-5),
    row("-+v", 6.2, 74.1, 1.0),
    row("---", 25.4, 71.1, annealed=True),
    row("+--", 24.0, 60.0, steps=400, arrived=True),
    row("-+v", 120.3, 8.1, 0.15, steps=10_000, arrived=False),
    row("-+v", 156.0, 4.8, 0.05),
]
R, D = (np.array([r[name] for r in ROWS]) for name in ("rate", "distortion"))


def points_of(axes):
    return {bars[0].get_xydata()[0][0]: bars for bars in axes.containers}


def lines_of(axes):
    """By look: the dashed guide, the hull, the staircase and the crosses."""
    found = {}
    for line in axes.lines:
        if line.get_marker() == "x":
            found["crosses"] = line.get_xydata()
        elif line.get_linestyle() == "--":
            found["best"] = line.get_xydata()
        elif line.get_linestyle() == "-":
            found["staircase" if line.get_color() == "black" else "hull"] = line.get_xydata()
    return found


@pytest.mark.parametrize("name", ["split", "data", "binarise"])
def test_rows_of_several_splits_or_sets_share_no_plane(name):
    with pytest.raises(ValueError, match=f"rows: expected those of one {name}, got a, b"):
        family_plane([{**ROWS[0], name: "a"}, {**ROWS[1], name: "b"}])


@pytest.mark.parametrize(("draw", "skew"), [(family_plane, 0), (skew_plane, 1)])
def test_every_row_is_drawn_with_two_standard_errors(draw, skew):
    axes = draw(ROWS).axes[0]
    bars = points_of(axes)
    assert len(bars) == len(ROWS)
    for r in ROWS:
        marker, _, errors = bars[r["rate"]]
        assert marker.get_xydata()[0].tolist() == pytest.approx([r["rate"], r["distortion"] + skew * r["rate"]])
        across, up = (collection.get_segments()[0] for collection in errors)
        spread = 2 * r["elbo_se" if skew else "distortion_se"]
        np.testing.assert_allclose(np.ptp(across[:, 0]) / 2, 2 * r["rate_se"], rtol=1e-6)
        np.testing.assert_allclose(np.ptp(up[:, 1]) / 2, spread, rtol=1e-6)
        assert axes.get_xlim()[0] <= across[:, 0].min() < across[:, 0].max() <= axes.get_xlim()[1]
        assert axes.get_ylim()[0] <= up[:, 1].min() < up[:, 1].max() <= axes.get_ylim()[1]


def test_families_are_told_apart_by_colour_and_marker_and_runs_by_fill_and_size():
    bars = points_of(family_plane(ROWS).axes[0])
    for r in ROWS:
        marker = bars[r["rate"]][0]
        assert marker.get_color() == COLOURS[r["family"][1:]]
        assert marker.get_marker() == MARKERS[r["family"][0]]
        face = marker.get_color() if r.get("arrived", True) else "white"
        assert marker.get_markerfacecolor() == face
        assert marker.get_markersize() == pytest.approx(5 * min(2, (r["steps"] / 100) ** 0.5))
    assert COLOURS.keys() == {decoder + marginal for decoder in DECODERS for marginal in MARGINALS}
    assert set(COLOURS.values()) <= set(show.PALETTE)
    shades = [shade for each in SHADES.values() for shade in each]
    assert len(set(shades)) == len(shades) == len(DECODERS) * (len(MARGINALS) + 1)  # one to spare for each decoder


@pytest.mark.parametrize("skew", [False, True])
def test_the_rows_of_a_committed_table_that_have_not_arrived_are_hollow(skew):
    """Two rows whose state is worked out by hand: three trainings of -+v at beta 1, of which seed 2 is the best."""
    rows = load(BOOK / "mnist.csv").query("split == 'test'")
    bars = points_of((skew_plane if skew else family_plane)(rows).axes[0])
    plain = rows[(rows.family == "-+v") & (rows.beta == 1) & ~rows.annealed & rows.target.isna()].set_index("seed")
    costs = -plain.elbo
    assert (costs.idxmin(), costs.drop(2).min() > costs[2] + 1) == (2, True)
    for seed, face in ((0, "white"), (1, "white"), (2, COLOURS["+v"])):
        assert bars[plain.rate[seed]][0].get_markerfacecolor() == face
    hollow = [marker.get_markerfacecolor() == "white" for marker, *_ in bars.values()]
    assert sum(hollow) == (~rows.arrived).sum() > 0


@pytest.mark.parametrize("skew", [0, 1])
def test_a_letter_marks_the_annealed_runs_and_only_them(skew):
    axes = (skew_plane(ROWS) if skew else family_plane(ROWS)).axes[0]
    (letter,) = axes.texts
    assert letter.get_text() == "a"
    assert letter.xy == (25.4, 71.1 + skew * 25.4)
    assert (letter.get_color(), letter.get_alpha()) == (COLOURS["--"], 1.0)
    (pale,) = family_plane(ROWS, focus="-+v").axes[0].texts
    assert pale.get_alpha() == 0.15


@pytest.mark.parametrize(("skew", "scale"), [(0, "linear"), (1, "linear"), (1, "symlog")])
def test_the_front_the_hull_and_the_best_are_those_of_the_points(skew, scale):
    axes = (skew_plane(ROWS, scale) if skew else family_plane(ROWS)).axes[0]
    lines, front, hull = lines_of(axes), pareto_front(R, D), lower_hull(R, D)
    np.testing.assert_allclose(lines["crosses"], np.stack([R, D + skew * R], 1)[front])
    np.testing.assert_allclose(lines["best"] @ [1 - skew, 1], 80.3)
    straight = lines["hull"][:, 1] - skew * lines["hull"][:, 0]
    np.testing.assert_allclose(straight, np.interp(lines["hull"][:, 0], R[hull], D[hull]))
    assert lines["hull"][[0, -1], 0].tolist() == [R[hull[0]], R[hull[-1]]]
    stairs = lines["staircase"] - skew * np.outer(lines["staircase"][:, 0], [0, 1])
    for i, j in zip(front, [*front[1:], None], strict=True):
        end = axes.get_xlim()[1] if j is None else R[j]
        inside = (stairs[:, 0] > R[i]) & (stairs[:, 0] < end)
        assert inside.any()
        np.testing.assert_allclose(stairs[inside, 1], D[i])
    assert stairs[0, 1] + skew * stairs[0, 0] >= axes.get_ylim()[1]
    assert stairs[-1, 0] == axes.get_xlim()[1]


def test_axes_are_named_and_the_scale_is_the_one_asked_for():
    axes = skew_plane(ROWS, "symlog").axes[0]
    assert (axes.get_xlabel(), axes.get_ylabel(), axes.get_xscale()) == ("rate R (nats)", "R + D (nats)", "symlog")
    assert skew_plane(ROWS).axes[0].get_xscale() == "linear"


def test_rates_below_zero_as_single_draws_give_them_are_inside():
    rows = [*ROWS, row("+++", -0.02, 81.0, se=0.001)]
    for axes in (skew_plane(rows, "symlog").axes[0], skew_plane(rows).axes[0]):
        assert axes.get_xlim()[0] <= -0.022


def legend(picture):
    return [text.get_text() for text in picture.legends[0].get_texts()]


@pytest.mark.parametrize("focus", ["-+v", lambda row: row["family"] == "-+v"])
def test_the_focus_pales_all_others_and_moves_nothing(focus):
    plain, focused = (family_plane(ROWS, focus=meant).axes[0] for meant in (None, focus))
    assert focused.get_xlim() == plain.get_xlim()
    before, after = points_of(plain), points_of(focused)
    assert before.keys() == after.keys()
    for r in ROWS:
        assert before[r["rate"]][0].get_alpha() == 1
        assert after[r["rate"]][0].get_alpha() == (1 if r["family"] == "-+v" else 0.15)


def test_the_legend_names_what_is_drawn_and_nothing_else():
    assert legend(family_plane(ROWS)) == [
        *("decoder −, marginal −", "decoder +, marginal v", "encoder −", "encoder +"),
        *("hollow: not arrived", "KL annealed", "larger: more steps"),
        *("Pareto front", "convex hull", "best R + D = 80.3"),
    ]
    assert legend(family_plane(ROWS[:1])) == [
        *("decoder +, marginal v", "encoder −", "Pareto front", "convex hull", "best R + D = 80.6")
    ]


def test_a_plane_of_families_fits_a_narrow_page_with_its_legend():
    names = [e + d + m for e in "-+" for d in "-+" for m in "-+v"]
    rows = [
        row(name, 5.0 * i, 90 - 4.0 * i, annealed=i > 5, steps=100 + i, arrived=i > 3) for i, name in enumerate(names)
    ]
    picture = family_plane(rows)
    image = Image.open(io.BytesIO(picture.png()))
    assert image.size == (600, 624)
    box = picture.legends[0].get_window_extent()
    assert 0 <= box.x0 < box.x1 <= picture.bbox.x1
    assert box.y1 <= picture.axes[0].get_window_extent().y0
    colours = {to_hex(c) for c in np.unique(np.asarray(image.convert("RGB")).reshape(-1, 3) / 255, axis=0)}
    assert {colour.lower() for colour in COLOURS.values()} <= colours


def test_drawing_families_leaves_the_settings_alone_and_repeats_its_bytes():
    before = dict(mpl.rcParams)
    assert skew_plane(ROWS, "symlog").png() == skew_plane(ROWS, "symlog").png()
    assert dict(mpl.rcParams) == before


def test_a_sample_gallery_shows_the_input_one_sample_and_the_mean():
    rng = np.random.default_rng(0)
    samples, inputs = rng.integers(0, 2, (5, 3, 4, 4)).astype(bool), rng.integers(0, 2, (3, 4, 4)).astype(bool)
    sheet = show.sample_gallery(samples, inputs)
    assert [axes.get_ylabel() for axes in sheet.axes] == ["input", "one sample", "mean of 5"]
    for axes, images in zip(sheet.axes, (inputs, samples[0], samples.sum(0) / 5), strict=True):
        drawn = axes.images[0].get_array()
        for i in range(3):
            np.testing.assert_allclose(drawn[1:5, 1 + 6 * i : 5 + 6 * i], images[i])
    assert [axes.get_ylabel() for axes in show.sample_gallery(samples[:2]).axes] == ["one sample", "mean of 2"]


def test_a_stored_figure_is_its_file(tmp_path):
    show.save(show.image_sheet({"a": np.full((2, 4, 4), 0.5)}), path := tmp_path / "sheet.png")
    stored = show.StoredFigure(path)
    assert stored._repr_png_() == path.read_bytes()
    shown = stored.framed('a "sheet"')
    assert b64encode(path.read_bytes()).decode() in shown
    assert 'alt="a &quot;sheet&quot;"' in shown


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: family_plane([]), "rows: expected at least one row, got none"),
        (lambda: family_plane([{"family": "---"}]), "got a row without annealed, rate, distortion, rate_se"),
        (lambda: family_plane([row("vae", 1, 2)]), "rows: expected families with a marker .*, got 'vae'"),
        (lambda: skew_plane([row("-v-", 1, 2)]), "rows: expected families with a marker .*, got '-v-'"),
        (lambda: skew_plane([row("", 1, 2)]), "rows: expected families with a marker .*, got ''"),
        (lambda: family_plane(ROWS, focus="+++++"), "focus: expected a family in the rows, or a .* got '[+]{5}'"),
        (
            lambda: family_plane(ROWS, focus=lambda row: False),
            "focus: expected .* a test that some pass, got <function",
        ),
        (lambda: skew_plane(ROWS, "log"), "scale: expected 'linear' or 'symlog', got 'log'"),
        (
            lambda: show.sample_gallery(np.zeros((3, 4, 4))),
            r"samples: expected shape \[draws, n, H, W\], got \[3, 4, 4\]",
        ),
        (lambda: show.sample_gallery(np.zeros((0, 3, 4, 4))), r"samples: expected shape \[draws, n, H, W\], got \[0"),
        (
            lambda: show.sample_gallery(np.zeros((2, 3, 4, 4)), np.zeros((2, 4, 4))),
            "rows: expected images of one shape",
        ),
        (lambda: show.StoredFigure(__file__), "path: expected a PNG file, got .*test_show_families.py"),
    ],
)
def test_what_cannot_be_drawn_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
