"""The journal: turns by time, each one thing; its messages are a projection of it that search reads.

A turn that nobody has written is written once, by a call that the server refuses where the id is taken. Its messages
follow right behind; until they are there the turn is `pending`, so that whoever comes after a crash adds them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence

from persona_graph.conversation import Turn, TurnState
from persona_graph.errors import StoreError
from persona_graph.memory.row_ids import SEQUENCE_BITS, first_row, last_row_of_second, microseconds
from persona_graph.memory.weaviate import indexing, reading, schema
from persona_graph.memory.weaviate.codec import PENDING, WHOLE_TURN, Ticket, tickets_of, turn_of, turn_tag, turn_thing
from persona_graph.memory.weaviate.filters import any_tag, tagged
from persona_graph.memory.weaviate.things import TURN, Found, Thing
from persona_graph.memory.weaviate.user_space import UserSpace
from persona_graph.memory.weaviate.written import Written

ROOM = 8
"""Rows kept for one turn where several share a second: an answer still comes to stand beside its question."""


async def put(space: UserSpace, turn: Turn, tickets: Sequence[Ticket]) -> Written | None:
    """Write one turn that is new, as far as is known here; None where its id is taken."""
    (row,) = await free_rows(space, [turn])
    thing = turn_thing(turn, row, tickets, pending=True)
    if not await space.tenant.insert(thing, create=True):
        held = await space.tenant.get([thing.id], WHOLE_TURN)
        # A call that was made again may meet what it wrote itself.
        if thing.id not in held or held[thing.id].properties.get(schema.BODY) != thing.properties[schema.BODY]:
            return None
        if held[thing.id].properties.get(schema.RECEIPT) != thing.properties[schema.RECEIPT]:
            return None
        row = held[thing.id].row
    late = space.newest is not None and row < space.newest
    space.note(row)
    return Written(turn=turn, row=row, late=late)


async def put_many(space: UserSpace, turns: Sequence[Turn], tickets: dict[str, list[Ticket]]) -> list[Written]:
    """Write many turns whose ids are free, with their messages."""
    places = await free_rows(space, turns)
    before = space.newest
    written = [
        Written(turn=turn, row=row, late=before is not None and row < before)
        for turn, row in zip(turns, places, strict=True)
    ]

    def things(pending: Callable[[Written], bool]) -> list[Thing]:
        return [turn_thing(w.turn, w.row, tickets.get(w.turn.id, ()), pending=pending(w)) for w in written]

    await space.tenant.put(things(lambda _: True), create=True)
    for one in written:
        space.note(one.row)
    await indexing.index(space, written)
    await space.tenant.put([t for t in things(_waits(tickets)) if PENDING not in t.tags])
    return written


def _waits(tickets: Mapping[str, Sequence[Ticket]]) -> Callable[[Written], bool]:
    """Whether something is left to do for a turn whose messages are there: its jobs, or its answer."""
    return lambda one: one.turn.id in tickets or one.turn.state is not TurnState.ANSWERED


async def put_again(space: UserSpace, turn: Turn, held: Found, tickets: Sequence[Ticket]) -> Written | None:
    """Write a turn in the place of the same one that was not answered; None where that has been erased."""
    before = turn_of(held)
    row = held.row if before.at == turn.at else (await free_rows(space, [turn]))[0]
    if not await space.tenant.replace(turn_thing(turn, row, tickets, pending=True)):
        return None
    surplus = range(len(turn.messages), len(before.messages))
    if surplus or row != held.row or before.session != turn.session:
        await space.tenant.delete(any_tag([turn_tag(held.id.hex)]))
    late = space.newest is not None and row < space.newest
    space.note(row)
    return Written(turn=turn, row=row, late=late)


async def free_rows(space: UserSpace, turns: Sequence[Turn]) -> list[int]:
    """Where turns go: at their microsecond, or right behind those that are there already."""
    newest = await reading.newest_row(space)
    found: list[int] = []
    taken: dict[int, list[int]] = {}
    for turn in turns:
        row = first_row(microseconds(turn.at))
        second = row >> SEQUENCE_BITS
        if second not in taken:
            known = newest < second << SEQUENCE_BITS
            taken[second] = [] if known else await _rows_of_second(space, row)
        held = taken[second]
        last = last_row_of_second(row)
        for other in sorted(held):  # right behind those it would touch: whoever came later keeps its place
            if abs(row - other) < ROOM:
                row = other + ROOM
        if row > last:
            raise StoreError("more than a hundred thousand turns of one user in one second cannot be kept in order")
        held.append(row)
        found.append(row)
    return found


async def _rows_of_second(space: UserSpace, row: int) -> list[int]:
    first = row >> SEQUENCE_BITS << SEQUENCE_BITS
    found = await space.tenant.every(tagged(TURN), [schema.ROW], first=first, last=last_row_of_second(row))
    return [thing.row for thing in found]


async def recover(space: UserSpace) -> None:
    """Add what a crash may have left out behind a turn that was written."""
    held = await reading.pending(space, WHOLE_TURN)
    if held:
        await indexing.index_missing(space, held)
        idle = [thing for thing in held if not tickets_of(thing) and reading.is_answered(thing)]
        await asyncio.gather(*(rest(space, thing) for thing in idle))


async def rest(space: UserSpace, thing: Found) -> bool:
    """Note that nothing is left to do for a turn."""
    return await space.tenant.change(thing.id, {schema.TAGS: [tag for tag in thing.tags if tag != PENDING]})
