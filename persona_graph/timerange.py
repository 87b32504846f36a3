"""Windows of time: `TimeRange` is half open, `start <= t < end`, always timezone-aware.

>>> TimeRange.parse("2024-03-01", "2024-03-31").end     # a date as an end includes that day
datetime.datetime(2024, 4, 1, 0, 0, tzinfo=datetime.timezone.utc)
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo

from persona_graph.errors import InputError

EARLIEST = datetime(1, 1, 2, tzinfo=UTC)
LATEST = datetime(9999, 12, 30, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeRange:
    """Half open: `start <= t < end`. `None` leaves that side unbounded."""

    start: datetime | None = None
    end: datetime | None = None

    def __post_init__(self) -> None:
        for name in ("start", "end"):
            value = getattr(self, name)
            if value is not None and value.tzinfo is None:
                raise InputError(f"{name} {value.isoformat()} has no time zone; add one, for example +00:00")
        if self.start is not None and self.end is not None and self.end < self.start:
            raise InputError(f"the window ends ({self.end.isoformat()}) before it starts ({self.start.isoformat()})")

    @classmethod
    def parse(cls, start: str | None, end: str | None, zone: tzinfo = UTC) -> TimeRange:
        """Read a window from ISO dates or times; an end given as a date includes that day.

        Raises: InputError naming the value that is not a date, or an end that is not after the start.
        """
        first = parse_time(start, zone) if start else None
        last = parse_time(end, zone, is_end=True) if end else None
        if first is not None and last is not None and last <= first:
            raise InputError(f"the window ends ({end}) before it starts ({start})")
        return cls(start=first, end=last)

    @property
    def bounded(self) -> bool:
        """Whether at least one side is set."""
        return self.start is not None or self.end is not None

    def __contains__(self, moment: datetime) -> bool:
        return (self.start is None or self.start <= moment) and (self.end is None or moment < self.end)

    def overlaps(self, other: TimeRange) -> bool:
        """Whether both have a moment in common; an empty interval counts as its start."""
        if other.start is not None and other.start == other.end:
            return other.start in self
        if self.start is not None and self.start == self.end:
            return self.start in other
        before = self.end is not None and other.start is not None and self.end <= other.start
        after = other.end is not None and self.start is not None and other.end <= self.start
        return not (before or after)


ALWAYS = TimeRange()


def parse_time(text: str, zone: tzinfo = UTC, *, is_end: bool = False) -> datetime:
    """Read `YYYY-MM-DD`, `YYYY-MM-DD HH:MM` or any ISO time; without an offset it is in `zone`.

    `is_end` makes a bare date mean the end of that day (the next midnight).

    Raises: InputError when the text is no such time.
    """
    stripped = text.strip()
    try:
        moment = datetime.fromisoformat(stripped)
    except ValueError as error:
        raise InputError(f"{text!r} is not a date or time; write 2024-05-31 or 2024-05-31 18:30") from error
    # A day at either end of the calendar is left free, so that no change of zone can overflow.
    naive = max(EARLIEST.replace(tzinfo=None), min(moment.replace(tzinfo=None), LATEST.replace(tzinfo=None)))
    if is_end and len(stripped) <= len("2024-01-01"):
        naive += timedelta(days=1)
    return naive.replace(tzinfo=moment.tzinfo or zone)
