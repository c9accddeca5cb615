"""The figure: its colours, its style, and the frame of panels that every drawing begins with.

On a page a figure is SVG, transparent, with text as text. Its colours are CSS variables, which a page sets for light,
dark and print (``book/_static/figures.css``), each with the colour that was drawn behind it, for any other viewer.
"""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import matplotlib as mpl
from cycler import cycler
from matplotlib import figure, image
from matplotlib.colors import LinearSegmentedColormap, to_rgba

from companion.atomic import atomic_write
from companion.show.svg import INK, framed, themed

#: The colours, in the order of use: those of Okabe and Ito, colour-blind safe.
PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
#: The grey of lines that guide the eye.
GUIDE = "#767676"
#: A colour map from nothing to the first colour, for shares and densities on a ground that is light or dark.
SHADE = LinearSegmentedColormap.from_list("shade", [to_rgba(PALETTE[0], 0), to_rgba(PALETTE[0], 1)])
RASTER = 192  # dots per inch of what is drawn with ``rasterized=True``, hundreds of shapes on top of each other
#: The colour maps of ink on white.
INKS = ("gray_r", "Greys")
#: The colours that a page may change, and the CSS variable of each; any other is shown as it was drawn.
VARIABLES = {colour.lower(): f"--rd-{i}" for i, colour in enumerate(PALETTE[:6], 1)} | {
    "#000000": "--rd-ink",
    "#404040": "--rd-ink",
    "#595959": "--rd-muted",
    GUIDE: "--rd-muted",
    "#a6a6a6": "--rd-line",
    "#cccccc": "--rd-line",
    "#d9d9d9": "--rd-region",
    "#ffffff": "--rd-paper",
}


@contextmanager
def style() -> Iterator[None]:
    """The look of every figure, inside the block only."""
    look: Any = {"axes.prop_cycle": cycler(color=PALETTE), "font.size": 11}
    look |= dict.fromkeys(("axes.spines.right", "axes.spines.top"), False)
    look |= dict.fromkeys(("figure.facecolor", "savefig.facecolor"), "white")
    with mpl.rc_context(look):
        yield


class Figure(figure.Figure):
    """A figure that a notebook shows as SVG: the same text each time, by no global state of matplotlib."""

    def svg(self) -> str:
        """The figure as an ``<svg>`` element: transparent, text as text, colours as CSS variables."""
        buffer = io.StringIO()
        nothing = dict.fromkeys(("Creator", "Date", "Format", "Type"))
        for drawn in self.findobj(image.AxesImage):
            drawn.set_interpolation("none")  # its own pixels, whatever the size
            drawn.set_gid(INK if drawn.get_cmap().name in INKS else None)
        with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": "companion"}):
            self.savefig(buffer, format="svg", dpi=RASTER, transparent=True, metadata=nothing)
        return themed(buffer.getvalue(), VARIABLES)

    def png(self, dpi: int = 96) -> bytes:
        """The bytes of the figure as PNG, on white."""
        buffer = io.BytesIO()
        self.savefig(buffer, format="png", dpi=dpi, metadata={"Software": None})
        return buffer.getvalue()

    def framed(self, alt: str) -> str:
        """The figure as HTML, with the words ``alt`` for readers who do not see it."""
        return framed(self.svg(), alt)

    def _repr_svg_(self) -> str:
        return self.svg()


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
