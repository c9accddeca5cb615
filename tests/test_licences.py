"""Whoever takes a picture of data from a page finds its licence."""

import re

import nbformat
import pytest
from test_project import NOTEBOOKS, ROOT

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
