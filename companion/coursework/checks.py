"""Checks for the student's own notebook: the public seed, no limits, and hints in place of answers."""

from collections.abc import Callable
from copy import deepcopy
from typing import Any

import numpy as np

from companion.coursework.catalogue import assignment
from companion.coursework.questions import PUBLIC_SEED, Assignment, Inputs, Question, Verdict, instances, judge


def check(function: Callable[..., Any], name: str | Assignment) -> None:
    """Try the answer ``function`` to the question of its name, in the assignment ``name``, on public instances.

    Prints how many instances are right and what is wrong with the others. Grading draws other instances.

    Raises ``AssertionError`` with the first hint where one is wrong, and what the function itself raises.
    """
    asked = assignment(name) if isinstance(name, str) else name
    question = asked.question(function.__name__)
    drawn = instances(asked.name, question, PUBLIC_SEED)
    verdicts = [_tried(function, question, inputs) for inputs in drawn]
    hints = list(dict.fromkeys(verdict.hint for verdict in verdicts if verdict.hint))
    right = sum(verdict.credit == 1 for verdict in verdicts)
    print(f"{question.name}: {right} of {len(drawn)} instances are right.", *hints, sep="\n  ")
    assert not hints, hints[0]


def _tried(function: Callable[..., Any], question: Question, inputs: Inputs) -> Verdict:
    answer = function(**deepcopy(inputs))
    with np.errstate(all="ignore"):
        return judge(question, inputs, _detached(answer))


def _detached(answer: Any) -> Any:
    """The answer with arrays for tensors, as grading sees it."""
    if isinstance(answer, dict):
        return {name: _detached(inner) for name, inner in answer.items()}
    if isinstance(answer, (list, tuple)):
        return [_detached(inner) for inner in answer]
    return answer.detach().cpu().numpy() if hasattr(answer, "detach") else answer
