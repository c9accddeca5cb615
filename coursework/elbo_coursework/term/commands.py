"""``mark``, ``override``, ``export`` and ``similar``: what is done with a class after grading."""

import argparse
from collections.abc import Sequence
from dataclasses import replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from elbo_coursework.grading import Grade
from elbo_coursework.submissions import find_submissions
from elbo_coursework.term import exports, marks, similarity, write
from elbo_coursework.term.late import ATTEMPTS, Late, share
from elbo_coursework.term.roster import Student, read_roster
from elbo_coursework.term.totals import Class
from elbo_coursework.text import listed, printable, write_text

TITLE = (
    "the head of the column of points, by which the platform finds the assignment: on Canvas its title there and its "
    "number, such as 'Surgery (1234)' (default: our title)"
)
SO_FAR = (
    "write also the totals of students whose words are not all marked yet, which count as 0; without it they are empty"
)
ROSTER = (
    "CSV of the class with columns such as id, name and email, as Canvas, Moodle or Gradescope export it; a column "
    "extension says how many days more than the others a student has; kept in DIR"
)
COUNTS = (
    "which of several submissions of one student counts, the one that came last or the one with the most points after "
    "what being late costs; it needs a roster (last)"
)
MASTERS = Path(__file__).parents[2] / "assignments"


def add(parts: Any) -> None:
    """Add the commands to ``parts``."""
    mark = _command(parts, "mark", "make the page for marking answers in words, and take the marks that it saved", take)
    mark.add_argument("--take", type=Path, metavar="FILE", help="what the page saved: its marks go into marks.csv")
    add_options(mark)
    over = _command(parts, "override", "give a question other points than grading did, with a reason", override)
    over.add_argument("submission", metavar="SUBMISSION", help="its name, as in grades.csv")
    over.add_argument("question", metavar="QUESTION", help="in code or in words")
    over.add_argument("points", metavar="POINTS", help="or none, to bring back what counted before the overrides")
    over.add_argument("--why", default="", metavar="TEXT", help="the reason, which the student reads")
    out = _command(parts, "export", "write the totals as a course platform takes them", export)
    out.add_argument("--for", dest="platform", required=True, choices=exports.PLATFORMS, help="the platform")
    out.add_argument("--title", default="", help=TITLE)
    out.add_argument("--so-far", action="store_true", help=SO_FAR)
    add_options(out)
    alike = _command(parts, "similar", "list the submissions that are alike", similar)
    alike.add_argument("path", type=Path, metavar="PATH", help="the folder of the class")
    alike.add_argument(
        "--given", type=Path, nargs="*", default=[], metavar="FILE", help="notebooks that all were given"
    )


def _command(parts: Any, name: str, words: str, run: Any) -> argparse.ArgumentParser:
    made: argparse.ArgumentParser = parts.add_parser(name, help=words, description=f"{words[0].upper()}{words[1:]}.")
    made.add_argument("folder", type=Path, metavar="DIR", help="that grade made, such as graded/surgery")
    made.set_defaults(command=run)
    return made


def add_options(command: argparse.ArgumentParser) -> None:
    """Add the options on roster and lateness; ``options_of`` reads them."""
    command.add_argument("--roster", type=Path, metavar="FILE", help=ROSTER)
    command.add_argument("--due", metavar="WHEN", help="such as 2026-11-30T23:59, or none; kept in DIR")
    command.add_argument("--late-days", type=int, metavar="N", help="how many days late is taken at all (0)")
    command.add_argument("--per-day", metavar="SHARE", help="what each day begun costs of the points earned (0%%)")
    command.add_argument("--attempts", choices=ATTEMPTS, help=COUNTS)


def options_of(options: argparse.Namespace, out: Path) -> tuple[tuple[Student, ...] | None, Late | None]:
    """The roster and the rules of lateness that were given, or None for each; what is kept in ``out`` fills gaps.

    Raises ``ValueError`` for a roster or a rule that cannot be.
    """
    roster = read_roster(options.roster) if options.roster else None
    given: dict[str, Any] = {
        "due": options.due if options.due != "none" else "",
        "days": options.late_days,
        "per_day": share(options.per_day) if options.per_day is not None else None,
        "attempts": options.attempts,
    }
    given = {name: value for name, value in given.items() if value is not None}
    return roster, replace(write.kept_late(out), **given) if given else None


