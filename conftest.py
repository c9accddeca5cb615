"""Shared fixtures, and the skipping by name of what needs data that is not at hand."""

import json
import os
import signal
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from companion import data

#: How many random cases a law is tried on, the same each time; the theorems more in ``make test-full``.
for profile, examples in (("quick", 100), ("full", 500)):
    settings.register_profile(profile, max_examples=examples, deadline=None, derandomize=True)
settings.load_profile("quick")

if os.environ.get("COMPANION_DATA"):  # notebooks run in book/, so a relative path would lead elsewhere
    os.environ["COMPANION_DATA"] = str(Path(os.environ["COMPANION_DATA"]).absolute())

# in the background of a script it is ignored, and would end nothing that a test begins
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

collect_ignore = ["tests/test_soak.py"] if sys.platform == "win32" else []  # which has neither forks nor SIGKILL


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Silence the bars of notebooks: the queue of outputs overflows with the updates of long ones."""
    if item.path.suffix == ".ipynb":
        os.environ["TQDM_DISABLE"] = "1"
    else:
        os.environ.pop("TQDM_DISABLE", None)


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


@pytest.fixture
def broken_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., dict[str, Any]]:
    """``broken_off(config, *stops, **options)`` trains twice, once with stops, and compares every bit of the two.

    Each stop is in the middle of the validation at its step. Returns the checkpoint stored before the first.
    """
    from safetensors.torch import load_file

    from companion.learn import training

    whole = training.validate

    def train_to(step: int, config: Any, options: dict[str, Any]) -> None:
        def validate(model: Any, images: Any, now: int) -> Any:
            if now == step:
                raise KeyboardInterrupt
            return whole(model, images, now)

        with monkeypatch.context() as patched:
            patched.setattr(training, "validate", validate)
            with pytest.raises(KeyboardInterrupt):
                training.train(config, out=tmp_path / "broken", progress=False, **options)

    def compare(config: Any, *stops: int, **options: Any) -> dict[str, Any]:
        stored = []
        for step in stops:
            train_to(step, config, options)
            stored.append(load_file(tmp_path / "broken" / "checkpoint.safetensors"))
        outs = [tmp_path / name for name in ("broken", "whole")]
        histories = [training.train(config, out=out, progress=False, **options).history for out in outs]
        assert histories[0] == histories[1]
        first, second = (load_file(out / "model.safetensors") for out in outs)
        assert first.keys() == second.keys()
        assert all(tensor.equal(second[name]) for name, tensor in first.items())
        return stored[0]

    return compare
