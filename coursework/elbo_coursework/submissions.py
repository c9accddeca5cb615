"""Files as they come: which file of what a class handed in is whose submission.

Nothing is opened here but to take its bytes: reading them is for the process in which a student's code runs. A file or
folder that is none still gives a submission, with a sentence in place of a content, so that nobody is lost in silence.
"""

import os
import re
import stat
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

from elbo_coursework.exports import METADATA, exported, gradescope_times, is_export
from elbo_coursework.questions import Assignment
from elbo_coursework.text import digest, file_name, listed, printable

MAX_BYTES = 20 * 10**6
MAX_FILES, MAX_DEPTH = 2000, 6  # that are looked at in one student's folder
MAX_SURVEYED, MAX_HELPERS = 12, 50
FAR = 3
SCRIPTS, ARCHIVES, OTHER = (".py", ".py.txt"), (".zip",), 3
NOTEBOOKS = (".ipynb", ".ipynb.txt", ".ipynb.json")
ENDINGS = (".ipynb.json", ".ipynb.txt", ".py.txt", ".ipynb", ".py", ".zip", ".json", ".txt")  # the longer ones first
FLAGS = os.O_RDONLY
for _flag in ("O_NOFOLLOW", "O_NONBLOCK", "O_BINARY"):  # no system has all of them
    FLAGS |= getattr(os, _flag, 0)
IGNORED = {"__macosx", "__pycache__", ".ipynb_checkpoints", ".ds_store", ".git", ".gitignore", ".gitkeep", METADATA}
IGNORED |= {"thumbs.db", "desktop.ini"}
COPY = re.compile(r"(?:\s*\(\d+\)|[-_\s]*copy\s*\d*|-\d{1,2}|\s+\d)++$")  # which never goes back
#: Takes the bytes of a file, its name and those of its helpers; gives the names that it defines.
Survey = Callable[[bytes, str, Mapping[str, bytes]], Sequence[str]]


@dataclass(frozen=True)
class Submission:
    """What one student handed in.

    Attributes:
        name: unique in the class, at most 150 bytes, fit for the name of a file
        file: path in the folder of the class, as found, or the name of the file
        content: of the notebook or script; empty where there is none
        helpers: the scripts beside the notebook, by file name
        problem: a sentence in place of a content, or ""
        handed_in: when, in ISO 8601, by the platform's export, else by the file; "" where unknown
        notes: sentences on which file was taken
    """

    name: str
    file: str
    content: bytes = b""
    helpers: Mapping[str, bytes] = field(default_factory=dict)
    problem: str = ""
    handed_in: str = ""
    notes: tuple[str, ...] = ()

    @classmethod
    def of_file(cls, path: Path | str, name: str = "") -> "Submission":
        """The file at ``path``, as the submission ``name``, by default the file's own."""
        path = Path(path)
        return cls(name or path.stem, path.name, path.read_bytes())


@dataclass(frozen=True)
class Candidate:
    """A file that may be the submission: where it is, and what the student called it."""

    path: Path
    called: str

    @property
    def kind(self) -> int:
        """0 for a notebook, 1 for a script, 2 for an archive, 3 for another file, by its name."""
        kinds = (NOTEBOOKS, SCRIPTS, ARCHIVES)
        return next((i for i, endings in enumerate(kinds) if _ending(self.called) in endings), OTHER)

    @property
    def stem(self) -> str:
        """The name without what says its kind, in small letters."""
        return self.called[: len(self.called) - len(_ending(self.called))].casefold()


@dataclass(frozen=True)
class Found:
    """What one student handed in, before one of the files is chosen and read.

    Attributes:
        name: of the submission
        candidates: the files, of any kind
        handed_in: when, as the platform's export says, or ""
        notes: sentences on how it was found
    """

    name: str
    candidates: tuple[Candidate, ...]
    handed_in: str = ""
    notes: tuple[str, ...] = ()

    def load(self, folder: Path, assignment: Assignment, survey: Survey | None = None) -> Submission:
        """Choose and read the file of this submission to ``assignment``, which lies in ``folder``.

        Of several, that with the assignment's name is taken, else that which defines most of its functions, as
        ``survey`` says. Whatever is found, there is a submission.
        """
        readable = [c for c in self.candidates if c.kind != OTHER or _is_notebook(c.path)]
        empty = Submission(self.name, "", handed_in=self.handed_in, notes=self.notes)
        if not readable:
            names = listed([c.called for c in self.candidates]) or "none"
            return replace(empty, problem=f"Expected a notebook or script, found {names}.")
        chosen, note = _choice(readable, assignment, survey)
        empty = replace(empty, file=printable(os.path.relpath(chosen.path, folder)))
        try:
            content = read_bytes(chosen.path)
            helpers = _helpers(chosen, readable)
        except (OSError, ValueError) as error:
            words = error.strerror if isinstance(error, OSError) else str(error)
            return replace(empty, problem=f"{printable(chosen.called)} cannot be read: {words}.")
        return replace(
            empty,
            content=content,
            helpers=helpers,
            handed_in=self.handed_in or _changed(chosen.path),
            notes=(*self.notes, *([note] if note else [])),
        )


