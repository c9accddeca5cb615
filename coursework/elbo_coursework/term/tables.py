"""Tables as spreadsheets write and read them: CSV without formulas, read with whatever separator was chosen."""

import csv
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from io import StringIO
from pathlib import Path

from elbo_coursework.text import INVISIBLE, JOINERS

#: What begins a formula in some spreadsheet; the last four are the full-width forms of the first four.
FORMULA = "=+-@\uff1d\uff0b\uff0d\uff20"
BOM = "\ufeff"
SEPARATORS = ",;\t"
SEP = re.compile(r"\Asep=.[\r\n]+")  # Excel's own line on the separator
# a spreadsheet that splits at semicolons would begin a new cell there
INNER = re.compile(rf"(;[\s\"']*)(?=[{re.escape(FORMULA)}])")
MAX_BYTES = 20 * 10**6


def csv_text(rows: Iterable[Sequence[object]]) -> str:
    r"""The rows as CSV for any spreadsheet: a byte order mark first, commas, and no cell that is a formula.

    Numbers stay numbers. Of texts, ``cell`` makes one line each. Write it as UTF-8.

    >>> csv_text([["name", "points"], ["=1+1", -2.5]])
    "\ufeffname,points\r\n'=1+1,-2.5\r\n"
    """
    text = StringIO(newline="")
    csv.writer(text).writerows([cell(value) for value in row] for row in rows)
    return BOM + text.getvalue()


def cell(value: object) -> object:
    """A number as it is, ``None`` as an empty text, and anything else as a text of one line that is no formula.

    >>> cell(";=1"), cell("a\\tb"), cell(-1.5)
    (";'=1", 'a b', -1.5)
    """
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return value
    text = INNER.sub(r"\1'", one_line("" if value is None else str(value)))
    return f"'{text}" if text.lstrip("'").startswith(tuple(FORMULA)) else text


def uncell(text: str) -> str:
    """The text that ``cell`` was given.

    >>> uncell("'=1+1")
    '=1+1'
    """
    text = re.sub(rf"(;[\s\"']*)'(?=[{re.escape(FORMULA)}])", r"\1", text)
    return text[1:] if text[:1] == "'" and text.lstrip("'").startswith(tuple(FORMULA)) else text


def one_line(text: str) -> str:
    """The text without control characters, marks of direction and surplus blanks.

    >>> one_line("a\\x1b[31m\\r\\n b")
    'a [31m b'
    """
    kept = (" " if unicodedata.category(c) in INVISIBLE and c not in JOINERS else c for c in text)
    return " ".join("".join(kept).split())


def read_rows(path: Path) -> list[list[str]]:
    """The rows of a CSV file with their texts, the header first; empty rows stay, so that places are those of the file.

    The separator is a comma, a semicolon or a tab, whichever the header has most of.

    Raises ``ValueError`` with one sentence for a file that is too large, no text, or empty.
    """
    content = path.read_bytes()
    if len(content) > MAX_BYTES:
        raise ValueError(f"{path.name}: expected at most {MAX_BYTES // 10**6} MB, got {len(content) / 1e6:.0f} MB")
    text = decoded(content, path.name)
    text = SEP.sub("", text.lstrip("\r\n"))
    if not text.strip():
        raise ValueError(f"{path.name}: expected a header and rows, and the file is empty")
    try:
        return [
            [uncell(value.strip()) for value in row]
            for row in csv.reader(StringIO(text, newline=None), delimiter=separator_of(text))
        ]
    except csv.Error as error:
        raise ValueError(f"{path.name}: expected CSV, and it cannot be read: {error}") from error


def separator_of(text: str) -> str:
    """The separator of a CSV text: a comma, a semicolon or a tab, whichever its first row has most of.

    >>> separator_of("a;b,c;d")
    ';'
    """
    return max(SEPARATORS, key=SEP.sub("", text.lstrip("\r\n")).splitlines()[0].count)


def decoded(content: bytes, name: str) -> str:
    """The text of a file in UTF-8, or in UTF-16 with its mark; raises ``ValueError`` for another encoding."""
    utf16 = content.startswith((b"\xff\xfe", b"\xfe\xff"))
    try:
        return content.decode("utf-16" if utf16 else "utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        message = f"{name}, line {line}: expected UTF-8; in the spreadsheet, save it as «CSV UTF-8»"
        raise ValueError(message) from error


def columns(header: Sequence[str], forms: Mapping[str, Sequence[str]]) -> dict[str, int]:
    """The place of each known column in a header, by its name in ``forms``, which lists how it may be called.

    >>> columns(["E-Mail", "Points"], {"email": ["email"], "id": ["sid"]})
    {'email': 0}
    """
    plain = [plain_name(name) for name in header]
    found = {}
    for name, called in forms.items():
        place = next((plain.index(form) for form in map(plain_name, called) if form in plain), None)
        if place is not None:
            found[name] = place
    return found


def plain_name(text: str) -> str:
    """Letters and digits alone, in lower case and without accents, to compare names by.

    >>> plain_name("E-Mail Address"), plain_name("Zoë")
    ('emailaddress', 'zoe')
    """
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    return "".join(character for character in decomposed if character.isalnum())


def number(text: str) -> float | None:
    """The number of a text, with a point or a decimal comma, or None where it is none.

    >>> number("3,5"), number("1.234,5"), number("nan")
    (3.5, None, None)
    """
    return float(text.replace(",", ".")) if re.fullmatch(r"[+-]?[0-9]{1,12}([.,][0-9]{1,12})?", text) else None
