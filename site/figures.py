"""Sphinx extension: figures as parts of their page, with its colours, and what those that live need beside them.

A figure that a notebook stored as SVG is set into the page itself, since only there the page's CSS reaches it. The
settings of a figure that lives (``companion.show.widgets``) move into a script beside the page, which is read when the
figure comes near. ``{live} KIND`` is such a figure on a page that is no notebook, with its settings and its still from
``book/results``.
"""

import json
import re
import shutil
from pathlib import Path
from typing import Any, ClassVar

import matplotlib
from docutils import nodes
from docutils.parsers.rst import directives
from fontTools import subset
from sphinx.application import Sphinx
from sphinx.transforms.post_transforms import SphinxPostTransform
from sphinx.util.docutils import SphinxDirective

from companion.show.svg import framed
from companion.show.widgets import live_page

SETTINGS = re.compile(r'<script type="application/json">(.*?)</script>', re.DOTALL)
LETTERS = "U+20-17F,U+370-3FF,U+2000-209F,U+2190-22FF,U+25A0-25FF,U+27E8-27E9"
FACES = {"DejaVuSans.ttf": "dejavu-sans.woff", "DejaVuSans-Oblique.ttf": "dejavu-sans-oblique.woff"}


class Inline(SphinxPostTransform):
    """SVG into the page, and settings out of it."""

    formats = ("html",)
    default_priority = 6  # after MyST-NB has chosen among the forms of an output

    def run(self, **kwargs: Any) -> None:
        """All pictures and figures of one page."""
        for image in list(self.document.findall(nodes.image)):
            if "jupyter_execute" in image["uri"] and image["uri"].endswith(".svg"):
                svg = (Path(self.env.srcdir) / image["uri"]).read_text()
                image.replace_self(nodes.raw("", framed(svg, image.get("alt", "")), format="html"))
        for number, raw in enumerate(self.document.findall(nodes.raw)):
            if 'data-figure="' in raw.astext() and (found := SETTINGS.search(raw.astext())):
                self.move(raw, found, f"data/{Path(self.env.docname).name}-{number}")

    def move(self, raw: nodes.raw, found: re.Match[str], name: str) -> None:
        """Write the settings as ``name``.js, which hands them to the page."""
        path = Path(self.app.outdir) / "_static" / f"{name}.js"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"rd.loaded({json.dumps(name)}, {found[1]});\n")
        text = raw.astext().replace(found[0], "").replace(" data-figure=", f' data-load="{name}" data-figure=', 1)
        raw.replace_self(nodes.raw("", text, format="html"))


class Live(SphinxDirective):
    """A figure that lives, with a number and the content as its caption."""

    required_arguments, has_content = 1, True
    option_spec: ClassVar = dict.fromkeys(("settings", "still", "alt", "label", "name"), directives.unchanged_required)

    def run(self) -> list[nodes.Node]:
        """The figure."""
        settings, still = (self.read(self.options[option]) for option in ("settings", "still"))
        alt = self.options["alt"]
        page = live_page(self.arguments[0], self.options["label"], framed(still, alt), "", json.loads(settings))
        shown = nodes.figure("", nodes.raw("", page, format="html"), align="center")
        parsed = self.parse_content_to_nodes()
        shown += nodes.caption("", "", *parsed[0].children)
        self.add_name(shown)
        return [shown]

    def read(self, name: str) -> str:
        """The text of a file of ``book/results``; the page is read anew where it changes."""
        path = Path(self.env.srcdir) / "book" / "results" / name
        self.env.note_dependency(str(path))
        return path.read_text()


def bring(app: Sphinx, error: Exception | None) -> None:
    """What figures need beside the pages: the letters they are set in, and the sheets of the kept models."""
    if error or app.builder.format != "html":
        return
    static, models = Path(app.outdir) / "_static", Path(app.srcdir) / "book" / "results" / "models"
    for face, name in FACES.items():
        out = static / name
        if not out.is_file():
            whole = Path(matplotlib.get_data_path()) / "fonts" / "ttf" / face
            asked = [f"--unicodes={LETTERS}", "--flavor=woff", "--drop-tables+=FFTM", f"--output-file={out}"]
            subset.main([str(whole), *asked])
    for sheet in models.glob("*/*/*.png"):
        copy = static / "models" / sheet.relative_to(models)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(sheet, copy)


def setup(app: Sphinx) -> dict[str, Any]:
    """Connect all."""
    app.add_css_file("figures.css")
    app.add_css_file("claims.css")
    app.add_js_file("figures.js", loading_method="defer")
    app.add_directive("live", Live)
    app.add_post_transform(Inline)
    app.connect("build-finished", bring)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
