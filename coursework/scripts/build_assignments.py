"""Build the assignments from their masters: what students get, and what an instructor keeps.

    python coursework/scripts/build_assignments.py [--seed-file FILE] [--jobs N] [NAME ...]

In ``_build/assignments/NAME`` are then ``student/NAME.ipynb``; ``staff/NAME.ipynb`` and ``.html``, the solutions, run;
and, where the class's secret is given, ``gradescope.zip``.

A master is a plain notebook with marks. The first cell of a question in code begins with ``<!-- question: NAME -->``;
that of a question in words with ``<!-- answer: NAME -->``, and the cells after it, up to the next heading, are the
answer. Lines of code from ``# BEGIN SOLUTION`` to ``# END SOLUTION`` become ``...`` for students, and cells of text
that begin with ``<!-- solution -->`` are for staff alone.

The build fails where master and assignment do not agree, where a student's notebook differs from the solution by more
than the solution's lines, or where the solution earns less than all points. A staff notebook is run again only where it
or a package has changed since.
"""

import argparse
import os
import re
import shutil
import time
from concurrent.futures import ThreadPoolExecutor
from copy import deepcopy
from hashlib import sha256
from pathlib import Path
from secrets import token_hex
from typing import Any
from zipfile import ZIP_DEFLATED, ZipFile

import nbformat
from nbclient import NotebookClient
from nbconvert import HTMLExporter
from nbformat import NotebookNode

import elbo_coursework
from elbo_coursework import Assignment, ManualQuestion, Question, confinement
from elbo_coursework.submissions import Submission

ROOT = Path(__file__).parents[2]
MASTERS = ROOT / "coursework" / "assignments"
OUT = ROOT / "_build" / "assignments"
SOLUTION = re.compile(r"^([ \t]*)# BEGIN SOLUTION\n.*?# END SOLUTION", re.DOTALL | re.MULTILINE)
STAFF = "<!-- solution -->"
LEAK = re.compile(r"(BEGIN|END) SOLUTION|<!-- solution|\*\*(Solution|Rubric)\*?\*?")
ADDRESS = "OWNER/REPOSITORY"  # stands in the masters for that of the clone, which the environment may name
PACKAGES = ("companion", "coursework/elbo_coursework")
METADATA = ("pyproject.toml", "README.md", "LICENSE")
OTHER_FILES = ("constraints.txt", *METADATA, *(f"coursework/{name}" for name in METADATA))
SETUP = """#!/usr/bin/env bash
# Gradescope runs this once, as root, when the autograder is built. Base image: Ubuntu 24.04, which has Python 3.12.
set -e
apt-get update && apt-get install --no-install-recommends -y python3 python3-venv
python3 -m venv /autograder/.venv
cd /autograder/source
/autograder/.venv/bin/pip install --extra-index-url https://download.pytorch.org/whl/cpu -c constraints.txt -e .
/autograder/.venv/bin/pip install --no-deps -e ./coursework  # grading does without Otter
chmod 700 /autograder/source
"""
RUN = """#!/usr/bin/env bash
# Gradescope runs this for each submission, as root. The student's code runs without our files, in namespaces of its own
# where there are any, else as another user, for whom the sources, the secret and the results are closed.
set -e
cd "${{AUTOGRADER:=/autograder}}"
: "${{PYTHON:=.venv/bin/python}}"
chmod 700 source submission results
chmod 600 source/seed.txt
for level in ${{LEVELS:=full user}}; do
  "$PYTHON" -c "from elbo_coursework.confinement import isolation; isolation('$level', True)" && break
done
"$PYTHON" -m elbo_coursework grade submission --assignment {name} --seed-file source/seed.txt \\
  --gradescope results/results.json --isolation "$level" --allow-root
"""


