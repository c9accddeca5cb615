"""The files around the package: set-up, notebooks, pins."""

import importlib.util
import json
import re
import tomllib
from pathlib import Path
from types import ModuleType

import nbformat
import pytest
import yaml

import companion
from companion.results import load, records
from companion.sweeps import read_grid

ROOT = Path(__file__).parents[1]
NOTEBOOKS = sorted((ROOT / "book").glob("*.ipynb"))
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def script(name: str, folder: str = "scripts") -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, ROOT / folder / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("version", "free", "message"),
    [
        ((3, 10, 14), 1e12, "Python 3.10 is too old: expected 3.11 or newer"),
        ((3, 11, 0), 2e9, "the disk is nearly full: expected 3 GB free, found 2.0"),
        ((3, 11, 0), 1e12, ""),
        ((3, 14, 0), 1e12, ""),
    ],
)
def test_the_set_up_says_what_stands_in_its_way(version, free, message):
    assert script("preflight").problem(version, free).startswith(message)
    assert bool(script("preflight").problem(version, free)) == bool(message)


def test_every_requirement_is_pinned():
    pins = {
        re.split("==", line)[0].lower().replace("_", "-")
        for line in (ROOT / "constraints.txt").read_text().splitlines()
    }
    lists = [PROJECT["dependencies"], *PROJECT["optional-dependencies"].values()]
    names = {re.split(r"[<>=\[]", requirement)[0].lower() for requirements in lists for requirement in requirements}
    assert names <= pins


def test_one_version_everywhere():
    citation = (ROOT / "CITATION.cff").read_text()
    assert f"version: {companion.__version__}" in citation
    assert f"## {companion.__version__}" in (ROOT / "CHANGELOG.md").read_text()


def test_the_readme_quotes_the_committed_results():
    table = r"^\| `(\S+)`(\*?) \| (\S+) \| ([\d ]+) of (\d+) \| (.*) \|$"
    quoted = re.findall(table, (ROOT / "README.md").read_text(), re.M)
    assert len(quoted) >= 3
    results = ROOT / "book" / "results" / "mnist"
    runs = json.loads(results.with_suffix(".json").read_text())["runs"]
    rows = records(load(results.with_suffix(".csv")).query("split == 'test'"))
    for family, star, beta, steps, batch_size, numbers in quoted:
        told = {"family": family, "beta": float(beta), "steps": int(steps.replace(" ", "")), "seed": 0}
        told |= {"annealed": False, "objective": "beta_vae"}
        (r,) = (row for row in rows if told.items() <= row.items())
        assert runs[r["config_hash"]]["config"]["batch_size"] == int(batch_size)
        assert (star == "*") == (not r["arrived"])
        pairs = [(r["rate"], r["rate_se"]), (r["distortion"], r["distortion_se"]), (-r["elbo"], r["elbo_se"])]
        assert " | ".join(f"{value:.2f} ± {error:.2f}" for value, error in pairs) == numbers


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.name)
def test_stored_notebooks_are_whole(path):
    """Every cell was run, in order, without error, progress bar or timing; every picture has a description."""
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1))
    assert all(set(cell.metadata) <= {"mystnb", "tags"} for cell in code)
    for cell in code:
        for output in cell.outputs:
            assert script("notebooks").is_result(output)
            assert output.output_type != "error"
            if "image/png" in output.get("data", {}):
                described = cell.metadata.get("mystnb", {}).get("image", {}).get("alt")
                assert described, f"{path.name}: a picture without alt text in its cell's metadata: {cell.source[:60]}"
    needs = notebook.metadata.get("companion", {}).get("needs")
    assert needs is not None, f'{path.name}: the metadata lack "companion": {{"needs": []}}, the image sets it reads'
    assert set(needs) <= set(companion.data.NAMES)
    assert path.stat().st_size < 2_500_000


PARTS = yaml.safe_load((ROOT / "_toc.yml").read_text())["parts"]
CHAPTERS = [ROOT / f"{each['file']}.ipynb" for part in PARTS if part.get("numbered") for each in part["chapters"]]


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.name)
def test_a_chapter_is_short_enough_to_be_read(path):
    """At most 60 lines of code stand open on a page, and 5 000 words."""
    cells = nbformat.read(path, as_version=4).cells
    shown = [c.source for c in cells if c.cell_type == "code" and "hide-input" not in c.metadata.get("tags", [])]
    lines = sum(bool(line.strip()) for source in shown for line in source.splitlines())
    words = sum(len(c.source.split()) for c in cells if c.cell_type == "markdown")
    assert lines <= 60, f"{lines} lines of code"
    assert words <= 5000, f"{words} words"


