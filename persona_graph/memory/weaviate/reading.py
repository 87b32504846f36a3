"""Reading the journal: turns by id and by time, and how many stand before them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from datetime import datetime
from uuid import UUID

import numpy as np

from persona_graph.conversation import Turn, TurnState
from persona_graph.memory.erase import shown_in
from persona_graph.memory.row_ids import SEQUENCE_BITS, bounds, row_bounds
from persona_graph.memory.weaviate import schema
from persona_graph.memory.weaviate.codec import PENDING, SHOWS, TURN_FIELDS, WHOLE_TURN, turn_id, turn_of
from persona_graph.memory.weaviate.filters import both, rows, tagged
from persona_graph.memory.weaviate.things import GONE, TURN, Found
from persona_graph.memory.weaviate.user_space import UserSpace
from persona_graph.timerange import TimeRange

LOOK_BACK_S = (3_600, 12 * 3_600, 7 * 86_400, 60 * 86_400)
"""How far one looks for the newest turns before one reads them all: a conversation has most of what it needs near."""
FEW = 8
"""So many turns are counted up to one by one; of more the rows between them are read."""


async def newest_row(space: UserSpace) -> int:
    """The last row of the journal, as far as is known here."""
    if space.newest is None:
        found = await space.tenant.last(tagged(TURN), [schema.ROW])
        space.newest = found.row if found is not None else -(2**62)
    return space.newest


async def turns(
    space: UserSpace, ids: Sequence[str] | None, window: TimeRange, newest: int | None, *, receipts: bool
) -> list[Turn]:
    """Turns of a window by time, or those of them with these ids; `newest` keeps the last n."""
    fields = WHOLE_TURN if receipts else TURN_FIELDS
    if newest == 0:
        return []
    if ids is not None:
        held = await held_turns(space, ids, fields)
        found = sorted(held.values(), key=_place)
        numbers = await ordinals(space, [thing.row for thing in found]) if receipts else [-1] * len(found)
        counted = list(zip(found, numbers, strict=True))
    else:
        found = await _of_window(space, window, newest, fields)
        before = await turns_before(space, found[0].row) if found else 0
        counted = [(thing, before + number) for number, thing in enumerate(found)]
    if counted:
        space.note(counted[-1][0].row)  # others write too: a turn of ours must not take the place of what was read
    kept = [turn for thing, ordinal in counted if (turn := turn_of(thing, ordinal)).at in window]
    return kept[-newest:] if newest else kept


def _place(thing: Found) -> tuple[int, int]:
    return thing.row, thing.id.int


async def _of_window(space: UserSpace, window: TimeRange, newest: int | None, fields: Sequence[str]) -> list[Found]:
    low, high = row_bounds(*bounds(window))
    first = None if window.start is None else low
    last = None if window.end is None else high
    if newest is not None:
        anchor = min(high, await newest_row(space))
        for seconds in LOOK_BACK_S:
            near = anchor - (seconds << SEQUENCE_BITS)
            if first is not None and near <= first:
                break
            found = await every_turn(space, fields, first=near, last=last)
            inside = [thing for thing in found if datetime.fromisoformat(thing.body["at"]) in window]
            if len(inside) >= newest:
                return inside[-newest:]
    found = await every_turn(space, fields, first=first, last=last)
    inside = [thing for thing in found if datetime.fromisoformat(thing.body["at"]) in window]
    return inside if newest is None else inside[-newest:]


async def held_turns(space: UserSpace, ids: Iterable[str], fields: Sequence[str]) -> dict[str, Found]:
    """Turns by their ids; those that are not there, or erased, are absent. `fields` hold the tags."""
    names = {turn_id(id): id for id in ids}
    held = await space.tenant.get(list(names), fields)
    return {names[id]: thing for id, thing in held.items() if GONE not in thing.tags}


async def held_or_gone(space: UserSpace, ids: Iterable[str]) -> dict[UUID, Found]:
    """What stands in the places of turns: they themselves, or what keeps an erased one's place."""
    return await space.tenant.get([turn_id(id) for id in ids], WHOLE_TURN)


async def turns_before(space: UserSpace, row: int) -> int:
    """How many turns stand before that row."""
    return await space.tenant.count(both(tagged(TURN), rows(last=row - 1)))


async def ordinals(space: UserSpace, places: Sequence[int]) -> list[int]:
    """How many turns stand before each of these rows."""
    if len(places) <= FEW:
        return list(await asyncio.gather(*(turns_before(space, row) for row in places)))
    every = np.array(await all_rows(space), np.int64)
    return [int(place) for place in np.searchsorted(every, np.array(places, np.int64))]


async def every_turn(
    space: UserSpace, fields: Sequence[str], *tags: str, first: int | None = None, last: int | None = None
) -> list[Found]:
    """All turns with these tags, by row; `fields` hold the body or the jobs."""
    found = await space.tenant.every(tagged(TURN, *tags), fields, first=first, last=last)
    # A process that knew nothing of an erase may have tagged what keeps the place of the erased.
    told = [name for name in (schema.BODY, schema.JOBS) if name in fields]
    return [thing for thing in found if all(thing.properties.get(name) not in (None, "null") for name in told)]


async def all_rows(space: UserSpace) -> list[int]:
    """The rows of all turns."""
    return [thing.row for thing in await space.tenant.every(tagged(TURN), [schema.ROW])]


async def with_images(space: UserSpace) -> list[Found]:
    """All turns that show a picture."""
    return await every_turn(space, WHOLE_TURN, SHOWS)


async def shown_images(space: UserSpace) -> frozenset[str]:
    """Digests of all pictures that turns show."""
    return shown_in(turn_of(thing) for thing in await with_images(space))


async def pending(space: UserSpace, fields: Sequence[str]) -> list[Found]:
    """Turns with something left to do."""
    return await every_turn(space, fields, PENDING)


def is_answered(thing: Found) -> bool:
    """Whether a turn that was read is answered, or erased: it changes no more."""
    return GONE in thing.tags or thing.body["state"] == TurnState.ANSWERED
