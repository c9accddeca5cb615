"""Figures that live on a page without a kernel, by the scripts of ``book/_static``; each has a still picture."""

import html
import json
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from math import inf
from typing import Any, Protocol

from companion.show.figure import PALETTE, Figure, style
from companion.show.plane import empty_plane

VIEW = "application/vnd.jupyter.widget-view+json"
PAGE = """<div class="rd-figure" data-figure="{kind}" role="group" aria-label="{name}">
<div class="rd-view">{still}</div>
<p class="rd-caption">{caption}</p>
<script type="application/json">{settings}</script>
</div>"""


class Frame(Protocol):
    """What a player shows: a ``Figure``, or a ``StoredFigure``."""

    def framed(self, alt: str) -> str:
        """The frame as HTML, with the words ``alt`` for readers who do not see it."""


def live_page(kind: str, name: str, still: str, caption: str, settings: Any) -> str:
    """The HTML of a figure that lives: its still, which is HTML, a caption, and what the script of its kind is told."""
    told = json.dumps(settings, ensure_ascii=False).replace("</", "<\\/")
    return PAGE.format(kind=kind, name=html.escape(name), still=still, caption=html.escape(caption), settings=told)


class LiveFigure:
    """A figure that the site's script of its ``kind`` makes live; where scripts are stripped, its still picture.

    Args:
        kind: the script, ``book/_static/KIND.js``
        still: the picture that stands without it
        settings: what the script is told, as JSON
        name, alt: what the figure is, and what its picture shows, for readers who do not see it
        caption: one line below the still
        kernel: what a notebook shows in place of the page's form, where there is a kernel

    Raises ``ValueError`` for an empty ``alt``.
    """

    def __init__(
        self,
        kind: str,
        still: Frame,
        settings: Mapping[str, Any],
        *,
        name: str,
        alt: str,
        caption: str = "",
        kernel: "Player | None" = None,
    ) -> None:
        self.kind, self.still, self.settings, self.kernel = kind, still.framed(alt), dict(settings), kernel
        self.name, self.alt, self.caption = name, alt, caption

    def __repr__(self) -> str:
        return f"LiveFigure({self.kind!r}, {self.name!r})"

    def _repr_html_(self) -> str:
        return live_page(self.kind, self.name, self.still, self.caption, self.settings)

    def live(self) -> Any:
        """The figure as an ipywidgets box, or None where nothing is drawn anew."""
        return self.kernel and self.kernel.live()

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        """The page's form, and the live view beside it, which a notebook prefers and a stored page drops."""
        stored, box = {"text/plain": repr(self), "text/html": self._repr_html_()}, self.live()
        return stored if box is None else stored | {VIEW: box._repr_mimebundle_()[VIEW]}


class Player(LiveFigure):
    """Frames behind a slider and a button that plays them: by mouse, touch and keys, without a kernel or with one.

    Args:
        figures: the frames, at least two, drawn alike
        captions: one short line a frame, spoken and shown below
        name: what the slider changes
        alt: what the picture shows, for readers who do not see it
        start: the frame shown first, the last by default

    Raises ``ValueError`` for fewer than two frames, a caption count that differs, or an empty ``alt``.
    """

    def __init__(
        self, figures: Sequence[Frame], captions: Sequence[str], *, name: str, alt: str, start: int | None = None
    ) -> None:
        if len(figures) < 2 or len(captions) != len(figures):
            raise ValueError(
                f"captions: expected one for each of 2 or more figures, got {len(captions)}, {len(figures)}"
            )
        self.frames, self.captions = [figure.framed(alt) for figure in figures], list(captions)
        self.start = len(figures) - 1 if start is None else start
        told = {"name": name, "start": self.start, "captions": self.captions, "frames": self.frames}
        shown = {"name": name, "alt": alt, "caption": captions[self.start]}
        super().__init__("player", figures[self.start], told, **shown)  # type: ignore[arg-type]

    def __repr__(self) -> str:
        return f"Player({self.name!r}, {len(self.frames)} frames)"

    def live(self) -> Any:
        """The slider with its picture and caption, as an ipywidgets box."""
        import ipywidgets

        slider = ipywidgets.IntSlider(self.start, 0, len(self.frames) - 1, description=self.name)
        return _box(slider, lambda i: (self.frames[i], self.captions[i]))


