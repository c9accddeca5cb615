"""The settings of ``make lab``: JupyterLab learns the book's macros with every page, from lines that no file holds.

jupyterlab-myst reads macros from the lines between ``---`` that a notebook begins with. They are put there as a page is
opened, and taken away as it is saved. Checkpoints are kept in ``_build``, since ``book`` holds pages alone.
"""

from pathlib import Path
from typing import Any

import yaml
from jupyter_server.services.contents.largefilemanager import AsyncLargeFileManager

ROOT = Path(__file__).parents[1]
CONFIG = yaml.safe_load((ROOT / "_config.yml").read_text())
MACROS = CONFIG["sphinx"]["config"]["mathjax3_config"]["tex"]["macros"]
TOLD = "---\n" + yaml.safe_dump({"math": {f"\\{name}": meaning for name, meaning in MACROS.items()}}) + "---\n"


class Contents(AsyncLargeFileManager):
    """The files, with the macros at the head of every page of the book."""

    async def get(self, path: str, *args: Any, **options: Any) -> dict[str, Any]:
        """A file as it is shown."""
        model: dict[str, Any] = await super().get(path, *args, **options)
        first = head(model)
        if first and not first["source"].startswith("---"):
            first["source"] = TOLD + first["source"]
        return model

    async def save(self, model: dict[str, Any], path: str = "") -> dict[str, Any]:
        """Write a file as it is kept."""
        if first := head(model):
            first["source"] = first["source"].removeprefix(TOLD)
        saved: dict[str, Any] = await super().save(model, path)
        return saved


def head(model: dict[str, Any]) -> dict[str, Any]:
    """The first cell of a notebook, if it is prose."""
    cells = (model.get("content") or {}).get("cells", ()) if model["type"] == "notebook" else ()
    return {} if not cells or cells[0]["cell_type"] != "markdown" else cells[0]


c = get_config()  # type: ignore[name-defined]  # noqa: F821
c.ServerApp.contents_manager_class = Contents
c.FileCheckpoints.checkpoint_dir = str(ROOT / "_build" / "checkpoints")
