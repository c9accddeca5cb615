"""The cells of a file: a notebook of any version, a script, or a zip with one of them, from its bytes."""

import ast
import io
import json
import re
import tokenize
import warnings
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath

KINDS = (".ipynb", ".py")
MAX_BYTES = 50 * 10**6  # of what is read of a zip
METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)  # of which zipfile unpacks no more than it is asked for
MAX_CELLS = 20_000
MAX_SCRIPTS = 20
MAX_PIECES, MAX_ANSWER = 60, 6 * 10**6  # of an answer in words: its parts, and characters of each
MAX_MAGICS = 30  # that are left out one by one
MAGIC = re.compile(r"\s*[%!?]|\s*[\w.]+\?{1,2}\s*$|[\w.,\s]+=\s*[%!]")
FOREIGN = re.compile(r"\s*%%(?!(?:time|capture|prun|memit|mprun)\b)\w+")  # its names do not reach the notebook
TIMED = re.compile(r"(\s*)%time\s+(?=\S)")
RUN = re.compile(r"(\s*)%run\s+(?:-i\s+)?(?:\S*/)?(\w+)(?:\.py)?\s*$")
SHOWN = re.compile(r"cell \[\d+\]")  # a cell by the number that the notebook shows, in the check
AWAIT = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
ANSWER = re.compile(r"<!--\s*answer:\s*(\w+)\s*-->")
END = re.compile(r"<!--\s*(answer:|question:|end\b)")
BOMS = {b"\xff\xfe\0\0": "utf-32", b"\0\0\xfe\xff": "utf-32", b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}
PAGE = "it is a page of HTML: hand in the notebook itself, by File > Download"


class UnreadableError(ValueError):
    """Why a file cannot be read, in the words after *cannot be read:*."""


@dataclass(frozen=True)
class Cell:
    """A cell: ``kind`` is code or text, ``outputs`` are pairs of a kind and its text, as of an answer in words."""

    kind: str
    location: str
    source: str
    outputs: tuple[tuple[str, str], ...] = ()


def cells(content: bytes, name: str = "") -> list[Cell]:
    """The cells of a file; a script is one cell. Raises ``UnreadableError``."""
    text = decoded(content)
    start = text.lstrip()[:200].lower()
    if start.startswith("{"):
        try:
            return list(notebook_cells(json.loads(text)))
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            if name.lower().endswith(".py"):
                return [Cell("code", "the file", text)]  # a script may begin with a dict
            raise UnreadableError(f"it is no whole notebook ({described(error)})") from error
    if start.startswith(("<!doctype", "<html", "<?xml")):
        raise UnreadableError(PAGE)
    if not start:
        raise UnreadableError("it is empty")
    if name.lower().endswith(".ipynb"):
        try:
            parsed(text)  # a script under another name
        except SyntaxError as error:
            raise UnreadableError("it is no notebook") from error
    return [Cell("code", "the file", text)]


