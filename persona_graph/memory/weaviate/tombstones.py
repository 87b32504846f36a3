"""Tombstones: what was erased, without a word of it; and pictures that an erase still has to remove."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from persona_graph.memory.commit import Tombstones
from persona_graph.memory.weaviate import reading, schema
from persona_graph.memory.weaviate.codec import gone_thing, stone_thing
from persona_graph.memory.weaviate.filters import any_id, tagged
from persona_graph.memory.weaviate.things import COMMIT, STONE, UNSETTLED, Thing, uid
from persona_graph.memory.weaviate.user_space import UserSpace


async def read(space: UserSpace) -> Tombstones:
    """All of them."""
    found = await space.tenant.every(tagged(STONE), [schema.BODY])
    return Tombstones(user=space.user, ids=frozenset(thing.body["id"] for thing in found))


async def put(space: UserSpace, ids: Iterable[str], at: datetime) -> None:
    """Set tombstones."""
    await space.tenant.put([stone_thing(id, at) for id in sorted(ids)], create=True)


async def block(space: UserSpace, ids: Iterable[str]) -> None:
    """Take the places of turns that were erased, or may come from elsewhere: nobody can write them then."""
    wanted = set(ids)
    held = await reading.held_turns(space, wanted, [schema.TAGS])
    await space.tenant.put([gone_thing(id) for id in sorted(wanted - held.keys())])


async def read_erased(space: UserSpace, stones: Tombstones, read: Iterable[str]) -> bool:
    """Whether any of what was read (a read set) is erased, or is a version whose commit is gone."""
    if not stones.ids:
        return False
    # A turn's id is anybody's choice, and may look like the name of a memory's version.
    names = set(read)
    names -= (await reading.held_turns(space, names, [schema.TAGS])).keys()
    refs = [(memory, made) for memory, found, made in (name.partition("@") for name in names) if found]
    if not stones.ids.isdisjoint({*names, *(memory for memory, _ in refs)}):
        return True
    ids = {uid(COMMIT, made) for _, made in refs}
    held = await space.tenant.get(list(ids), [schema.TAGS])
    return sum(COMMIT in thing.tags for thing in held.values()) < len(ids)


async def lift(space: UserSpace, images: Iterable[str]) -> None:
    """Take back the tombstones of pictures that the person sends again, and let them lie."""
    ids = [uid(kind, one) for one in images for kind in (STONE, UNSETTLED)]
    if ids:
        await space.tenant.delete(any_id(ids))


async def leave(space: UserSpace, images: Iterable[str]) -> None:
    """Note pictures that are to be removed."""
    things = [Thing(id=uid(UNSETTLED, one), tags=(UNSETTLED,), body=one) for one in sorted(images)]
    await space.tenant.put(things, create=True)


async def unsettled(space: UserSpace) -> frozenset[str]:
    """Digests of pictures that still have to be removed."""
    return frozenset(thing.body for thing in await space.tenant.every(tagged(UNSETTLED), [schema.BODY]))


async def done(space: UserSpace, images: Iterable[str]) -> None:
    """Note that they are removed."""
    ids = [uid(UNSETTLED, one) for one in images]
    if ids:
        await space.tenant.delete(any_id(ids))
