"""The receipt of an answer as tables: what stood in the prompt, what was looked up and why, what it cost."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, tzinfo
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from persona_graph.cli.views.memories import parts, what
from persona_graph.cli.views.style import counted, one_line, sheet, short, span, when
from persona_graph.conversation import Turn
from persona_graph.memory.operations import range_from_json
from persona_graph.memory.types import Memory

GONE = Text("(forgotten since)", "faint")


def receipt_view(
    receipt: Mapping[str, Any], memories: Mapping[str, Memory], turns: Mapping[str, Turn], zone: tzinfo
) -> Group:
    """The whole receipt; `memories` by ref and `turns` by id give the words, which a receipt does not copy."""
    opening = receipt.get("opening", {})
    blocks: list[RenderableType] = [_opening(receipt, opening, memories, zone)]
    number = 0
    for step in receipt.get("steps", ()):
        if "search" in step:
            number += 1
            blocks += [Text(), _search(number, step["search"], memories, turns, zone)]
    if receipt.get("away"):
        blocks += [Text(), Text("Memory could not be reached then; the answer went on without it.", "yellow")]
    if receipt.get("scrubbed"):
        blocks += [
            Text(),
            Text("Something that this answer read was erased since, so words are gone from here.", "yellow"),
        ]
    return Group(*blocks, Text(), cost(receipt))


def cost(receipt: Mapping[str, Any]) -> Text:
    """One line: model calls, tokens, milliseconds."""
    usage = receipt.get("usage", {})
    searches = [step["search"] for step in receipt.get("steps", ()) if "search" in step]
    line = (
        f"{counted(usage.get('calls', 0), 'model call')} · {usage.get('input_tokens', 0)} tokens in · "
        f"{usage.get('output_tokens', 0)} out · {usage.get('milliseconds', 0):.0f} ms in the model · "
        f"{counted(len(searches), 'search', 'searches')} in {sum(search['milliseconds'] for search in searches):.0f} ms"
    )
    return Text(line, "faint")


def _opening(
    receipt: Mapping[str, Any], opening: Mapping[str, Any], memories: Mapping[str, Memory], zone: tzinfo
) -> Table:
    at = opening.get("at")
    title = f"Before it looked anything up   {when(datetime.fromisoformat(at), zone) if at else ''}"
    table = sheet("", "", title=title)
    table.show_header = False
    traits = "  ".join(f"{name} {score:.1f}" for name, score in opening.get("personality", {}).items())
    table.add_row(Text("policy", "faint"), Text(str(receipt.get("policy", ""))))
    table.add_row(Text("personality", "faint"), traits)
    for name in ("profile", "habits"):
        known = Text("  ·  ").join(_named(ref, memories) for ref in opening.get(name, ()))
        table.add_row(Text(name, "faint"), known or Text("none", "faint"))
    recent = len(opening.get("recent", ()))
    table.add_row(Text("context", "faint"), f"{counted(recent, 'turn')} of the last 60 minutes")
    return table


def _search(
    number: int, search: Mapping[str, Any], memories: Mapping[str, Memory], turns: Mapping[str, Turn], zone: tzinfo
) -> Table:
    window = span(range_from_json(search["window"]), zone)
    title = f"Search {number}   {search['keywords']}   [{window}]   {search['milliseconds']:.0f} ms"
    table = sheet("what", "score", "id", "text", "parts of the score")
    table.title = Text(title, "head")
    for hit in search["hits"]:
        target = Text(hit["target"], hit["target"])
        name = Text(short(hit["id"]), "faint")
        table.add_row(
            target, f"{hit['score']:.2f}", name, _body(hit, memories, turns), Text(parts(hit["parts"]), "faint")
        )
    if not search["hits"]:
        table.add_row(Text("nothing", "faint"))
    return table


def _body(hit: Mapping[str, Any], memories: Mapping[str, Memory], turns: Mapping[str, Turn]) -> Text:
    if "ref" in hit:
        text = _named(hit["ref"], memories)
        shown = len(hit.get("turns", ()))
        if shown:
            text = text.copy().append(f"  (with {shown} of its turns)", "faint")
    elif hit.get("turn") in turns:
        text = Text(one_line(turns[hit["turn"]].messages[hit["message"]].searchable))
    else:
        text = GONE
    return text.copy().append("  (no longer true)", "faint") if hit.get("superseded") else text


def _named(ref: str, memories: Mapping[str, Memory]) -> Text:
    return what(memories[ref]) if ref in memories else GONE
