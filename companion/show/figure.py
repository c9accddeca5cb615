"""The figure: its colours, its style, and the frame of panels that every drawing begins with."""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import matplotlib as mpl
from cycler import cycler
from matplotlib import figure

from companion.atomic import atomic_write

#: The colours, in the order of use: those of Okabe and Ito, colour-blind safe.
PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
#: The grey of lines that guide the eye.
GUIDE = "#767676"


@contextmanager
def style() -> Iterator[None]:
    """The look of every figure, inside the block only."""
    look: Any = {"axes.prop_cycle": cycler(color=PALETTE), "font.size": 11}
    look |= dict.fromkeys(("axes.spines.right", "axes.spines.top"), False)
    look |= dict.fromkeys(("figure.facecolor", "savefig.facecolor"), "white")
    with mpl.rc_context(look):
        yield


class Figure(figure.Figure):
    """A figure that a notebook shows as PNG: the same bytes each time, by no global state of matplotlib."""

    def png(self, dpi: int = 96) -> bytes:
        """The bytes of the figure."""
        buffer = io.BytesIO()
        self.savefig(buffer, format="png", dpi=dpi, metadata={"Software": None})
        return buffer.getvalue()

    def _repr_png_(self) -> bytes:
        return self.png()


@style()
def panels(size: tuple[float, float], rows: int = 1, columns: int = 1, **options: Any) -> tuple[Figure, Any]:
    """An empty figure in the style of all, and its axes as ``Figure.subplots`` gives them: one, or an array.

    Args:
        size: width and height in inches
        options: of ``Figure.subplots``, such as ``sharey=True``

    >>> figure, axes = panels((6, 2), 1, 3)
    >>> axes.shape, len(figure.axes)
    ((3,), 3)
    """
    drawn = Figure(figsize=size, layout="constrained")
    return drawn, drawn.subplots(rows, columns, **options)


def save(figure: Figure, path: Path | str) -> None:
    """Write ``figure`` as PNG, whole or not at all."""
    with atomic_write(path) as temporary:
        temporary.write_bytes(figure.png(dpi=144))
