"""Does every theorem of the book name a test that verifies it, and does that test say so and never skip?

    python scripts/theorems.py

A theorem is a labelled ``prf:theorem``, ``prf:lemma`` or ``prf:proposition`` block. A test verifies it by the marker
``@pytest.mark.verifies("label")``; the page names the test as ``tests/file.py::test_name``.
"""

import ast
import json
import re
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
BLOCK = re.compile(r"\{prf:(?:theorem|lemma|proposition|corollary)\}[^\n]*\n((?::[\w-]+:[^\n]*\n)*)")
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


def problems(root: Path = ROOT) -> list[str]:
    """One sentence for each theorem without its test, and each test named or marked in vain."""
    tests, found, labels = verifying_tests(root), [], set()
    claimed = {label for markers in tests.values() for label in markers["verifies"]}
    for path in sorted((root / "book").rglob("*.ipynb")) + sorted((root / "book").rglob("*.md")):
        options = BLOCK.findall(page(path))
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


if __name__ == "__main__":
    print("\n".join(problems()), end="")
    sys.exit(bool(problems()))
