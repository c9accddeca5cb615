"""Pictures of records: points of the rate-distortion plane, and sheets of images."""

import io
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from cycler import cycler
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from companion.atomic import atomic_write
from companion.terms import RateDistortion

#: The colours, in the order of use.
PALETTE = (
    "#0072B2",
    "#D55E00",
    "#009E73",
    "#CC79A7",
    "#E69F00",
    "#56B4E9",
    "#000000",
)  # Okabe and Ito, colour-blind safe
GUIDE = "#767676"


@contextmanager
def style() -> Iterator[None]:
    """The look of every figure, inside the block only."""
    settings: Any = {
        "axes.prop_cycle": cycler(color=PALETTE),
        "axes.spines.right": False,
        "axes.spines.top": False,
        "figure.facecolor": "white",
        "font.size": 11,
        "savefig.facecolor": "white",
    }
    with mpl.rc_context(settings):
        yield


class Picture(Figure):
    """A figure that a notebook shows as PNG: the same bytes each time, by no global state of matplotlib."""

    def png(self, dpi: int = 96) -> bytes:
        """The picture's bytes."""
        buffer = io.BytesIO()
        self.savefig(buffer, format="png", dpi=dpi, metadata={"Software": None})
        return buffer.getvalue()

    def _repr_png_(self) -> bytes:
        return self.png()


def plane(across: str = "rate R (nats)", up: str = "distortion D (nats)", title: str = "") -> Picture:
    """An empty plane with its axes named, to be drawn into: ``plane().axes[0]``."""
    with style():
        picture = Picture(figsize=(6, 4.5), layout="constrained")
        picture.subplots().set(xlabel=across, ylabel=up, title=title)
    return picture


def rd_plane(
    points: Sequence[RateDistortion],
    labels: Sequence[str] = (),
    *,
    entropy: float | None = None,
    reach: Sequence[RateDistortion] = (),
    connect: bool = False,
    title: str = "",
) -> Picture:
    """``points`` in the plane of rate R (across) and distortion D (up), in nats, with two standard errors.

    A dashed diagonal R + D = constant runs through the best point: all models on it have one ELBO.

    labels : one a point, empty for none
    entropy : H of the data, where known: the region R + D < H that no model reaches is shaded
    reach : further points that the axes make room for, so that frames of one animation share their axes
    connect : join the points by a line, in the order given
    title : above the axes

    Raises ``ValueError`` without points, or when the labels are not one a point.

    >>> picture = rd_plane([RateDistortion(22, 75, 0.1, 0.2, 0.2, n=100)], ["beta 1"])
    >>> picture.axes[0].get_xlabel()
    'rate R (nats)'
    """
    if not points:
        raise ValueError("points: expected at least one point, got none")
    if labels and len(labels) != len(points):
        raise ValueError(f"labels: expected one for each of the {len(points)} points, got {len(labels)}")
    picture = plane(title=title)
    axes = picture.axes[0]
    with style():
        _set_limits(axes, [*points, *reach], entropy)
        _draw_guides(axes, min(-p.elbo for p in points), entropy)
        if connect:
            axes.plot([p.rate for p in points], [p.distortion for p in points], color=PALETTE[5], linewidth=1)
        for p in points:
            axes.errorbar(p.rate, p.distortion, xerr=2 * p.rate_se, yerr=2 * p.distortion_se, fmt="o", color=PALETTE[0])
        _annotate(axes, points, labels)
    return picture


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
    axes.annotate(
        f"R + D = {best:.1f}",
        (ends[1], best - ends[1]) if best > ends[1] else (best, 0),
        xytext=(-8, -4),
        textcoords="offset points",
        ha="right",
        va="top",
        color=GUIDE,
    )
    if entropy is not None:
        axes.fill_between(ends, 0, entropy - ends, color="#D9D9D9", linewidth=0)
        axes.annotate("R + D < H: no model", (0.12 * entropy, 0.12 * entropy), color="#404040")


def image_sheet(rows: Mapping[str, np.ndarray]) -> Picture:
    """One row of images for each name in ``rows``: ``[n, H, W]``, ink dark on white, 0 to 1; names on the left.

    Raises ``ValueError`` without rows, or for arrays of another number of dimensions or different shapes.
    """
    shapes = {np.shape(images) for images in rows.values()}
    if len(shapes) != 1 or len(next(iter(shapes))) != 3:
        raise ValueError(f"rows: expected images of one shape [n, H, W], got {sorted(shapes)}")
    n, height, width = next(iter(shapes))
    with style():
        picture = Picture(figsize=(2.4 + 0.62 * n, 0.68 * len(rows)), layout="constrained")
        grid = np.atleast_1d(picture.subplots(len(rows), 1))
        for axes, (name, images) in zip(grid, rows.items(), strict=True):
            tiles = np.pad(np.asarray(images, float), ((0, 0), (1, 1), (1, 1)))
            strip = tiles.transpose(1, 0, 2).reshape(height + 2, n * (width + 2))
            axes.imshow(strip, cmap="gray_r", vmin=0, vmax=1, interpolation="nearest")
            axes.set_ylabel(name, rotation=0, ha="right", va="center")
            axes.set(xticks=[], yticks=[])
            axes.spines[:].set_visible(False)
    return picture


def save(picture: Picture, path: Path | str) -> None:
    """Write ``picture`` as PNG, whole or not at all."""
    with atomic_write(path) as temporary:
        temporary.write_bytes(picture.png(dpi=144))
