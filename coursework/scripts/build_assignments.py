"""Build the assignments from their masters: what students get, and what an instructor keeps.

    python coursework/scripts/build_assignments.py [--seed-file FILE] [NAME ...]

In ``_build/assignments/NAME`` are then ``student/NAME.ipynb``; ``staff/NAME.ipynb`` and ``.html``, the solutions, run;
``otter.zip``, with which Otter grades on public instances; and, where the class's secret is given, ``gradescope.zip``.
The build fails where a student's notebook differs from the solution by more than the solution's lines, or where the
solution earns less than all points.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from secrets import token_hex
from zipfile import ZIP_DEFLATED, ZipFile

import nbformat
from nbclient import NotebookClient
from nbconvert import HTMLExporter
from nbformat import NotebookNode

import elbo_coursework

ROOT = Path(__file__).parents[2]
OUT = ROOT / "_build" / "assignments"
SOLUTION = re.compile(r"^([ \t]*)# BEGIN SOLUTION\n.*?# END SOLUTION", re.DOTALL | re.MULTILINE)
PACKAGES = ("companion", "coursework/elbo_coursework")
METADATA = ("pyproject.toml", "README.md", "LICENSE")
OTHER_FILES = ("constraints.txt", *METADATA, *(f"coursework/{name}" for name in METADATA))
SETUP = """#!/usr/bin/env bash
# Gradescope runs this once, when the autograder is built. Base image: Ubuntu 24.04, which has Python 3.12.
set -e
apt-get update && apt-get install --no-install-recommends -y python3 python3-venv
python3 -m venv /autograder/.venv
cd /autograder/source
/autograder/.venv/bin/pip install --extra-index-url https://download.pytorch.org/whl/cpu -c constraints.txt -e .
/autograder/.venv/bin/pip install --no-deps -e ./coursework  # grading does without Otter
chmod 600 seed.txt
"""
RUN = """#!/usr/bin/env bash
# Gradescope runs this for each submission.
set -e
cd "${{AUTOGRADER:=/autograder}}"
"${{PYTHON:-.venv/bin/python}}" -m elbo_coursework grade submission --assignment {name} --seed-file source/seed.txt \\
  --gradescope results/results.json
"""


def build(name: str, out: Path, seed: str | None = None) -> Path:
    """Build one assignment in ``out/name`` and return that folder."""
    folder = out / name
    shutil.rmtree(folder, ignore_errors=True)
    with tempfile.TemporaryDirectory() as made:
        assign(ROOT / "coursework" / "assignments" / f"{name}.ipynb", Path(made))
        for kind, part in (("student", "student"), ("staff", "autograder")):
            (folder / kind).mkdir(parents=True)
            shutil.copy(Path(made) / part / f"{name}.ipynb", folder / kind)
        (archive,) = (Path(made) / "autograder").glob("*.zip")
        shutil.copy(archive, folder / "otter.zip")
    problems = differences(folder / "student" / f"{name}.ipynb", folder / "staff" / f"{name}.ipynb")
    problems += losses(folder / "staff" / f"{name}.ipynb", name)
    if problems:
        raise SystemExit("\n".join(f"{name}: {problem}" for problem in problems))
    if seed is not None:
        gradescope(name, seed, folder / "gradescope.zip")
    return folder


def assign(master: Path, out: Path) -> None:
    """Let Otter make the notebooks and its zip."""
    command = [sys.executable, "-m", "otter", "assign", "--no-pdfs", "--no-run-tests", str(master), str(out)]
    done = subprocess.run(command, cwd=out, env=environment(), capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"otter assign {master}: {done.stdout}{done.stderr}")


def differences(student: Path, solution: Path) -> list[str]:
    """Sentences on cells of code that differ by more than the solution's lines, which ``...`` replaces."""
    stubs, answers = ([c.source for c in code_cells(path)] for path in (student, solution))
    expected = [SOLUTION.sub(r"\1...", source) for source in answers]
    if len(stubs) != len(expected):
        return [f"expected {len(expected)} cells of code, as in the solution, got {len(stubs)}"]
    pairs = zip(stubs, expected, strict=True)
    wrong = [stub for stub, wanted in pairs if stub.rstrip().removesuffix(";") != wanted.rstrip().removesuffix(";")]
    return [f"a cell differs from the solution by more than its answer: {stub[:80]!r}" for stub in wrong]


def losses(solution: Path, name: str) -> list[str]:
    """Sentences on the questions for which the solution earns less than all points, under a new seed."""
    seed = token_hex()
    graded = elbo_coursework.grade(solution, elbo_coursework.assignment(name), seed)
    lost = [question for question in graded.questions if question.earned < question.points]
    return [f"the solution of {q.name} earns {q.earned} of {q.points}: {list(q.hints)}" for q in lost]


def code_cells(path: Path) -> list[NotebookNode]:
    return [cell for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]


def show(notebook: Path) -> None:
    """Run the notebook in place, and write it as a page beside."""
    read = nbformat.read(notebook, as_version=4)
    NotebookClient(read, timeout=600, resources={"metadata": {"path": notebook.parent}}).execute(env=environment())
    nbformat.write(read, notebook)
    page, _ = HTMLExporter().from_notebook_node(read)
    notebook.with_suffix(".html").write_text(page, encoding="utf-8")


def gradescope(name: str, seed: str, target: Path) -> None:
    """The zip for Gradescope: both packages, the secret, and the two scripts that it runs."""
    with ZipFile(target, "w", ZIP_DEFLATED) as archive:
        sources = [path for top in PACKAGES for path in sorted((ROOT / top).rglob("*.py"))]
        typed = [ROOT / top / "py.typed" for top in PACKAGES]
        for path in [*sources, *typed, *(ROOT / name for name in OTHER_FILES)]:
            archive.write(path, path.relative_to(ROOT))
        archive.writestr("setup.sh", SETUP)
        archive.writestr("run_autograder", RUN.format(name=name))
        archive.writestr("seed.txt", f"{seed}\n")


def environment() -> dict[str, str]:
    """That of this process; the kernel imports both packages of this clone, and no seed is handed on."""
    kept = {name: value for name, value in os.environ.items() if name != "COMPANION_SEED"}
    paths = [str(ROOT), str(ROOT / "coursework"), *filter(None, [os.environ.get("PYTHONPATH")])]
    return kept | {"PYTHONPATH": os.pathsep.join(paths)}


def main() -> None:
    parser = argparse.ArgumentParser(description="Build the assignments from their masters.")
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help=f"of {', '.join(elbo_coursework.NAMES)} (default: all)"
    )
    parser.add_argument("--seed-file", type=Path, metavar="FILE", help="the class's secret, for gradescope.zip")
    options = parser.parse_args()
    seed = options.seed_file.read_text().strip() if options.seed_file else None
    for name in options.names or elbo_coursework.NAMES:
        folder = build(name, OUT, seed)
        show(folder / "staff" / f"{name}.ipynb")
        print(
            f"{name}: {folder.relative_to(ROOT)}" + ("" if seed else ", without gradescope.zip, which needs SEED_FILE=")
        )


if __name__ == "__main__":
    main()
