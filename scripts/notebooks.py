"""Run the notebooks in place and store their outputs, the same bytes each time; or check that none is stale.

    python scripts/notebooks.py [--check] NOTEBOOK ...

Cell ids are hashes of the notebook's name and the cell's position; times, progress bars, live widgets and the
kernel's version are left out. ``--check`` runs a copy and compares: text word by word, numbers within 5 % and two
units of their last decimal place, pictures by their presence.
"""

import argparse
import hashlib
import os
import re
import sys
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient
from nbformat import NotebookNode

from companion.atomic import atomic_write

TOLERANCE = 0.05  # of numbers; a network trained on another processor ends elsewhere by a percent or two
NUMBER = re.compile(r"[-+]?\d+(?:\.\d+)?(?:e[-+]?\d+)?")
VIEW = "application/vnd.jupyter.widget-view+json"
METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}


def run(path: Path) -> NotebookNode:
    """The notebook at ``path`` with fresh outputs."""
    notebook = nbformat.read(path, as_version=4)
    kept = {key: value for key, value in notebook.metadata.items() if key not in METADATA}
    for i, cell in enumerate(notebook.cells):
        cell.id = hashlib.sha256(f"{path.stem}-{i}".encode()).hexdigest()[:8]
    options: dict[str, Any] = {"timeout": 600, "record_timing": False, "coalesce_streams": True}
    NotebookClient(notebook, resources={"metadata": {"path": path.parent}}, **options).execute()
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs = [output for output in map(without_view, cell.outputs) if is_result(output)]
    notebook.metadata = nbformat.from_dict({**kept, **METADATA})
    return notebook


def without_view(output: NotebookNode) -> NotebookNode:
    """``output`` without what needs a kernel, where it has a page's form beside it (``companion.show.Explorer``)."""
    data = output.get("data", {})
    if "text/html" in data:
        data.pop(VIEW, None)
    return output


def is_result(output: NotebookNode) -> bool:
    """Whether an output belongs on the page: not a progress bar, a warning, or a widget that needs a kernel."""
    return output.get("name") != "stderr" and VIEW not in output.get("data", {})


def texts(notebook: NotebookNode) -> list[str]:
    """What each output says: its text, or the kinds of picture it holds."""
    found = []
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            data: dict[str, Any] = output.get("data", {})
            pictures = sorted(kind for kind in data if kind not in ("text/plain", "text/html"))
            found.append(
                " ".join(
                    [output.get("text", ""), *pictures]
                    if pictures
                    else [output.get("text", ""), str(data.get("text/plain", ""))]
                )
            )
    return found


def difference(stored: str, fresh: str) -> str:
    """What differs between two texts beyond the tolerance of their numbers, or an empty string."""
    if NUMBER.sub("#", stored).split() != NUMBER.sub("#", fresh).split():
        return f"text: stored {stored[:200]!r}, now {fresh[:200]!r}"
    for a, b in zip(NUMBER.findall(stored), NUMBER.findall(fresh), strict=True):
        last_place = 10.0 ** -len(a.partition(".")[2].partition("e")[0])
        if abs(float(a) - float(b)) > TOLERANCE * max(abs(float(a)), abs(float(b))) + 2 * last_place * ("." in a):
            return f"number: stored {a}, now {b}"
    return ""


def stale(path: Path) -> list[str]:
    """The outputs of the notebook at ``path`` that a fresh run does not reproduce."""
    stored, fresh = texts(nbformat.read(path, as_version=4)), texts(run(path))
    if len(stored) != len(fresh):
        return [f"{path}: {len(stored)} stored outputs, {len(fresh)} now"]
    differences = [difference(a, b) for a, b in zip(stored, fresh, strict=True)]
    return [f"{path}: output {i + 1}: {d}" for i, d in enumerate(differences) if d]


def write(path: Path, notebook: NotebookNode) -> None:
    """Store ``notebook`` in the form Jupyter itself writes, whole or not at all."""
    with atomic_write(path) as temporary:
        temporary.write_text(nbformat.writes(notebook) + "\n")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="compare with the stored outputs instead of storing")
    parser.add_argument("notebooks", nargs="+", type=Path)
    options = parser.parse_args()
    if os.environ.get("COMPANION_DATA"):  # notebooks run in their own folder
        os.environ["COMPANION_DATA"] = str(Path(os.environ["COMPANION_DATA"]).absolute())
    found = []
    for path in options.notebooks:
        print(f"{path}", file=sys.stderr)
        if options.check:
            found += stale(path)
        else:
            write(path, run(path))
    print("\n".join(found))
    return bool(found)


if __name__ == "__main__":
    sys.exit(main())
