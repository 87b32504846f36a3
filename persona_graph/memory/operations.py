"""What may be done to memory.

A model may `Add | Update | Delete | Keep`; a person may besides `Pin | Freeze | SwitchOff | Release | Undo`. An
operation carries the whole new value and its evidence; what no operation mentions stays as it is.
Operations are JSON both ways: `to_json` and `from_json`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from functools import lru_cache
from typing import Any

from persona_graph.errors import InputError
from persona_graph.memory.types import Kind
from persona_graph.timerange import ALWAYS, TimeRange


@dataclass(frozen=True, slots=True, kw_only=True)
class Add:
    """Remember something new. In keyed kinds a key that is held already makes it a new version of that."""

    kind: Kind
    text: str
    keywords: tuple[str, ...] = ()
    key: str = ""
    event: TimeRange = ALWAYS
    images: tuple[str, ...] = ()
    evidence: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Update:
    """Replace a memory's value by a new version; for a fact, `event.start` is when the new one began to hold.

    Where nothing of that id is known (what it replaced was erased, or came later), `kind` makes it a memory of its own.
    """

    id: str
    text: str
    kind: Kind | None = None
    key: str = ""
    keywords: tuple[str, ...] = ()
    event: TimeRange = ALWAYS
    images: tuple[str, ...] = ()
    evidence: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Delete:
    """Stop believing a memory; its history stays."""

    id: str
    evidence: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Keep:
    """Nothing changes: the model looked and found nothing to do."""

    id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pin:
    """Only the person may change this memory from now on."""

    id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Freeze:
    """Hold a trait (its name) or a profile field (`core:KEY`) at its value; inference no longer moves it."""

    what: str
    value: float | None = None
    """For a trait, the value to hold it at; the present one when None."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SwitchOff:
    """Leave a memory (its id), a profile field (`core:KEY`) or a trait (its name) out of answers; nothing is lost."""

    what: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """Lift a pin (a memory's id), a freeze or a switch-off (its `what`)."""

    what: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Undo:
    """Take back a commit or one of its operations, or everything believed since a moment."""

    commit: str = ""
    operation: int | None = None
    """Which of the commit's operations, counted from 0; the whole commit when None."""
    since: datetime | None = None


ModelOperation = Add | Update | Delete | Keep
Operation = Add | Update | Delete | Keep | Pin | Freeze | SwitchOff | Release | Undo


def searchable_in(operation: Add | Update) -> str:
    """Key, text and keywords of what an operation says, as a memory's `searchable` has them."""
    return "\n".join(part for part in (operation.key, operation.text, " ".join(operation.keywords)) if part)


_BY_NAME = {cls.__name__.lower(): cls for cls in (Add, Update, Delete, Keep, Pin, Freeze, SwitchOff, Release, Undo)}


def to_json(operation: Operation) -> dict[str, Any]:
    """The operation as JSON values, `{"do": "add", ...}`; empty fields are left out."""
    out: dict[str, Any] = {"do": type(operation).__name__.lower()}
    for name, value in asdict(operation).items():
        if name == "event":
            value = range_to_json(TimeRange(**value))
        elif isinstance(value, datetime):
            value = value.isoformat()
        elif isinstance(value, tuple):
            value = list(value)
        if value not in ("", None, [], {}):
            out[name] = value
    return out


def from_json(row: Mapping[str, Any]) -> Operation:
    """The operation that `to_json` wrote.

    Raises: InputError when `do` names no operation or a field does not belong to it.
    """
    cls = _BY_NAME.get(str(row.get("do")))
    if cls is None:
        raise InputError(f"{row.get('do')!r} is no operation; one of {', '.join(sorted(_BY_NAME))}")
    known = {field.name for field in fields(cls)}
    values: dict[str, Any] = {}
    for name, value in row.items():
        if name == "do":
            continue
        if name not in known:
            raise InputError(f"{name!r} is no field of {row['do']!r}; it has {', '.join(sorted(known))}")
        if name == "event":
            value = range_from_json(value)
        elif name == "kind":
            value = Kind(value)
        elif name == "since":
            value = datetime.fromisoformat(value)
        elif isinstance(value, list):
            value = tuple(value)
        values[name] = value
    return cls(**values)


def range_to_json(window: TimeRange) -> dict[str, str]:
    """`{"start": iso, "end": iso}`, an open side left out."""
    return {n: v.isoformat() for n in ("start", "end") if (v := getattr(window, n)) is not None}


def range_from_json(row: Mapping[str, str]) -> TimeRange:
    """The range that `range_to_json` wrote."""
    return _range(row.get("start"), row.get("end"))


@lru_cache(maxsize=4096)  # what one commit has made is believed from one moment on
def _range(start: str | None, end: str | None) -> TimeRange:
    return TimeRange(
        start=None if start is None else datetime.fromisoformat(start),
        end=None if end is None else datetime.fromisoformat(end),
    )
