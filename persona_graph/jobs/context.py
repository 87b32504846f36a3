"""What a model that answers is shown: the opening before it looks anything up, and what was found in memory."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import tzinfo
from typing import TYPE_CHECKING

from persona_graph.jobs.format import (
    Piece,
    content,
    conversation,
    digests,
    fact,
    fields,
    line,
    section,
    stamp,
    turn_pieces,
)
from persona_graph.memory.types import Memory
from persona_graph.retrieval.query import Hit, Target
from persona_graph.tokens import fitted

if TYPE_CHECKING:
    from persona_graph.jobs.reason import Opening

FOUND_TOKENS = 400
"""The most that is shown of one message that was found."""


def opening_pieces(opening: Opening) -> list[Piece]:
    """Who the person is, what was just said, the time, and the message with its images where they stand."""
    return [
        *fields(opening.profile, "profile"),
        *section("personality", [f"{opening.personality.describe()}\n"]),
        *fields(opening.habits, "habits"),
        *conversation(opening.recent, opening.now.tzinfo),
        f"<now>{stamp(opening.now)}</now>\n",
        "<message>",
        *content(opening.query),
        "</message>\n",
    ]


def found_pieces(hits: Sequence[Hit], zone: tzinfo | None = None) -> list[Piece]:
    """A `<memories>` block: fields, habits, facts, episodes with their best turns, single messages, images."""
    inside = [
        *fields((memory for memory, _ in _memories(hits, Target.CORE)), "profile"),
        *fields((memory for memory, _ in _memories(hits, Target.PROCEDURAL)), "habits"),
        *section("facts", [fact(m, zone, superseded=past) for m, past in _memories(hits, Target.SEMANTIC)]),
        *section("episodes", [piece for hit in _in_time(hits, Target.EPISODIC) for piece in _episode(hit, zone)]),
        *section("said", [piece for hit in _in_time(hits, Target.TURN) for piece in _one_message(hit, zone)]),
        *section("pictures", [piece for hit in _new_pictures(hits) for piece in _one_message(hit, zone)]),
    ]
    return section("memories", inside or ["(nothing was found)\n"])


def _memories(hits: Iterable[Hit], target: Target) -> list[tuple[Memory, bool]]:
    return [(hit.memory, hit.superseded) for hit in hits if hit.target is target and hit.memory is not None]


def _in_time(hits: Iterable[Hit], target: Target) -> list[Hit]:
    return sorted((hit for hit in hits if hit.target is target), key=_when)


def _when(hit: Hit) -> float:
    if hit.turn is not None:
        return hit.turn.at.timestamp()
    start = hit.memory.event.start if hit.memory is not None else None
    return start.timestamp() if start is not None else 0.0


def _episode(hit: Hit, zone: tzinfo | None) -> list[Piece]:
    if hit.memory is None:
        return []
    start = hit.memory.event.start
    at = f' at="{stamp(start, zone)}"' if start is not None else ""
    turns = [piece for turn in sorted(hit.turns, key=lambda t: t.at) for piece in turn_pieces(turn, zone)]
    return [f"<episode{at}>\n", f"{line(hit.memory.text)}\n", *turns, "</episode>\n"]


def _one_message(hit: Hit, zone: tzinfo | None) -> list[Piece]:
    if hit.turn is None:
        picture = hit.image if hit.image is not None and hit.image.digest else None
        return [replace(picture, caption=line(picture.caption))] if picture is not None else []
    alone = hit.turn.messages[hit.message : hit.message + 1]
    (shown,) = fitted([replace(hit.turn, messages=alone or hit.turn.messages)], FOUND_TOKENS)
    return turn_pieces(shown, zone)


def _new_pictures(hits: Sequence[Hit]) -> list[Hit]:
    """Images that no episode above shows already."""
    shown = set(digests(turn for hit in hits if hit.target is Target.EPISODIC for turn in hit.turns))
    return [hit for hit in _in_time(hits, Target.IMAGE) if hit.image is not None and hit.image.digest not in shown]
