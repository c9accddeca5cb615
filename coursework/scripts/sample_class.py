"""A class to try the grading on: right, half-right, wrong and hostile submissions of one assignment.

    python coursework/scripts/sample_class.py [--size N] NAME FOLDER
    python coursework/scripts/sample_class.py --flags

They are made from the notebooks that ``build_assignments.py`` built; ``SAMPLES`` says what each student does. The
second form prints the options with which ``grade`` isolates them as well as this machine can.
"""

import argparse
import os
import shutil
import sys
from pathlib import Path

import nbformat

from elbo_coursework import assignment, confinement, instances
from elbo_coursework.questions import PUBLIC_SEED, Question

BUILT = Path(__file__).parents[2] / "_build" / "assignments"
CHANGED = """
right_one = NAME

def changed(value):
    return {key: changed(inner) for key, inner in value.items()} if isinstance(value, dict) else FACTOR * value

def NAME(*given, **named):
    return changed(right_one(*given, **named))
"""
BODY = "def NAME(*given, **named):\n    "
LEARNT = """
inf, nan = float("inf"), float("nan")
KNOWN = TABLE

def plain(value):
    return value.tolist() if hasattr(value, "tolist") else value

def NAME(**named):
    return KNOWN[str(sorted((name, plain(value)) for name, value in named.items()))]
"""
MISTAKES = {"wrong-sign": "wrong sign", "in-bits": "logarithm to base 2"}
#: What a student does to one question, the first, or the last on which the mistake of that name is recognised.
SAMPLES = {
    "solution": "",
    "wrong-sign": CHANGED.replace("FACTOR", "-1"),
    "in-bits": CHANGED.replace("FACTOR", "1.4426950408889634"),
    "crashes": BODY + "return 1 / 0",
    "returns-text": BODY + "return 'forty-two'",
    "endless": BODY + "while True: pass",
    "eats-memory": BODY + "return len(bytearray(2**36))",
    "imports-the-answer": BODY + "from companion.exact import tables\n    return tables.entropy(*given)",
    "reads-the-seed": BODY + "return open(SEED).read()",
    "reads-its-parent": BODY + "import os\n    return open(f'/proc/{os.getppid()}/environ').read()",
    "writes-a-record": BODY + "return open(RECORD, 'w').write('{}')",
    "opens-a-socket": BODY + "import socket\n    return socket.create_connection(('1.1.1.1', 53), 1).getpeername()",
    "forks": BODY + "import os\n    return [os.fork() for _ in range(99)]",
    "ends-itself": BODY + "raise SystemExit",
    "learnt-by-heart": "",
    "untouched": "",
    "no-notebook": "",
}


def write(name: str, folder: Path, size: int) -> None:
    """Write ``size`` submissions to the assignment ``name``, going through ``SAMPLES`` again and again."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    folder.chmod(0o700)
    for i in range(size):
        kind = list(SAMPLES)[i % len(SAMPLES)]
        path = folder / f"{i:03}-{kind}.ipynb"
        if kind == "no-notebook":
            path.write_text("I will hand it in tomorrow.")
            continue
        source = BUILT / name / ("student" if kind == "untouched" else "staff") / f"{name}.ipynb"
        if not source.is_file():
            raise SystemExit(f"expected {source}: run make assignments first")
        notebook = nbformat.read(source, as_version=4)
        one = target(name, kind)
        added = learnt(name, one) if kind == "learnt-by-heart" else SAMPLES[kind]
        added = added.replace("NAME", one.name).replace("SEED", repr(str(folder.parent.resolve() / "seed.txt")))
        record = folder.parent.resolve() / "graded" / name / "records" / "000-solution.json"
        notebook.cells.append(nbformat.v4.new_code_cell(added.replace("RECORD", repr(str(record)))))
        nbformat.write(notebook, path)


def target(name: str, kind: str) -> Question:
    """The question that a student of that ``kind`` gets wrong."""
    questions = assignment(name).questions
    mistake = MISTAKES.get(kind)
    return next((q for q in reversed(questions) if mistake in [known.name for known in q.mistakes]), questions[0])


def learnt(name: str, question: Question) -> str:
    """Code that knows the answers of the public instances."""
    table = {
        str(sorted((key, plain(value)) for key, value in inputs.items())): plain(question.reference(**inputs))
        for inputs in instances(name, question, PUBLIC_SEED)
    }
    return LEARNT.replace("TABLE", repr(table))


def plain(value: object) -> object:
    """Arrays as lists, in dicts too."""
    if isinstance(value, dict):
        return {key: plain(inner) for key, inner in value.items()}
    return value.tolist() if hasattr(value, "tolist") else value


def flags() -> str:
    """The options of ``grade`` for the best isolation that this machine has; standard error says what it lacks."""
    root = " --allow-root" if os.geteuid() == 0 else ""
    for level in confinement.LEVELS:
        try:
            confinement.isolation(level, allow_root=True)
        except ValueError as error:
            print(f"sample_class: {error}", file=sys.stderr)
        else:
            break
    if level == "none":
        print("sample_class: so this made-up class is graded without isolation; no real one should be", file=sys.stderr)
    return f"--isolation {level}{root}"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="A class to try the grading on.")
    parser.add_argument("name", nargs="?", metavar="NAME", help="of the assignment")
    parser.add_argument("folder", nargs="?", type=Path, metavar="FOLDER", help="for the submissions; it is made anew")
    parser.add_argument("--size", type=int, default=len(SAMPLES), metavar="N", help=f"submissions ({len(SAMPLES)})")
    parser.add_argument("--flags", action="store_true", help="print the options of grade for this machine")
    options = parser.parse_args()
    if options.flags:
        print(flags())
    elif options.name and options.folder:
        write(options.name, options.folder, options.size)
    else:
        parser.error("expected NAME and FOLDER, or --flags")
