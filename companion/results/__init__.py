"""Tables of results: their columns, their CSV form, their provenance, and frames to work with.

- ``load(name)`` gives a committed table as a tidy pandas frame; ``best_by_validation`` and ``matched_pairs`` choose
  rows.
- ``read_rows``, ``write_rows`` and ``point`` work on the rows themselves; ``SCHEMAS`` names the columns of each kind of
  table.
- ``ResultsTable`` is the table of a sweep while it grows; ``write_provenance`` stores what made it, and
  ``environment_info`` says what that is here.
"""

from companion.results.schema import SCHEMAS, environment_info, point, read_rows, write_provenance, write_rows
from companion.results.table import ResultsTable

__all__ = ["SCHEMAS", "ResultsTable", "environment_info", "point", "read_rows", "write_provenance", "write_rows"]
