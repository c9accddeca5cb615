"""Figures to explore: what their scripts are told is what the table says, and stored images are read as they were."""

import json
import re
from pathlib import Path

import numpy as np
import pytest

from companion import results, show
from companion.show.chapters import relatives
from companion.show.explorer import NUMBERS, family_look, limits
from companion.show.figure import VARIABLES
from companion.show.plane import COLOURS, MARKERS
from companion.show.sheets import strip_uri

BOOK = Path(__file__).parents[1] / "book" / "results"
GALLERY = BOOK / "models" / "mnist"
TABLE = results.load(BOOK / "mnist.csv").query("split == 'test'")
FRAME = TABLE.assign(arrived=[i % 3 > 0 for i in range(len(TABLE))])  # both kinds, whatever the table
ROWS = results.records(FRAME)
RELATIVES = results.load(BOOK / "relatives.csv").query("split == 'test'")
ERRORS = {"rate_se": 0.1, "distortion_se": 0.2, "elbo_se": 0.2}
ROW = {"family": "-+v", "beta": 1.0, "annealed": False, "rate": 6.0, "distortion": 74.0, "elbo": -80.0, "steps": 4}
ROW |= ERRORS


@pytest.fixture(scope="module")
def told():
    return show.plane_explorer(FRAME, GALLERY).settings


def word(told, i, name):
    """What the button says that a row passes."""
    (f,) = (f for f, each in enumerate(told["filters"]) if each["name"] == name)
    return told["filters"][f]["values"][told["rows"][i]["kinds"][f]]["name"]


def test_every_row_of_the_table_is_there_with_its_numbers(told):
    assert len(told["rows"]) == len(ROWS) == len(FRAME)
    for i, (row, line) in enumerate(zip(ROWS, told["rows"], strict=True)):
        assert {name: line[name] for name in NUMBERS} == {name: row[name] for name in NUMBERS}
        assert (line["steps"], line["arrived"]) == (row["steps"], row["arrived"])
        price = f"R → {row['target']:g}" if row["target"] is not None else f"β {row['beta']:g}"
        assert re.fullmatch(rf"(\S+), {price}(, annealed)?, seed {row['seed']}", line["said"])[2] == (
            ", annealed" if row["annealed"] else None
        )
        signs = [word(told, i, name) for name in ("encoder", "decoder", "marginal")]
        assert "".join(signs).replace("−", "-") == line["said"][:3].replace("−", "-") == row["family"]
        assert word(told, i, "training") == ("arrived" if row["arrived"] else "not arrived")


def test_a_training_has_arrived_where_the_table_says_so():
    found = [row["arrived"] for row in show.plane_explorer(TABLE).settings["rows"]]
    assert found == TABLE.arrived.tolist()


def test_a_row_has_the_colour_and_marker_of_its_family(told):
    for row, line in zip(ROWS, told["rows"], strict=True):
        group = told["groups"][line["group"]]
        assert group["name"] == row["family"].replace("-", "−")
        assert group["shape"] == MARKERS[row["family"][0]]
        assert group["colour"].endswith(f", {COLOURS[row['family'][1:]]})")
        assert re.match(r"var\((--rd-\d)", group["colour"])[1] == VARIABLES[COLOURS[row["family"][1:]].lower()]
    assert len(told["groups"]) == len({row["family"] for row in ROWS})


def test_more_steps_make_a_larger_mark_of_up_to_four_times_the_area():
    steps = [4, 8, 16, 1600]
    radii = [
        row["radius"] for row in show.plane_explorer([ROW | {"steps": n, "seed": n} for n in steps]).settings["rows"]
    ]
    np.testing.assert_allclose(np.square(np.divide(radii, radii[0])), [1, 2, 4, 4], rtol=0.01)


def test_pictures_are_those_of_the_run_itself(told):
    kept = {row["config_hash"]: line["folder"] for row, line in zip(ROWS, told["rows"], strict=True) if line["folder"]}
    assert len(kept) == len(list(GALLERY.glob("*/rates.csv"))) > 5
    for identity, folder in kept.items():
        assert {row["config_hash"] for row in results.read_rows(BOOK / "models" / folder / "rates.csv")} == {identity}
        assert all((BOOK / "models" / folder / sheet["file"]).is_file() for sheet in told["sheets"])


def test_all_points_are_inside_with_their_errors(told):
    for axis, name in (("x", "rate"), ("y", "distortion")):
        low, high = told[axis]
        assert (
            low < (FRAME[name] - 2 * FRAME[f"{name}_se"]).min() < (FRAME[name] + 2 * FRAME[f"{name}_se"]).max() < high
        )


def test_the_limits_count_errors():
    wide = limits([ROW | {"rate_se": 50.0, "distortion_se": 60.0}, ROW | {"rate": 7.0}], log=False)
    assert wide["x"][0] < 6 - 100 < 6 + 100 < wide["x"][1]
    assert wide["y"][0] < 74 - 120 < 74 + 120 < wide["y"][1]


