"""Submissions as they come."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Submission:
    """What one student handed in.

    Attributes:
        name: unique in a class
        file: the path of the file in the folder, as found
        content: bytes of the notebook or script; none where ``problem`` says why
        helpers: the scripts beside it, by file name: the code can import them
        problem: a sentence in place of a content
        handed_in: when, in ISO 8601, where it is known
    """

    name: str
    file: str
    content: bytes
    helpers: Mapping[str, bytes] = field(default_factory=dict)
    problem: str = ""
    handed_in: str = ""

    @classmethod
    def of_file(cls, path: Path | str, name: str = "") -> "Submission":
        """The file at ``path``, as the submission ``name``, by default the file's own."""
        path = Path(path)
        return cls(name or path.stem, path.name, path.read_bytes())
