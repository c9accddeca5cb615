"""Verification of a table: some of its runs are trained anew, and their rows compared with those that stand there."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import hypot
from pathlib import Path
from tempfile import TemporaryDirectory

from companion.learn.config import Config
from companion.learn.ledger import Ledger
from companion.learn.records import Row, made_by
from companion.learn.sweep import sweep
from companion.seeds import numpy_generator

QUANTITIES = {"rate": "rate_se", "distortion": "distortion_se", "elbo": "elbo_se", "iwae5": "iwae5_se"}
NATS, SHARE, ERRORS = 0.1, 0.03, 5  # what other bits may change: trainings of one seed drift apart on other builds


@dataclass(frozen=True)
class Comparison:
    """One quantity of one row, in nats: as it stands in the table, as found anew, and by how much they may differ."""

    row: Row
    quantity: str
    stored: float | None
    found: float | None
    allowed: float

    @property
    def agrees(self) -> bool:
        """Whether the difference is allowed; a quantity that the table leaves empty agrees with anything."""
        if self.stored is None or self.found is None:
            return self.stored is None
        return abs(self.stored - self.found) <= self.allowed


def verify(configs: Sequence[Config], table: Path | str, n: int, *, seed: int = 0, jobs: int = 1) -> list[Comparison]:
    """Train ``n`` of the ``configs`` that have rows in ``table`` anew, chosen by ``seed``, and compare all their rows.

    On a processor and a build of the libraries that the row's provenance names, run on the CPU, nothing may differ.
    Elsewhere a training takes other roundings, and drifts: allowed are then ``NATS``, ``SHARE`` of the value and
    ``ERRORS`` standard errors of the difference together. Nothing is written beside the table.

    Raises ``ValueError`` for ``n`` below 1 or a table without rows of ``configs``, and as ``sweep`` does.
    """
    ledger = Ledger(table, configs)
    done = [config for config in configs if config.hash in ledger.done()]
    if n < 1 or not done:
        raise ValueError(f"verify: expected 1 or more of the {len(done)} finished runs in {table}, got {n}")
    order = numpy_generator(seed).permutation(len(done))[:n]
    chosen = [done[i] for i in sorted(order)]
    with TemporaryDirectory() as folder:
        anew = {(r["config_hash"], r["split"]): r for r in sweep(chosen, folder, jobs=jobs)}
    runs, here = ledger.facts()["runs"], made_by()
    same = {c.hash for c in chosen if c.device == "cpu" and runs.get(c.hash, {}).get("made_by") == here}
    rows = [r for r in ledger.mine() if (r["config_hash"], r["split"]) in anew]
    return [c for r in rows for c in compare(r, anew[r["config_hash"], r["split"]], r["config_hash"] in same)]


def compare(stored: Row, found: Row, identical: bool) -> list[Comparison]:
    """The quantities of two rows of one run; ``identical`` allows no difference."""
    comparisons = []
    for name, error in QUANTITIES.items():
        allowed = NATS + SHARE * abs(stored[name] or 0) + ERRORS * hypot(stored[error] or 0, found[error] or 0)
        comparisons.append(Comparison(stored, name, stored[name], found[name], 0.0 if identical else allowed))
    return comparisons