def test_what_has_every_colour_is_told_by_its_marker():
    families = ["-+v", "++v", "---", "+--"]
    (encoder, *_) = show.plane_explorer([ROW | {"family": each} for each in families]).settings["filters"]
    marks = [value["marks"] for value in encoder["values"]]
    assert [[(m["shape"], "--rd-muted" in m["colour"]) for m in each] for each in marks] == [
        [("o", True)],
        [("D", True)],
    ]


def test_the_buttons_are_the_key_of_colours_and_markers(told):
    marks = {f["name"]: {v["name"]: v["marks"] for v in f["values"]} for f in told["filters"]}
    assert [list(values) for values in marks.values()] == [
        ["−", "+"],
        ["−", "+"],
        ["−", "+", "v"],
        ["arrived", "not arrived"],
    ]
    assert [[m["shape"] for m in each] for each in marks["encoder"].values()] == [["o"], ["D"]]
    for sign, shown in marks["decoder"].items():
        assert [m["colour"][-8:-1] for m in shown] == [COLOURS[sign.replace("−", "-") + m] for m in "-+v"]
    for sign, shown in marks["marginal"].items():
        assert [m["colour"][-8:-1] for m in shown] == [COLOURS[d + sign.replace("−", "-")] for d in "-+"]
    assert [[m["full"] for m in each] for each in marks["training"].values()] == [[True], [False]]


def test_what_is_one_for_all_rows_gets_no_button_and_what_is_not_said_is_not_told():
    (line,) = show.plane_explorer([ROW]).settings["rows"]
    assert (line["kinds"], line["arrived"], line["folder"], line["said"]) == ([], None, None, "−+v, β 1")
    two = show.plane_explorer([ROW, ROW | {"family": "++v"}]).settings["filters"]
    assert [each["name"] for each in two] == ["encoder"]


def test_views_name_their_rows():
    views = {"all": lambda row: True, "decoder +": lambda row: row["family"][1] == "+"}
    found = show.plane_explorer(FRAME, views=views).settings["views"]
    assert [each["name"] for each in found] == ["all", "decoder +"]
    assert found[0]["rows"] == list(range(len(ROWS)))
    assert [ROWS[i]["config_hash"] for i in found[1]["rows"]] == FRAME[FRAME.family.str[1] == "+"].config_hash.tolist()


def test_the_page_gets_the_settings_and_the_still_picture():
    figure = show.plane_explorer([ROW], views={"</script>": lambda row: True})
    page = figure._repr_html_()
    assert json.loads(re.search(r'<script type="application/json">(.*?)</script>', page, re.S)[1]) == json.loads(
        json.dumps(figure.settings)
    )
    assert show.family_plane([ROW]).framed(figure.alt) in page


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda tmp: show.plane_explorer([]), "rows: expected at least one row"),
        (lambda tmp: show.plane_explorer([{**ROW, "family": "?"}]), "rows: expected families"),
        (
            lambda tmp: show.plane_explorer([{k: v for k, v in ROW.items() if k != "elbo_se"}]),
            "rows: .* without elbo_se",
        ),
        (lambda tmp: show.plane_explorer([ROW], views={"none": lambda row: False}), "views: .* got none in 'none'"),
        (lambda tmp: show.plane_explorer([ROW], tmp), "gallery: expected a folder of kept runs"),
        (lambda tmp: show.plane_explorer([ROW], GALLERY), "gallery: expected a folder of kept runs"),
        (lambda tmp: show.plane_explorer([ROW | {"rate": -0.1}], log=True), "log: expected positive rates"),
        (lambda tmp: show.Look("a", "#000000", "8"), "marker: expected one of"),
        (lambda tmp: strip_uri(np.zeros((28, 28))), "images: expected shape"),
    ],
)
def test_bad_input_is_named(call, said, tmp_path):
    with pytest.raises(ValueError, match=said):
        call(tmp_path)


def test_a_logarithmic_axis_has_room_by_ratios():
    ends = limits([ROW, ROW | {"rate": 600.0}], log=True)["x"]
    assert 0.5 < ends[0] / 6.0 < 1 < ends[1] / 600 < 2


def test_relatives_are_tied_to_their_twins():
    told, rows = relatives.relatives_explorer(RELATIVES).settings, results.records(RELATIVES)
    pairs = relatives.weight_pairs(RELATIVES)
    assert sorted((rows[i]["config_hash"], rows[j]["config_hash"]) for i, j in told["ties"]) == sorted(
        zip(pairs.config_hash_matched, pairs.config_hash, strict=True)
    )
    for row, line in zip(rows, told["rows"], strict=True):
        name, colour, marker = relatives.STYLES[row["objective"]]
        group = told["groups"][line["group"]]
        if row["lambda"]:
            assert (group["name"], group["shape"], colour in group["colour"]) == (name, marker, True)
        else:
            assert (group["name"], group["shape"]) == ("weight 0", "s" if row["beta"] == 0 else "o")
        assert line["said"] == f"{group['name']}, β = {row['beta']:g}, w = {row['lambda']:g}, seed {row['seed']}"
    assert (told["log"], told["sheets"]) == (True, [])


def test_a_look_is_that_of_the_plane():
    assert {family_look(row) for row in ROWS} == {
        show.Look(f.replace("-", "−"), COLOURS[f[1:]], MARKERS[f[0]]) for f in {row["family"] for row in ROWS}
    }
