"""Reading a submission: the cells of a file, their statements, and the slice of them that a function leads to.

A notebook of any version, a script or a zip with one of them is read from its bytes. For one function the statements
are cut down to those that it needs, by name: what binds a name that is needed, or changes what is bound to it. So a
cell that trains or draws does not run, unless a function uses what it made. No form is forbidden.
"""

import ast
import io
import json
import re
import symtable
import tokenize
import warnings
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import PurePosixPath

KINDS = (".ipynb", ".py")
MAX_BYTES = 50 * 10**6  # of a file in a zip
MAX_CELLS = 20_000
MAX_PIECES, MAX_ANSWER = 60, 6 * 10**6  # of an answer in words: its parts, and characters of each
IMPORTS = (ast.Import, ast.ImportFrom)
SETTER = re.compile(r"set|seed|manual_seed|use_")
MAGIC = re.compile(r"\s*[%!?]|\s*[\w.]+\?{1,2}\s*$|\s*[\w.,\s]+=\s*[%!]")
FOREIGN = re.compile(r"\s*%%(?!time|timeit|capture|prun|memit|mprun|python|python3)\w+")  # a cell in another language
ANSWER = re.compile(r"<!--\s*answer:\s*(\w+)\s*-->")
END = re.compile(r"<!--\s*(answer|question):|^#{1,2}\s", re.MULTILINE)
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


@dataclass(frozen=True)
class Statement:
    """A statement on the level of a cell.

    Attributes:
        location: where it stands, such as ``cell 4, line 2``
        binds: the names that it gives a value
        changes: the names whose value it, or a function that it defines, changes in place
        sets: of these, those whose module it gives a setting, as ``np.seterr`` does
        uses: the names that it needs from elsewhere
        runs: of these, those that it needs at once, not only when a function in it is called
    """

    node: ast.stmt
    location: str
    binds: frozenset[str]
    changes: frozenset[str]
    sets: frozenset[str]
    uses: frozenset[str]
    runs: frozenset[str]

    @property
    def defines(self) -> bool:
        """Whether it is a function or a class."""
        return isinstance(self.node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef))


@dataclass
class Reading:
    """The statements of a submission, sentences on what could not be read, and answers in words by question."""

    statements: list[Statement] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    answers: dict[str, list[tuple[str, str]]] = field(default_factory=dict)

    @property
    def functions(self) -> list[str]:
        """The names that have a value, in their order, among them those of the functions."""
        return list(dict.fromkeys(name for statement in self.statements for name in sorted(statement.binds)))

    def slice(self, name: str) -> list[Statement]:
        """The statements that ``name`` leads to, in their order; none where nothing binds it."""
        makers = self._makers()
        if not any(name in self.statements[i].binds for i in makers.get(name, ())):
            return []
        chosen: set[int] = set()
        waiting, seen = [name, "*"], {name, "*"}
        while waiting:
            for i in makers.get(waiting.pop(), ()):
                if i not in chosen:
                    chosen.add(i)
                    new = self.statements[i].uses - seen
                    seen |= new
                    waiting += new
        return [self.statements[i] for i in sorted(chosen)]

    def _makers(self) -> dict[str, list[int]]:
        """By each name, the statements that give it a value, or change that."""
        modules = {name for each in self.statements if isinstance(each.node, IMPORTS) for name in each.binds}
        effects: dict[str, set[str]] = {}
        for each in self.statements:
            if each.defines:
                effects.setdefault(next(iter(each.binds), ""), set()).update(each.changes - modules)
        makers: dict[str, list[int]] = {}
        for i, each in enumerate(self.statements):
            changes = set() if each.defines else each.changes - modules | each.sets
            called = set().union(*(effects[name] for name in each.runs if name in effects))
            for name in each.binds | changes | called:
                makers.setdefault(name, []).append(i)
        return makers


def read(content: bytes, name: str = "") -> Reading:
    """Read the bytes of a notebook, a script, or a zip that holds one; ``name`` is the file's, for choosing in a zip.

    Raises ``UnreadableError``.
    """
    found = Reading()
    listed = cells(content, name)
    for cell in listed:
        if cell.kind == "code":
            try:
                found.statements += statements(cell)
            except MemoryError:
                found.problems.append(f"{cell.location} is left out: to read it takes more memory than there may be.")
            except (SyntaxError, ValueError, RecursionError) as error:
                found.problems.append(f"{cell.location} is left out, as Python cannot read it: {described(error)}.")
    found.answers = answers(listed)
    return found


def cells(content: bytes, name: str = "") -> list[Cell]:
    """The cells of a file; a script is one cell. Raises ``UnreadableError``."""
    if content.startswith(b"PK\x03\x04"):
        content = unzipped(content, name)
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
    return [Cell("code", "the file", text)]


