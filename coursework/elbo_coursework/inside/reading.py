"""Reading a submission: the cells of a file, their statements, and the slice of them that a function leads to.

A notebook of any version, a script or a zip with one of them is read from its bytes. For one function the statements
are cut down to those that it needs, by name: what binds a name that is needed, or changes what is bound to it. So a
cell that trains or draws does not run, unless a function uses what it made. No form is forbidden.
"""

import __future__

import ast
import io
import json
import re
import symtable
import tokenize
import warnings
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import PurePosixPath

KINDS = (".ipynb", ".py")
MAX_BYTES = 50 * 10**6  # of a file in a zip
MAX_CELLS = 20_000
MAX_SCRIPTS = 20
MAX_PIECES, MAX_ANSWER = 60, 6 * 10**6  # of an answer in words: its parts, and characters of each
MAX_MAGICS = 30  # that are left out one by one
IMPORTS = (ast.Import, ast.ImportFrom)
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
SETTER = re.compile(r"set|seed|manual_seed|use_")
#: Methods that change what they belong to: those that are called for it, and those that also give a value.
MUTATOR = re.compile(r"(add|append|clear|discard|extend|fill|insert|put|remove|reverse|rotate|sort|update)(left)?$")
POPPER = re.compile(r"(pop|popitem|popleft|send|setdefault|step|[a-z]\w*_)$")
OPTIMISER = re.compile(r"(Ada\w+|ASGD|LBFGS|Muon|NAdam|RAdam|RMSprop|Rprop|SGD|SparseAdam)$")
DRAWS = re.compile(r"(plt|pyplot|ax\w*|fig\w*|sns)$")  # what plots draw on: what is drawn stays as it is
READS = {"print", "display", "len", "repr", "str", "type", "id", "help", "dir", "isinstance"}
BY_TEXT = {"eval", "exec", "globals", "locals", "vars"}
WORD = re.compile(r"[^\W\d]\w*")
MAGIC = re.compile(r"\s*[%!?]|\s*[\w.]+\?{1,2}\s*$|\s*[\w.,\s]+=\s*[%!]")
FOREIGN = re.compile(r"\s*%%(?!(?:time|capture|prun|memit|mprun)\b)\w+")  # its names do not reach the notebook
WRITES = re.compile(r"\s*%%(?:writefile|file)[ \t]+(-a[ \t]+)?(\S+\.py)[ \t]*\r?\n")
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


@dataclass(frozen=True)
class Statement:
    """A statement on the level of a cell.

    Attributes:
        location: where it stands, such as ``cell 4, line 2``
        binds: the names that it gives a value
        uses: the names that it needs from elsewhere
        runs: of these, those that it needs at once, not only when a function in it is called
        effects: what it changes in place
        flags: of the compiler, such as that of ``from __future__ import annotations`` in an earlier cell
    """

    node: ast.stmt
    location: str
    binds: frozenset[str]
    uses: frozenset[str]
    runs: frozenset[str]
    effects: "Effects"
    flags: int = 0

    @property
    def defines(self) -> str:
        """The name of the function or class that it is, if any."""
        return self.node.name if isinstance(self.node, (*FUNCTIONS, ast.ClassDef)) else ""

    @property
    def lasting(self) -> bool:
        """Whether what it binds is the same after it was passed to a function: one itself, a module or a number."""
        if isinstance(self.node, IMPORTS) or self.defines:
            return True
        value = self.node.value if isinstance(self.node, (ast.Assign, ast.AnnAssign)) else None
        fixed = (ast.Constant, ast.UnaryOp, ast.BinOp, ast.Tuple, ast.operator, ast.unaryop, ast.expr_context)
        return isinstance(value, ast.Lambda) or (
            value is not None and all(isinstance(inner, fixed) for inner in ast.walk(value))
        )


