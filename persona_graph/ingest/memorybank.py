"""MemoryBank: people by name, each with a `history` of days, each day a list of {query, response}.

Days have no clock: they start at 09:00 UTC and an exchange takes a minute. What the file says of a
person's character is the answer to what we infer, so it is never read.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from pydantic import BaseModel

from persona_graph.conversation import Message, Role
from persona_graph.errors import InputError
from persona_graph.ingest.history import MINUTE, Draft, History, checked, history_of

MORNING = time(9, tzinfo=UTC)


class _Exchange(BaseModel):
    query: str
    response: str


class _Person(BaseModel):
    history: dict[str, list[Any]]


def recognises(data: Any) -> bool:
    """Whether this maps names to people with a history."""
    return (
        isinstance(data, dict)
        and bool(data)
        and all(isinstance(person, dict) and isinstance(person.get("history"), dict) for person in data.values())
    )


def read(data: Any) -> tuple[History, ...]:
    """One history a person; one turn an exchange, one session a day."""
    return tuple(_person(name, person) for name, person in data.items())


def _person(name: str, row: Any) -> History:
    days = checked(_Person, row, name.strip()).history
    return history_of("memorybank", name, [draft for day, rows in days.items() for draft in _day(name, day, rows)])


def _day(name: str, day: str, rows: list[Any]) -> list[Draft]:
    where = f"{name.strip()}, {day}"
    try:
        start = datetime.combine(date.fromisoformat(day), MORNING)
    except ValueError as error:
        raise InputError(f"{where}: {day!r} is no date; 2023-04-27 is expected") from error
    minutes = _apart(len(rows))
    return [
        Draft(
            at=start + place * minutes, session=day, messages=_exchange(row, f"{where}, exchange {place}", day, place)
        )
        for place, row in enumerate(rows)
    ]


def _apart(exchanges: int) -> timedelta:
    """A minute; less on a day too long to end before midnight."""
    return min(MINUTE, timedelta(hours=14) / max(exchanges, 1))


def _exchange(row: Any, where: str, day: str, place: int) -> tuple[Message, Message]:
    given = checked(_Exchange, row, where)
    return (
        Message.of(Role.PERSON, given.query, outside_id=f"{day}#{place}:q"),
        Message.of(Role.ASSISTANT, given.response, outside_id=f"{day}#{place}:r"),
    )
