"""Where the runs of a sweep are worked off: in processes of this machine, or by the workers of a Dask cluster."""

import os
import warnings
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import BrokenExecutor
from contextlib import ExitStack, contextmanager, suppress
from itertools import islice
from math import inf
from time import monotonic
from typing import Any
from unittest.mock import patch

from joblib import Parallel, delayed

ENGINES = ("joblib", "dask")
POLL = 2.0  # seconds between two looks at what workers a cluster has
#: glibc in a worker of Dask, which by default gives memory back at once: a training takes it again at every step, and
#: pages that are touched anew lengthen it by a quarter.
ALLOCATOR = {"MALLOC_ARENA_MAX": 1, "MALLOC_TRIM_THRESHOLD_": 2**28}
KILLED = (
    "jobs: a worker process was killed, as the system does where memory is short: "
    "call again to go on from what is stored, with fewer jobs if it happens again"
)

#: Calls a function with each tuple of arguments, drawn when a worker is free for it, and yields results as they come.
Pool = Callable[[Callable[..., Any], Iterable[tuple]], Iterator[Any]]


class WorkerError(RuntimeError):
    """A worker process was killed in the middle of a run."""


@contextmanager
def workers(engine: str, jobs: int, scheduler: str | None = None, until: float = inf) -> Iterator[Pool]:
    """The pool that ``engine`` names, of ``jobs`` workers, or of those that the Dask cluster at an address has.

    Args:
        until: the time, as ``time.monotonic`` counts, after which a cluster that has no worker is not waited for

    Raises ``ValueError`` where Dask is asked for and not installed.
    """
    if engine == "joblib":
        yield lambda function, arguments: in_processes(jobs, function, arguments)
        return
    try:
        import dask
        from dask.distributed import Client, LocalCluster
    except ImportError as error:
        raise ValueError(
            "engine: expected dask to be installed, found none: pip install 'elbo-companion[scale]'"
        ) from error
    with ExitStack() as stack:
        cluster = scheduler
        if cluster is None:
            kept = {f"distributed.nanny.pre-spawn-environ.{name}": value for name, value in ALLOCATOR.items()}
            # the environment comes before the settings, and every earlier cluster of this process left its own there
            with dask.config.set(kept), patch.dict(os.environ, {name: str(value) for name, value in ALLOCATOR.items()}):
                local = LocalCluster(n_workers=jobs, threads_per_worker=1, dashboard_address=None)
            cluster = stack.enter_context(local)
        with Client(cluster, set_as_default=False) as client:
            if not client.nthreads():
                warnings.warn(f"scheduler: {scheduler} has no worker yet; runs begin when one comes", stacklevel=2)
            yield lambda function, arguments: on_cluster(client, function, arguments, until)


def in_processes(jobs: int, function: Callable[..., Any], arguments: Iterable[tuple]) -> Iterator[Any]:
    """See ``Pool``; raises ``WorkerError`` where a process was killed, since those beside it are stopped with it."""
    calls = (delayed(function)(*each) for each in arguments)
    options = {"batch_size": 1, "pre_dispatch": "n_jobs", "return_as": "generator_unordered"}
    try:
        yield from Parallel(n_jobs=jobs, **options)(calls)
    except BrokenExecutor as error:
        raise WorkerError(KILLED) from error


def on_cluster(client: Any, function: Callable[..., Any], arguments: Iterable[tuple], until: float) -> Iterator[Any]:
    """See ``Pool``. Workers may come and go: each of their threads has one call, and one whose worker dies moves on.

    A call under which several workers died gives a ``WorkerError`` in place of its result, and the others go on.
    """
    from dask.distributed import KilledWorker, wait

    waiting, more = iter(arguments), True
    running: set[Any] = set()
    while more or running:
        threads = sum(client.nthreads().values())
        if threads == 0 and monotonic() >= until:
            return
        free = max(0, max(1, threads) - len(running))  # where there is no worker, one call waits for the first
        calls = list(islice(waiting, free))
        more = more and len(calls) == free
        running |= {client.submit(function, *call, pure=False) for call in calls}
        if not running:
            continue
        with client.as_current(), suppress(TimeoutError):
            wait(running, timeout=POLL, return_when="FIRST_COMPLETED")
        for future in [each for each in running if each.done()]:
            running.remove(future)
            try:
                yield future.result()
            except KilledWorker:
                yield WorkerError(KILLED)
