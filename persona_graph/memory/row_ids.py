"""Times as stores hold them: microseconds, and row ids that order by time.

A message's row is `unix seconds << 20 | sequence`, where the sequence starts at the microsecond.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from persona_graph.timerange import EARLIEST, LATEST, TimeRange, instant

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
SECOND = 1_000_000
SEQUENCE_BITS = 20
BEGINNING, END = -(2**62), 2**62
"""Before and after every moment and every row."""


def microseconds(at: datetime) -> int:
    """Since 1970; negative before. Raises: InputError for what is no time with a zone."""
    return (instant(at, "a time") - EPOCH) // timedelta(microseconds=1)


def moment(since_epoch: int) -> datetime:
    """The moment that `microseconds` counted, in UTC."""
    try:
        return EPOCH + timedelta(microseconds=since_epoch)
    except OverflowError:  # a zone far east puts the first hours of year 1 before year 1
        return EARLIEST if since_epoch < 0 else LATEST


def first_row(at: int) -> int:
    """The row of a message at that microsecond, where it is free."""
    return (at // SECOND << SEQUENCE_BITS) | at % SECOND


def last_row_of_second(row: int) -> int:
    """The last row of the same second."""
    return row | (1 << SEQUENCE_BITS) - 1


def bounds(window: TimeRange) -> tuple[int, int]:
    """First and last-but-one microsecond of a window: `start <= at < end`."""
    start = BEGINNING if window.start is None else microseconds(window.start)
    end = END if window.end is None else microseconds(window.end)
    return start, end


def row_bounds(start: int, end: int) -> tuple[int, int]:
    """Rows of all seconds that the microseconds `start <= at < end` touch; both ends belong to it."""
    low = BEGINNING if start == BEGINNING else first_row(start // SECOND * SECOND)
    high = END if end == END else last_row_of_second(first_row(end))
    return low, high
