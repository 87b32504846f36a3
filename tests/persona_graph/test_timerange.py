"""Windows are half open, aware of zones, and read dates the way people mean them."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from persona_graph.errors import InputError
from persona_graph.timerange import ALWAYS, EARLIEST, LATEST, TimeRange, clock_time, instant, parse_time

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


def utc(*moment: int) -> datetime:
    return datetime(*moment, tzinfo=UTC)  # type: ignore[arg-type, misc]


BERLIN = ZoneInfo("Europe/Berlin")
"""At 01:00 UTC on 2024-03-31 its clocks jump from 02:00 to 03:00, on 2024-10-27 they fall from 03:00 to 02:00."""


@pytest.mark.parametrize(
    ("start", "end", "first", "last"),
    [
        ("2024-03-31 01:30", "2024-03-31 03:30", utc(2024, 3, 31, 0, 30), utc(2024, 3, 31, 1, 30)),
        ("2024-10-27 01:30", "2024-10-27 03:30", utc(2024, 10, 26, 23, 30), utc(2024, 10, 27, 2, 30)),
        ("2024-03-01", "2024-10-31", utc(2024, 2, 29, 23), utc(2024, 10, 31, 23)),
        ("2024-10-27", "2024-10-27", utc(2024, 10, 26, 22), utc(2024, 10, 27, 23)),
        # 02:30 never is: a window begins and ends where the clocks jump over it
        ("2024-03-31 02:30", "2024-03-31 03:15", utc(2024, 3, 31, 1), utc(2024, 3, 31, 1, 15)),
        ("2024-03-31 01:30", "2024-03-31 02:30", utc(2024, 3, 31, 0, 30), utc(2024, 3, 31, 1)),
        # 02:30 is twice: a window begins with the first and ends with the second
        ("2024-10-27 02:30", "2024-10-27 03:15", utc(2024, 10, 27, 0, 30), utc(2024, 10, 27, 2, 15)),
        ("2024-10-27 02:15", "2024-10-27 02:30", utc(2024, 10, 27, 0, 15), utc(2024, 10, 27, 1, 30)),
        ("2024-10-27T02:30+02:00", "2024-10-27T02:30+01:00", utc(2024, 10, 27, 0, 30), utc(2024, 10, 27, 1, 30)),
    ],
)
def test_a_window_means_what_the_clocks_of_its_zone_show(start: str, end: str, first: datetime, last: datetime) -> None:
    assert TimeRange.parse(start, end, BERLIN) == TimeRange(start=first, end=last)


def test_a_day_whose_midnight_is_twice_or_never_is_that_whole_day() -> None:
    back = TimeRange.parse("2024-11-02", "2024-11-02", ZoneInfo("America/Havana"))
    assert back == TimeRange(start=utc(2024, 11, 2, 4), end=utc(2024, 11, 3, 4))
    forward = TimeRange.parse("2018-11-04", "2018-11-04", ZoneInfo("America/Sao_Paulo"))
    assert forward == TimeRange(start=utc(2018, 11, 4, 3), end=utc(2018, 11, 5, 2))


zones = st.sampled_from(
    ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "Africa/Monrovia"]
)
naive = st.datetimes(datetime(1970, 1, 1), datetime(2037, 1, 1))  # noqa: DTZ001


@given(naive, naive, zones)
def test_later_on_the_clock_is_never_earlier(one: datetime, other: datetime, name: str) -> None:
    first, last = sorted((one, other))
    zone = ZoneInfo(name)
    assert clock_time(first, zone) <= clock_time(last, zone, is_end=True)
    assert clock_time(first, zone) <= clock_time(last, zone)


@given(moments, moments, zones)
def test_times_of_one_zone_are_compared_as_instants(one: datetime, other: datetime, name: str) -> None:
    zone = ZoneInfo(name)
    start, end, local = (m.astimezone(zone) for m in (*sorted((one, other)), one + (other - one) / 2))
    assert local in TimeRange(start=start, end=end) or one == other
    assert instant(end, "end") - instant(start, "start") == abs(other - one)


@pytest.mark.parametrize("zone", [UTC, ZoneInfo("Pacific/Kiritimati"), ZoneInfo("Etc/GMT+12")])
def test_what_lies_off_the_calendar_is_cut_to_it(zone: tzinfo) -> None:
    window = TimeRange(start=datetime.min.replace(tzinfo=zone), end=datetime.max.replace(tzinfo=zone))
    assert window == TimeRange(start=EARLIEST, end=LATEST)
    for text in ("0001-01-01", "9999-12-31", "9999-12-31 23:59:59"):
        assert EARLIEST <= parse_time(text, zone, is_end=True) <= LATEST


@pytest.mark.parametrize("moment", ["2024-01-01", 5, date(2024, 1, 1), time(5), float("nan")], ids=repr)
def test_what_is_no_time_is_refused(moment: Any) -> None:
    with pytest.raises(InputError, match="datetime with a time zone"):
        TimeRange(end=moment)


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
