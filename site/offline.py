"""Sphinx extension: the site serves MathJax itself where it is installed; elsewhere pages fetch it from a network."""

from pathlib import Path
from typing import Any

from sphinx.application import Sphinx
from sphinx.config import Config

VENDOR = Path(__file__).parent / "vendor"


def setup(app: Sphinx) -> dict[str, Any]:
    """Connect ``serve``."""
    app.connect("config-inited", serve)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def serve(app: Sphinx, config: Config) -> None:
    """Copy what stands in ``VENDOR`` beside the static files, and let the pages look for MathJax there."""
    if (VENDOR / "mathjax").is_dir():
        config.html_static_path.append(str(VENDOR))
        config.mathjax_path = "mathjax/tex-mml-chtml.js"
