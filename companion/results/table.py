"""The table of a sweep: rows as CSV, and beside them, as JSON, what made each."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from companion.atomic import atomic_write
from companion.learn import Config
from companion.locks import locked
from companion.results.schema import Row, read_rows, write_rows

SPLITS = ("validation", "test")


class ResultsTable:
    """The rows of finished runs in ``path``, a CSV, in the order of ``configs``; rows of other runs come after them.

    Both files are rewritten whole at every entry, so that a killed sweep loses the runs under way alone, by one process
    at a time, so that several sweeps may share a table. The JSON is written first: every row has its provenance.
    """

    def __init__(self, path: Path | str, configs: Sequence[Config]) -> None:
        self.path = Path(path)
        self.ranks = {config.hash: rank for rank, config in enumerate(configs)}

    def rows(self) -> list[Row]:
        """All rows in the table; raises ``ValueError`` for a file of another schema."""
        return read_rows(self.path) if self.path.is_file() else []

    def own_rows(self) -> list[Row]:
        """The rows of this table's configurations that are finished."""
        finished = self.ranks.keys() & self.done()
        return [row for row in self.rows() if row["config_hash"] in finished]

    def done(self) -> set[str]:
        """The hashes of the runs that have a row on every split."""
        splits: dict[str, set[str]] = {}
        for row in self.rows():
            splits.setdefault(row["config_hash"], set()).add(row["split"])
        return {name for name, found in splits.items() if found == set(SPLITS)}

    def provenance(self) -> dict[str, Any]:
        """What the JSON says; its ``runs`` are by hash. Raises ``ValueError`` where it cannot be read."""
        path = self.path.with_suffix(".json")
        if not path.is_file():
            return {"runs": {}}
        try:
            found = json.loads(path.read_text())
            return found | {"runs": dict(found["runs"])}
        except (ValueError, TypeError, KeyError) as error:
            raise ValueError(f"{path}: expected the provenance of the rows beside it ({error!r})") from error

    def upsert(self, rows: Sequence[Row], facts: dict[str, Any]) -> None:
        """Add the rows of one run and its provenance, in place of any it had."""
        with locked(self.path.with_name(f".{self.path.name}.lock")):
            name, known = rows[0]["config_hash"], self.provenance()
            kept = sorted([*(r for r in self.rows() if r["config_hash"] != name), *rows], key=self._rank)
            runs = known["runs"] | {name: facts}
            known["runs"] = {key: runs[key] for key in dict.fromkeys(r["config_hash"] for r in kept) if key in runs}
            with atomic_write(self.path.with_suffix(".json")) as temporary:
                temporary.write_text(json.dumps(known, indent=1) + "\n")
            write_rows(self.path, kept)

    def _rank(self, row: Row) -> int:
        return self.ranks.get(row["config_hash"], len(self.ranks))
