"""What follows grading, for a whole term: marks by hand, roster, lateness, totals, pages, exports.

``write_results`` makes all that is derived. What people decide stands in files of their own, which nothing here ever
overwrites: ``marks.csv``, to which rows are added, and the roster that was given.
"""

from elbo_coursework.term.late import Late
from elbo_coursework.term.marks import Mark
from elbo_coursework.term.roster import Student, read_roster
from elbo_coursework.term.totals import Class, Result
from elbo_coursework.term.write import write_results

__all__ = ["Class", "Late", "Mark", "Result", "Student", "read_roster", "write_results"]
