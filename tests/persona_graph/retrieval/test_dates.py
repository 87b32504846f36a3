"""Dates that a question names, and how near a day is to them."""

from __future__ import annotations

from datetime import UTC, date, datetime

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from persona_graph.retrieval.dates import Anchor, anchors, nearness, overlap
from persona_graph.timerange import ALWAYS, EARLIEST, LATEST, TimeRange

NOW = datetime(2024, 3, 15, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("What did she do on 7 May 2023?", Anchor(year=2023, month=5, day=7)),
        ("before August 11, 2023", Anchor(year=2023, month=8, day=11)),
        ("the 3rd of June", Anchor(month=6, day=3)),
        ("in May", Anchor(month=5)),
        ("October 2023", Anchor(year=2023, month=10)),
        ("on 2023-10-04", Anchor(year=2023, month=10, day=4)),
        ("5月2日", Anchor(month=5, day=2)),
        ("2023年5月", Anchor(year=2023, month=5)),
        ("somewhere in 2022", Anchor(year=2022)),
        ("yesterday", Anchor(first=date(2024, 3, 14), last=date(2024, 3, 14))),
        ("昨天", Anchor(first=date(2024, 3, 14), last=date(2024, 3, 14))),
    ],
)
def test_dates_are_read_as_people_write_them(text: str, found: Anchor) -> None:
    assert anchors(text, NOW) == (found,)


def test_the_ends_of_the_calendar_overflow_nothing() -> None:
    ends = TimeRange(start=datetime(2024, 2, 1, tzinfo=UTC), end=LATEST)
    beginning = TimeRange(start=EARLIEST, end=NOW)
    for text in ("in December", "on 31 December", "yesterday", "29 February", "31 December 9998", "in May"):
        assert overlap([ends, beginning, TimeRange(start=LATEST)], anchors(text, NOW))[0] == 1
        nearness(np.array([-719_000, 0, 2_932_800]), anchors(text, NOW))
    assert anchors("from 0001-01-01 to 9999-12-31", EARLIEST) == (Anchor(year=1, month=1, day=1),)
    assert anchors("yesterday", datetime.min.replace(tzinfo=UTC)) == ()


@pytest.mark.parametrize("text", ["May I ask?", "a march for peace", "31 February", "13月40日", "room 101", ""])
def test_what_is_no_date_is_not_read_as_one(text: str) -> None:
    assert anchors(text, NOW) == ()


def test_relative_dates_need_to_know_the_time() -> None:
    assert anchors("last week") == ()


def days(*written: str) -> NDArray[np.int64]:
    return np.array(written, "datetime64[D]").astype(np.int64)


def test_the_day_itself_counts_most_and_the_week_after_it_somewhat() -> None:
    found = nearness(days("2023-05-06", "2023-05-07", "2023-05-14", "2023-05-15"), anchors("7 May 2023"))
    assert found.tolist() == pytest.approx([0, 1, 0.6, 0])


def test_a_month_counts_into_the_first_ten_days_of_the_next() -> None:
    found = nearness(days("2023-04-30", "2023-05-31", "2023-06-10", "2023-06-11", "2022-05-01"), anchors("in May"))
    assert found.tolist() == pytest.approx([0, 1, 0.5, 0, 1])


@given(st.lists(st.integers(-700_000, 2_900_000), max_size=20), st.text(max_size=40))
def test_nearness_is_between_0_and_1_for_any_day(numbers: list[int], text: str) -> None:
    found = nearness(np.array(numbers, np.int64), (*anchors(text, NOW), *anchors("29 February and 5 May 2023", NOW)))
    assert ((found >= 0) & (found <= 1)).all()


def test_events_overlap_the_dates_they_lie_in() -> None:
    may = TimeRange.parse("2023-05-20", "2023-06-02")
    later = TimeRange.parse("2023-06-05", "2023-06-06")
    assert overlap([may, later, ALWAYS], anchors("in May")).tolist() == pytest.approx([1, 0.5, 0])