def unzipped(content: bytes, name: str) -> tuple[bytes, dict[str, bytes]]:
    """The notebook or script in a zip: the only one, or the only notebook, or that of the zip's own name.

    The second value has the scripts that lie beside it in the zip.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            infos = {PurePosixPath(info.filename): info for info in archive.infolist() if info.filename[-1:] != "/"}
            paths = list(infos)
            paths = [p for p in paths if p.suffix.lower() in KINDS and "__MACOSX" not in p.parts and p.name[0] != "."]
            paths = [p for p in paths if ".ipynb_checkpoints" not in p.parts]
            for one in (
                paths,
                [p for p in paths if p.suffix.lower() == ".ipynb"],
                [p for p in paths if p.stem.lower() in name.lower()],
            ):
                if len(one) == 1:
                    scripts = [p for p in paths if p != one[0] and p.suffix == ".py" and p.parent == one[0].parent]
                    read = members(archive, [infos[p] for p in (one[0], *scripts[:MAX_SCRIPTS])])
                    return read[0], {p.name: script for p, script in zip(scripts, read[1:], strict=False)}
    except (zipfile.BadZipFile, zlib.error, OSError, RuntimeError, EOFError, ValueError) as error:
        if isinstance(error, UnreadableError):
            raise
        raise UnreadableError(f"it is a damaged zip ({described(error)})") from error
    held = ", ".join(p.name for p in paths[:5]) or "none"
    raise UnreadableError(f"it is a zip, which should hold one notebook or script, and holds {held}")


def members(archive: zipfile.ZipFile, infos: list[zipfile.ZipInfo]) -> list[bytes]:
    """Files of a zip; raises ``UnreadableError`` where they are too large, or packed by a rare method."""
    if sum(info.file_size for info in infos) > MAX_BYTES:
        raise UnreadableError(f"{PurePosixPath(infos[0].filename).name} in it is larger than {MAX_BYTES // 10**6} MB")
    if any(info.compress_type not in METHODS for info in infos):
        raise UnreadableError("what is in it is packed by another method than deflate")
    read = []
    for info in infos:
        with archive.open(info) as file:  # asked for all, zipfile would unpack all there is, whatever the head says
            read.append(file.read(info.file_size))
    return read


def decoded(content: bytes) -> str:
    """The text of bytes in any of the Unicode encodings, in the one that a script declares, or in that of Windows."""
    for mark, encoding in BOMS.items():
        if content.startswith(mark):
            try:
                return content.decode(encoding)
            except UnicodeDecodeError as error:
                raise UnreadableError(f"it is no text in {encoding}") from error
    if content[1:2] == b"\0" or content[:1] == b"\0":  # UTF-16 without its mark
        content = content.decode("utf-16-le" if content[1:2] == b"\0" else "utf-16-be", "replace").encode()
    try:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(content).readline)
        return content.decode(encoding)
    except (SyntaxError, UnicodeDecodeError, LookupError):
        pass
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("cp1252", "replace")


def notebook_cells(notebook: dict[str, object]) -> Iterator[Cell]:
    """The cells of a notebook in format 3 or later."""
    sheets = notebook.get("worksheets")
    listed = notebook["cells"] if not isinstance(sheets, list) else [c for sheet in sheets for c in sheet["cells"]]
    if not isinstance(listed, list):
        raise TypeError("its cells are no list")
    if len(listed) > MAX_CELLS:
        raise ValueError(f"it has more than {MAX_CELLS} cells")
    for i, cell in enumerate(listed, 1):
        kind = "code" if cell["cell_type"] == "code" else "text"
        source = joined(cell.get("source", cell.get("input", "")))
        shown = str(cell.get("location", ""))
        location = shown if SHOWN.fullmatch(shown) else f"cell {i}"
        yield Cell(kind, location, source, tuple(outputs(cell) if kind == "code" else attached(cell)))


def outputs(cell: dict[str, object]) -> Iterator[tuple[str, str]]:
    """What a cell of code printed and drew: pairs of ``output`` or ``image`` and the text, for an image its base64."""
    listed = cell.get("outputs")
    for output in listed if isinstance(listed, list) else []:
        held = output.get("data", output) if isinstance(output, dict) else {}
        if not isinstance(held, dict):
            continue
        if image := held.get("image/png") or held.get("png"):
            yield "image", joined(image)
        elif text := output.get("text") or held.get("text/plain"):
            yield "output", joined(text)


def attached(cell: dict[str, object]) -> Iterator[tuple[str, str]]:
    """The pictures that hang on a cell of text, such as the photograph of a page."""
    held = cell.get("attachments")
    for kinds in held.values() if isinstance(held, dict) else ():
        for kind in ("image/png", "image/jpeg") if isinstance(kinds, dict) else ():
            if kind in kinds:
                yield "image", joined(kinds[kind])


def joined(text: object) -> str:
    """A notebook's text: a string, or a list of them."""
    return "".join(map(str, text)) if isinstance(text, list) else str(text)


def answers(listed: list[Cell]) -> dict[str, list[tuple[str, str]]]:
    """Pairs of a kind (``text``, ``code``, ``output``, ``image``) and its text, by question.

    An answer goes from the cell with the question's mark to the next mark. That first cell, the question, is part of it
    only where nothing follows: somebody may have written into it.
    """
    found: dict[str, list[tuple[str, str]]] = {}
    asked: dict[str, list[tuple[str, str]]] = {}
    name: str | None = None
    for cell in listed:
        pieces = [piece for piece in [(cell.kind, cell.source), *cell.outputs] if piece[1].strip()]
        if cell.kind == "text" and END.search(cell.source):
            mark = ANSWER.search(cell.source)
            name = mark.group(1) if mark else None
            if name is not None:
                asked.setdefault(name, []).extend(pieces)
        elif name is not None:
            found.setdefault(name, []).extend(pieces)
    found = {name: found.get(name) or pieces for name, pieces in asked.items()}
    return {key: [(k, t[:MAX_ANSWER]) for k, t in pieces[:MAX_PIECES]] for key, pieces in found.items()}


def parsed(source: str) -> list[ast.stmt]:
    """The statements of a text; lines for the notebook, such as ``%matplotlib inline``, are left out."""
    if FOREIGN.match(source):
        return []
    lines = re.split(r"\r\n|\r|\n", source)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return ast.parse(source).body
        except SyntaxError as error:
            at = (error.lineno or 0) - 1
        for _ in range(MAX_MAGICS):  # only where Python stumbles: in a text or a bracket such a line is none
            if not (0 <= at < len(lines) and MAGIC.match(lines[at])):
                break
            without(lines, at)
            try:
                return ast.parse("\n".join(lines)).body
            except SyntaxError as error:
                at = (error.lineno or 0) - 1
        for i, line in enumerate(lines):
            if MAGIC.match(line):
                without(lines, i)
        return ast.parse("\n".join(lines)).body


def without(lines: list[str], at: int) -> None:
    """Put what Python can read in place of a line for the notebook, and of those that continue it."""
    if timed := TIMED.match(lines[at]):
        lines[at] = timed.group(1) + lines[at][timed.end() :]
        return
    if run := RUN.match(lines[at]):
        lines[at] = f"{run.group(1)}from {run.group(2)} import *"
        return
    last = at
    while lines[last].endswith("\\") and last + 1 < len(lines):
        last += 1
    lines[at] = re.sub(r"\S.*", "pass", lines[at])
    lines[at + 1 : last + 1] = [""] * (last - at)


def described(error: BaseException) -> str:
    """An error in a few words."""
    if isinstance(error, SyntaxError):
        return error.msg if error.lineno is None else f"{error.msg}, line {error.lineno}"
    return f"{type(error).__name__}: {str(error)[:100]}"
