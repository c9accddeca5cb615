"""Reading a submission: what of its code answers a question, and whether that code may run.

Of a notebook or a script are kept the imports by name, the functions, the classes, and constants: assignments that call
nothing but functions of NumPy and ``math``. Training and pictures never run in grading. For one question the kept
statements are cut down to those that its function leads to, by name. What is cut away neither runs nor counts, and
what is left is searched for names that grading does not allow.
"""

import ast
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from elbo_coursework.static_checks import (
    ImportTable,
    assigned_names,
    first_line,
    imported_names,
    local_names,
    violation,
)

CONSTANT_CALLS = ("numpy", "math", "float", "int")
MAX_BYTES = 20 * 10**6
IGNORED_IMPORTS = ("otter", "elbo_coursework", "google.colab", "matplotlib", "IPython", "__future__")
MAGIC = re.compile(r"\s*[%!?]|\s*[\w.]+\?{1,2}\s*$|\s*\w+\s*=\s*[%!]")


@dataclass(frozen=True)
class Statement:
    """A kept statement.

    Attributes:
        node: the statement
        text: its lines
        location: where it stands, such as ``cell 4``
    """

    node: ast.stmt
    text: str
    location: str

    @property
    def binds(self) -> set[str]:
        """The names it gives a value."""
        if isinstance(self.node, (ast.FunctionDef, ast.ClassDef)):
            return {self.node.name}
        return set(imported_names([self.node])) or assigned_names(self.node)

    @property
    def uses(self) -> set[str]:
        """The names it needs from elsewhere."""
        return {n.id for n in ast.walk(self.node) if isinstance(n, ast.Name)} - local_names(self.node)

    def line(self, node: ast.AST) -> str:
        """Where ``node`` stands, for a reader."""
        number = getattr(node, "lineno", self.node.lineno)
        if isinstance(self.node, (ast.FunctionDef, ast.ClassDef)):
            return f"line {number - first_line(self.node) + 1} of {self.node.name}"
        return f"line {number} of {self.location}"


@dataclass(frozen=True)
class Submission:
    """The kept statements, in their order, and sentences on the cells that could not be read."""

    statements: tuple[Statement, ...]
    unreadable: tuple[str, ...]

    def slice(self, name: str) -> tuple[Statement, ...]:
        """What the function ``name`` leads to, itself included, in order; nothing where it is not defined."""
        wanted, known = {name}, {bound for statement in self.statements for bound in statement.binds}
        if name not in known:
            return ()
        chosen: set[int] = set()
        while True:
            new = {i for i, statement in enumerate(self.statements) if statement.binds & wanted} - chosen
            if not new:
                return _current([self.statements[i] for i in sorted(chosen)])
            chosen |= new
            wanted |= {used for i in new for used in self.statements[i].uses}


@dataclass(frozen=True)
class Code:
    """What runs for one question.

    Attributes:
        source: text of the statements, numbered from 1
        modules: what it imports, to be there before the guard is set
        refused: a sentence on what grading does not allow, or None
    """

    source: str
    modules: tuple[str, ...]
    refused: str | None


def read(path: Path | str) -> Submission:
    """Read a notebook ``.ipynb`` or a script ``.py``.

    Raises ``ValueError`` for another ending, or a file that is no notebook.
    """
    statements: list[Statement] = []
    unreadable: list[str] = []
    for location, source in _cells(Path(path)):
        try:
            statements += _statements(source, location, statements)
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            unreadable.append(f"{location} is left out, as Python cannot read it: {_described(error)}.")
    return Submission(tuple(statements), tuple(unreadable))


def code(submission: Submission, name: str, forbidden: tuple[str, ...]) -> Code:
    """The code of the question ``name``, of which ``forbidden`` lists the dotted names that do the work."""
    statements = submission.slice(name)
    table = ImportTable(imported_names(statement.node for statement in statements))
    refused = next((message for statement in statements if (message := _refused(statement, table, forbidden))), None)
    ambiguous = table.ambiguous(statement.node for statement in statements)
    return Code("\n".join(map(_run, statements)), tuple(sorted(table.modules)), refused or ambiguous)


def _current(statements: list[Statement]) -> tuple[Statement, ...]:
    """The statements without the functions that are defined anew before anything that runs names them."""
    last = {name: i for i, statement in enumerate(statements) if _plain(statement.node) for name in statement.binds}
    kept = []
    for i, statement in enumerate(statements):
        (name, *_) = statement.binds
        between = statements[i + 1 : last.get(name, i)]
        late = all(_plain(other.node) or name not in other.uses for other in between)
        if not (_plain(statement.node) and last[name] > i and late):
            kept.append(statement)
    return tuple(kept)