def build(name: str, out: Path, seed: str | None = None) -> Path:
    """Build one assignment in ``out/name`` and return that folder; its staff notebook is not run."""
    folder = out / name
    shutil.rmtree(folder, ignore_errors=True)
    master = nbformat.read(MASTERS / f"{name}.ipynb", as_version=4)
    asked = elbo_coursework.assignment(name)
    for kind, made in (("student", student(master)), ("staff", staff(master))):
        (folder / kind).mkdir(parents=True)
        nbformat.write(made, folder / kind / f"{name}.ipynb")
    solution = folder / "staff" / f"{name}.ipynb"
    problems = disagreements(master, asked) + differences(folder / "student" / f"{name}.ipynb", solution)
    problems += losses(solution, asked)
    if problems:
        raise SystemExit("\n".join(f"{name}: {problem}" for problem in problems))
    if seed is not None:
        gradescope(name, seed, folder / "gradescope.zip")
    return folder


def staff(master: NotebookNode) -> NotebookNode:
    """The master without its outputs, and with the address of the repository."""
    made = deepcopy(master)
    for cell in made.cells:
        cell.source = cell.source.replace(ADDRESS, os.environ.get("GITHUB_REPOSITORY", ADDRESS))
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    return made


def student(master: NotebookNode) -> NotebookNode:
    """The staff's notebook without what is for staff alone, and with ``...`` for answers in code."""
    made = staff(master)
    made.cells = [cell for cell in made.cells if not cell.source.startswith(STAFF)]
    for cell in code_cells(made):
        cell.source = SOLUTION.sub(r"\1...", cell.source)
    return made


def disagreements(master: NotebookNode, asked: Assignment) -> list[str]:
    """Sentences on what the notebook says otherwise than the assignment: minutes, points, marks, checks, rubrics."""
    text = "\n\n".join(cell.source for cell in master.cells)
    sections = re.split(r"^(?=<!-- (?:question|answer): )|(?<! -->\n)^(?=## )", text, flags=re.MULTILINE)
    wanted = [f"# {asked.title}\n", f"**Time** {asked.minutes} minutes. **Points** {asked.points}: "]
    found = [f"expected {part!r} in its head" for part in wanted if part not in sections[0]]
    everything: list[Question | ManualQuestion] = [*asked.questions, *asked.manual]
    for question in everything:
        mark = f"<!-- {'question' if isinstance(question, Question) else 'answer'}: {question.name} -->\n"
        section = next((section for section in sections if mark in section), "")
        wanted = [f"{mark}## ", f" ({question.points} points)\n", "<summary>Hint 1: ", "<summary>Hint 2: "]
        if isinstance(question, ManualQuestion):
            wanted += [f"- {points} point{'s'[: points - 1]}: {earns}\n" for earns, points in question.rubric.items()]
        else:
            wanted += [f"def {question.name}(", f'check({question.name}, "{asked.name}")']
        found += [f"{question.name}: expected {part!r} in its section" for part in wanted if part not in f"{section}\n"]
        found += [f"{question.name}: expected {mark!r} once" for _ in range(text.count(mark) > 1)]
    return found


def differences(stub: Path, solution: Path) -> list[str]:
    """Sentences on cells of code that differ by more than the lines that ``...`` replaces, and on leaks."""
    read, answered = (nbformat.read(path, as_version=4) for path in (stub, solution))
    stubs, answers = ([cell.source for cell in code_cells(notebook)] for notebook in (read, answered))
    expected = [SOLUTION.sub(r"\1...", source) for source in answers]
    if len(stubs) != len(expected):
        return [f"expected {len(expected)} cells of code, as in the solution, got {len(stubs)}"]
    wrong = [got for got, wanted in zip(stubs, expected, strict=True) if got != wanted]
    leaks = [cell.source for cell in read.cells if LEAK.search(cell.source)]
    leaks += [cell.source for cell in code_cells(read) if cell.outputs]
    return [f"a cell differs from the solution by more than its answer: {source[:80]!r}" for source in wrong] + [
        f"a student would read of a solution, or an output: {source[:80]!r}" for source in leaks
    ]


