"""The journal: turns by time, each written once and read as it was written."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from persona_graph.conversation import Image, Message, Role, Text, Turn, TurnState
from persona_graph.errors import InputError
from persona_graph.memory.store import Lookup, MemoryStore
from persona_graph.timerange import TimeRange
from tests.contracts.memory_store.given import DAY, NOON, found, ids, job, turn


async def test_a_turn_is_read_as_it_was_written(store: MemoryStore) -> None:
    picture = Image(digest="d" * 64, caption="a cat \ud800", media_type="image/webp")
    message = Message(role=Role.PERSON, blocks=(Text("look"), picture, Text("\x00")), speaker="Ána", outside_id="D1:1")
    written = Turn(
        id="one",
        at=datetime.fromisoformat("2024-05-01T12:00:00.123456+05:30"),
        session="thread \udcff",
        messages=(message, Message.of(Role.ASSISTANT, "nice")),
        receipt={"model": "m", "ms": [1, 2.5], "read": {}},
    )
    assert await store.append("ana", [written]) == ("one",)
    (read,) = await store.turns("ana")
    assert read == replace(written, ordinal=0)
    assert read.at.utcoffset() == written.at.utcoffset()


async def test_turns_can_be_read_without_their_receipts(store: MemoryStore) -> None:
    await store.append("ana", [replace(turn("a", 0), receipt={"policy": "x"})])
    assert [t.receipt for t in await store.turns("ana")] == [{"policy": "x"}]
    assert [t.receipt for t in await store.turns("ana", receipts=False)] == [{}]
    (bare,) = await store.turns("ana", ids=["a", "unknown"], receipts=False)
    assert bare == replace(turn("a", 0), ordinal=-1)


@pytest.mark.parametrize("id", [1.5, None, b"a"])
async def test_what_is_no_id_is_refused_with_a_sentence(store: MemoryStore, id: Any) -> None:
    await store.append("ana", [turn("a", 0)])
    with pytest.raises(InputError, match="ids are texts"):
        await store.turns("ana", ids=[id])
    with pytest.raises(InputError, match="ids are texts"):
        await store.memories("ana", ids=[id])


async def test_an_answered_turn_is_never_written_twice(store: MemoryStore) -> None:
    await store.append("ana", [turn("one", 0, "first")])
    assert await store.append("ana", [turn("one", 3, "second"), turn("two")]) == ("two",)
    assert [t.messages[0].text for t in await store.turns("ana", ids=["one"])] == ["first"]


@pytest.mark.parametrize("state", [TurnState.ASKED, TurnState.FAILED])
@pytest.mark.parametrize("day", [0, 2])
async def test_a_turn_that_was_not_answered_is_replaced(store: MemoryStore, state: TurnState, day: int) -> None:
    await store.append("ana", [turn("one", 0, "camping?", "old words", "more", state=state), turn("two", 1)])
    await found(store, Lookup(terms=("camp",)))
    assert await store.append("ana", [turn("one", day, "camping?", "yes")]) == ("one",)
    assert ids(await store.turns("ana")) == (["one", "two"] if day == 0 else ["two", "one"])
    assert await found(store, Lookup(terms=("camp",))) == ["one#0"]
    assert await found(store, Lookup(terms=("old", "word", "more"))) == []
    assert (await store.find_messages("ana", Lookup())).total == 3


async def test_turns_come_by_time_whatever_the_order_of_arrival(store: MemoryStore) -> None:
    await store.append("ana", [turn("b", 1), turn("a", 0), turn("d", 3)])
    await store.append("ana", [turn("c", 2), turn("ancient", -365 * 1990)])
    read = await store.turns("ana")
    assert ids(read) == ["ancient", "a", "b", "c", "d"]
    assert [t.ordinal for t in read] == [0, 1, 2, 3, 4]
    assert [t.ordinal for t in await store.turns("ana", ids=["d", "a"])] == [1, 4]


async def test_turns_of_one_moment_keep_the_order_of_arrival(store: MemoryStore) -> None:
    await store.append("ana", [turn(f"t{i}", 0, "x", "y") for i in range(5)])
    await store.append("ana", [turn("t5", 0, "x", "y")])
    assert ids(await store.turns("ana")) == [f"t{i}" for i in range(6)]


async def test_a_window_is_half_open_to_the_microsecond(store: MemoryStore) -> None:
    tick = timedelta(microseconds=1)
    moments = {"before": NOON - tick, "start": NOON, "last": NOON + DAY - tick, "end": NOON + DAY}
    await store.append("ana", [replace(turn(name, 0, "word"), at=at) for name, at in moments.items()])
    window = TimeRange(start=NOON, end=NOON + DAY)
    assert ids(await store.turns("ana", window=window)) == ["start", "last"]
    assert await found(store, Lookup(terms=("word",), window=window)) == ["start#0", "last#0"]
    empty = TimeRange(start=NOON, end=NOON)
    assert await store.turns("ana", window=empty) == []
    assert await found(store, Lookup(terms=("word",), window=empty)) == []


async def test_newest_keeps_the_last_of_the_window(store: MemoryStore) -> None:
    await store.append("ana", [turn(f"t{i}", i) for i in range(6)])
    assert ids(await store.turns("ana", newest=2)) == ["t4", "t5"]
    assert ids(await store.turns("ana", window=TimeRange(end=NOON + 3 * DAY), newest=2)) == ["t1", "t2"]
    assert await store.turns("ana", newest=0) == []


async def test_a_closed_store_opens_again_with_everything(store: MemoryStore) -> None:
    await store.append("ana", [turn("one")])
    await store.close()
    assert ids(await store.turns("ana")) == ["one"]


async def test_many_writers_of_one_user_lose_nothing(store: MemoryStore) -> None:
    await asyncio.gather(*(store.append("ana", [turn(f"t{i}", i)], [job(f"j{i}", f"t{i}")]) for i in range(40)))
    assert [t.ordinal for t in await store.turns("ana")] == list(range(40))
    assert len(await store.jobs("ana")) == 40


async def test_an_answer_at_once_keeps_its_jobs(store: MemoryStore) -> None:
    for number in range(10):
        name = f"t{number}"
        await store.append("ana", [turn(name, number, "hi", state=TurnState.ASKED)])
        await store.append("ana", [turn(name, number, "hi", "hello")], [job(f"j{number}", name)])
    assert [(one.id, one.turns) for one in await store.jobs("ana")] == [(f"j{n}", (f"t{n}",)) for n in range(10)]
    assert [(one.state, len(one.messages)) for one in await store.turns("ana")] == [(TurnState.ANSWERED, 2)] * 10
    assert len((await store.find_messages("ana", Lookup(terms=("hello", "hi")))).rows) == 20
