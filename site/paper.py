"""Sphinx extension: the book on paper, by the builder ``latex``, and a link to it where it was built.

What the site plays stands still on paper: of a player one frame, of an HTML table the same cells set by LaTeX. A table
too wide for paper stays on the site. ``{where-built} PATH`` shows its content on the site if that file exists.
"""

import re
from html import unescape
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.config import Config
from sphinx.transforms.post_transforms import SphinxPostTransform
from sphinx.util.docutils import SphinxDirective

PLAYER = re.compile(
    r'<figure class="player".*?<img src="(?P<image>[^"]*)" alt="(?P<alt>[^"]*)".*?<label[^>]*>(?P<name>[^<]*)'
    r'.*?max="(?P<last>\d+)".*?<output[^>]*>(?P<caption>[^<]*)',
    re.DOTALL,
)
ROW = re.compile(r"<tr>.*?</tr>", re.DOTALL)
CELL = re.compile(r"<t[hd][^>]*text-align: (?P<side>\w+)[^>]*>(?P<text>.*?)</t[hd]>", re.DOTALL)
CODE = re.compile(r"<code[^>]*>(.*?)</code>")
LONG = 20  # characters, from which a column breaks its lines
WIDE = 10  # columns, the most that fit on paper
ELEMENTS = {
    "papersize": "a4paper",
    "extraclassoptions": "openany,oneside",
    "fncychap": "",
    "makeindex": "",
    "printindex": "",
    "figure_align": "H",
    "fvset": r"\fvset{fontsize=\small}",
    "sphinxsetup": "hmargin=25mm, vmargin=25mm, InnerLinkColor={HTML}{0B5394}, OuterLinkColor={HTML}{0B5394},"
    "VerbatimColor={HTML}{F5F5F5}, VerbatimBorderColor={HTML}{D0D0D0}, TitleColor={HTML}{222222}",
    "fontpkg": r"""
\setmainfont{FreeSerif}[Extension=.otf, UprightFont=*, ItalicFont=*Italic, BoldFont=*Bold, BoldItalicFont=*BoldItalic]
\setsansfont{FreeSans}[Extension=.otf, UprightFont=*, ItalicFont=*Oblique, BoldFont=*Bold, BoldItalicFont=*BoldOblique]
\setmonofont{DejaVuSansMono}[Extension=.ttf, Scale=0.8, UprightFont=*, ItalicFont=*-Oblique, BoldFont=*-Bold,
  BoldItalicFont=*-BoldOblique]
""",
}
PREAMBLE = r"""
\addto\captionsbritish{\renewcommand{\contentsname}{Contents}\renewcommand{\partname}{}}
\renewcommand{\thepart}{}
\setcounter{tocdepth}{1}
\usepackage{etoolbox}
\AtBeginEnvironment{tabulary}{\footnotesize}
\AtBeginEnvironment{longtable}{\footnotesize}
\newcolumntype{T}{L}
\setlength{\tymin}{50pt}
\newenvironment{sphinxVerbatimInput}{}{}
\newenvironment{sphinxVerbatimOutput}{\sphinxsetup{VerbatimColor={HTML}{FFFFFF}}}{}
\let\underscore\_
\renewcommand{\_}{\underscore\allowbreak}
\setlength{\emergencystretch}{2em}
"""


def configure(app: Sphinx, config: Config) -> None:
    """Set paper, fonts and macros; after sphinx-jupyterbook-latex, whose class asks for fonts that few have."""
    macros = (getattr(config, "mathjax3_config", None) or {}).get("tex", {}).get("macros", {})
    config.latex_theme = "manual"
    config.latex_engine = "xelatex"
    config.latex_domain_indices = False
    config.today = config.copyright  # the licence, on the page of the title
    defined = "".join(f"\\AtBeginDocument{{\\def\\{name}{{{text}}}}}\n" for name, text in macros.items())
    config.latex_elements = {**ELEMENTS, "preamble": PREAMBLE + defined}


class Paper(SphinxPostTransform):
    """See the module."""

    formats = ("latex",)
    default_priority = 3  # before MyST-NB chooses plain text

    def run(self, **kwargs: Any) -> None:
        """Replace what only a browser can show."""
        for raw in list(self.document.findall(nodes.raw)):
            shown = still(raw.astext()) or table(raw.astext())
            if shown:
                raw.parent.parent.replace_self(shown)  # all forms of the output
        for image in self.document.findall(nodes.image):
            image.setdefault("scale", 72)  # of the size on a screen
        for box in list(self.document.findall(nodes.admonition)):
            if "proof" in box["classes"]:  # a box of no title
                box.replace_self(box.children)
        for cards in list(self.document.findall(nodes.container)):
            if cards.get("design_component") == "grid-container":  # ways through the site
                cards.parent.remove(cards)
        for wide in list(self.document.findall(nodes.tgroup)):
            if wide["cols"] > WIDE:
                wide.parent.replace_self(nodes.paragraph("", f"The site has it, a table of {wide['cols']} columns."))


def still(html: str) -> list[nodes.Node]:
    """The first frame of a player with its words; nothing for other HTML."""
    found = PLAYER.match(html)
    if not found:
        return []
    words = {name: unescape(text).strip() for name, text in found.groupdict().items()}
    told = f"{words['alt'].rstrip('.')}. One of {int(words['last']) + 1} frames; {words['name']}: {words['caption']}."
    image = nodes.image(uri=words["image"], alt=words["alt"], candidates={"?": words["image"]})
    return [nodes.figure("", image, nodes.caption("", told), align="center")]


def table(html: str) -> list[nodes.Node]:
    """The cells of a ``companion.show.Table``, columns of numbers on the right; nothing for other HTML."""
    rows = [CELL.findall(row) for row in ROW.findall(html)]
    if not rows:
        return []
    columns = [[(side, CODE.sub(r"\1", text)) for side, text in column] for column in zip(*rows, strict=True)]
    long = [max(len(text) for _, text in column) > LONG for column in columns]
    spec = "".join("L" if wraps else column[0][0][0] for wraps, column in zip(long, columns, strict=True))
    head, *body = [nodes.row("", *(entry(text) for _, text in row)) for row in rows]
    group = nodes.tgroup("", *(nodes.colspec() for _ in columns), nodes.thead("", head), nodes.tbody("", *body))
    group["cols"] = len(columns)
    return [addnodes.tabular_col_spec(spec=spec), nodes.table("", group)]


def entry(html: str) -> nodes.entry:
    """A cell, with its code as code."""
    pieces = [(nodes.literal if i % 2 else nodes.inline)("", unescape(text)) for i, text in enumerate(CODE.split(html))]
    return nodes.entry("", nodes.paragraph("", "", *pieces))


class WhereBuilt(SphinxDirective):
    """See the module."""

    has_content = True
    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """The content, or nothing."""
        self.env.note_reread()  # it tells of another file than its own
        holder = addnodes.only(expr="html")
        if (Path(self.env.srcdir) / self.arguments[0]).is_file():
            self.state.nested_parse(self.content, self.content_offset, holder)
        return [holder]


def setup(app: Sphinx) -> dict[str, Any]:
    """Connect all three."""
    app.connect("config-inited", configure, priority=900)
    app.add_post_transform(Paper)
    app.add_directive("where-built", WhereBuilt)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