def losses(solution: Path, asked: Assignment) -> list[str]:
    """Sentences on what grading cannot read of the solution, and on the points that it misses, under a new seed."""
    trusted = confinement.isolation("none", allow_root=True)
    graded = elbo_coursework.grade(Submission.of_file(solution), asked, token_hex(), isolated=trusted)
    lost = [question for question in graded.questions if question.earned < question.points]
    found = [f"the solution of {q.name} earns {q.earned} of {q.points}: {list(q.hints)}" for q in lost]
    unread = [question.name for question in asked.manual if not graded.answers.get(question.name)]
    return [*graded.notes, *found, *(f"the answer to {name} is not read" for name in unread)]


def code_cells(notebook: NotebookNode) -> list[NotebookNode]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def show(notebook: Path, earlier: NotebookNode | None = None) -> None:
    """Run the notebook in place, or take ``earlier``, if that is its run; and write it as a page beside."""
    read = nbformat.read(notebook, as_version=4)
    read.metadata["made_of"] = made_of(read)
    if earlier is not None and earlier.metadata.get("made_of") == read.metadata["made_of"]:
        read = earlier
    else:
        options: dict[str, Any] = {"timeout": 1200, "coalesce_streams": True, "extra_arguments": ["--log-level=ERROR"]}
        resources = {"metadata": {"path": notebook.parent}}
        NotebookClient(read, resources=resources, **options).execute(env=environment())
    nbformat.write(read, notebook)
    page, _ = HTMLExporter().from_notebook_node(read)
    notebook.with_suffix(".html").write_text(page, encoding="utf-8")


def made_of(notebook: NotebookNode) -> str:
    """A hash of what a run depends on: the cells, and the code of both packages."""
    found = sha256("\0".join(cell.source for cell in notebook.cells).encode())
    for top in PACKAGES:
        for path in sorted((ROOT / top).rglob("*.py")):
            found.update(path.read_bytes())
    return found.hexdigest()


def finish(name: str, seed: str | None) -> str:
    """Build and show one assignment; returns the line that says so."""
    begun, run = time.perf_counter(), OUT / name / "staff" / f"{name}.ipynb"
    earlier = nbformat.read(run, as_version=4) if run.is_file() else None
    folder = build(name, OUT, seed)
    show(run, earlier)
    without = "" if seed else ", without gradescope.zip, which needs SEED_FILE="
    return f"{name}: {folder.relative_to(ROOT)}, in {time.perf_counter() - begun:.0f} s{without}"


def gradescope(name: str, seed: str, target: Path) -> None:
    """The zip for Gradescope: both packages, the secret, and the two scripts that it runs; for nobody else to read."""
    target.touch(mode=0o600)
    with ZipFile(target, "w", ZIP_DEFLATED) as archive:
        sources = [path for top in PACKAGES for path in sorted((ROOT / top).rglob("*.py"))]
        typed = [ROOT / top / "py.typed" for top in PACKAGES]
        for path in [*sources, *typed, *(ROOT / name for name in OTHER_FILES)]:
            archive.write(path, path.relative_to(ROOT))
            archive.getinfo(path.relative_to(ROOT).as_posix()).external_attr = 0o100644 << 16  # whatever the umask was
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
    parser.add_argument("--jobs", type=int, default=2, metavar="N", help="assignments at a time (default: 2)")
    options = parser.parse_args()
    seed = options.seed_file.read_text().strip() if options.seed_file else None
    names = options.names or elbo_coursework.NAMES
    for name in names:  # imports them all, which threads had better not do side by side
        elbo_coursework.assignment(name)
    with ThreadPoolExecutor(options.jobs) as pool:
        for line in pool.map(lambda name: finish(name, seed), names):
            print(line, flush=True)


if __name__ == "__main__":
    main()
