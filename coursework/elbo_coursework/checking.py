"""The check in a student's own notebook, on public instances: all that grading would say, before it counts.

The function is tried in the notebook first, where an error shows its traceback, and then as grading runs it: read from
the notebook's cells, cut down to what it needs, in a process that has the libraries alone.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from copy import deepcopy
from datetime import datetime
from hashlib import sha256
from inspect import getsourcefile
from pathlib import Path
from typing import Any

import numpy as np

from elbo_coursework import sandbox
from elbo_coursework.questions import PUBLIC_SEED, Assignment, Inputs, Question, Verdict, assignment, instances, judge
from elbo_coursework.sandbox import INSIDE, Limits, libraries
from elbo_coursework.submissions import Submission

DIFFERS = (
    "Here it is right. In grading, which reads the notebook's cells and runs what the function needs, it is not: {}"
)
SECONDS = 120.0


def check(function: Callable[..., Any], name: str | Assignment) -> None:
    """Try the answer ``function`` to the question of its name, in the assignment ``name``, on public instances.

    Prints how many instances are right and what is wrong with the others. Grading draws other instances of the same
    kind.

    Raises ``AssertionError`` with the first hint where one is wrong, and what the function itself raises.
    """
    asked = assignment(name) if isinstance(name, str) else name
    question = asked.question(function.__name__)
    drawn = instances(asked.name, question, PUBLIC_SEED)
    verdicts = [_judged(question, inputs, _as_arrays(function(**deepcopy(inputs)))) for inputs in drawn]
    submission = notebook(function)
    if submission is not None and all(verdict.credit == 1 for verdict in verdicts):
        again = rehearse(submission, question, drawn)
        verdicts = [v if v.credit == 1 else Verdict(0.0, DIFFERS.format(v.hint)) for v in again]
    hints = list(dict.fromkeys(verdict.hint for verdict in verdicts if verdict.hint))
    correct = sum(verdict.credit == 1 for verdict in verdicts)
    print(f"{question.name}: {correct} of {len(drawn)} instances are right.", *hints, sep="\n  ")
    assert not hints, hints[0]


def notebook(function: Callable[..., Any]) -> dict[str, Any] | None:
    """The cells that this notebook has run so far, or the file of ``function``; None where there is neither."""
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    if shell is not None:
        cells = [
            {"cell_type": "code", "source": source, "outputs": []} for source in shell.user_ns.get("In", ()) if source
        ]
        return {"content": json.dumps({"cells": cells}).encode(), "file": "notebook.ipynb", "helpers": beside(Path())}
    try:
        path = Path(getsourcefile(function) or "")
        return {"content": path.read_bytes(), "file": path.name, "helpers": beside(path.parent, path.name)}
    except (OSError, TypeError):
        return None


def beside(folder: Path, but: str = "") -> dict[str, bytes]:
    """The scripts in a folder, which the code can import, small ones only."""
    paths = [path for path in sorted(folder.glob("*.py")) if path.name != but and path.stat().st_size < 10**6]
    return {path.name: path.read_bytes() for path in paths[:20]}


def rehearse(submission: Mapping[str, Any], question: Question, drawn: list[Inputs]) -> list[Verdict]:
    """What grading would say of ``drawn`` instances; one verdict on all where the function does not get that far."""
    lines = talk(submission, question.name, [json.dumps(inputs, default=sandbox.plain) for inputs in drawn])
    loaded = lines[0] if lines else {"error": "ended its own process"}
    answers = lines[1:] + [loaded if "error" in loaded else {"error": "ended its own process"}] * len(drawn)
    pairs = zip(drawn, answers[: len(drawn)], strict=True)
    return [
        Verdict(0.0, f"The code {found['error']}.") if "error" in found else _judged(question, inputs, found["value"])
        for inputs, found in pairs
    ]


def talk(submission: Mapping[str, Any], name: str | None, calls: list[str]) -> list[dict[str, Any]]:
    """All that a child says, as on any system, without isolation: the code is the student's own, on their machine."""
    allowed = [Path(target).name.removesuffix(".py") for _, target in libraries()]
    told = sandbox.setup(submission, name, Limits(), []) | {"allowed": allowed}
    told["limits"] = {}
    site = str(Path(np.__file__).parents[1])
    command = [sys.executable, "-I", "-B", str(INSIDE / "child.py"), site]
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        text = "\n".join([json.dumps(told), *calls, ""])
        kept: dict[str, Any] = {"capture_output": True, "text": True, "encoding": "utf-8", "check": False}
        try:
            done = subprocess.run(command, input=text, cwd=folder, timeout=SECONDS, **kept)
        except subprocess.TimeoutExpired:
            return [{"error": f"ran longer than {SECONDS:g} s by the clock"}]
    return [json.loads(line) for line in done.stdout.splitlines()]


def add(parts: Any) -> None:
    """``read``."""
    words = "show a student how a notebook will be read, try it on the public instances, and give a receipt"
    parser = parts.add_parser("read", help=words, description=words.capitalize() + ".")
    parser.add_argument("path", type=Path, metavar="NOTEBOOK", help="a notebook or script, as it will be handed in")
    parser.add_argument("--assignment", required=True, metavar="NAME", help="of the assignment")
    parser.set_defaults(command=read_command)


def read_command(options: argparse.Namespace) -> None:
    """Print what is found in a file, question by question, and its receipt."""
    asked, file = assignment(options.assignment), Submission.of_file(options.path)
    sent = {"content": file.content, "file": file.file, "helpers": beside(options.path.parent, file.file)}
    said = talk(sent, None, [])
    found = said[0] if said else {"error": "ended while it was read"}
    if "error" in found:
        raise ValueError(f"NOTEBOOK: {options.path.name} cannot be read: it {found['error']}")
    held = sandbox.checked_survey(found["value"])
    for problem in held["problems"]:
        print(problem)
    for question in asked.questions:
        if question.name not in held["functions"]:
            print(f"{question.name:24} is not defined")
            continue
        verdicts = rehearse(sent, question, instances(asked.name, question, PUBLIC_SEED))
        hint = next((verdict.hint for verdict in verdicts if verdict.hint), "")
        correct = sum(verdict.credit == 1 for verdict in verdicts)
        print(f"{question.name:24} {correct} of {len(verdicts)} public instances are right. {hint}".rstrip())
    for words in asked.manual:
        pieces = held["answers"].get(words.name, [])
        letters = sum(len(text) for kind, text in pieces if kind == "text")
        pictures = sum(kind == "image" for kind, _ in pieces)
        print(
            f"{words.name:24} {letters} characters of text, {pictures} pictures"
            if pieces
            else f"{words.name:24} is empty"
        )
    now = datetime.now().astimezone().isoformat(timespec="seconds")
    name, content = options.path.name, file.content
    print(f"receipt: {name}, {len(content)} bytes, SHA-256 {sha256(content).hexdigest()}, read {now}")


def _judged(question: Question, inputs: Inputs, answer: Any) -> Verdict:
    with np.errstate(all="ignore"):
        return judge(question, inputs, answer)


def _as_arrays(answer: Any) -> Any:
    """The answer with arrays for tensors, as grading sees it."""
    if isinstance(answer, dict):
        return {name: _as_arrays(inner) for name, inner in answer.items()}
    if isinstance(answer, (list, tuple)):
        return [_as_arrays(inner) for inner in answer]
    return answer.detach().cpu().numpy() if hasattr(answer, "detach") else answer
