"""All that is made of records, marks and roster: tables and pages, anew each time."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from companion.jsons import json_object
from elbo_coursework import questions
from elbo_coursework.feedback import feedback_page
from elbo_coursework.grading import Grade
from elbo_coursework.questions import Assignment
from elbo_coursework.term import marks, totals
from elbo_coursework.term.late import Late
from elbo_coursework.term.marking_page import marking_page
from elbo_coursework.term.overview import overview
from elbo_coursework.term.roster import Student, read_roster, roster_text
from elbo_coursework.term.tables import csv_text
from elbo_coursework.term.totals import Class
from elbo_coursework.text import write_text

WHOSE, ROSTER, LATE, TIMES = "assignment.json", "roster.csv", "late.json", "times.json"
BEFORE = "Kept from an earlier run, as there was no such submission in this one: {}."


def write_results(
    assignment: Assignment,
    grades: Sequence[Grade],
    out: Path | str,
    roster: Sequence[Student] | None = None,
    late: Late | None = None,
) -> Class:
    """Write all that is made of the grades, the records of earlier runs, the marks by hand and the roster into ``out``.

    That is ``grades.csv``, ``feedback/NAME.html``, ``summary.html`` and, where questions are answered in words,
    ``marking.html``. ``marks.csv`` is read and never written. A roster and rules of lateness that are given are kept in
    ``out``, as ``roster.csv`` and ``late.json``, and hold until others are given. See ``keep_times`` for the times.

    Raises ``ValueError`` with one sentence where ``marks.csv`` or a kept file cannot be read.
    """
    out = Path(out)
    keep(out, roster, late)
    given = {grade.submission for grade in grades}
    earlier = [grade for grade in records(out) if grade.submission not in given]
    notes = (BEFORE.format(", ".join(grade.submission for grade in earlier)),) if grades and earlier else ()
    whole = results(assignment, [*grades, *earlier], out)
    whole = Class(whole.results, (*whole.notes, *notes))
    write_text(out / "grades.csv", csv_text(totals.table(assignment, whole)))
    for result in whole.results:
        if result.grade:
            page = feedback_page(assignment, result.grade, result)
            write_text(out / "feedback" / f"{result.grade.submission}.html", page)
    write_text(out / "summary.html", overview(assignment, whole))
    if assignment.manual:
        write_text(out / "marking.html", marking_page(assignment, whole, folder=str(out), of=created(out)))
    return whole


def results(assignment: Assignment, grades: Sequence[Grade], out: Path) -> Class:
    """The totals of the grades with what ``out`` keeps: marks, roster, rules of lateness."""
    path = out / ROSTER
    return totals.totals(
        assignment,
        grades,
        marks.read_marks(out / marks.FILE, assignment),
        read_roster(path) if path.exists() else (),
        kept_late(out),
        file_times(out),
    )


def keep(out: Path, roster: Sequence[Student] | None, late: Late | None) -> None:
    """Keep a roster and rules of lateness in ``out``; what is None stays as it was."""
    if roster is not None:
        write_text(out / ROSTER, roster_text(roster))
    if late is not None:
        write_text(out / LATE, json.dumps(late.to_record(), indent=1) + "\n")


def keep_times(out: Path, from_files: Mapping[str, bool]) -> None:
    """Keep in ``out`` of which submissions the time is the file's own; those of earlier runs stay as they were."""
    known = {name for name in file_times(out) if name not in from_files}
    names = sorted(known | {name for name, own in from_files.items() if own})
    write_text(out / TIMES, json.dumps({"of the file": names}, indent=1) + "\n")


def file_times(out: Path) -> frozenset[str]:
    """The submissions whose time is their file's own, as ``keep_times`` kept them; none where it did not."""
    try:
        return frozenset(map(str, json_object((out / TIMES).read_bytes())["of the file"]))
    except (OSError, ValueError, KeyError, TypeError):
        return frozenset()


def kept_late(out: Path) -> Late:
    """The rules of lateness that ``out`` keeps; raises ``ValueError`` where they cannot be read."""
    path = out / LATE
    if not path.exists():
        return Late()
    try:
        return Late(**json_object(path.read_bytes()))
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"{path.name}: expected due, days, per_day and attempts, and it cannot be read: {error}"
        ) from error


def opened(out: Path) -> Assignment:
    """The assignment whose results ``out`` holds; raises ``ValueError`` where it holds none."""
    try:
        name = json_object((out / WHOSE).read_bytes())["assignment"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ValueError(f"DIR: expected a folder that grade made, such as graded/surgery, got {out}") from error
    return questions.assignment(name)


def created(out: Path) -> str:
    """When the folder was made, which tells one class from another; "" where it does not say."""
    try:
        return str(json_object((out / WHOSE).read_bytes())["created"])
    except (OSError, ValueError, KeyError):
        return ""


def records(out: Path) -> list[Grade]:
    """The grades of all records in ``out``, by name.

    Their seal is not looked at, as that needs the class's secret: ``grade`` does so.

    Raises ``ValueError`` with one sentence for a record that cannot be read.
    """
    found = []
    for path in sorted((out / "records").glob("*.json")):
        try:
            found.append(Grade.from_record(json_object(path.read_bytes())))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"records/{path.name}: cannot be read; run grade again, which makes it anew") from error
    return found
