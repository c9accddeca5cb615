"""``measure``: a model of your own, from a Python file, measured into a report."""

import argparse
import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

import numpy as np
from tqdm.auto import tqdm

from companion import data, results, show, studies
from companion.atomic import atomic_write
from companion.models import VAE

BUILD = "a VAE, three callables (encoder, decoder, marginal), or one of these and a loss"
STEPS = 5


def measure_command(options: argparse.Namespace) -> int:
    """Measure the model that a function of yours builds; returns 2 where it does not fit, and writes nothing."""
    try:
        with neighbours(options.model):
            report, beside = measured(options)
    except ValueError as error:
        print(f"companion: {error}", file=sys.stderr)
        return 2
    page = show.report_page(report, Path(options.model).name, beside)
    write(options.out, page, report.numbers() | {"model": options.model})
    for split, point in report.points.items():
        print(f"{split}: {point}")
    print(*filter(None, (report.bound, report.surgery, report.loss, *report.warnings)), sep="\n")
    print(f"{options.out / 'report.html'} and report.json are written")
    return 0


def measured(options: argparse.Namespace) -> tuple[studies.ModelReport, Sequence[Mapping[str, Any]]]:
    """The report, and the rows that are drawn beside its point."""
    if options.scale is not None and not options.scale > 0:
        raise ValueError(f"scale: expected a positive number, got {options.scale:g}")
    model, loss = built(options.model)
    images = data.load(options.data, options.binarise)
    beside = [] if options.scale else families_beside(options.beside, images.name, images.binarise)
    if options.scale:
        splits = {name: getattr(images, name) / np.float32(options.scale) for name in ("train", "validation", "test")}
        images = replace(images, **splits)
    with tqdm(total=STEPS, desc=options.model, unit="part", mininterval=0) as bar:

        def step(what: str) -> None:
            bar.set_postfix_str(what)
            bar.update()

        return studies.report_model(model, images, loss, seed=options.draw_seed, step=step), beside


@contextmanager
def neighbours(where: str) -> Iterator[None]:
    """Inside, ``FILE.py`` and what it calls may import the files beside it, as a script does."""
    sys.path.insert(0, str(Path(where.rpartition(":")[0]).resolve().parent))
    try:
        yield
    finally:
        sys.path.pop(0)


def built(where: str) -> tuple[VAE, Callable[[np.ndarray], float] | None]:
    """The model, and its own loss or None, that ``FILE.py:FUNCTION`` builds.

    Raises ``ValueError`` naming what is missing, the error that the function raised, or what it returned.
    """
    path, _, name = where.rpartition(":")
    if not (path.endswith(".py") and Path(path).is_file()):
        raise ValueError(f"model: expected FILE.py:FUNCTION with a file that exists, got {where!r}")
    try:
        found = getattr(_module(Path(path)), name)()
    except Exception as error:
        said = str(error).strip().split("\n")[0]
        raise ValueError(f"{where}: expected {BUILD}, got {type(error).__name__}: {said}") from error
    loss = None
    if isinstance(found, tuple) and len(found) == 2:
        found, loss = found
    if isinstance(found, tuple) and len(found) == 3 and all(map(callable, found)):
        found = VAE(*found)
    if not isinstance(found, VAE):
        raise ValueError(f"{where}: expected {BUILD}, got a {type(found).__name__}")
    if not (loss is None or callable(loss)):
        raise ValueError(f"{where}: expected a function as the loss, got a {type(loss).__name__}")
    return found, loss


def _module(path: Path) -> Any:
    """The file as a module that other code finds by its name, as dataclasses must."""
    spec = spec_from_file_location(path.stem, path)
    assert spec is not None and spec.loader is not None  # noqa: PT018 (a file that ends in .py has both)
    sys.modules[path.stem] = module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def families_beside(table: Path | None, name: str, binarise: str) -> Sequence[Mapping[str, Any]]:
    """The test rows of ``table`` on the image set; without one, of the book's own table, where there is a checkout."""
    try:
        rows = results.records(results.load(table or name.split("-")[0]))
    except ValueError:
        if table:
            raise
        return []
    return [r for r in rows if (r["split"], r["data"], r["binarise"]) == ("test", name, binarise)]


def write(out: Path, page: str, numbers: Mapping[str, Any]) -> None:
    """The two files, each whole or not at all."""
    out.mkdir(parents=True, exist_ok=True)
    with atomic_write(out / "report.html") as temporary:
        temporary.write_text(page, encoding="utf-8")
    with atomic_write(out / "report.json") as temporary:
        temporary.write_text(json.dumps(numbers, indent=1) + "\n", encoding="utf-8")
