"""Shared fixtures, and the skipping by name of what needs data that is not at hand."""

import json
import os
from functools import cache
from pathlib import Path

import pytest

from companion import data

if os.environ.get("COMPANION_DATA"):  # notebooks run in book/, so a relative path would lead elsewhere
    os.environ["COMPANION_DATA"] = str(Path(os.environ["COMPANION_DATA"]).absolute())


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("nbval_lax", False):  # its queue of outputs overflows with the updates of long bars
        os.environ["TQDM_DISABLE"] = "1"


@cache
def missing_data(notebook: Path) -> str:
    """The sets that a notebook's metadata says it needs and that are not at hand."""
    needs = json.loads(notebook.read_text()).get("metadata", {}).get("companion", {}).get("needs", [])
    return " ".join(name for name in needs if not data.available(name))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        needs = [mark.args[0] for mark in item.iter_markers("needs")]
        missing = " ".join(name for name in needs if not data.available(name))
        if item.path.suffix == ".ipynb":
            missing = missing_data(item.path)
        if missing:
            remedy = f"set COMPANION_DATA, or run python -m companion data {missing}"
            item.add_marker(pytest.mark.skip(reason=f"{item.path.name} needs {missing}: {remedy}"))


@pytest.fixture
def cache_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache of this test's own."""
    monkeypatch.setenv("COMPANION_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"
