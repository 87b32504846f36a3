"""What the Weaviate store's search works out in Python, and that it ranks like the SQLite store."""

from __future__ import annotations

import asyncio
import math
import secrets
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from evals.bench.weaviate.place import drop
from persona_graph.conversation import Message, Role, Turn
from persona_graph.errors import NotFound
from persona_graph.memory.commit import Commit
from persona_graph.memory.operations import Add
from persona_graph.memory.sqlite.store import SqliteStore
from persona_graph.memory.store import Lookup, MemoryStore
from persona_graph.memory.types import Kind
from persona_graph.memory.weaviate.codec import message_things, stored_tokens, tokens_text
from persona_graph.memory.weaviate.message_cards import Pile, Scope, Seen
from persona_graph.memory.weaviate.rarities import counts_of, guesses_of
from persona_graph.memory.weaviate.search_cache import KEPT_S, SearchCache
from persona_graph.memory.weaviate.store import WeaviateStore
from persona_graph.memory.weaviate.things import Found
from persona_graph.retrieval.analysis import analyse
from persona_graph.retrieval.query import Query, Target
from persona_graph.retrieval.retrieve import retrieve
from persona_graph.retrieval.token_vectors import StoredTokens
from persona_graph.timerange import TimeRange

NOON = datetime(2024, 5, 1, 12, tzinfo=UTC)
ONE, TWO = bytes([1]) * 16, bytes([2]) * 16


def turn(number: int, session: str, *said: str) -> Turn:
    sides = (Role.PERSON, Role.ASSISTANT)
    messages = tuple(Message.of(sides[i % 2], text, speaker=("Ana", "")[i % 2]) for i, text in enumerate(said))
    return Turn(id=f"t{number}", at=NOON + timedelta(hours=number), session=session, messages=messages)


# how often words occur


def score(*counts: int, things: int) -> float:
    """What the server gives a text that holds terms which so many things hold."""
    return sum(math.log(1 + (things - n + 0.5) / (n + 0.5)) / 2.2 for n in counts)


def test_scores_tell_how_many_things_hold_each_term() -> None:
    scored = [([0, 1, 2], score(7, 2117, 30, things=9000)), ([1], score(2117, things=9000))]
    assert counts_of([*scored, ([0, 1], score(7, 2117, things=9000))], 9000) == {0: 7, 1: 2117, 2: 30}
    assert counts_of([*scored, ([0, 2], score(7, 30, things=9000))], 9000) == {1: 2117}


def test_scores_that_were_reckoned_otherwise_tell_nothing() -> None:
    assert counts_of([([0], 1.2345), ([1], 0.0), ([2], 99.0)], 9000) == {}


def test_what_is_counted_already_helps_to_tell_the_rest() -> None:
    scored = [([0, 1], score(7, 2117, things=9000))]
    assert counts_of(scored, 9000) == {}
    assert counts_of(scored, 9000, {0: 7}) == {1: 2117}


def test_of_terms_that_scores_do_not_tell_each_is_guessed_to_give_its_share() -> None:
    scored = [([0, 1, 2], score(7, 300, 300, things=9000)), ([0], score(7, things=9000))]
    assert guesses_of(scored, 9000, {0: 7}, [1, 2]) == {1: 300, 2: 300}
    assert guesses_of(scored, 9000, {0: 7}, [3]) == {3: 7}
    assert guesses_of([], 9000, {}, [0]) == {0: 1}


# rows


def test_a_row_that_two_messages_have_goes_to_one_of_them() -> None:
    cache = SearchCache()
    assert cache.row_for(ONE, "a", 0, least=5, since=0) == 5
    assert cache.row_for(TWO, "b", 1, least=5, since=0) == 6
    assert cache.row_for(ONE, "a", 0, least=5, since=1) == 5
    place = cache.place(6)
    assert place is not None
    assert (place.key, place.turn, place.place) == (TWO, "b", 1)


async def test_what_was_read_ahead_is_given_out_only_to_the_search_before_it() -> None:
    now = [10.0]
    cache = SearchCache(lambda: now[0])
    cache.tokens.keep({ONE: "read"}, 10.0)
    assert cache.tokens.get(ONE, since=10.0) == "read"
    assert cache.tokens.get(ONE, since=10.5) is None
    now[0] += KEPT_S
    assert cache.tokens.get(ONE, since=10.0) is None


# columns


def seen(turns: list[Turn], numbers: list[int]) -> Pile:
    """A pile of all messages of turns; the first message of each has that number in its session."""
    pile = Pile(Scope.of(Lookup(window=TimeRange(start=NOON))), ())
    for one, number in zip(turns, numbers, strict=True):
        row = int(one.at.timestamp()) << 20
        for thing in message_things(one, row, number):
            pile.add([Found(key=thing.id.bytes, properties=thing.properties)])
    return pile


