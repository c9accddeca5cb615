"""Sphinx extension: what a site needs once it has an address.

Always: a title and a description for those who show a link to a page, a page ``404.html`` at the root, and buttons that
download a page as a plain notebook (``plain_notebooks``). Where ``BOOK_URL`` names the address of the site:
``sitemap.xml``, and a picture for such links. Where ``GITHUB_REPOSITORY`` names the repository, as ``owner/name``:
buttons that open the plain notebook in Colab or Binder, from the branch ``notebooks``, which is ``main`` with plain
notebooks in the place of those in ``book``.
"""

import os
import re
from html import escape
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.config import Config

PREVIEW = "_static/preview.png"
FOLDER = "_static/notebooks"  # where ``plain_notebooks`` writes
SOURCE = "download-source-button"  # what the theme calls it
WORDS = 200  # characters of a description, at most
HOSTS = {"colab_url": "https://colab.research.google.com", "binderhub_url": "https://mybinder.org"}
BUTTONS: dict[str, Any] = {
    "repository_branch": "notebooks",
    "launch_buttons": {**HOSTS, "notebook_interface": "jupyterlab"},
}
LOST = """<!DOCTYPE html>
<html lang="en-GB">
<head>
<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>Page not found: {project}</title>
<base href="{root}">
<style>
:root {{ color-scheme: light dark; }}
body {{ font: 1.1rem/1.6 system-ui, sans-serif; max-width: 36rem; margin: 15vh auto; padding: 0 1rem; }}
</style>
</head>
<body>
<main>
<h1>This page does not exist</h1>
<p>It may have moved. <a href="index.html">{project}</a> lists all pages, and the <a href="search.html">search</a>
finds words.</p>
</main>
</body>
</html>
"""


def named(app: Sphinx, config: Config) -> None:
    """Take the address and the repository from the environment."""
    config.html_baseurl = address(os.environ.get("BOOK_URL", ""))
    repository = os.environ.get("GITHUB_REPOSITORY", "")
    if repository:
        theme = {"repository_url": f"https://github.com/{repository}", **BUTTONS}
        config.html_theme_options = {**config.html_theme_options, **theme}


def address(url: str) -> str:
    """``url`` with one stroke at its end; raises ``ValueError`` for one that is not absolute."""
    if url and not re.match(r"https?://\w", url):
        raise ValueError(f"BOOK_URL: expected an address that begins with https://, got {url!r}")
    return url.rstrip("/") + "/" if url else ""


def describe(app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: nodes.document | None) -> None:
    """Add what stands on a shown link to the head of a page."""
    if doctree is None:
        return
    said = {"og:type": "article", "og:site_name": app.config.html_title, "og:title": title(app, page)}
    said["og:description"] = description(doctree)
    if app.config.html_baseurl:
        said["og:url"] = app.config.html_baseurl + app.builder.get_target_uri(page)
        said["og:image"] = app.config.html_baseurl + PREVIEW
        said["og:image:alt"] = "Models of digits on the rate-distortion plane"
    tags = [f'<meta property="{name}" content="{escape(text)}" />' for name, text in said.items() if text]
    tags += [f'<meta name="description" content="{escape(said["og:description"])}" />']
    tags += ['<meta name="twitter:card" content="summary_large_image" />'] * ("og:image" in said)
    context["metatags"] = "\n".join([context.get("metatags", ""), *tags])


def offer(app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: nodes.document | None) -> None:
    """Let the button that downloads a notebook lead to the plain one."""
    if str(context.get("sourcename", "")).endswith(".ipynb"):
        plain = context["pathto"](f"{FOLDER}/{page.rpartition('/')[2]}.ipynb", 1)
        groups = [group.get("buttons", ()) for group in context.get("header_buttons", ())]
        for button in (button for buttons in groups for button in buttons if button.get("label") == SOURCE):
            button |= {"url": plain, "tooltip": "Download this page as a notebook"}


def title(app: Sphinx, page: str) -> str:
    """The title of a page, in plain words."""
    return app.env.titles[page].astext()


def description(doctree: nodes.document) -> str:
    """The first sentences of a page that stand in no box and have no formula, up to ``WORDS`` characters."""
    told = (node for node in doctree.findall(nodes.paragraph) if isinstance(node.parent, nodes.section))
    text = " ".join(next((node.astext() for node in told if not node.next_node(nodes.math)), "").split())
    return text if len(text) <= WORDS else text[: WORDS - 1].rsplit(" ", 1)[0] + "…"


def finish(app: Sphinx, error: Exception | None) -> None:
    """Write ``404.html``, whose links lead to the root of the site, and ``sitemap.xml`` where that is known."""
    if error or app.builder.format != "html":
        return
    root, out = app.config.html_baseurl, Path(app.outdir)
    (out / "404.html").write_text(LOST.format(project=escape(app.config.html_title), root=escape(root or "/")))
    if root:
        pages = [escape(root + app.builder.get_target_uri(page)) for page in sorted(app.env.found_docs)]
        lines = [f"<url><loc>{page}</loc></url>" for page in pages]
        head = '<?xml version="1.0" encoding="UTF-8"?>\n<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">\n'
        (out / "sitemap.xml").write_text(head + "\n".join(lines) + "\n</urlset>\n")


def setup(app: Sphinx) -> dict[str, Any]:
    """Connect all."""
    app.connect("config-inited", named)
    app.connect("html-page-context", describe)
    app.connect("html-page-context", offer, priority=900)  # once the theme has made its buttons
    app.setup_extension("plain_notebooks")
    app.connect("build-finished", finish)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
