"""The runs of a table as a figure to explore: what ``book/_static/mnist-plane.js`` is told, and its still picture."""

from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from companion.results.frames import records
from companion.results.schema import read_rows
from companion.show.figure import GUIDE, VARIABLES
from companion.show.plane import COLOURS, MARKERS, SIZE, family_plane
from companion.show.sheets import SHEETS, check_sheet, sheet_strips
from companion.show.tables import run_label
from companion.show.widgets import Frame, LiveFigure

Row = Mapping[str, Any]
Rows = Sequence[Row]
Word = Callable[[Row], str]

NUMBERS = ("rate", "distortion", "elbo", "rate_se", "distortion_se", "elbo_se")
SHAPES = ("o", "s", "D", "^", "v", "*", "P", "X")  # the markers that the script draws
PRICES = (0.02, 50.0)  # of the slider, whose middle is 1
MANY = 4  # marks on a button, more than which tell nothing
FIRST = {sign: i for i, sign in enumerate(("−", "+", "v", "arrived", "not arrived"))}  # on buttons; others follow
ALT = (
    "The rate-distortion plane. A point for each run, its colour naming decoder and marginal, its marker the encoder, "
    "hollow where it has not arrived; a black staircase and a grey convex line run along their lower left side."
)
CAPTION = (
    "each with its numbers, some alone with their staircase and hull, and a line of one price that rolls along them"
)


@dataclass(frozen=True)
class Look:
    """How the runs of one group are drawn: a name, a colour in hexadecimal, and one of the markers ``o s D ^ v * P X``.

    Raises ``ValueError`` for another marker.
    """

    name: str
    colour: str
    marker: str = "o"

    def __post_init__(self) -> None:
        if self.marker not in SHAPES:
            raise ValueError(f"marker: expected one of {', '.join(SHAPES)}, got {self.marker!r}")


def family_look(row: Row) -> Look:
    """The look of a family in every plane of families: colour by decoder and marginal, marker by encoder.

    >>> family_look({"family": "-+v"})
    Look(name='−+v', colour='#CC79A7', marker='o')
    """
    family = row["family"]
    return Look(_sign(family), COLOURS[family[1:]], MARKERS[family[0]])


def _sign(name: str) -> str:
    return name.replace("-", "−")


def arrived_word(row: Row) -> str:
    """Whether a run has arrived, as its button says."""
    return "not arrived" if arrived(row) is False else "arrived"


def _family_label(row: Row) -> str:
    return _sign(run_label(row)) + (f", seed {row['seed']}" if "seed" in row else "")


FILTERS: dict[str, Word] = {
    "encoder": lambda row: _sign(row["family"][0]),
    "decoder": lambda row: _sign(row["family"][1]),
    "marginal": lambda row: _sign(row["family"][2]),
    "training": arrived_word,
}


def plane_explorer(
    rows: Iterable[Row] | pd.DataFrame,
    gallery: Path | str | None = None,
    *,
    still: Frame | None = None,
    look: Callable[[Row], Look] = family_look,
    say: Callable[[Row], str] = _family_label,
    filters: Mapping[str, Word] = FILTERS,
    views: Mapping[str, Callable[[Row], bool]] | None = None,
    ties: Iterable[tuple[int, int]] = (),
    log: bool = False,
    alt: str = ALT,
) -> LiveFigure:
    """All ``rows`` in the plane of rate R and distortion D, in nats, to be read one by one on a page without a kernel.

    Each row tells its numbers with their standard errors; buttons leave a part of the rows; staircase and lower convex
    hull are those of the rows left. A line D + beta R = constant rolls along them as beta moves, and names the row that
    it touches. The still picture is ``family_plane`` of the same rows; so are the colours and markers.

    Args:
        rows: of one split, a run each, as ``companion.results.load`` gives them; hollow where not ``arrived``
        gallery: a folder in ``book/results/models``, whose pictures are shown for the rows whose ``config_hash`` it
            names; a site has them in ``_static/models``
        still, look, say: for rows that are no families, the picture that stands without scripts, the group that a
            row is drawn with, and how it is named
        filters: rows of buttons: a word for each row; one that is the same for all is left out
        views: parts of the rows to choose from, by name: which row belongs to one
        ties: pairs of rows, by their places, that a thin line joins
        log: whether the rate is drawn on a logarithmic scale
        alt: what the still picture shows, for readers who do not see it

    Raises ``ValueError`` without rows, for one that lacks a number, for a ``log`` scale of rates that are not positive,
    a view without rows, a gallery without models or with sheets of another layout, and as ``family_plane`` does.

    >>> errors = {"rate_se": 0.1, "distortion_se": 0.2, "elbo_se": 0.2, "annealed": False}
    >>> row = {"family": "-+v", "beta": 1.0, "rate": 6.2, "distortion": 74.1, "elbo": -80.3, "steps": 1} | errors
    >>> plane_explorer([row]).settings["rows"][0]["said"]
    '−+v, β 1'
    """
    rows = records(rows, (*NUMBERS, "steps"))
    still = still or family_plane(rows)
    looks, words = list(map(look, rows)), _words(rows, filters)
    folders = kept_folders(gallery, {row.get("config_hash") for row in rows}) if gallery else {}
    groups, shortest = list(dict.fromkeys(looks)), min(row["steps"] for row in rows)
    told = [
        _numbers(row)
        | {"said": say(row), "group": groups.index(mine), "folder": folders.get(row.get("config_hash"))}
        | {"kinds": [choice.index(filters[name](row)) for name, choice in words.items()]}
        | {"radius": round(SIZE * min(2.0, (row["steps"] / shortest) ** 0.5), 2)}
        for row, mine in zip(rows, looks, strict=True)
    ]
    settings = {
        "groups": [_mark(each) | {"name": each.name} for each in groups],
        "filters": [_filter(name, choice, filters[name], rows, looks) for name, choice in words.items()],
        "views": [{"name": name, "rows": _part(rows, name, belongs)} for name, belongs in (views or {}).items()],
        "ties": [list(pair) for pair in ties],
        "sheets": [sheet | {"strips": sheet_strips(sheet["file"])} for sheet in SHEETS] if folders else [],
        "prices": PRICES,
        "log": log,
        "rows": told,
    }
    settings |= limits(rows, log)
    return LiveFigure("mnist-plane", still, settings, name="all runs", alt=alt, caption=CAPTION)


