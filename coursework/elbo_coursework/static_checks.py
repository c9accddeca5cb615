"""The names that graded code may use, found without running it.

Modules are those of a list; of them, and of Python, some names are not allowed. What a chain such as ``t.entropy``
stands for is found through the imports, and a name of ``companion`` is followed to where it is defined. A search of the
text can be got round: the process that runs the code is guarded besides.
"""

import ast
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pkgutil import resolve_name
from symtable import symtable

#: Modules that graded code may import.
ALLOWED_MODULES = (
    "cmath",
    "collections",
    "companion",
    "copy",
    "dataclasses",
    "fractions",
    "functools",
    "itertools",
    "math",
    "numbers",
    "numpy",
    "random",
    "scipy",
    "statistics",
    "torch",
    "typing",
    "warnings",
)
#: Parts of these that it may not: the answers, and what reads files.
FORBIDDEN_NAMES = (
    "companion.atomic",
    "companion.cli",
    "numpy.ctypeslib",
    "numpy.f2py",
    "numpy.fromfile",
    "numpy.fromregex",
    "numpy.genfromtxt",
    "numpy.lib",
    "numpy.load",
    "numpy.loadtxt",
    "numpy.memmap",
    "numpy.rec",
    "numpy.testing",
    "scipy.io",
    "torch.hub",
    "torch.load",
    "torch.multiprocessing",
    "torch.utils",
)
#: Names of Python, and attributes, by which code is made from text or a file is reached.
WORDS = """__builtins__ __import__ __loader__ __spec__ breakpoint compile delattr eval exec exit getattr globals help
input locals open quit setattr vars"""
FORBIDDEN_BUILTINS = frozenset(WORDS.split())
ATTRIBUTES = """ag_frame attrgetter builtins cr_frame ctypes dump f_back f_builtins f_globals f_locals get_type_hints
gi_frame importlib inspect io operator os pickle shutil socket subprocess sys tb_frame tofile"""
FORBIDDEN_ATTRIBUTES = frozenset(ATTRIBUTES.split())
ALLOWED_DUNDERS = frozenset(["__init__", "__name__", "__post_init__", "__call__"])


@dataclass(frozen=True)
class ImportTable:
    """What names stand for: the dotted name of each that an import binds."""

    imports: Mapping[str, str]

    @property
    def modules(self) -> set[str]:
        """The modules to import, the list's only."""
        return {root for name in self.imports.values() if (root := name.split(".")[0]) in ALLOWED_MODULES}

    def without(self, local: set[str]) -> "ImportTable":
        """The same without names that mean something else in one function."""
        return ImportTable({name: full_name for name, full_name in self.imports.items() if name not in local})

    def ambiguous(self, nodes: Iterable[ast.AST]) -> str | None:
        """A sentence on a name that two imports in ``nodes`` bind to different things, or None."""
        pairs = (pair for node in nodes for inner in ast.walk(node) for pair in imported_names([inner]).items())
        wrong = next((name for name, full_name in pairs if self.imports[name] != full_name), None)
        return f"The code imports two different things as {wrong}; give each its own name." if wrong else None

    def dotted_name(self, node: ast.AST) -> str:
        """The dotted name of a chain of attributes, or an empty text.

        >>> ImportTable({"np": "numpy"}).dotted_name(ast.parse("np.linalg.norm", mode="eval").body)
        'numpy.linalg.norm'
        """
        if isinstance(node, ast.Attribute):
            return f"{root}.{node.attr}" if (root := self.dotted_name(node.value)) else ""
        return self.imports.get(node.id, "") if isinstance(node, ast.Name) else ""


def imported_names(nodes: Iterable[ast.AST]) -> dict[str, str]:
    """What the imports in ``nodes`` bind, those inside functions included.

    >>> imported_names([ast.parse("import numpy as np; from companion import exact")])
    {'np': 'numpy', 'exact': 'companion.exact'}
    """
    found: dict[str, str] = {}
    for node in (inner for outer in nodes for inner in ast.walk(outer)):
        if isinstance(node, ast.Import):
            tops = {alias.name.split(".")[0] for alias in node.names if not alias.asname}
            found |= {top: top for top in tops} | {a.asname: a.name for a in node.names if a.asname}
        elif isinstance(node, ast.ImportFrom):
            found |= {a.asname or a.name: f"{'.' * node.level}{node.module or ''}.{a.name}" for a in node.names}
    return found


