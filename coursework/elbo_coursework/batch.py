"""Grading a class: a record for each submission, written whole; a batch that was stopped goes on where it was."""

import csv
import json
import os
from io import StringIO
from pathlib import Path

from joblib import Parallel, delayed
from tqdm import tqdm

from companion.atomic import atomic_write
from elbo_coursework import feedback
from elbo_coursework.grading import LIMITS, Grade, cache_key, grade
from elbo_coursework.questions import Assignment
from elbo_coursework.sandbox import Limits

SUFFIXES = (".ipynb", ".py")
IGNORED = ("__MACOSX", "__pycache__", "submission_metadata.yml")
WRONG_FILE = "Expected a notebook or script, found {}."
MAX_NAME = 200  # bytes of a name, so that the names of the files made of it are not too long


def find_submissions(folder: Path | str, assignment: str) -> dict[str, Path | str]:
    """The file of each submission by its name, or a sentence where there is not exactly one.

    A submission is a notebook or script in ``folder``, or a folder in it that holds one; of several, the one that has
    the assignment's name counts. Other files have a sentence. Hidden files, links and Gradescope's own are ignored.

    Raises ``ValueError`` where there are none.
    """
    found: dict[str, Path | str] = {}
    for path in sorted(Path(folder).iterdir()):
        if _ignored(path):
            continue
        right = path.suffix.lower() in SUFFIXES
        name = path.stem if right and path.is_file() and path.stem not in found else path.name
        name = os.fsencode(name)[:MAX_NAME].decode("utf-8", "backslashreplace")
        found[name] = find_submission(path, assignment) if path.is_dir() else path if right else WRONG_FILE.format(name)
    if not found:
        raise ValueError(f"folder: expected notebooks, scripts or folders of them, found none in {folder}")
    return found


def grade_folder(
    folder: Path | str,
    assignment: Assignment,
    seed: str,
    out: Path | str,
    *,
    jobs: int = 1,
    limits: Limits = LIMITS,
    progress: bool = True,
) -> list[Grade]:
    """Grade every submission in ``folder``, ``jobs`` at a time; returns the grades by name.

    In ``out`` are then ``records/NAME.json`` with all there is to know, ``grades.csv``, ``feedback/NAME.html`` for the
    students and ``summary.html`` with the common mistakes. A record that stands, of the same file, assignment, seed and
    version, is kept.

    Raises ``ValueError`` for jobs below 1, or a folder without submissions.
    """
    if jobs < 1:
        raise ValueError(f"jobs: expected at least 1, got {jobs}")
    out = Path(out)
    found = find_submissions(folder, assignment.name)
    work = (delayed(grade_and_store)(name, path, assignment, seed, out, limits) for name, path in found.items())
    done = Parallel(n_jobs=jobs, batch_size=1, return_as="generator_unordered")(work)
    bar = tqdm(done, total=len(found), unit="submission", disable=None if progress else True)
    grades = sorted(bar, key=lambda graded: graded.submission)
    write_csv(assignment, grades, out / "grades.csv")
    write_text(out / "summary.html", feedback.summary(assignment, grades))
    return grades


def grade_and_store(
    name: str, found: Path | str, assignment: Assignment, seed: str, out: Path, limits: Limits = LIMITS
) -> Grade:
    """The grade of one submission, from its record or anew; both it and its feedback are written."""
    record = out / "records" / f"{name}.json"
    if isinstance(found, str):
        graded = zero_grade(name, assignment, found)
    else:
        graded = grade_or_note(name, found, assignment, seed, limits, read_record(record))
    write_text(out / "feedback" / f"{name}.html", feedback.feedback_page(assignment, graded))
    write_text(record, json.dumps(graded.to_record(), indent=1))  # last: what has a record is done
    return graded


def grade_or_note(
    name: str, path: Path, assignment: Assignment, seed: str, limits: Limits = LIMITS, old: Grade | None = None
) -> Grade:
    """The grade, the ``old`` one if it stands; where grading fails, one of nothing with a note, to be tried again."""
    try:
        if old and old.key and old.key == cache_key(path.read_bytes(), assignment, seed):
            return old
        return grade(path, assignment, seed, name=name, limits=limits)
    except Exception as error:
        return zero_grade(name, assignment, f"Grading failed and has to be looked at: {type(error).__name__}: {error}")


def zero_grade(name: str, assignment: Assignment, note: str) -> Grade:
    """A grade without points."""
    manual = {question.name: question.points for question in assignment.manual}
    return Grade(name, assignment.name, "", (), manual, (note,))


def read_record(path: Path) -> Grade | None:
    """The grade of a record, or None where there is none that can be read."""
    try:
        return Grade.from_record(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def write_text(path: Path, text: str) -> None:
    """Write a text file whole."""
    with atomic_write(path) as temporary:
        temporary.write_bytes(text.encode("utf-8", "backslashreplace"))


def write_csv(assignment: Assignment, grades: list[Grade], path: Path) -> None:
    """Write a line for each grade: points by question, their sum, and columns for what is graded manually."""
    manual = [f"{question.name} (of {question.points}, manual)" for question in assignment.manual]
    text = StringIO(newline="")
    table = csv.writer(text)
    table.writerow(["submission", *(q.name for q in assignment.questions), "code", *manual, "notes"])
    for graded in grades:
        earned = {q.name: q.earned for q in graded.questions}
        points = [earned.get(question.name, 0.0) for question in assignment.questions]
        table.writerow([_cell(graded.submission), *points, graded.earned, *[""] * len(manual), _cell(graded.notes)])
    write_text(path, text.getvalue())


def _cell(text: str | tuple[str, ...]) -> str:
    """Text that no spreadsheet takes for a formula."""
    text = text if isinstance(text, str) else " ".join(text)
    return f"'{text}" if text.startswith(("=", "+", "-", "@")) else text


def find_submission(folder: Path, assignment: str) -> Path | str:
    """The submission in a folder, or a sentence where there is not exactly one."""
    paths = [p for p in sorted(folder.rglob("*")) if p.suffix.lower() in SUFFIXES and p.is_file()]
    paths = [p for p in paths if not any(map(_ignored, [p, *p.relative_to(folder).parents]))]
    chosen = [p for p in paths if p.stem == assignment] if len(paths) > 1 else paths
    if len(chosen) == 1:
        return chosen[0]
    return f"Expected one notebook or script, found {', '.join(p.name for p in paths) or 'none'}."


def _ignored(path: Path) -> bool:
    return path.name.startswith(".") or path.name in IGNORED or path.is_symlink()
