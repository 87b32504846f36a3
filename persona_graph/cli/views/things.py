"""Memories, turns and pictures in short, one line each: what it is, its id, its day and its words."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, tzinfo
from typing import Any

from rich.table import Table
from rich.text import Text

from persona_graph.cli.views.memories import memory_json, what
from persona_graph.cli.views.style import day, one_line, short
from persona_graph.conversation import Image, Role, Turn
from persona_graph.memory.types import Memory

MOST = 20
"""Lines of a list; `--json` has them all."""

LONGEST = 240
"""Characters of a text that are shown."""

Row = tuple[Text, Text, Text, Text]


def listing(rows: Iterable[Row], *, most: int = MOST) -> Table:
    """The lines, a step to the right, the words wrapped."""
    grid = Table.grid(padding=(0, 2, 0, 0))
    for name in ("", "what", "id", "day"):
        grid.add_column(name, no_wrap=True)
    grid.add_column("words", overflow="fold")
    shown = list(rows)
    for row in shown[:most]:
        grid.add_row("", *row)
    if len(shown) > most:
        grid.add_row("", "", "", "", Text(f"… and {len(shown) - most} more; --json has them all", "faint"))
    return grid


def memory_row(memory: Memory, zone: tzinfo, note: str = "") -> Row:
    """A memory; one of the past says so."""
    text = _cut(what(memory))
    if not memory.current:
        text.append("  (of the past)", "faint")
    return _row(memory.kind, memory.id, day(memory.event.start, zone), text, note)


def turn_row(turn: Turn, zone: tzinfo, note: str = "") -> Row:
    """A turn by what the person said in it."""
    return _row("turn", turn.id, day(turn.at, zone), _cut(Text(said(turn))), note)


def image_row(image: Image, at: datetime, zone: tzinfo) -> Row:
    """A picture by its caption."""
    return _row("image", image.digest, day(at, zone), _cut(Text(one_line(image.caption) or "(no caption)")), "")


def turn_json(turn: Turn) -> dict[str, Any]:
    """A turn for scripts."""
    messages = [{"role": message.role.value, "text": message.searchable} for message in turn.messages]
    return {"id": turn.id, "at": turn.at.isoformat(), "messages": messages}


def said(turn: Turn) -> str:
    """What the person said in a turn, or what was said at all, on one line."""
    return one_line(turn.said_by(Role.PERSON)) or one_line(turn.messages[0].searchable) or "(no words)"


def rows_of(things: Sequence[Memory | Turn], zone: tzinfo, notes: dict[str, str] | None = None) -> list[Row]:
    """A line each, with what is noted of some by id."""
    of = notes or {}
    return [
        memory_row(one, zone, of.get(one.id, ""))
        if isinstance(one, Memory)
        else turn_row(one, zone, of.get(one.id, ""))
        for one in things
    ]


def json_of(thing: Memory | Turn) -> dict[str, Any]:
    """A memory or a turn for scripts."""
    return memory_json(thing) if isinstance(thing, Memory) else turn_json(thing)


def _row(kind: str, id: str, at: str, text: Text, note: str) -> Row:
    if note:
        text.append(f"  {note}", "yellow")
    return Text(kind, kind), Text(short(id), "faint"), Text(at, "faint"), text


def _cut(text: Text) -> Text:
    cut = text.copy()
    cut.truncate(LONGEST, overflow="ellipsis")
    return cut
