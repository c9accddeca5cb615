"""The totals as the course platforms take them.

Canvas
    The gradebook's CSV: Student, ID, SIS User ID, SIS Login ID, Section, then the assignment; in the second row *Points
    Possible*. Canvas finds a student by its own ID, else by the SIS ID, else by the login, else by the name, and an
    assignment by its title and number, ``Surgery (1234)``, so a roster that is the gradebook's own export is best
    (``lib/gradebook_importer.rb`` in the source of Canvas).
Moodle
    The import of grades from CSV has the form of the export: a column that names the student, which is mapped to
    *Email address* or *ID number*, one of points, and one of feedback; both must be mapped, as importing feedback alone
    deletes points. Addresses are compared with their capitals; above 100 points a site has to allow it (MoodleDocs,
    *Grade import*).
Gradescope
    We know of no import of points from a CSV file; its own way is ``results.json``. Ours has the columns of the file
    that its *Download Grades* gives, as public tools read it, so that what reads that reads ours.
csv
    A plain table, a line for each student.

A total of which words are not marked yet is left empty, unless asked for.
"""

from collections.abc import Callable, Sequence

from elbo_coursework.feedback import days, points
from elbo_coursework.questions import Assignment
from elbo_coursework.term.roster import Student
from elbo_coursework.term.tables import csv_text
from elbo_coursework.term.totals import NOTHING, Class, Result

Rows = list[list[object]]


def export(assignment: Assignment, whole: Class, platform: str, *, title: str = "", so_far: bool = False) -> str:
    """The CSV text for a ``platform`` of ``PLATFORMS``; ``title`` is the assignment's there, by default ours.

    Raises ``ValueError`` for another platform, and where the platform needs a roster and there is none.
    """
    if platform not in PLATFORMS:
        raise ValueError(f"for: expected one of {', '.join(PLATFORMS)}, got {platform!r}")
    known = [result for result in whole.counting if result.student]
    named = known and all(r.student and (r.student.email or r.student.id) for r in known)
    if platform == "moodle" and not named:
        raise ValueError("roster: expected an email address or an id of each student, got none; see --roster")
    return csv_text(PLATFORMS[platform](title or assignment.title, assignment.points, _lines(whole), so_far))


def _lines(whole: Class) -> list[Result]:
    """Whom an export has: the students of the roster, or without one all submissions."""
    return [result for result in whole.counting if result.student] or list(whole.counting)


def left_out(whole: Class) -> list[str]:
    """The submissions that an export leaves out, as they are of nobody on the roster."""
    known = [result for result in whole.counting if result.student]
    return [result.name for result in whole.counting if known and not result.student]


def without_ids(whole: Class, platform: str) -> str:
    """A sentence where the platform may not recognise students, as the roster lacks what it knows them by, or ""."""
    lines = _lines(whole)
    lacking = [result for result in lines if not _recognised(_student(result), platform)]
    if not lacking or platform not in KNOWN_BY:
        return ""
    name, by = KNOWN_BY[platform]
    whose = f"{len(lacking)} of {len(lines)} lines {'has' if len(lacking) == 1 else 'have'}"
    return f"{whose} no {by}, by which {name} recognises students; a roster that {name} exported has it"


def _recognised(student: Student, platform: str) -> bool:
    return bool(student.canvas if platform == "canvas" else student.id or student.email)


def _points(result: Result, so_far: bool) -> object:
    """The total; empty where words are not marked yet."""
    return "" if result.unmarked and not so_far else result.total


def _student(result: Result) -> Student:
    return result.student or Student(name=result.name)


def canvas(title: str, most: int, results: Sequence[Result], so_far: bool) -> Rows:
    """The gradebook's CSV."""
    rows: Rows = [["Student", "ID", "SIS User ID", "SIS Login ID", "Section", title]]
    rows.append(["    Points Possible", "", "", "", "", most])
    for result in results:
        s = _student(result)
        rows.append([s.name, s.canvas, s.id, s.login or s.email, s.section, _points(result, so_far)])
    return rows


def moodle(title: str, most: int, results: Sequence[Result], so_far: bool) -> Rows:
    """The import of grades from CSV."""
    rows: Rows = [["First name", "Last name", "ID number", "Email address", f"{title} (Real)", f"{title} (Feedback)"]]
    for result in results:
        s = _student(result)
        rows.append([*s.split_name, s.id, s.email, _points(result, so_far), _words(result)])
    return rows


def _words(result: Result) -> str:
    """What makes the total, in a sentence."""
    if result.grade is None:
        return NOTHING.capitalize() + "."
    parts = [f"code {points(result.code_points)}", f"words {points(result.word_points)}"]
    parts += [f"{days(result.days_late)} late: -{points(result.deduction)}"] if result.days_late else []
    return f"{', '.join(parts)}; {points(result.total)} of {result.of}."


def gradescope(title: str, most: int, results: Sequence[Result], so_far: bool) -> Rows:
    """The columns of the file that Gradescope gives."""
    heads = ["First Name", "Last Name", "SID", "Email", "Sections", "Total Score", "Max Points", "Status"]
    rows: Rows = [[*heads, "Submission ID", "Submission Time", "Lateness (H:M:S)"]]
    for result in results:
        s, grade = _student(result), result.grade
        status = "Missing" if grade is None else "Ungraded" if result.unmarked else "Graded"
        late = f"{24 * (result.days_late or 0):02}:00:00" if grade else ""
        total = "" if grade is None else _points(result, so_far)
        names = [grade.submission, grade.handed_in] if grade else ["", ""]
        rows.append([*s.split_name, s.id, s.email, s.section, total, most, status, *names, late])
    return rows


def plain(title: str, most: int, results: Sequence[Result], so_far: bool) -> Rows:
    """A line for each student."""
    heads = ["id", "name", "email", "submission", "code", "words", "days late", "deduction", "total", "of", "status"]
    rows: Rows = [[*heads]]
    for r in results:
        s, submission = _student(r), r.grade.submission if r.grade else ""
        made = [r.code_points, r.word_points, r.days_late, r.deduction, _points(r, so_far), r.of, r.status]
        rows.append([s.id, s.name, s.email, submission, *made])
    return rows


#: How a platform is called, and by what it recognises a student for certain.
KNOWN_BY = {
    "canvas": ("Canvas", "Canvas ID"),
    "moodle": ("Moodle", "email address or ID number"),
    "gradescope": ("Gradescope", "SID or email address"),
}
#: The tables by the name of the platform.
PLATFORMS: dict[str, Callable[[str, int, Sequence[Result], bool], Rows]] = {
    "canvas": canvas,
    "moodle": moodle,
    "gradescope": gradescope,
    "csv": plain,
}
