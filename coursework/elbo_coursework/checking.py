"""The check in a student's own notebook, on public instances: all that grading would say, before it counts.

The function is tried in the notebook first, where an error shows its traceback, and then as grading runs it: read from
the notebook's cells, cut down to what it needs, in a process that has the libraries alone.
"""

import argparse
import ast
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np

from elbo_coursework import confinement, sandbox
from elbo_coursework.confinement import INSIDE, libraries
from elbo_coursework.inside import reading
from elbo_coursework.inside.child import called, decoded, encoded
from elbo_coursework.questions import PUBLIC_SEED, Assignment, Inputs, Question, Verdict, assignment, instances, judge
from elbo_coursework.sandbox import Limits
from elbo_coursework.submissions import Submission

DIFFERS = (
    "Here it is right. In grading, which reads the notebook's cells and runs what the function needs, it is not: {}"
)
UNSAVED = "The file {} does not hold this {} yet: save the notebook, and run the check again to try what it holds."
SAVED = "This is of {} as it is saved: if you have changed it since, save it and run the check again."
HELPERS = "It needs {}: hand that in beside the notebook."
ONCE = "(In grading an earlier mistake is charged once: this may earn more there.)"
#: Lines that the notebooks give in the place of an answer in words, with ``*?*`` for what is to be filled in.
GIVEN = (
    "*Before the picture. My prediction:*",
    "*After the picture. What came, and why:*",
    "*My scheme and my derivation:*",
    "*My report:*",
    "*My derivation:*",
    "*What the file costs, and why:*",
    "*What each reader certifies, and what convicts it:*",
    "*What silenced the code, and how I know:*",
    "*Your code and your picture in the cells below, then your text. Add cells as you need them.*",
    "*Your hypothesis here; your code and picture in the cells below, then your text. Add cells as you need them.*",
    "**What happened, and why.**",
    "**My text.**",
    "**My prediction**, made before running the cell. First given up: *?*, then *?*, then *?*; "
    "the last one left: *?*. Because *?*",
    "**My prediction**, made before running the cell. Rate at t = 1/2: *?* of that at t = 1. "
    "Information about the class: *?*.",
    "**My prediction**, made before running the cell (write *rises*, *falls* or *stays*):",
    r"| | R | I(n; z) | KL(q(z) \|\| p(z)) |",
    "| each photograph twice | *?* |",
    "| with the mirror images | *?* |",
    "The mirrors change I(n; z) by at most: *?* nats",
)
UNFILLED = re.compile(r"\*(\?|\.\.\.|Your answer\.|Your derivation\.)\*")
SECONDS = 120.0
LARGEST = 20 * 10**6  # bytes of a notebook that is looked into
#: What a library may need to be found; all else of the environment stays out, as in grading.
KEPT = (
    "LD_LIBRARY_PATH",
    "DYLD_LIBRARY_PATH",
    "DYLD_FALLBACK_LIBRARY_PATH",
    "SYSTEMROOT",
    "WINDIR",
    "PATH",
    "CONDA_PREFIX",
)


def check(function: Callable[..., Any], name: str | Assignment) -> None:
    """Try the answer ``function`` to the question of its name, in the assignment ``name``, on public instances.

    Prints how many instances are right and what is wrong with the others. Grading draws other instances of the same
    kind. The function may be anything that can be called, under the question's name where ``check`` is called.

    Raises ``AssertionError`` with the first hint where one is wrong, and what the function itself raises.
    """
    asked = assignment(name) if isinstance(name, str) else name
    caller = sys._getframe(1)
    question = question_of(function, asked, [caller.f_locals, caller.f_globals, user_names()])
    drawn = instances(asked.name, question, PUBLIC_SEED)
    verdicts = [_judged(question, inputs, _answer(function, inputs)) for inputs in drawn]
    submission, remarks = notebook(question.name, str(caller.f_globals.get("__file__", "")))
    if submission is not None and all(verdict.credit == 1 for verdict in verdicts):
        again, used = rehearse(submission, question, drawn)
        verdicts = [v if v.credit == 1 else Verdict(0.0, DIFFERS.format(v.hint)) for v in again]
        stale = submission.get("saved") and any(verdict.credit < 1 for verdict in verdicts)
        remarks += [SAVED.format(submission["file"])] if stale else []
        remarks += [HELPERS.format(" and ".join(used))] if used else []
    hints = list(dict.fromkeys(verdict.hint for verdict in verdicts if verdict.hint))
    correct = sum(verdict.credit == 1 for verdict in verdicts)
    print(f"{question.name}: {correct} of {len(drawn)} instances are right.", *hints, *remarks, sep="\n  ")
    assert not hints, hints[0]


