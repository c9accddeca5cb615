"""Where runs are worked off: a cluster whose workers come late, die or stay away."""

import os
from math import inf
from time import monotonic

import pytest

from companion.sweeps.engines import ALLOCATOR, WorkerError, workers

distributed = pytest.importorskip("dask.distributed", reason="install the extra scale")


@pytest.fixture
def cluster():
    """One without workers."""
    with distributed.LocalCluster(n_workers=0, threads_per_worker=1, dashboard_address=None) as found:
        yield found


def deadly(x: int) -> int:
    """The square of x, but for a 2, at which the process dies."""
    return os._exit(1) if x == 2 else x * x


@pytest.mark.filterwarnings("ignore:scheduler")
def test_a_cluster_without_workers_is_waited_for_until_the_time_is_up(cluster):
    with workers("dask", 1, cluster.scheduler_address, until=monotonic()) as pool:
        assert list(pool(abs, [(-1,)])) == []
    with workers("dask", 1, cluster.scheduler_address, until=inf) as pool:
        assert list(pool(abs, [])) == []
        cluster.scale(1)
        assert sorted(pool(abs, [(-1,), (-2,), (-3,)])) == [1, 2, 3]


def test_a_scheduler_without_workers_is_told_of(cluster):
    with (
        pytest.warns(UserWarning, match="scheduler: tcp://.* has no worker yet; runs begin when one comes"),
        workers("dask", 1, cluster.scheduler_address),
    ):
        pass


def test_a_call_under_which_workers_die_is_given_up_and_the_others_go_on(monkeypatch):
    """On a cluster of this machine, whose workers keep their memory, whatever an earlier cluster left behind."""
    import dask

    monkeypatch.setenv("MALLOC_TRIM_THRESHOLD_", "65536")
    with dask.config.set({"distributed.scheduler.allowed-failures": 0}), workers("dask", 1) as pool:
        assert set(pool(os.getenv, [(name,) for name in ALLOCATOR])) == set(map(str, ALLOCATOR.values()))
        found = list(pool(deadly, [(1,), (2,), (3,)]))
    assert [each for each in found if not isinstance(each, WorkerError)] == [1, 9]
    assert len(found) == 3


def test_a_killed_process_is_named():
    with workers("joblib", 2) as pool, pytest.raises(WorkerError, match="jobs: a worker process was killed"):
        list(pool(deadly, [(1,), (2,), (3,)]))
