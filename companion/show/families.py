"""The plane of many models at once: families by colour and marker, the Pareto staircase and the convex hull.

Rows are those of the tables in ``book/results``: dicts with the keys of ``NEEDED``, numbers in nats.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from companion.exact.fronts import lower_hull, pareto_front
from companion.show.plots import GUIDE, PALETTE, Picture, plane, style

Rows = Sequence[Mapping[str, Any]]
Focus = Callable[[Mapping[str, Any]], bool]

NEEDED = ("family", "annealed", "rate", "distortion", "rate_se", "distortion_se", "elbo", "elbo_se", "steps")
COLOURS = dict(zip(("--", "-+", "-v", "+-", "++", "+v"), (PALETTE[i] for i in (0, 5, 2, 1, 4, 3)), strict=True))
MARKERS = {"-": "o", "+": "D"}
HULL = "#A6A6A6"
SIZE = 5.0  # of the markers, in points
LINEAR = 1e-3  # nats, up to which the scale symlog is linear
PALE = 0.15  # opacity of what is not in focus


def family_plane(rows: Rows, title: str = "", focus: str | Focus | None = None) -> Picture:
    """Figure 3a of Alemi et al. (2018): a point for each of ``rows``, R across, D up, with two standard errors; nats.

    Colour names decoder and marginal, cool for the decoder -, warm for +; the marker names the encoder. Runs with
    annealing are hollow; runs with more steps are larger, their area up to four times that of the shortest. The black
    staircase is the Pareto front, and points on it bear a cross; the grey line is the lower convex hull; every point of
    the dashed diagonal has the best ELBO. All three are those of the rows given.

    focus : a family in ``rows``, or what says of a row whether it is meant; all others pale, by default none

    Raises ``ValueError`` without rows, for a row that lacks one of ``NEEDED``, for an unknown family, and for rows of
    several splits, data sets or rules, as far as they tell.

    >>> errors = {"rate_se": 0.1, "distortion_se": 0.2, "elbo_se": 0.2}
    >>> row = {"family": "-+v", "annealed": False, "rate": 6.2, "distortion": 74.1, "elbo": -80.3, "steps": 1} | errors
    >>> family_plane([row]).axes[0].get_ylabel()
    'distortion D (nats)'
    """
    meant = focus if callable(focus) else lambda row: focus in (None, row.get("family"))
    if rows and not any(map(meant, rows)):
        raise ValueError(f"focus: expected a family in the rows, or a test that some pass, got {focus!r}")
    return _picture(rows, False, "linear", title, meant)


def skew_plane(rows: Rows, scale: str = "linear", title: str = "") -> Picture:
    """Figure 3b of Alemi et al. (2018): the points of ``family_plane`` with R + D up, so that small differences show.

    Two standard errors up are those of the ELBO, -(R + D). The best ELBO is a level line; on the staircase, steps of
    equal D rise at one nat a nat.

    scale : of R, ``"linear"``, or ``"symlog"``, linear up to a thousandth of a nat and logarithmic from there

    Raises ``ValueError`` for another scale, and as ``family_plane`` does.
    """
    if scale not in ("linear", "symlog"):
        raise ValueError(f"scale: expected 'linear' or 'symlog', got {scale!r}")
    return _picture(rows, True, scale, title)


def run_label(row: Mapping[str, Any]) -> str:
    """How a row names its run in a table: the family, the price or the rate it was held at, and whether annealed.

    >>> run_label({"family": "-+v", "beta": 0.5, "annealed": True, "target": None})
    '-+v, β 0.5, annealed'
    >>> run_label({"family": "---", "beta": 1.0, "annealed": False, "target": 8.0})
    '---, R → 8'
    """
    price = f"β {row['beta']:g}" if row["target"] is None else f"R → {row['target']:g}"
    return f"{row['family']}, {price}" + ", annealed" * row["annealed"]


def _picture(rows: Rows, skew: bool, scale: str, title: str, meant: Focus = lambda row: True) -> Picture:
    _check(rows)
    picture = plane(up="R + D (nats)" if skew else "distortion D (nats)", title=title)
    picture.set_size_inches(6.25, 6.5)
    axes = picture.axes[0]
    with style():
        _set_limits(axes, rows, skew, scale)
        _draw_fronts(axes, rows, skew)
        shortest = min(row["steps"] for row in rows)
        for row in rows:
            _draw_point(axes, row, skew, row["steps"] / shortest, 1.0 if meant(row) else PALE)
        tight: dict[str, Any] = {"frameon": False, "fontsize": 10, "columnspacing": 1.5, "handlelength": 1.6}
        picture.legend(handles=_legend(rows), loc="outside lower center", ncols=3, **tight)
    return picture


def _check(rows: Rows) -> None:
    if not rows:
        raise ValueError("rows: expected at least one row, got none")
    for name in ("split", "data", "binarise"):
        if len(found := {row[name] for row in rows if name in row}) > 1:
            raise ValueError(f"rows: expected those of one {name}, got {', '.join(map(str, sorted(found)))}")
    for row in rows:
        missing = [name for name in NEEDED if name not in row]
        if missing:
            raise ValueError(f"rows: expected the keys {', '.join(NEEDED)}, got a row without {', '.join(missing)}")
        if row["family"][:1] not in MARKERS or row["family"][1:] not in COLOURS:
            raise ValueError(f"rows: expected families such as '-+v', got {row['family']!r}")


def _set_limits(axes: Axes, rows: Rows, skew: bool, scale: str) -> None:
    """Every point inside, with its errors."""
    right = 1.04 * max(1.0, *(row["rate"] + 2 * row["rate_se"] for row in rows))
    left = -0.03 * right
    if scale == "symlog":
        axes.set_xscale("symlog", linthresh=LINEAR)
        axes.xaxis.set_major_formatter("{x:g}")
        left, right = -LINEAR / 5, 1.2 * right
    left = min(left, *(row["rate"] - 2 * row["rate_se"] for row in rows), 0.0)
    if skew:
        low, high = (choose(-row["elbo"] for row in rows) for choose in (min, max))
        margin = 0.05 * (high - low) + 2 * max(row["elbo_se"] for row in rows)
        axes.set(xlim=(left, right), ylim=(low - margin, high + margin))
    else:
        top = 1.04 * max(1.0, *(row["distortion"] + 2 * row["distortion_se"] for row in rows))
        axes.set(xlim=(left, right), ylim=(0, top))


def _draw_fronts(axes: Axes, rows: Rows, skew: bool) -> None:
    """The best ELBO, the hull, and the staircase from above the picture to its right edge, its points crossed."""
    r, d = (np.array([row[name] for row in rows]) for name in ("rate", "distortion"))
    ends, best = np.array(axes.get_xlim()), min(-row["elbo"] for row in rows)
    hull, front = lower_hull(r, d), pareto_front(r, d)
    across = np.concatenate([np.repeat(r[front], 2), ends[1:]])
    up = np.concatenate([[2 * axes.get_ylim()[1]], np.repeat(d[front], 2)])
    _draw_line(axes, ends, best - ends, skew, color=GUIDE, linestyle="--", linewidth=1)
    _draw_line(axes, r[hull], d[hull], skew, color=HULL, linewidth=2.5)
    _draw_line(axes, across, up, skew, color="black", linewidth=1)
    axes.plot(r[front], d[front] + skew * r[front], "x", color="black", markersize=9, markeredgewidth=1, zorder=5)


def _draw_line(axes: Axes, r: np.ndarray, d: np.ndarray, skew: bool, **look: Any) -> None:
    """The straight lines from point to point of the plane: they bend where an axis is logarithmic."""
    within = np.linspace(0, 1, 65) ** 4  # dense at the left end, for an axis of many decades
    steps = (np.arange(len(r) - 1)[:, None] + within).ravel()
    r, d = (np.interp(steps, np.arange(len(r)), values) for values in (r, d))
    axes.plot(r, d + skew * r, zorder=1, **look)


def _draw_point(axes: Axes, row: Mapping[str, Any], skew: bool, longer: float, opacity: float) -> None:
    axes.errorbar(
        row["rate"],
        -row["elbo"] if skew else row["distortion"],
        xerr=2 * row["rate_se"],
        yerr=2 * row["elbo_se" if skew else "distortion_se"],
        **_look(row["family"], row["annealed"], longer),
        alpha=opacity,
    )


def _look(family: str, annealed: bool = False, longer: float = 1.0) -> dict[str, Any]:
    colour = COLOURS[family[1:]]
    return {
        "color": colour,
        "marker": MARKERS[family[:1]],
        "markerfacecolor": "white" if annealed else colour,
        "markersize": SIZE * min(2.0, longer**0.5),
        "linestyle": "none",
        "elinewidth": 1,
    }


def _legend(rows: Rows) -> list[Line2D]:
    """What is in the picture, and nothing else; where all is, a column begins with each decoder and with the fronts."""
    names = {row["family"] for row in rows}
    pairs = [
        _entry(f"decoder {_sign(pair[0])}, marginal {_sign(pair[1])}", color=colour, marker="s")
        for pair, colour in COLOURS.items()
        if any(name[1:] == pair for name in names)
    ]
    encoders = [
        _entry(f"encoder {_sign(sign)}", color=GUIDE, marker=marker)
        for sign, marker in MARKERS.items()
        if any(name[0] == sign for name in names)
    ]
    annealed = _entry("hollow: KL annealed", color=GUIDE, marker="o", markerfacecolor="white")
    longer = _entry("larger: more steps", color=GUIDE, marker="o", markersize=1.6 * SIZE)
    best = min(-row["elbo"] for row in rows)
    return [
        *(*pairs[:3], *encoders, *pairs[3:]),
        *([annealed] if any(row["annealed"] for row in rows) else []),
        *([longer] if len({row["steps"] for row in rows}) > 1 else []),
        Line2D([], [], color="black", linewidth=1, marker="x", markersize=9, label="Pareto front"),
        Line2D([], [], color=HULL, linewidth=2.5, label="convex hull"),
        Line2D([], [], color=GUIDE, linestyle="--", linewidth=1, label=f"best R + D = {best:.1f}"),
    ]


def _entry(label: str, **look: Any) -> Line2D:
    settings: dict[str, Any] = {"linestyle": "none", "markersize": SIZE} | look
    return Line2D([], [], label=label, **settings)


def _sign(sign: str) -> str:
    return sign.replace("-", "−")
