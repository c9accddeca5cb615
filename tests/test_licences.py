"""Whoever takes a picture of data from a page finds its licence; whoever installs the package, those of all else."""

import re

import nbformat
import pytest
from packaging.utils import canonicalize_name
from test_project import NOTEBOOKS, ROOT, script

SHEETS = re.compile(r"\b(image_sheet|sample_gallery|StoredFigure|plane_explorer|price_explorer|copies_at_prices)\(")
LINES = (ROOT / "book" / "licences.md").read_text().split("## Data")[0]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.name)
def test_a_page_with_pictures_of_data_has_a_line_that_names_figures_it_has(path):
    code = [cell for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]
    lines = [line for line in LINES.splitlines() if f"{{doc}}`{path.stem}`" in line]
    assert lines or not any(SHEETS.search(cell.source) for cell in code)
    names = {cell.metadata.get("mystnb", {}).get("figure", {}).get("name") for cell in code}
    named = [part for line in lines for part in re.split(r"(?=\{doc\})", line) if f"{{doc}}`{path.stem}`" in part]
    assert {label for part in named for label in re.findall(r"\{numref\}`([\w-]+)`", part)} <= names


dependencies = script("dependencies", "site")
KNOWN = {"0BSD", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "BSL-1.0", "CC0-1.0", "CNRI-Python", "ISC", "MIT"}
KNOWN |= {"MIT-CMU", "MPL-2.0", "PSF-2.0", "Public Domain", "Zlib", "Apache-2.0 WITH LLVM-exception"}


def test_every_distribution_is_pinned_and_under_a_licence_that_is_known():
    """What is walked through is what the pins list, so none is forgotten; docutils alone names the GPL."""
    pins = dict(line.split("==") for line in (ROOT / "constraints.txt").read_text().splitlines()[1:])
    pins = {canonicalize_name(name): version for name, version in pins.items()}
    found = dependencies.needed(*dependencies.PACKAGE, *dependencies.BESIDES)
    assert {name: each.version.split("+")[0] for name, each in found.items()} == {name: pins[name] for name in found}
    for name, each in found.items():
        licences = set(re.split(r" AND | OR |, ", dependencies.licence(each)))
        assert licences <= KNOWN | ({"GPL"} if name == "docutils" else set()), name


def test_the_tables_name_what_the_package_itself_needs_and_what_that_needs_first():
    package, besides = "\n".join(dependencies.markdown()).split("````{dropdown}")
    for name in ("torch", "numpy", "safetensors", "sympy"):  # sympy is asked for by torch
        assert f"| {name} |" in package
        assert f"| {name} |" not in besides
    assert "| jupyter-book |" in besides
    assert "elbo-" not in package + besides