def take(options: argparse.Namespace) -> None:
    """Take marks into the log, where there are some, and make all pages anew."""
    out, assignment = options.folder, write.opened(options.folder)
    log, roster_and_late = out / marks.FILE, options_of(options, out)
    if not assignment.manual:
        raise ValueError(f"DIR: expected an assignment with questions in words, and {assignment.name} has none")
    if options.take:
        before = marks.read_marks(log, assignment)
        known = [grade.submission for grade in write.records(out)]
        new = marks.fresh(marks.saved_marks(options.take, assignment, known), before)
        changed = [mark for mark in new if (mark.submission, mark.question) in marks.latest(before)]
        marks.append_marks(log, new, assignment)
        print(f"{len(new)} marks are added to {printable(str(log))}, of which {len(changed)} replace earlier ones")
    marks.append_marks(log, (), assignment)  # begun, if there is none
    whole = write.write_results(assignment, (), out, *roster_and_late)
    report(whole)
    print(f"open {printable(str(out / 'marking.html'))} in a browser to mark")


def override(options: argparse.Namespace) -> None:
    """Add one row to the log, and make all pages anew."""
    out, assignment = options.folder, write.opened(options.folder)
    grades = {grade.submission: grade for grade in write.records(out)}
    names = list(grades)
    if options.submission not in names:
        close = ", ".join(get_close_matches(options.submission, names)) or "a name of grades.csv"
        raise ValueError(f"SUBMISSION: expected {close}, got {options.submission!r}")
    points = None if options.points == "none" else marks.number(options.points)
    if points is None and options.points != "none":
        raise ValueError(f"POINTS: expected a number such as 2.5, or none, got {options.points!r}")
    if not options.why.strip():
        raise ValueError("--why: expected a reason, got none")
    words = {question.name for question in assignment.manual}
    seen = grades[options.submission].answers.get(options.question, ())
    told = {"why": options.why, "when": marks.now(), "who": marks.me()}
    told["answer"] = marks.answer_name(seen) if options.question in words and points is not None else ""
    mark = marks.Mark(options.submission, options.question, points, **told)
    marks.append_marks(out / marks.FILE, [mark], assignment)
    whole = write.write_results(assignment, (), out)
    (result,) = (one for one in whole.results if one.grade and one.grade.submission == options.submission)
    print(f"{printable(options.submission)}: {result.total:g} of {result.of}, {result.status}")


def export(options: argparse.Namespace) -> None:
    """Write the table for a platform."""
    out, assignment = options.folder, write.opened(options.folder)
    whole = write.write_results(assignment, (), out, *options_of(options, out))
    text = exports.export(assignment, whole, options.platform, title=options.title, so_far=options.so_far)
    path = out / f"for-{options.platform}.csv"
    write_text(path, text)
    report(whole)
    if warning := exports.without_ids(whole, options.platform):
        print(warning)
    if nobody := exports.left_out(whole):
        print(f"left out, as nobody on the roster: {', '.join(map(printable, nobody))}")
    empty = sum(bool(result.unmarked) for result in whole.counting)
    if empty and not options.so_far:
        print(f"{empty} totals are left empty, as words are not marked yet; --so-far writes what is known")
    print(f"written: {printable(str(path))}")


def similar(options: argparse.Namespace) -> None:
    """Write the page on similar submissions."""
    out, assignment = options.folder, write.opened(options.folder)
    grades = write.records(out)
    submissions = find_submissions(options.path, assignment, skip=[out])
    code = {one.name: similarity.code_of(one.content, one.helpers) for one in submissions}
    words = {grade.submission: _words(grade) for grade in grades}
    master = MASTERS / f"{assignment.name}.ipynb"
    given = [*options.given, *([master] if master.exists() else [])]
    known = [similarity.code_of(path.read_bytes()) for path in given]
    same = _same_student(write.results(assignment, grades, out))
    write_text(out / "similar.html", similarity.similar_page(assignment, code, words, known, same))
    print(f"written: {printable(str(out / 'similar.html'))}")


def _words(grade: Grade) -> str:
    return "\n".join(piece.content for pieces in grade.answers.values() for piece in pieces if piece.kind == "text")


def _same_student(whole: Class) -> frozenset[frozenset[str]]:
    """The pairs of submissions that one student made."""
    known = [result for result in whole.results if result.grade and result.student]
    return frozenset(
        frozenset((one.name, other.name)) for one in known for other in known if one.student is other.student
    )


def report(whole: Class) -> None:
    """Say what is to be looked at, who handed in nothing, and how far the marking is."""
    for note in whole.notes:
        print(printable(note))
    if absent := [result.shown for result in whole.results if result.grade is None]:
        students = sum(result.student is not None for result in whole.counting)
        print(f"{len(absent)} of {students} on the roster handed in nothing: {listed(absent, 20)}")
    there: Sequence[Any] = [result for result in whole.counting if result.grade]
    left = sum(len(result.unmarked) for result in there)
    print(f"{len(there)} submissions count; {left} answers in words are not marked yet")
