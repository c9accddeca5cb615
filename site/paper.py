"""Sphinx extension: the book on paper, by the builder ``latex``, and a link to it where it was built.

What lives on the site stands still on paper: a figure's still, of an HTML table the same cells set by LaTeX. Pictures
stay vectors, by Typst, with the colours that were drawn. A table too wide for paper stays on the site.
``{where-built} PATH`` shows its content on the site if that file exists.
"""

import re
import tempfile
from base64 import b64encode
from html import unescape
from pathlib import Path
from typing import Any

import matplotlib
import typst
from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.config import Config
from sphinx.transforms.post_transforms import SphinxPostTransform
from sphinx.util.docutils import SphinxDirective

from companion.show.svg import plain

LIVE = re.compile(
    r'<div class="rd-figure" data-figure="(?P<kind>[^"]*)" role="group" aria-label="(?P<name>[^"]*)">\n'
    r'<div class="rd-view">(?P<still>.*?)</div>\n<p class="rd-caption">(?P<caption>.*?)</p>',
    re.DOTALL,
)
SVG = re.compile(r"<svg .*</svg>", re.DOTALL)
FILE = re.compile(r'<img [^>]*src="([^"]*)"')
ALT = re.compile(r'(?:aria-label|alt)="([^"]*)"')
FONTS = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
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
    config.nb_mime_priority_overrides = [("latex", "image/svg+xml", 10)]  # which becomes PDF
    config.today = config.copyright  # the licence, on the page of the title
    defined = "".join(f"\\AtBeginDocument{{\\def\\{name}{{{text}}}}}\n" for name, text in macros.items())
    config.latex_elements = {**ELEMENTS, "preamble": PREAMBLE + defined}


class Paper(SphinxPostTransform):
    """See the module."""

    formats = ("latex",)
    default_priority = 3  # before MyST-NB chooses plain text

    def run(self, **kwargs: Any) -> None:
        """Replace what only a browser can show."""
        self.set_still()
        for image in self.document.findall(nodes.image):
            image.setdefault("scale", 72)  # of the size on a screen
            if image["uri"].endswith(".svg"):
                image["uri"] = vectors((Path(self.env.srcdir) / image["uri"]).read_text())
                image["candidates"] = {"?": image["uri"]}
        for box in list(self.document.findall(nodes.admonition)):
            if "proof" in box["classes"]:  # a box of no title
                box.replace_self(box.children)
        for cards in list(self.document.findall(nodes.container)):
            if cards.get("design_component") == "grid-container":  # ways through the site
                cards.parent.remove(cards)
        for wide in list(self.document.findall(nodes.tgroup)):
            if wide["cols"] > WIDE:
                wide.parent.replace_self(nodes.paragraph("", f"The site has it, a table of {wide['cols']} columns."))

    def set_still(self) -> None:
        """Put stills and tables in the place of HTML, all forms of an output at once."""
        for raw in list(self.document.findall(nodes.raw)):
            shown = still(raw.astext()) or table(raw.astext())
            output = raw if isinstance(raw.parent, nodes.figure) else raw.parent.parent
            if shown and isinstance(output.parent, nodes.figure):  # which has a caption of its own
                shown = list(shown[0].findall(nodes.image)) or shown
            if shown:
                output.replace_self(shown)


def still(html: str) -> list[nodes.Node]:
    """The still of a figure that lives, with its words; nothing for other HTML."""
    found = LIVE.search(html)
    if not found:
        return []
    drawn, (name, caption) = SVG.search(found["still"]), map(unescape, found.group("name", "caption"))
    uri = vectors(drawn[0]) if drawn else FILE.search(found["still"])[1]  # type: ignore[index]
    alt = unescape(ALT.search(found["still"])[1])  # type: ignore[index]
    told = f"{alt.rstrip('.')}. On the site this figure moves; {name}: {caption.rstrip('.')}."
    image = nodes.image(uri=uri, alt=alt, candidates={"?": uri})
    return [nodes.figure("", image, nodes.caption("", told), align="center")]


def vectors(svg: str) -> str:
    """The picture as PDF, as a data URI."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "drawn.svg").write_text(plain(svg))
        main = Path(folder) / "main.typ"
        main.write_text('#set page(width: auto, height: auto, margin: 0pt)\n#image("drawn.svg")')
        pdf = typst.compile(str(main), root=folder, font_paths=[str(FONTS)])
    return "data:application/pdf;base64," + b64encode(pdf).decode()


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
