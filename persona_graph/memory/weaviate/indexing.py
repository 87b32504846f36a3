"""Messages as search reads them: made of turns, right behind or anew."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace

from persona_graph.memory.weaviate import reading, schema, talkers
from persona_graph.memory.weaviate.codec import (
    TURN_FIELDS,
    UNEMBEDDED,
    card_of,
    message_id,
    message_things,
    session_tag,
    slot_tag,
    turn_id,
    turn_of,
    turn_tag,
    turn_thing,
)
from persona_graph.memory.weaviate.filters import any_tag, both, rows, tagged
from persona_graph.memory.weaviate.things import MESSAGE, Found, Thing, dump
from persona_graph.memory.weaviate.user_space import UserSpace
from persona_graph.memory.weaviate.written import Written


async def index(
    space: UserSpace, written: Sequence[Written], *, done: Collection[str] = (), again: bool = False
) -> None:
    """Write the messages of turns as search reads them; turns named in `done` have nothing left to do then.

    `again` where some of them may be there.
    """
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
    await space.tenant.put(things, again=again)
    for session in renumber:
        await number_anew(space, session)
    await talkers.note(space, (one.turn for one in written))
    finished = [one for one in written if one.turn.id in done]
    await asyncio.gather(*(space.tenant.change(turn_id(o.turn.id), {schema.TAGS: _rested(o)}) for o in finished))


def _rested(one: Written) -> list[str]:
    return list(turn_thing(one.turn, one.row, (), pending=False).tags)


async def _next_number(space: UserSpace, session: str, one: Written) -> int:
    """The place in its session that the first message of a turn takes: its old one, or behind the last."""
    own = message_id(one.turn.id, 0)
    held, last = await asyncio.gather(
        space.tenant.get([own], [schema.TAGS, schema.BODY]),
        space.tenant.last(tagged(MESSAGE, session_tag(session)), [schema.BODY]),
    )
    if own in held and MESSAGE in held[own].tags:
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
    """Index those of these turns (`WHOLE_TURN`) whose messages the indexes lack."""
    found = [(thing, turn_of(thing)) for thing in turns]
    if not found:
        return
    places = rows(min(thing.row for thing, _ in found), max(thing.row + len(turn.messages) for thing, turn in found))
    of_them = both(any_tag(turn_tag(thing.id.hex) for thing, _ in found), places)
    there = {thing.id for thing in await space.tenant.every(both(tagged(MESSAGE), of_them), [schema.ROW])}
    missing = [
        Written(turn=turn, row=thing.row, late=True)
        for thing, turn in found
        if not there.issuperset(message_id(turn.id, place) for place in range(len(turn.messages)))
    ]
    if missing:
        await index(space, missing, again=True)


async def index_anew(space: UserSpace, *, keep_vectors: bool = True) -> None:
    """Make the messages of all turns anew; those without a turn go, unchanged texts may keep their vectors."""
    held = await reading.every_turn(space, TURN_FIELDS)
    there = await space.tenant.every(
        tagged(MESSAGE), [schema.TAGS, schema.TERMS, schema.BODY, schema.TOKENS], vectors=keep_vectors
    )
    known = {thing.id: thing for thing in there}
    numbers: dict[str, int] = {}
    things: list[Thing] = []
    for thing in held:
        turn = turn_of(thing)
        number = numbers.get(turn.session, 0)
        numbers[turn.session] = number + len(turn.messages)
        things += [_with_old_vector(new, known.pop(new.id, None)) for new in message_things(turn, thing.row, number)]
    await space.tenant.put(things, again=True)
    await space.tenant.take_out(known)
    await talkers.count_anew(space)


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
