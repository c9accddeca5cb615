"""Sphinx extension: ``{chapter-map}`` draws which chapter leads to which, every one a link.

A chapter needs the earlier chapters that its paragraph *Before you start* names, without those that another of these
needs, and without the first, with which all begin. Each chapter that others need has a line of its own, in a lane left
of the titles, with a branch to each of these.
"""

import json
import re
from html import escape
from itertools import count, groupby
from pathlib import Path
from typing import Any

from chapters import Chapter, numbered
from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective
from sphinx.util.osutil import relative_uri

BEFORE = re.compile(r"\*\*Before you start\*\*(.*?)(?=\n\*\*|\n\n|\Z)", re.DOTALL)
NAMED = re.compile(r"\{doc\}`(?:[^<`]*<)?(\w+)>?`")
WIDE, HIGH, BEND = 56, 32, 6  # the place of the lines, a row, which is 2 rem high, and the radius of a corner
COLOURS = 6  # of figures.css
MAP = '<nav class="chapter-map" aria-label="Map of the chapters">\n{parts}\n</nav>\n'
PART = "<p>{part}</p>\n<ol>\n{rows}\n</ol>"
ROW = '<li>{lines}<a href="{uri}"><span class="map-number">{number}</span>{title}</a>{after}</li>'
AFTER = ' <span class="map-after">after {numbers}</span>'
BOX = 'viewBox="0 0 {wide} {high}" preserveAspectRatio="none" aria-hidden="true"'
LINES = f'<svg style="height: {{rem}}rem" {BOX}>{{paths}}</svg>'
WAY = "M{wide} {top}H{x}q-{r} 0-{r} {r}V{low}q0 {r} {r} {r}H{wide}m-5-4 5 4-5 4"  # down to an arrow's point
PATH = f'<path style="stroke: var(--rd-{{colour}})" d="{WAY}"/>'
Needs = dict[int, set[int]]


def needed(chapters: list[Chapter]) -> Needs:
    """The numbers of the chapters that each needs, without those that come with another."""
    number = {Path(chapter.page).name: chapter.number for chapter in chapters}
    named: Needs = {}
    for chapter in chapters:
        cells = json.loads(chapter.path.read_text())["cells"]
        found = BEFORE.search("\n\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown"))
        asked = {number.get(name, chapter.number) for name in NAMED.findall(found[1] if found else "")}
        named[chapter.number] = {each for each in asked if 1 < each < chapter.number}
    return {each: asked - set().union(*(behind(other, named) for other in asked)) for each, asked in named.items()}


def behind(chapter: int, named: Needs) -> set[int]:
    """What one needs who is to read ``chapter``."""
    return named[chapter].union(*(behind(other, named) for other in named[chapter]))


def lanes(needs: Needs) -> dict[int, int]:
    """The lane of each chapter that others need: no two lines meet in one, and short lines are near the titles."""
    ends = {
        each: max(n for n, asked in needs.items() if each in asked) for each in sorted(set().union(*needs.values()))
    }
    found: dict[int, int] = {}
    for chapter in sorted(ends, key=lambda each: ends[each] - each):
        met = {lane for other, lane in found.items() if chapter <= ends[other] and other <= ends[chapter]}
        found[chapter] = next(lane for lane in count() if lane not in met)
    return found


def drawn(above: dict[int, int], most: int) -> str:
    """The lines to a chapter from those so many rows ``above`` it, by their lanes, of which there are ``most``."""
    rows, paths = max(above.values(), default=0), []
    for lane, up in above.items():
        x = WIDE - BEND - (WIDE - 2 * BEND) * lane / most
        at = {"x": f"{x:.0f}", "top": HIGH * (rows - up), "low": HIGH * rows - BEND}
        paths.append(PATH.format(colour=lane % COLOURS + 1, wide=WIDE, r=BEND, **at))
    return LINES.format(rem=2 * rows, wide=WIDE, high=HIGH * rows, paths="".join(paths)) if above else ""


def picture(root: Path, page: str) -> str:
    """The map as HTML, seen from ``page``."""
    chapters = numbered(root)
    needs = needed(chapters)
    lane = lanes(needs)
    most = max(lane.values(), default=0) + 1
    row = {each.number: each.number + len({other.part for other in chapters[: each.number]}) for each in chapters}
    shown = []
    for part, members in groupby(chapters, key=lambda chapter: chapter.part):
        rows = []
        for number, chapter in ((chapter.number, chapter) for chapter in members):
            asked = sorted(needs[number])
            after = AFTER.format(numbers=", ".join(map(str, asked))) if asked else ""
            uri = relative_uri(page, chapter.page) + ".html"  # of the site, whatever is built: the page is read once
            lines = drawn({lane[each]: row[number] - row[each] for each in asked}, most)
            rows.append(ROW.format(lines=lines, uri=uri, number=number, title=escape(chapter.title), after=after))
        shown.append(PART.format(part=escape(part), rows="\n".join(rows)))
    return MAP.format(parts="\n".join(shown))


class Map(SphinxDirective):
    """See the module."""

    def run(self) -> list[nodes.Node]:
        """The map, on the site alone."""
        root = Path(self.env.srcdir)
        for chapter in numbered(root):
            self.env.note_dependency(str(chapter.path))
        return [nodes.raw("", picture(root, self.env.docname), format="html")]


def setup(app: Sphinx) -> dict[str, Any]:
    """Connect the directive."""
    app.add_directive("chapter-map", Map)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