def _numbers(row: Row) -> dict[str, Any]:
    numbers: dict[str, Any] = {name: float(row[name]) for name in NUMBERS}
    return numbers | {"steps": int(row["steps"]), "arrived": arrived(row)}


def arrived(row: Row) -> bool | None:
    """Whether the training of a row has come to its end, None where the row does not say."""
    return None if row.get("arrived") is None else bool(row["arrived"])


def _mark(look: Look) -> dict[str, str]:
    """What the script draws: the colour as a page sets it, with the one that was asked for behind it."""
    known = VARIABLES.get(look.colour.lower())
    return {"colour": f"var({known}, {look.colour})" if known else look.colour, "shape": look.marker}


def kept_folders(gallery: Path | str, wanted: Container[Any]) -> dict[Any, str]:
    """The folders of a gallery, from ``models`` on, by the ``config_hash`` of the run that each keeps.

    Raises ``ValueError`` where there is no run of those ``wanted``, and for one whose sheets have another layout.
    """
    found = {}
    for path in sorted(Path(gallery).glob("[!.]*/rates.csv")):
        if (identity := read_rows(path)[0]["config_hash"]) in wanted:
            for sheet in SHEETS:
                check_sheet(path.with_name(sheet["file"]))
            found[identity] = "/".join(path.parts[-3:-1])
    if not found:
        raise ValueError(f"gallery: expected a folder of kept runs of these rows, got {str(gallery)!r}")
    return found


def _words(rows: Rows, filters: Mapping[str, Word]) -> dict[str, list[str]]:
    """The words of each filter that tells rows apart, signs in their order and others as they come."""
    found = {name: list(dict.fromkeys(map(word, rows))) for name, word in filters.items()}
    order = {name: sorted(words, key=lambda each: FIRST.get(each, len(FIRST))) for name, words in found.items()}
    return {name: words for name, words in order.items() if len(words) > 1}


def _filter(name: str, choice: Sequence[str], word: Word, rows: Rows, looks: Sequence[Look]) -> dict[str, Any]:
    """The buttons of a filter, each with the marks that its rows have in common and others do not: a key."""
    values = []
    for value in choice:
        own = [look for row, look in zip(rows, looks, strict=True) if word(row) == value]
        full = [arrived(row) is not False for row in rows if word(row) == value]
        values.append({"name": value, "marks": _key(own, looks, any(full), word is arrived_word)})
    return {"name": name, "values": values}


def _key(own: Sequence[Look], looks: Sequence[Look], full: bool, fill: bool) -> list[dict[str, Any]]:
    """Their colours where these are a part of all, or their marker where it is one of several; or full and hollow."""
    own = sorted(own, key=lambda each: [FIRST.get(sign, len(FIRST)) for sign in each.name])
    colours, markers = (list(dict.fromkeys(getattr(each, name) for each in own)) for name in ("colour", "marker"))
    every = [{getattr(each, name) for each in looks} for name in ("colour", "marker")]
    plain = Look("", GUIDE, markers[0] if len(markers) == 1 else "o")
    if fill:
        return [_mark(Look("", GUIDE)) | {"full": full}]
    if len(colours) < len(every[0]) and len(colours) <= MANY:
        return [_mark(Look("", colour, plain.marker)) | {"full": True} for colour in colours]
    return [_mark(plain) | {"full": True}] if len(markers) == 1 < len(every[1]) else []


def _part(rows: Rows, name: str, belongs: Callable[[Row], bool]) -> list[int]:
    part = [i for i, row in enumerate(rows) if belongs(row)]
    if not part:
        raise ValueError(f"views: expected rows in each, got none in {name!r}")
    return part


def limits(rows: Rows, log: bool) -> dict[str, list[float]]:
    """The ends of both axes, with room for every point and two of its errors."""
    ends = {}
    for axis, name in (("x", "rate"), ("y", "distortion")):
        low = min(row[name] - 2 * row[f"{name}_se"] for row in rows)
        high = max(row[name] + 2 * row[f"{name}_se"] for row in rows)
        margin = 0.04 * (high - low) + 0.1
        ends[axis] = [low - margin, high + margin]
    if log:
        least, most = (choose(row["rate"] for row in rows) for choose in (min, max))
        if least <= 0:
            raise ValueError(f"log: expected positive rates for a logarithmic scale, got {least}")
        ends["x"] = [0.85 * least, 1.18 * most]
    return ends
