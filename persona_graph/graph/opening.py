"""What an answer begins from: the turn in its session, and what is known before anything is looked up."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from persona_graph.conversation import Message, Role, Turn, TurnState
from persona_graph.engine import Engine
from persona_graph.errors import InputError, NotFound
from persona_graph.graph.context import PersonaContext
from persona_graph.graph.state import Work
from persona_graph.jobs.reason import Opening
from persona_graph.memory.store import Standing
from persona_graph.memory.types import Kind, Memory
from persona_graph.personality import BigFive, Trait
from persona_graph.timerange import EARLIEST, MOMENT, TimeRange
from persona_graph.tokens import shortened, within_budget
from persona_graph.update.delivery import delivered
from persona_graph.update.outbox import session_opened_by


async def reachable(engine: Engine, context: PersonaContext) -> bool:
    """Whether memory is worth asking; what waits in the spool is delivered first, so that it is found there."""
    if engine.outage.lasts:
        return False
    waits = not context.read_only and engine.spool.waits(context.user)
    return await delivered(engine, context.user) if waits else True


async def start(
    engine: Engine, context: PersonaContext, turn: Turn, *, by_clock: bool = False, away: bool = False
) -> Work:
    """What there is to know; a turn whose time is the clock's is not before what was said within the last hour.

    With memory away that is what the caller holds and what waits in the spool; the session is told when the turn is
    delivered.
    """
    options, user = context.options or engine.options, context.user
    as_of = turn.at - MOMENT if turn.state is TurnState.ANSWERED else None
    gap = options.session_gap
    window = TimeRange(start=turn.at - gap + MOMENT, end=turn.at + (gap if by_clock else MOMENT))
    known = None if away else await _known(engine, user, window, as_of)
    away, (said, memories, standing) = known is None, known or ([], [], Standing())
    waiting = {entry.turn.id: entry.turn for entry in await engine.spool.entries(user) if entry.turn.at in window}
    near = sorted([*(t for t in said if t.id not in waiting), *waiting.values()], key=lambda t: t.at)
    near = [t for t in near if t.id != turn.id and t.id not in context.without]
    memories = [memory for memory in memories if memory.id not in context.without]
    if near and near[-1].at > turn.at:  # the clock was put back a little: the conversation goes on all the same
        turn = replace(turn, at=near[-1].at)
        near = [t for t in near if turn.at - t.at < gap]
    session, is_new, previous = turn.session, False, ""
    if near and not session:
        session = near[-1].session
    elif not session and not away:
        before = await engine.outage.attempt(
            engine.store.turns(user, window=TimeRange(end=turn.at), newest=1, receipts=False)
        )
        if before is not None:
            session, is_new, previous = session_opened_by(turn), True, before[-1].session if before else ""
        away = before is None
    opening = Opening(
        query=shortened(_spoken(turn), options.message_tokens),
        now=turn.at.astimezone(engine.zone),
        profile=tuple(memory for memory in memories if memory.kind is Kind.CORE),
        habits=liveliest([m for m in memories if m.kind is Kind.PROCEDURAL], options.habits_shown),
        personality=_assumed(standing, context),
        recent=within_budget(near, options.context_tokens),
    )
    return Work(
        user=user,
        options=options,
        read_only=context.read_only,
        turn=replace(turn, session=session),
        opening=opening,
        session_is_new=is_new,
        previous_session=previous,
        shown=frozenset(t.id for t in opening.recent) | {turn.id} | context.without,
        as_of=as_of,
        away=away,
        unknown=known is None,
    )


async def _known(
    engine: Engine, user: str, window: TimeRange, as_of: datetime | None
) -> tuple[list[Turn], list[Memory], Standing] | None:
    """Turns of a window, profile and habits, and the personality; None when memory is away."""
    store = engine.store
    return await engine.outage.attempt(
        asyncio.gather(
            store.turns(user, window=window, newest=50, receipts=False),
            store.memories(user, kinds=(Kind.CORE, Kind.PROCEDURAL), as_of=as_of),
            store.standing(user, as_of=as_of),
        )
    )


def _assumed(standing: Standing, context: PersonaContext) -> BigFive:
    return standing.vector.replace({Trait(name): value for name, value in context.personality.items()})


async def open_turn(engine: Engine, context: PersonaContext) -> Turn:
    """The turn that is to be answered, as it was asked. Raises: NotFound, InputError, StoreAway."""
    found = await engine.spool.find(context.user, context.turn)
    if found is None:
        found = next(iter(await engine.store.turns(context.user, ids=[context.turn])), None)
    if found is None:
        raise NotFound(f"there is no turn {context.turn!r}")
    if found.state is TurnState.ANSWERED and not context.read_only:
        raise InputError(f"turn {context.turn!r} is answered already")
    return replace(found, messages=tuple(m for m in found.messages if m.role is Role.PERSON))


def liveliest(habits: Sequence[Memory], count: int) -> tuple[Memory, ...]:
    """The habits and goals that were last confirmed or changed, most versions first among equals; in a steady order."""
    by_life = sorted(habits, key=lambda m: (m.pinned, m.believed.start or EARLIEST, m.version), reverse=True)
    kept = {memory.id for memory in by_life[:count]}
    return tuple(memory for memory in habits if memory.id in kept)


def _spoken(turn: Turn) -> Message:
    blocks = tuple(block for m in turn.messages if m.role is Role.PERSON for block in m.blocks)
    return Message(role=Role.PERSON, blocks=blocks)
