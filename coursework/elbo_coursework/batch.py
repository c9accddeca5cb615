"""Grading a class: a record for each submission, written whole; a batch that was stopped goes on where it was."""

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Event, Thread

from tqdm import tqdm

from companion.jsons import json_object
from companion.locks import locked
from elbo_coursework import confinement, oracle, questions, records, sandbox
from elbo_coursework.confinement import Isolation
from elbo_coursework.grading import LIMITS, WRONG, Grade, cache_key, grade
from elbo_coursework.questions import Assignment
from elbo_coursework.sandbox import Limits
from elbo_coursework.submissions import Found, Submission, Survey, find, find_one
from elbo_coursework.term.late import Late
from elbo_coursework.term.roster import Student
from elbo_coursework.term.write import write_results
from elbo_coursework.text import printable, write_text

WHOSE, ASIDE = "assignment.json", Path("records") / "aside"
FAILED = "Grading failed and has to be looked at: {}."


def grade_folder(
    folder: Path | str,
    assignment: Assignment,
    seed: str,
    out: Path | str | None = None,
    *,
    jobs: int = 1,
    limits: Limits = LIMITS,
    isolation: Isolation | None = None,
    progress: bool = True,
    roster: Sequence[Student] | None = None,
    late: Late | None = None,
) -> list[Grade]:
    """Grade every submission in ``folder``, or the one file, ``jobs`` at a time; returns the grades by name.

    In ``out``, by default ``graded/ASSIGNMENT``, are then ``records/NAME.json`` with all there is to know, and what is
    made of them and of the marks by hand: ``grades.csv``, ``feedback/NAME.html`` for the students and ``summary.html``.
    A record that stands, of the same file, assignment, seed and version, is kept. A roster and
    rules of lateness are kept in ``out``, and hold until others are given.

    Raises ``ValueError`` for jobs below 1, a folder without submissions, an ``out`` that is another assignment's, or an
    isolation that is not to be had here, by default the full one; ``BusyError`` where another process grades into
    ``out``.
    """
    if jobs < 1:
        raise ValueError(f"jobs: expected at least 1, got {jobs}")
    folder, isolation = Path(folder), isolation or confinement.isolation()
    out = Path("graded") / assignment.name if out is None else Path(out)
    found = find(folder, [out]) if folder.is_dir() else [find_one(folder)]
    claim(out, assignment)
    folder = folder if folder.is_dir() else folder.parent
    with locked(out / ".lock", wait=0):
        grades = grade_all(found, folder, assignment, seed, out, jobs, limits, isolation, progress)
        check_claimed(out)
        set_aside(out, {one.name for one in found}, seed)
        write_results(assignment, grades, out, roster=roster, late=late)
    return grades


def grade_all(
    found: Sequence[Found],
    folder: Path,
    assignment: Assignment,
    seed: str,
    out: Path,
    jobs: int,
    limits: Limits,
    isolation: Isolation,
    progress: bool,
) -> list[Grade]:
    """The grades of what was found in ``folder``, from their records in ``out`` or anew, by name."""

    def work(one: Found) -> Grade:
        return grade_and_store(one, folder, assignment, seed, out, limits, isolation)

    done = side_by_side(work, found, jobs)
    bar = tqdm(done, total=len(found), unit="submission", disable=None if progress else True)
    return sorted(bar, key=lambda graded: graded.submission)


def side_by_side(work: Callable[[Found], Grade], found: Sequence[Found], jobs: int) -> Iterator[Grade]:
    """``work`` done on all of ``found``, ``jobs`` at a time, in threads, since what takes time are processes.

    Raises what ``work`` raises. Where it is left before its end, by an error or by Control-C, no further work begins,
    and what was begun is not waited for.
    """
    waiting, done, stop = SimpleQueue[Found](), SimpleQueue[Grade | BaseException](), Event()
    for one in found:
        waiting.put(one)
    given = (work, waiting, done, stop)
    threads = [Thread(target=serve, args=given, daemon=True) for _ in range(min(jobs, len(found)))]
    for thread in threads:
        thread.start()
    try:
        for _ in found:
            got = done.get()
            if isinstance(got, BaseException):
                raise got
            yield got
        for thread in threads:
            thread.join()
    finally:
        stop.set()


def serve(
    work: Callable[[Found], Grade],
    waiting: SimpleQueue[Found],
    done: SimpleQueue[Grade | BaseException],
    stop: Event,
) -> None:
    """Do ``work`` on what is ``waiting``, until nothing is or ``stop`` is set; what it raises is ``done`` too."""
    try:
        while not stop.is_set():
            done.put(work(waiting.get_nowait()))
    except Empty:
        pass
    except BaseException as error:
        done.put(error)
    finally:
        if held := getattr(oracle.HERE, "oracle", None):
            held.close()


def grade_and_store(
    one: Found, folder: Path, assignment: Assignment, seed: str, out: Path, limits: Limits, isolation: Isolation
) -> Grade:
    """The grade of what lies in ``folder``, from its record in ``out`` or anew; the record is then written."""
    path = out / "records" / f"{one.name}.json"
    kept = records.read(path, seed)
    submission, graded = grade_found(one, folder, assignment, seed, limits, isolation, kept.grade)
    if kept.note:
        graded = with_notes(graded, (kept.note,))
    whole = with_notes(graded, submission.notes)
    check_claimed(out)
    records.write(path, whole, submission.notes, seed)
    return whole


