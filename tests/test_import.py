"""Importing the package changes nothing and costs little; its floors import only downwards."""

import ast
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
FLOORS = [
    "atomic",
    "seeds",
    "units",
    "terms",
    "exact",
    "data",
    "models",
    "measure",
    "learn",
    "results",
    "show",
    "coursework",
    "cli",
    "__main__",
]

UNCHANGED = """
import random, sys
import numpy as np, torch, matplotlib, scipy.special, warnings
from torch.distributions import Distribution
def state():
    return (
        random.getstate(), str(np.random.get_state()), torch.get_rng_state().tolist(), torch.get_default_dtype(),
        torch.get_num_threads(), torch.are_deterministic_algorithms_enabled(), torch.is_grad_enabled(),
        Distribution._validate_args, dict(matplotlib.rcParams), list(warnings.filters), str(np.geterr()),
    )
before = state()
import companion
from companion import cli, data, learn, measure, models, show, terms, units
assert state() == before
"""


def test_importing_everything_changes_no_global_setting():
    subprocess.run([sys.executable, "-c", UNCHANGED], check=True)


def test_importing_the_root_imports_neither_torch_nor_numpy():
    code = "import sys, companion; assert not {'torch', 'numpy', 'matplotlib'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_root_names_its_submodules():
    import companion

    assert companion.units.__name__ == "companion.units"
    assert set(companion.__all__) <= set(dir(companion))
    assert not hasattr(companion, "no_such_module")


def imported_floors(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("companion."):
            found.add(node.module.split(".")[1])
        elif isinstance(node, ast.ImportFrom) and node.module == "companion":
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.Import):
            found.update(a.name.split(".")[1] for a in node.names if a.name.startswith("companion."))
    return found


def test_an_import_points_to_a_lower_floor_only():
    for path in (ROOT / "companion").rglob("*.py"):
        floor = path.relative_to(ROOT / "companion").parts[0].removesuffix(".py")
        if floor == "__init__":
            assert imported_floors(path) == set(), path
            continue
        for other in imported_floors(path) - {floor}:
            assert FLOORS.index(other) < FLOORS.index(floor), f"{path} imports companion.{other}"


def test_log_two_has_one_place():
    for path in (ROOT / "companion").rglob("*.py"):
        if path.name != "units.py":
            assert "log(2)" not in path.read_text(), path
            assert "log2" not in path.read_text(), path


def test_files_and_functions_stay_short():
    """400 lines a file; 40 lines a function, its docstring and its signature not counted."""
    for path in (ROOT / "companion").rglob("*.py"):
        assert path.read_text().count("\n") <= 400, path
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef):
                body = node.body[1:] if ast.get_docstring(node) else node.body
                lines = node.end_lineno - body[0].lineno + 1 if body else 0
                assert lines <= 40, f"{path}: {node.name} has {lines} lines"
