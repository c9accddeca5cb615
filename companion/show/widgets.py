"""Figures that move on a static page: precomputed frames and one slider, or a point in the plane. No kernel needed."""

import html
import json
from base64 import b64encode
from collections.abc import Callable, Sequence
from itertools import pairwise
from math import inf
from typing import Any, Protocol

from companion.show.figure import PALETTE, Figure, style
from companion.show.plane import empty_plane

VIEW = "application/vnd.jupyter.widget-view+json"

PAGE = """<figure class="player" style="margin: 0">
<img src="{image}" alt="{alt}" style="max-width: 100%">
<div style="display: flex; flex-wrap: wrap; gap: 0.75em; align-items: center">
<label style="display: flex; flex: 1; gap: 0.75em; align-items: center; min-width: 12em">{name}
<input type="range" min="0" max="{last}" value="{start}" style="flex: 1" oninput="
  const player = this.closest('figure');
  const frames = JSON.parse(player.querySelector('script').textContent);
  const [image, caption] = frames[this.value];
  player.querySelector('img').src = image;
  player.querySelector('output').textContent = caption;
  this.setAttribute('aria-valuetext', caption);"></label>
<output aria-live="polite">{caption}</output>
</div>
<script type="application/json">{frames}</script>
</figure>"""


class Frame(Protocol):
    """What a player shows: a ``Figure``, or a ``StoredFigure``."""

    def png(self, dpi: int = 96) -> bytes:
        """The frame as PNG."""


