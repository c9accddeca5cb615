"""Words about the rows of results: what numbers span, which runs were made alike, and verdicts on claims.

Rows are those of the tables in ``book/results``: dicts, numbers in nats.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from companion.show.written import Table

ALIKE = ("beta", "annealed", "seed", "steps", "objective", "target")
CLAIMS = ("claim", "verdict", "the rows say", "reproduced if")
OPEN = "not run yet"


def spread(values: Iterable[float], form: str = "g") -> str:
    """The least and the largest of ``values`` in the format ``form``, or the one number that both show.

    Raises ``ValueError`` without values.

    >>> spread([3.0, 1.25]), spread([0.2501, 0.2499], ".2f")
    ('1.25 to 3', '0.25')
    """
    values = list(values)
    if not values:
        raise ValueError("values: expected at least one number, got none")
    low, high = (format(choose(values), form) for choose in (min, max))
    return low if low == high else f"{low} to {high}"


def twin(rows: Iterable[Mapping[str, Any]], family: str, like: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The first of ``rows`` of another ``family`` that agrees with ``like`` in all of ``ALIKE``, or None.

    >>> rows = [dict.fromkeys(ALIKE, 1) | {"family": family} for family in ("---", "--v")]
    >>> twin(rows, "--v", rows[0])["family"]
    '--v'
    """
    alike = (row for row in rows if row["family"] == family and all(row[name] == like[name] for name in ALIKE))
    return next(alike, None)


def verdict(answer: bool | str | Sequence[bool | None] | None) -> str:
    """One word or two for the answer to a question: of several, whether they agree.

    answer : whether the rows say yes; None where runs are missing; several where the question has parts; or the verdict
        itself

    >>> [verdict(answer) for answer in (True, False, [True, False], [True, None], None, "not tested")]
    ['reproduced', 'not reproduced', 'partly', 'not run yet', 'not run yet', 'not tested']
    """
    if isinstance(answer, str):
        return answer
    answers = list(answer) if isinstance(answer, Sequence) else [answer]
    if not answers or None in answers:
        return OPEN
    if all(answers):
        return "reproduced"
    return "partly" if any(answers) else "not reproduced"


def claim_table(*claims: tuple[str, str, str | None, Any]) -> Table:
    """Claims with their verdicts: each a claim, a question, what the rows say (empty for no run), and the answer.

    >>> claim_table(("H is at most 80.2 nats.", "R + D is at most 80.2", "83.7", False))
    claim                    verdict         the rows say  reproduced if
    H is at most 80.2 nats.  not reproduced          83.7  R + D is at most 80.2
    """
    lines = [[claim, verdict(answer), finding or "no run", question] for claim, question, finding, answer in claims]
    return Table(CLAIMS, lines)
