"""The rate-distortion plane: points with errors, fronts and hulls, families by colour and marker.

Rows of families are those of the tables in ``book/results``: dicts, or a frame, with the keys of ``NEEDED``, in nats.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from companion.exact.fronts import lower_hull, pareto_front
from companion.models.families import DECODERS, MARGINALS
from companion.results.frames import records
from companion.show.figure import GUIDE, PALETTE, SHADE, Figure, panels, style
from companion.terms import RateDistortion

Rows = Sequence[Mapping[str, Any]]
Focus = Callable[[Mapping[str, Any]], bool]

NEEDED = ("family", "annealed", "rate", "distortion", "rate_se", "distortion_se", "elbo", "elbo_se", "steps")
SHADES = {  # by decoder, cool and warm, one a marginal; the last of each, Tol's, waits for a fourth
    "-": (PALETTE[0], PALETTE[5], PALETTE[2], "#332288"),
    "+": (PALETTE[1], PALETTE[4], PALETTE[3], "#882255"),
}
COLOURS = {d + m: shade for d in DECODERS for m, shade in zip(MARGINALS, SHADES.get(d, ()), strict=False)}
MARKERS = {"-": "o", "+": "D"}
HULL = "#A6A6A6"
SIZE = 5.0  # of the markers, in points
LINEAR = 1e-3  # nats, up to which the scale symlog is linear
PALE = 0.15  # opacity of what is not in focus


@style()
def empty_plane(
    across: str = "rate R (nats)", up: str = "distortion D (nats)", size: tuple[float, float] = (4.5, 3.4)
) -> Figure:
    """An empty plane with its axes named, to be drawn into: ``empty_plane().axes[0]``; its size in inches."""
    figure, axes = panels(size)
    axes.set(xlabel=across, ylabel=up)
    return figure


@style()
def rd_plane(
    points: Sequence[RateDistortion],
    labels: Sequence[str] = (),
    *,
    arrived: Sequence[bool] = (),
    entropy: float | None = None,
    reach: Sequence[RateDistortion] = (),
    connect: bool = False,
    title: str = "",
) -> Figure:
    """``points`` in the plane of rate R (across) and distortion D (up), in nats, with two standard errors.

    A dashed diagonal R + D = constant runs through the best point: all models on it have one ELBO.

    Args:
        labels: one a point, empty for none
        arrived: whether each training has come to its end (``companion.results.arrival``): a point is hollow where not
        entropy: H of the data, where known: the region R + D < H that no model reaches is shaded
        reach: further points that the axes make room for, so that frames of one animation share their axes
        connect: join the points by a line, in the order given
        title: above the axes

    Raises ``ValueError`` without points, or when ``labels`` or ``arrived`` are not one a point.

    >>> figure = rd_plane([RateDistortion(22, 75, 0.1, 0.2, 0.2, n=100)], ["beta 1"])
    >>> figure.axes[0].get_xlabel()
    'rate R (nats)'
    """
    if not points:
        raise ValueError("points: expected at least one point, got none")
    for name, given in {"labels": labels, "arrived": arrived}.items():
        if len(given) not in (0, len(points)):
            raise ValueError(f"{name}: expected one for each of the {len(points)} points, got {len(given)}")
    figure = empty_plane()
    axes = figure.axes[0]
    axes.set_title(title)
    _set_limits(axes, [*points, *reach], entropy)
    _draw_guides(axes, min(-p.elbo for p in points), entropy)
    if connect:
        axes.plot([p.rate for p in points], [p.distortion for p in points], color=PALETTE[5], linewidth=1)
    for p, full in zip(points, arrived or [True] * len(points), strict=True):
        look: Any = {"color": PALETTE[0], "markerfacecolor": PALETTE[0] if full else "white"}
        axes.errorbar(p.rate, p.distortion, xerr=2 * p.rate_se, yerr=2 * p.distortion_se, fmt="o", **look)
    if not all(arrived):
        axes.legend(handles=[_hollow()], frameon=False)
    _annotate(axes, points, labels)
    return figure


def _annotate(axes: Axes, points: Sequence[RateDistortion], labels: Sequence[str]) -> None:
    """Write each label beside its point; points within a fiftieth of the axes share one place."""
    places: dict[tuple[float, float], list[str]] = {}
    reach = [(high - low) / 50 for low, high in (axes.get_xlim(), axes.get_ylim())]
    for p, text in zip(points, labels, strict=False):
        here = (p.rate, p.distortion)
        near = (place for place in places if all(abs(a - b) < r for a, b, r in zip(place, here, reach, strict=True)))
        places.setdefault(next(near, here), []).append(text)
    for place, texts in places.items():
        label = axes.annotate(", ".join(texts), place, xytext=(7, 5), textcoords="offset points")
        label.set_in_layout(False)  # a long one would squeeze the axes


def _set_limits(axes: Axes, points: Sequence[RateDistortion], entropy: float | None) -> None:
    right = max([1.0, *(p.rate + 2 * p.rate_se for p in points), entropy or 0.0])
    top = max([1.0, *(p.distortion + 2 * p.distortion_se for p in points), entropy or 0.0])
    axes.set(xlim=(-0.03 * right, 1.2 * right), ylim=(0, 1.12 * top))
    axes.xaxis.set_major_locator(MaxNLocator(6))


def _draw_guides(axes: Axes, best: float, entropy: float | None) -> None:
    ends = np.array(axes.get_xlim())
    axes.plot(ends, best - ends, "--", color=GUIDE, linewidth=1)
    room = 0.12 * axes.get_ylim()[1]  # that the words need between the line and the axis
    place, side = ((ends[1], best - ends[1]), "top") if best - ends[1] > room else ((best - room, 0), "bottom")
    left: Any = {"xytext": (-8, -4 if side == "top" else 4), "textcoords": "offset points", "ha": "right", "va": side}
    axes.annotate(f"R + D = {best:.1f}", place, color=GUIDE, **left)
    if entropy is not None:
        axes.fill_between(ends, 0, entropy - ends, color="#D9D9D9", linewidth=0)
        axes.annotate("R + D < H: no model", (0.12 * entropy, 0.12 * entropy), color="#404040")


def family_plane(rows: Rows | pd.DataFrame, focus: str | Focus | None = None) -> Figure:
    """Figure 3a of Alemi et al. (2018): a point for each of ``rows``, R across, D up, with two standard errors; nats.

    Colour names decoder and marginal, cool for the decoder -, warm for +; the marker names the encoder. Runs that have
    not ``arrived`` (``companion.results.arrival``) are hollow; rows that do not say are filled. An "a" marks runs with
    annealing; runs with more steps are larger, their area up to four times that of the shortest. The black staircase is
    the Pareto front, and points on it bear a cross; the grey line is the lower convex hull; every point of the dashed
    diagonal has the best ELBO. All three are those of the rows given, arrived or not: what exists can be attained.

    Args:
        focus: a family in ``rows``, or what says of a row whether it is meant; all others pale, by default none

    Raises ``ValueError`` without rows, for a row that lacks one of ``NEEDED``, for an unknown family, and for rows of
    several splits, data sets or rules, as far as they tell.

    >>> errors = {"rate_se": 0.1, "distortion_se": 0.2, "elbo_se": 0.2}
    >>> row = {"family": "-+v", "annealed": False, "rate": 6.2, "distortion": 74.1, "elbo": -80.3, "steps": 1} | errors
    >>> family_plane([row]).axes[0].get_ylabel()
    'distortion D (nats)'
    """
    rows = records(rows, NEEDED)
    meant = focus if callable(focus) else lambda row: focus in (None, row["family"])
    if not any(map(meant, rows)):
        raise ValueError(f"focus: expected a family in the rows, or a test that some pass, got {focus!r}")
    return _families(rows, False, "linear", meant)


def skew_plane(rows: Rows | pd.DataFrame, scale: str = "linear") -> Figure:
    """Figure 3b of Alemi et al. (2018): the points of ``family_plane`` with R + D up, so that small differences show.

    Two standard errors up are those of the ELBO, -(R + D). The best ELBO is a level line; on the staircase, steps of
    equal D rise at one nat a nat.

    Args:
        scale: of R, ``"linear"``, or ``"symlog"``, linear up to a thousandth of a nat and logarithmic from there

    Raises ``ValueError`` for another scale, and as ``family_plane`` does.
    """
    if scale not in ("linear", "symlog"):
        raise ValueError(f"scale: expected 'linear' or 'symlog', got {scale!r}")
    return _families(records(rows, NEEDED), True, scale)


@style()
def _families(rows: Rows, skew: bool, scale: str, meant: Focus = lambda row: True) -> Figure:
    _check_families(rows)
    figure = empty_plane(up="R + D (nats)" if skew else "distortion D (nats)", size=(6.25, 6.5))
    axes = figure.axes[0]
    _set_family_limits(axes, rows, skew, scale)
    _draw_fronts(axes, rows, skew)
    shortest = min(row["steps"] for row in rows)
    for row in rows:
        _draw_point(axes, row, skew, row["steps"] / shortest, 1.0 if meant(row) else PALE)
    tight: dict[str, Any] = {"frameon": False, "fontsize": 10, "columnspacing": 1.5, "handlelength": 1.6}
    figure.legend(handles=_family_legend(rows), loc="outside lower center", ncols=3, **tight)
    return figure


def _check_families(rows: Rows) -> None:
    for name in ("split", "data", "binarise"):
        if len(found := {row[name] for row in rows if name in row}) > 1:
            raise ValueError(f"rows: expected those of one {name}, got {', '.join(map(str, sorted(found)))}")
    for row in rows:
        if row["family"][:1] not in MARKERS or row["family"][1:] not in COLOURS:
            known = f"encoders {', '.join(MARKERS)} and decoders with marginals {', '.join(COLOURS)}"
            raise ValueError(f"rows: expected families with a marker and a colour ({known}), got {row['family']!r}")


def _set_family_limits(axes: Axes, rows: Rows, skew: bool, scale: str) -> None:
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
    """The best ELBO, the hull, and the staircase from above the figure to its right edge, its points crossed."""
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
    colour, place = COLOURS[row["family"][1:]], (row["rate"], -row["elbo"] if skew else row["distortion"])
    axes.errorbar(
        *place,
        xerr=2 * row["rate_se"],
        yerr=2 * row["elbo_se" if skew else "distortion_se"],
        color=colour,
        marker=MARKERS[row["family"][:1]],
        markerfacecolor=colour if row.get("arrived", True) else "white",
        markersize=SIZE * min(2.0, longer**0.5),
        linestyle="none",
        elinewidth=1,
        alpha=opacity,
    )
    if row["annealed"]:
        beside: dict[str, Any] = {"xytext": (4, 3), "textcoords": "offset points"}
        axes.annotate("a", place, color=colour, alpha=opacity, **beside).set_in_layout(False)


def _family_legend(rows: Rows) -> list[Line2D]:
    """What is in the figure, and nothing else; where all is, a column begins with each decoder and with the fronts."""
    names = {row["family"] for row in rows}
    pairs = [
        _entry(f"decoder {pair[0]}, marginal {pair[1]}".replace("-", "−"), color=colour, marker="s")
        for pair, colour in COLOURS.items()
        if any(name[1:] == pair for name in names)
    ]
    encoders = [
        _entry(f"encoder {sign}".replace("-", "−"), color=GUIDE, marker=marker)
        for sign, marker in MARKERS.items()
        if any(name[0] == sign for name in names)
    ]
    annealed = _entry("KL annealed", color=GUIDE, marker=r"$\mathrm{a}$", markeredgewidth=0, markersize=1.4 * SIZE)
    longer = _entry("larger: more steps", color=GUIDE, marker="o", markersize=1.6 * SIZE)
    best = min(-row["elbo"] for row in rows)
    return [
        *(*pairs[: len(MARGINALS)], *encoders, *pairs[len(MARGINALS) :]),
        *([_hollow()] if not all(row.get("arrived", True) for row in rows) else []),
        *([annealed] if any(row["annealed"] for row in rows) else []),
        *([longer] if len({row["steps"] for row in rows}) > 1 else []),
        Line2D([], [], color="black", linewidth=1, marker="x", markersize=9, label="Pareto front"),
        Line2D([], [], color=HULL, linewidth=2.5, label="convex hull"),
        Line2D([], [], color=GUIDE, linestyle="--", linewidth=1, label=f"best R + D = {best:.1f}"),
    ]


def _hollow() -> Line2D:
    return _entry("hollow: not arrived", color=GUIDE, marker="o", markerfacecolor="white")


def _entry(label: str, **look: Any) -> Line2D:
    settings: dict[str, Any] = {"linestyle": "none", "markersize": SIZE} | look
    return Line2D([], [], label=label, **settings)


def contour_plane(across: np.ndarray, up: np.ndarray, height: np.ndarray, marks: Any = ()) -> Figure:
    """Filled contours of a density ``height`` ``[len(up), len(across)]`` over the plane of two latents.

    Args:
        marks: points ``[m, 2]`` that are drawn on top
    """
    figure = empty_plane("code $z_1$", "code $z_2$", (4.6, 4.4))
    axes = figure.axes[0]
    axes.contourf(across, up, height, np.max(np.asarray(height)) * np.linspace(0.02, 1, 12), cmap=SHADE)
    if len(marks):
        axes.plot(*np.asarray(marks).T, "o", color=PALETTE[1], markersize=4)
    axes.set(aspect="equal")
    return figure
