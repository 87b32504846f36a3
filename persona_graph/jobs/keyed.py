"""Changes of keyed memories (core, procedural): read from JSON, turned into operations on what is held.

    {"set": [{"key": "job", "value": "nurse"}], "remove": ["old_key"]}

What the model does not mention stays, and a value may hold any character.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from persona_graph.conversation import Turn
from persona_graph.errors import ParseError
from persona_graph.jobs.reading import items, read_objects, rows, scalar
from persona_graph.memory.operations import Add, Delete, Keep, ModelOperation
from persona_graph.memory.types import Kind, Memory

LONGEST_KEY = 80
"""A longer key is a sentence that slipped into the wrong place."""
SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "set": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {"key": {"type": "string"}, "value": {"type": "string"}},
                "required": ["key", "value"],
                "additionalProperties": False,
            },
        },
        "remove": {"type": "array", "items": {"type": "string"}},
    },
    "required": ["set", "remove"],
    "additionalProperties": False,
}


def changes(raw: str) -> tuple[dict[str, str], list[str]]:
    """What to set and what to remove; a plain object of texts counts as what to set.

    Raises: ParseError when there is no such object.
    """
    for row in read_objects(raw):
        if "set" in row or "remove" in row:
            return _pairs(row.get("set")), [key for item in items(row.get("remove")) if (key := scalar(item))]
        if set(row) != {"key", "value"} and (flat := _pairs(row)):
            return flat, []
    raise ParseError('a JSON object {"set": [{"key": "...", "value": "..."}], "remove": ["..."]}', raw)


def operations(
    kind: Kind,
    held: Iterable[Memory],
    turns: Iterable[Turn],
    wanted: tuple[Mapping[str, str], Iterable[str]],
    name: Callable[[str], str],
) -> tuple[ModelOperation, ...]:
    """Operations for `changes`: a held key is spelled as it is held, an equal value is no change."""
    by_name = {name(memory.key): memory for memory in held}
    evidence = tuple(turn.id for turn in turns)
    made: dict[str, ModelOperation] = {}
    for key, value in wanted[0].items():
        named = name(key)
        known = by_name.get(named)
        if named and value and len(named) <= LONGEST_KEY and not (known and known.text == value):
            made[named] = Add(kind=kind, key=known.key if known else named, text=value, evidence=evidence)
    for key in wanted[1]:
        known = by_name.get(name(key))
        if known is not None:
            made.setdefault(name(key), Delete(id=known.id, evidence=evidence))
    return tuple(made.values()) or (Keep(),)


def _pairs(value: object) -> dict[str, str]:
    if isinstance(value, dict):
        given = list(value.items())
    else:
        given = [(row.get("key"), row.get("value")) for row in rows(value)]
    return {scalar(key): text for key, item in given if (text := _text(item)) and scalar(key)}


def _text(value: object) -> str:
    if isinstance(value, list):
        return ", ".join(part for item in value if (part := scalar(item)))
    return scalar(value)
