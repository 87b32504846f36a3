"""The time that a text names, as a window: "in May", "last week", "before 3 June 2023"."""

from __future__ import annotations

import calendar
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import cache

from persona_graph.policy.offline.language import Language
from persona_graph.timerange import ALWAYS, TimeRange

_ISO = re.compile(r"\b(?P<year>\d{4})[-/.](?P<month>\d{1,2})[-/.](?P<day>\d{1,2})\b")
_HAN = re.compile(r"(?:(?P<year>\d{4})\s*年\s*)?(?P<month>\d{1,2})\s*月(?:\s*(?P<day>\d{1,2})\s*[日号號])?")
_YEAR = re.compile(r"(?<![\d.,-])(?P<year>(?:19|20)\d{2})(?![\d-])\s*年?")
_ONE_DAY = timedelta(days=1)
_DAYS_A_WEEK = 7


@dataclass(frozen=True, slots=True)
class _Named:
    """A stretch of days, the last included, and the place where the text names it."""

    first: date
    last: date
    start: int
    end: int


def window_of(text: str, now: datetime, language: Language, *, ahead: bool = False) -> TimeRange:
    """The window that the text names; unbounded where it names none.

    A month or day without a year is the last one that has begun, or the next one when `ahead`.
    """
    named = list(_named(text, now.date(), language, ahead))
    if not named:
        return TimeRange(end=_midnight(now.date(), now)) if language.times.once.search(text) else ALWAYS
    try:
        return _spanned(text, named, now, language)
    except OverflowError:  # the edge of the calendar
        return ALWAYS


def without_dates(text: str, now: datetime, language: Language) -> str:
    """The text without the dates it names."""
    kept = text
    for each in sorted(_named(text, now.date(), language, ahead=False), key=lambda each: each.start, reverse=True):
        kept = f"{kept[: each.start]} {kept[each.end :]}"
    return " ".join(kept.split())


def _spanned(text: str, named: list[_Named], now: datetime, language: Language) -> TimeRange:
    start = _midnight(min(each.first for each in named), now)
    end = _midnight(max(each.last for each in named) + _ONE_DAY, now)
    if len(named) == 1 and _is_end(text, named[0], language):
        return TimeRange(end=start)
    return TimeRange(start=start, end=None if len(named) == 1 and _is_start(text, named[0], language) else end)


def _named(text: str, today: date, language: Language, ahead: bool) -> Iterator[_Named]:
    """Every date in the text; what one reading has taken is not read again."""
    taken: list[tuple[int, int]] = []
    for reading in (_ago, _relative, _written, _weekday, _year):
        for each in reading(text, today, language, ahead):
            if all(each.end <= start or end <= each.start for start, end in taken):
                taken.append((each.start, each.end))
                yield each


def _ago(text: str, today: date, language: Language, _ahead: bool) -> Iterator[_Named]:
    for match in language.times.ago.finditer(text):
        number = match["n"].casefold()
        count = int(number) if number.isdecimal() else language.times.numbers.get(" ".join(number.split()), 1)
        unit = next((u for head, u in language.times.units.items() if match["unit"].casefold().startswith(head)), "day")
        yield from _stretch(today, unit, -count, match)


def _relative(text: str, today: date, language: Language, _ahead: bool) -> Iterator[_Named]:
    for words, (unit, count) in language.times.relative.items():
        for match in _found(words, language.spaced).finditer(text):
            yield from _stretch(today, unit, count, match)


