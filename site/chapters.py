"""Sphinx extension: ``{chapters} PART ...`` shows the parts of the table of contents as cards, a chapter each.

A card has the title of its page, the line ``about`` of the notebook's metadata, and a thumbnail: the first picture that
the notebook stored and that is not too wide for a card.
"""

import json
import re
from pathlib import Path
from typing import Any

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
Facts = dict[str, Any]


def setup(app: Sphinx) -> Facts:
    """Connect both."""
    app.add_directive("chapters", Chapters)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


class Chapters(SphinxDirective):
    """See the module."""

    final_argument_whitespace = True
    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """The cards of the part that is named."""
        root = Path(self.env.srcdir)
        parts = yaml.safe_load((root / "_toc.yml").read_text())["parts"]
        chapters = next((part["chapters"] for part in parts if part["caption"] == self.arguments[0]), None)
        if chapters is None:
            raise self.error(f"expected one of {[part['caption'] for part in parts]}, got {self.arguments[0]!r}")
        notebooks = [root / f"{chapter['file']}.ipynb" for chapter in chapters]
        found = [path for path in notebooks if path.is_file()]
        for path in found:
            self.env.note_dependency(str(path))
        return self.parse_text_to_nodes(GRID.format(cards="\n".join(card(path, root) for path in found)))


def card(path: Path, root: Path) -> str:
    """The card of the notebook at ``path``, whose thumbnail it writes."""
    notebook = json.loads(path.read_text())
    about = notebook["metadata"]["companion"]
    title = "".join(notebook["cells"][0]["source"]).split("\n", 1)[0].removeprefix("# ")
    picture = root / FOLDER / f"{path.stem}.svg"
    picture.parent.mkdir(parents=True, exist_ok=True)
    picture.write_text(plain(min(pictures(notebook), key=wide)))  # the first of equals
    shown = f"/{FOLDER.as_posix()}/{picture.name}"
    return CARD.format(
        name=f"/{path.relative_to(root).with_suffix('')}", picture=shown, title=title, about=about["about"]
    )


def pictures(notebook: Facts) -> list[str]:
    """The pictures that a notebook stored as SVG, and the stills of its figures that live."""
    outputs = [output.get("data", {}) for cell in notebook["cells"] for output in cell.get("outputs", ())]
    shown = ["".join(data.get("image/svg+xml") or data.get("text/html", "")) for data in outputs]
    return [found[0] for text in shown if (found := SVG.search(text))]


def wide(svg: str) -> bool:
    """Whether a picture would be too low in a card."""
    width, height = map(float, BOX.search(svg).groups())  # type: ignore[union-attr]
    return width > 2 * height
