"""Names of those who talk: one thing, asked before every search and so kept in memory."""

from __future__ import annotations

from collections.abc import Iterable

from persona_graph.conversation import Turn
from persona_graph.memory.weaviate import schema
from persona_graph.memory.weaviate.codec import NAMES, card_of, state_thing
from persona_graph.memory.weaviate.filters import tagged
from persona_graph.memory.weaviate.things import MESSAGE
from persona_graph.memory.weaviate.user_space import UserSpace


async def speakers(space: UserSpace) -> tuple[str, ...]:
    """Names of those who talk, in the order in which they came."""
    if space.speakers is None:
        space.speakers = await _read(space)
    return space.speakers


async def _read(space: UserSpace) -> tuple[str, ...]:
    held = await space.tenant.get([NAMES], [schema.BODY])
    return tuple(held[NAMES].body) if NAMES in held else ()


async def note(space: UserSpace, turns: Iterable[Turn]) -> None:
    """Know of those who talk in these turns."""
    names = dict.fromkeys(m.speaker for turn in turns for m in turn.messages if m.speaker)
    if names.keys() - set(await speakers(space)):
        held = await _read(space)  # others may have written
        space.speakers = tuple(dict.fromkeys((*held, *names)))
        await space.tenant.put([state_thing(NAMES, space.speakers)])


async def count_anew(space: UserSpace) -> None:
    """Find out anew who talks, after turns were removed."""
    held = await space.tenant.every(tagged(MESSAGE), [schema.BODY])
    still = {card_of(thing).speaker for thing in held}
    space.speakers = tuple(name for name in await _read(space) if name in still)
    await space.tenant.put([state_thing(NAMES, space.speakers)])
