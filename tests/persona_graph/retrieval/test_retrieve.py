"""The one search: typed top-k, windows, belief time, back-fill, episodes with their best turns, images, vectors."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from persona_graph.conversation import Image, Message, Role, Text, Turn
from persona_graph.embeddings import open_embeddings
from persona_graph.errors import ConfigurationError, EmbeddingMismatch
from persona_graph.memory.commit import Commit
from persona_graph.memory.erase import Erase
from persona_graph.memory.open import open_store
from persona_graph.memory.operations import Add, Operation, Update
from persona_graph.memory.sqlite.store import SqliteStore
from persona_graph.memory.store import MemoryStore, Vectors
from persona_graph.memory.types import Kind
from persona_graph.retrieval.query import Query, Target
from persona_graph.retrieval.retrieve import retrieve
from persona_graph.timerange import TimeRange

MARCH, MAY, JUNE = (datetime(2024, month, 10, tzinfo=UTC) for month in (3, 5, 6))


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[MemoryStore]:
    opened = open_store(f"sqlite:{tmp_path}")
    yield opened
    await opened.close()


async def commit(
    store: MemoryStore, name: str, at: datetime, *operations: Operation, evidence: tuple[str, ...] = ()
) -> None:
    await store.commit("ana", Commit(id=name, job="test", at=at, operations=operations, evidence=evidence))


def turn(name: str, at: datetime, person: str, assistant: str = "", image: str = "") -> Turn:
    blocks = (Text(person), *((Image(digest="d" * 64, caption=image),) if image else ()))
    messages = [Message(role=Role.PERSON, blocks=blocks)]
    if assistant:
        messages.append(Message.of(Role.ASSISTANT, assistant))
    return Turn(id=name, at=at, session=f"s-{at:%m%d}", messages=tuple(messages))


def texts(hits: object) -> list[str]:
    return [hit.memory.text for hit in hits.hits]  # type: ignore[attr-defined]


async def facts(store: MemoryStore) -> None:
    await commit(store, "c1", MARCH, Add(kind=Kind.SEMANTIC, text="drinks coffee in the morning"))
    await commit(store, "c2", MAY, Add(kind=Kind.SEMANTIC, text="has a grey cat called Mia"))


async def test_an_unknown_user_has_nothing(store: MemoryStore) -> None:
    assert (await retrieve(store, Query(user="nobody", text="cat"))).hits == ()


async def test_a_limit_larger_than_memory_gives_all_there_is(store: MemoryStore) -> None:
    await facts(store)
    said = [turn(f"t{n}", JUNE + timedelta(minutes=n), f"the cat, day {n}") for n in range(40)]
    await store.append("ana", said)
    everything = dict.fromkeys(Target, 10**30)
    hits = await retrieve(store, Query(user="ana", text="cat", limits=everything))
    assert len(hits.of(Target.TURN)) == 40
    assert len(hits.of(Target.SEMANTIC)) == 1


async def test_words_find_and_the_parts_sum_up_to_the_score(store: MemoryStore) -> None:
    await facts(store)
    hits = await retrieve(store, Query(user="ana", text="What is my cat called?"))
    assert texts(hits) == ["has a grey cat called Mia"]
    (hit,) = hits.hits
    assert hit.score == pytest.approx(sum(hit.parts.values()), abs=1e-3)
    assert "cat" in hits.terms


class BesideAnErase(SqliteStore):
    """A store in which another process erases something between finding messages and reading them."""

    def __init__(self, folder: Path, erases: Callable[[], Awaitable[object]]) -> None:
        super().__init__(folder)
        self._waiting = [erases]

    async def messages_at(self, user: str, rows: Sequence[int]) -> list[tuple[Turn, int]]:
        while self._waiting:
            await self._waiting.pop()()
        return await super().messages_at(user, rows)


@pytest.mark.parametrize("everything", [False, True])
async def test_what_is_erased_while_it_is_searched_for_is_not_found(
    store: MemoryStore, tmp_path: Path, everything: bool
) -> None:
    async def erases() -> None:
        if everything:
            await store.remove_user("ana")
        else:
            await store.erase("ana", Erase(turns=frozenset({"old"})), at=JUNE, reopen=lambda _again, _newest: None)

    await store.append("ana", [turn("old", MARCH, "my cat is ill"), turn("new", MAY, "the cat is well")])
    beside = BesideAnErase(tmp_path, erases)
    hits = await retrieve(beside, Query(user="ana", text="cat", limits={Target.TURN: 5}))
    await beside.close()
    assert [hit.turn.id for hit in hits.hits if hit.turn] == ([] if everything else ["new"])


async def test_keywords_search_beside_the_persons_own_words(store: MemoryStore) -> None:
    await facts(store)
    hits = await retrieve(store, Query(user="ana", text="What do I have when I get up?", keywords="coffee morning"))
    assert texts(hits)[0] == "drinks coffee in the morning"


async def test_each_kind_has_its_own_top_k(store: MemoryStore) -> None:
    for n in range(6):
        await commit(store, f"f{n}", MARCH, Add(kind=Kind.SEMANTIC, text=f"fact {n} about swimming"))
        await commit(store, f"h{n}", MARCH, Add(kind=Kind.PROCEDURAL, key=f"k{n}", text=f"goes swimming {n}"))
    hits = await retrieve(store, Query(user="ana", text="swimming"))
    assert (len(hits.of(Target.SEMANTIC)), len(hits.of(Target.PROCEDURAL))) == (4, 2)


async def test_a_window_in_the_past_finds_what_was_true_then_marked_as_superseded(store: MemoryStore) -> None:
    await facts(store)
    (coffee,) = [m for m in await store.memories("ana") if "coffee" in m.text]
    await commit(store, "c3", JUNE, Update(id=coffee.id, text="drinks green tea in the morning"))
    april = TimeRange.parse("2024-04-01", "2024-04-30")
    now = await retrieve(store, Query(user="ana", text="what do I drink in the morning"))
    then = await retrieve(store, Query(user="ana", text="what do I drink in the morning", window=april))
    assert [(h.memory.text, h.superseded) for h in now.hits if h.memory] == [("drinks green tea in the morning", False)]
    assert [(h.memory.text, h.superseded) for h in then.hits if h.memory] == [("drinks coffee in the morning", True)]


async def test_as_of_asks_what_was_believed(store: MemoryStore) -> None:
    await facts(store)
    before = await retrieve(store, Query(user="ana", text="my cat", as_of=MAY - timedelta(days=1)))
    after = await retrieve(store, Query(user="ana", text="my cat", as_of=MAY + timedelta(days=1)))
    assert (len(before.hits), len(after.hits)) == (0, 1)


async def test_a_window_alone_gives_what_began_in_it_without_a_score(store: MemoryStore) -> None:
    await facts(store)
    may = TimeRange.parse("2024-05-01", "2024-05-31")
    hits = await retrieve(store, Query(user="ana", text="what was new?", window=may))
    assert [(h.memory.text, h.score) for h in hits.hits if h.memory] == [("has a grey cat called Mia", 0.0)]


async def test_no_words_at_all_give_the_latest(store: MemoryStore) -> None:
    await facts(store)
    assert texts(await retrieve(store, Query(user="ana"))) == [
        "has a grey cat called Mia",
        "drinks coffee in the morning",
    ]


async def test_the_next_best_fill_in_for_what_is_excluded(store: MemoryStore) -> None:
    for n in range(6):
        await commit(store, f"f{n}", MARCH, Add(kind=Kind.SEMANTIC, text=f"fact {n} about swimming"))
    query = Query(user="ana", text="swimming", limits={Target.SEMANTIC: 3})
    first = await retrieve(store, query)
    shown = frozenset(hit.id for hit in first.hits)
    second = await retrieve(store, replace(query, exclude=shown))
    third = await retrieve(store, replace(query, exclude=shown, back_fill=False))
    assert len(second.hits) == 3
    assert not shown & {hit.id for hit in second.hits}
    assert third.hits == ()


async def test_what_rests_only_on_turns_in_sight_is_not_shown(store: MemoryStore) -> None:
    await store.append("ana", [turn("t1", MARCH, "I swim"), turn("t2", MAY, "I swim")])
    await commit(store, "c", MAY, Add(kind=Kind.SEMANTIC, text="swims", evidence=("t1",)), evidence=("t1",))
    query = Query(user="ana", text="swims", limits={Target.SEMANTIC: 3})
    assert len((await retrieve(store, replace(query, exclude=frozenset({"t2"})))).hits) == 1
    assert (await retrieve(store, replace(query, exclude=frozenset({"t1"})))).hits == ()


async def test_single_messages_are_found_with_their_place(store: MemoryStore) -> None:
    await store.append("ana", [turn("t1", MARCH, "Which film?", "Try Stalker, a slow film about a zone.")])
    hits = await retrieve(store, Query(user="ana", text="the film Stalker", limits={Target.TURN: 5}))
    assert [(h.turn.id, h.message) for h in hits.hits if h.turn] == [("t1", 1), ("t1", 0)]


async def a_hike(store: MemoryStore) -> None:
    """An episode of six turns, only the fourth of which is about it; its last was said an hour after the others."""
    told = [turn(f"t{n}", MARCH + timedelta(minutes=n), f"Small talk number {n}. " * 12) for n in range(6)]
    told[3] = turn("t3", MARCH + timedelta(minutes=3), "We hiked up Mount Teide on Sunday.")
    told[5] = replace(told[5], at=MARCH + timedelta(hours=1))
    await store.append("ana", told)
    ids = tuple(t.id for t in told)
    during = TimeRange(start=MARCH, end=told[-1].at)
    await commit(store, "e", MARCH, Add(kind=Kind.EPISODIC, text="a hike on Tenerife", event=during, evidence=ids))


@pytest.mark.parametrize(
    ("tokens", "shown"),
    [(0, []), (60, ["t3"]), (10_000, ["t0", "t1", "t2", "t3", "t4", "t5"])],
)
async def test_an_episode_comes_with_its_best_turns_or_whole(store: MemoryStore, tokens: int, shown: list[str]) -> None:
    await a_hike(store)
    query = Query(user="ana", text="hike up Mount Teide", turn_tokens=tokens)
    (hit,) = (await retrieve(store, query)).of(Target.EPISODIC)
    assert [t.id for t in hit.turns] == shown


async def test_an_episode_shows_neither_what_is_excluded_nor_what_was_said_after_the_belief_time(
    store: MemoryStore,
) -> None:
    await a_hike(store)
    query = Query(
        user="ana",
        text="hike up Mount Teide",
        exclude=frozenset({"t1"}),
        as_of=MARCH + timedelta(minutes=4),
        turn_tokens=10_000,
    )
    (hit,) = (await retrieve(store, query)).of(Target.EPISODIC)
    assert [t.id for t in hit.turns] == ["t0", "t2", "t3", "t4"]


async def test_images_are_found_by_caption_and_time(store: MemoryStore) -> None:
    await store.append(
        "ana", [turn("t1", MARCH, "Look!", image="a red bicycle by the canal"), turn("t2", MAY, "red bicycle")]
    )
    query = Query(user="ana", text="the red bicycle", limits={Target.IMAGE: 2})
    (hit,) = (await retrieve(store, query)).hits
    assert hit.image is not None
    assert hit.image.caption == "a red bicycle by the canal"
    assert (await retrieve(store, replace(query, window=TimeRange.parse("2024-05-01", "2024-05-31")))).hits == ()


async def test_chinese_is_found_without_an_embedder(store: MemoryStore) -> None:
    await store.append("ana", [turn("t1", MARCH, "我最喜欢的景点是鼓浪屿。"), turn("t2", MAY, "今天天气很好。")])
    hits = await retrieve(store, Query(user="ana", text="我最喜欢的景点是什么？", limits={Target.TURN: 1}))
    assert [h.turn.id for h in hits.hits if h.turn] == ["t1"]


async def test_vectors_of_another_model_are_refused_with_the_remedy(store: MemoryStore) -> None:
    await facts(store)
    pending = await store.unembedded("ana", 10)
    hashed = open_embeddings("hash")
    assert hashed is not None
    vectors = await hashed.embed_documents([p.text for p in pending])
    made = [Vectors(ref=p.ref, vector=v) for p, v in zip(pending, vectors, strict=True)]
    await store.put_vectors("ana", await hashed.fingerprint(), made)
    assert texts(await retrieve(store, Query(user="ana", text="grey cat"), hashed))[0] == "has a grey cat called Mia"
    other = open_embeddings(lambda texts: [[1.0, 2.0, 3.0] for _ in texts])
    with pytest.raises(EmbeddingMismatch, match="reindex"):
        await retrieve(store, Query(user="ana", text="grey cat"), other)


async def test_a_dense_search_orders_by_vectors_alone(store: MemoryStore) -> None:
    await facts(store)
    hashed = open_embeddings("hash")
    assert hashed is not None
    query = Query(user="ana", text="a grey cat", dense_only=True)
    assert (await retrieve(store, query, hashed)).hits == ()  # nothing has a vector yet
    pending = await store.unembedded("ana", 10)
    vectors = await hashed.embed_documents([p.text for p in pending])
    made = [Vectors(ref=p.ref, vector=v) for p, v in zip(pending, vectors, strict=True)]
    await store.put_vectors("ana", await hashed.fingerprint(), made)
    hits = await retrieve(store, query, hashed)
    assert texts(hits)[0] == "has a grey cat called Mia"
    assert set(hits.hits[0].parts) == {"cosine"}
    with pytest.raises(ConfigurationError, match="embedder"):
        await retrieve(store, query)
