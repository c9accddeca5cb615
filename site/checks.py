"""Sphinx extension: pictures without a description, and numbers that differ from their results, are warned of.

A number in prose is tied to a cell of a table in ``book/results`` by the role ``result``:

    {result}`83.54 <mnist.csv: -elbo | family=-++, beta=1, split=test>`

shows 83.54, and warns unless that cell of the one row with these values, less a sign, rounds to it.
"""

import csv
import re
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util import logging
from sphinx.util.docutils import SphinxRole

WARN = logging.getLogger(__name__)
TIED = re.compile(r"(?P<told>\S+) <(?P<table>[\w.-]+): (?P<sign>-?)(?P<column>\w+) \| (?P<where>[^>]+)>")
PICTURE, DESCRIBED = re.compile(r"<img\b[^>]*>"), re.compile(r"""\balt=(["'])\s*[^"'\s]""")


def result(root: Path, text: str) -> str:
    """The number that ``text`` tells, in the form above; raises ``ValueError`` unless the table says the same."""
    tied = TIED.fullmatch(text)
    path = root / "book" / "results" / (tied["table"] if tied else "")
    if not tied or not path.is_file():
        raise ValueError(
            f"{text}: expected 'NUMBER <TABLE.csv: COLUMN | FIELD=VALUE, ...>' with a table of book/results"
        )
    asked = dict(pair.strip().split("=", 1) for pair in tied["where"].split(","))
    with path.open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if all(same(row[name], value) for name, value in asked.items())]
    if len(rows) != 1:
        raise ValueError(f"{text}: expected one row of that kind, found {len(rows)}")
    value = float(rows[0][tied["column"]]) * (-1 if tied["sign"] else 1)
    true = f"{value:.{len(tied['told'].partition('.')[2])}f}"
    if true != tied["told"]:
        raise ValueError(f"{text}: the table says {true}")
    return true


def same(cell: str, value: str) -> bool:
    """Whether a cell holds ``value``, as a word or as a number."""
    try:
        return float(cell) == float(value)
    except ValueError:
        return cell == value


class Result(SphinxRole):
    """See the module."""

    def run(self) -> tuple[list[nodes.Node], list[nodes.system_message]]:
        """The number, or the text as it stands beside a warning."""
        try:
            return [nodes.Text(result(Path(self.env.srcdir), self.text))], []
        except (ValueError, KeyError) as error:
            WARN.warning(f"result: {error}", location=self.get_location())
            return [nodes.Text(self.text)], []


def describe(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """Warn of every picture of a page that has no description for those who do not see it."""
    for image in doctree.findall(nodes.image):
        if image.get("alt", "") in ("", image["uri"]):
            WARN.warning(f"a picture has no alt text: {image['uri']}", location=image)
    for raw in doctree.findall(nodes.raw):
        for tag in PICTURE.findall(raw.astext()):
            if not DESCRIBED.search(tag):
                WARN.warning(f"a picture has no alt text: {tag[:80]}", location=raw)


def setup(app: Sphinx) -> dict[str, Any]:
    """Connect both checks."""
    app.add_role("result", Result())
    app.connect("doctree-resolved", describe)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
