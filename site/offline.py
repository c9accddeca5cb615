"""Sphinx extension: the site serves MathJax itself where it is installed; elsewhere pages fetch it from a network.

Two things are taken out of the finished pages. Opened as files, without a server, they may not fetch fonts ahead of
their use, as the theme asks for. And the label of a folded cell hides the words that stand on it from a screen reader.
"""

import re
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx
from sphinx.config import Config

OUT = re.compile(r'<link rel="preload" as="font"[^>]*>\n?| aria-label="Toggle hidden content"')
VENDOR = Path(__file__).parent / "vendor"


def setup(app: Sphinx) -> dict[str, Any]:
    """Connect both."""
    app.connect("config-inited", serve)
    app.connect("build-finished", calm)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def serve(app: Sphinx, config: Config) -> None:
    """Copy what stands in ``VENDOR`` beside the static files, and let the pages look for MathJax there."""
    if (VENDOR / "mathjax").is_dir():
        config.html_static_path.append(str(VENDOR))
        config.mathjax_path = "mathjax/tex-mml-chtml.js"


def calm(app: Sphinx, error: Exception | None) -> None:
    """Take both out of every page."""
    for page in Path(app.outdir).rglob("*.html") if app.builder.format == "html" and not error else ():
        page.write_text(OUT.sub("", page.read_text()))
