"""A figure that moves on a static page: precomputed frames, one slider, no kernel."""

import html
import json
from base64 import b64encode
from collections.abc import Sequence
from typing import Protocol

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
    """What a player shows: a ``Picture``, or a ``StoredPicture``."""

    def png(self, dpi: int = 96) -> bytes:
        """The frame as PNG."""


class Player:
    """Frames behind a slider, by mouse, touch and arrow keys; where scripts are stripped, one frame as a plain image.

    figures : the frames, at least two, drawn alike
    captions : one short line a frame, spoken and shown beside the slider
    name : what the slider changes
    alt : what the picture shows, for readers who do not see it
    start : the frame shown first, the last by default

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
