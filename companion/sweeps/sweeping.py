"""Sweeps: each configuration of a grid is trained once, by several workers, within a budget, and put into a table."""

import json
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from math import inf
from pathlib import Path
from time import time
from typing import Any

from joblib import Parallel, delayed, parallel_config

from companion import data
from companion.learn import Config, OutOfTime, Trained, TrainingError, threads, train
from companion.learn.training import progress_bar
from companion.results.schema import Row, read_rows, write_provenance, write_rows
from companion.results.table import SPLITS, ResultsTable
from companion.studies.measures import check_labels, measured, table_of

ENGINES = ("joblib", "dask")
Outcome = tuple[list[Row], dict[str, Any]] | TrainingError | None


def sweep(
    configs: Sequence[Config],
    out: Path | str,
    *,
    table: Path | str | None = None,
    jobs: int = 1,
    budget: float = inf,
    engine: str = "joblib",
    scheduler: str | None = None,
    progress: bool = True,
) -> list[Row]:
    """Run ``configs``, ``jobs`` at a time, each in ``out/runs/<hash>``; returns what rows the table then has of them.

    Args:
        table: the CSV, ``out/rates.csv`` by default, with a JSON of the same name beside it. It is rewritten after
            every run, and a configuration with rows in it is done, whether its folder is still there or not
        budget: seconds after which no run is started; those under way are stored at their next step, to go on later
        engine: ``joblib`` runs processes on this machine, ``dask`` the workers of the ``scheduler`` at an address,
            which must see the same files, or of a cluster on this machine

    Each run uses the threads its configuration says, so that order, jobs and engine change no digit. A run that
    diverges does not stop the others.

    Raises ``ValueError`` for ``jobs`` below 1, an impossible engine, or configurations that are none, repeated, or of
    tables with different columns, such as runs and paths; and in the end one ``TrainingError`` that names every run
    that diverged.
    """
    _check(configs, jobs, engine, scheduler)
    out, until = Path(out).absolute(), time() + budget
    results = ResultsTable(table or out / "rates.csv", configs)
    done = results.done()
    pending = [config for config in configs if config.hash not in done]
    for name, rule in {(config.data, config.binarise): None for config in pending}:
        data.load(name, rule)  # fetched and parsed once, before the workers start
    failures = []
    with (
        workers(engine, jobs, scheduler) if pending else ExitStack(),
        progress_bar(progress, total=len(pending), unit="run") as bar,
    ):
        for turn in turns(pending) if jobs > 1 else [pending]:
            work = (delayed(attempt)(config, out / "runs" / config.hash, until) for config in turn)
            for outcome in Parallel(n_jobs=jobs, batch_size=1, return_as="generator_unordered")(work):
                bar.update()
                if isinstance(outcome, TrainingError):
                    failures.append(outcome)
                elif outcome:
                    results.upsert(*outcome)
    if failures:
        raise TrainingError("; ".join(sorted(map(str, failures))))
    return results.own_rows()


def turns(configs: Sequence[Config]) -> list[list[Config]]:
    """``configs`` so that no two of one turn share what they go on from: the first of every path, the second, ..."""
    by_length: dict[int, list[Config]] = {}
    for config in configs:
        by_length.setdefault(len(config.walked), []).append(config)
    return [by_length[length] for length in sorted(by_length)]


def run(config: Config, out: Path | str, *, until: float = inf, progress: bool = True) -> list[Row]:
    """Train the run of ``config`` in the folder ``out``, resuming what is there, and measure it on both splits.

    Writes ``rates.csv``, one row for validation and one for test, ``provenance.json``, and the weights.
    Raises as ``train`` does, and ``ValueError`` for categories without labels to compare them with.
    """
    out, images = Path(out), data.load(config.data, config.binarise)
    check_labels(config, images)
    trained = train_after_prefix(config, images, out, until=until, progress=progress)
    try:
        return read_rows(out / "rates.csv")
    except (FileNotFoundError, ValueError):  # not measured yet, or by an earlier schema
        with threads(config.threads):
            rows = measured(trained.model, config, images, SPLITS)
        facts = {"hash": config.hash, "seconds": trained.seconds, "kept": trained.kept}
        write_provenance(out / "provenance.json", config=config.settings(), **facts)
        write_rows(out / "rates.csv", rows)
        return read_rows(out / "rates.csv")


def train_after_prefix(config: Config, images: data.ImageData, out: Path, **options: Any) -> Trained:
    """``train``; where the run goes on from another (``Config.prefix``), that one first, in a folder beside ``out``."""
    start = out.parent / config.prefix.hash if config.prefix else None
    if start and config.prefix and not any(out.glob("*.safetensors")):
        train_after_prefix(config.prefix, images, start, **options)
    return train(config, images=images, out=out, start=start, **options)


def attempt(config: Config, folder: Path, until: float) -> Outcome:
    """The rows of one run and its provenance; the error it ended in; or None where the time was up before its end."""
    if time() >= until:
        return None
    try:
        rows = run(config, folder, until=until, progress=False)
    except OutOfTime:
        return None
    except TrainingError as error:
        return TrainingError(f"{folder}: {error}")
    return rows, json.loads((folder / "provenance.json").read_text())


@contextmanager
def workers(engine: str, jobs: int, scheduler: str | None = None) -> Iterator[None]:
    """Let joblib's calls inside the block run on the workers that ``engine`` names."""
    if engine == "joblib":
        yield
        return
    try:
        from dask.distributed import Client, LocalCluster
    except ImportError as error:
        raise ValueError(
            "engine: expected dask to be installed, found none: pip install 'elbo-companion[scale]'"
        ) from error
    with ExitStack() as stack:
        local = {"n_workers": jobs, "threads_per_worker": 1, "dashboard_address": None}
        client = Client(scheduler or stack.enter_context(LocalCluster(**local)), set_as_default=False)
        with client, parallel_config("dask", client=client):
            yield


def _check(configs: Sequence[Config], jobs: int, engine: str, scheduler: str | None) -> None:
    if jobs < 1:
        raise ValueError(f"jobs: expected at least 1, got {jobs!r}")
    if engine not in ENGINES:
        raise ValueError(f"engine: expected one of {', '.join(ENGINES)}, got {engine!r}")
    if scheduler and engine != "dask":
        raise ValueError(f"scheduler: expected none with the engine {engine}, got {scheduler!r}")
    if len(tables := {table_of(config) for config in configs}) > 1:
        raise ValueError(f"configs: expected those of one table, got some of each of {', '.join(sorted(tables))}")
    if not configs or len(set(configs)) < len(configs):
        raise ValueError(f"configs: expected one or more different configurations, got {len(configs)} with repeats")
