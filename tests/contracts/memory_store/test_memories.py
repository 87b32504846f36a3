"""Memories: chosen by id and kind, found by words and by when they were true."""

from __future__ import annotations

from persona_graph.memory.commit import Commit
from persona_graph.memory.operations import Add
from persona_graph.memory.store import Lookup, MemoryStore
from persona_graph.memory.types import Kind
from persona_graph.timerange import TimeRange
from tests.contracts.memory_store.given import DAY, KINDS, NOON, fact, history, texts


async def test_memories_are_chosen_by_id_and_kind(store: MemoryStore) -> None:
    await history(store)
    every = await store.memories("ana", history=True)
    assert texts(every) == ["lives in Rome", "Ana", "lives in Oslo", "Ana Maria"]
    assert texts(await store.memories("ana", kinds=[Kind.CORE])) == ["Ana Maria"]
    assert texts(await store.memories("ana", ids=[every[0].id], history=True)) == ["lives in Rome", "lives in Oslo"]
    assert await store.memories("ana", ids=[every[0].id]) == []
    assert await store.memories("ana", ids=[]) == []
    assert texts(await store.memories("ana", kinds=[Kind.SEMANTIC], as_of=NOON + 6 * DAY)) == ["lives in Oslo"]


async def test_a_memory_is_found_by_words_kind_and_exclusion(store: MemoryStore) -> None:
    await store.commit("ana", fact("c0", "likes camping", evidence=()))
    habit = Add(kind=Kind.PROCEDURAL, key="weekend", text="camps", keywords=("tent",))
    await store.commit("ana", Commit(id="c1", job="update_procedural", at=NOON + DAY, operations=(habit,)))
    c = await store.find_memories("ana", Lookup(terms=("camp", "tent", "weekend"), kinds=KINDS))
    assert texts(c.memories) == ["likes camping", "camps"]
    assert c.hits.tolist() == [[True, True], [False, True], [False, True]]
    assert c.frequency.tolist() == [2, 1, 1]
    assert c.total == 2
    assert c.cosine is None
    only = await store.find_memories("ana", Lookup(terms=("camp",), kinds=frozenset({Kind.SEMANTIC})))
    assert texts(only.memories) == ["likes camping"]
    rest = await store.find_memories("ana", Lookup(kinds=KINDS, exclude=frozenset({only.memories[0].id})))
    assert texts(rest.memories) == ["camps"]


async def test_a_window_finds_what_was_true_then_superseded_or_not(store: MemoryStore) -> None:
    await history(store)
    facts = frozenset({Kind.SEMANTIC})

    async def within(start: float, end: float) -> list[tuple[str, bool]]:
        window = TimeRange(start=NOON + start * DAY, end=NOON + end * DAY)
        found = await store.find_memories("ana", Lookup(kinds=facts, window=window))
        return [(memory.text, memory.current) for memory in found.memories]

    assert await within(1, 2) == [("lives in Rome", False)]
    assert await within(4, 6) == [("lives in Rome", False), ("lives in Oslo", False)]
    assert await within(5, 6) == [("lives in Oslo", False)]
    assert await within(20, 30) == []
    assert not (await store.find_memories("ana", Lookup(kinds=facts))).memories


async def test_as_of_finds_what_was_held_then(store: MemoryStore) -> None:
    await history(store)
    then = Lookup(terms=("oslo", "ana"), kinds=KINDS, as_of=NOON + 6 * DAY)
    c = await store.find_memories("ana", then)
    assert sorted(texts(c.memories)) == ["Ana", "lives in Oslo"]
    assert all(memory.current for memory in c.memories)
    column = texts(c.memories).index("lives in Oslo")
    assert c.hits[:, column].tolist() == [True, False]
