"""Sphinx extension: every notebook of the book once more in plain Markdown, for front ends that know no MyST.

A site has them in ``_static/notebooks``, where its buttons lead; without one, ``python site/plain_notebooks.py OUT``.
Boxes, theorems and proofs become quotes; hints, solutions and answers fold; references become words, and links where
``BOOK_URL`` names the site; macros are written out; figures that live stand still. Where ``GITHUB_REPOSITORY`` names
the repository, the first code cell fetches what the others call, if it is missing. Code and numbers stay as they are.
"""

import os
import re
import sys
from base64 import b64encode
from collections.abc import Iterator
from html import escape
from pathlib import Path
from typing import Any, NamedTuple

import nbformat
import yaml
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token
from myst_parser.config.main import MdParserConfig
from myst_parser.parsers.mdit import create_md_parser
from nbformat import NotebookNode
from pybtex.database import parse_file

from companion.show.svg import plain as in_plain_colours

DIRECTIVE, OPTION = re.compile(r"\{([\w:-]+)\}[ \t]*(.*)"), re.compile(r":([\w-]+):[ \t]*(.*)")
AIMED = re.compile(r"(?s)(.*\S)\s*<([^<>]+)>")
HINT = re.compile(r"\*Hint\.\*\s*")
INDENT = re.compile(r"[\s>]*")
FOLD, END = "<details>\n<summary>{}</summary>\n", "\n\n</details>"
EMPTY = re.compile(r"<details>\n<summary>[^\n]*</summary>\s*</details>")
STILL = re.compile(r'(?s)(<svg .*?</svg>|<img [^>]*>).*?<p class="rd-caption">(.*?)</p>')
OTHERS = re.compile(r"(?m)^(?:import|from) (imagecodecs|pythae)\b")  # what single pages call beside the package
WORDS = re.compile(r'aria-label="([^"]*)"')
HIDDEN = {"jupyter": {"source_hidden": True}, "cellView": "form"}  # in JupyterLab and VS Code, and on Colab
INSTALL = """# where the package is missing, as on Colab: fetch the book, and install what it calls
from importlib.util import find_spec

if find_spec("companion") is None:
    !git clone --quiet --depth 1 https://github.com/{0}
    %pip install --quiet ./{1} ./{1}/coursework{2}
    %cd {1}/book"""


class Target(NamedTuple):
    """What a label names: its page, its anchor there, and what it is called on this page and on others."""

    page: str
    anchor: str
    here: str
    elsewhere: str


def directive(token: Token) -> tuple[str, str, str, str] | None:
    """Kind, title, label and content of the directive that a token is; None for any other token."""
    found = DIRECTIVE.fullmatch(token.info.strip()) if token.type in ("fence", "colon_fence") else None
    if not found:
        return None
    lines, options = token.content.splitlines(), {}
    while lines and (option := OPTION.fullmatch(lines[0].strip())):
        options[option[1]] = option[2].strip()
        del lines[0]
    return found[1].removeprefix("prf:"), found[2], options.get("label", ""), "\n".join(lines).strip("\n")


