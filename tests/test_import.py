"""Importing the package changes nothing and costs little; its floors import only downwards."""

import ast
import json
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[1]
FLOORS = [
    "atomic",
    "locks",
    "signals",
    "jsons",
    "seeds",
    "units",
    "stats",
    "terms",
    "exact",
    "data",
    "models",
    "measure",
    "adapters",
    "objectives",
    "learn",
    "coding",
    "results",
    "studies",
    "sweeps",
    "show",
    "cli",
    "__main__",
]
PUBLIC = {
    "adapters",
    "coding",
    "data",
    "exact",
    "learn",
    "measure",
    "models",
    "objectives",
    "results",
    "show",
    "studies",
    "sweeps",
}
MODULES = {"companion", "companion.seeds", "companion.stats", "companion.terms", "companion.units"}
FACES = MODULES | {f"companion.{name}" for name in PUBLIC} | {"companion.studies.toy", "companion.show.chapters"}

UNCHANGED = """
import random, sys
import numpy as np, torch, matplotlib, scipy.optimize, scipy.special, warnings
from torch.distributions import Distribution
def state():
    return (
        random.getstate(), str(np.random.get_state()), torch.get_rng_state().tolist(), torch.get_default_dtype(),
        torch.get_num_threads(), torch.are_deterministic_algorithms_enabled(), torch.is_grad_enabled(),
        Distribution._validate_args, dict(matplotlib.rcParams), list(warnings.filters), str(np.geterr()),
    )
before = state()
import companion
from companion import adapters, cli, data, exact, learn, measure, models, objectives
from companion import results, show, stats, studies, sweeps
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


def module_graph() -> dict[str, set[str]]:
    """The modules of the package, and which others each imports when it is itself imported."""
    files = {path: ".".join(path.relative_to(ROOT).with_suffix("").parts) for path in ROOT.glob("companion/**/*.py")}
    names = {name.removesuffix(".__init__") for name in files.values()}
    graph: dict[str, set[str]] = {}
    for path, name in files.items():
        found = graph.setdefault(name.removesuffix(".__init__"), set())
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("companion"):
                inner = {f"{node.module}.{alias.name}" for alias in node.names}
                found |= {n if n in names else node.module for n in inner}
    return {name: found - {name} for name, found in graph.items()}


def test_no_module_imports_itself_by_way_of_others():
    """A package's own modules come before its face, which imports them."""
    graph = module_graph()
    for name in graph:
        seen, waiting = set(), list(graph[name])
        while waiting:
            other = waiting.pop()
            assert other != name, f"{name} imports itself through {sorted(seen)}"
            if other not in seen:
                seen.add(other)
                waiting += graph[other]


@pytest.mark.parametrize("floor", sorted(PUBLIC))
def test_a_public_face_exports_what_it_documents_and_shadows_no_module(floor):
    face = import_module(f"companion.{floor}")
    modules = {path.stem for path in (ROOT / "companion" / floor).glob("*.py")}
    for name in face.__all__:
        assert name in face.__doc__, f"companion.{floor}: the docstring does not say what {name} is"
        assert name not in modules or isinstance(getattr(face, name), ModuleType), f"companion.{floor}.{name}"
    assert face.__doc__.count("\n") <= 60


@pytest.mark.parametrize("path", sorted((ROOT / "book").glob("*.ipynb")), ids=lambda path: path.stem)
def test_a_notebook_imports_from_public_faces_alone(path):
    cells = json.loads(path.read_text())["cells"]
    for cell in (cell for cell in cells if cell["cell_type"] == "code"):
        lines = [line for line in "".join(cell["source"]).splitlines() if not line.lstrip().startswith(("%", "!"))]
        for node in ast.walk(ast.parse("\n".join(lines))):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("companion"):
                known = node.module in FACES or node.module.startswith("companion.show.chapters.")
                assert known, f"{path.name}: from {node.module}"
            elif isinstance(node, ast.Import):
                assert not [a.name for a in node.names if a.name.startswith("companion") and a.name not in FACES]
