"""Runs and sweeps: train, measure, write a row; skip what is done already."""

import json
from collections.abc import Sequence
from pathlib import Path

from joblib import Parallel, delayed

from companion import data
from companion.learn.config import Config
from companion.learn.records import Row, write_provenance, write_rows
from companion.learn.runs import run
from companion.learn.train import progress_bar


def sweep(configs: Sequence[Config], out: Path | str, *, jobs: int = 1, progress: bool = True) -> list[Row]:
    """Run ``configs``, ``jobs`` at a time, each in ``out/runs/<hash>``; finished runs are not run again.

    Each run uses the threads its configuration says, one by default, so that the order and the number of jobs change
    no digit. Writes all rows to ``out/rates.csv``, by the order of ``configs``, and ``out/provenance.json``.

    Raises ``ValueError`` for ``jobs`` below 1 or no configurations, and whatever the first failing run raises; what
    is finished by then stays.
    """
    if jobs < 1:
        raise ValueError(f"jobs: expected at least 1, got {jobs!r}")
    if not configs or len(set(configs)) < len(configs):
        raise ValueError(f"configs: expected one or more different configurations, got {len(configs)} with repeats")
    out = Path(out)
    folders = [out / "runs" / config.hash for config in configs]
    data.load(configs[0].data, configs[0].binarise)  # fetched and parsed once, before the workers start
    work = (delayed(run)(c, folder, progress=False) for c, folder in zip(configs, folders, strict=True))
    finished = Parallel(n_jobs=jobs, return_as="generator")(work)
    rows = [r for rows in progress_bar(progress, finished, total=len(configs), unit="run") for r in rows]
    runs = {folder.name: json.loads((folder / "provenance.json").read_text()) for folder in folders}
    write_provenance(out / "provenance.json", jobs=jobs, runs=runs)
    write_rows(out / "rates.csv", rows)
    return rows
