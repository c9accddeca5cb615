"""Reading a submission: the statements of its cells, and the slice of them that a function leads to.

For one function the statements are cut down to those that it needs, by name: what binds a name that is needed, or
changes what is bound to it. So a cell that trains or draws does not run, unless a function uses what it made. No form
is forbidden.
"""

import __future__

import ast
import re
import symtable
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import PurePosixPath

from .cells import AWAIT, Cell, UnreadableError, answers, cells, described, parsed, unzipped
from .effects import BY_TEXT, FUNCTIONS, IMPORTS, WORD, Effects, attributes, effects, imported

WRITES = re.compile(r"\s*%%(?:writefile|file)[ \t]+(-a[ \t]+)?(\S+\.py)[ \t]*\r?\n")


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
            for name, changed in found.items():
                changed.update(*(found[other] for other in uses[name] if other in found))
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