def grade_found(
    one: Found,
    folder: Path,
    assignment: Assignment,
    seed: str,
    limits: Limits,
    isolation: Isolation,
    old: Grade | None = None,
) -> tuple[Submission, Grade]:
    """The submission and its grade without its notes on files: the ``old`` one if it stands.

    Where grading fails, whatever the reason, the grade is one of nothing with a note, to be tried again.
    """
    submission = Submission(one.name, "")
    try:
        submission = one.load(folder, assignment, surveyor(limits, isolation))
        key = cache_key(submission, assignment, seed)
        if old and old.key == key and not submission.problem:
            return submission, replace(old, file=submission.file, handed_in=submission.handed_in)
        return submission, grade(submission, assignment, seed, limits=limits, isolated=isolation)
    except Exception as error:
        words = printable(f"{type(error).__name__[:60]}: {error}"[:300]).rstrip(".")
        return submission, zero_grade(submission, assignment, FAILED.format(words))


def set_aside(out: Path, names: set[str], seed: str) -> None:
    """Put records that nobody of ``names`` has, and that were not sealed with this secret, where they do not count."""
    for path in sorted((out / "records").glob("*.json")):
        if path.stem not in names and records.read(path, seed).grade is None:
            (out / ASIDE).mkdir(exist_ok=True)
            path.replace(out / ASIDE / path.name)


def aside(out: Path) -> list[str]:
    """The names of the records that were set aside."""
    return sorted(path.stem for path in (out / ASIDE).glob("*.json"))


def hint(grades: Sequence[Grade], assignment: Assignment) -> str:
    """A sentence for the instructor where most submissions answer another assignment, or nothing."""
    counts = Counter(name for graded in grades if (name := answered(graded)))
    if not counts or 2 * counts.most_common(1)[0][1] <= len(grades):
        return ""
    name, count = counts.most_common(1)[0]
    return (
        f"{count} of {len(grades)} submissions answer {name}, and not {assignment.name}: is --assignment {name} meant?"
    )


def answered(graded: Grade) -> str:
    """The other assignment whose questions a submission answers, as its notes say, or nothing."""
    sizes = {name: len(questions.assignment(name).questions) for name in questions.NAMES}
    pairs = ((name, WRONG.format(graded.assignment, i + 1, name)) for name, size in sizes.items() for i in range(size))
    return next((name for name, note in pairs if note in graded.notes), "")


def surveyor(limits: Limits, isolation: Isolation) -> Survey:
    """What says which names a file defines, by reading it in a process of its own."""

    def survey(content: bytes, file: str, helpers: Mapping[str, bytes]) -> Sequence[str]:
        held = {"content": content, "file": file, "helpers": helpers}
        return list(sandbox.survey(held, limits, isolation)["functions"])

    return survey


def with_notes(graded: Grade, notes: tuple[str, ...]) -> Grade:
    """The grade with these notes before its own."""
    return replace(graded, notes=(*notes, *graded.notes))


def zero_grade(submission: Submission, assignment: Assignment, note: str) -> Grade:
    """A grade without points, which no record keeps from being tried again."""
    manual = {question.name: question.points for question in assignment.manual}
    where = submission.name, assignment.name, submission.file, submission.handed_in
    return Grade(*where, key="", questions=(), manual=manual, notes=(note,))


def closed(path: Path, what: str) -> None:
    """Raise ``ValueError`` where other users may read ``path``, as the student's code is one on the level ``user``."""
    path = path.resolve()
    if path.stat().st_mode & 0o004 and all(parent.stat().st_mode & 0o001 for parent in path.parents):
        raise ValueError(
            f"{what}: expected a place that no other user can read, such as the one that runs students' code; "
            f"call chmod {'go-rwx' if path.is_file() else '700'} {printable(str(path))}"
        )


def check_claimed(out: Path) -> None:
    """Raise ``ValueError`` where the folder of results was deleted meanwhile, before a part of it is made again."""
    if not (out / WHOSE).is_file():
        raise ValueError(f"{out}: the folder was deleted while it was graded into: call again, or keep it deleted")


def claim(out: Path, assignment: Assignment) -> None:
    """Make the folder of an assignment's results, for nobody else to read, and write into it whose it is.

    Raises ``ValueError`` for a folder that is another's, or that holds something else.
    """
    whose = out / WHOSE
    if whose.is_file():
        try:
            name = str(json_object(whose.read_bytes())["assignment"])
        except (ValueError, KeyError) as error:
            raise ValueError(f"out: expected a folder of {assignment.name}'s, and {whose} cannot be read") from error
        if name != assignment.name:
            raise ValueError(f"out: expected a folder of {assignment.name}'s, and {out} is {name}'s")
        return
    if out.exists() and (not out.is_dir() or any(path for path in out.iterdir() if not path.name.startswith("."))):
        raise ValueError(
            f"out: expected a new folder or one that grading {assignment.name} made, and {out} holds something else"
        )
    out.mkdir(mode=0o700, parents=True, exist_ok=True)
    created = datetime.now().astimezone().isoformat(timespec="seconds")
    write_text(whose, json.dumps({"assignment": assignment.name, "created": created}) + "\n")
