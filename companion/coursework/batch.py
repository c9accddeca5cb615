"""Grading a class: a record for each submission, written whole; a batch that was stopped goes on where it was."""

import csv
import json
import os
from pathlib import Path

from joblib import Parallel, delayed
from tqdm import tqdm

from companion.atomic import atomic_write
from companion.coursework import feedback
from companion.coursework.grading import LIMITS, Grade, grade, key
from companion.coursework.isolation import Limits
from companion.coursework.questions import Assignment

ENDINGS = (".ipynb", ".py")
SKIPPED = ("__MACOSX", "__pycache__", "submission_metadata.yml")
WRONG = "Expected a notebook or script, found {}."
LONGEST = 200  # bytes of a name, so that the names of the files made of it are not too long


def submissions(folder: Path | str, assignment: str) -> dict[str, Path | str]:
    """The file of each submission by its name, or a sentence where there is not exactly one.

    A submission is a notebook or script in ``folder``, or a folder in it that holds one; of several, the one that has
    the assignment's name counts. Other files have a sentence. Hidden files, links and Gradescope's own are passed over.

    Raises ``ValueError`` where there are none.
    """
    found: dict[str, Path | str] = {}
    for path in sorted(Path(folder).iterdir()):
        if _passed(path):
            continue
        right = path.suffix.lower() in ENDINGS
        name = path.stem if right and path.is_file() and path.stem not in found else path.name
        name = os.fsencode(name)[:LONGEST].decode("utf-8", "backslashreplace")
        found[name] = only(path, assignment) if path.is_dir() else path if right else WRONG.format(name)
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
    found = submissions(folder, assignment.name)
    work = (delayed(settle)(name, path, assignment, seed, out, limits) for name, path in found.items())
    done = Parallel(n_jobs=jobs, batch_size=1, return_as="generator_unordered")(work)
    bar = tqdm(done, total=len(found), unit="submission", disable=None if progress else True)
    grades = sorted(bar, key=lambda graded: graded.submission)
    write_table(assignment, grades, out / "grades.csv")
    write(out / "summary.html", feedback.summary(assignment, grades))
    return grades


def settle(
    name: str, found: Path | str, assignment: Assignment, seed: str, out: Path, limits: Limits = LIMITS
) -> Grade:
    """The grade of one submission, from its record or anew; both it and its feedback are written."""
    record = out / "records" / f"{name}.json"
    if isinstance(found, str):
        graded = nothing(name, assignment, found)
    else:
        graded = safe(name, found, assignment, seed, limits, stored(record))
    write(out / "feedback" / f"{name}.html", feedback.page(assignment, graded))
    write(record, json.dumps(graded.record(), indent=1))  # last: what has a record is done
    return graded


def safe(
    name: str, path: Path, assignment: Assignment, seed: str, limits: Limits = LIMITS, old: Grade | None = None
) -> Grade:
    """The grade, the ``old`` one if it stands; where grading fails, one of nothing with a note, to be tried again."""
    try:
        if old and old.key and old.key == key(path.read_bytes(), assignment, seed):
            return old
        return grade(path, assignment, seed, name=name, limits=limits)
    except Exception as error:
        return nothing(name, assignment, f"Grading failed and has to be looked at: {type(error).__name__}: {error}")


def nothing(name: str, assignment: Assignment, note: str) -> Grade:
    """A grade without points."""
    written = {question.name: question.points for question in assignment.written}
    return Grade(name, assignment.name, "", (), written, (note,))


def stored(path: Path) -> Grade | None:
    """The grade of a record, or None where there is none that can be read."""
    try:
        return Grade.of(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def write(path: Path, text: str) -> None:
    """Write a text file whole."""
    with atomic_write(path) as temporary:
        temporary.write_text(text, encoding="utf-8", errors="backslashreplace")


def write_table(assignment: Assignment, grades: list[Grade], path: Path) -> None:
    """Write a line for each grade: points by question, their sum, and columns to fill in for what is marked by hand."""
    written = [f"{question.name} (of {question.points}, by hand)" for question in assignment.written]
    with (
        atomic_write(path) as temporary,
        temporary.open("w", newline="", encoding="utf-8", errors="backslashreplace") as file,
    ):
        table = csv.writer(file)
        table.writerow(["submission", *(q.name for q in assignment.questions), "code", *written, "notes"])
        for graded in grades:
            earned = {q.name: q.earned for q in graded.questions}
            points = [earned.get(question.name, 0.0) for question in assignment.questions]
            table.writerow(
                [_cell(graded.submission), *points, graded.earned, *[""] * len(written), _cell(graded.notes)]
            )


def _cell(text: str | tuple[str, ...]) -> str:
    """Text that no spreadsheet takes for a formula."""
    text = text if isinstance(text, str) else " ".join(text)
    return f"'{text}" if text.startswith(("=", "+", "-", "@")) else text


def only(folder: Path, assignment: str) -> Path | str:
    """The submission in a folder, or a sentence where there is not exactly one."""
    paths = [p for p in sorted(folder.rglob("*")) if p.suffix.lower() in ENDINGS and p.is_file()]
    paths = [p for p in paths if not any(map(_passed, [p, *p.relative_to(folder).parents]))]
    chosen = [p for p in paths if p.stem == assignment] if len(paths) > 1 else paths
    if len(chosen) == 1:
        return chosen[0]
    return f"Expected one notebook or script, found {', '.join(p.name for p in paths) or 'none'}."


def _passed(path: Path) -> bool:
    return path.name.startswith(".") or path.name in SKIPPED or path.is_symlink()
