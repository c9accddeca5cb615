"""What a statement does besides giving names a value: which names' values it changes in place, calls, or sets."""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

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


def attributes(node: ast.stmt) -> set[str]:
    """The attributes that a statement names."""
    return {inner.attr for inner in ast.walk(node) if isinstance(inner, ast.Attribute)}


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
