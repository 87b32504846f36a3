"""`StoreValue`: the part of a memory that a LangGraph store item carries, and the filters that search it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from persona_graph.errors import InputError
from persona_graph.memory.types import Memory
from persona_graph.timerange import ALWAYS, TimeRange

FIELDS = ("text", "keywords", "start", "end")


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreValue:
    """`{"text": "...", "keywords": ["..."], "start": "2024-05-01", "end": "2024-06-30"}`; only text must be there."""

    text: str
    keywords: tuple[str, ...] = ()
    event: TimeRange = ALWAYS
    """When it was true; open at the start means since it was told."""

    @classmethod
    def read(cls, value: Mapping[str, Any]) -> Self:
        """What a client put.

        Raises: InputError naming the field that memory cannot keep.
        """
        if lost := [name for name in value if name not in FIELDS]:
            raise InputError(
                f"memory keeps {', '.join(FIELDS)}, so {lost[0]!r} would be lost; put it into the text or another store"
            )
        text, keywords = value.get("text"), value.get("keywords", [])
        if not isinstance(text, str) or not text.strip():
            raise InputError(f'a memory is a text: put {{"text": "..."}}, not {dict(value)!r}'[:200])
        if not isinstance(keywords, (list, tuple)) or not all(isinstance(word, str) for word in keywords):
            raise InputError(f"keywords are a list of strings, not {keywords!r}"[:200])
        times = [value.get(name) for name in ("start", "end")]
        if not all(time is None or isinstance(time, str) for time in times):
            raise InputError(f"start and end are ISO dates or times as strings, not {times!r}"[:200])
        return cls(text=text, keywords=tuple(keywords), event=TimeRange.parse(times[0], times[1]))

    @classmethod
    def of(cls, memory: Memory) -> Self:
        """What a memory holds of this; a start that is only the moment when we learned it is left out."""
        learned = memory.event.start == memory.believed.start
        event = TimeRange(start=None if learned else memory.event.start, end=memory.event.end)
        return cls(text=memory.text, keywords=memory.keywords, event=event)

    def to_json(self) -> dict[str, Any]:
        """The item's value; empty fields are left out, times are whole ISO times."""
        times = {"start": self.event.start, "end": self.event.end}
        words: dict[str, Any] = {"keywords": list(self.keywords)} if self.keywords else {}
        return {"text": self.text} | words | {name: t.isoformat() for name, t in times.items() if t is not None}


def matches(value: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    """Whether a value passes a store filter: `{"keywords": ["tea"]}`, `{"start": {"$gte": "2024-05-01"}}`."""
    return all(_passes(value.get(name), test) for name, test in wanted.items())


def _passes(held: Any, test: Any) -> bool:
    if isinstance(test, Mapping):
        return all(_compared(held, operator, other) for operator, other in test.items())
    return bool(held == (list(test) if isinstance(test, tuple) else test))


def _compared(held: Any, operator: str, other: Any) -> bool:
    if operator in ("$eq", "$ne"):
        return bool((held == other) is (operator == "$eq"))
    if operator not in ("$gt", "$gte", "$lt", "$lte"):
        raise InputError(f"a filter compares with $eq, $ne, $gt, $gte, $lt or $lte, not with {operator!r}")
    if not isinstance(held, str) or not isinstance(other, str):
        return False
    return {"$gt": held > other, "$gte": held >= other, "$lt": held < other, "$lte": held <= other}[operator]
