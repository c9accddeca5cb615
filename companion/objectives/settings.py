"""Objectives by name, and their settings side by side with those of other objectives, as tables and files have them."""

from dataclasses import fields
from typing import Any

from companion.objectives.base import OBJECTIVES, SETTINGS, Objective


def objective(name: str = "beta_vae", **settings: Any) -> Objective:
    """The objective ``name`` with its ``settings``.

    A setting of another objective may be given at its value in ``SETTINGS``, as complete records have it.

    Raises ``ValueError`` for an unknown name, a setting that the objective does not have, or an impossible value.

    >>> objective("target_rate", target=8.0)
    TargetRate(target=8.0, weight=5.0)
    """
    if name not in OBJECTIVES:
        raise ValueError(f"objective: expected one of {', '.join(OBJECTIVES)}, got {name!r}")
    own = {field.name for field in fields(OBJECTIVES[name])}
    for key, value in settings.items():
        if key not in own and (key not in SETTINGS or not (value is SETTINGS[key] or value == SETTINGS[key])):
            raise ValueError(f"{key}: expected none with the objective {name}, got {value!r}")
    return OBJECTIVES[name](**{key: value for key, value in settings.items() if key in own})
