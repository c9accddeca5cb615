"""Records of grades, sealed with the class's secret: one that was changed by somebody else is noticed.

A record holds a message authentication code (HMAC-SHA256) of all its rest. Who does not know the secret can neither
make one nor change one; what still can be done to it, deleting it or putting an old one in its place, costs
the grading of one submission anew, since a record also holds a hash of all that the grade depends on.
"""

import hmac
import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from elbo_coursework.grading import Grade
from elbo_coursework.text import write_text

CHANGED = "The record of this submission had been changed since it was written, so it was graded anew."
MAX_RECORD = 10**8


@dataclass(frozen=True)
class Kept:
    """What a record gives.

    Attributes:
        grade: the grade, or None where there is no record of this secret
        note: a sentence where the record had been changed, or ""
    """

    grade: Grade | None = None
    note: str = ""


def write(path: Path, grade: Grade, file_notes: tuple[str, ...], secret: str) -> None:
    """Write the sealed record of a grade, whole; ``file_notes`` are those of its notes that are about the files."""
    write_text(path, json.dumps(sealed(grade.to_record() | {"file_notes": list(file_notes)}, secret), indent=1))


def read(path: Path, secret: str) -> Kept:
    """The grade of a record without its notes on files, if it is as it was written.

    A record that was sealed with another secret is none, and costs nobody a note.
    """
    try:
        if path.is_symlink() or not path.exists():
            return Kept(note=CHANGED if path.is_symlink() else "")
        record = json.loads(path.read_bytes()[:MAX_RECORD])
        if len(record["secret"]) == 16 and record["secret"] != _name(secret):
            return Kept()
        if not hmac.compare_digest(str(record.get("mac", "")).encode(), sealed(record, secret)["mac"].encode()):
            return Kept(note=CHANGED)
        grade = Grade.from_record(record)
        about_files = set(record["file_notes"])
        return Kept(replace(grade, notes=tuple(note for note in grade.notes if note not in about_files)))
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return Kept(note=CHANGED)


def sealed(record: dict[str, Any], secret: str) -> dict[str, Any]:
    """The record with the code of all its rest."""
    rest = {key: value for key, value in record.items() if key != "mac"}
    rest["secret"] = _name(secret)
    return rest | {"mac": _code(secret, json.dumps(rest, sort_keys=True))}


def _name(secret: str) -> str:
    """What tells two secrets apart, and from which neither can be found if it is hard to guess."""
    return _code(secret, "the name of the secret")[:16]


def _code(secret: str, text: str) -> str:
    return hmac.digest(secret.encode("utf-8", "surrogatepass"), text.encode(), "sha256").hex()