class Explorer(Player):
    """A player that draws at any value once there is a kernel: a page shows the frames, a notebook a live slider.

    Args:
        draw, say: the frame and the caption at a value
        values: those drawn beforehand, increasing; the live slider runs between the first and the last, over whole
            numbers where all are

    Raises ``ValueError`` as ``Player``, and for values that do not increase.
    """

    def __init__(
        self,
        draw: Callable[[Any], Frame],
        say: Callable[[Any], str],
        values: Sequence[float],
        *,
        name: str,
        alt: str,
        start: int | None = None,
    ) -> None:
        if any(a >= b for a, b in pairwise(values)):
            raise ValueError(f"values: expected them to increase, got {list(values)}")
        super().__init__([draw(v) for v in values], [say(v) for v in values], name=name, alt=alt, start=start)
        self.draw, self.say, self.values = draw, say, list(values)

    def live(self) -> Any:
        """As ``Player.live``, at every value between the first and the last."""
        import ipywidgets

        first, last, value = self.values[0], self.values[-1], self.values[self.start]
        options: dict[str, Any] = {"description": self.name, "continuous_update": False}
        if all(isinstance(each, int) for each in self.values):
            slider = ipywidgets.IntSlider(value, first, last, **options)
        else:
            slider = ipywidgets.FloatSlider(value, min=first, max=last, step=(last - first) / 100, **options)
        return _box(slider, lambda at: (self.draw(at).framed(self.alt), self.say(at)))


def _box(slider: Any, at: Callable[[Any], tuple[str, str]]) -> Any:
    """Picture, slider and caption; ``at`` gives the picture and the caption at the slider's value."""
    import ipywidgets

    picture, caption = ipywidgets.HTML(), ipywidgets.Label()

    def show(change: Any = None) -> None:
        picture.value, caption.value = at(slider.value)

    slider.observe(show, "value")
    show()
    return ipywidgets.VBox([picture, ipywidgets.HBox([slider, caption])])


class PhasePad(LiveFigure):
    """The plane of all models of discrete data, with a point to drag, and what the sandwich says of it.

    Where R + D < H there is no model; elsewhere H - D <= I <= R, and 0 <= I <= H (Alemi et al. (2018), section 3). By
    mouse, touch and arrow keys in the plane; where scripts are stripped, the plane as an image.

    Args:
        entropy: H of the data, in nats

    Raises ``ValueError`` unless ``entropy`` is positive and finite.
    """

    def __init__(self, entropy: float) -> None:
        if not 0 < entropy < inf:
            raise ValueError(f"entropy: expected a positive, finite number of nats, got {entropy!r}")
        self.entropy = entropy
        alt = "The rate-distortion plane with the triangle below the line R + D = H shaded, and a point."
        super().__init__("sandwich-pad", self.figure(), {"entropy": entropy}, name="a model to place", alt=alt)

    def __repr__(self) -> str:
        return f"PhasePad(entropy={self.entropy:.4g})"

    def figure(self) -> Figure:
        """The plane: the line R + D = H with its two ends, and the triangle below it."""
        reach = 1.75 * self.entropy
        with style():
            figure, ends = empty_plane(), [0, self.entropy]
            axes = figure.axes[0]
            axes.fill_between(ends, ends[::-1], color="#D9D9D9", linewidth=0)
            axes.plot(ends, ends[::-1], "o-", color=PALETTE[6], linewidth=2, clip_on=False)
            axes.text(0.2 * self.entropy, 0.28 * self.entropy, "no model")
            axes.set(xlim=(0, reach), ylim=(0, reach))
        return figure
