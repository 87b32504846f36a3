"""Erasing pictures: what was read in them goes, and their bytes are settled later."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from persona_graph.conversation import Block, Image, Message, Role, Text, Turn
from persona_graph.errors import Outdated
from persona_graph.memory.open_job import OpenJob
from persona_graph.memory.operations import Add
from persona_graph.memory.store import MemoryStore
from persona_graph.memory.types import Kind
from tests.contracts.memory_store.given import NOON, SAID, by_hand, erase, fact, job, take, turn

SEA, SKY = "5" * 64, "6" * 64


def shown(name: str, *digests: str, day: float = 0) -> Turn:
    blocks: tuple[Block, ...] = (Text(name), *(Image(digest=digest, caption="the sea") for digest in digests))
    return replace(turn(name, day), messages=(Message(role=Role.PERSON, blocks=blocks),), receipt={"steps": [SAID]})


async def test_a_picture_goes_with_what_was_read_in_it_while_the_work_was_done(store: MemoryStore) -> None:
    await store.append("ana", [shown("a", SEA), shown("b", SEA, SKY, day=1), turn("c", 2)], [job("j", "a")])
    done = fact("c0", "was at the sea", evidence=("a",), read=("a", f"a#{SEA}"))
    await store.commit("ana", done)
    running = await take(store)
    erased = await erase(store, images=[SEA])
    assert (erased.images, [again.commit for again in erased.again]) == ((SEA,), ["c0"])
    held = await store.turns("ana")
    assert [[image.digest for image in one.images] for one in held] == [[""], ["", SKY], []]
    assert [[image.caption for image in one.images] for one in held] == [[""], ["", "the sea"], []]
    assert [one.receipt.get("scrubbed") for one in held] == [True, True, None]
    with pytest.raises(Outdated):
        await store.commit("ana", done, running)
    await store.commit("ana", replace(done, operations=(), read=("a",)), running)
    assert await store.jobs("ana") == [] or ids_of(await store.jobs("ana")) == ["again c0"]


def ids_of(jobs: Sequence[OpenJob]) -> list[str]:
    return [one.id for one in jobs]


async def test_a_correction_does_not_name_a_picture_that_is_gone(store: MemoryStore) -> None:
    await store.append("ana", [shown("a", SEA, SKY), shown("b", SKY, day=1)])
    right = Add(kind=Kind.SEMANTIC, text="was at the lake", images=(SEA, SKY))
    await store.commit("ana", by_hand("c0", right))
    assert (await erase(store, "a")).images == (SEA,)
    assert [memory.images for memory in await store.memories("ana")] == [(SKY,)]


async def test_a_picture_that_is_sent_again_is_wanted_and_one_of_an_erased_turn_is_not(store: MemoryStore) -> None:
    await store.append("ana", [shown("a", SEA), shown("b", SKY, day=1)])
    await erase(store, "b", images=[SEA])
    assert (await store.unsettled("ana")).images == {SEA, SKY}
    await store.settle("ana", [SEA, SKY])
    assert await store.append("ana", [shown("a", SEA), shown("b", SKY, day=1)]) == ()
    assert (await store.unsettled("ana")).images == {SEA, SKY}
    assert await store.due(NOON) == ["ana"]
    await store.append("ana", [shown("c", SEA, day=2)])
    assert (await store.unsettled("ana")).images == {SKY}
    assert SEA not in (await store.tombstones("ana")).ids
