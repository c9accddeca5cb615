"""Sphinx extension: what a link leads to is shown beside it: a term, a theorem, an equation, a source.

What can be shown is read from the finished pages and stands in ``_static/tips_of_the_book.js``, which the script
``tips.js`` loads when a reader first points at such a link. (sphinx-tippy does the same by a script a page and two
libraries, which it fetches from elsewhere.)
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx

BLOCK = re.compile(r'<div class="(?:proof \w+ admonition|math [^"]*|citation)" id="([^"]+)"[^>]*>')
TERM = re.compile(r'<dt id="(term-[^"]+)">(.*?)</dt><dd>(.*?)</dd>', re.DOTALL)
EDGE = re.compile(r"<(/?)div\b")
LEFT_OUT = re.compile(r'<a class="headerlink".*?</a>|</?a\b[^>]*>|<span class="eqno">.*?</span>| id="[^"]*"', re.DOTALL)


def tips(html: str) -> Iterator[tuple[str, str]]:
    """Name and content of whatever on a page can be shown beside a link."""
    for block in BLOCK.finditer(html):
        yield block[1], bare(html[block.start() : closed(html, block.start())])
    for name, term, told in TERM.findall(html):
        yield name, bare(f"<p><strong>{term}</strong></p>{told}")


def closed(html: str, start: int) -> int:
    """Where the ``div`` ends that begins at ``start``."""
    depth = 0
    for edge in EDGE.finditer(html, start):
        depth += -1 if edge[1] else 1
        if not depth:
            return html.index(">", edge.end()) + 1
    return len(html)


def bare(html: str) -> str:
    """``html`` without links and names, which it has already where it stands."""
    return LEFT_OUT.sub("", html).strip()


def write(app: Sphinx, error: Exception | None) -> None:
    """Write all tips, by the page and the name that a link has."""
    if error or app.builder.format != "html":
        return
    out = Path(app.outdir)
    found: dict[str, str] = {}
    for page in sorted(app.env.found_docs):
        path = out / app.builder.get_target_uri(page)
        found |= {f"{app.builder.get_target_uri(page)}#{name}": tip for name, tip in tips(path.read_text())}
    (out / "_static" / "tips_of_the_book.js").write_text(f'rd.loaded("tips_of_the_book", {json.dumps(found)});\n')


def setup(app: Sphinx) -> dict[str, Any]:
    """Connect it."""
    app.add_js_file("tips.js", loading_method="defer")
    app.connect("build-finished", write)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
