"""JSON of unknown origin, as the one object that it should hold."""

import json
from math import isinf
from typing import Any


def json_object(text: str | bytes) -> dict[str, Any]:
    """The object in a JSON text.

    Raises ``ValueError`` for any other text, also for one that names a key twice, and for whole numbers that no float
    holds, since whoever counts with them would overflow.

    >>> json_object('{"steps": 2}')
    {'steps': 2}
    """
    try:
        text = text.decode("utf-8-sig") if isinstance(text, bytes) else text
        found = json.loads(text, object_pairs_hook=_object, parse_int=_whole)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"expected JSON, got text that is none: {error}") from error
    if not isinstance(found, dict):
        raise ValueError(f"expected a JSON object, got a {type(found).__name__}")
    return found


def _whole(digits: str) -> int:
    if isinf(float(digits)):
        raise ValueError(f"a whole number of {len(digits.lstrip('-'))} digits")
    return int(digits)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError(f"{len(pairs)} keys, some of them twice")
    return found
