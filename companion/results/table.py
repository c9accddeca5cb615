"""The table of a sweep: rows as CSV, and beside them, as JSON, what made each."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

from companion.atomic import atomic_write
from companion.jsons import json_object
from companion.learn import Config
from companion.locks import locked
from companion.results.schema import Row, read_rows, write_rows

SPLITS = ("validation", "test")


class ResultsTable:
    """The rows of finished runs in ``path``, a CSV, in the order of ``configs``; rows of other runs come after them.

    Both files are rewritten whole, never changed in place, and by one process at a time, so that several sweeps may
    share a table. The JSON is written first: every row has its provenance.
    """

    def __init__(self, path: Path | str, configs: Sequence[Config]) -> None:
        self.path = Path(path)
        self.ranks = {config.hash: rank for rank, config in enumerate(configs)}
        self._done: tuple[object, set[str]] = None, set()  # of a state of the file

    def alone(self) -> AbstractContextManager[None]:
        """Inside, no other process changes the table."""
        return locked(self.path.with_name(f".{self.path.name}.lock"))

    def rows(self) -> list[Row]:
        """All rows in the table; raises ``ValueError`` for a file of another schema."""
        return read_rows(self.path) if self.path.is_file() else []

    def own_rows(self) -> list[Row]:
        """The rows of this table's configurations that are finished."""
        finished = self.ranks.keys() & self.done()
        return [row for row in self.rows() if row["config_hash"] in finished]

    def done(self) -> set[str]:
        """The hashes of the runs that have a row on every split, read again where the file is another."""
        stat = self.path.stat() if self.path.is_file() else None
        state = stat and (stat.st_ino, stat.st_mtime_ns, stat.st_size)
        if state is None or state != self._done[0]:
            splits: dict[str, set[str]] = {}
            for row in self.rows():
                splits.setdefault(row["config_hash"], set()).add(row["split"])
            self._done = state, {name for name, found in splits.items() if found == set(SPLITS)}
        return self._done[1]

    def provenance(self) -> dict[str, Any]:
        """What the JSON says; its ``runs`` are by hash. Raises ``ValueError`` where it cannot be read."""
        path = self.path.with_suffix(".json")
        if not path.is_file():
            return {"runs": {}}
        try:
            found = json_object(path.read_bytes())
            return found | {"runs": dict(found["runs"])}
        except (ValueError, TypeError, KeyError) as error:
            raise ValueError(f"{path}: expected the provenance of the rows beside it ({error!r})") from error

    @contextmanager
    def entering(self) -> Iterator[Callable[[Sequence[Row], dict[str, Any]], None]]:
        """Inside, a function that enters the rows of one run and its provenance.

        In a large table it enters a hundredth of what is there at a time, and at the end the rest, so that a thousand
        runs do not rewrite it a thousand times.
        """
        waiting: list[Row] = []
        facts: dict[str, Any] = {}
        size = len(self.done())

        def flush() -> None:
            nonlocal size
            self.upsert(waiting, facts)
            size += len(facts)
            waiting.clear()
            facts.clear()

        def enter(rows: Sequence[Row], told: dict[str, Any]) -> None:
            waiting.extend(rows)
            facts[rows[0]["config_hash"]] = told
            if len(facts) * 100 >= size:
                flush()

        try:
            yield enter
        finally:
            if facts:
                flush()

    def upsert(self, rows: Sequence[Row], facts: Mapping[str, dict[str, Any]]) -> None:
        """Add the ``rows`` of one or more runs and their provenance by hash, in place of any that these had."""
        with self.alone():
            known = self.provenance()
            kept = [row for row in self.rows() if row["config_hash"] not in facts]
            self.write([*kept, *rows], known | {"runs": {**known["runs"], **facts}})

    def write(self, rows: Sequence[Row], provenance: dict[str, Any]) -> None:
        """Write the table anew: ``rows`` in its order, and what ``provenance`` tells of their runs."""
        ordered = sorted(rows, key=self._rank)
        names, told = dict.fromkeys(row["config_hash"] for row in ordered), provenance["runs"]
        runs = {name: told[name] for name in names if name in told}
        with atomic_write(self.path.with_suffix(".json")) as temporary:
            temporary.write_text(json.dumps({**provenance, "runs": runs}, indent=1) + "\n")
        write_rows(self.path, ordered)

    def _rank(self, row: Row) -> int:
        return self.ranks.get(row["config_hash"], len(self.ranks))