def _stretch(today: date, unit: str, count: int, match: re.Match[str]) -> Iterator[_Named]:
    """The day, calendar week, month or year that lies so many of them from today."""
    try:
        if unit == "day":
            first = last = today + timedelta(days=count)
        elif unit == "week":
            first = today + timedelta(days=count * _DAYS_A_WEEK - today.weekday())
            last = first + timedelta(days=_DAYS_A_WEEK - 1)
        elif unit == "month":
            first, last = _month(today.year + (today.month - 1 + count) // 12, (today.month - 1 + count) % 12 + 1)
        else:
            first, last = date(today.year + count, 1, 1), date(today.year + count, 12, 31)
    except (ValueError, OverflowError):
        return
    yield _Named(first, last, *match.span())


def _written(text: str, today: date, language: Language, ahead: bool) -> Iterator[_Named]:
    for pattern in (_ISO, _HAN):
        for match in pattern.finditer(text):
            yield from _dated(match, int(match["month"]), match["day"], match["year"], today, ahead)
    for match in _month_pattern(language).finditer(text):
        name, day = " ".join(match["month"].casefold().split()), match["before"] or match["after"]
        meant = day or match["year"] or _opened(text, match.start("month"), language)
        if meant or name not in language.times.doubtful:
            yield from _dated(match, language.times.months[name], day, match["year"], today, ahead)


def _opened(text: str, place: int, language: Language) -> bool:
    """Whether a word that may be a month is meant as one: "in may", or "May" within a sentence."""
    inside = place > 0 and text[:place].rstrip()[-1:] not in (".", "!", "?", "")
    return bool(language.times.opener.search(text[:place])) or (inside and text[place].isupper())


def _dated(
    match: re.Match[str], month: int, day: str | None, year: str | None, today: date, ahead: bool
) -> Iterator[_Named]:
    try:
        first, last = _days(int(year) if year else today.year, month, day)
        if not year and not ahead and first > today:
            first, last = _days(today.year - 1, month, day)
        if not year and ahead and last < today:
            first, last = _days(today.year + 1, month, day)
    except ValueError:
        return
    yield _Named(first, last, *match.span())


def _weekday(text: str, today: date, language: Language, ahead: bool) -> Iterator[_Named]:
    for number, words in enumerate(language.times.weekdays):
        for match in _found(words, language.spaced).finditer(text):
            back = (today.weekday() - number) % _DAYS_A_WEEK or _DAYS_A_WEEK
            day = today + timedelta(days=_DAYS_A_WEEK - back if ahead and back != _DAYS_A_WEEK else -back)
            yield _Named(day, day, *match.span())


def _year(text: str, _today: date, _language: Language, _ahead: bool) -> Iterator[_Named]:
    for match in _YEAR.finditer(text):
        yield _Named(date(int(match["year"]), 1, 1), date(int(match["year"]), 12, 31), *match.span())


def _days(year: int, month: int, day: str | None) -> tuple[date, date]:
    return (date(year, month, int(day)),) * 2 if day else _month(year, month)


def _month(year: int, month: int) -> tuple[date, date]:
    return date(year, month, 1), date(year, month, calendar.monthrange(year, month)[1])


def _is_end(text: str, named: _Named, language: Language) -> bool:
    times = language.times
    return bool(times.before.search(text[: named.start]) or times.before_follows.match(text[named.end :]))


def _is_start(text: str, named: _Named, language: Language) -> bool:
    times = language.times
    return bool(times.after.search(text[: named.start]) or times.after_follows.match(text[named.end :]))


def _midnight(day: date, now: datetime) -> datetime:
    return datetime.combine(day, time(), tzinfo=now.tzinfo)


@cache
def _found(words: str, spaced: bool) -> re.Pattern[str]:
    plain = words.replace(" ", r"\s+")
    return re.compile(rf"\b(?:{plain})\b" if spaced else f"(?:{plain})", re.IGNORECASE)


@cache
def _month_pattern(language: Language) -> re.Pattern[str]:
    names = "|".join(sorted(map(re.escape, language.times.months), key=len, reverse=True)) or "(?!)"
    edge = r"\b" if language.spaced else ""
    ordinal = r"(?:st|nd|rd|th|er|\.)?"
    return re.compile(
        rf"(?:\b(?P<before>\d{{1,2}}){ordinal}\s+(?:of\s+|de\s+)?)?{edge}(?P<month>{names}){edge}\.?"
        rf"(?:\s+(?P<after>\d{{1,2}})(?!\d){ordinal})?(?:,?\s+(?:of\s+|de\s+|del\s+)?(?P<year>\d{{4}})\b)?",
        re.IGNORECASE,
    )