def find_submissions(
    folder: Path | str, assignment: Assignment, survey: Survey | None = None, skip: Sequence[Path] = ()
) -> list[Submission]:
    """Every submission in a folder, read; see ``find`` and ``Found.load``."""
    return [found.load(Path(folder), assignment, survey) for found in find(folder, skip)]


def find(folder: Path | str, skip: Sequence[Path] = ()) -> list[Found]:
    """What each student handed in, by name, without reading it.

    A submission is a file in ``folder``, or a folder in it; files and folders that the export of a course platform
    names after one student belong together. Links, and the files that systems leave behind, are ignored, as
    are the paths ``skip`` and the folders that they are in.

    Raises ``ValueError`` where there is nothing.
    """
    root = _unwrapped(Path(folder))
    skipped = {parent for path in skip for parent in (path.resolve(), *path.resolve().parents)}
    entries = [path for path in _entries(root) if path.resolve() not in skipped]
    groups: dict[str, list[Path]] = defaultdict(list)
    for path in entries:
        known = exported(path.name)
        groups[known.student if known else f"/{path.name}"].append(path)
    if len(groups) > 1 and any(not student.startswith("/") for student in groups):
        groups.pop("/index.html", None)  # Brightspace's
    if not groups:
        raise ValueError(f"folder: expected notebooks, scripts or folders of them, found none in {folder}")
    times = gradescope_times(root)
    found = [_group(student, paths, times) for student, paths in groups.items()]
    return sorted(_named_apart(sorted(found, key=lambda one: one.name)), key=lambda one: one.name)


def find_one(path: Path, name: str = "") -> Found:
    """What lies at ``path``, a file or a folder, as one submission, by default of the file's name."""
    return Found(file_name(name or _stem(path.name)), _candidates(path))


def read_bytes(path: Path) -> bytes:
    """The bytes of a plain file; raises ``ValueError`` for what is none, or too large, and ``OSError``."""
    opened = os.open(path, FLAGS)
    with os.fdopen(opened, "rb") as file:
        about = os.fstat(opened)
        if not stat.S_ISREG(about.st_mode):
            raise ValueError("it is no plain file")
        content = file.read(MAX_BYTES + 1)
    if len(content) > MAX_BYTES:
        raise ValueError(f"it is larger than {MAX_BYTES // 10**6} MB")
    return content


def _group(student: str, paths: list[Path], times: Mapping[str, str]) -> Found:
    """What one student handed in, under its whole name: of several attempts in an export, the last."""
    if student.startswith("/"):
        (path,) = paths
        dotted = ("Its name begins with a dot.",) if path.name.startswith(".") else ()
        return Found(path.name, _candidates(path), times.get(path.name, ""), dotted)
    known = [(path, found) for path in paths if (found := exported(path.name))]
    moments = {found.handed_in for _, found in known}
    last = max(moments)
    candidates: list[Candidate] = []
    for path, found in known:
        if found.handed_in == last:
            candidates += _candidates(path) if path.is_dir() else [Candidate(path, found.file)] if found.file else []
    notes = (f"This is the last of {len(moments)} attempts.",) if len(moments) > 1 else ()
    return Found(student, tuple(candidates), last, notes)


def _named_apart(found: list[Found]) -> list[Found]:
    """The submissions with names of their own: of a file without its ending, where no other has that name."""
    pairs = [(one, _stem(one.name) if _is_file(one) else one.name) for one in found]
    counts = Counter(_key(short) for _, short in pairs)
    named, taken = [], set[str]()
    for one, short in pairs:
        safe = file_name(short if counts[_key(short)] == 1 else one.name)
        if _key(safe) in taken:
            safe = f"{file_name(one.name, most=140)}~{digest(one.name)}"
        taken.add(_key(safe))
        named.append(replace(one, name=safe))
    return named


def _is_file(one: Found) -> bool:
    """Whether a submission is a file in the folder of the class, named as it is."""
    return [c.path.name for c in one.candidates] == [one.name]


def _key(name: str) -> str:
    """What two names have in common that some file systems take for one."""
    return unicodedata.normalize("NFC", name).casefold()


def _stem(name: str) -> str:
    """The name of a notebook, a script or an archive without its ending; any other name whole."""
    ending = _ending(name)
    short = name[: len(name) - len(ending)]
    return short if ending not in (".json", ".txt") and short.strip(". ") else name


def _ending(name: str) -> str:
    """What a name says of its kind, in small letters, or ""."""
    return next((ending for ending in ENDINGS if name[-len(ending) :].lower() == ending), "")


