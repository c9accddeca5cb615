"""Assignments that a class can do and an instructor can trust: questions from a seed, and their grading.

``check`` tries an answer in the student's own notebook, on public instances. ``grade`` and ``grade_folder`` run
submissions in processes of their own, on instances from the instructor's seed, and compare with the package.
"""

from companion.coursework.batch import grade_folder
from companion.coursework.catalogue import NAMES, assignment
from companion.coursework.checks import check
from companion.coursework.grading import Grade, Marked, grade
from companion.coursework.isolation import Limits
from companion.coursework.questions import Assignment, Question, Slip, Verdict, Written, instances, judge

__all__ = [
    "NAMES",
    "Assignment",
    "Grade",
    "Limits",
    "Marked",
    "Question",
    "Slip",
    "Verdict",
    "Written",
    "assignment",
    "check",
    "grade",
    "grade_folder",
    "instances",
    "judge",
]