@dataclass
class Reading:
    """The statements of a submission, sentences on what could not be read, and answers in words by question.

    ``files`` are scripts that the submission brings: from its zip, or written by one of its cells.
    """

    statements: list[Statement] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    answers: dict[str, list[tuple[str, str]]] = field(default_factory=dict)
    files: dict[str, bytes] = field(default_factory=dict)

    @property
    def functions(self) -> list[str]:
        """The names that have a value, in their order, among them those of the functions."""
        return list(dict.fromkeys(name for statement in self.statements for name in sorted(statement.binds)))

    def slice(self, name: str) -> list[Statement]:
        """The statements that ``name`` leads to, in their order; none where nothing binds it."""
        makers = self._makers(name)
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

    def _makers(self, asked: str) -> dict[str, list[int]]:
        """By each name, the statements that give it a value, or change that.

        What calling ``asked`` itself changes is left out: an answer does not hang on the calls before it.
        """
        modules, lasting = set[str](), dict[str, bool]()
        for each in self.statements:
            modules |= imported(each.node)
            lasting |= {name: lasting.get(name, True) and each.lasting for name in each.binds}
        changes = self._called("changes", modules, asked)
        rebinds = self._called("rebinds", modules, asked)
        fills = {each.defines for each in self.statements if each.effects.fills}
        aliases: dict[str, set[str]] = {}
        for each in self.statements:
            for name in each.effects.holds and each.binds:
                aliases.setdefault(name, set()).update(n for n in each.effects.holds if not lasting.get(n, True))
        makers: dict[str, list[int]] = {}
        for i, each in enumerate(self.statements):
            found = each.effects
            made = set(each.binds | found.sets) | (found.now - modules)
            made |= {name for name in found.gives if not lasting.get(name, True)}
            made |= {name for function, name in found.passes if function in fills}
            made |= set().union(*(changes.get(name, ()) for name in found.calls))
            made |= set().union(*(rebinds.get(name, ()) for name in each.runs))
            made |= set().union(*(aliases.get(name, ()) for name in made))
            for name in made:
                makers.setdefault(name, []).append(i)
        return makers

    def _called(self, kind: str, modules: set[str], asked: str) -> dict[str, set[str]]:
        """By each function or class, what calling it ``changes`` or ``rebinds``, also through others that it calls."""
        found: dict[str, set[str]] = {}
        uses: dict[str, set[str]] = {}
        for each in self.statements:
            if each.defines and each.defines != asked:
                found.setdefault(each.defines, set()).update(getattr(each.effects, kind) - modules)
                uses.setdefault(each.defines, set()).update(each.uses)
        before = -1
        while before != (before := sum(map(len, found.values()))):
            for name, effects in found.items():
                effects.update(*(found[other] for other in uses[name] if other in found))
        return found


def read(content: bytes, name: str = "", helpers: Mapping[str, bytes] | None = None) -> Reading:
    """Read the bytes of a notebook, a script, or a zip that holds one; ``name`` is the file's, for choosing in a zip.

    ``helpers`` are the scripts beside it: a star import of one gives its names. Raises ``UnreadableError``.
    """
    found, flags = Reading(), 0
    if content.startswith(b"PK\x03\x04"):
        content, found.files = unzipped(content, name)
    listed = cells(content, name)
    for cell in listed:
        if cell.kind != "code":
            continue
        if written := WRITES.match(cell.source):
            file, text = PurePosixPath(written.group(2)).name, cell.source[written.end() :].encode("utf-8", "replace")
            found.files[file] = (found.files.get(file, b"") if written.group(1) else b"") + text
        try:
            read_now = statements(cell)
        except MemoryError:
            found.problems.append(f"{cell.location} is left out: to read it takes more memory than there may be.")
            continue
        except (SyntaxError, ValueError, RecursionError) as error:
            found.problems.append(f"{cell.location} is left out, as Python cannot read it: {described(error)}.")
            continue
        for each in read_now:
            flags |= future(each.node)
            found.statements.append(replace(each, flags=flags))
    found.statements = [starred(each, {**(helpers or {}), **found.files}) for each in found.statements]
    found.answers = answers(listed)
    return found


def future(node: ast.stmt) -> int:
    """The flags of the compiler that an import from ``__future__`` sets."""
    names = node.names if isinstance(node, ast.ImportFrom) and node.module == "__future__" else []
    flags = 0
    for alias in names:
        flags |= getattr(getattr(__future__, alias.name, None), "compiler_flag", 0)
    return flags


def starred(found: Statement, helpers: Mapping[str, bytes]) -> Statement:
    """A star import of a script beside the notebook, with the names that it gives."""
    node = found.node
    if not isinstance(node, ast.ImportFrom) or "*" not in found.binds or f"{node.module}.py" not in helpers:
        return found
    try:
        names = set(read(helpers[f"{node.module}.py"]).functions)
    except UnreadableError:
        return found
    return replace(found, binds=found.binds | names)


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
            paths = [PurePosixPath(info.filename) for info in archive.infolist() if not info.is_dir()]
            paths = [p for p in paths if p.suffix.lower() in KINDS and "__MACOSX" not in p.parts and p.name[0] != "."]
            paths = [p for p in paths if ".ipynb_checkpoints" not in p.parts]
            for one in (
                paths,
                [p for p in paths if p.suffix.lower() == ".ipynb"],
                [p for p in paths if p.stem.lower() in name.lower()],
            ):
                if len(one) == 1:
                    scripts = [p for p in paths if p != one[0] and p.suffix == ".py" and p.parent == one[0].parent]
                    return member(archive, one[0]), {p.name: member(archive, p) for p in scripts[:MAX_SCRIPTS]}
    except (zipfile.BadZipFile, OSError, RuntimeError, NotImplementedError, EOFError, ValueError) as error:
        if isinstance(error, UnreadableError):
            raise
        raise UnreadableError(f"it is a damaged zip ({described(error)})") from error
    held = ", ".join(p.name for p in paths[:5]) or "none"
    raise UnreadableError(f"it is a zip, which should hold one notebook or script, and holds {held}")