def question_of(function: Any, asked: Assignment, places: list[Mapping[str, Any]]) -> Question:
    """The question whose name ``function`` has in one of ``places``, or by itself."""
    for names in places:
        for question in asked.questions:
            if names.get(question.name) is function:
                return question
    return asked.question(str(getattr(function, "__name__", type(function).__name__)))


def user_names() -> Mapping[str, Any]:
    """The names of the notebook, if this is one."""
    names: Mapping[str, Any] = getattr(shell(), "user_ns", {})
    return names


def shell() -> Any:
    """The shell of the notebook, or None."""
    return getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()


def notebook(name: str, script: str = "") -> tuple[dict[str, Any] | None, list[str]]:
    """What grading would read of the function ``name``, and remarks on it; None where that cannot be told.

    It is the notebook's file, if that is found and holds the function as it was run last; else the cells that were run
    so far; in a script, its file.
    """
    if shell() is None:
        path = Path(script)
        if not script or not path.is_file():
            return None, []
        return {"content": path.read_bytes(), "file": path.name, "helpers": beside(path.parent, path.name)}, []
    history = getattr(shell(), "history_manager", None)
    sources = getattr(history, "input_hist_raw", None) or user_names().get("In", ())  # as typed, with its magics
    run = [(i, source) for i, source in enumerate(sources) if source]
    if not run:  # a kernel that keeps no history
        kept = saved(name)
        found = {"content": kept.read_bytes(), "file": kept.name, "helpers": beside(kept.parent)} if kept else None
        return found, []
    cells = [{"cell_type": "code", "source": source, "outputs": [], "location": f"cell [{i}]"} for i, source in run]
    content = json.dumps({"cells": cells}).encode()
    remarks: list[str] = []
    if (file := saved(name)) is not None:
        held = file.read_bytes()
        if last_made(held, name) == last_made(content, name):
            return {"content": held, "file": file.name, "helpers": beside(file.parent), "saved": True}, []
        remarks = [UNSAVED.format(file.name, name)]
    return {"content": content, "file": "notebook.ipynb", "helpers": beside(Path())}, remarks


def saved(name: str) -> Path | None:
    """The file of the running notebook: what the editor calls it, or the only one here that defines ``name``."""
    told = (user_names().get("__vsc_ipynb_file__"), os.environ.get("JPY_SESSION_NAME"))
    for named in (Path(str(text)) for text in told if text):
        if named.suffix == ".ipynb" and named.is_file():
            return named
    found = [path for path in sorted(Path().glob("*.ipynb"))[:50] if path.stat().st_size < LARGEST]
    found = [path for path in found if last_made(path.read_bytes(), name)]
    return found[0] if len(found) == 1 else None


def last_made(content: bytes, name: str) -> str:
    """The last statement that gives ``name`` a value, as text; nothing where there is none."""
    try:
        statements = reading.read(content).statements
    except reading.UnreadableError:
        return ""
    made = [ast.unparse(each.node) for each in statements if name in each.binds]
    return made[-1] if made else ""


def beside(folder: Path, but: str = "") -> dict[str, bytes]:
    """The scripts in a folder, which the code can import, small ones only."""
    paths = [path for path in sorted(folder.glob("*.py")) if path.name != but and path.stat().st_size < 10**6]
    return {path.name: path.read_bytes() for path in paths[:20]}


def rehearse(
    submission: Mapping[str, Any], question: Question, drawn: list[Inputs]
) -> tuple[list[Verdict], tuple[str, ...]]:
    """What grading would say of ``drawn`` instances, and which scripts beside the notebook the function imports.

    There is one verdict on all instances where the function does not get that far.
    """
    lines = talk(submission, question.name, [json.dumps(inputs, default=sandbox.plain) for inputs in drawn])
    loaded = lines[0]
    answers = [loaded] * len(drawn) if "error" in loaded else [*lines[1:], *[lines[-1]] * len(drawn)]
    used = tuple(str(name) for name in loaded.get("helpers", ()))
    pairs = zip(drawn, answers[: len(drawn)], strict=True)
    verdicts = [
        Verdict(0.0, f"The code {found['error']}.") if "error" in found else _judged(question, inputs, found["value"])
        for inputs, found in pairs
    ]
    if first := loaded.get("stumbles"):  # what it had to do before did not all succeed: why a value may be wrong
        late = [v.credit < 1 and "error" not in found for v, found in zip(verdicts, answers, strict=False)]
        verdicts = [
            Verdict(v.credit, f"{v.hint} Before that, {first}.") if wrong else v
            for v, wrong in zip(verdicts, late, strict=True)
        ]
    return verdicts, used


