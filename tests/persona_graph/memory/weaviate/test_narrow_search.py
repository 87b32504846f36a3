"""A search that asks for little finds what one that asks for all would: it notices when it asked for too little."""

from __future__ import annotations

import pytest

from persona_graph.conversation import Image, Message, Role, Turn
from persona_graph.memory.commit import Commit
from persona_graph.memory.operations import Add
from persona_graph.memory.store import Lookup, Vectors
from persona_graph.memory.types import Kind
from persona_graph.memory.weaviate.memory_search import WHOLE
from persona_graph.memory.weaviate.message_search import LEG
from persona_graph.memory.weaviate.store import WeaviateStore
from persona_graph.timerange import TimeRange
from tests.contracts.memory_store.given import DAY, NOON, found, texts, unit
from tests.persona_graph.memory.weaviate.conftest import Open

pytestmark = [pytest.mark.weaviate, pytest.mark.network]

FAR = "unicorn"
"""What holds it has a vector across to that of all others."""


def pictured(number: int, caption: str) -> Turn:
    image = Image(digest=f"{number:064x}", caption=caption)
    return Turn(
        id=f"p{number}",
        at=NOON + number * DAY,
        session="s",
        messages=(Message(role=Role.PERSON, blocks=(image,), speaker="Ana"),),
    )


async def embed(store: WeaviateStore) -> None:
    while waiting := await store.unembedded("ana", 200):
        vectors = [Vectors(ref=one.ref, vector=unit(int(FAR in one.text))) for one in waiting]
        await store.put_vectors("ana", "f", vectors)


async def with_few_pictures_in_mind(store: WeaviateStore) -> None:
    """Search in a window with so few pictures that a vector brings them all."""
    look = Lookup(terms=("dog",), vector=unit(0), fingerprint="f", images=True, window=TimeRange(end=NOON + 3 * DAY))
    for _ in range(3):
        assert await found(store, look) == ["p0#0", "p1#0", "p2#0"]
    assert store._space("ana").search.few_pictures


async def test_a_picture_that_only_its_words_find_is_found_where_there_were_few_before(another: Open) -> None:
    store = another()
    await store.append("ana", [pictured(n, "a dog" if n < LEG + 1 else f"a {FAR}") for n in range(LEG + 2)])
    await embed(store)
    await with_few_pictures_in_mind(store)
    look = Lookup(terms=(FAR,), vector=unit(0), fingerprint="f", images=True)
    assert await found(store, look) == [f"p{LEG + 1}#0"]
    assert not store._space("ana").search.few_pictures


async def test_a_picture_from_elsewhere_that_has_no_vector_yet_is_found_by_its_words(another: Open) -> None:
    store, elsewhere = another(), another()
    await store.append("ana", [pictured(n, "a dog") for n in range(3)])
    await embed(store)
    await with_few_pictures_in_mind(store)
    await elsewhere.append("ana", [pictured(9, f"a {FAR}")])
    await elsewhere.turns("ana")
    look = Lookup(terms=(FAR,), vector=unit(0), fingerprint="f", images=True)
    assert await found(store, look) == ["p9#0"]


async def learn(store: WeaviateStore, name: str, kind: Kind, *said: str) -> None:
    adds = tuple(Add(kind=kind, key=text if kind is Kind.PROCEDURAL else "", text=text) for text in said)
    await store.commit("ana", Commit(id=name, job="j", at=NOON, operations=adds))


async def habits(store: WeaviateStore, term: str, *, words_alone: bool = False) -> list[str]:
    lookup = Lookup(
        terms=(term,),
        vector=None if words_alone else unit(0),
        fingerprint="f",
        kinds=frozenset({Kind.SEMANTIC, Kind.PROCEDURAL}),
    )
    there = await store.find_memories("ana", lookup)
    return sorted(texts([memory for memory in there.memories if memory.kind is Kind.PROCEDURAL]))


async def with_crowded_habits(store: WeaviateStore) -> None:
    """Three habits beside so many facts that they are searched alone."""
    await learn(store, "facts", Kind.SEMANTIC, *(f"fact {n}" for n in range(120)))
    await learn(store, "habits", Kind.PROCEDURAL, "runs", "swims", f"rides a {FAR}")
    await embed(store)
    for _ in range(3):
        assert await habits(store, "fact") == [f"rides a {FAR}", "runs", "swims"]
    assert Kind.PROCEDURAL in store._space("ana").search.crowded


async def test_a_small_kind_of_memory_is_read_whole_and_a_grown_one_by_its_words_again(another: Open) -> None:
    store = another()
    await with_crowded_habits(store)
    assert await habits(store, "fact", words_alone=True) == [f"rides a {FAR}", "runs", "swims"]
    await learn(store, "more", Kind.PROCEDURAL, *(f"habit {n}" for n in range(WHOLE + 6)))
    await embed(store)
    for _ in range(2):
        assert f"rides a {FAR}" in await habits(store, FAR)
    assert Kind.PROCEDURAL in store._space("ana").search.wide


async def test_a_small_kind_shows_what_was_learned_elsewhere_and_has_no_vector_yet(another: Open) -> None:
    store, elsewhere = another(), another()
    await with_crowded_habits(store)
    await learn(elsewhere, "new", Kind.PROCEDURAL, "sings")
    await elsewhere.turns("ana")  # waits for what follows behind the commit
    assert await habits(store, "fact") == [f"rides a {FAR}", "runs", "sings", "swims"]


async def test_turns_of_the_best_pictures_are_read_with_their_neighbours(another: Open) -> None:
    store = another()
    await store.append("ana", [pictured(n, "a dog") for n in range(3)])
    await embed(store)
    look = Lookup(terms=("dog",), vector=unit(0), fingerprint="f", images=True, limit=2)
    candidates = await store.find_messages("ana", look)
    calls = list[float]()
    store.here.link.watch = lambda began, _ended: calls.append(began)
    turns = await store.messages_at("ana", [int(row) for row in candidates.rows])
    assert [turn.id for turn, _ in turns] == ["p0", "p1", "p2"]
    assert calls == []
