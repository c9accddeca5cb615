"""Verification of a table: some of its runs are trained anew, and their rows compared with those that stand there."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from companion.learn import Config
from companion.results.schema import Row, environment_info, quantities
from companion.results.table import ResultsTable
from companion.seeds import numpy_generator
from companion.sweeps.sweeping import sweep

# what other bits may change: trainings of one seed drift apart on other builds, but hardly further than other seeds,
# whose standard deviation is 0.7 to 0.9 nats on static MNIST at laptop scale, at R + D = 95 nats
NATS, SHARE, ERRORS = 0.1, 0.01, 5


@dataclass(frozen=True)
class Comparison:
    """One column of one row: as it stands in the table, as found anew, and, in nats, by how much they may differ.

    ``allowed`` is None where the two must be equal.
    """

    row: Row
    quantity: str
    stored: Any
    found: Any
    allowed: float | None

    @property
    def agrees(self) -> bool:
        """Whether the difference is allowed; where one is, an empty cell of the table agrees with anything."""
        if self.allowed is None:
            return self.stored == self.found
        if self.stored is None or self.found is None:
            return self.stored is None
        return abs(self.stored - self.found) <= self.allowed


def verify(configs: Sequence[Config], table: Path | str, n: int, *, seed: int = 0, jobs: int = 1) -> list[Comparison]:
    """Train ``n`` of the ``configs`` that have rows in ``table`` anew, chosen by ``seed``, and compare all their rows.

    On a processor and a build of the libraries that the row's provenance names, run on the CPU, no column may differ.
    Elsewhere a training takes other roundings, and drifts: the rate, the distortion and the bounds may then differ by
    ``NATS``, ``SHARE`` of the value found and ``ERRORS`` standard errors found together, and their errors at will; no
    other column may. Nothing is written beside the table.

    Raises ``ValueError`` for ``n`` below 1 or a table without rows of ``configs``, and as ``sweep`` does.
    """
    results = ResultsTable(table, configs)
    finished = results.done()
    done = [config for config in configs if config.hash in finished]
    if n < 1 or not done:
        raise ValueError(f"verify: expected 1 or more of the {len(done)} finished runs in {table}, got {n}")
    order = numpy_generator(seed).permutation(len(done))[:n]
    chosen = [done[i] for i in sorted(order)]
    with TemporaryDirectory() as folder:
        anew = {(r["config_hash"], r["split"]): r for r in sweep(chosen, folder, jobs=jobs)}
    runs, here = results.provenance()["runs"], environment_info()
    same = {c.hash for c in chosen if c.device == "cpu" and runs.get(c.hash, {}).get("made_by") == here}
    rows = [r for r in results.own_rows() if (r["config_hash"], r["split"]) in anew]
    return [c for r in rows for c in compare(r, anew[r["config_hash"], r["split"]], r["config_hash"] in same)]


def compare(stored: Row, found: Row, identical: bool) -> list[Comparison]:
    """The quantities of two rows of one run, and every other column that wrongly differs.

    ``identical`` allows no difference. What is allowed is told by ``found`` alone, not by the table that is tested.
    """
    comparisons = []
    measured = quantities(stored)
    for name, error in measured.items():
        allowed = None if identical else NATS + SHARE * abs(found[name] or 0) + ERRORS * (found[error] or 0)
        comparisons.append(Comparison(stored, name, stored[name], found[name], allowed))
    free = set() if identical else set(measured.values())
    others = [name for name in stored if name not in measured.keys() | free and stored[name] != found[name]]
    return comparisons + [Comparison(stored, name, stored[name], found[name], None) for name in others]
