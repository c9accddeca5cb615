"""Three variables in a directed graph, as tables ``[A, B, C]``: which are independent, marginally and conditionally.

| graph | factorisation | independent | given the third |
| --- | --- | --- | --- |
| cascade A -> B -> C | p(a) p(b given a) p(c given b) | nothing | A and C, given B |
| common parent A <- B -> C | p(b) p(a given b) p(c given b) | nothing | A and C, given B |
| v-structure A -> C <- B | p(a) p(b) p(c given a, b) | A and B | nothing |

The last row is *explaining away*: two causes that are independent become dependent once their effect is observed.
A joint table of the first two is one sum, ``np.einsum("a,ab,bc->abc", p_a, b_given_a, c_given_b)`` for the cascade.
"""

from typing import Any

import numpy as np

from companion.exact.tables import check_distribution, check_shapes, expected_log_ratio, mutual_information

AXES = "ABC"


def v_structure(p_a: Any, p_b: Any, c_given_ab: Any) -> np.ndarray:
    """The joint table of A -> C <- B from ``p_a`` [A], ``p_b`` [B] and ``c_given_ab`` [A, B, C].

    Raises ``ValueError`` for tables that are no distributions or do not fit.

    >>> either = np.array([[[1.0, 0.0], [0.0, 1.0]], [[0.0, 1.0], [0.0, 1.0]]])  # c = a or b
    >>> joint = v_structure([0.5, 0.5], [0.5, 0.5], either)
    >>> marginal_mutual_information(joint, "AB"), conditional_mutual_information(joint, "AB") > 0.1
    (0.0, True)
    """
    a, b = check_distribution("p_a", p_a), check_distribution("p_b", p_b)
    c_ab = check_distribution("c_given_ab", c_given_ab, ndim=3)
    check_shapes(c_given_ab=(c_ab, (len(a), len(b), c_ab.shape[2])))
    return np.einsum("a,b,abc->abc", a, b, c_ab)


def marginal_mutual_information(joint: Any, pair: str) -> float:
    """I(first; second), in nats, of two of the variables when the third is not observed.

    Args:
        joint: ``[A, B, C]``, entries that sum to one
        pair: "AB", "AC" or "BC"

    Raises ``ValueError`` for another pair, or a table that is no distribution.

    >>> copies = np.zeros((2, 2, 2))
    >>> copies[0, 0, :] = copies[1, 1, :] = 0.25  # B is a copy of A, C is a coin of its own
    >>> round(marginal_mutual_information(copies, "AB"), 4), marginal_mutual_information(copies, "AC")
    (0.6931, 0.0)
    """
    return mutual_information(_move_third_last(joint, pair).sum(2))


def conditional_mutual_information(joint: Any, pair: str) -> float:
    """I(first; second | third), in nats: zero exactly where the pair is independent at every value of the third.

    Arguments and errors as for ``marginal_mutual_information``.

    >>> parity = np.zeros((2, 2, 2))
    >>> parity[0, 0, 0] = parity[0, 1, 1] = parity[1, 0, 1] = parity[1, 1, 0] = 0.25  # C is 1 where A and B differ
    >>> marginal_mutual_information(parity, "AB"), round(conditional_mutual_information(parity, "AB"), 4)
    (0.0, 0.6931)
    """
    table = _move_third_last(joint, pair)
    first, second, third = table.sum(1, keepdims=True), table.sum(0), table.sum((0, 1))
    return max(0.0, expected_log_ratio(table, [table, third], [first, second]))


def posterior(joint: Any, variable: str, **seen: int) -> np.ndarray:
    """The distribution of one variable given observed values of others: p(A | B = 1, C = 0), say.

    Args:
        joint: ``[A, B, C]``, entries that sum to one
        variable: "A", "B" or "C"
        seen: the observed values, by name: ``posterior(joint, "A", B=1, C=0)``; with none it is the marginal

    Raises ``ValueError`` for an unknown variable, or observations of probability zero.

    >>> either = np.array([[[1.0, 0.0], [0.0, 1.0]], [[0.0, 1.0], [0.0, 1.0]]])  # c = a or b
    >>> joint = v_structure([0.5, 0.5], [0.5, 0.5], either)
    >>> [posterior(joint, "A", **seen).round(3).tolist()[1] for seen in ({}, {"C": 1}, {"C": 1, "B": 1})]
    [0.5, 0.667, 0.5]
    """
    table = _check_joint(joint)
    names = [*seen, variable]
    if len(set(names)) != len(names) or not set(names) <= set(AXES):
        raise ValueError(f"variable: expected different letters of A, B and C, got {', '.join(names)}")
    for name, value in seen.items():
        axis = AXES.index(name)
        if not 0 <= value < table.shape[axis]:
            raise ValueError(f"{name}: expected a value from 0 to {table.shape[axis] - 1}, got {value}")
        table = np.take(table, [value], axis)
    if table.sum() == 0:
        raise ValueError(f"seen: expected something possible, got {seen} of probability zero")
    weights = table.sum(tuple(i for i in range(3) if AXES[i] != variable))
    return weights / weights.sum()


def _check_joint(joint: Any) -> np.ndarray:
    table = np.asarray(joint)
    if table.ndim != 3:
        raise ValueError(f"joint: expected a table [A, B, C], got shape {table.shape}")
    return check_distribution("joint", table.ravel()).reshape(table.shape)


def _move_third_last(joint: Any, pair: str) -> np.ndarray:
    if pair not in ("AB", "AC", "BC"):
        raise ValueError(f"pair: expected AB, AC or BC, got {pair!r}")
    third = next(letter for letter in AXES if letter not in pair)
    return np.moveaxis(_check_joint(joint), AXES.index(third), 2)