def test_positions_are_as_far_apart_as_in_the_session_and_far_from_another() -> None:
    turns = [turn(0, "a", "x", "y"), turn(1, "b", "x"), turn(2, "a", "x", "y"), turn(3, "a", "x")]

    def row_for(_one: Seen, least: int) -> int:
        return least

    pile, none = seen(turns, [0, 0, 2, 9]), np.empty(0, np.int64)
    columns = pile.candidates(none, 6, dense=True, speakers=("Ana",), row_for=row_for)
    assert columns.position.tolist() == [0, 1, 4, 7, 8, 14]
    assert columns.session.tolist() == [0, 0, 1, 0, 0, 0]
    assert columns.speaker.tolist() == [0, 1, 0, 0, 1, 0]
    assert columns.eligible.all()


# token vectors


@pytest.mark.parametrize("width", [96, 5])
def test_token_vectors_of_many_messages_are_read_at_once(width: int) -> None:
    made = {row: np.arange(row * width, dtype=np.int8).reshape(row, width) for row in (3, 1, 0, 2)}
    read, expected = (
        stored_tokens({row: tokens_text(one) for row, one in made.items()} | {9: ""}),
        StoredTokens.of(made),
    )
    assert read.rows.tolist() == expected.rows.tolist() == [1, 2, 3]
    assert read.starts.tolist() == expected.starts.tolist()
    assert (read.vectors == expected.vectors).all()


# the whole search


@pytest.fixture
async def stores(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[list[MemoryStore]]:
    pytest.importorskip("weaviate", reason="needs the extra: pip install 'persona-graph[weaviate]'")
    there = WeaviateStore(f"{request.getfixturevalue('weaviate_url')}&collection=Test{secrets.token_hex(6)}")
    here = SqliteStore(tmp_path / "store")
    yield [here, there]
    await drop(there)
    await asyncio.gather(there.close(), here.close())


TALK = [
    turn(0, "a", "We went camping by the lake", "Was it cold?"),
    turn(1, "a", "Freezing, my tent leaked", "Buy a new tent"),
    turn(2, "b", "My sister paints boats", "Does she sell the paintings?"),
    turn(3, "b", "She sold two at the lake fair", "Lovely"),
    turn(4, "c", "I planted tomatoes", "On the balcony?"),
    turn(5, "c", "Yes, and basil", "Basil likes sun"),
]


@pytest.mark.weaviate
@pytest.mark.network
@pytest.mark.parametrize(
    "text", ["Where did we go camping?", "paintings of boats", "lake", "what grows on the balcony"]
)
@pytest.mark.parametrize("window", [TimeRange(), TimeRange(start=NOON, end=NOON + timedelta(hours=9))])
async def test_both_stores_find_the_same_first(stores: list[MemoryStore], text: str, window: TimeRange) -> None:
    found = []
    for store in stores:
        await store.append("ana", TALK)
        hits = await retrieve(store, Query(user="ana", text=text, window=window, limits={Target.TURN: 5}))
        found.append([hit.id for hit in hits.hits])
    assert found[0][0] == found[1][0]
    assert len(found[1]) >= min(len(found[0]), 3)


@pytest.mark.weaviate
@pytest.mark.network
async def test_a_kind_of_memory_to_which_others_leave_no_place_is_found_all_the_same(
    stores: list[MemoryStore],
) -> None:
    trips = tuple(Add(kind=Kind.EPISODIC, text=f"camping trip {n}", event=TimeRange(start=NOON)) for n in range(90))
    habit = Add(kind=Kind.PROCEDURAL, text="packs a stove and a lamp whenever there is camping")
    facts = tuple(Add(kind=Kind.SEMANTIC, text=f"camping place {n}") for n in range(90))
    await stores[1].commit("ana", Commit(id="c", job="j", at=NOON, operations=(*trips, habit, *facts)))
    for _ in range(2):
        hits = await retrieve(stores[1], Query(user="ana", text="camping trip place"))
        assert [hit.memory.text for hit in hits.of(Target.PROCEDURAL) if hit.memory] == [habit.text]


@pytest.mark.weaviate
@pytest.mark.network
async def test_a_message_that_was_erased_between_two_steps_is_not_there(stores: list[MemoryStore]) -> None:
    store = stores[1]
    await store.append("ana", TALK)
    found = await store.find_messages("ana", Lookup(terms=tuple(analyse("camping"))))
    await store.remove_user("ana")
    with pytest.raises(NotFound, match="no longer there"):
        await store.messages_at("ana", found.rows.tolist()[:1])
