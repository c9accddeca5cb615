"""The page on what so many nats look like: one price for the copies, the inventions and the drawings of a code."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from companion.show.explorer import NUMBERS, arrived, limits
from companion.show.figure import Figure
from companion.show.images import image_sheet
from companion.show.sheets import SHEETS, check_sheet, sheet_strips, stored_images, strip_uri
from companion.show.widgets import LiveFigure

Row = Mapping[str, Any]
DRAWINGS = "Drawings of one code"


def price_explorer(
    rows: Sequence[Row], folders: Sequence[Path | str], drawings: Sequence[Mapping[str, np.ndarray]]
) -> LiveFigure:
    """One slider over models of one family, which moves a point in the plane and three sheets of images at once.

    The still picture is ``copies_figure``.

    Args:
        rows: one a model, in the order of the slider, in nats
        folders: where each is kept, in ``book/results/models``, with the sheets that ``scripts/gallery.py`` stores; a
            site has them in ``_static/models``
        drawings: images to be shown below those, by row: ten of ``[H, W]``, ink from 0 to 1, the same rows for all

    Raises ``ValueError`` for fewer than two models, counts that differ, drawings with other names, or sheets of another
    layout.
    """
    if not 2 <= len(rows) == len(folders) == len(drawings):
        counts = ", ".join(str(len(each)) for each in (rows, folders, drawings))
        raise ValueError(f"rows: expected two or more, and as many folders and drawings, got {counts}")
    names = list(drawings[0])
    if any(list(each) != names for each in drawings):
        raise ValueError(f"drawings: expected the rows {', '.join(names)} for every model, got others")
    paths = [[Path(folder) / sheet["file"] for sheet in SHEETS] for folder in folders]
    for path in (path for pair in paths for path in pair):
        check_sheet(path)
    told = [
        {name: float(row[name]) for name in NUMBERS}
        | {"said": price(row), "arrived": arrived(row)}
        | {"sheets": ["/".join(path.parts[-3:]) for path in pair] + [[strip_uri(drawn[name]) for name in names]]}
        for row, pair, drawn in zip(rows, paths, drawings, strict=True)
    ]
    sheets = [{"title": sheet["title"], "strips": sheet_strips(sheet["file"])} for sheet in SHEETS]
    sheets.append({"title": DRAWINGS, "strips": [{"name": name} for name in names]})
    settings = {"rows": told, "sheets": sheets, "start": len(rows) // 2} | limits(rows, log=False)
    alt = (
        "Ten digits, and below them a copy of each by every model: other digits at large beta, the same at small beta."
    )
    caption = "copies, inventions, and several drawings of one code"
    return LiveFigure("nats-beta", copies_figure(rows, folders), settings, name="one price", alt=alt, caption=caption)


def price(row: Row) -> str:
    """What a model was trained at: a price, or a rate.

    >>> price({"beta": 0.5}), price({"beta": 1.0, "target": 8.0})
    ('β = 0.5', 'held at R = 8')
    """
    return f"β = {row['beta']:g}" if row.get("target") is None else f"held at R = {row['target']:g}"


def copies_figure(rows: Sequence[Row], folders: Sequence[Path | str]) -> Figure:
    """Ten images, and below them one copy of each by every model, as in figure 4 of Alemi et al. (2018)."""
    shown: dict[str, np.ndarray] = {}
    for row, folder in zip(rows, folders, strict=True):
        stored = stored_images(Path(folder) / SHEETS[0]["file"])
        shown = {"input": stored["input"]} | shown | {f"{price(row)}: R {row['rate']:.1f}": stored["one sample"]}
    return image_sheet(shown)
