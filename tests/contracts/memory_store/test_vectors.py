"""Vectors: given to texts that have none, of one model at a time, gone with their texts."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from persona_graph.conversation import Image, Message, Role
from persona_graph.errors import EmbeddingMismatch
from persona_graph.memory.commit import Commit
from persona_graph.memory.operations import Update
from persona_graph.memory.store import Lookup, MemoryStore, Vectors
from persona_graph.timerange import TimeRange
from tests.contracts.memory_store.given import DAY, HOUR, KINDS, NOON, embed, erase, fact, turn, unit


async def test_texts_without_a_vector_are_named_until_they_have_one(store: MemoryStore) -> None:
    silent = Message(role=Role.PERSON, blocks=(Image(digest="d" * 64),))
    await store.append(
        "ana", [turn("b", 1, "second"), turn("a", 0, "first"), replace(turn("p", 2), messages=(silent,))]
    )
    await store.commit("ana", fact("c", "likes tea"))
    assert [u.text for u in await store.unembedded("ana", 2)] == ["first", "second"]
    assert await embed(store) == ["first", "second", "likes tea"]
    assert await store.unembedded("ana", 99) == []


async def test_cosines_stand_beside_the_candidates_and_are_zero_without_a_vector(store: MemoryStore) -> None:
    await store.append("ana", [turn(f"t{i}", i) for i in range(3)])
    look = Lookup(vector=unit(1), fingerprint="f")
    c = await store.find_messages("ana", look)
    assert c.cosine is not None
    assert c.cosine.tolist() == [0, 0, 0]
    await embed(store)
    await store.append("ana", [turn("late", 3), turn("early", -1)])
    c = await store.find_messages("ana", look)
    assert c.cosine is not None
    assert c.cosine.dtype == np.float32
    assert c.cosine.tolist() == [0, 0, 1, 0, 0]


async def test_versions_keep_their_vectors_when_they_are_superseded(store: MemoryStore) -> None:
    await store.commit("ana", fact("c0", "lives in Rome"))
    await embed(store)
    (home,) = await store.memories("ana")
    look = Lookup(vector=unit(0), fingerprint="f", kinds=KINDS)
    assert (await store.find_memories("ana", look)).cosine == pytest.approx([1])
    moved = Update(id=home.id, text="lives in Oslo", event=TimeRange(start=NOON + DAY))
    await store.commit("ana", Commit(id="c1", job="extract_semantic", at=NOON + DAY, operations=(moved,)))
    assert (await store.find_memories("ana", look)).cosine == pytest.approx([0])
    past = replace(look, window=TimeRange(start=NOON, end=NOON + HOUR))
    assert (await store.find_memories("ana", past)).cosine == pytest.approx([1])
    then = replace(look, as_of=NOON)
    assert (await store.find_memories("ana", then)).cosine == pytest.approx([1])


async def test_vectors_of_two_models_never_mix(store: MemoryStore) -> None:
    await store.append("ana", [turn("one")])
    await store.commit("ana", fact("c", "likes tea"))
    await embed(store, "f")
    await store.append("ana", [turn("two", 1)])
    other = Lookup(vector=unit(0), fingerprint="g", kinds=KINDS)
    with pytest.raises(EmbeddingMismatch, match="persona reindex"):
        await store.find_messages("ana", other)
    with pytest.raises(EmbeddingMismatch, match="persona reindex"):
        await store.find_memories("ana", other)
    with pytest.raises(EmbeddingMismatch, match="persona reindex"):
        await embed(store, "g")
    assert (await store.find_messages("ana", Lookup(terms=("one",)))).total == 2
    await store.drop_vectors("ana")
    assert len(await embed(store, "g", size=4)) == 3
    again = await store.find_messages("ana", Lookup(vector=unit(0, 4), fingerprint="g"))
    assert again.cosine == pytest.approx([1, 0])


async def test_a_vector_of_a_text_that_is_gone_is_passed_over(store: MemoryStore) -> None:
    await store.append("ana", [turn("one", 0, "secret")])
    await store.commit("ana", fact("c", "likes tea", evidence=("one",)))
    waiting = await store.unembedded("ana", 99)
    await erase(store, "one")
    await store.append("ana", [turn("other", 0, "harmless")])
    await store.put_vectors("ana", "f", [Vectors(ref=u.ref, vector=unit(0)) for u in waiting])
    assert [u.text for u in await store.unembedded("ana", 99)] == ["harmless"]


async def test_token_vectors_come_back_by_row(store: MemoryStore) -> None:
    await store.append("ana", [turn("one", 0, "a", "b"), turn("two", 1)])
    waiting = await store.unembedded("ana", 99)
    grid = np.arange(-6, 6, dtype=np.int8).reshape(3, 4)
    await store.put_vectors("ana", "f", [Vectors(ref=waiting[1].ref, vector=unit(0), tokens=grid)])
    rows = [int(row) for row in (await store.find_messages("ana", Lookup())).rows]
    held = await store.token_vectors("ana", [*rows, 7])
    assert (held.rows.tolist(), held.starts.tolist()) == ([rows[1]], [0])
    assert held.vectors.dtype == np.int8
    assert held.vectors.tolist() == grid.tolist()
    assert (await store.token_vectors("nobody", rows)).rows.tolist() == []
