"""The names that course platforms give to files and folders when they export what a class handed in."""

import re
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

MOODLE = re.compile(r"(?P<student>.+_\d+)_assignsubmission_(?:file|onlinetext)(?:_(?P<file>.*))?", re.S)
CANVAS = re.compile(r"(?P<name>[^_]+)(?:_LATE)?_(?P<id>\d{2,})_\d{2,}_(?P<file>.+)", re.S)
BRIGHTSPACE = re.compile(
    r"(?P<student>\d+-\d+ - .+?) ?- (?P<when>[^-]*\d{4} \d{1,2}:?\d{2} ?[AP]M)(?: ?- ?(?P<file>.+))?", re.S
)
BLACKBOARD = re.compile(r".+_(?P<student>[^_]+)_attempt_(?P<when>\d{4}(?:-\d\d){5})(?:_(?P<file>.+)|\.txt)?", re.S)
GRADESCOPE = re.compile(r"submission_\d+")
METADATA = "submission_metadata.yml"
MAX_METADATA = 10**8
DATES = ("%b %d, %Y %I%M %p", "%d %B, %Y %I%M %p", "%B %d, %Y %I%M %p", "%d %b, %Y %I%M %p", "%Y-%m-%d-%H-%M-%S")


@dataclass(frozen=True)
class Exported:
    """What the name of an exported file or folder says.

    Attributes:
        student: whose it is
        file: its name as the student called it; "" for a folder, or a platform's own file
        handed_in: when, in ISO 8601, or ""
    """

    student: str
    file: str
    handed_in: str = ""


def exported(name: str) -> Exported | None:
    """What an exported name says, or None where it is none of Moodle's, Canvas's, Brightspace's or Blackboard's.

    >>> exported("lovelaceada_LATE_1234_5678_surgery.ipynb")
    Exported(student='lovelaceada_1234', file='surgery.ipynb', handed_in='')
    """
    if match := MOODLE.fullmatch(name):
        return Exported(match["student"], match["file"] or "")
    if match := BLACKBOARD.fullmatch(name) or BRIGHTSPACE.fullmatch(name):
        return Exported(match["student"], match["file"] or "", moment(match["when"]))
    if match := CANVAS.fullmatch(name):
        return Exported(f"{match['name']}_{match['id']}", match["file"])
    return None


def moment(text: str) -> str:
    """A platform's time, which is taken for the local one, in ISO 8601; "" for what cannot be read.

    >>> moment("Oct 3, 2023 1012 AM")[:16], moment("yesterday")
    ('2023-10-03T10:12', '')
    """
    text = re.sub(r"\s*([AP]M)", r" \1", " ".join(text.replace(":", "").split()))
    text = re.sub(r"\b(\d)(\d\d)(?= [AP]M)", r"0\1\2", text)
    for form in DATES:
        try:
            found = datetime.strptime(text, form)
        except ValueError:
            continue
        return found.astimezone().isoformat(timespec="seconds")
    return ""


def gradescope_times(folder: Path) -> dict[str, str]:
    """When each folder ``submission_123`` of an export of Gradescope was handed in, from the metadata beside it.

    Of the YAML nothing is read but the first ``:created_at:`` of each submission.
    """
    path, times, name = folder / METADATA, dict[str, str](), ""
    if path.is_symlink() or not path.is_file() or path.stat().st_size > MAX_METADATA:
        return times
    with path.open(encoding="utf-8", errors="replace") as lines:
        for line in lines:
            if match := re.match(r"['\"]?(submission_\d+)['\"]?:", line):
                name = match[1]
            elif (match := re.match(r"  :?created_at: ['\"]?([^'\"\n]+)", line)) and name not in times:
                times[name] = _iso(match[1])
    return times


def is_export(folder: Path) -> bool:
    """Whether a folder holds the exports of a class, rather than the files of one student."""
    names = [path.name for path in folder.iterdir()]
    known = sum(bool(exported(name) or GRADESCOPE.fullmatch(name)) for name in names)
    return METADATA in names or known > 1


def _iso(text: str) -> str:
    """A time of Gradescope, such as ``2023-10-03 17:12:00.123456000 Z``, in ISO 8601; "" for another."""
    match = re.match(r"(\d{4}-\d\d-\d\d)[ T](\d\d:\d\d:\d\d)(?:\.\d+)? ?(Z|UTC|[+-]\d\d:?\d\d)?", text)
    if not match:
        return ""
    zone = "+00:00" if match[3] in (None, "Z", "UTC") else match[3]
    try:
        return datetime.fromisoformat(f"{match[1]}T{match[2]}{zone}").isoformat()
    except ValueError:
        return ""
