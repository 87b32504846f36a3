"""Dates that a question names, and how near a day is to them.

>>> anchors("What did she do on 7 May 2023?")
(Anchor(year=2023, month=5, day=7, first=None, last=None),)
"""

from __future__ import annotations

import calendar
import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cache

import numpy as np
from numpy.typing import NDArray

from persona_graph.retrieval.analysis import normalise
from persona_graph.retrieval.languages import LANGUAGES, Language
from persona_graph.timerange import TimeRange

WEEK_AFTER = 0.6
"""What is told up to a week after the day it happened."""
MONTH_AFTER = 0.5
"""What is told in the first ten days of the next month."""
SECONDS_PER_DAY = 86_400
LAST_YEAR = 9998
"""The days after a date are looked at too."""
YEARS_WITH_EVERY_DAY = 8
"""Of a longer interval the first years will do: every day of a calendar is in them, the 29th of February too."""

_ISO = re.compile(r"\b(?P<year>\d{4})[-/.](?P<month>\d{1,2})[-/.](?P<day>\d{1,2})\b")
_HAN = re.compile(r"(?:(?P<year>\d{4})\s*年\s*)?(?P<month>\d{1,2})\s*月(?:\s*(?P<day>\d{1,2})\s*[日号號])?")
_YEAR = re.compile(r"\b(?:19|20)\d{2}(?!\d)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Anchor:
    """A year, month or day that is named (without a year: of any year), or a span counted from today."""

    year: int | None = None
    month: int | None = None
    day: int | None = None
    first: date | None = None
    last: date | None = None

    def spans(self, years: Sequence[int]) -> Iterator[tuple[date, date, float]]:
        """First day, last day and value; later spans yield to earlier ones."""
        if self.first is not None and self.last is not None:
            yield self.first, self.last, 1.0
            return
        for year in (self.year,) if self.year is not None else years:
            yield from self._spans_in(year)

    def _spans_in(self, year: int) -> Iterator[tuple[date, date, float]]:
        if self.month is None:
            yield date(year, 1, 1), date(year, 12, 31), 1.0
        elif self.day is None:
            last = date(year, self.month, calendar.monthrange(year, self.month)[1])
            yield date(year, self.month, 1), last, 1.0
            yield last + timedelta(days=1), last + timedelta(days=10), MONTH_AFTER
        elif self.day <= calendar.monthrange(year, self.month)[1]:
            day = date(year, self.month, self.day)
            yield day, day, 1.0
            yield day + timedelta(days=1), day + timedelta(days=7), WEEK_AFTER


def anchors(text: str, now: datetime | None = None) -> tuple[Anchor, ...]:
    """The dates a text names; relative ones ("last week") only when `now` is known."""
    folded = normalise(text)
    found = [*_written(folded)]
    if not found:
        found = [Anchor(year=int(year)) for year in _YEAR.findall(folded)]
    if now is not None:
        found += _relative(folded, now.date())
    return tuple(dict.fromkeys(found))


def nearness(days: NDArray[np.int64], named: Sequence[Anchor]) -> NDArray[np.float32]:
    """For days counted from 1970-01-01: 1 on a named date, less soon after it, else 0."""
    values = np.zeros(len(days), np.float32)
    if not named or not len(days):
        return values
    ends = np.array([days.min(), days.max()]).astype("datetime64[D]").astype("datetime64[Y]").astype(int) + 1970
    years = range(max(1, int(ends[0]) - 1), min(LAST_YEAR, int(ends[1])) + 1)
    for anchor in named:
        for first, last, value in anchor.spans(years):
            low, high = _day_number(first), _day_number(last)
            inside = (days >= low) & (days <= high)
            values[inside] = np.maximum(values[inside], np.float32(value))
    return values


def overlap(intervals: Sequence[TimeRange], named: Sequence[Anchor]) -> NDArray[np.float32]:
    """For event intervals with a start: 1 where one overlaps a named date, less soon after it, else 0."""
    values = np.zeros(len(intervals), np.float32)
    if not named:
        return values
    for at, interval in enumerate(intervals):
        if interval.start is None:
            continue
        first = interval.start.date()
        last = max(first, (interval.end - timedelta(microseconds=1)).date()) if interval.end is not None else first
        years = range(first.year, min(last.year, first.year + YEARS_WITH_EVERY_DAY, LAST_YEAR) + 1)
        spans = [span for anchor in named for span in anchor.spans(years)]
        values[at] = max((value for low, high, value in spans if low <= last and first <= high), default=0.0)
    return values


def _day_number(day: date) -> int:
    return day.toordinal() - date(1970, 1, 1).toordinal()


def _written(folded: str) -> Iterator[Anchor]:
    for pattern in (_ISO, _HAN):
        for match in pattern.finditer(folded):
            yield from _checked(match["year"], int(match["month"]), match["day"])
    for language in LANGUAGES:
        for match in _month_pattern(language).finditer(folded):
            name, day = match["month"], match["before"] or match["after"]
            if day or match["year"] or match["opener"] or name not in language.doubtful_months:
                yield from _checked(match["year"], language.months[name], day)


@cache
def _month_pattern(language: Language) -> re.Pattern[str]:
    months = language.pattern(language.months).pattern
    opener = language.pattern(language.month_openers).pattern
    ordinal = r"(?:st|nd|rd|th|\.)?"
    return re.compile(
        rf"(?:(?P<opener>{opener})\s+)?(?:\b(?P<before>\d{{1,2}}){ordinal}\s+(?:of\s+|de\s+)?)?(?P<month>{months})\.?"
        rf"(?:\s+(?P<after>\d{{1,2}}){ordinal}(?!\d))?(?:,?\s+(?:of\s+|de\s+)?(?P<year>\d{{4}})\b)?"
    )


def _checked(year: str | None, month: int, day: str | None) -> Iterator[Anchor]:
    """The anchor, unless there is no such date, or none after it."""
    try:
        date(int(year) if year else 2000, month, int(day) if day else 1)
    except ValueError:
        return
    if year and int(year) > LAST_YEAR:
        return
    yield Anchor(year=int(year) if year else None, month=month, day=int(day) if day else None)


def _relative(folded: str, today: date) -> Iterator[Anchor]:
    for language in LANGUAGES:
        for match in language.pattern(language.relative_days).finditer(folded):
            first, last = language.relative_days[match[0]]
            with suppress(OverflowError):  # nobody lives at the ends of the calendar
                yield Anchor(first=today + timedelta(days=first), last=today + timedelta(days=last))
