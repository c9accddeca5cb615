"""Sphinx extension: the site serves MathJax itself where it is installed; elsewhere pages fetch it from a network.

What the theme writes is mended in the finished pages. A page without a formula has no MathJax, and pictures of cards
load when they come near. Opened as files, without a server, pages may not fetch fonts ahead of their use. For screen
readers and keyboards, the label of a folded cell must not hide the words that stand on it, a list of references has no
items that a list must have, a table that scrolls must be within reach, and a signature is no list. Long names in code
may break after the signs that join their words, and nowhere else.
"""

import re
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx
from sphinx.config import Config

MENDED = {
    r'<link rel="preload" as="font"[^>]*>\n?| aria-label="Toggle hidden content"': "",
    r'<img (?!loading)(?=[^>]*class="[^"]*sd-card-img-top)': '<img loading="lazy" ',
    r'<div role="list" class="citation-list">': '<div class="citation-list">',
    r'<div class="pst-scrollable-table-container">': '<div class="pst-scrollable-table-container" tabindex="0">',
    # no line begins with the sign after a formula
    r'(<span class="math notranslate nohighlight">[^<]*</span>[,.;:!?)’”]+)': r'<span class="whole">\1</span>',
    # the three signs of a family stay together
    r'<span class="pre">([-+]{2}[-+v])</span>': r'<span class="pre whole">\1</span>',
    # a signature over several lines is no list of definitions
    r'(?m)^<dd>(<em class="sig-param">.*)</dd>$': r'<span class="sig-line">\1</span>',
    r'<dl>\n(?=<span class="sig-line">)': "",
    r'(?m)^(<span class="sig-line">.*)\n</dl>$': r"\1",
}
NAME = re.compile(r'(?<=<span class="pre">)[^<]{13,}(?=</span>)')  # longer ones than fit any place
JOINT = re.compile(r"(?<=\w)(\.|_|/|::|,|=|\()(?=\w)")
MATHJAX = re.compile(r"<script>window\.MathJax = .*?</script>\s*|<script[^>]*mathjax[^>]*></script>\s*")
VENDOR = Path(__file__).parent / "vendor"


def setup(app: Sphinx) -> dict[str, Any]:
    """Connect all."""
    app.connect("config-inited", serve)
    app.connect("build-finished", calm)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def serve(app: Sphinx, config: Config) -> None:
    """Copy what stands in ``VENDOR`` beside the static files, and let the pages look for MathJax there."""
    if (VENDOR / "mathjax").is_dir():
        config.html_static_path.append(str(VENDOR))
        config.mathjax_path = "mathjax/startup.js"
        config.mathjax3_config["loader"] = {"load": ["core", "input/tex", "output/chtml", "a11y/assistive-mml"]}


def calm(app: Sphinx, error: Exception | None) -> None:
    """Mend every page."""
    for page in Path(app.outdir).rglob("*.html") if app.builder.format == "html" and not error else ():
        text = page.read_text()
        if 'class="math' not in text:
            text = MATHJAX.sub("", text)
        for written, mended in MENDED.items():
            text = re.sub(written, mended, text)
        page.write_text(NAME.sub(lambda found: JOINT.sub(r"\1<wbr>", found[0]), text))
