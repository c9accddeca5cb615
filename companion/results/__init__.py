"""Tables of results: their columns, their CSV form, their provenance, and frames and statistics to work with.

- ``load(name)`` gives a committed table as a tidy pandas frame. ``best_by_validation``, ``matched_pairs`` and
  ``matched_run`` choose rows of it, and ``records`` gives them as dicts.
- ``arrival(frame)`` says which trainings have come to their end.
- ``median_interval`` (a ``MedianInterval``), ``MeanInterval``, ``PairedDifferences`` and ``paired_values``
  (``PairedValues``) are statistics of runs from several seeds; ``with_error`` writes a value to the digits that its
  error allows.
- ``read_rows``, ``write_rows`` and ``point`` work on rows as dicts; ``SCHEMAS`` names the columns of each kind of
  table.
- ``ResultsTable`` is the table of a sweep while it grows; ``write_provenance`` stores what made it, and
  ``environment_info`` says what that is here.
"""

from companion.results.frames import arrival, best_by_validation, load, matched_pairs, matched_run, records
from companion.results.schema import SCHEMAS, environment_info, point, read_rows, write_provenance, write_rows
from companion.results.statistics import (
    MeanInterval,
    MedianInterval,
    PairedDifferences,
    PairedValues,
    median_interval,
    paired_values,
    with_error,
)
from companion.results.table import ResultsTable

__all__ = [
    "SCHEMAS",
    "MeanInterval",
    "MedianInterval",
    "PairedDifferences",
    "PairedValues",
    "ResultsTable",
    "arrival",
    "best_by_validation",
    "environment_info",
    "load",
    "matched_pairs",
    "matched_run",
    "median_interval",
    "paired_values",
    "point",
    "read_rows",
    "records",
    "with_error",
    "write_provenance",
    "write_rows",
]
