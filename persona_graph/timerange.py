"""Times: a moment is an instant, a window of time is half open, `start <= t < end`, and both have a zone.

>>> TimeRange.parse("2024-03-01", "2024-03-31").end     # a date as an end includes that day
datetime.datetime(2024, 4, 1, 0, 0, tzinfo=datetime.timezone.utc)
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone, tzinfo

from persona_graph.errors import InputError

EARLIEST = datetime(1, 1, 2, tzinfo=UTC)
LATEST = datetime(9999, 12, 30, tzinfo=UTC)
"""A day at either end of the calendar is left free, so that no change of zone can overflow."""

MOMENT = timedelta(microseconds=1)
"""The least there is: what is added to a moment so that a half-open window includes it."""
_SECOND = timedelta(seconds=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeRange:
    """Half open: `start <= t < end`. `None` leaves that side unbounded; what lies off the calendar is cut to it."""

    start: datetime | None = None
    end: datetime | None = None

    def __post_init__(self) -> None:
        for name in ("start", "end"):
            if (value := getattr(self, name)) is not None:
                object.__setattr__(self, name, within_calendar(instant(value, name)))
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


def instant(moment: datetime, name: str) -> datetime:
    """The moment under a fixed offset.

    Between two times of one zone Python compares and subtracts what the clocks show, and clocks are put
    forward and back; under fixed offsets it compares instants.

    Raises: InputError when it is no time with a zone; `name` says which.
    """
    if not isinstance(moment, datetime):
        raise InputError(f"{name} is {repr(moment)[:80]}; it is a datetime with a time zone")
    if type(moment.tzinfo) is timezone:
        return moment
    offset = moment.utcoffset()
    if offset is None:
        raise InputError(f"{name} {moment.isoformat()} has no time zone; add one, for example +00:00")
    return moment.replace(tzinfo=timezone(offset), fold=0)


def within_calendar(moment: datetime) -> datetime:
    """The moment, or the end of the calendar that it lies beyond."""
    return max(EARLIEST, min(moment, LATEST))


def clock_time(shown: datetime, zone: tzinfo, *, is_end: bool = False) -> datetime:
    """The instant at which the clocks of a zone show a time.

    Clocks that are put back show it twice: a window begins with the first and ends with the second. Clocks
    that are put forward never show it: then it is the moment at which they jump over it.
    """
    moment = instant(shown.replace(tzinfo=zone, fold=int(is_end)), "a time")
    if moment.astimezone(zone).replace(tzinfo=None, fold=0) == shown:
        return moment
    low, high = (instant(shown.replace(tzinfo=zone, fold=fold), "a time").astimezone(UTC) for fold in (1, 0))
    after = high.astimezone(zone).utcoffset()
    while high - low > _SECOND:
        middle = low + (high - low) / 2
        low, high = (low, middle) if middle.astimezone(zone).utcoffset() == after else (middle, high)
    return instant(high.replace(microsecond=0).astimezone(zone), "a time")  # clocks change at whole seconds


def parse_time(text: str, zone: tzinfo = UTC, *, is_end: bool = False) -> datetime:
    """Read `YYYY-MM-DD`, `YYYY-MM-DD HH:MM` or any ISO time; without an offset it is what the clocks of `zone` show.

    `is_end` makes a bare date mean the end of that day (the next midnight).

    Raises: InputError when the text is no such time.
    """
    stripped = text.strip()
    try:
        moment = datetime.fromisoformat(stripped)
    except ValueError as error:
        raise InputError(f"{text[:80]!r} is not a date or time; write 2024-05-31 or 2024-05-31 18:30") from error
    shown = max(EARLIEST.replace(tzinfo=None), min(moment.replace(tzinfo=None), LATEST.replace(tzinfo=None)))
    is_date = len(stripped) <= len("2024-01-01")
    if is_date and is_end:
        shown += timedelta(days=1)
    if moment.tzinfo is not None:
        return within_calendar(shown.replace(tzinfo=moment.tzinfo))
    return within_calendar(clock_time(shown, zone, is_end=is_end and not is_date))