def member(archive: zipfile.ZipFile, path: PurePosixPath) -> bytes:
    """A file of a zip; raises ``UnreadableError`` for one that is too large."""
    with archive.open(str(path)) as file:
        held = file.read(MAX_BYTES + 1)
    if len(held) > MAX_BYTES:
        raise UnreadableError(f"{path.name} in it is larger than {MAX_BYTES // 10**6} MB")
    return held


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


def statements(cell: Cell) -> list[Statement]:
    """The statements of a cell of code; raises what Python raises where it cannot read them."""
    body = parsed(cell.source)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        # a duplicate argument, or a break outside of a loop
        compile(ast.Module(body, []), cell.location, "exec", AWAIT, dont_inherit=True)
        return [statement(one, cell.location) for node in body for one in parts(node)]


def parts(node: ast.stmt) -> list[ast.stmt]:
    """An import of several modules as one of each, as one that is missing does not take the others with it."""
    if isinstance(node, ast.Import):
        return [ast.copy_location(ast.Import([alias]), node) for alias in node.names]
    return [node]


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


def statement(node: ast.stmt, location: str) -> Statement:
    """A statement with the names that it binds and uses, and its effects."""
    top = symtable.symtable(ast.unparse(node), "<statement>", "exec")
    binds = {s.get_name() for s in top.get_symbols() if s.is_assigned() or s.is_imported()}
    runs = {s.get_name() for s in top.get_symbols() if s.is_referenced()}
    uses, rebinds, tables = set(runs), set[str](), top.get_children()
    while tables:
        table = tables.pop()
        tables += table.get_children()
        for symbol in table.get_symbols():
            if symbol.is_global():
                uses.add(symbol.get_name())
                if symbol.is_assigned() and symbol.is_declared_global():
                    rebinds.add(symbol.get_name())
                elif symbol.is_assigned() and table.get_type() == "function":  # by := in a comprehension
                    binds.add(symbol.get_name())
    if isinstance(node, ast.ImportFrom) and any(alias.name == "*" for alias in node.names):
        binds.add("*")
    if BY_TEXT & uses:
        texts = [n.value for n in ast.walk(node) if isinstance(n, ast.Constant) and isinstance(n.value, str)]
        uses |= {word for text in texts for word in WORD.findall(text)}
    if {"exec", "globals"} & runs or "setrecursionlimit" in attributes(node):
        binds.add("*")  # may bind any name, or is felt by any function
    first = min([node.lineno, *(decorator.lineno for decorator in getattr(node, "decorator_list", []))])
    found = effects(node, uses, binds, rebinds)
    return Statement(node, f"{location}, line {first}", frozenset(binds), frozenset(uses), frozenset(runs), found)


def attributes(node: ast.stmt) -> set[str]:
    """The attributes that a statement names."""
    return {inner.attr for inner in ast.walk(node) if isinstance(inner, ast.Attribute)}


