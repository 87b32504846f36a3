"""How text that a model wrote is read: leniently about dress, never guessing about content. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any

from persona_graph.errors import InputError
from persona_graph.jobs.format import unescape
from persona_graph.timerange import clock_time, parse_time

_DECODER = json.JSONDecoder(strict=False)
_MAX_MISSES = 200
"""Braces that open nothing readable before reading stops: keeps hostile text linear."""
_NOTHING = frozenset({"", "null", "none", "nil", "n/a", "na", "unknown", "undefined", "-"})
_DATE = re.compile(
    r"(\d{4})(?:[-/.年]\s*(\d{1,2})(?:[-/.月]\s*(\d{1,2})日?|月)?|年)?"
    # A time and a weekday follow only a whole date: "2024 May" is no year.
    r"(?(3)(?:[T\s]\s*(\d{1,2}):(\d{2}))?(?:\s*\(?[^\W\d_]+\)?)?)"
)
_YEARS = range(1900, 2200)


def without_think(text: str) -> str:
    """What follows a reasoning block; a server may have cut off its opening tag."""
    return text.rpartition("</think>")[2].strip()


def objects(text: str) -> list[dict[str, Any]]:
    """Every JSON object in a text, outermost first; of a broken or cut one, the whole ones inside it."""
    found: list[dict[str, Any]] = []
    place, misses = text.find("{"), 0
    while place >= 0 and misses < _MAX_MISSES:
        try:
            value, end = _DECODER.raw_decode(text, place)
        except (ValueError, RecursionError):
            misses += 1
            end = place + 1
        else:
            found.append(value)
        place = text.find("{", end)
    return found


def read_objects(text: str) -> list[dict[str, Any]]:
    """`objects` after the reasoning; commas before a closing bracket are forgiven."""
    body = without_think(text)
    return objects(body) or objects(re.sub(r",\s*([}\]])", r"\1", body))


def items(value: object) -> list[Any]:
    """A list, or the one thing that should have been in a list."""
    if isinstance(value, list):
        return value
    return [] if value is None else [value]


def words(value: object, most: int = 12) -> tuple[str, ...]:
    """Keywords, from a list or a separated line, each once."""
    parts = re.split(r"[,;，、；\n]", value) if isinstance(value, str) else items(value)
    return tuple(dict.fromkeys(word for part in parts if (word := scalar(part))))[:most]


def scalar(value: object) -> str:
    """A text or a number as clean text; the empty string for anything else."""
    if isinstance(value, str):
        return sound(unescape(value)).strip()
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else ""


def sound(text: str) -> str:
    """Text that every encoding carries: JSON can spell half a character."""
    return text.encode("utf-8", "replace").decode("utf-8")


def rows(value: object) -> list[Mapping[str, Any]]:
    """The objects in a list."""
    return [row for row in items(value) if isinstance(row, dict)]


def flag(value: object) -> bool:
    """Yes or no in any dress: `true`, `"True"`, `1`, `yes`."""
    return str(value).strip().strip("\"'").casefold() in {"true", "1", "yes"}


def date(value: object, zone: tzinfo | None, *, is_end: bool = False) -> datetime | None:
    """A day, a month, a year or a time that a model wrote; None where it wrote none.

    As an end, a day includes that day, a month that month, a year that year.

    Raises: InputError when it is no date.
    """
    text = str(value).strip().strip("\"'").strip() if value is not None else ""
    if text.casefold() in _NOTHING:
        return None
    loose = _DATE.fullmatch(text)
    moment = _loose(loose, zone or UTC, is_end) if loose else parse_time(text, zone or UTC, is_end=is_end)
    if moment.year not in _YEARS:
        raise InputError(f"{text!r} is outside the years {_YEARS.start} to {_YEARS.stop}")
    return moment


def _loose(found: re.Match[str], zone: tzinfo, is_end: bool) -> datetime:
    year, month, day, hour, minute = (int(part) if part else None for part in found.groups())
    try:
        shown = datetime(year or 0, month or 1, day or 1, hour or 0, minute or 0)  # noqa: DTZ001 (what clocks show)
        if is_end and hour is None:
            shown = _next(shown, month, day)
        return clock_time(shown, zone, is_end=is_end and hour is not None)
    except (ValueError, OverflowError) as error:
        raise InputError(f"{found[0]!r} is not a date; write 2024-05-31 or 2024-05-31 18:30") from error


def _next(shown: datetime, month: int | None, day: int | None) -> datetime:
    """The end of a day, a month or a year that begins so."""
    if day is not None:
        return shown + timedelta(days=1)
    if month is not None and month < 12:
        return shown.replace(month=month + 1)
    return shown.replace(year=shown.year + 1, month=1)
