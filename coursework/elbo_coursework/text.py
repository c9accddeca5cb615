"""Text that others wrote, made safe for a terminal and for the name of a file."""

import re
import unicodedata
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path

from companion.atomic import atomic_write

NAME_BYTES = 150
JOINERS = "\u200c\u200d"  # Persian names and the pictures of some letters need them
INVISIBLE = {"Cc", "Cf", "Cs", "Zl", "Zp"}


def printable(text: str) -> str:
    r"""The text in one line: what would move the cursor, colour or turn the line is written as an escape.

    >>> print(printable("ada\x1b[2J\n" + chr(0x202E) + "bob"))
    ada\x1b[2J\x0a\u202ebob
    """
    return "".join(_escaped(letter) if _hidden(letter) else letter for letter in text)


def file_name(text: str, *, most: int = NAME_BYTES) -> str:
    """A name for files made of ``text``: of at most ``most`` bytes, without a dot at its beginning or a slash.

    What is cut off is told apart by a hash.

    >>> file_name("..ipynb")
    '_.ipynb'
    """
    name = printable(text).replace("/", "_").replace("\0", "_")
    name = re.sub(r"^\.", "_", name) or "_"
    if len(name.encode()) <= most:
        return name
    mark = f"~{digest(text)}"
    return name.encode()[: most - len(mark)].decode("utf-8", "ignore") + mark


def digest(text: str) -> str:
    """Eight letters that tell two texts apart."""
    return sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:8]


def write_text(path: Path, text: str) -> None:
    """Write a text file whole."""
    with atomic_write(path) as temporary:
        temporary.write_bytes(text.encode("utf-8", "backslashreplace"))


def listed(names: Sequence[str], most: int = 5) -> str:
    """Names in one line, the first few of many.

    >>> listed(["a", "b", "c"], 2)
    'a, b and 1 more'
    """
    shown = ", ".join(printable(name) for name in names[:most])
    return shown if len(names) <= most else f"{shown} and {len(names) - most} more"


def _hidden(letter: str) -> bool:
    return unicodedata.category(letter) in INVISIBLE and letter not in JOINERS


def _escaped(letter: str) -> str:
    code = ord(letter)
    if 0xDC80 <= code <= 0xDCFF:  # a byte that is no UTF-8
        return f"\\x{code - 0xDC00:02x}"
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
