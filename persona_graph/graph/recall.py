"""What an agent that is not ours is shown of a person: text for its system message, and what its search finds."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from persona_graph.conversation import Role, Turn
from persona_graph.graph.context import PersonaContext
from persona_graph.graph.opening import liveliest, reachable
from persona_graph.graph.response import AWAY
from persona_graph.jobs.context import found_pieces
from persona_graph.jobs.format import DATA_RULE, Piece, conversation, fields, section, stamp
from persona_graph.memory.types import Kind
from persona_graph.options import Search
from persona_graph.retrieval.query import Hits, Query, Target
from persona_graph.service import Persona
from persona_graph.timerange import ALWAYS, MOMENT, TimeRange
from persona_graph.tokens import within_budget

INSTRUCTIONS = (
    """\
You have known this person for a long time; below is who they are and what you remember of them. Let it shape tone, \
length and what you suggest, without reciting it or speaking of memory. Where two things contradict, the newer one \
holds. Never invent what the person said. """
    + DATA_RULE
)
LOOKING = """
What is not shown may still be in memory: look there with search_memory before you say that you do not know."""

SEARCHED: Mapping[Target, int] = {
    Target.SEMANTIC: 4,
    Target.EPISODIC: 2,
    Target.PROCEDURAL: 2,
    Target.TURN: 4,
}
"""Top-k a kind of the agent's own search; images are left out, since what a tool says is text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What an agent's conversation tells of the present moment."""

    user: str
    text: str
    """The person's last message."""
    standing: frozenset[str] = frozenset()
    """Ids of the turns that the agent's messages hold."""
    said: frozenset[str] = frozenset()
    """Their texts: a client that keeps the conversation itself may name its messages anew each time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recalled:
    """What the model is shown of memory in one turn."""

    text: str
    shown: frozenset[str]
    """Ids of what it shows; the agent's search does not find them again."""


async def recall(persona: Persona, asked: Asked, limits: Mapping[Target, int]) -> Recalled:
    """Profile, personality, habits, the last hour elsewhere, and what memory has on the person's message.

    When memory is away the agent goes on without it, and is told.
    """
    recalled = None
    if await reachable(persona.engine, PersonaContext(user=asked.user)):
        recalled = await persona.engine.outage.attempt(_recall(persona, asked, limits))
    return recalled or Recalled(text=f"({AWAY})", shown=asked.standing)


async def _recall(persona: Persona, asked: Asked, limits: Mapping[Target, int]) -> Recalled:
    engine = persona.engine
    now = engine.clock()
    recent = await _recent(persona, asked)
    known = asked.standing | {turn.id for turn in recent}
    profile, habits, personality, hits = await asyncio.gather(
        persona.amemories(asked.user, kinds=(Kind.CORE,), off=False),
        persona.amemories(asked.user, kinds=(Kind.PROCEDURAL,), off=False),
        persona.apersonality(asked.user),
        search(persona, asked.user, asked.text, limits=limits, exclude=known),
    )
    pieces = [
        *fields(profile, "profile"),
        *section("personality", [f"{personality.vector.describe()}\n"]),
        *fields(liveliest(habits, engine.options.habits_shown), "habits"),
        *conversation(recent, engine.zone),
        *(found_pieces(hits.hits, engine.zone) if hits.hits else ()),
        f"<now>{stamp(now, engine.zone)}</now>",
    ]
    return Recalled(text=_text(pieces), shown=known | {hit.id for hit in hits.hits})


async def look(persona: Persona, asked: Asked, query: str, window: TimeRange, exclude: frozenset[str]) -> str:
    """What the agent's own search finds, as text."""
    known, engine = exclude | asked.standing, persona.engine
    looking = search(persona, asked.user, query, limits=SEARCHED, exclude=known, window=window)
    hits = await engine.outage.attempt(looking)
    if hits is None:
        return f"({AWAY})"
    return _text(found_pieces(hits.hits, persona.engine.zone))


async def search(
    persona: Persona,
    user: str,
    text: str,
    *,
    limits: Mapping[Target, int],
    exclude: frozenset[str],
    window: TimeRange = ALWAYS,
) -> Hits:
    """`retrieve`, with the behaviour that the Persona was opened with; no words and no window find nothing."""
    engine = persona.engine
    if not text.strip() and not window.bounded:
        return Hits(hits=())
    query = Query(
        user=user,
        text=text,
        window=window,
        limits=limits,
        exclude=exclude,
        turn_tokens=engine.options.turn_tokens,
        now=engine.clock().astimezone(engine.zone),
        dense_only=engine.options.search is Search.DENSE,
        back_fill=engine.options.back_fill,
    )
    return await persona.aretrieve(query)


async def _recent(persona: Persona, asked: Asked) -> tuple[Turn, ...]:
    """Turns of the last hour that stand nowhere in the agent's own messages: said in another thread or elsewhere."""
    options, now = persona.engine.options, persona.engine.clock()
    window = TimeRange(start=now - options.session_gap + MOMENT, end=now + MOMENT)
    near = await persona.aturns(asked.user, window=window, newest=50)
    elsewhere = [t for t in near if t.id not in asked.standing and t.said_by(Role.PERSON) not in asked.said]
    return tuple(within_budget(elsewhere, options.context_tokens))


def _text(pieces: Sequence[Piece]) -> str:
    # An image's caption is escaped where the pieces are made; the image itself has no place in a text.
    return "".join(piece if isinstance(piece, str) else f"[image: {piece.caption}]" for piece in pieces)
