"""The distribution beside the book's package: what it needs, what it may not do, and its length."""

import ast
import re
import tomllib
from pathlib import Path

import companion
import elbo_coursework

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
SOURCES = sorted((ROOT / "elbo_coursework").rglob("*.py"))


def test_its_version_is_that_of_the_book():
    assert elbo_coursework.__version__ == companion.__version__


def test_every_requirement_is_the_package_or_pinned():
    pins = (ROOT.parent / "constraints.txt").read_text().lower()
    names = {re.split(r"[<>=\[]", requirement)[0] for requirement in PROJECT["dependencies"]}
    assert names > {"elbo-companion"}
    assert all(f"\n{name}==" in pins for name in names - {"elbo-companion"})


def test_the_package_does_not_import_the_coursework():
    assert not [path for path in (ROOT.parent / "companion").rglob("*.py") if "elbo_coursework" in path.read_text()]


def test_log_two_has_one_place():
    assert not [path for path in SOURCES if "log(2)" in path.read_text() or "log2" in path.read_text()]


def test_files_and_functions_stay_short():
    """400 lines a file; 40 lines a function, its docstring and its signature not counted."""
    for path in SOURCES:
        assert path.read_text().count("\n") <= 400, path
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef):
                body = node.body[1:] if ast.get_docstring(node) else node.body
                lines = node.end_lineno - body[0].lineno + 1 if body else 0
                assert lines <= 40, f"{path}: {node.name} has {lines} lines"


def test_students_can_check_where_the_system_is_another():
    """What ``check`` imports does without what Windows lacks; ``jail`` is a program of its own, for Linux."""
    for path in SOURCES:
        for node in ast.parse(path.read_text()).body:
            named = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            assert path.name == "jail.py" or not {"fcntl", "grp", "pwd", "resource"} & set(named), path