def assigned_names(node: ast.AST) -> set[str]:
    """The names that assignments in ``node`` give a value."""
    return {n.id for n in ast.walk(node) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}


def local_names(node: ast.AST) -> set[str]:
    """The names that belong to a function: its arguments, and what it gives a value, imports apart."""
    if not isinstance(node, ast.FunctionDef):
        return set()
    shared = {name for n in ast.walk(node) if isinstance(n, ast.Global) for name in n.names}
    arguments = {n.arg for n in ast.walk(node) if isinstance(n, ast.arg)}
    return (arguments | assigned_names(node)) - imported_names([node]).keys() - shared - _global_names(node)


def _global_names(node: ast.AST) -> set[str]:
    """The names that a function, or one inside it, takes from outside, even if they are its own elsewhere."""
    tables, found = [symtable(ast.unparse(node), "<part>", "exec")], set()
    while tables:
        table = tables.pop()
        tables += table.get_children()
        if table.get_type() != "module":
            found |= {symbol.get_name() for symbol in table.get_symbols() if symbol.is_global()}
    return found


def first_line(node: ast.FunctionDef | ast.ClassDef) -> int:
    """The line on which a function or class begins, with its decorators."""
    return min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])


def violation(node: ast.AST, table: ImportTable, forbidden: tuple[str, ...]) -> str | None:
    """What ``node`` does that grading does not allow, in the words after its line, or None."""
    return next(_violations(node, table, forbidden), None)


def _violations(node: ast.AST, table: ImportTable, forbidden: tuple[str, ...]) -> Iterator[str]:
    if isinstance(node, (ast.Import, ast.ImportFrom)):
        yield from _import_violations(node)
    if isinstance(node, ast.Name) and node.id in FORBIDDEN_BUILTINS:
        yield f"uses {node.id}, which grading does not allow."
    if isinstance(node, ast.Attribute):
        if node.attr in FORBIDDEN_ATTRIBUTES or (node.attr.startswith("__") and node.attr not in ALLOWED_DUNDERS):
            yield f"uses .{node.attr}, which grading does not allow."
        if node.attr.startswith("_") and table.dotted_name(node):
            yield f"uses {table.dotted_name(node)}, which is private."
    if not isinstance(node, ast.Attribute):
        inner = map(table.dotted_name, ast.iter_child_nodes(node))
        yield from (f"hands on the module {root}." for root in inner if root in ALLOWED_MODULES)
    name = table.dotted_name(node)
    if name:
        yield from _name_violations(name, isinstance(node, ast.Name), forbidden)


def _name_violations(name: str, alone: bool, forbidden: tuple[str, ...]) -> Iterator[str]:
    """Sentences on the dotted ``name``; ``alone`` where one word of the code stands for it."""
    if alone and any(part in FORBIDDEN_ATTRIBUTES or part.startswith("_") for part in name.split(".")[1:]):
        yield f"uses {name}, which grading does not allow."
    for full_name in dict.fromkeys([name, _defined_at(name)]):
        if any(_within(full_name, other) for other in FORBIDDEN_NAMES):
            yield f"uses {full_name}, which grading does not allow."
        if any(_within(full_name, other) for other in forbidden):
            yield f"uses {full_name}, which does the work of this question."


def _import_violations(node: ast.Import | ast.ImportFrom) -> Iterator[str]:
    """Sentences on imports that are not of the list."""
    modules = [node.module or "."] if isinstance(node, ast.ImportFrom) else [alias.name for alias in node.names]
    for module in modules:
        if module.split(".")[0] not in ALLOWED_MODULES or (isinstance(node, ast.ImportFrom) and node.level):
            yield f"imports {module}, which grading does not allow; it allows {', '.join(ALLOWED_MODULES)}."
    if any(alias.name == "*" for alias in node.names):
        yield "imports *, which hides what is used: import it by name."


def _within(name: str, other: str) -> bool:
    return f"{name}.".startswith(f"{other}.")


@lru_cache
def _defined_at(name: str) -> str:
    """Where what ``name`` of ``companion`` stands for is defined."""
    if not _within(name, "companion") or any(_within(name, other) for other in FORBIDDEN_NAMES):
        return name
    try:
        thing = resolve_name(name)
    except (ImportError, AttributeError, ValueError):
        return name
    if hasattr(thing, "__module__") and hasattr(thing, "__qualname__"):
        return f"{thing.__module__}.{thing.__qualname__}"
    return getattr(thing, "__name__", name)
