"""Marks by hand: ``marks.csv``, a log to which rows are added and from which none is ever taken.

The last row of a submission's question counts. A row without points takes back what stood before. A row for a question
in code overrides what grading gave, and says why. The file may be edited in a spreadsheet.
"""

import json
import math
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from getpass import getuser
from os import O_RDONLY, close
from os import open as open_file
from pathlib import Path
from typing import Any

from elbo_coursework.questions import Assignment
from elbo_coursework.term.tables import columns, csv_text, number, one_line, read_rows
from elbo_coursework.text import write_text

if sys.platform != "win32":
    import fcntl

FILE = "marks.csv"
COLUMNS = ("when", "who", "submission", "question", "points", "comment", "why", "rubric")
REQUIRED = ("submission", "question", "points")
LONGEST = 5000  # characters of a comment
MAX_BYTES = 20 * 10**6
#: Between the lines of a rubric in one cell.
BETWEEN = " | "


@dataclass(frozen=True)
class Mark:
    """One row.

    Attributes:
        points: None takes back what stood before
        comment: for the student
        why: the reason of an override, which the student reads too
        rubric: the lines of the rubric that were given
        row: its place in the file, from 1; 0 where it comes from elsewhere
    """

    submission: str
    question: str
    points: float | None
    comment: str = ""
    why: str = ""
    rubric: tuple[str, ...] = ()
    when: str = ""
    who: str = ""
    row: int = 0

    def cells(self) -> list[object]:
        """The row of the table."""
        return [
            self.when,
            self.who,
            self.submission,
            self.question,
            self.points,
            self.comment,
            self.why,
            BETWEEN.join(self.rubric),
        ]


def read_marks(path: Path, assignment: Assignment) -> tuple[Mark, ...]:
    """All rows of the log, in its order; none where there is no file.

    Raises ``ValueError`` with one sentence that names the row and the column where a row cannot be understood.
    """
    if not path.exists():
        return ()
    header, *rows = read_rows(path)
    places = columns(header, {name: (name,) for name in COLUMNS})
    if missing := [name for name in REQUIRED if name not in places]:
        got = ", ".join(map(one_line, header))[:200]
        raise ValueError(f"{path.name}, row 1: expected the columns {', '.join(missing)} as well, got {got}")
    marks = []
    for row, values in enumerate(rows, 2):
        if any(values):
            named = {name: values[place] if place < len(values) else "" for name, place in places.items()}
            marks.append(_mark(named, assignment, f"{path.name}, row {row}", row))
    return tuple(marks)


def _mark(values: Mapping[str, str], assignment: Assignment, where: str, row: int) -> Mark:
    """The mark of a row's texts."""
    if not values["submission"]:
        raise ValueError(f"{where}, column submission: expected the name of a submission, got nothing")
    text = values["points"]
    points = number(text)
    if text and points is None:
        raise ValueError(f"{where}, column points: expected a number such as 2.5, got {one_line(text)[:60]!r}")
    rubric = tuple(filter(None, (line.strip() for line in values.get("rubric", "").split(BETWEEN.strip()))))
    kept = {name: values.get(name, "") for name in ("submission", "question", "comment", "why", "when", "who")}
    mark = Mark(**kept, points=points, rubric=rubric, row=row)
    check(mark, assignment, where)
    return mark


def check(mark: Mark, assignment: Assignment, where: str) -> None:
    """Raise ``ValueError``, one sentence that begins with ``where``, for a mark that the assignment cannot have."""
    words = {question.name: question.points for question in assignment.manual}
    most = words | {question.name: question.points for question in assignment.questions}
    if mark.question not in most:
        got = repr(one_line(mark.question)[:60])
        raise ValueError(f"{where}, column question: expected one of {', '.join(most)}, got {got}")
    if mark.points is not None and not 0 <= mark.points <= most[mark.question]:
        raise ValueError(f"{where}, column points: expected from 0 to {most[mark.question]}, got {mark.points:g}")
    if mark.question not in words and mark.points is not None and not mark.why:
        raise ValueError(f"{where}, column why: expected a reason, since {mark.question} is graded by its code")
    if len(mark.comment) > LONGEST or len(mark.why) > LONGEST:
        raise ValueError(f"{where}: expected a comment and a reason of at most {LONGEST} characters each, got more")


def latest(marks: Iterable[Mark]) -> dict[tuple[str, str], Mark]:
    """The mark that counts, by submission, as a name in one line, and question; one that was taken back is missing."""
    last = {(one_line(mark.submission), mark.question): mark for mark in marks}
    return {key: mark for key, mark in last.items() if mark.points is not None}


