"""Memories and hits as tables and as JSON."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import tzinfo
from typing import Any

from rich.table import Table
from rich.text import Text

from persona_graph.cli.views.style import day, days, one_line, sheet, short, when
from persona_graph.memory.commit import field_name
from persona_graph.memory.operations import range_to_json
from persona_graph.memory.types import KEYED, Kind, Memory
from persona_graph.retrieval.query import Hit, Target


def memory_table(
    memories: Iterable[Memory], zone: tzinfo, *, history: bool = False, frozen: Collection[str] = ()
) -> Table:
    """One line a memory; with history one line a version, closed ones faint, with both intervals.

    `frozen` names the fields that the person holds.
    """
    columns = ("id", "kind", "what", "true", "believed") if history else ("id", "kind", "what", "since", "source")
    table = sheet(*columns)
    for memory in memories:
        style = "" if memory.current else "faint"
        text = what(memory)
        if memory.key and field_name(memory.kind, memory.key) in frozen:
            text.append("  held", "yellow")
        head = [Text(name_of(memory, history=history), "faint"), Text(memory.kind, memory.kind), text]
        tail = [days(memory.event, zone), days(memory.believed, zone)] if history else _plain(memory, zone)
        table.add_row(*head, *tail, style=style)
    return table


def empty_fields(
    memories: Iterable[Memory], frozen: Collection[str], off: Collection[str], kinds: Collection[Kind]
) -> Text:
    """A line that names fields which are held or switched off while nothing is remembered in them."""
    filled = {field_name(memory.kind, memory.key) for memory in memories if memory.key}
    text = Text(style="faint")
    for word, names in (("held", frozen), ("off", off)):
        empty = sorted(name for name in names if name.partition(":")[0] in kinds and name not in filled)
        text.append(f"\nempty and {word}: {', '.join(empty)}" if empty else "")
    return text


def what(memory: Memory) -> Text:
    """The text of a memory, its key before it where it has one, and whether the person holds it or has it off."""
    text = Text()
    if memory.kind in KEYED and memory.key:
        text.append(f"{memory.key}: ", "bold")
    text.append(one_line(memory.text))
    if memory.pinned:
        text.append("  pinned", "yellow")
    return text.append("  off", "bad") if memory.off else text


def name_of(memory: Memory, *, history: bool) -> str:
    """The short id, with the version where there are several."""
    return f"{short(memory.id)} v{memory.version}" if history else short(memory.id)


def memory_json(memory: Memory) -> dict[str, Any]:
    """A memory for scripts."""
    return {
        "id": memory.id,
        "version": memory.version,
        "kind": memory.kind.value,
        "key": memory.key,
        "text": memory.text,
        "keywords": list(memory.keywords),
        "event": range_to_json(memory.event),
        "believed": range_to_json(memory.believed),
        "current": memory.current,
        "pinned": memory.pinned,
        "off": memory.off,
        "source": memory.source.value,
        "evidence": list(memory.evidence),
        "commit": memory.commit,
    }


def hit_table(hits: Sequence[Hit], zone: tzinfo) -> Table:
    """What a search found, with the parts of each score."""
    table = sheet("id", "what", "score", "when", "text", "parts")
    for hit in hits:
        score, why = ("", "in that time") if listed(hit) else (f"{hit.score:.2f}", parts(hit.parts))
        head: list[Text | str] = [Text(short(hit.id), "faint"), Text(hit.target, hit.target), score]
        table.add_row(*head, _when(hit, zone), hit_body(hit), Text(why, "faint"))
    return table


def listed(hit: Hit) -> bool:
    """Whether it is here only because it lies in the window: nothing of the question matches it."""
    return not hit.score and not any(hit.parts.values())


def hit_json(hit: Hit) -> dict[str, Any]:
    """A hit for scripts."""
    out: dict[str, Any] = {
        "target": hit.target.value,
        "id": hit.id,
        "score": round(hit.score, 4),
        "parts": {name: round(value, 4) for name, value in hit.parts.items()},
        "text": hit_body(hit).plain,
        "superseded": hit.superseded,
    }
    if hit.memory is not None:
        out["memory"] = memory_json(hit.memory)
    if hit.turn is not None:
        out |= {"turn": hit.turn.id, "message": hit.message, "at": hit.turn.at.isoformat()}
    if hit.turns:
        out["turns"] = [turn.id for turn in hit.turns]
    return out


def hit_body(hit: Hit) -> Text:
    """The words of a hit: the memory's, the message's or the image's caption."""
    if hit.memory is not None:
        text = what(hit.memory)
    elif hit.image is not None and hit.target is Target.IMAGE:
        text = Text(hit.image.caption or f"image {short(hit.image.digest)}")
    else:
        assert hit.turn is not None  # a hit is a memory, an image or a message of a turn
        message = hit.turn.messages[hit.message]
        text = Text(f"{message.speaker or message.role}: ", "faint").append(one_line(message.searchable))
    return text.append("  (no longer true)", "faint") if hit.superseded else text


def parts(values: Any) -> str:
    """The parts of a score, largest first, those that are nothing left out."""
    kept = sorted(((name, value) for name, value in values.items() if abs(value) >= 0.005), key=lambda p: -p[1])
    return "  ".join(f"{name} {value:.2f}" for name, value in kept)


def _plain(memory: Memory, zone: tzinfo) -> list[str]:
    return [day(memory.event.start, zone), memory.source.value]


def _when(hit: Hit, zone: tzinfo) -> str:
    if hit.turn is not None:
        return when(hit.turn.at, zone)
    assert hit.memory is not None  # what is no message is a memory
    return days(hit.memory.event, zone) if hit.superseded else f"since {day(hit.memory.event.start, zone)}"
