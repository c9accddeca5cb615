"""Sphinx extension: every theorem of the book names a test that verifies it, and a ledger lists them all.

A build warns of a theorem without its test, of a test named or marked in vain, and of one that may be skipped. Without
a build: ``python site/theorems.py``. The directive ``{theorem-ledger}`` lists all theorems, by page.

A theorem is a labelled ``prf:theorem``, ``prf:lemma`` or ``prf:proposition`` block. A test verifies it by the marker
``@pytest.mark.verifies("label")``; the page names the test as ``tests/file.py::test_name``. A reader sees there a small
mark, which leads to the theorem in the ledger, where the names stand.
"""

import ast
import json
import re
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
BLOCK = re.compile(r"\{prf:(theorem|lemma|proposition|corollary)\}([^\n]*)\n((?::[\w-]+:[^\n]*\n)*)")
LABEL = re.compile(r":label: *([\w-]+)")
NAMED = re.compile(r"`(tests/[\w/]+\.py)::(test_\w+)`")
CONDITIONAL = {"skip", "skipif", "xfail", "needs", "full"}


def marks(function: ast.FunctionDef) -> dict[str, list[str]]:
    """The pytest markers of a test, with their words."""
    found: dict[str, list[str]] = {}
    for decorator in function.decorator_list:
        call = decorator if isinstance(decorator, ast.Call) else None
        target = call.func if call else decorator
        if isinstance(target, ast.Attribute):
            words = [a.value for a in call.args if isinstance(a, ast.Constant)] if call else []
            found.setdefault(target.attr, []).extend(map(str, words))
    return found


def verifying_tests(root: Path) -> dict[str, dict[str, list[str]]]:
    """The markers of every test that carries ``verifies``, by ``tests/file.py::test_name``."""
    found = {}
    for path in sorted((root / "tests").rglob("test_*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_") and "verifies" in marks(node):
                found[f"{path.relative_to(root).as_posix()}::{node.name}"] = marks(node)
    return found


def page(path: Path) -> str:
    """The text of a page, a notebook's markdown cells or a file."""
    if path.suffix != ".ipynb":
        return path.read_text()
    cells = json.loads(path.read_text())["cells"]
    return "\n\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown")


def pages(root: Path) -> list[Path]:
    """Notebooks and other pages in the order of the table of contents; those that it lacks come first."""
    toc = root / "_toc.yml"
    listed = toc.read_text() if toc.is_file() else ""
    found = [path for kind in ("*.ipynb", "*.md") for path in (root / "book").rglob(kind)]
    return sorted(found, key=lambda path: (listed.find(f"book/{path.stem}\n"), path.name))


def problems(root: Path = ROOT) -> list[str]:
    """One sentence for each theorem without its test, and each test named or marked in vain."""
    tests, found, labels = verifying_tests(root), [], set()
    claimed = {label for markers in tests.values() for label in markers["verifies"]}
    for path in pages(root):
        options = [block[2] for block in BLOCK.findall(page(path))]
        here = {match[1] for match in map(LABEL.search, options) if match}
        found += [f"{path.name}: a theorem has no label" for text in options if not LABEL.search(text)]
        labels |= here
        named = {"::".join(pair) for pair in NAMED.findall(page(path))}
        found += [f"{path.name}: {name} does not exist, or verifies nothing" for name in sorted(named - tests.keys())]
        for label in sorted(here):
            if not any(label in tests[name]["verifies"] for name in named & tests.keys()):
                found.append(f"{path.name}: theorem {label} names no test that verifies it")
    found += [f"{label}: a test verifies it, and no page states it" for label in sorted(claimed - labels)]
    for name, markers in tests.items():
        found += [
            f"{name}: verifies a theorem and may be skipped ({mark})" for mark in sorted(markers.keys() & CONDITIONAL)
        ]
    return found


def ledger(root: Path = ROOT) -> list[str]:
    """The lines of a list in Markdown: each page, its theorems with their titles, and the tests of each."""
    lines, tests = [], verifying_tests(root)
    for path in pages(root):
        stated = [(title.strip() or kind, LABEL.search(options)) for kind, title, options in BLOCK.findall(page(path))]
        lines += ["", f"{{doc}}`{path.stem}`", ""] if stated else []
        for title, label in stated:
            if label:
                by = ", ".join(f"`{name}`" for name, found in tests.items() if label[1] in found["verifies"])
                lines.append(f"- {{prf:ref}}`{label[1]}`, *{title}*: {by}")
    return lines


def setup(app: Any) -> dict[str, Any]:
    """Connect the check, the directive of the ledger, and the marks."""
    from docutils import nodes
    from docutils.statemachine import StringList
    from sphinx import addnodes
    from sphinx.util import logging
    from sphinx.util.docutils import SphinxDirective

    class TheoremLedger(SphinxDirective):
        """The list of all theorems."""

        def run(self) -> list[nodes.Node]:
            self.env.note_reread()  # it tells of other files than its own
            holder = nodes.container()
            self.state.nested_parse(StringList(ledger(Path(self.env.srcdir))), self.content_offset, holder)
            for item in holder.findall(nodes.list_item):
                reference = next(item.findall(addnodes.pending_xref))
                place = nodes.target("", "", names=[f"ledger-{reference['reftarget']}"])  # on paper an item has none
                self.state.document.note_explicit_target(place, place)
                reference.parent.insert(0, place)
            return holder.children

    tests: dict[str, dict[str, list[str]]] = {}

    def check(app: Any) -> None:
        tests.update(verifying_tests(Path(app.srcdir)))
        for sentence in problems(Path(app.srcdir)):
            logging.getLogger(__name__).warning(sentence)

    def mark(app: Any, doctree: nodes.document, docname: str) -> None:
        places = app.env.domaindata["std"]["anonlabels"]
        stated: list[str] = []
        for node in list(doctree.findall()):
            stated += node["ids"] if isinstance(node, nodes.Element) else []
            name = node.astext() if isinstance(node, nodes.literal) else ""
            if name in tests and not isinstance(node.parent[0], nodes.target):
                verified = tests[name]["verifies"]
                label = next((each for each in reversed(stated) if each in verified), verified[0])
                page, place = places.get(f"ledger-{label}", (docname, ""))
                uri = f"{app.builder.get_relative_uri(docname, page)}#{place}"
                seen = nodes.reference("", "test", internal=True, refuri=uri, reftitle=name, classes=["tested"])
                node.replace_self(seen)

    app.connect("builder-inited", check)
    app.connect("doctree-resolved", mark)
    app.add_directive("theorem-ledger", TheoremLedger)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


if __name__ == "__main__":
    print("\n".join(problems()), end="")
    sys.exit(bool(problems()))