class Player:
    """Frames behind a slider, by mouse, touch and arrow keys; where scripts are stripped, one frame as a plain image.

    Args:
        figures: the frames, at least two, drawn alike
        captions: one short line a frame, spoken and shown beside the slider
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
        if not alt.strip():
            raise ValueError("alt: expected a description of the picture, got an empty one")
        self.frames = [
            ("data:image/png;base64," + b64encode(figure.png(dpi=80)).decode(), caption)
            for figure, caption in zip(figures, captions, strict=True)
        ]
        self.name, self.alt = name, alt
        self.start = len(figures) - 1 if start is None else start

    def __repr__(self) -> str:
        return f"Player({self.name!r}, {len(self.frames)} frames)"

    def _repr_html_(self) -> str:
        image, caption = self.frames[self.start]
        return PAGE.format(
            image=image,
            alt=html.escape(self.alt),
            name=html.escape(self.name),
            caption=html.escape(caption),
            last=len(self.frames) - 1,
            start=self.start,
            frames=json.dumps(self.frames).replace("</", "<\\/"),
        )


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
        """The slider with its picture and caption, as an ipywidgets box."""
        import ipywidgets

        first, last, value = self.values[0], self.values[-1], self.values[self.start]
        options: dict[str, Any] = {"description": self.name, "continuous_update": False}
        if all(isinstance(each, int) for each in self.values):
            slider = ipywidgets.IntSlider(value, first, last, **options)
        else:
            slider = ipywidgets.FloatSlider(value, min=first, max=last, step=(last - first) / 100, **options)
        image, caption = ipywidgets.Image(format="png"), ipywidgets.Label()

        def show(change: Any = None) -> None:
            image.value, caption.value = self.draw(slider.value).png(dpi=80), self.say(slider.value)

        slider.observe(show, "value")
        show()
        return ipywidgets.VBox([image, ipywidgets.HBox([slider, caption])])

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        """The player, and the live view beside it, which a notebook prefers and a stored page drops."""
        stored = {"text/plain": repr(self), "text/html": self._repr_html_()}
        return stored | {VIEW: self.live()._repr_mimebundle_()[VIEW]}


PAD = """<figure class="pad" style="margin: 0">
<div style="position: relative; cursor: crosshair; width: fit-content">
<img src="{image}" alt="{alt}" draggable="false" style="max-width: 100%; display: block">
<span style="box-sizing: content-box; position: absolute; width: 16px; height: 16px; margin: -22px;
border: 14px solid transparent; border-radius: 50%; background: {colour} padding-box; touch-action: none"></span></div>
<div style="display: flex; flex-wrap: wrap; gap: 0.75em">{sliders}</div>
<output aria-live="polite" style="display: block"></output>
<script>
{{
  const figure = document.currentScript.parentNode, H = {entropy}, reach = {reach}, box = {box};
  const stage = figure.querySelector('div'), dot = stage.querySelector('span');
  const [across, up] = figure.querySelectorAll('input'), told = figure.querySelector('output');
  const show = () => {{
    const R = Number(across.value), D = Number(up.value), gap = R + D - H;
    dot.style.left = 100 * (box[0] + R / reach * box[2]) + '%';
    dot.style.top = 100 * (1 - box[1] - D / reach * box[3]) + '%';
    const low = Math.max(0, H - D).toFixed(2), high = Math.min(R, H).toFixed(2);
    told.textContent = 'R = ' + R.toFixed(2) + ', D = ' + D.toFixed(2) + ', ELBO = ' + (-R - D).toFixed(2) + ' nats: ' +
      (gap < -0.005 ? 'no model stands here, R + D is below H = ' + H.toFixed(2) :
       gap < 0.015 ? 'on the line, the code carries ' + high + ' nats' :
       'the code carries between ' + low + ' and ' + high + ' nats');
  }};
  const move = event => {{
    const area = stage.getBoundingClientRect();
    across.value = ((event.clientX - area.left) / area.width - box[0]) / box[2] * reach;
    up.value = (1 - (event.clientY - area.top) / area.height - box[1]) / box[3] * reach;
    show();
  }};
  const drag = event => {{ // a finger drags the point alone, and scrolls the page elsewhere
    if (event.buttons && (event.pointerType !== 'touch' || event.target === dot)) move(event);
  }};
  stage.addEventListener('click', move);
  stage.addEventListener('pointermove', drag);
  [across, up].forEach(each => each.addEventListener('input', show));
  show();
}}
</script>
</figure>"""
PAD_SLIDER = """<label style="display: flex; flex: 1; gap: 0.75em; min-width: 12em">{name}
<input type="range" min="0" max="{reach}" step="0.01" value="{value}" style="flex: 1"></label>"""


class PhasePad:
    """The plane of all models of discrete data, with a point to drag, and what the sandwich says of it.

    Where R + D < H there is no model; elsewhere H - D <= I <= R, and 0 <= I <= H (Alemi et al. (2018), section 3). By
    mouse and touch in the plane, by arrow keys on two sliders; where scripts are stripped, the plane as an image.

    Args:
        entropy: H of the data, in nats

    Raises ``ValueError`` unless ``entropy`` is positive and finite.
    """

    def __init__(self, entropy: float) -> None:
        if not 0 < entropy < inf:
            raise ValueError(f"entropy: expected a positive, finite number of nats, got {entropy!r}")
        self.entropy, self.reach = entropy, 1.75 * entropy

    def __repr__(self) -> str:
        return f"PhasePad(entropy={self.entropy:.4g})"

    def figure(self) -> Figure:
        """The plane: the line R + D = H with its two ends, and the triangle below it."""
        with style():
            figure, ends = empty_plane(), [0, self.entropy]
            axes = figure.axes[0]
            axes.fill_between(ends, ends[::-1], color="#D9D9D9", linewidth=0)
            axes.plot(ends, ends[::-1], "o-", color=PALETTE[6], linewidth=2, clip_on=False)
            axes.text(0.2 * self.entropy, 0.28 * self.entropy, "no model")
            axes.set(xlim=(0, self.reach), ylim=(0, self.reach))
        return figure

    def _repr_html_(self) -> str:
        figure = self.figure()
        image = b64encode(figure.png(dpi=80)).decode()  # drawing it settles where the axes are
        names = (("rate R", self.entropy / 2), ("distortion D", self.entropy))
        return PAD.format(
            image=f"data:image/png;base64,{image}",
            alt="The rate-distortion plane with the triangle below the line R + D = H shaded, and a point.",
            colour=PALETTE[1],
            sliders="".join(
                PAD_SLIDER.format(name=name, reach=f"{self.reach:.2f}", value=f"{at:.2f}") for name, at in names
            ),
            entropy=f"{self.entropy:.4f}",
            reach=f"{self.reach:.2f}",
            box=[round(float(part), 5) for part in figure.axes[0].get_position().bounds],
        )