@dataclass
class Effects:
    """What a statement, or the function that it defines, changes in place, by name.

    Attributes:
        changes: what it changes by an item, an attribute or a method, be it only when a function in it is called
        now: of these, those that it changes at once
        sets: of these, those that it gives a setting, as ``np.seterr`` does
        gives: what it passes to a function that it calls for its effect
        passes: pairs of a function and what it passes to it
        calls: the functions that it calls for their effect
        rebinds: what it, or a function in it, declares global and gives another value
        holds: what an optimiser that it makes will change
        fills: whether it is a function that changes one of its arguments
    """

    changes: set[str] = field(default_factory=set)
    now: set[str] = field(default_factory=set)
    sets: set[str] = field(default_factory=set)
    gives: set[str] = field(default_factory=set)
    passes: set[tuple[str, str]] = field(default_factory=set)
    calls: set[str] = field(default_factory=set)
    rebinds: set[str] = field(default_factory=set)
    holds: set[str] = field(default_factory=set)
    fills: bool = False

    def add(self, node: ast.AST) -> None:
        """Note what one node of the statement's tree does."""
        if isinstance(node, (ast.Attribute, ast.Subscript)) and isinstance(node.ctx, (ast.Store, ast.Del)):
            self.changes |= base(node)
            self.sets |= base(node)
        elif isinstance(node, ast.Expr):
            for call in outer(node.value):
                self.add_effect(call)
        elif isinstance(node, ast.Call):
            self.add_call(node)

    def add_effect(self, call: ast.Call) -> None:
        """Note a call that is there for its effect."""
        owner = base(call.func)
        self.calls |= owner
        if not isinstance(call.func, ast.Attribute):
            self.gives |= set() if owner & READS else arguments(call)
            return
        self.changes |= owner
        self.sets |= owner if SETTER.match(call.func.attr) else set()
        if not MUTATOR.match(call.func.attr) and not any(DRAWS.match(name) for name in owner):
            self.gives |= arguments(call)

    def add_call(self, call: ast.Call) -> None:
        """Note any call."""
        owner, given = base(call.func), arguments(call)
        self.passes |= {(function, name) for function in owner for name in given}
        if isinstance(call.func, ast.Attribute):
            name = call.func.attr
            self.changes |= owner if POPPER.match(name) else set()
        else:
            name = next(iter(owner), "")
            self.changes |= given if name == "next" else set()
        if OPTIMISER.match(name):
            parts = [*call.args, *(keyword.value for keyword in call.keywords)]
            self.holds |= {inner.id for part in parts for inner in ast.walk(part) if isinstance(inner, ast.Name)}


def effects(node: ast.stmt, uses: set[str], binds: set[str], declared: set[str]) -> Effects:
    """The effects of a statement on names from elsewhere; those ``declared`` global are assigned in a function."""
    found, nodes = Effects(), list(ast.walk(node))
    for inner in nodes:
        found.add(inner)
    if isinstance(node, FUNCTIONS):
        given = node.args
        names = {a.arg for a in [*given.posonlyargs, *given.args, *given.kwonlyargs, given.vararg] if a is not None}
        found.fills = bool(names & found.changes)
    found.changes = (found.changes | declared) & uses
    found.now = found.changes - binds
    found.passes = {pair for pair in found.passes if pair[1] in uses}
    counted = {id(inner.target) for inner in nodes if isinstance(inner, ast.AugAssign)}
    stored = [inner for inner in nodes if isinstance(inner, ast.Name) and isinstance(inner.ctx, ast.Store)]
    found.rebinds = declared & {inner.id for inner in stored if id(inner) not in counted}
    if isinstance(node, (*FUNCTIONS, ast.ClassDef)):  # at once it calls its decorators alone
        found.calls = set[str]().union(*(base(called(one)) for one in node.decorator_list))
        found.now, found.sets, found.gives = (found.calls & uses) - binds, set(), set()
    found.gives = (found.gives & uses) - binds
    found.sets &= uses
    return found


def called(node: ast.expr) -> ast.expr:
    """What is called, in a decorator with arguments or without."""
    return node.func if isinstance(node, ast.Call) else node


def outer(node: ast.expr) -> Iterator[ast.Call]:
    """The calls in an expression of which nothing else is made: they are there for their effect."""
    if isinstance(node, ast.Call):
        yield node
    elif isinstance(node, (ast.ListComp, ast.SetComp, ast.GeneratorExp)):
        yield from outer(node.elt)
    elif isinstance(node, (ast.Await, ast.Starred)):
        yield from outer(node.value)
    else:
        branches = [node.body, node.orelse] if isinstance(node, ast.IfExp) else getattr(node, "elts", ())
        for branch in node.values if isinstance(node, ast.BoolOp) else branches:
            yield from outer(branch)


def arguments(call: ast.Call) -> set[str]:
    """The names on which the arguments of a call hang."""
    parts = [*call.args, *(keyword.value for keyword in call.keywords)]
    return set[str]().union(*(base(part.value if isinstance(part, ast.Starred) else part) for part in parts))


def imported(node: ast.stmt) -> set[str]:
    """The names of modules that a statement binds, also within ``try`` or ``if``."""
    if isinstance(node, (*FUNCTIONS, ast.ClassDef)):
        return set()
    found = [alias for inner in ast.walk(node) if isinstance(inner, IMPORTS) for alias in inner.names]
    return {(alias.asname or alias.name).split(".")[0] for alias in found}


def base(node: ast.expr) -> set[str]:
    """The name on which attributes and items hang."""
    while isinstance(node, (ast.Attribute, ast.Subscript)):
        node = node.value
    return {node.id} if isinstance(node, ast.Name) else set()


def described(error: BaseException) -> str:
    """An error in a few words."""
    if isinstance(error, SyntaxError):
        return error.msg if error.lineno is None else f"{error.msg}, line {error.lineno}"
    return f"{type(error).__name__}: {str(error)[:100]}"