class Book:
    """What pages refer to: titles, labels, works; and the address of the site and the repository, if they have one."""

    def __init__(self, root: Path, url: str = "", repository: str = "") -> None:
        self.root, self.url, self.repository = root, url.rstrip("/") + "/" if url else "", repository
        path = root / "_config.yml"
        config: dict[str, Any] = yaml.safe_load(path.read_text()) if path.is_file() else {}
        asked = config.get("parse", {}).get("myst_enable_extensions", ())
        self.md = create_md_parser(MdParserConfig(enable_extensions=set(asked)), RendererHTML)
        mathjax = config.get("sphinx", {}).get("config", {}).get("mathjax3_config", {})
        self.macros: dict[str, str] = mathjax.get("tex", {}).get("macros", {})
        self.title = config.get("title", "")
        self.works = dict(pair for name in config.get("bibtex_bibfiles", ()) for pair in works(root / name))
        self.titles: dict[str, str] = {}
        self.targets: dict[str, Target] = {}
        for source in [*(root / "book").rglob("*.md"), *(root / "book").glob("*.ipynb")]:
            self.enter(source.relative_to(root / "book").with_suffix("").as_posix(), source)

    def enter(self, page: str, source: Path) -> None:
        """Note the title of a page and what it labels; its equations and figures are counted."""
        text, counts, waiting = source.read_text(), {"equation": 0, "Figure": 0}, list[str]()
        cells = nbformat.reads(text, 4).cells if source.suffix == ".ipynb" else [nbformat.v4.new_markdown_cell(text)]
        for kind, label, title in (each for cell in cells for each in self.labelled(cell)):
            if kind in counts:
                counts[kind] += 1
                here = f"({counts[kind]})" if kind == "equation" else f"Figure {counts[kind]}"
                anchor = "equation-" * (kind == "equation") + label
                self.targets[label] = Target(page, anchor, here, f"{kind} {counts[kind]} of *{self.titles[page]}*")
            elif kind == "heading":
                self.titles.setdefault(page, title)
                self.targets |= {each: Target(page, each, title, title) for each in waiting}
                waiting = []
            elif kind == "target":
                waiting.append(label)
            else:
                self.targets[label] = Target(page, label, f"{kind} *{title}*", f"{kind} *{title}*")

    def labelled(self, cell: NotebookNode) -> Iterator[tuple[str, str, str]]:
        """Kind, label and title of each heading, and of all that a cell labels, in its order."""
        figure = cell.metadata.get("mystnb", {}).get("figure", {})
        yield from [("Figure", figure["name"], "")] if "name" in figure else []
        tokens = self.md.parse(cell.source) if cell.cell_type == "markdown" else []
        for token, following in zip(tokens, tokens[1:] + tokens[-1:], strict=True):
            if token.type == "heading_open":
                yield "heading", "", following.content
            elif token.type == "myst_target":
                yield "target", token.content, ""
            elif token.type == "math_block_label":
                yield "equation", token.info, ""
            elif box := directive(token):
                kind, title, label, content = box
                yield from [(kind.removesuffix("-start").capitalize(), label, title)] if label else []
                yield from self.labelled(nbformat.v4.new_markdown_cell(content))

    def link(self, words: str, page: str, anchor: str = "") -> str:
        """A link to a page of the site, or to the notebook beside this one; words alone where there is neither."""
        if self.url:
            return f"[{words}]({self.url}book/{page}.html{'#' * bool(anchor)}{anchor})"
        return f"[{words}]({page}.ipynb)" if (self.root / "book" / f"{page}.ipynb").is_file() else words

    def formula(self, tex: str) -> str:
        """A formula with the macros written out."""
        for name, meaning in self.macros.items():
            tex = meaning.join(re.split(rf"\\{name}(?![A-Za-z])", tex))
        return tex


def works(path: Path) -> Iterator[tuple[str, tuple[str, str, str]]]:
    """The key, the authors, the year and an address, if there is one, of every work of a bibliography."""
    for key, work in parse_file(path).entries.items():
        people = work.persons.get("author") or work.persons.get("editor") or []
        names = [" ".join(map(str, person.rich_prelast_names + person.rich_last_names)) for person in people]
        doi = work.fields.get("doi", "")
        address = f"https://doi.org/{doi}" if doi else work.fields.get("url", "")
        yield key, (f"{names[0]} et al." if len(names) > 2 else " and ".join(names), work.fields["year"], address)


