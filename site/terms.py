"""Sphinx extension: the first time that a page says a word of the glossary, the word is a link to it.

Words that everyday language has too, ``EVERYDAY``, are linked only where a page sets them in bold or italics, as it
does where it makes a term of them.
"""

import re
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx

OTHERWISE = (
    *(nodes.title, nodes.reference, nodes.literal, nodes.caption, nodes.table, nodes.term, nodes.raw, nodes.math),
    nodes.citation,
)
EVERYDAY = {"code", "collapse", "excess", "gate", "posterior", "price", "probe", "reader", "twin", "walk"}
Places = dict[str, str]


def link(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """Link the words in the paragraphs of a page; titles, captions, tables, code, cards and links stay as they are."""
    left = places(app, docname)
    for text in list(doctree.findall(nodes.Text)):
        if left and within(text, nodes.paragraph) and not within(text, *OTHERWISE) and not on_card(text):
            marked = within(text, nodes.strong, nodes.emphasis)
            pieces = linked(text.astext(), left, set() if marked else EVERYDAY)
            if pieces != [text]:
                text.parent.replace(text, pieces)


def places(app: Sphinx, docname: str) -> Places:
    """Where the glossary explains each of its words, seen from a page; nothing for the glossary's own page."""
    objects = app.env.domaindata["std"]["objects"]
    terms = {name.lower(): place for (kind, name), place in objects.items() if kind == "term"}
    if any(page == docname for page, _ in terms.values()):
        return {}
    uri = app.builder.get_relative_uri
    return {name: f"{uri(docname, page)}#{label}" for name, (page, label) in terms.items()}


def within(node: nodes.Node, *kinds: type) -> bool:
    """Whether ``node`` stands inside another of these kinds."""
    parent = node.parent
    return parent is not None and (isinstance(parent, kinds) or within(parent, *kinds))


def on_card(node: nodes.Node) -> bool:
    """Whether ``node`` stands on a card, which is a link as a whole."""
    parent = node.parent
    return parent is not None and ("sd-card-text" in parent.get("classes", ()) or on_card(parent))


def linked(text: str, left: Places, passed: set[str]) -> list[nodes.Node]:
    """``text`` in pieces, where every word that is ``left`` is a link, and left no more; the longest words win.

    Args:
        passed: words that are not linked here
    """
    words = "|".join(sorted(map(re.escape, left.keys() - passed), key=len, reverse=True))
    match = re.search(rf"(?<![\w-])({words})s?(?![\w-])", text, re.IGNORECASE) if words else None
    if not match:
        return [nodes.Text(text)]
    reference = nodes.reference("", match[0], internal=True, refuri=left.pop(match[1].lower()), classes=["term"])
    before, after = text[: match.start()], text[match.end() :]
    return [*([nodes.Text(before)] if before else []), reference, *(linked(after, left, passed) if after else [])]


def setup(app: Sphinx) -> dict[str, Any]:
    """Connect ``link``."""
    app.connect("doctree-resolved", link)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
