"""Sphinx extension: what the table of contents says of the chapters, shown where a reader needs it.

``{chapters} PART ...`` shows the chapters of a part as cards. A card has the title of its page, the line ``about`` of
the notebook's metadata, and a thumbnail: the first picture that the notebook stored and that is not too wide.

A chapter is a page of a part that is ``numbered``. Above its title stands how far it is, and a way to its neighbours.
"""

import json
import re
from html import escape
from pathlib import Path
from typing import Any, NamedTuple

import yaml
from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from companion.show.svg import plain

FOLDER = Path("_build", "thumbnails")
GRID = "``````{{grid}} 2 2 3 4\n:gutter: 2\n:class-container: chapters\n\n{cards}\n``````\n"
CARD = """`````{{grid-item-card}}
:link: {name}
:link-type: doc
:img-top: {picture}
:img-alt: A picture of the page {title}

**{title}**

{about}
`````
"""
BOX = re.compile(r'viewBox="0 0 ([\d.]+) ([\d.]+)"')
SVG = re.compile(r"<svg .*?</svg>", re.DOTALL)
LINE = """<nav class="chapter-line" aria-label="Chapters" style="--read: {read:.0%}">
<p>Chapter {number} of {count} <span class="chapter-part">{part}</span></p>
{links}
</nav>
"""
LINK = '<a rel="{rel}" href="{uri}" title="{title}" aria-label="{word}: {title}">{word}</a>'
WORDS = {"prev": "Previous", "next": "Next"}
Facts = dict[str, Any]


class Chapter(NamedTuple):
    """A chapter: its place in the book, the part it is in, its page, and its notebook."""

    number: int
    part: str
    page: str
    path: Path

    @property
    def title(self) -> str:
        """The title of the notebook."""
        return heading(json.loads(self.path.read_text()))


def setup(app: Sphinx) -> Facts:
    """Connect both."""
    app.add_directive("chapters", Chapters)
    app.connect("html-page-context", line)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def parts(root: Path) -> list[Facts]:
    """The parts of the table of contents."""
    found: list[Facts] = yaml.safe_load((root / "_toc.yml").read_text())["parts"]
    return found


def numbered(root: Path) -> list[Chapter]:
    """The chapters in the order in which they are read."""
    pages = [
        (part["caption"], each["file"]) for part in parts(root) if part.get("numbered") for each in part["chapters"]
    ]
    return [Chapter(i, part, page, root / f"{page}.ipynb") for i, (part, page) in enumerate(pages, 1)]


def line(app: Sphinx, page: str, template: str, context: Facts, doctree: nodes.document | None) -> None:
    """Set above a chapter where it stands in the book."""
    chapters = numbered(Path(app.srcdir))
    here = next((chapter for chapter in chapters if chapter.page == page), None)
    if here is None:
        return
    beside = {"prev": chapters[: here.number - 1][-1:], "next": chapters[here.number :][:1]}
    links = []
    for rel, other in [(rel, other) for rel, found in beside.items() for other in found]:
        uri, title = app.builder.get_relative_uri(page, other.page), escape(app.env.titles[other.page].astext())
        links.append(LINK.format(rel=rel, uri=uri, title=title, word=WORDS[rel]))
    facts = {"number": here.number, "count": len(chapters), "read": here.number / len(chapters)}
    context["body"] = LINE.format(**facts, part=escape(here.part), links="\n".join(links)) + context["body"]


class Chapters(SphinxDirective):
    """See the module."""

    final_argument_whitespace = True
    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """The cards of the part that is named."""
        root = Path(self.env.srcdir)
        chapters = next((part["chapters"] for part in parts(root) if part["caption"] == self.arguments[0]), None)
        if chapters is None:
            raise self.error(f"expected one of {[part['caption'] for part in parts(root)]}, got {self.arguments[0]!r}")
        notebooks = [root / f"{chapter['file']}.ipynb" for chapter in chapters]
        found = [path for path in notebooks if path.is_file()]
        for path in found:
            self.env.note_dependency(str(path))
        return self.parse_text_to_nodes(GRID.format(cards="\n".join(card(path, root) for path in found)))


def card(path: Path, root: Path) -> str:
    """The card of the notebook at ``path``, whose thumbnail it writes."""
    notebook = json.loads(path.read_text())
    about = notebook["metadata"]["companion"]
    picture = root / FOLDER / f"{path.stem}.svg"
    picture.parent.mkdir(parents=True, exist_ok=True)
    picture.write_text(plain(min(pictures(notebook), key=wide)))  # the first of equals
    shown = f"/{FOLDER.as_posix()}/{picture.name}"
    return CARD.format(
        name=f"/{path.relative_to(root).with_suffix('')}", picture=shown, title=heading(notebook), about=about["about"]
    )


def heading(notebook: Facts) -> str:
    """The title of a notebook."""
    return "".join(notebook["cells"][0]["source"]).split("\n", 1)[0].removeprefix("# ")


def pictures(notebook: Facts) -> list[str]:
    """The pictures that a notebook stored as SVG, and the stills of its figures that live."""
    outputs = [output.get("data", {}) for cell in notebook["cells"] for output in cell.get("outputs", ())]
    shown = ["".join(data.get("image/svg+xml") or data.get("text/html", "")) for data in outputs]
    return [found[0] for text in shown if (found := SVG.search(text))]


def wide(svg: str) -> bool:
    """Whether a picture would be too low in a card."""
    width, height = map(float, BOX.search(svg).groups())  # type: ignore[union-attr]
    return width > 2 * height
