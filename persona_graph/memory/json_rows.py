"""Messages and memories as JSON values and back; commits are `persona_graph.codec`'s matter."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, overload

from persona_graph.conversation import Block, Image, Message, Role, Text
from persona_graph.memory.operations import range_from_json, range_to_json
from persona_graph.memory.types import Kind, Memory, Source
from persona_graph.timerange import TimeRange


def message_rows(messages: tuple[Message, ...]) -> list[dict[str, Any]]:
    """Messages as JSON values; what is empty is left out."""
    rows: list[dict[str, Any]] = []
    for message in messages:
        row: dict[str, Any] = {"role": message.role, "blocks": [_block_row(block) for block in message.blocks]}
        if message.speaker:
            row["speaker"] = message.speaker
        if message.outside_id:
            row["outside_id"] = message.outside_id
        rows.append(row)
    return rows


def messages_of(rows: list[dict[str, Any]]) -> tuple[Message, ...]:
    """The messages that `message_rows` wrote."""
    return tuple(
        Message(
            role=Role(row["role"]),
            blocks=tuple(_block(block) for block in row["blocks"]),
            speaker=row.get("speaker", ""),
            outside_id=row.get("outside_id", ""),
        )
        for row in rows
    )


def _block_row(block: Block) -> str | dict[str, str]:
    if isinstance(block, Text):
        return block.text
    return {"digest": block.digest, "caption": block.caption, "media_type": block.media_type}


def _block(row: str | dict[str, str]) -> Block:
    return Text(row) if isinstance(row, str) else Image(**row)


def memory_row(memory: Memory) -> dict[str, Any]:
    """A memory's version as JSON values."""
    row: dict[str, Any] = {
        "id": memory.id,
        "version": memory.version,
        "kind": memory.kind,
        "text": memory.text,
        "keywords": memory.keywords,
        "key": memory.key,
        "event": range_to_json(memory.event),
        "believed": range_to_json(memory.believed),
        "images": memory.images,
        "pinned": memory.pinned,
        "off": memory.off,
        "source": memory.source,
        "evidence": memory.evidence,
        "commit": memory.commit,
    }
    return {name: value for name, value in row.items() if value not in ("", (), {}, False)}


Row = Mapping[str, Any]
"""A memory's version, as `memory_row` writes it."""


def event_of(row: Row) -> TimeRange:
    """When it was true or happened."""
    return range_from_json(row.get("event", {}))


def is_current(row: Row) -> bool:
    """Whether it is held now."""
    return "end" not in row.get("believed", {})


def is_off(row: Row) -> bool:
    """Whether it is switched off."""
    return bool(row.get("off", False))


class Memories(Sequence[Memory]):
    """Memories that are made when they are looked at: a search reads a hundred and shows eight."""

    def __init__(self, rows: Sequence[Row]) -> None:
        self._rows = rows

    def __len__(self) -> int:
        return len(self._rows)

    @overload
    def __getitem__(self, place: int) -> Memory: ...
    @overload
    def __getitem__(self, place: slice) -> Sequence[Memory]: ...
    def __getitem__(self, place: int | slice) -> Memory | Sequence[Memory]:
        return Memories(self._rows[place]) if isinstance(place, slice) else memory_of(self._rows[place])


_KINDS = {kind.value: kind for kind in Kind}
_SOURCES = {source.value: source for source in Source}
"""A search reads a hundred memories, and an enumeration looks its values up slowly."""


def memory_of(row: Row) -> Memory:
    """The version that `memory_row` wrote."""
    return Memory(
        id=row["id"],
        version=row["version"],
        kind=_KINDS[row["kind"]],
        text=row.get("text", ""),
        keywords=tuple(row.get("keywords", ())),
        key=row.get("key", ""),
        event=event_of(row),
        believed=range_from_json(row.get("believed", {})),
        images=tuple(row.get("images", ())),
        pinned=row.get("pinned", False),
        off=row.get("off", False),
        source=_SOURCES[row["source"]],
        evidence=tuple(row.get("evidence", ())),
        commit=row.get("commit", ""),
    )
