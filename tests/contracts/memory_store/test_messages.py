"""Search in messages: columns of candidates, cut by time, turn and picture."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from persona_graph.conversation import Image, Message, Role, Turn
from persona_graph.memory.store import Lookup, MemoryStore
from persona_graph.retrieval.analysis import analyse
from persona_graph.retrieval.marks import marks
from persona_graph.timerange import TimeRange
from tests.contracts.memory_store.given import DAY, NOON, found, turn, unit


async def test_speakers_are_those_who_talk(store: MemoryStore) -> None:
    await store.append("ana", [turn("one", 0, "x", "y", speaker="Ana"), turn("two", 1, "x", speaker="Li \ud800")])
    assert set(await store.speakers("ana")) == {"Ana", "Li \ud800"}


async def test_candidates_are_columns_of_the_window_with_two_neighbours_each_side(store: MemoryStore) -> None:
    said = [turn(f"t{i}", i, f"camping {i}", "hike?") for i in range(6)]
    await store.append("ana", said)
    c = await store.find_messages(
        "ana", Lookup(terms=("camp", "hike", "none"), window=TimeRange(start=NOON + 2 * DAY, end=NOON + 4 * DAY))
    )
    assert (c.position - c.position[0]).tolist() == [0, 1, 2, 3, 4, 5, 6, 7]
    assert c.eligible.tolist() == [False, False, True, True, True, True, False, False]
    assert c.role.tolist() == [0, 1] * 4
    assert [c.speakers[i] for i in c.speaker] == ["Ana", ""] * 4
    assert c.marks.tolist() == [marks(m.searchable) for t in said[1:5] for m in t.messages]
    assert len(set(c.session.tolist())) == 1
    assert c.hits.tolist() == [[True, False] * 4, [False, True] * 4, [False] * 8]
    assert c.frequency.tolist() == [6, 6, 0]
    assert c.total == 12
    assert c.cosine is None
    assert (np.diff(c.rows) > 0).all()
    assert c.rows[0] >> 20 == int((NOON + DAY).timestamp())
    assert [(t.id, place) for t, place in await store.messages_at("ana", [int(c.rows[3]), int(c.rows[0])])] == [
        ("t2", 1),
        ("t1", 0),
    ]


async def test_sessions_are_apart_and_their_messages_side_by_side(store: MemoryStore) -> None:
    said = [turn(f"t{i}", i, "camping", "hike?", session=f"s{i // 2}") for i in range(6)]
    await store.append("ana", said)
    c = await store.find_messages("ana", Lookup(terms=("camp", "hike")))
    same = c.session[:, None] == c.session[None, :]
    expected = np.array([i // 2 for i in range(6) for _ in range(2)])
    assert (same == (expected[:, None] == expected[None, :])).all()
    steps = np.diff(c.position)
    assert (steps > 0).all()
    assert (steps[np.diff(c.session) == 0] == 1).all()


async def test_a_window_without_messages_has_no_candidates(store: MemoryStore) -> None:
    await store.append("ana", [turn("one", 0, "camping")])
    c = await store.find_messages("ana", Lookup(terms=("camp",), window=TimeRange(start=NOON + DAY)))
    assert not c.eligible.any()
    assert c.total == 1


async def test_as_of_hides_what_was_said_later_even_as_a_neighbour(store: MemoryStore) -> None:
    await store.append("ana", [turn(f"t{i}", i, "camping") for i in range(4)])
    c = await store.find_messages("ana", Lookup(terms=("camp",), as_of=NOON + DAY))
    assert c.position.tolist() == [0, 1]
    assert c.eligible.all()


async def test_messages_are_chosen_by_turn_image_and_exclusion(store: MemoryStore) -> None:
    picture = Message(role=Role.PERSON, blocks=(Image(digest="d" * 64, caption="camping"),), speaker="Ana")
    with_image = Turn(
        id="p", at=NOON + 3 * DAY, session="s", messages=(picture, Message.of(Role.ASSISTANT, "camping!"))
    )
    await store.append("ana", [*(turn(f"t{i}", i, "camping") for i in range(3)), with_image])
    look = Lookup(terms=("camp",))
    assert await found(store, replace(look, images=True)) == ["p#0"]
    assert await found(store, replace(look, turns=frozenset({"t0", "t2", "unknown"}))) == ["t0#0", "t2#0"]
    assert await found(store, replace(look, turns=frozenset())) == []
    assert await found(store, replace(look, exclude=frozenset({"t0", "p", "unknown"}))) == ["t1#0", "t2#0"]
    c = await store.find_messages("ana", replace(look, turns=frozenset({"t2"})))
    assert c.eligible.tolist() == [True]


@pytest.mark.parametrize(
    ("text", "term"),
    [
        ("Wir wanderten über Äcker", "über"),
        ("露营很好", "露营"),
        ("การเดินทางครั้งนี้", "การ"),
        ("मैं हिन्दी बोलता हूँ", "हिन्दी"),
    ],
)
async def test_words_of_every_script_are_found(store: MemoryStore, text: str, term: str) -> None:
    await store.append("ana", [turn("one", 0, text), turn("two", 1, "something else")])
    for wanted in analyse(term):
        assert await found(store, Lookup(terms=(wanted,))) == ["one#0"], wanted


async def test_a_new_message_is_found_at_once_and_sorted_in(store: MemoryStore) -> None:
    await store.append("ana", [turn("b", 1, "camping")])
    look = Lookup(terms=("camp",), vector=unit(0), fingerprint="f")
    assert await found(store, look) == ["b#0"]
    await store.append("ana", [turn("c", 2, "camping")])
    await store.append("ana", [turn("a", 0, "camping")])
    assert await found(store, look) == ["a#0", "b#0", "c#0"]
