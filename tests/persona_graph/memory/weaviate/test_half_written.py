"""Writes that fail half way: the server has an object that some index lacks, and takes it for unchanged ever after."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from persona_graph.errors import StoreAway
from persona_graph.memory.weaviate import schema
from persona_graph.memory.weaviate.filters import both, rows, tagged
from persona_graph.memory.weaviate.store import WeaviateStore
from persona_graph.memory.weaviate.tenant import Tenant
from persona_graph.memory.weaviate.things import Thing, uid
from tests.contracts.memory_store.given import turn, unit
from tests.persona_graph.memory.weaviate.conftest import Open

pytestmark = [pytest.mark.weaviate, pytest.mark.network]

LENGTHS = range(20, 40)
"""Of vectors that are added, one after the other, while others write."""
THINGS = 16
"""So many are written meanwhile, at a time."""


def things(number: int) -> list[Thing]:
    return [
        Thing(
            id=uid("thing", str(number), str(place)),
            tags=(f"own:{number}-{place}", f"all:{number}"),
            row=1000 * number + place,
            terms=f"all{number} own{place}",
            body=place,
            vector=unit(place % 2) if place % 3 else None,
        )
        for place in range(THINGS)
    ]


async def lost(tenant: Tenant, written: Sequence[Thing]) -> list[str]:
    """Which things some index lacks."""
    missing = []
    for thing in written:
        where = both(tagged(*thing.tags), rows(thing.row, thing.row))
        by_words = await tenant.by_words(thing.terms.split(), where, (), limit=2)
        by_vector = await tenant.by_vector(unit(0), where, (), limit=2) if thing.vector is not None else by_words
        if [len(await tenant.find(where, (), limit=2)), len(by_words), len(by_vector)] != [1, 1, 1]:
            missing.append(thing.tags[0])
    return missing


async def tenant_of(store: WeaviateStore) -> Tenant:
    await store.append("ana", [turn("t", 0)])
    await store.turns("ana")
    tenant = store._space("ana").tenant
    await tenant.put([Thing(id=uid("first"), tags=("first",), vector=unit(0))])
    return tenant


async def test_a_write_that_nobody_knows_the_end_of_is_made_again_at_the_next_look(
    another: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = another()
    tenant = await tenant_of(store)
    run, batch = store.here.link.run, things(0)

    async def cut_off(call: Any, **how: Any) -> None:
        await run(call, **how)
        raise StoreAway("the connection broke off")

    async def never(call: Any, **how: Any) -> None:
        raise StoreAway("the connection broke off")

    for end, some in ((cut_off, batch[:8]), (never, batch[8:])):
        with monkeypatch.context() as patched:
            patched.setattr(store.here.link, "run", end)
            with pytest.raises(StoreAway):
                await tenant.put(some)
            with pytest.raises(StoreAway):
                await store.turns("ana")
    assert tenant.unsure.keys() == {thing.id for thing in batch}
    monkeypatch.setattr(tenant, "_mend_from", 0.0)  # as if time had passed
    await store.turns("ana")
    assert not tenant.unsure
    assert await lost(tenant, batch) == []


async def test_what_cannot_be_made_again_stops_nobody_from_reading(
    another: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = another()
    tenant = await tenant_of(store)
    run = store.here.link.run

    async def reads_alone(call: Any, **how: Any) -> Any:
        if not how:
            raise StoreAway("the disk is full")
        return await run(call, **how)

    monkeypatch.setattr(store.here.link, "run", reads_alone)
    with pytest.raises(StoreAway):
        await tenant.put(things(0))
    for _ in range(2):
        assert [turn.id for turn in await store.turns("ana")] == ["t"]
    assert tenant.unsure.keys() == {thing.id for thing in things(0)}


async def test_a_vector_that_is_never_found_keeps_no_reader_waiting_twice(
    another: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = another()
    tenant = await tenant_of(store)
    looks = list[int]()

    async def nothing(*_: Any, **__: Any) -> list[Any]:
        looks.append(1)
        return []

    monkeypatch.setattr(tenant, "by_vector", nothing)
    await tenant.put(things(0)[1:2])
    assert tenant.unsure
    await store.turns("ana")
    tried = len(looks)
    await store.turns("ana")
    assert len(looks) == tried
    monkeypatch.undo()
    monkeypatch.setattr(tenant, "_mend_from", 0.0)  # as if time had passed
    await store.turns("ana")
    assert not tenant.unsure


async def test_a_store_that_is_closed_makes_its_last_writes_again(
    another: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, elsewhere = another(), another()
    tenant = await tenant_of(store)

    async def never(call: Any, **how: Any) -> None:
        raise StoreAway("the connection broke off")

    with monkeypatch.context() as patched:
        patched.setattr(store.here.link, "run", never)
        with pytest.raises(StoreAway):
            await tenant.put(things(0))
    await store.close()
    assert await lost(elsewhere._space("ana").tenant, things(0)) == []


async def test_what_stands_where_something_is_inserted_stays_as_it_is(another: Open) -> None:
    tenant = await tenant_of(another())
    first = things(0)[3]
    assert await tenant.insert(first)
    assert not await tenant.insert(replace(first, tags=("other",), body="other"))
    held = (await tenant.get([first.id], schema.EVERYTHING))[first.id]
    assert held.thing == first
    assert await lost(tenant, [first]) == []


@pytest.mark.slow
async def test_what_is_written_while_vectors_of_another_length_come_in_stands_in_every_index(another: Open) -> None:
    """Each of them makes every tenant refuse writes for a moment, some of them in the middle."""
    tenant, elsewhere = await tenant_of(another()), another()
    written = list[Thing]()
    for length in LENGTHS:
        adding = asyncio.create_task(elsewhere.here.link.have_vector(length))
        while True:
            over = adding.done()
            batch = things(len(written))
            parts = [[one for one in batch if one.vector is not None], [one for one in batch if one.terms[-1] in "36"]]
            single = [one for one in batch if one not in parts[0] and one not in parts[1]]
            await asyncio.gather(*map(tenant.put, parts), *map(tenant.insert, single))
            written += batch
            if over:
                break
    assert await lost(tenant, written) == []