def unzipped(content: bytes, name: str) -> bytes:
    """The notebook or script in a zip: the only one, or the only notebook, or that of the zip's own name."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            paths = [PurePosixPath(info.filename) for info in archive.infolist() if not info.is_dir()]
            paths = [p for p in paths if p.suffix.lower() in KINDS and "__MACOSX" not in p.parts and p.name[0] != "."]
            paths = [p for p in paths if ".ipynb_checkpoints" not in p.parts]
            for one in (
                paths,
                [p for p in paths if p.suffix.lower() == ".ipynb"],
                [p for p in paths if p.stem.lower() in name.lower()],
            ):
                if len(one) == 1:
                    with archive.open(str(one[0])) as file:
                        held = file.read(MAX_BYTES + 1)
                    if len(held) > MAX_BYTES:
                        raise UnreadableError(f"{one[0].name} in it is larger than {MAX_BYTES // 10**6} MB")
                    return held
    except (zipfile.BadZipFile, OSError, RuntimeError, NotImplementedError, EOFError, ValueError) as error:
        if isinstance(error, UnreadableError):
            raise
        raise UnreadableError(f"it is a damaged zip ({described(error)})") from error
    held = ", ".join(p.name for p in paths[:5]) or "none"
    raise UnreadableError(f"it is a zip, which should hold one notebook or script, and holds {held}")


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
        yield Cell(kind, f"cell {i}", source, tuple(outputs(cell)) if kind == "code" else ())


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


def joined(text: object) -> str:
    """A notebook's text: a string, or a list of them."""
    return "".join(map(str, text)) if isinstance(text, list) else str(text)


def answers(listed: list[Cell]) -> dict[str, list[tuple[str, str]]]:
    """Pairs of a kind (``text``, ``code``, ``output``, ``image``) and its text, by question.

    An answer goes from the cell with the question's mark, which is not part of it, to the next mark or heading.
    """
    found: dict[str, list[tuple[str, str]]] = {}
    name: str | None = None
    for cell in listed:
        if cell.kind == "text" and END.search(cell.source):
            mark = ANSWER.search(cell.source)
            name = mark.group(1) if mark else None
        elif name is not None:
            pieces = found.setdefault(name, [])
            pieces += [piece for piece in [(cell.kind, cell.source), *cell.outputs] if piece[1].strip()]
    return {key: [(k, t[:MAX_ANSWER]) for k, t in pieces[:MAX_PIECES]] for key, pieces in found.items()}


def statements(cell: Cell) -> list[Statement]:
    """The statements of a cell of code; raises what Python raises where it cannot read them."""
    body = parsed(cell.source)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        compile(ast.Module(body, []), cell.location, "exec")  # a duplicate argument, or a break outside of a loop
    return [statement(node, cell.location) for node in body]


def parsed(source: str) -> list[ast.stmt]:
    """The statements of a text; lines for the notebook, such as ``%matplotlib inline``, are left out."""
    if FOREIGN.match(source):
        return []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return ast.parse(source).body
        except SyntaxError as error:
            lines = re.split(r"\r\n|\r|\n", source)
            kept = [re.sub(r"\S.*", "pass", line) if MAGIC.match(line) else line for line in lines]
            if kept == lines:
                raise error
            return ast.parse("\n".join(kept)).body


def statement(node: ast.stmt, location: str) -> Statement:
    """A statement with the names that it binds, changes and uses."""
    top = symtable.symtable(ast.unparse(node), "<statement>", "exec")
    binds = {s.get_name() for s in top.get_symbols() if s.is_assigned() or s.is_imported()}
    runs = {s.get_name() for s in top.get_symbols() if s.is_referenced()}
    uses, tables = set(runs), top.get_children()
    while tables:
        table = tables.pop()
        tables += table.get_children()
        for symbol in table.get_symbols():
            if symbol.is_global():
                uses.add(symbol.get_name())
                if symbol.is_assigned() and symbol.is_declared_global():
                    binds.add(symbol.get_name())
    if isinstance(node, ast.ImportFrom) and any(alias.name == "*" for alias in node.names):
        binds.add("*")
    changes, sets = changed(node)
    first = min([node.lineno, *(decorator.lineno for decorator in getattr(node, "decorator_list", []))])
    names = map(frozenset, (binds, (changes & uses) - binds, sets, uses, runs))
    return Statement(node, f"{location}, line {first}", *names)


def changed(node: ast.stmt) -> tuple[set[str], set[str]]:
    """The names whose value is changed in place: by an item, an attribute, or what is called for its effect.

    The second set has those of which a setter is called, such as ``np.seterr`` or ``torch.manual_seed``.
    """
    changes: set[str] = set()
    sets: set[str] = set()
    for inner in ast.walk(node):
        if isinstance(inner, (ast.Attribute, ast.Subscript)) and isinstance(inner.ctx, (ast.Store, ast.Del)):
            changes |= base(inner)
        if isinstance(inner, ast.Expr) and isinstance(inner.value, ast.Call):
            function = inner.value.func
            if isinstance(function, ast.Attribute):
                changes |= base(function)
                sets |= base(function) if SETTER.match(function.attr) else set()
            else:  # a function may change what it is given
                changes |= {a.id for a in inner.value.args if isinstance(a, ast.Name)} if base(function) else set()
    return changes, sets


def base(node: ast.expr) -> set[str]:
    """The name on which attributes and items hang."""
    while isinstance(node, (ast.Attribute, ast.Subscript)):
        node = node.value
    return {node.id} if isinstance(node, ast.Name) else set()


def described(error: BaseException) -> str:
    """An error in a few words."""
    if isinstance(error, SyntaxError):
        return f"{error.msg}, line {error.lineno}"
    return f"{type(error).__name__}: {str(error)[:100]}"
