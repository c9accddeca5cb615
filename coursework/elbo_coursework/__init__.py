"""Assignments with automatic grading: questions whose instances are drawn from a seed, and a sandboxed grader.

``check`` tries an answer in the student's own notebook, on public instances. ``grade`` and ``grade_folder`` run
submissions in processes of their own, kept by ``isolation`` from everything else, on instances from the instructor's
seed, and compare them with the reference solutions, which are those of the package ``companion``. ``python -m
elbo_coursework grade`` does so from the command line; ``elbo_coursework.term`` has what follows.
"""

from elbo_coursework.batch import grade_folder
from elbo_coursework.checking import check
from elbo_coursework.confinement import Isolation, isolation
from elbo_coursework.grading import Grade, Piece, QuestionGrade, grade
from elbo_coursework.questions import (
    NAMES,
    Assignment,
    CommonMistake,
    ManualQuestion,
    Question,
    Verdict,
    assignment,
    instances,
    judge,
)
from elbo_coursework.sandbox import Limits
from elbo_coursework.submissions import Submission, find_submissions

__version__ = "0.1.0"
__all__ = [
    "NAMES",
    "Assignment",
    "CommonMistake",
    "Grade",
    "Isolation",
    "Limits",
    "ManualQuestion",
    "Piece",
    "Question",
    "QuestionGrade",
    "Submission",
    "Verdict",
    "assignment",
    "check",
    "find_submissions",
    "grade",
    "grade_folder",
    "instances",
    "isolation",
    "judge",
]