def append_marks(path: Path, marks: Sequence[Mark], assignment: Assignment) -> None:
    """Add rows to the log, after those that it has, whose texts all stay; the file is at every moment whole.

    Columns of your own stay too. Two commands at once wait for each other.

    Raises ``ValueError``, and writes nothing, for a mark that the assignment cannot have, or a log that cannot be read.
    """
    for mark in marks:
        check(mark, assignment, f"{mark.submission}, {mark.question}")
    path.parent.mkdir(parents=True, exist_ok=True)
    with _alone(path.parent):
        read_marks(path, assignment)
        header, *rows = read_rows(path) if path.exists() else [list(COLUMNS)]
        places = columns(header, {name: (name,) for name in COLUMNS})
        added = [name for name in COLUMNS if name not in places]
        places |= {name: len(header) + i for i, name in enumerate(added)}
        width = len(header) + len(added)
        table: list[Sequence[object]] = [[*header, *added], *([*row, *[""] * (width - len(row))] for row in rows)]
        for mark in marks:
            row: list[object] = [""] * width
            for name, value in zip(COLUMNS, mark.cells(), strict=True):
                row[places[name]] = value
            table.append(row)
        write_text(path, csv_text(table))


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Let one process at a time change a folder, where the system has locks."""
    if sys.platform == "win32":
        yield
        return
    handle = open_file(folder, O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        close(handle)


def saved_marks(path: Path, assignment: Assignment, known: Iterable[str]) -> tuple[Mark, ...]:
    """The marks in the file that the marking page saved, for the submissions that are ``known``.

    Raises ``ValueError`` with one sentence where it is of another assignment, or a mark in it cannot be.
    """
    if path.stat().st_size > MAX_BYTES:
        raise ValueError(f"{path.name}: expected at most {MAX_BYTES // 10**6} MB, and it is larger")
    try:
        saved = json.loads(path.read_text(encoding="utf-8-sig"))
        entries, of = saved["marks"], saved["assignment"]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise ValueError(f"{path.name}: expected the file that the marking page saves, and it is none") from error
    if of != assignment.name:
        raise ValueError(f"{path.name}: expected marks of the assignment {assignment.name}, got some of {str(of)[:60]}")
    if not isinstance(entries, list):
        raise ValueError(f"{path.name}: expected a list of marks, got {type(entries).__name__}")
    submissions = set(known)
    return tuple(_saved(e, assignment, submissions, f"{path.name}, mark {i}") for i, e in enumerate(entries, 1))


def _saved(entry: Any, assignment: Assignment, known: set[str], where: str) -> Mark:
    rubrics = {question.name: question.rubric for question in assignment.manual}
    texts = ("submission", "question", "comment", "when", "who")
    try:
        values = {name: entry[name] for name in texts}
        points, rubric = entry["points"], entry["rubric"]
        right = all(isinstance(value, str) for value in [*values.values(), *rubric]) and type(points) in (int, float)
    except (KeyError, TypeError):
        right = False
    if not right or not math.isfinite(points):
        raise ValueError(f"{where}: expected {', '.join(texts)}, points and rubric of the marking page, got others")
    if values["submission"] not in known:
        raise ValueError(f"{where}: expected a submission of this folder, got {one_line(values['submission'])[:60]!r}")
    if values["question"] not in rubrics:
        expected = ", ".join(rubrics) or "none"
        got = repr(one_line(values["question"])[:60])
        raise ValueError(f"{where}: expected a question in words, one of {expected}, got {got}")
    if wrong := [line for line in rubric if line not in rubrics[values["question"]]]:
        got = repr(one_line(wrong[0])[:60])
        raise ValueError(f"{where}: expected lines of the rubric of {values['question']}, got {got}")
    mark = Mark(**values | {"comment": one_line(values["comment"])}, points=float(points), rubric=tuple(rubric))
    check(mark, assignment, where)
    return mark


def fresh(marks: Iterable[Mark], before: Iterable[Mark]) -> list[Mark]:
    """The marks that the log does not have yet: a file may be taken twice."""
    known = {_identity(mark) for mark in before}
    return [mark for mark in marks if _identity(mark) not in known]


def _identity(mark: Mark) -> tuple[object, ...]:
    return (*(one_line(str(value)) for value in mark.cells()[:4]), mark.points, one_line(mark.comment))


def now() -> str:
    """This moment in ISO 8601, to the second, with the zone."""
    return datetime.now().astimezone().isoformat(timespec="seconds")


def me() -> str:
    """Who works here, as the system knows it; "" where it does not."""
    try:
        return getuser()
    except (OSError, KeyError, ImportError):
        return ""