def talk(submission: Mapping[str, Any], name: str | None, calls: list[str]) -> list[dict[str, Any]]:
    """All that a child says, as on any system, without isolation: the code is the student's own, on their machine.

    Where it ends before it has answered all, the last line says how.
    """
    allowed = [Path(target).name.removesuffix(".py") for _, target in libraries()]
    limits = Limits()
    told = sandbox.setup(submission, name, limits, []) | {"allowed": allowed}
    told["limits"] = {}
    site = str(Path(np.__file__).parents[1])
    command = [sys.executable, "-I", "-B", str(INSIDE / "child.py"), site]
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        text = "\n".join([json.dumps(told), *calls, ""])
        kept: dict[str, Any] = {"capture_output": True, "text": True, "encoding": "utf-8", "check": False}
        kept["env"] = confinement.environment(folder) | {key: os.environ[key] for key in KEPT if key in os.environ}
        try:
            done = subprocess.run(command, input=text, cwd=folder, timeout=SECONDS, **kept)
        except subprocess.TimeoutExpired:
            return [{"error": f"ran longer than {SECONDS:g} s by the clock"}]
    lines: list[dict[str, Any]] = [json.loads(line) for line in done.stdout.splitlines()]
    if len(lines) < 1 + len(calls) and not (lines and "error" in lines[0]):
        seconds = limits.cpu_per_call if lines else limits.cpu_start
        slow = done.returncode == -getattr(signal, "SIGXCPU", 0)
        lines.append({"error": f"ran longer than {seconds:g} s" if slow else "ended its own process"})
    return lines


def letters_of(text: str) -> int:
    """How many characters of an answer's text are not given by the notebook: the student's own.

    >>> letters_of("**My text.** *Your answer.*"), letters_of("**My text.** So it is.")
    (0, 9)
    """
    return sum(map(_own_letters, text.splitlines()))


def _own_letters(line: str) -> int:
    """The same of one line."""
    line, table = line.strip(), line.strip().startswith("|")
    for given in GIVEN:
        if (parts := _between(line, given.split("*?*"))) is not None:
            return sum(_filled(part, table) for part in parts)
    return _filled(line, table)


def _between(line: str, pieces: Sequence[str]) -> list[str] | None:
    """What stands between the pieces of a line, and after the last; None where it does not have them in their order."""
    found, rest = [], line
    for i, piece in enumerate(pieces):
        at = rest.find(piece)
        if at < 0 or (i == 0 and at > 0):
            return None
        found.append(rest[:at])
        rest = rest[at + len(piece) :]
    return [*found[1:], rest]


def _filled(text: str, table: bool) -> int:
    """The characters of a text without what stands where something is to be filled in, and the lines of a table."""
    cells = UNFILLED.sub("", text).split("|") if table else [UNFILLED.sub("", text)]
    return sum(len(cell.strip()) for cell in cells if not re.fullmatch(r"\s*:?-+:?\s*", cell))


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
    found = talk(sent, None, [])[0]
    if "error" in found:
        why = str(found["error"]).removeprefix("raised UnreadableError: ")
        raise ValueError(f"NOTEBOOK: {options.path.name} cannot be read: {why}")
    held = sandbox.checked_survey(found["value"])
    for problem in held["problems"]:
        print(problem)
    wrong = False
    for question in asked.questions:
        if question.name not in held["functions"]:
            print(f"{question.name:24} is not defined")
            wrong = True
            continue
        verdicts, used = rehearse(sent, question, instances(asked.name, question, PUBLIC_SEED))
        hint = next((verdict.hint for verdict in verdicts if verdict.hint), "")
        correct = sum(verdict.credit == 1 for verdict in verdicts)
        once = ONCE if wrong and correct < len(verdicts) else ""
        hint = " ".join(part for part in (hint, HELPERS.format(" and ".join(used)) if used else "", once) if part)
        wrong = wrong or correct < len(verdicts)
        print(f"{question.name:24} {correct} of {len(verdicts)} public instances are right. {hint}".rstrip())
    for words in asked.manual:
        pieces = held["answers"].get(words.name, [])
        letters = sum(letters_of(text) for kind, text in pieces if kind == "text")
        pictures = sum(kind == "image" for kind, _ in pieces)
        told = f"{letters} characters of your text, {pictures} picture{'s' * (pictures != 1)}"
        print(f"{words.name:24} {told if letters or pictures else 'is empty: no text of yours, and no picture'}")
    now = datetime.now().astimezone().isoformat(timespec="seconds")
    name, content = options.path.name, file.content
    print(f"receipt: {name}, {len(content)} bytes, SHA-256 {sha256(content).hexdigest()}, read {now}")


def _judged(question: Question, inputs: Inputs, answer: Any) -> Verdict:
    with np.errstate(all="ignore"):
        return judge(question, inputs, answer)


def _answer(function: Callable[..., Any], inputs: Inputs) -> Any:
    """What the function gives, as grading sees it."""
    value = called(function, deepcopy(inputs))
    try:
        return decoded(encoded(value))
    except TypeError:  # of a kind that grading cannot take: judged as it is
        return value
