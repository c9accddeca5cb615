"""``python -m elbo_coursework``: grade a submission or a folder of them, on instances from the instructor's seed."""

import argparse
import json
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from elbo_coursework import batch, feedback, questions
from elbo_coursework.questions import PUBLIC_SEED, Assignment

VARIABLE = "COMPANION_SEED"
NO_SEED = f"""seed: expected the class's secret, got none.
Make one, keep it from the repository and from the students, and use it for the whole course:
  python -c "import secrets; print(secrets.token_hex())" > ../seed.txt
Then add --seed-file ../seed.txt, or set {VARIABLE}. --self-study grades on the public instances of the notebooks."""


EPILOG = """example:
  python -m elbo_coursework grade submissions --assignment surgery --seed-file ../seed.txt --out graded
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit status, 0 or, after one sentence on standard error, 1."""
    options = parser().parse_args(arguments)
    command: Callable[[argparse.Namespace], None] = options.command
    try:
        command(options)
    except (ValueError, OSError) as error:
        print(f"elbo_coursework: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("elbo_coursework: stopped; grade goes on where it was when called again", file=sys.stderr)
        return 130
    return 0


def parser() -> argparse.ArgumentParser:
    """The parser of all commands."""
    top = argparse.ArgumentParser(
        prog="python -m elbo_coursework",
        description="Grade the assignments of the book on rate, distortion and the ELBO.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_grade(top.add_subparsers(required=True, metavar="COMMAND"))
    return top


def add_grade(parts: Any) -> None:
    """``grade``."""
    grade = parts.add_parser("grade", help="grade a submission of an assignment, or a folder of them")
    grade.add_argument("path", type=Path, metavar="PATH", help="a notebook or script, or the folder of a class")
    grade.add_argument("--assignment", required=True, metavar="NAME", help=f"one of {', '.join(questions.NAMES)}")
    grade.add_argument("--out", type=Path, default=Path("graded"), metavar="DIR", help="for the results (graded)")
    grade.add_argument("--jobs", type=int, default=2, metavar="N", help="submissions at a time (default 2)")
    seed = grade.add_mutually_exclusive_group()
    seed.add_argument("--seed-file", type=Path, metavar="FILE", help=f"holds the secret (default: {VARIABLE})")
    seed.add_argument("--self-study", action="store_true", help="use the public instances of the notebooks")
    words = "take PATH for one submission, and write what Gradescope reads"
    grade.add_argument("--gradescope", type=Path, metavar="FILE.json", help=words)
    grade.set_defaults(command=grade_command)


def grade_command(options: argparse.Namespace) -> None:
    """Grade, write the results, and print the points."""
    assignment, secret = questions.assignment(options.assignment), seed(options)
    if not options.path.exists():
        raise ValueError(f"PATH: expected a notebook, a script or a folder, found no {options.path}")
    if options.gradescope:
        grade_for_gradescope(options.path, assignment, secret, options.gradescope)
        return
    if options.path.is_file():
        grades = [batch.grade_and_store(options.path.stem, options.path, assignment, secret, options.out)]
    else:
        grades = batch.grade_folder(options.path, assignment, secret, options.out, jobs=options.jobs)
    most = sum(question.points for question in assignment.questions)
    for graded in grades:
        message = f"{graded.submission:30} {graded.earned:7.2f} of {most}  {' '.join(graded.notes)}".rstrip()
        print(message.encode("utf-8", "backslashreplace").decode())  # a file may have any name
    print(f"records and feedback are in {options.out}")


def grade_for_gradescope(path: Path, assignment: Assignment, secret: str, target: Path) -> None:
    """Grade one submission, a file or a folder with one in it, and write ``target``."""
    found = batch.find_submission(path, assignment.name) if path.is_dir() else path
    if isinstance(found, str):
        graded = batch.zero_grade("submission", assignment, found)
    else:
        graded = batch.grade_or_note("submission", found, assignment, secret)
    batch.write_text(target, json.dumps(feedback.gradescope_results(assignment, graded), indent=1))


def seed(options: argparse.Namespace) -> str:
    """The text from which the instances are drawn; raises ``ValueError`` where none was given."""
    if options.self_study:
        return PUBLIC_SEED
    text = options.seed_file.read_text(encoding="utf-8-sig") if options.seed_file else os.environ.get(VARIABLE, "")
    if not text.strip():
        raise ValueError(NO_SEED)
    return str(text.strip())


if __name__ == "__main__":
    sys.exit(main())