def _plain(node: ast.stmt) -> bool:
    """Whether a statement is a function of which nothing runs before it is called."""
    return isinstance(node, ast.FunctionDef) and not (
        node.decorator_list or node.args.defaults or any(node.args.kw_defaults)
    )


def _refused(statement: Statement, table: ImportTable, forbidden: tuple[str, ...]) -> str | None:
    """The sentence on the first node of a statement that grading does not allow, or None."""
    local = local_names(statement.node)
    mine, nodes = table.without(local), ast.walk(statement.node)
    nodes = (node for node in nodes if not (isinstance(node, ast.Name) and node.id in local))
    found = ((node, violation(node, mine, forbidden)) for node in nodes)
    return next((f"L{statement.line(node)[1:]} {why}" for node, why in found if why), None)


def _statements(source: str, location: str, before: list[Statement]) -> list[Statement]:
    """What is kept of one cell."""
    body, lines = _parsed(source)
    table = ImportTable(imported_names([*(statement.node for statement in before), *body]))
    kept = [single for node in body for single in _single(node) if _kept(single, table)]
    return [Statement(node, _text(node, lines), location) for node in kept]


def _cells(path: Path) -> Iterator[tuple[str, str]]:
    """The code of a file, by location."""
    if path.suffix.lower() not in (".ipynb", ".py"):
        raise ValueError(f"path: expected a notebook .ipynb or a script .py, got {path.name}")
    if path.stat().st_size > MAX_BYTES:
        raise ValueError(f"path: expected at most {MAX_BYTES // 10**6} MB, and {path.name} is larger")
    try:
        text = path.read_text(encoding="utf-8-sig")
        if path.suffix.lower() == ".py":
            yield "the file", text
            return
        cells = json.loads(text)["cells"]
        sources = [(i, cell["source"]) for i, cell in enumerate(cells, 1) if cell["cell_type"] == "code"]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise ValueError(f"path: expected a notebook, and {path.name} is none: {_described(error)}") from error
    for i, source in sources:
        yield f"cell {i}", source if isinstance(source, str) else "".join(map(str, source))


def _parsed(source: str) -> tuple[list[ast.stmt], list[str]]:
    """The statements of a cell and its lines; lines for the notebook, such as ``%matplotlib inline``, are left out."""
    try:
        return ast.parse(source).body, _lines(source)
    except SyntaxError:
        lines = ["" if MAGIC.match(line) else line for line in _lines(source)]
        return ast.parse("\n".join(lines)).body, lines


def _lines(source: str) -> list[str]:
    """The lines as Python counts them: a form feed or U+2028 in a comment ends none."""
    return re.split(r"\r\n|\r|\n", source)


def _single(node: ast.stmt) -> list[ast.stmt]:
    """An import of several names as imports of one name each."""
    if isinstance(node, ast.Import):
        return [ast.copy_location(ast.Import([alias]), node) for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        return [ast.copy_location(ast.ImportFrom(node.module, [alias], node.level), node) for alias in node.names]
    return [node]


def _text(node: ast.stmt, lines: list[str]) -> str:
    if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
        return "\n".join(lines[first_line(node) - 1 : node.end_lineno])
    return ast.unparse(node)


def _run(statement: Statement) -> str:
    """The text to run; a constant that fails leaves its name undefined, for the function that needs it to tell."""
    constant = isinstance(statement.node, (ast.Assign, ast.AnnAssign))
    return f"try:\n    {statement.text}\nexcept Exception:\n    pass" if constant else statement.text


def _kept(node: ast.stmt, table: ImportTable) -> bool:
    if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
        return True
    if isinstance(node, ast.Import):
        return not any(f"{alias.name}.".startswith(f"{root}.") for alias in node.names for root in IGNORED_IMPORTS)
    if isinstance(node, ast.ImportFrom):
        star = any(alias.name == "*" for alias in node.names)
        return not (star or any(f"{node.module}.".startswith(f"{root}.") for root in IGNORED_IMPORTS))
    if isinstance(node, (ast.Assign, ast.AnnAssign)) and node.value is not None:
        return all(
            (table.dotted_name(call.func) or _name(call.func)).split(".")[0] in CONSTANT_CALLS
            for call in _calls(node.value)
        )
    return False


def _calls(node: ast.AST) -> Iterator[ast.Call]:
    """The calls made when an expression is evaluated: those in the body of a ``lambda`` are not."""
    if isinstance(node, ast.Call):
        yield node
    if not isinstance(node, ast.Lambda):
        for child in ast.iter_child_nodes(node):
            yield from _calls(child)


def _name(node: ast.expr) -> str:
    return node.id if isinstance(node, ast.Name) else ""


def _described(error: BaseException) -> str:
    return f"{error.msg}, line {error.lineno}" if isinstance(error, SyntaxError) else f"{type(error).__name__}: {error}"
