"""Late submissions: what they cost, and which of several counts."""

import math
import re
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

DAY = timedelta(days=1)
ATTEMPTS = ("last", "best")


@dataclass(frozen=True)
class Late:
    """The rules of a class.

    A submission after ``due`` is late by the days that have begun since. Each costs ``per_day`` of the points that it
    earned. What comes more than ``days`` late earns nothing.

    Attributes:
        due: ISO 8601; without a zone it is in that of this machine. "" where nothing is ever late
        days: how many days late a submission may be
        per_day: a share, from 0 to 1
        attempts: which of a student's submissions counts, ``last`` or ``best``

    Raises ``ValueError`` for a date that is none, negative days, or a share outside that range.

    >>> late = Late("2026-11-30T23:59", days=3, per_day=0.1)
    >>> late.days_late("2026-12-01T08:00"), late.share_lost("2026-12-01T08:00")
    (1, 0.1)
    """

    due: str = ""
    days: int = 0
    per_day: float = 0.0
    attempts: str = "last"

    def __post_init__(self) -> None:
        if not isinstance(self.due, str):
            raise ValueError(f"due: expected a text, got {self.due!r}")
        if self.due:
            moment(self.due, "due")
        if self.days < 0:
            raise ValueError(f"late-days: expected at least 0, got {self.days}")
        if not 0 <= self.per_day <= 1:
            raise ValueError(f"per-day: expected from 0% to 100%, got {100.0 * self.per_day:g}%")
        if self.attempts not in ATTEMPTS:
            raise ValueError(f"attempts: expected one of {', '.join(ATTEMPTS)}, got {self.attempts!r}")

    def days_late(self, handed_in: str, extension: int = 0) -> int | None:
        """The days begun since ``due`` and the student's ``extension``, 0 in time, or None where it is not known."""
        if not self.due:
            return 0
        if not handed_in:
            return None
        late = moment(handed_in, "handed_in") - moment(self.due, "due") - extension * DAY
        return max(math.ceil(late / DAY), 0)

    def share_lost(self, handed_in: str, extension: int = 0) -> float:
        """The share of its points that a submission loses; where it is not known when it came, none."""
        late = self.days_late(handed_in, extension) or 0
        return 1.0 if late > self.days else min(late * self.per_day, 1.0)

    def to_record(self) -> dict[str, Any]:
        """As JSON can hold it."""
        return asdict(self)


def share(text: str) -> float:
    """The share of a text such as ``10%``.

    Raises ``ValueError`` for another form, and for a share outside 0 to 100%.

    >>> share("10%")
    0.1
    """
    found = re.fullmatch(r"\s*([0-9]{1,3}(?:[.,][0-9]{1,4})?)\s*%\s*", text)
    if not found or (value := float(found[1].replace(",", "."))) > 100:
        raise ValueError(f"per-day: expected a percentage from 0% to 100% such as 10%, got {text!r}")
    return value / 100


def moment(text: str, name: str = "text") -> datetime:
    """A moment of ISO 8601; without a zone it is in that of this machine.

    Raises ``ValueError`` naming the argument ``name`` where it is none.
    """
    try:
        found = datetime.fromisoformat(text.strip())
        if len(text.strip()) <= 10:
            found += DAY - timedelta(seconds=1)  # a day alone lasts until its end
        return found.astimezone()
    except (ValueError, OverflowError) as error:
        raise ValueError(f"{name}: expected a moment such as 2026-11-30T23:59, got {text!r}") from error
