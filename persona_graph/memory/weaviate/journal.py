"""The journal: turns by time, each one thing; its messages are a projection of it that search reads.

A turn that nobody has written is written once, by a call that the server refuses where the id is taken. Its messages
follow right behind; until they are there the turn is `pending`, so that whoever comes after a crash adds them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

import numpy as np

from persona_graph.conversation import Turn, TurnState
from persona_graph.errors import StoreError
from persona_graph.memory.erase import shown_in
from persona_graph.memory.row_ids import SEQUENCE_BITS, bounds, first_row, last_row_of_second, microseconds, row_bounds
from persona_graph.memory.weaviate import schema
from persona_graph.memory.weaviate.codec import (
    GONE,
    NAMES,
    PENDING,
    SHOWS,
    TURN_FIELDS,
    UNEMBEDDED,
    WHOLE_TURN,
    Ticket,
    card_of,
    message_id,
    message_things,
    session_tag,
    slot_tag,
    state_thing,
    tickets_of,
    turn_id,
    turn_of,
    turn_tag,
    turn_thing,
)
from persona_graph.memory.weaviate.tenant import any_id, any_tag, both, rows, tagged
from persona_graph.memory.weaviate.things import MESSAGE, TURN, Found, Thing, dump
from persona_graph.memory.weaviate.user_space import UserSpace
from persona_graph.timerange import TimeRange

ROOM = 8
"""Rows kept for one turn where several share a second: an answer still comes to stand beside its question."""
LOOK_BACK_S = (3_600, 12 * 3_600, 7 * 86_400, 60 * 86_400)
"""How far one looks for the newest turns before one reads them all: a conversation has most of what it needs near."""
FEW = 8
"""So many turns are counted up to one by one; of more the rows between them are read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """A turn that was really written."""

    turn: Turn
    row: int
    late: bool
    """It stands before turns that were there already."""


# writing


async def put(space: UserSpace, turn: Turn, tickets: Sequence[Ticket]) -> Written | None:
    """Write one turn that is new, as far as is known here; None where its id is taken."""
    (row,) = await free_rows(space, [turn])
    late = space.newest is not None and row < space.newest
    thing = turn_thing(turn, row, tickets, pending=True)
    if not await space.tenant.insert(thing, create=True):
        held = await space.tenant.get([thing.id], WHOLE_TURN)
        # A call that was made again may meet what it wrote itself.
        if thing.id not in held or held[thing.id].properties.get(schema.BODY) != thing.properties[schema.BODY]:
            return None
        if held[thing.id].properties.get(schema.RECEIPT) != thing.properties[schema.RECEIPT]:
            return None
    note(space, row)
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
        note(space, one.row)
    await index(space, written)
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
    note(space, row)
    return Written(turn=turn, row=row, late=late)


def note(space: UserSpace, row: int) -> None:
    """Know of a row that was written."""
    space.newest = row if space.newest is None else max(space.newest, row)


async def free_rows(space: UserSpace, turns: Sequence[Turn]) -> list[int]:
    """Where turns go: at their microsecond, or right behind those that are there already."""
    newest = await newest_row(space)
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


async def newest_row(space: UserSpace) -> int:
    """The last row of the journal, as far as is known here."""
    if space.newest is None:
        found = await space.tenant.last(tagged(TURN), [schema.ROW])
        space.newest = found.row if found is not None else -(2**62)
    return space.newest


async def index(space: UserSpace, written: Sequence[Written], *, done: Collection[str] = ()) -> None:
    """Write the messages of turns as search reads them; turns named in `done` have nothing left to do then."""
    things, renumber = [], set()
    numbers: dict[str, int] = {}
    for one in written:
        session = one.turn.session
        if session not in numbers:
            numbers[session] = await _next_number(space, session, one)
        things += message_things(one.turn, one.row, numbers[session])
        numbers[session] += len(one.turn.messages)
        if one.late:
            renumber.add(session)
    await space.tenant.put(things)
    for session in renumber:
        await number_anew(space, session)
    await _note_speakers(space, (one.turn for one in written))
    finished = [one for one in written if one.turn.id in done]
    await asyncio.gather(*(space.tenant.change(turn_id(o.turn.id), {schema.TAGS: _rested(o)}) for o in finished))


def _rested(one: Written) -> list[str]:
    return list(turn_thing(one.turn, one.row, (), pending=False).tags)


async def _next_number(space: UserSpace, session: str, one: Written) -> int:
    """The place in its session that the first message of a turn takes: its old one, or behind the last."""
    own = message_id(one.turn.id, 0)
    held, last = await asyncio.gather(
        space.tenant.get([own], [schema.BODY]), space.tenant.last(tagged(MESSAGE, session_tag(session)), [schema.BODY])
    )
    if own in held:
        return card_of(held[own]).number
    return 0 if last is None else card_of(last).number + 1


