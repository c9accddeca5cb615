"""Sweeps: each configuration of a grid is trained once, by several workers, within a budget, and put into a table."""

import json
from collections.abc import Iterable, Iterator, Sequence
from itertools import takewhile
from math import inf
from pathlib import Path
from time import monotonic
from typing import Any

from companion import data, learn
from companion.learn import Config, OutOfTime, Trained, TrainingError, threads, train
from companion.learn.checkpoint import read_config
from companion.learn.training import progress_bar, working_in
from companion.locks import BusyError
from companion.results.schema import Row, read_rows, write_provenance, write_rows
from companion.results.table import SPLITS, ResultsTable
from companion.studies.measures import check_labels, measured, table_of
from companion.sweeps.engines import ENGINES, Pool, WorkerError, workers

Outcome = tuple[list[Row], dict[str, Any]] | TrainingError | WorkerError | Config | None


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
            every run, or if it is large after several, which are in their folders meanwhile; a configuration with
            rows in it is done, whether its folder is still there or not
        budget: seconds after which no run is started; those under way are stored at their next step, to go on later
        engine: ``joblib`` runs processes on this machine, ``dask`` the workers of the ``scheduler`` at an address,
            which must see the same files, or of a cluster on this machine

    Each run uses the threads its configuration says, so that order, jobs and engine change no digit. A run that
    diverges does not stop the others. Several sweeps in one folder, also of several machines, share the work: each
    takes runs that no other has in hand, waits in the end for those that another has, and takes over what it leaves.

    Raises ``ValueError`` for ``jobs`` below 1, an impossible engine, or configurations that are none, repeated, or of
    tables with different columns, such as runs and paths; and in the end one ``TrainingError`` that names every run
    that diverged. Where a worker was killed, ``WorkerError``.
    """
    _check(configs, jobs, engine, scheduler)
    out, until = Path(out).absolute(), monotonic() + budget
    results = ResultsTable(table or out / "rates.csv", configs)
    with results.alone():  # which clears the lock of a process that was killed at its last entry
        done = results.done()
    pending = [config for config in configs if config.hash not in done]
    if not pending:
        return results.own_rows()
    for name, rule in {(config.data, config.binarise): None for config in pending}:
        data.load(name, rule)  # fetched and parsed once, before the workers start
    failures: list[Exception] = []
    held: list[Config] = []
    with (
        workers(engine, jobs, scheduler, until) as pool,
        results.entering() as enter,
        progress_bar(progress, total=len(pending), unit="run") as bar,
    ):
        for wait in (False, True):
            left, held = held if wait else pending, []
            for turn in turns(left) if jobs > 1 or engine == "dask" else [left]:
                for outcome in attempts(pool, unfinished(turn, results, bar), out / "runs", until, wait):
                    if isinstance(outcome, Config):
                        held.append(outcome)
                        continue
                    bar.update()
                    if isinstance(outcome, Exception):
                        failures.append(outcome)
                    elif outcome:
                        enter(*outcome)
    if failures:
        kind = WorkerError if any(isinstance(each, WorkerError) for each in failures) else TrainingError
        raise kind("; ".join(sorted(set(map(str, failures)))))
    return results.own_rows()


def turns(configs: Sequence[Config]) -> list[list[Config]]:
    """``configs`` so that no two of one turn share what they go on from: the first of every path, the second, ..."""
    by_length: dict[int, list[Config]] = {}
    for config in configs:
        by_length.setdefault(len(config.walked), []).append(config)
    return [by_length[length] for length in sorted(by_length)]


def unfinished(configs: Iterable[Config], results: ResultsTable, bar: Any) -> Iterator[Config]:
    """``configs`` but for those that other sweeps have entered meanwhile, at which ``bar`` moves on."""
    for config in configs:
        if config.hash in results.done():
            bar.update()
        else:
            yield config


def attempts(pool: Pool, configs: Iterable[Config], runs: Path, until: float, wait: bool) -> Iterator[Outcome]:
    """What became of each of ``configs`` that is begun before the time is up, as it comes."""
    begun = takewhile(lambda config: monotonic() < until, configs)
    return pool(attempt, ((config, runs / config.hash, until - monotonic(), wait) for config in begun))


def run(config: Config, out: Path | str, *, until: float = inf, wait: bool = False, progress: bool = True) -> list[Row]:
    """Train the run of ``config`` in the folder ``out``, resuming what is there, and measure it on both splits.

    Writes ``rates.csv``, one row for validation and one for test, ``provenance.json``, and the weights.
    Raises as ``train`` does, and ``ValueError`` for categories without labels to compare them with.
    """
    out = Path(out)
    if rows := stored_rows(config, out):
        return rows
    images = data.load(config.data, config.binarise)
    check_labels(config, images)
    with working_in(out, until, wait):
        trained = train_after_prefix(config, images, out, until=until, wait=wait, progress=progress)
        if rows := stored_rows(config, out):  # by another process, which was waited for
            return rows
        with threads(config.threads):
            rows = measured(trained.model, config, images, SPLITS)
        facts = {"hash": config.hash, "seconds": trained.seconds, "kept": trained.kept}
        write_provenance(out / "provenance.json", config=config.settings(), **facts)
        write_rows(out / "rates.csv", rows)
        return read_rows(out / "rates.csv")


def stored_rows(config: Config, out: Path) -> list[Row]:
    """The rows of the run in ``out`` where it is that of ``config``, finished and measured by this schema; or none."""
    try:
        whole = (out / "model.safetensors").is_file() and read_config(out) == config
        return read_rows(out / "rates.csv") if whole else []
    except (learn.CheckpointError, FileNotFoundError, ValueError):
        return []


def train_after_prefix(config: Config, images: data.ImageData, out: Path, **options: Any) -> Trained:
    """``train``; where the run goes on from another (``Config.prefix``), that one first, in a folder beside ``out``."""
    start = out.parent / config.prefix.hash if config.prefix else None
    if start and config.prefix and not any(out.glob("*.safetensors")):
        train_after_prefix(config.prefix, images, start, **options)
    return train(config, images=images, out=out, start=start, **options)


def attempt(config: Config, folder: Path, left: float, wait: bool) -> Outcome:
    """The rows of one run and its provenance; the error it ended in; or None where the time was up before its end.

    A run that another process has in hand is given back as it came, or where told so waited for. ``left`` is how many
    seconds there are, which mean the same on every machine.
    """
    try:
        rows = run(config, folder, until=monotonic() + left, wait=wait, progress=False)
    except BusyError:
        return None if wait else config
    except OutOfTime:
        return None
    except TrainingError as error:
        return TrainingError(f"{folder}: {error}")
    return rows, json.loads((folder / "provenance.json").read_text())


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
