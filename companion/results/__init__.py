"""Results: committed tables as frames, and the statistics of runs from several seeds."""

from companion.results.frames import best_by_validation, load, matched_pairs, matched_run, records
from companion.results.statistics import (
    MeanInterval,
    MedianInterval,
    PairedDifferences,
    PairedValues,
    median_interval,
    paired_values,
    with_error,
)

__all__ = [
    "MeanInterval",
    "MedianInterval",
    "PairedDifferences",
    "PairedValues",
    "best_by_validation",
    "load",
    "matched_pairs",
    "matched_run",
    "median_interval",
    "paired_values",
    "records",
    "with_error",
]
