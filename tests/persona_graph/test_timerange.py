"""Windows are half open, aware of zones, and read dates the way people mean them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from persona_graph.errors import InputError
from persona_graph.timerange import ALWAYS, TimeRange, parse_time

moments = st.datetimes(datetime(1990, 1, 1), datetime(2050, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001


def between(pair: tuple[datetime | None, datetime | None]) -> TimeRange:
    first, last = pair
    if first is not None and last is not None:
        first, last = min(first, last), max(first, last)
    return TimeRange(start=first, end=last)


ranges = st.tuples(st.none() | moments, st.none() | moments).map(between)


def test_an_end_given_as_a_date_includes_that_day() -> None:
    window = TimeRange.parse("2024-03-01", "2024-03-31")
    assert datetime(2024, 3, 31, 23, 59, tzinfo=UTC) in window
    assert datetime(2024, 4, 1, tzinfo=UTC) not in window


def test_an_end_given_as_a_time_does_not_include_it() -> None:
    window = TimeRange.parse("2024-03-01 10:00", "2024-03-01 11:00")
    assert datetime(2024, 3, 1, 10, tzinfo=UTC) in window
    assert datetime(2024, 3, 1, 11, tzinfo=UTC) not in window


def test_a_day_with_a_clock_change_is_that_whole_day() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    window = TimeRange.parse("2024-03-31", "2024-03-31", berlin)
    assert window.start is not None
    assert window.end is not None
    assert window.end.astimezone(UTC) - window.start.astimezone(UTC) == timedelta(hours=23)


@pytest.mark.parametrize("text", ["soon", "2024-13-01", "31.12.2024", "", "2024-02-30"])
def test_what_is_no_date_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(InputError, match="write 2024-05-31"):
        parse_time(text)


def test_the_edge_of_the_calendar_is_no_crash() -> None:
    parse_time("9999-12-31", is_end=True)
    parse_time("0001-01-01", ZoneInfo("Asia/Tokyo"))


def test_a_time_without_a_zone_is_refused() -> None:
    with pytest.raises(InputError, match="time zone"):
        TimeRange(start=datetime(2024, 1, 1))  # noqa: DTZ001


def test_a_window_that_ends_before_it_starts_is_refused() -> None:
    with pytest.raises(InputError, match="before it starts"):
        TimeRange.parse("2024-05-02", "2024-05-01 00:00")


@given(ranges, ranges)
def test_overlap_is_symmetric(one: TimeRange, other: TimeRange) -> None:
    assert one.overlaps(other) == other.overlaps(one)


@given(ranges, moments)
def test_a_moment_inside_both_means_overlap(one: TimeRange, moment: datetime) -> None:
    instant = TimeRange(start=moment, end=moment)
    assert one.overlaps(instant) == (moment in one)


@given(ranges)
def test_everything_overlaps_always(window: TimeRange) -> None:
    assert ALWAYS.overlaps(window)