class Page:
    """A page in the making, which remembers whether a hint or a solution stands open."""

    def __init__(self, book: Book, name: str) -> None:
        self.book, self.name = book, name
        self.hinting = self.solving = False

    def notebook(self) -> NotebookNode:
        """The plain notebook."""
        made = nbformat.read(self.book.root / "book" / f"{self.name}.ipynb", 4)
        made.metadata.pop("companion", None)
        called = OTHERS.findall("\n".join(cell.source for cell in made.cells if cell.cell_type == "code"))
        made.cells = [*self.head(sorted({*called})), *(each for cell in made.cells for each in self.cell(cell))]
        return made

    def head(self, called: list[str]) -> Iterator[NotebookNode]:
        """What stands before the page, where the site or the repository is known; other packages ``called`` by it."""
        if self.book.url:
            page, book = self.book.link(self.book.titles[self.name], self.name), self.book
            words = f"*{page}*, a page of [{book.title}]({book.url}), as a notebook. On the site its figures live."
            yield nbformat.v4.new_markdown_cell(words, id="site")
        if self.book.repository:
            source = INSTALL.format(
                self.book.repository, self.book.repository.split("/")[-1], "".join(f" {each}" for each in called)
            )
            yield nbformat.v4.new_code_cell(source, id="install", metadata=HIDDEN)

    def cell(self, cell: NotebookNode) -> Iterator[NotebookNode]:
        """A cell in its plain form, none if nothing is left of it; below a figure, its caption."""
        if cell.cell_type == "markdown":
            begun = FOLD.format("Solution, continued") * self.solving
            text = begun + "\n" + self.text(cell.source) + self.end_of_hint()
            text += f"\n\n*Its code is in the folded cell below.*{END}" * self.solving
            cell.source = EMPTY.sub("", text).strip()
            yield from [cell] if cell.source else []
            return
        told = cell.metadata.pop("mystnb", {})
        if self.solving or "hide-input" in cell.metadata.get("tags", ()):
            cell.metadata |= {**HIDDEN, "jupyter": {"source_hidden": True, "outputs_hidden": self.solving}}
        for output in cell.get("outputs", ()):
            if "data" in output:
                output.data = self.shown(output.data, told.get("image", {}).get("alt", ""))
        yield cell
        if "figure" in told:
            number = self.book.targets[told["figure"]["name"]].here
            words = f"**{number}.** {self.text(told['figure']['caption'])}"
            yield nbformat.v4.new_markdown_cell(words, id=f"{cell.id}-caption")

    def shown(self, data: NotebookNode, alt: str) -> NotebookNode:
        """The forms of an output; pictures as images in HTML, which a front end shows before it trusts a notebook."""
        html, markdown = data.get("text/html", ""), data.get("text/markdown", "")
        if "image/svg+xml" in data:
            html, data = image(data["image/svg+xml"], alt), NotebookNode({"text/plain": data.get("text/plain", "")})
        elif "data-figure=" in html and (still := STILL.search(html)):
            drawn = still[1] if still[1].startswith("<img") else image(still[1], alt)
            html = drawn + f"\n<p>{still[2]}</p>" * bool(still[2])
        made = {"text/html": html, "text/markdown": self.text(markdown)}
        return NotebookNode(data | {kind: text for kind, text in made.items() if text})

    def text(self, source: str, quoted: bool = False) -> str:
        """Markdown in its plain form; ``quoted`` if it is to stand in a quote, where a formula keeps to one line."""
        lines, edits = source.split("\n"), []
        for token in self.book.md.parse(source):
            first, last = token.map or (0, 0)
            if token.type == "inline":
                old, new = token.content.split("\n"), self.inline(token).split("\n")
                if HINT.match(token.content):
                    self.hinting, new[0] = True, HINT.sub("", new[0])
                    edits.append((first, first, FOLD.format("Hint").split("\n")))
                if len(old) == 1:  # at once, since the cells of a table share a line, where bars are escaped
                    for bar in ("|", "\\|"):
                        lines[first] = lines[first].replace(old[0].replace("|", bar), new[0].replace("|", bar), 1)
                else:
                    heads = [
                        line[: line.index(part.strip())] for line, part in zip(lines[first:last], old, strict=True)
                    ]
                    edits.append((first, last, [a + b.strip() for a, b in zip(heads, new, strict=False)]))
            elif (made := self.block(token, quoted)) is not None:
                indent = INDENT.match(lines[first])[0]  # type: ignore[index]
                edits.append((first, last, [indent + line for line in made.split("\n")]))
        for first, last, made_lines in reversed(edits):
            lines[first:last] = made_lines
        return "\n".join(lines)

    def block(self, token: Token, quoted: bool) -> str | None:
        """A formula or a directive in its plain form; None for any other block."""
        if token.type in ("math_block", "math_block_label", "amsmath"):
            tex = self.book.formula(token.content.strip())
            if token.type == "math_block_label":
                tex += f" \\tag{{{self.book.targets[token.info].here[1:-1]}}}"
            return tex if token.type == "amsmath" else f"$$ {flat(tex)} $$" if quoted else f"$$\n{tex}\n$$"
        if token.type in ("myst_target", "myst_line_comment"):
            return ""
        found = directive(token)
        return self.box(*found) if found else None

    def box(self, kind: str, title: str, label: str, content: str) -> str:
        """A directive in its plain form: what folds on the site folds, all other boxes are quotes."""
        title = self.text(title)
        head = f"**{title}**" if kind in ("admonition", "dropdown") else f"**{kind.capitalize()} ({title}).**"
        head = head.replace("-start", "").replace(" ()", "")
        if kind in ("exercise", "exercise-start"):
            return f"{head}\n{self.text(content)}{self.end_of_hint()}".strip()
        if kind == "exercise-end":
            return self.end_of_hint()
        if kind in ("solution", "solution-start"):
            self.solving = kind == "solution-start"
            return FOLD.format("Solution") + f"\n{self.text(content)}{END}" * (not self.solving)
        if kind == "solution-end":
            self.solving = False
            return END
        if kind == "dropdown":
            return f"{head}\n\n{FOLD.format('Answer')}\n{self.text(content)}{END}"
        return "\n".join(f"> {line}".rstrip() for line in [head, "", *self.text(content, quoted=True).split("\n")])

    def end_of_hint(self) -> str:
        """The end of a hint, if one stands open."""
        end, self.hinting = END * self.hinting, False
        return end

    def inline(self, token: Token) -> str:
        """Text with its formulas and roles in their plain forms; all else as it is written."""
        made, rest = "", token.content
        for child in token.children or ():
            role = child.type == "myst_role"
            if role or child.type in ("math_inline", "math_inline_double", "code_inline"):
                mark = rf"\{{{child.meta['name']}\}}(`+)" if role else f"({re.escape(child.markup)})"
                words = r"\s+".join(map(re.escape, child.content.split()))
                before, _, written, rest = re.split(rf"(?={mark}\s*{words})(.*?{words}\s*\1)", rest, maxsplit=1)
                if role:
                    written = self.role(child.meta["name"], flat(child.content))
                elif child.type != "code_inline":
                    written = flat(self.book.formula(written))
                elif child.content.startswith("tests/"):  # where a long line may break
                    written = f"<small><code>{child.content.replace('::', '::<wbr>')}</code></small>"
                made += before + written
        return made + rest

    def role(self, name: str, content: str) -> str:
        """A reference as words, with a link where it leads to another page; any other role as its words."""
        aimed = AIMED.fullmatch(content)
        words, aim = (aimed[1], aimed[2].strip()) if aimed else ("", content)
        if name.startswith("cite"):
            form, frame = ("{} ({})", "{}") if name == "cite:t" else ("{}, {}", "({})")
            cited = [self.book.works[key.strip()] for key in content.split(",")]
            told = [(form.format(authors, year), address) for authors, year, address in cited]
            return frame.format("; ".join(f"[{text}]({address})" if address else text for text, address in told))
        if name == "doc":
            page = aim.removeprefix("/").removeprefix("book/")
            return self.book.link(words or self.book.titles[page], page)
        if name in ("eq", "ref", "numref", "prf:ref"):
            page, anchor, here, elsewhere = self.book.targets[aim]
            return words or here if page == self.name else self.book.link(words or elsewhere, page, anchor)
        return words or content


