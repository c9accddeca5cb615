"""Sphinx extension: autodoc reads the docstrings of the package, which are written to be read as they stand.

What a docstring means by its shape becomes markup: under ``Args:`` and ``Attributes:`` lines ``name: what it is`` are a
list of arguments or fields, lines ``name : what it is`` a list of other things, an indented block is shown as it
stands, and in a sentence ``|``, ``*`` and ``_`` are characters, unless two ``*`` enclose a word. On every page, a
literal that names an entry is a link to it.
"""

import re
import sys
from itertools import groupby
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.pycode import ModuleAnalyzer

ENTRY = re.compile(r"(\*{0,2}\w+(?:, \*{0,2}\w+)*) : (.+)")
FIELD = re.compile(r" {4}(\*{0,2}\w+(?:, \*{0,2}\w+)*): (.+)")
SECTIONS = {"Args:": "Arguments", "Attributes:": "Fields"}
LITERAL = re.compile(r"(``.+?``)", re.DOTALL)
MARKUP = re.compile(r"(?<!\w)\*\w[^*]*(?<!\s)\*(?!\w)|\\|\||\*|(?<=\w)_(?!\w)")
TOPS = ("class", "exception", "function")
Places = dict[str, str]


def rest(docstring: list[str]) -> list[str]:
    """The lines of a docstring in reStructuredText."""
    blocks = [list(lines) for filled, lines in groupby(docstring, key=lambda line: bool(line.strip())) if filled]
    return [line for block in blocks for line in [*shaped(block), ""]]


def shaped(block: list[str]) -> list[str]:
    """One block without empty lines: an example, something to show as it stands, a list of arguments, or sentences."""
    if block[0].startswith(">>>"):
        return block
    if block[0].startswith("    "):
        return [".. code-block:: text", "", *block]
    if block[0] in SECTIONS:
        return [f".. rubric:: {SECTIONS[block[0]]}", "", *listed(block[1:], FIELD)]
    if ENTRY.match(block[0]):
        return listed(block, ENTRY)
    return plain("\n".join(block)).split("\n")


def listed(block: list[str], entry: re.Pattern[str]) -> list[str]:
    """A list of names with what they are, each begun by a line that matches ``entry``."""
    lines = []
    for line in block:
        found = entry.match(line)
        lines += [", ".join(f"``{name}``" for name in found[1].split(", "))] if found else []
        lines.append("    " + plain(found[2] if found else line.strip()))
    return lines


def plain(text: str) -> str:
    """``text`` with every character as it stands, its literals and its *emphasised* words excepted."""
    pieces = LITERAL.split(text)
    return "".join(piece if i % 2 else MARKUP.sub(escaped, piece) for i, piece in enumerate(pieces))


def escaped(match: re.Match[str]) -> str:
    """What ``MARKUP`` found, for a reader."""
    return match[0] if len(match[0]) > 1 else "\\" + match[0]


def process(app: Sphinx, what: str, name: str, thing: Any, options: Any, lines: list[str]) -> None:
    """Put ``rest`` to use."""
    lines[:] = rest(comment(name) if what == "data" else lines)


def comment(constant: str) -> list[str]:
    """What stands above a constant, in the module of a floor that sets it."""
    floor, _, name = constant.rpartition(".")
    for module in [module for module in sys.modules if f"{module}.".startswith(f"{floor}.")]:
        comments = ModuleAnalyzer.for_module(module).find_attr_docs()
        if ("", name) in comments:
            return comments["", name]
    return []


def shorten(
    app: Sphinx, what: str, name: str, thing: Any, options: Any, signature: str | None, returned: str | None
) -> tuple[str | None, str | None]:
    """The signature without the types that say nothing, and with defaults that can be read."""
    bare = re.sub(r": (?:~?typing\.)?Any(?=[,)]| =)", "", signature or "")
    bare = re.sub(r"<function (\w+)>", r"\1", re.sub(r"<factory>|<function <lambda>>", "...", bare))
    return bare or signature, None if returned in ("None", "Any", "~typing.Any") else returned


def skip(app: Sphinx, what: str, name: str, thing: Any, skipped: bool, options: Any) -> bool | None:
    """Leave out the guards of arguments, the fields of a tuple, which its class explains, and what others have made."""
    foreign = not (getattr(thing, "__module__", None) or "companion").startswith(("companion", "elbo_coursework"))
    return True if name.startswith("check_") or type(thing).__name__ == "_tuplegetter" or foreign else None


def link(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """Link the literals of a page that name an entry, unless they are part of a link or a title."""
    found = places(app, docname)
    for literal in list(doctree.findall(nodes.literal)):
        place = found.get(literal.astext().removesuffix("()"))
        if place and not isinstance(literal.parent, (nodes.reference, nodes.title, nodes.term)):
            literal.replace_self(nodes.reference("", "", literal.deepcopy(), internal=True, refuri=place))


def places(app: Sphinx, docname: str) -> Places:
    """Where each entry stands, seen from a page, by its names; of a function or class its last serves if it is alone.

    A last name that could be any word, without capital and ``_``, does not serve.
    """
    entries = [entry for entry in app.env.get_domain("py").get_objects() if entry[5] >= 0]  # none by another address
    last = [name.rpartition(".")[2] for name, _, kind, *_ in entries if kind in TOPS]
    found: Places = {}
    for name, _, kind, page, at, _ in entries:
        short, end = name.partition(".")[2], name.rpartition(".")[2]
        words = [name, *[short] * ("." in short)]
        words += [end] if kind in TOPS and last.count(end) == 1 and re.search("[A-Z_]", end) else []
        found |= dict.fromkeys(words, f"{app.builder.get_relative_uri(docname, page)}#{at}")
    return found


def setup(app: Sphinx) -> dict[str, Any]:
    """Connect all."""
    app.connect("autodoc-process-docstring", process)
    app.connect("autodoc-process-signature", shorten)
    app.connect("autodoc-skip-member", skip)
    app.connect("doctree-resolved", link)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