@pytest.fixture
def small_notebook(tmp_path):
    """A notebook with a number, a progress bar, a warning and a widget."""
    source = (
        "import sys\nfrom tqdm.auto import tqdm\nfrom ipywidgets import IntSlider\n"
        "list(tqdm(range(3)))\nprint('late', file=sys.stderr)\ndisplay(IntSlider())\nprint('R = 21.5 nats')"
    )
    path = tmp_path / "small.ipynb"
    cells = [nbformat.v4.new_markdown_cell("# Small"), nbformat.v4.new_code_cell(source)]
    path.write_text(nbformat.writes(nbformat.v4.new_notebook(cells=cells, metadata={"companion": {"needs": []}})))
    return path


def test_notebooks_are_stored_the_same_bytes_twice_and_goes_stale_visibly(small_notebook):
    notebooks = script("notebooks")
    stored = []
    for _ in range(2):
        notebooks.write(small_notebook, notebooks.run(small_notebook))
        stored.append(small_notebook.read_bytes())
    assert stored[0] == stored[1]
    notebook = nbformat.read(small_notebook, as_version=4)
    assert [output.text for output in notebook.cells[1].outputs] == ["R = 21.5 nats\n"]
    notebook.cells[1].outputs[0].text = "R = 21.9 nats\n"
    notebooks.write(small_notebook, notebook)
    assert notebooks.stale(small_notebook) == []
    notebook.cells[1].outputs[0].text = "R = 31.5 nats\n"
    notebooks.write(small_notebook, notebook)
    assert notebooks.stale(small_notebook) == [f"{small_notebook}: output 1: number: stored 31.5, now 21.5"]


@pytest.mark.parametrize(
    ("stored", "fresh", "differs"),
    [
        ("R 21.5 ± 0.05", "R 21.9 ± 0.051", False),
        ("R 21.5 ± 0.05", "R 25.9 ± 0.05", True),
        ("R 21.5", "D 21.5", True),
        ("1e-3  2", "1e-3\n2", False),
        ("0 1", "0 1 1", True),
        ("R 0.000", "R 0.001", False),
        ("R 0.000", "R 0.004", True),
    ],
)
def test_numbers_are_compared_within_a_tolerance_and_words_exactly(stored, fresh, differs):
    assert bool(script("notebooks").difference(stored, fresh)) == differs


def test_every_theorem_of_the_book_is_verified():
    assert script("theorems", "site").problems() == []


THEOREM = """
```{prf:theorem} One
:label: thm-one
```
Checked in `tests/test_x.py::test_one`.
"""


@pytest.mark.parametrize(
    ("test", "problem"),
    [
        ('@pytest.mark.verifies("thm-one")\ndef test_one(): ...', None),
        ("", "one.md: a theorem has no label"),
        ("def test_one(): ...", "one.md: tests/test_x.py::test_one does not exist, or verifies nothing"),
        ('@pytest.mark.verifies("thm-two")\ndef test_one(): ...', "one.md: theorem thm-one names no test"),
        (
            '@pytest.mark.verifies("thm-one", "thm-two")\ndef test_one(): ...',
            "thm-two: a test verifies it, and no page",
        ),
        ('@pytest.mark.skip\n@pytest.mark.verifies("thm-one")\ndef test_one(): ...', "may be skipped (skip)"),
        (
            '@pytest.mark.verifies("thm-one")\n@pytest.mark.needs("mnist")\ndef test_one(): ...',
            "may be skipped (needs)",
        ),
    ],
)
def test_a_theorem_without_its_test_is_found(tmp_path, test, problem):
    theorem = THEOREM if test else THEOREM.replace(":label: thm-one", ":class: dropdown")
    for folder, name, text in [("book", "one.md", theorem), ("tests", "test_x.py", test)]:
        (tmp_path / folder).mkdir()
        (tmp_path / folder / name).write_text(text)
    found = script("theorems", "site").problems(tmp_path)
    assert (found == []) if problem is None else any(problem in sentence for sentence in found)


def test_the_grid_of_least_active_latents_compares_each_seed_with_itself_at_weight_0(tmp_path):
    selected = script("select_latents")
    (tmp_path / "grid.toml").write_text(selected.written("fashion-mnist", {0: (3, 17), 1: (5, 6)}))
    configs = read_grid(tmp_path / "grid.toml")
    asked = [(c.seed, c.objective.latent_indices, c.objective.weight) for c in configs]
    assert asked == [(seed, numbers, w) for seed, numbers in ((0, (3, 17)), (1, (5, 6))) for w in selected.WEIGHTS]
    assert {(c.data, c.objective.name, c.latent_dim) for c in configs} == {("fashion-mnist", "mi_valid", 32)}