def flat(text: str) -> str:
    """Text on one line."""
    return " ".join(text.split())


def image(svg: str, alt: str) -> str:
    """A picture as an image in HTML, in plain colours on white, with its own words or else ``alt``."""
    own = WORDS.search(svg)
    drawn = in_plain_colours(svg).replace('style="image-rendering', 'style="background: #fff; image-rendering', 1)
    source = b64encode(drawn.encode()).decode()
    return f'<img alt="{own[1] if own else escape(alt)}" src="data:image/svg+xml;base64,{source}" />'


def write(root: Path, out: Path, url: str = "", repository: str = "") -> None:
    """Write the plain notebooks of the book at ``root`` into the folder ``out``."""
    book = Book(root, url, repository)
    made = {path.name: Page(book, path.stem).notebook() for path in (root / "book").glob("*.ipynb")}
    out.mkdir(parents=True, exist_ok=True)
    for name, notebook in made.items():
        (out / name).write_text(nbformat.writes(notebook) + "\n")


def beside(app: Any, error: Exception | None) -> None:
    """Write them beside the pages of a site."""
    if not error and app.builder.format == "html":
        named = app.config.html_baseurl, os.environ.get("GITHUB_REPOSITORY", "")
        write(Path(app.srcdir), Path(app.outdir) / "_static" / "notebooks", *named)


def setup(app: Any) -> dict[str, Any]:
    """Connect it."""
    app.connect("build-finished", beside)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


if __name__ == "__main__":
    named = [os.environ.get(name, "") for name in ("BOOK_URL", "GITHUB_REPOSITORY")]
    write(Path(__file__).parents[1], Path(sys.argv[1]), *named)
