"""``python -m elbo_coursework grade``."""

import argparse
import json
import os
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from companion.locks import locked
from elbo_coursework import batch, confinement, feedback, questions, records
from elbo_coursework.grading import LIMITS, Grade
from elbo_coursework.questions import PUBLIC_SEED, Assignment
from elbo_coursework.submissions import find, find_one
from elbo_coursework.term import commands, marks, write
from elbo_coursework.text import listed, printable, write_text

VARIABLE = "COMPANION_SEED"


def interpreter() -> str:
    """The Python that runs, as it is typed in the current folder."""
    path, here = Path(sys.executable), Path.cwd()
    if path.is_relative_to(here):
        return str(path.relative_to(here))
    return "python" if "VIRTUAL_ENV" in os.environ else str(path)


def no_seed() -> str:
    """What to do without a secret."""
    return f"""seed: expected the class's secret, got none.
Make one, keep it from the repository and from the students, and use it for the whole course:
  {interpreter()} -c "import secrets; print(secrets.token_hex())" > ../seed.txt
Then add --seed-file ../seed.txt, or set {VARIABLE}. --self-study grades on the public instances of the notebooks."""


def example() -> str:
    """The command as it is typed here."""
    return f"""example:
  {interpreter()} -m elbo_coursework grade submissions --assignment surgery --seed-file ../seed.txt
"""


def add(parts: Any) -> None:
    """Add ``grade`` to the commands ``parts``."""
    grade = parts.add_parser(
        "grade",
        help="grade a submission of an assignment, or a folder of them",
        epilog=example(),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    grade.add_argument("path", type=Path, metavar="PATH", help="a notebook or script, or the folder of a class")
    grade.add_argument("--assignment", required=True, metavar="NAME", help=f"one of {', '.join(questions.NAMES)}")
    grade.add_argument("--out", type=Path, metavar="DIR", help="for the results (default graded/NAME)")
    grade.add_argument("--jobs", type=int, default=2, metavar="N", help="submissions at a time (default 2)")
    seed = grade.add_mutually_exclusive_group()
    seed.add_argument("--seed-file", type=Path, metavar="FILE", help=f"holds the secret (default: {VARIABLE})")
    seed.add_argument("--self-study", action="store_true", help="use the public instances of the notebooks")
    add_isolation(grade)
    words = "take PATH for one submission, and write what Gradescope reads"
    commands.add_options(grade)
    grade.add_argument("--gradescope", type=Path, metavar="FILE.json", help=words)
    grade.set_defaults(command=run)


def add_isolation(command: argparse.ArgumentParser) -> None:
    """Add the two options that say what a student's code is kept from."""
    words = "what students' code is kept from: everything; what is another user's, for the superuser; nothing"
    command.add_argument("--isolation", choices=confinement.LEVELS, default="full", help=f"{words} (default full)")
    command.add_argument("--allow-root", action="store_true", help="grade as the superuser")


def run(options: argparse.Namespace) -> None:
    """Grade, write the results, and print the points."""
    assignment, secret = questions.assignment(options.assignment), seed(options)
    isolation = isolation_of(options)
    if not options.path.exists():
        raise ValueError(f"PATH: expected a notebook, a script or a folder, found no {printable(str(options.path))}")
    if options.gradescope:
        grade_for_gradescope(options.path, assignment, secret, isolation, options.gradescope)
        return
    out = options.out or Path("graded") / assignment.name
    if isolation.level == "user":
        batch.closed(options.path, "PATH")
        if options.seed_file:
            batch.closed(options.seed_file, "seed-file")
    roster, late = commands.options_of(options, out)
    times = times_of_files(options.path, out)
    batch.claim(out, assignment)
    with locked(out / ".lock", wait=0):
        marks.read_marks(out / marks.FILE, assignment)  # what is wrong with it is better said now than after grading
        write.keep_times(out, times)
        before = keys(out)
        named = {"jobs": options.jobs, "isolation": isolation, "roster": roster, "late": late}
        report(batch.grade_folder(options.path, assignment, secret, out, **named), before, assignment, out)


def report(grades: Sequence[Grade], before: Mapping[str, str], assignment: Assignment, out: Path) -> None:
    """Print the points, and what has to be looked at; ``before`` are the keys of the records that were there."""
    most = sum(question.points for question in assignment.questions)
    for graded in grades:
        notes = printable(" ".join(graded.notes))
        print(f"{graded.submission:30} {graded.earned:7.2f} of {most}  {notes}".rstrip())
    commands.report(write.results(assignment, write.records(out), out))
    kept = sum(stood(graded, before) for graded in grades)
    print(f"records: {kept} kept, {len(grades) - kept} made anew")
    print(f"records, grades.csv, feedback and summary.html are in {printable(str(out))}")
    if aside := batch.aside(out):
        words = "records of no submission, which were changed or made with another secret, are put into"
        print(f"{words} {printable(str(out / 'records' / 'aside'))}: {listed(aside)}", file=sys.stderr)
    if hint := batch.hint(grades, assignment):
        print(hint, file=sys.stderr)


def isolation_of(options: argparse.Namespace) -> confinement.Isolation:
    """The isolation that the options ask for; raises ``ValueError`` in their words where there is none."""
    try:
        return confinement.isolation(options.isolation, options.allow_root)
    except ValueError as error:
        raise ValueError(re.sub(r"^allow_root(?=: )", "--allow-root", str(error))) from error


def times_of_files(path: Path, out: Path) -> dict[str, bool]:
    """For each submission, by name, whether no platform says when it came, so that the file's time counts."""
    found = find(path, [out]) if path.is_dir() else [find_one(path)]
    return {one.name: not one.handed_in for one in found}


def keys(out: Path) -> dict[str, str]:
    """What the records in ``out`` say that they were made from, by name; their seals are not looked at."""
    found = {}
    for path in (out / "records").glob("*.json"):
        try:
            found[path.stem] = str(json.loads(path.read_bytes()[: records.MAX_RECORD])["key"])
        except (OSError, ValueError, KeyError, TypeError, RecursionError):
            continue
    return found


def stood(graded: Grade, before: Mapping[str, str]) -> bool:
    """Whether a grade is that of a record which was there ``before``."""
    return (
        bool(graded.questions) and records.CHANGED not in graded.notes and before.get(graded.submission) == graded.key
    )


def grade_for_gradescope(
    path: Path, assignment: Assignment, secret: str, isolation: confinement.Isolation, target: Path
) -> None:
    """Grade one submission, a file or a folder with one in it, and write ``target``."""
    folder = path if path.is_dir() else path.parent
    found = find_one(path, "submission")
    submission, graded = batch.grade_found(found, folder, assignment, secret, LIMITS, isolation)
    whole: Grade = batch.with_notes(graded, submission.notes)
    write_text(target, json.dumps(feedback.gradescope_results(assignment, whole), indent=1))


def seed(options: argparse.Namespace) -> str:
    """The text from which the instances are drawn; raises ``ValueError`` where none was given."""
    if options.self_study:
        return PUBLIC_SEED
    text = options.seed_file.read_text(encoding="utf-8-sig") if options.seed_file else os.environ.get(VARIABLE, "")
    if not text.strip():
        raise ValueError(no_seed())
    return str(text.strip())
