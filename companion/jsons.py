"""JSON of unknown origin, as the one object that it should hold."""

import json
from typing import Any


def json_object(text: str | bytes) -> dict[str, Any]:
    """The object in a JSON text; raises ``ValueError`` for any other text, also for one that names a key twice.

    >>> json_object('{"steps": 2}')
    {'steps': 2}
    """
    try:
        found = json.loads(text.decode("utf-8-sig") if isinstance(text, bytes) else text, object_pairs_hook=_object)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"expected JSON, got text that is none: {error}") from error
    if not isinstance(found, dict):
        raise ValueError(f"expected a JSON object, got a {type(found).__name__}")
    return found


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError(f"{len(pairs)} keys, some of them twice")
    return found