async def number_anew(space: UserSpace, session: str) -> None:
    """Count the messages of a session, after some came to stand among them or went."""
    held = await space.tenant.every(tagged(MESSAGE, session_tag(session)), [schema.TAGS, schema.BODY])
    changes = []
    for number, thing in enumerate(held):
        card = card_of(thing)
        if card.number != number:
            old = slot_tag(card.session, card.number)
            tags = [slot_tag(card.session, number) if tag == old else tag for tag in thing.properties[schema.TAGS]]
            body = dump(card._replace(number=number))
            changes.append(space.tenant.change(thing.id, {schema.TAGS: tags, schema.BODY: body}))
    await asyncio.gather(*changes)


async def index_missing(space: UserSpace, turns: Iterable[Found]) -> None:
    """Index those of these turns (`WHOLE_TURN`) whose messages are not there."""
    found = [(thing, turn_of(thing)) for thing in turns]
    first = {thing.id: message_id(turn.id, len(turn.messages) - 1) for thing, turn in found}
    there = await space.tenant.get(list(first.values()), [schema.ROW])
    missing = [Written(turn=turn, row=thing.row, late=True) for thing, turn in found if first[thing.id] not in there]
    if missing:
        await index(space, missing)


async def index_anew(space: UserSpace) -> None:
    """Make the messages of all turns anew; those without a turn go, texts that did not change keep their vectors."""
    held = await every_turn(space, TURN_FIELDS)
    there = await space.tenant.every(
        tagged(MESSAGE), [schema.TAGS, schema.TERMS, schema.BODY, schema.TOKENS], vectors=True
    )
    known = {thing.id: thing for thing in there}
    numbers: dict[str, int] = {}
    things: list[Thing] = []
    for thing in held:
        turn = turn_of(thing)
        number = numbers.get(turn.session, 0)
        numbers[turn.session] = number + len(turn.messages)
        things += [_with_old_vector(new, known.pop(new.id, None)) for new in message_things(turn, thing.row, number)]
    await space.tenant.put(things)
    if known:
        await space.tenant.delete(any_id(known))
    await count_speakers(space)


def _with_old_vector(new: Thing, old: Found | None) -> Thing:
    if old is None or old.vector is None or (old.properties.get(schema.TERMS) or "") != new.terms:
        return new
    tokens = old.properties.get(schema.TOKENS)
    return replace(
        new,
        tags=tuple(tag for tag in new.tags if tag != UNEMBEDDED),
        vector=old.vector,
        more={schema.TOKENS: tokens} if tokens else {},
    )


# who talks


async def speakers(space: UserSpace) -> tuple[str, ...]:
    """Names of those who talk, in the order in which they came."""
    if space.speakers is None:
        space.speakers = await _read_speakers(space)
    return space.speakers


async def _read_speakers(space: UserSpace) -> tuple[str, ...]:
    held = await space.tenant.get([NAMES], [schema.BODY])
    return tuple(held[NAMES].body) if NAMES in held else ()


async def _note_speakers(space: UserSpace, turns: Iterable[Turn]) -> None:
    names = dict.fromkeys(m.speaker for turn in turns for m in turn.messages if m.speaker)
    if names.keys() - set(await speakers(space)):
        held = await _read_speakers(space)  # others may have written
        space.speakers = tuple(dict.fromkeys((*held, *names)))
        await space.tenant.put([state_thing(NAMES, space.speakers)])


async def count_speakers(space: UserSpace) -> None:
    """Find out anew who talks, after turns were removed."""
    held = await space.tenant.every(tagged(MESSAGE), [schema.BODY])
    still = {card_of(thing).speaker for thing in held}
    space.speakers = tuple(name for name in await _read_speakers(space) if name in still)
    await space.tenant.put([state_thing(NAMES, space.speakers)])


# reading


async def turns(
    space: UserSpace, ids: Sequence[str] | None, window: TimeRange, newest: int | None, *, receipts: bool
) -> list[Turn]:
    """Turns of a window by time, or those of them with these ids; `newest` keeps the last n."""
    fields = WHOLE_TURN if receipts else TURN_FIELDS
    if newest == 0:
        return []
    if ids is not None:
        held = await held_turns(space, ids, WHOLE_TURN)
        found = sorted(held.values(), key=_place)
        counted = list(zip(found, await ordinals(space, [thing.row for thing in found]), strict=True))
    else:
        found = await _of_window(space, window, newest, fields)
        before = await turns_before(space, found[0].row) if found else 0
        counted = [(thing, before + number) for number, thing in enumerate(found)]
    if counted:
        note(space, counted[-1][0].row)  # others write too: a turn of ours must not take the place of what was read
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


async def recover(space: UserSpace) -> None:
    """Add what a crash may have left out behind a turn that was written."""
    held = await pending(space, WHOLE_TURN)
    if held:
        await index_missing(space, held)
        idle = [thing for thing in held if not tickets_of(thing) and is_answered(thing)]
        await asyncio.gather(*(rest(space, thing) for thing in idle))


async def rest(space: UserSpace, thing: Found) -> bool:
    """Note that nothing is left to do for a turn."""
    return await space.tenant.change(thing.id, {schema.TAGS: [tag for tag in thing.tags if tag != PENDING]})


def is_answered(thing: Found) -> bool:
    """Whether a turn that was read is answered, or erased: it changes no more."""
    return GONE in thing.tags or thing.body["state"] == TurnState.ANSWERED
