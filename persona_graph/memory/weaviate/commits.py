"""Commits: inserted once, then projected; what is stored under an id is what gets projected."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable
from dataclasses import replace
from datetime import datetime

from persona_graph.errors import NotFound, Outdated
from persona_graph.memory.commit import Commit, Knowledge, Tombstones, field_name, fold, memory_id
from persona_graph.memory.erase import without_erased
from persona_graph.memory.open_job import OpenJob
from persona_graph.memory.operations import Add, Delete, Pin, Release, SwitchOff, Update
from persona_graph.memory.row_ids import microseconds
from persona_graph.memory.store import Standing
from persona_graph.memory.types import KEYED, Memory, age
from persona_graph.memory.weaviate import outbox, reading, schema, standing, tombstones
from persona_graph.memory.weaviate.codec import (
    CURRENT,
    commit_of,
    commit_thing,
    field_tag,
    kind_tag,
    memory_tag,
    version_of,
    version_thing,
)
from persona_graph.memory.weaviate.filters import any_tag, both, tagged
from persona_graph.memory.weaviate.things import COMMIT, GONE, VERSION, Found, uid
from persona_graph.memory.weaviate.user_space import UserSpace
from persona_graph.personality import PersonalityPoint


async def put(space: UserSpace, commit: Commit, job: OpenJob | None) -> tuple[Commit, bool]:
    """Append, project, finish the job; what is held under this id stays as it is. Whether the job is still open."""
    held, whole, count = await asyncio.gather(
        _held(space, commit.id), standing.read(space), space.tenant.count(tagged(COMMIT))
    )
    if held is not None:
        if whole.commits != count:
            await project(space)
        return held, await _finish(space, job)
    stones = await _refuse_erased(space, commit)
    place = await _place(space, job)
    if place is None:
        place, behind = whole.sequence + 1, True
    else:
        behind = False
    stored = replace(without_erased(commit, stones), sequence=place)
    if not await _insert(space, stored, create=not commit.evidence):
        first = await _held(space, commit.id)  # another process was faster, or this call was made twice
        if first is None:
            raise NotFound(f"the commit rests on turns that do not exist: {', '.join(sorted(commit.evidence))}")
        stored = first
    await _project_one(
        space, stored, whole, stones, whole=not behind or whole.commits != count or stored.sequence != place
    )
    return stored, await _finish(space, job)


async def _project_one(
    space: UserSpace, commit: Commit, before: standing.Sum, stones: Tombstones, *, whole: bool
) -> None:
    if whole or before.undos or standing.undoes(commit):
        await project(space)
        return
    held = await _touched(space, commit)
    knowledge = Knowledge.of(map(version_of, held), before.frozen, before.off, stones)
    changed = knowledge.apply(commit)
    total = await standing.after(space, before, commit, knowledge)
    if total is None:
        await project(space)
        return
    await _put_versions(space, changed, held)
    await standing.write(space, total)


async def _finish(space: UserSpace, job: OpenJob | None) -> bool:
    return job is not None and await outbox.finish(space, job)


async def _place(space: UserSpace, job: OpenJob | None) -> int | None:
    """Where the commit of a job is to stand; None for the end."""
    if job is None:
        return None
    place = await outbox.place_of(space, job)
    if place is None:
        return None
    return None if any(c.sequence == place for c in await every(space)) else place


async def _refuse_erased(space: UserSpace, commit: Commit) -> Tombstones:
    """Refuse a commit made from what is gone; the tombstones that are set.

    Raises: NotFound when nothing of its evidence is left; Outdated when something of it, or of what was read, is not.
    """
    evidence = set(commit.evidence)
    stones: Tombstones
    held, stones = await asyncio.gather(reading.held_turns(space, evidence, [schema.TAGS]), tombstones.read(space))
    gone = evidence - held.keys()
    if gone and (len(gone) == len(evidence) or gone - stones.ids):
        raise NotFound(f"the commit rests on turns that do not exist: {', '.join(sorted(gone))}")
    if gone or await tombstones.read_erased(space, stones, commit.read):
        raise Outdated("what this was worked from has been erased in the meantime; it is to be done again")
    return stones


async def _insert(space: UserSpace, commit: Commit, *, create: bool) -> bool:
    """Write a commit where there is none, or where one was that an erase took: its work was done again."""
    thing = commit_thing(commit)
    if await space.tenant.insert(thing, create=create):
        return True
    there = await space.tenant.get([thing.id], [schema.TAGS])
    return thing.id in there and GONE in there[thing.id].tags and await space.tenant.replace(thing)


async def _held(space: UserSpace, commit: str) -> Commit | None:
    id = uid(COMMIT, commit)
    held = await space.tenant.get([id], [schema.TAGS, schema.BODY, schema.ROW])
    return commit_of(held[id]) if id in held and COMMIT in held[id].tags else None


async def every(space: UserSpace, as_of: datetime | None = None) -> list[Commit]:
    """All commits in order, or those of a moment and before."""
    found = [commit_of(thing) for thing in await space.tenant.every(tagged(COMMIT), [schema.BODY, schema.ROW])]
    # Two machines may have taken one number: the ids then decide, everywhere alike.
    found.sort(key=lambda commit: (commit.sequence, commit.id))
    if as_of is None:
        return found
    until = microseconds(as_of)
    return [commit for commit in found if microseconds(commit.at) <= until]


async def project(space: UserSpace, *, anew: bool = False) -> None:
    """Fold all commits again and replace the projections; `anew` those too that are as they should be."""
    commits, stones = await asyncio.gather(every(space), tombstones.read(space))
    knowledge = fold(commits, tombstones=stones)
    held = await space.tenant.every(tagged(VERSION), [schema.BODY], vectors=True)
    wanted = {(m.id, m.version): m for versions in knowledge.versions.values() for m in versions}
    there: dict[tuple[str, int], Memory] = {}
    gone = []
    for thing in held:
        memory = version_of(thing)
        there[memory.id, memory.version] = memory
        if (memory.id, memory.version) not in wanted:
            gone.append(thing.id)
    await space.tenant.take_out(gone)
    changed = [memory for place, memory in wanted.items() if anew or there.get(place) != memory]
    await _put_versions(space, changed, held, again=True)
    await standing.write(space, await standing.of(space, commits, knowledge))


async def _put_versions(
    space: UserSpace, changed: Iterable[Memory], held: Iterable[Found], *, again: bool = False
) -> None:
    """Write versions; a text that has its vector keeps it. `again` where some of them may be there, unseen."""
    vectors = {version_of(thing).searchable: vector for thing in held if (vector := thing.vector) is not None}
    things = [version_thing(memory, vectors.get(memory.searchable)) for memory in changed]
    await space.tenant.put(things, again=again)


async def _touched(space: UserSpace, commit: Commit) -> list[Found]:
    """The versions that a commit can read or change."""
    tags: set[str] = set()
    for place, operation in enumerate(commit.operations):
        if isinstance(operation, Add | Update):
            tags.add(memory_tag(memory_id(commit.id, place)))
        match operation:
            case Update() | Delete() | Pin():
                tags.add(memory_tag(operation.id))
                if isinstance(operation, Update) and operation.kind in KEYED and operation.key:
                    tags.add(field_tag(field_name(operation.kind, operation.key)))
            case Release() | SwitchOff():
                tags.add(memory_tag(operation.what))
                kind, _, key = operation.what.partition(":")
                if kind in KEYED and key:
                    tags.add(field_tag(field_name(next(k for k in KEYED if k == kind), key)))
            case Add() if operation.kind in KEYED and operation.key:
                tags.add(field_tag(field_name(operation.kind, operation.key)))
    if not tags:
        return []
    first = await space.tenant.every(both(any_tag(tags), tagged(VERSION)), [schema.BODY], vectors=True)
    # What a field's name found may have versions of before it had that name.
    more = {memory_tag(version_of(thing).id) for thing in first} - tags
    if not more:
        return first
    return [*first, *await space.tenant.every(both(any_tag(more), tagged(VERSION)), [schema.BODY], vectors=True)]


async def memories(
    space: UserSpace,
    ids: Collection[str] | None,
    kinds: Collection[str] | None,
    *,
    history: bool,
    off: bool,
    as_of: datetime | None,
) -> list[Memory]:
    """Current versions or all of them; with `as_of` as they were held then."""
    if (ids is not None and not ids) or (kinds is not None and not kinds):
        return []
    if as_of is None:
        where = tagged(VERSION) if history else tagged(VERSION, CURRENT)
        if ids is not None:
            where = both(where, any_tag(map(memory_tag, ids)))
        if kinds is not None:
            where = both(where, any_tag(map(kind_tag, kinds)))
        found = [version_of(thing) for thing in await space.tenant.every(where, [schema.BODY])]
        hidden = {memory.id for memory in found if memory.off and memory.current}
    else:
        found = [
            memory
            for memory in await held_at(space, as_of, history=history)
            if (ids is None or memory.id in ids) and (kinds is None or memory.kind in kinds)
        ]
        hidden = set() if off else await switched_off(space)
    return sorted(found if off else [m for m in found if m.id not in hidden and not m.off], key=age)


async def switched_off(space: UserSpace) -> set[str]:
    """Ids of memories that are switched off today, which they are for every day."""
    current = await space.tenant.every(tagged(VERSION, CURRENT), [schema.BODY])
    return {memory.id for memory in map(version_of, current) if memory.off}


async def held_at(space: UserSpace, as_of: datetime, *, history: bool = False) -> list[Memory]:
    """What was held at a moment, oldest first: the fold of the commits until then."""
    commits, stones = await asyncio.gather(every(space, as_of), tombstones.read(space))
    knowledge = fold(commits, tombstones=stones)
    found = (memory for held in knowledge.versions.values() for memory in held if history or memory.current)
    return sorted(found, key=age)


async def standing_at(space: UserSpace, as_of: datetime | None) -> Standing:
    """The last point of the timeline, what the person holds and what is switched off; or all that at a moment."""
    if as_of is None:
        return (await standing.read(space)).standing
    commits = await every(space, as_of)
    knowledge, made = fold(commits), await standing.points(space, commits)
    return Standing(point=made[-1] if made else None, frozen=knowledge.frozen, off=frozenset(knowledge.off))


async def personality(space: UserSpace, as_of: datetime | None) -> list[PersonalityPoint]:
    """The timeline, or what it was at a moment."""
    return await standing.points(space, await every(space, as_of))


async def move_points(space: UserSpace, row: int) -> None:
    """A turn came to stand at `row`: where observed turns follow it, their m grows."""
    whole = await standing.read(space)
    if whole.key is not None and whole.key[0] > row:
        await project(space)


async def recover(space: UserSpace) -> None:
    """Project anew where a crash left a commit out."""
    whole, count = await asyncio.gather(standing.read(space), space.tenant.count(tagged(COMMIT)))
    if whole.commits != count:
        await project(space)