def _choice(readable: list[Candidate], assignment: Assignment, survey: Survey | None) -> tuple[Candidate, str]:
    """The file to grade, and a note that says which where there are several."""
    if len(readable) == 1:
        return readable[0], ""
    closest = min(_distance(c, assignment) for c in readable)
    best = [c for c in readable if _distance(c, assignment) == closest]
    if closest < FAR:
        best = [c for c in best if c.kind == min(c.kind for c in best)]
    if len(best) == 1:
        return best[0], _note(readable, best[0], "it has the assignment's name")
    wanted = {question.name for question in assignment.questions}
    best = sorted(best, key=lambda c: (-c.kind, _changed(c.path), c.path))[-MAX_SURVEYED:]
    counts = [len(wanted & set(_surveyed(c, readable, survey))) for c in best]
    same = [c for c, count in zip(best, counts, strict=True) if count == max(counts)]
    chosen = same[-1]
    why = f"it defines the most of the assignment's functions, {max(counts)} of {len(wanted)}"
    if len(same) > 1:
        equal = [c for c in same if c.kind == chosen.kind]
        words = "was changed last" if len(equal) > 1 else "is the notebook"
        why = f"of those that define {max(counts)} of the assignment's {len(wanted)} functions, it {words}"
    return chosen, _note(readable, chosen, why)


def _note(readable: list[Candidate], chosen: Candidate, why: str) -> str:
    return f"{printable(chosen.called)} was graded, of {listed([c.called for c in readable], 8)}: {why}."


def _distance(candidate: Candidate, assignment: Assignment) -> int:
    """How far a name is from the assignment's: 0 the same, 1 a copy's, 2 in a longer name, 3 not in it."""
    name, stem = assignment.name.casefold(), candidate.stem
    if stem == name:
        return 0
    if _plain(COPY.sub("", stem)) == _plain(name):
        return 1
    return 2 if f" {_plain(name)} " in f" {_plain(stem)} " else FAR


def _plain(name: str) -> str:
    return " ".join(re.split(r"[\W_]+", name)).strip()


def _surveyed(candidate: Candidate, readable: list[Candidate], survey: Survey | None) -> Sequence[str]:
    """The names that a file defines; none where it cannot be read."""
    if survey is None:
        return ()
    try:
        return survey(read_bytes(candidate.path), candidate.called, _helpers(candidate, readable))
    except (OSError, ValueError):
        return ()


def _helpers(chosen: Candidate, readable: list[Candidate]) -> Mapping[str, bytes]:
    """The scripts beside a file, by name; those that cannot be read, or too much in all, are left out."""
    helpers: dict[str, bytes] = {}
    for other in readable:
        beside = other.path.parent == chosen.path.parent and other.path != chosen.path
        if beside and re.fullmatch(r"\w+\.py", other.called) and len(helpers) < MAX_HELPERS:
            try:
                content = read_bytes(other.path)
            except (OSError, ValueError):
                continue
            if sum(map(len, helpers.values())) + len(content) <= MAX_BYTES:
                helpers[other.called] = content
    return helpers


def _unwrapped(folder: Path) -> Path:
    """The folder of the class, where an archive was unpacked into one that holds nothing but it."""
    for _ in range(3):
        entries = list(_entries(folder))
        if len(entries) != 1 or not entries[0].is_dir() or exported(entries[0].name) or not is_export(entries[0]):
            break
        (folder,) = entries
    return folder


def _entries(folder: Path) -> Iterator[Path]:
    """What lies in a folder, in order, without links and what systems leave behind."""
    paths = sorted(folder.iterdir())
    names = {path.name for path in paths}
    for path in paths:
        shadow = path.name.startswith("._") and path.name[2:] in names  # of a Mac's archive
        if path.name.casefold() not in IGNORED and not path.is_symlink() and not shadow:
            yield path


def _candidates(path: Path) -> tuple[Candidate, ...]:
    """The files at ``path``: itself, or those in it."""
    return tuple(_files(path)) if path.is_dir() else (Candidate(path, path.name),)


def _files(folder: Path, depth: int = 0) -> Iterator[Candidate]:
    """The files of one student's folder, those at the top first, and not without end."""
    try:
        entries = list(_entries(folder))[:MAX_FILES]
    except OSError:
        return
    found = [Candidate(path, path.name) for path in entries if not path.is_dir()]
    for path in entries if depth < MAX_DEPTH else ():
        if path.is_dir():
            found += _files(path, depth + 1)
            if len(found) > MAX_FILES:
                break
    yield from found[:MAX_FILES]


def _is_notebook(path: Path) -> bool:
    """Whether a file of another name begins as a notebook does."""
    try:
        if not stat.S_ISREG(path.lstat().st_mode):
            return False
        start = read_bytes(path).replace(b"\0", b"").lstrip(b"\xef\xbb\xbf\xff\xfe \t\r\n")
    except (OSError, ValueError):
        return False
    return start.startswith(b"{") and (b'"cells"' in start or b'"worksheets"' in start)


def _changed(path: Path) -> str:
    """When a file was changed last, in ISO 8601."""
    try:
        return datetime.fromtimestamp(path.lstat().st_mtime).astimezone().isoformat(timespec="seconds")
    except (OSError, ValueError, OverflowError):
        return ""
