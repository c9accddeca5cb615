"""Sweeps: grids of configurations, trained and measured within a budget, resumed where they stopped, and verified.

- ``read_grid(path)``, ``expand(...)`` and ``expand_paths(...)`` give configurations: of a file, a grid, or paths.
- ``sweep(configs, out)`` trains each once and keeps one table of all rows; ``run`` is one of them.
- ``verify(configs, table, n)`` trains some anew and compares them with their rows.
- ``merge(tables, out)`` makes one table of those of several machines, if they belong together: it returns ``Merged``.
- ``WorkerError`` is raised where a worker process was killed.
"""

from companion.sweeps.grids import expand, expand_paths, read_grid
from companion.sweeps.merging import Merged, merge
from companion.sweeps.sweeping import WorkerError, run, sweep
from companion.sweeps.verification import verify

__all__ = ["Merged", "WorkerError", "expand", "expand_paths", "merge", "read_grid", "run", "sweep", "verify"]
