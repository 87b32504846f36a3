"""The contract of `MemoryStore`: what every store promises, whatever it is made of."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from persona_graph.conversation import Block, Image, Message, Role, Text, Turn, TurnState
from persona_graph.errors import EmbeddingMismatch, InputError, NotFound, Outdated
from persona_graph.memory.commit import Commit, fold
from persona_graph.memory.erase import Again, Erase, Erased
from persona_graph.memory.open_job import OpenJob
from persona_graph.memory.operations import Add, Delete, Freeze, Operation, Pin, Release, Undo, Update
from persona_graph.memory.sqlite.store import SqliteStore
from persona_graph.memory.store import Lookup, MemoryStore, Standing, Vectors
from persona_graph.memory.types import Kind, Memory, Source
from persona_graph.personality import BigFive, Observation, smoothing
from persona_graph.retrieval.analysis import analyse
from persona_graph.retrieval.marks import marks
from persona_graph.timerange import TimeRange

NOON = datetime(2024, 5, 1, 12, tzinfo=UTC)
DAY, HOUR = timedelta(days=1), timedelta(hours=1)
KINDS = frozenset(Kind)


@pytest.fixture(params=["sqlite"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[MemoryStore]:
    opened: MemoryStore = {"sqlite": SqliteStore}[request.param](tmp_path / "store")
    yield opened
    await opened.close()


def turn(
    name: str,
    day: float = 0,
    *said: str,
    session: str = "s",
    state: TurnState = TurnState.ANSWERED,
    speaker: str = "Ana",
) -> Turn:
    """A turn on that day; person and assistant speak by turns."""
    sides = ((Role.PERSON, speaker), (Role.ASSISTANT, ""))
    messages = tuple(
        Message.of(sides[i % 2][0], text, speaker=sides[i % 2][1]) for i, text in enumerate(said or (name,))
    )
    return Turn(id=name, at=NOON + day * DAY, session=session, messages=messages, state=state)


def job(name: str, *turns: str, at: datetime = NOON, rank: int = 0, not_before: datetime = NOON) -> OpenJob:
    return OpenJob(id=name, name=name, turns=turns, at=at, rank=rank, not_before=not_before)


def fact(name: str, text: str, at: datetime = NOON, **more: object) -> Commit:
    """A commit that adds one fact."""
    return Commit(id=name, job="extract_semantic", at=at, operations=(Add(kind=Kind.SEMANTIC, text=text),), **more)  # type: ignore[arg-type]


def ids(turns: Sequence[Turn]) -> list[str]:
    return [one.id for one in turns]


def texts(memories: Sequence[Memory]) -> list[str]:
    return [memory.text for memory in memories]


async def take(store: MemoryStore, now: datetime = NOON, worker: str = "w", user: str = "ana") -> OpenJob | None:
    return await store.claim(user, worker=worker, now=now, until=now + HOUR)


async def found(store: MemoryStore, lookup: Lookup, user: str = "ana") -> list[str]:
    """Eligible messages that hold any of the terms, as `turn#place`."""
    candidates = await store.find_messages(user, lookup)
    chosen = candidates.rows[candidates.eligible & candidates.hits.any(axis=0)]
    return [f"{one.id}#{place}" for one, place in await store.messages_at(user, [int(row) for row in chosen])]


# journal


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


async def test_an_unknown_user_has_nothing_and_is_not_made_by_asking(store: MemoryStore) -> None:
    assert await store.turns("nobody") == []
    assert await store.jobs("nobody") == []
    assert await take(store, user="nobody") is None
    assert await store.memories("nobody") == []
    assert await store.personality("nobody") == []
    assert await store.standing("nobody") == Standing()
    assert await store.commits("nobody") == []
    assert await store.speakers("nobody") == ()
    assert await store.unembedded("nobody", 9) == []
    assert (await store.find_messages("nobody", Lookup(terms=("x",)))).total == 0
    assert (await store.find_memories("nobody", Lookup(terms=("x",), kinds=KINDS))).memories == ()
    await store.rest("nobody")
    await store.rebuild("nobody")
    await store.remove_user("nobody")
    assert await store.users() == []


async def test_one_user_never_sees_another(store: MemoryStore) -> None:
    await store.append("ana", [turn("a", 0, "camping")], [job("j", "a")])
    await store.commit("ana", fact("c", "camps"))
    assert await store.turns("bob") == []
    assert await found(store, Lookup(terms=("camp",)), user="bob") == []
    assert await store.memories("bob") == []
    assert await take(store, user="bob") is None
    assert await store.users() == ["ana"]


@pytest.mark.parametrize(
    "user", ["\0all", "a/b\\..", "\ud800\udfff lone", "名前", "x" * 10_000, "CON", "a\x00b"], ids=ascii
)
async def test_any_string_is_a_user(store: MemoryStore, user: str) -> None:
    await store.append(user, [turn("one")], [job("j", "one")])
    assert await store.users() == [user]
    assert await store.due(NOON) == [user]
    assert ids(await store.turns(user)) == ["one"]


@pytest.mark.parametrize("user", ["", " \n", 5, None, True, b"ana", ["ana"], {"ana": 1}, ("ana",), 1.5], ids=repr)
async def test_what_is_no_user_id_is_refused_with_a_sentence(store: MemoryStore, user: Any) -> None:
    for ask in (store.turns(user), store.append(user, [turn("one")]), store.remove_user(user), store.speakers(user)):
        with pytest.raises(InputError, match="a user id is a string of at least one character"):
            await ask
    await store.append("ana", [turn("one")])
    assert await store.users() == ["ana"]


LOOK_ALIKES = [
    "ana", "Ana", "\u0430n\u0430", "\uff41\uff4e\uff41", "ana ", " ana", "ana\n", "an\u200ba", "ana\0",
    "./ana", "../ana", "ana/", "ana.", "%61na", "ana\u0301", "an\u00e1", "i", "I", "\u0131", "\u0130",
    "stra\u00dfe", "strasse", "\U0001f600", "\ud83d\ude00",
]  # fmt: skip


async def test_ids_that_look_alike_are_different_users(store: MemoryStore) -> None:
    for user in LOOK_ALIKES:
        await store.append(user, [turn(f"of {user}")])
    assert sorted(await store.users()) == sorted(LOOK_ALIKES)
    for user in LOOK_ALIKES:
        assert ids(await store.turns(user)) == [f"of {user}"]
    await store.remove_user("ana")
    assert sorted(await store.users()) == sorted(LOOK_ALIKES[1:])


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


# outbox


async def test_jobs_are_written_with_their_turns_and_not_again(store: MemoryStore) -> None:
    await store.append("ana", [turn("one")], [job("a", "one"), job("b", "other")])
    assert [j.id for j in await store.jobs("ana")] == ["a"]
    await store.finish("ana", job("a", "one"))
    await store.append("ana", [turn("one")], [job("a", "one")])
    assert await store.jobs("ana") == []


async def test_a_job_that_is_held_takes_new_turns_and_waits_anew(store: MemoryStore) -> None:
    await store.append("ana", [turn("one")], [job("close", "one", not_before=NOON + HOUR)])
    later = NOON + 2 * HOUR
    await store.append("ana", [turn("two", 0.1)], [job("close", "two", at=NOON + 0.1 * DAY, not_before=later)])
    (held,) = await store.jobs("ana")
    assert (held.turns, held.at, held.not_before) == (("one", "two"), NOON + 0.1 * DAY, later)


async def test_a_turn_that_is_passed_over_joins_no_job(store: MemoryStore) -> None:
    await store.append("ana", [turn("one")], [job("close", "one")])
    await store.finish("ana", job("close", "one"))
    await store.append("ana", [turn("one"), turn("two", 1)], [job("close", "one", "two")])
    assert [j.turns for j in await store.jobs("ana")] == [("two",)]


async def test_a_job_without_turns_only_moves_one_that_is_held(store: MemoryStore) -> None:
    await store.append("ana", [turn("one")], [job("close", "one", not_before=NOON + HOUR)])
    await store.append("ana", [], [job("close", at=NOON + DAY), job("unknown")])
    (held,) = await store.jobs("ana")
    assert (held.id, held.turns, held.at, held.not_before) == ("close", ("one",), NOON, NOON)


async def test_jobs_run_in_order_one_at_a_time(store: MemoryStore) -> None:
    jobs = [job("d", "two", at=NOON + DAY), job("c", "one", rank=2), job("b", "one", rank=1)]
    await store.append("ana", [turn("one"), turn("two", 1)], jobs)
    assert [j.id for j in await store.jobs("ana")] == ["b", "c", "d"]
    first = await take(store)
    assert first is not None
    assert (first.id, first.claimed_by, first.claimed_until) == ("b", "w", NOON + HOUR)
    assert await take(store, worker="other") is None
    await store.finish("ana", first)
    second = await take(store)
    assert second is not None
    assert second.id == "c"


async def test_a_claim_ends_by_the_clock(store: MemoryStore) -> None:
    await store.append("ana", [turn("one")], [job("a", "one")])
    await take(store)
    assert await take(store, NOON + HOUR - timedelta(seconds=1), "other") is None
    again = await take(store, NOON + HOUR, "other")
    assert again is not None
    assert again.claimed_by == "other"


async def test_of_many_workers_one_gets_the_job(store: MemoryStore) -> None:
    await store.append("ana", [turn("one")], [job("a", "one")])
    claimed = await asyncio.gather(*(take(store, worker=f"w{i}") for i in range(8)))
    assert len([j for j in claimed if j]) == 1


async def test_a_retry_holds_back_those_after_it_but_a_parked_job_and_an_open_session_do_not(
    store: MemoryStore,
) -> None:
    waiting = job("session", "one", not_before=NOON + HOUR)
    await store.append("ana", [turn("one")], [waiting, job("first", "one", rank=1), job("second", "one", rank=2)])
    first = await take(store)
    assert first is not None
    assert first.id == "first"
    await store.reschedule("ana", replace(first, attempts=1, error="no answer", not_before=NOON + timedelta(minutes=5)))
    assert await take(store) is None
    retry = await take(store, NOON + timedelta(minutes=5))
    assert retry is not None
    assert (retry.id, retry.attempts, retry.error) == ("first", 1, "no answer")
    await store.reschedule("ana", replace(retry, attempts=2, parked=True))
    second = await take(store, NOON + timedelta(minutes=5))
    assert second is not None
    assert second.id == "second"
    assert [(j.id, j.parked) for j in await store.jobs("ana")][1] == ("first", True)


async def test_what_joined_a_job_while_it_ran_stays_open(store: MemoryStore) -> None:
    await store.append("ana", [turn("one")], [job("close", "one")])
    running = await take(store)
    assert running is not None
    await store.append("ana", [turn("two", 0.01)], [job("close", "two", at=NOON + 0.01 * DAY)])
    await store.finish("ana", running)
    (left,) = await store.jobs("ana")
    assert (left.turns, left.claimed_until, left.attempts) == (("two",), None, 0)


async def test_due_names_those_whose_work_may_run_and_no_others(store: MemoryStore) -> None:
    await store.append("now", [turn("one")], [job("a", "one")])
    await store.append("later", [turn("one")], [job("a", "one", not_before=NOON + HOUR)])
    await store.append("idle", [turn("one")])
    assert await store.due(NOON) == ["now"]
    assert await store.due(NOON + HOUR) == ["now", "later"]


async def test_rest_puts_a_user_off_to_the_next_open_job(store: MemoryStore) -> None:
    await store.append("ana", [turn("one")], [job("a", "one"), job("close", "one", rank=1, not_before=NOON + HOUR)])
    await store.rest("ana")
    assert await store.due(NOON) == ["ana"]
    await store.finish("ana", job("a", "one"))
    await store.rest("ana")
    assert await store.due(NOON) == []
    assert await store.due(NOON + HOUR) == ["ana"]
    await store.finish("ana", job("close", "one"))
    await store.rest("ana", keep=True)
    assert await store.due(NOON) == ["ana"]
    await store.rest("ana")
    assert await store.due(NOON + 99 * DAY) == []


async def test_new_work_makes_a_resting_user_due(store: MemoryStore) -> None:
    await store.append("ana", [turn("one")], [job("close", "one", not_before=NOON + HOUR)])
    await store.rest("ana")
    await store.append("ana", [turn("two", 0.01)], [job("a", "two")])
    assert await store.due(NOON) == ["ana"]


async def test_a_parked_job_leaves_nothing_due_until_it_is_retried(store: MemoryStore) -> None:
    await store.append("ana", [turn("one")], [job("a", "one")])
    held = await take(store)
    assert held is not None
    await store.reschedule("ana", replace(held, attempts=4, parked=True, error="gone"))
    await store.rest("ana")
    assert await store.due(NOON + DAY) == []
    (parked,) = await store.jobs("ana")
    await store.reschedule("ana", replace(parked, parked=False, attempts=0, not_before=NOON))
    assert await store.due(NOON) == ["ana"]


async def test_a_user_whose_worker_died_is_due_when_the_claim_ends(store: MemoryStore) -> None:
    await store.append("ana", [turn("one")], [job("a", "one")])
    await take(store)
    await store.rest("ana")
    assert await store.due(NOON) == []
    assert await store.due(NOON + HOUR) == ["ana"]


# commits and projections


async def test_a_commit_is_stored_projected_and_finishes_its_job_in_one_step(store: MemoryStore) -> None:
    await store.append("ana", [turn("one")], [job("a", "one")])
    held = await take(store)
    made = fact("c", "likes tea", evidence=("one",), read=("one", "m@1"))
    stored = await store.commit("ana", made, held)
    assert replace(stored, sequence=-1) == made
    assert await store.commits("ana") == [stored]
    assert texts(await store.memories("ana")) == ["likes tea"]
    assert await store.jobs("ana") == []


async def test_the_first_commit_of_an_id_wins(store: MemoryStore) -> None:
    await store.append("ana", [turn("one")], [job("a", "one")])
    first = await store.commit("ana", fact("c", "likes tea"))
    assert await store.commit("ana", fact("c", "likes coffee"), job("a", "one")) == first
    assert texts(await store.memories("ana")) == ["likes tea"]
    assert await store.jobs("ana") == []


async def test_a_commit_whose_evidence_is_gone_is_refused_whole(store: MemoryStore) -> None:
    await store.append("ana", [turn("one")], [job("a", "one")])
    with pytest.raises(NotFound, match="gone"):
        await store.commit("ana", fact("c", "likes tea", evidence=("one", "gone")), job("a", "one"))
    assert await store.commits("ana") == []
    assert await store.memories("ana") == []
    assert len(await store.jobs("ana")) == 1


async def history(store: MemoryStore) -> list[Commit]:
    """Facts, a field that changes, a pin and a deletion."""
    first = await store.commit("ana", fact("c0", "lives in Rome", NOON))
    (home,) = await store.memories("ana")
    core = Add(kind=Kind.CORE, key="Name", text="Ana")
    await store.commit("ana", Commit(id="c1", job="update_core", at=NOON + DAY, operations=(core,)))
    moved = Update(id=home.id, text="lives in Oslo", event=TimeRange(start=NOON + 5 * DAY))
    await store.commit("ana", Commit(id="c2", job="extract_semantic", at=NOON + 6 * DAY, operations=(moved,)))
    core = Add(kind=Kind.CORE, key="name", text="Ana Maria")
    await store.commit("ana", Commit(id="c3", job="update_core", at=NOON + 7 * DAY, operations=(core,)))
    gone = Delete(id=home.id)
    last = Commit(id="c4", job="person", at=NOON + 8 * DAY, source=Source.PERSON, operations=(gone,))
    return [first, await store.commit("ana", last)]


async def test_what_is_held_is_the_fold_of_the_commits_at_every_moment(store: MemoryStore) -> None:
    await history(store)
    commits = await store.commits("ana")
    assert [commit.id for commit in commits] == ["c0", "c1", "c2", "c3", "c4"]
    assert [commit.sequence for commit in commits] == sorted(commit.sequence for commit in commits)
    whole = [memory for versions in fold(commits).versions.values() for memory in versions]
    assert sorted(await store.memories("ana", history=True), key=lambda m: m.ref) == sorted(whole, key=lambda m: m.ref)
    assert texts(await store.memories("ana")) == ["Ana Maria"]
    for days in range(9):
        then = fold(commits, as_of=NOON + days * DAY)
        expected = {m.ref: m for versions in then.versions.values() for m in versions if m.current}
        assert {m.ref: m for m in await store.memories("ana", as_of=NOON + days * DAY)} == expected


async def test_memories_are_chosen_by_id_and_kind(store: MemoryStore) -> None:
    await history(store)
    every = await store.memories("ana", history=True)
    assert texts(every) == ["lives in Rome", "Ana", "lives in Oslo", "Ana Maria"]
    assert texts(await store.memories("ana", kinds=[Kind.CORE])) == ["Ana Maria"]
    assert texts(await store.memories("ana", ids=[every[0].id], history=True)) == ["lives in Rome", "lives in Oslo"]
    assert await store.memories("ana", ids=[every[0].id]) == []
    assert await store.memories("ana", ids=[]) == []
    assert texts(await store.memories("ana", kinds=[Kind.SEMANTIC], as_of=NOON + 6 * DAY)) == ["lives in Oslo"]


async def test_undo_brings_back_what_was_superseded_and_can_be_undone(store: MemoryStore) -> None:
    await history(store)
    held = {memory.ref: memory for memory in await store.memories("ana", history=True)}
    taken_back = Undo(since=NOON + 6 * DAY)
    undo = Commit(id="u", job="person", at=NOON + 9 * DAY, source=Source.PERSON, operations=(taken_back,))
    await store.commit("ana", undo)
    assert texts(await store.memories("ana")) == ["lives in Rome", "Ana"]
    assert [h.memories for h in [await store.find_memories("ana", Lookup(terms=("oslo",), kinds=KINDS))]] == [
        tuple(await store.memories("ana"))
    ]
    again = replace(undo, id="v", operations=(Undo(commit="u"),))
    await store.commit("ana", again)
    assert {memory.ref: memory for memory in await store.memories("ana", history=True)} == held
    assert texts(await store.memories("ana", as_of=NOON + 6 * DAY)) == ["Ana", "lives in Oslo"]


async def test_pins_and_freezes_outlast_the_model(store: MemoryStore) -> None:
    await store.commit("ana", fact("c", "likes tea"))
    (tea,) = await store.memories("ana")
    by_hand = Commit(
        id="p",
        job="person",
        at=NOON,
        source=Source.PERSON,
        operations=(Pin(id=tea.id), Freeze(what="openness", value=4.5), Freeze(what="core:name")),
    )
    await store.commit("ana", by_hand)
    assert dict((await store.standing("ana")).frozen) == {"openness": 4.5, "core:name": None}
    tries = (Update(id=tea.id, text="hates tea"), Add(kind=Kind.CORE, key="Name", text="Bob"))
    await store.commit("ana", Commit(id="m", job="update_core", at=NOON + DAY, operations=tries))
    assert [(m.text, m.pinned) for m in await store.memories("ana")] == [("likes tea", True)]
    lifted = replace(by_hand, id="r", operations=(Release(what=tea.id), Release(what="core:name")))
    await store.commit("ana", lifted)
    await store.commit("ana", Commit(id="n", job="update_core", at=NOON + DAY, operations=tries))
    assert sorted(texts(await store.memories("ana"))) == ["Bob", "hates tea"]
    assert dict((await store.standing("ana")).frozen) == {"openness": 4.5}


def seen(name: str, day: float, score: float = 5.0) -> Commit:
    observation = Observation(turn=name, at=NOON + day * DAY, scores=BigFive(*[score] * 5), words=("so",))
    return Commit(
        id=f"p-{name}",
        job="infer_personality",
        at=observation.at,
        observations=(observation,),
        evidence=(name,),
    )


async def test_the_personality_is_smoothed_by_the_turns_before(store: MemoryStore) -> None:
    await store.append("ana", [turn(f"t{i}", i) for i in range(6)])
    await store.commit("ana", seen("t0", 0))
    await store.commit("ana", seen("t5", 5, 1.0))
    points = await store.personality("ana")
    first = smoothing(0) * 3 + (1 - smoothing(0)) * 5
    second = smoothing(5) * first + (1 - smoothing(5)) * 1
    assert [point.m for point in points] == [0, 5]
    assert [point.vector.openness for point in points] == [pytest.approx(first), pytest.approx(second)]
    assert points[0].observation.words == ("so",)
    assert (await store.standing("ana")).point == points[-1]
    assert await store.personality("ana", as_of=NOON + DAY) == points[:1]


async def test_observations_fold_in_the_order_of_their_turns(store: MemoryStore) -> None:
    await store.append("ana", [turn("a", 0), turn("b", 1), turn("c", 2)])
    for name, day, score in (("c", 2, 1.0), ("a", 0, 5.0), ("b", 1, 4.0)):
        await store.commit("ana", seen(name, day, score))
    late = await store.personality("ana")
    await store.rebuild("ana")
    assert [point.observation.turn for point in late] == ["a", "b", "c"]
    assert await store.personality("ana") == late


async def test_a_turn_that_arrives_late_moves_those_after_it(store: MemoryStore) -> None:
    await store.append("ana", [turn("a", 0), turn("c", 2)])
    await store.commit("ana", seen("a", 0))
    await store.commit("ana", seen("c", 2))
    await store.append("ana", [turn("b", 1), turn("d", 3)])
    points = await store.personality("ana")
    assert [point.m for point in points] == [0, 2]
    await store.rebuild("ana")
    assert await store.personality("ana") == points


async def test_a_rebuild_changes_nothing(store: MemoryStore) -> None:
    await store.append("ana", [turn("t0", 0)])
    await store.commit("ana", seen("t0", 0))
    await history(store)
    texts_without = await store.unembedded("ana", 99)
    await store.put_vectors("ana", "f", [Vectors(ref=u.ref, vector=unit(i)) for i, u in enumerate(texts_without)])
    before = [await store.memories("ana", history=True), await store.personality("ana"), await store.standing("ana")]
    await store.rebuild("ana")
    assert before == [
        await store.memories("ana", history=True),
        await store.personality("ana"),
        await store.standing("ana"),
    ]
    assert await store.unembedded("ana", 99) == []


# search


async def test_speakers_are_those_who_talk(store: MemoryStore) -> None:
    await store.append("ana", [turn("one", 0, "x", "y", speaker="Ana"), turn("two", 1, "x", speaker="Li \ud800")])
    assert set(await store.speakers("ana")) == {"Ana", "Li \ud800"}


async def test_candidates_are_columns_of_the_window_with_two_neighbours_each_side(store: MemoryStore) -> None:
    said = [turn(f"t{i}", i, f"camping {i}", "hike?", session=f"s{i // 2}") for i in range(6)]
    await store.append("ana", said)
    c = await store.find_messages(
        "ana", Lookup(terms=("camp", "hike", "none"), window=TimeRange(start=NOON + 2 * DAY, end=NOON + 4 * DAY))
    )
    assert c.position.tolist() == [2, 3, 4, 5, 6, 7, 8, 9]
    assert c.eligible.tolist() == [False, False, True, True, True, True, False, False]
    assert c.role.tolist() == [0, 1] * 4
    assert [c.speakers[i] for i in c.speaker] == ["Ana", ""] * 4
    assert c.marks.tolist() == [marks(m.searchable) for t in said[1:5] for m in t.messages]
    same = c.session[:, None] == c.session[None, :]
    expected = np.array([s // 2 for s in range(1, 5) for _ in range(2)])
    assert (same == (expected[:, None] == expected[None, :])).all()
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
    assert c.position.tolist() == [0, 1, 2, 3, 4]
    assert c.eligible.tolist() == [False, False, True, False, False]


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
    assert (await store.find_memories("ana", Lookup(kinds=facts))).memories == ()


async def test_as_of_finds_what_was_held_then(store: MemoryStore) -> None:
    await history(store)
    then = Lookup(terms=("oslo", "ana"), kinds=KINDS, as_of=NOON + 6 * DAY)
    c = await store.find_memories("ana", then)
    assert sorted(texts(c.memories)) == ["Ana", "lives in Oslo"]
    assert all(memory.current for memory in c.memories)
    column = texts(c.memories).index("lives in Oslo")
    assert c.hits[:, column].tolist() == [True, False]


# vectors


def unit(direction: int, size: int = 8) -> NDArray[np.float32]:
    made = np.zeros(size, np.float32)
    made[direction % size] = 1
    return made


async def embed(store: MemoryStore, fingerprint: str = "f", size: int = 8) -> list[str]:
    """Give text number i the unit vector i; returns the texts."""
    waiting = await store.unembedded("ana", 99)
    made = [Vectors(ref=u.ref, vector=unit(i, size)) for i, u in enumerate(waiting)]
    await store.put_vectors("ana", fingerprint, made)
    return [u.text for u in waiting]


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


async def test_turns_can_be_read_without_their_receipts(store: MemoryStore) -> None:
    await store.append("ana", [replace(turn("a", 0), receipt={"policy": "x"})])
    assert [t.receipt for t in await store.turns("ana")] == [{"policy": "x"}]
    assert [t.receipt for t in await store.turns("ana", receipts=False)] == [{}]


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


# removal


async def test_removed_turns_take_along_what_rests_on_them_and_bring_back_what_that_superseded(
    store: MemoryStore,
) -> None:
    await store.append("ana", [turn("a", 0, "rome", speaker="Ana"), turn("b", 1, "oslo", speaker="Li")])
    await store.append("ana", [turn("c", 2, "tea")], [job("j", "b", "c"), job("k", "b")])
    core = Add(kind=Kind.CORE, key="home", text="Rome")
    await store.commit("ana", Commit(id="c0", job="update_core", at=NOON, operations=(core,), evidence=("a",)))
    core = replace(core, text="Oslo")
    await store.commit("ana", Commit(id="c1", job="update_core", at=NOON + DAY, operations=(core,), evidence=("b",)))
    await store.commit("ana", fact("c2", "read b", NOON + 2 * DAY, evidence=("c",), read=("b",)))
    await store.commit("ana", fact("c3", "likes tea", NOON + 2 * DAY, evidence=("c",)))
    await store.commit("ana", seen("b", 1))
    await store.commit("ana", seen("c", 2))
    await embed(store)
    await store.find_messages("ana", Lookup(vector=unit(0), fingerprint="f"))
    erased = await erase(store, "b", "unknown")
    assert (erased.turns, [m.text for m in erased.back], erased.pending) == (("b",), ["Rome"], False)
    assert [(again.commit, again.turns) for again in erased.again] == [("c2", ("c",))]
    assert [(t.id, t.ordinal) for t in await store.turns("ana")] == [("a", 0), ("c", 1)]
    assert await found(store, Lookup(terms=("oslo",))) == []
    assert sorted(texts(await store.memories("ana", history=True))) == ["Rome", "likes tea"]
    assert {commit.id for commit in await store.commits("ana")} == {"c0", "c3", "p-c"}
    assert [(p.observation.turn, p.m) for p in await store.personality("ana")] == [("c", 1)]
    assert {j.id: j.turns for j in await store.jobs("ana")} == {"j": ("c",), "again c2": ("c",)}
    assert await store.speakers("ana") == ("Ana",)
    c = await store.find_messages("ana", Lookup(terms=("rome", "oslo"), vector=unit(2), fingerprint="f"))
    assert (c.total, c.frequency.tolist(), c.position.tolist()) == (2, [1, 0], [0, 1])
    assert c.cosine == pytest.approx([0, 1])
    with pytest.raises(NotFound):
        await store.commit("ana", fact("late", "x", evidence=("b",)))


async def erase(store: MemoryStore, *turns: str, memories: Iterable[str] = (), images: Iterable[str] = ()) -> Erased:
    """Erase things of Ana; the work of a commit that goes is opened again under its id."""

    def reopen(again: Again, newest: datetime) -> OpenJob:
        return replace(job(f"again {again.commit}", *again.turns), at=newest)

    what = Erase(turns=frozenset(turns), memories=frozenset(memories), images=frozenset(images))
    return await store.erase("ana", what, at=NOON, reopen=reopen)


def core(key: str, text: str) -> Add:
    return Add(kind=Kind.CORE, key=key, text=text)


def by_hand(name: str, *operations: Operation, **more: object) -> Commit:
    return Commit(id=name, job="person", at=NOON + 9 * DAY, source=Source.PERSON, operations=operations, **more)  # type: ignore[arg-type]


async def the(store: MemoryStore, text: str) -> str:
    """Id of the memory that says or said this."""
    return next(memory.id for memory in await store.memories("ana", history=True, off=True) if memory.text == text)


def said_in(commits: Sequence[Commit]) -> list[str]:
    return [o.text for commit in commits for o in commit.operations if isinstance(o, Add | Update)]


async def test_what_says_the_same_goes_with_a_memory_and_is_not_said_again(store: MemoryStore) -> None:
    await store.append("ana", [turn(name, day) for day, name in enumerate("abcd")])
    await store.commit("ana", fact("c0", "likes tea", evidence=("a",)))
    await store.commit("ana", fact("c1", "Likes  TEA", NOON + DAY, evidence=("b",)))
    await store.commit("ana", by_hand("c2", Add(kind=Kind.SEMANTIC, text="likes tea")))
    other = next(m for m in await store.memories("ana") if m.text == "Likes  TEA")
    await store.commit("ana", fact("c3", "told of tea", NOON + 2 * DAY, evidence=("c",), read=(other.ref,)))
    erased = await erase(store, memories=[await the(store, "likes tea")])
    assert (len(erased.memories), [again.commit for again in erased.again]) == (3, ["c3"])
    assert said_in(await store.commits("ana")) == ["likes tea"]  # the person's own words stay
    await store.commit("ana", fact("c4", "likes tea", NOON + 3 * DAY, evidence=("d",)))
    assert said_in(await store.commits("ana")) == ["likes tea"]
    assert [memory.source for memory in await store.memories("ana")] == [Source.PERSON]


async def test_a_field_goes_alone_and_with_what_the_person_held_of_it(store: MemoryStore) -> None:
    operations = (core("children", "2"), core("rooms", "2"), core("home", "Rome"))
    await store.commit("ana", Commit(id="c0", job="update_core", at=NOON, operations=operations))
    ended = Commit(id="c1", job="update_core", at=NOON + DAY, operations=(Delete(id=await the(store, "Rome")),))
    await store.commit("ana", ended)
    again = Commit(id="c2", job="update_core", at=NOON + 2 * DAY, operations=(core("home", "Oslo"),))
    await store.commit("ana", again)
    await store.commit("ana", by_hand("c3", Freeze(what="core:children"), Freeze(what="core:home")))
    children = next(memory.id for memory in await store.memories("ana") if memory.key == "children")
    await erase(store, memories=[children, await the(store, "Rome")])
    assert {(memory.key, memory.text) for memory in await store.memories("ana")} == {("rooms", "2"), ("home", "Oslo")}
    assert set((await store.standing("ana")).frozen) == {"core:home"}
    late = Commit(id="c4", job="update_core", at=NOON + 3 * DAY, operations=(core("children", "2"), core("age", "2")))
    await store.commit("ana", late)
    assert {memory.key for memory in await store.memories("ana")} == {"rooms", "home", "age"}


async def test_a_job_that_runs_again_finds_its_places_taken_by_no_tombstone(store: MemoryStore) -> None:
    await store.append("ana", [turn("a")])
    await store.commit("ana", fact("c0", "is Ana"))
    (name,) = await store.memories("ana")
    facts = (Add(kind=Kind.SEMANTIC, text="likes tea"), Add(kind=Kind.SEMANTIC, text="has a dog"))
    work = Commit(id="c1", job="extract_semantic", at=NOON, operations=facts, evidence=("a",), read=(name.ref,))
    await store.commit("ana", work)
    await erase(store, memories=[await the(store, "likes tea")])
    await erase(store, memories=[name.id])
    await store.commit("ana", replace(work, operations=facts[1:], read=()))
    assert texts(await store.memories("ana")) == ["has a dog"]
    next_one = fact("c2", "walks it", NOON + DAY, read=tuple(m.ref for m in await store.memories("ana")))
    await store.commit("ana", next_one)
    assert texts(await store.memories("ana")) == ["has a dog", "walks it"]


async def test_a_turns_id_may_look_like_a_version(store: MemoryStore) -> None:
    await store.append("ana", [turn("<1@mail>"), turn("b", 1)])
    await erase(store, "b")
    await store.commit("ana", fact("c0", "likes tea", evidence=("<1@mail>",), read=("<1@mail>",)))
    assert texts(await store.memories("ana")) == ["likes tea"]


async def test_what_the_person_took_back_is_not_done_again(store: MemoryStore) -> None:
    await store.append("ana", [turn(name, day) for day, name in enumerate("abc")])
    whole, part = (fact(name, f"fact {name}", NOON, evidence=("a", "b")) for name in ("c0", "c1"))
    two = (*part.operations, Add(kind=Kind.SEMANTIC, text="likes tea"))
    await store.commit("ana", whole)
    await store.commit("ana", replace(part, operations=two))
    await store.commit("ana", by_hand("c2", Undo(commit="c0"), Undo(commit="c1", operation=1)))
    erased = await erase(store, "a")
    assert [again.commit for again in erased.again] == ["c1"]
    again = replace(part, id="c3", operations=(two[1], two[0]), evidence=("b",))
    await store.commit("ana", again)
    assert texts(await store.memories("ana")) == ["fact c1"]


async def test_work_that_the_person_did_keeps_their_words_and_nothing_of_the_erased(store: MemoryStore) -> None:
    await store.append("ana", [turn("a"), turn("b", 1)])
    await store.commit("ana", fact("c0", "lives in Rome", evidence=("a",)))
    (home,) = await store.memories("ana")
    mine = replace(
        by_hand("c1", Add(kind=Kind.SEMANTIC, text="likes tea", evidence=("a", "b")), evidence=("a", "b")),
        observations=(seen("a", 0).observations[0], seen("b", 1).observations[0]),
        read=("a", "b", home.ref),
    )
    await store.commit("ana", mine)
    await erase(store, "a")
    (left,) = await store.commits("ana")
    assert (left.turns, left.read, said_in([left])) == (frozenset("b"), ("b",), ["likes tea"])
    assert [point.observation.turn for point in await store.personality("ana")] == ["b"]


def shown(name: str, *digests: str, day: float = 0) -> Turn:
    blocks: tuple[Block, ...] = (Text(name), *(Image(digest=digest, caption="the sea") for digest in digests))
    return replace(turn(name, day), messages=(Message(role=Role.PERSON, blocks=blocks),), receipt={"steps": [SAID]})


SAID = {"job": "reason", "said": [{"role": "assistant", "text": "the sea"}]}
SEA, SKY = "5" * 64, "6" * 64


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


async def test_jobs_lose_the_erased_turns_and_tell_no_error_of_before(store: MemoryStore) -> None:
    await store.append("ana", [turn("a"), turn("b", 1), turn("c", 2)])
    jobs = [job("j", "a", "b", at=NOON + DAY), replace(job("k", "a", at=NOON), parked=True, error="it said: b")]
    await store.append("ana", [turn("d", 3)], [replace(one, turns=(*one.turns, "d")) for one in jobs])
    running = await take(store)
    assert running is not None
    await erase(store, "b", "d")
    await store.reschedule("ana", replace(running, attempts=1, error="it said: b"))
    held = {one.id: one for one in await store.jobs("ana")}
    assert {name: (one.turns, one.at) for name, one in held.items()} == {"j": (("a",), NOON), "k": (("a",), NOON)}
    assert not any("it said" in one.error for one in held.values())
    again = await take(store, NOON + DAY)
    assert again is not None
    await store.reschedule("ana", replace(again, error="no answer"))
    assert [one.error for one in await store.jobs("ana") if one.id == again.id] == ["no answer"]


async def test_an_answer_that_was_given_while_its_reading_was_erased_keeps_no_words_of_it(store: MemoryStore) -> None:
    receipt = {"opening": {"recent": ["a"]}, "steps": [SAID]}
    asked = turn("b", 1, state=TurnState.ASKED)
    await store.append("ana", [turn("a"), asked])
    await erase(store, "a")
    await store.append("ana", [replace(asked, state=TurnState.ANSWERED, receipt=receipt)])
    (answered,) = await store.turns("ana")
    assert answered.receipt == {"opening": {"recent": ["a"]}, "steps": [SAID | {"said": [ROLE_ONLY]}], "scrubbed": True}


ROLE_ONLY = {"role": "assistant", "text": ""}


async def test_what_another_store_erased_is_erased_here_too(store: MemoryStore) -> None:
    await store.append("ana", [turn("a"), turn("b", 1)])
    await store.commit("ana", fact("c0", "lives in Rome", evidence=("a", "b")))
    await store.commit("ana", fact("c1", "likes tea", NOON + DAY, evidence=("b",)))
    elsewhere = (await store.tombstones("ana")).of(["a"], [("", "Likes tea")])
    erased = await store.bury("ana", elsewhere.ids, at=NOON, reopen=lambda again, _at: job("again", *again.turns))
    assert (erased.turns, texts(await store.memories("ana", history=True))) == (("a",), [])
    assert {one.id: one.turns for one in await store.jobs("ana")} == {"again": ("b",)}
    assert said_in(await store.commits("ana")) == []


async def test_work_for_a_user_who_was_removed_meanwhile_leaves_nothing(store: MemoryStore) -> None:
    await store.append("ana", [turn("a")], [job("j", "a")])
    running = await take(store)
    await store.remove_user("ana")
    with pytest.raises(NotFound):
        await store.commit("ana", fact("c", "likes tea", evidence=("a",)), running)
    await store.rest("ana", keep=True)
    assert await store.due(NOON) == []
    assert await store.users() == []


async def test_a_removed_user_leaves_nothing_and_may_come_back(store: MemoryStore) -> None:
    await store.append("ana", [turn("one")], [job("a", "one")])
    await store.append("bob", [turn("one")])
    await store.commit("ana", fact("c", "likes tea"))
    await store.remove_user("ana")
    assert await store.users() == ["bob"]
    assert await store.due(NOON) == []
    assert await store.turns("ana") == []
    assert await store.memories("ana") == []
    assert await store.append("ana", [turn("one")]) == ("one",)
    assert [t.ordinal for t in await store.turns("ana")] == [0]


async def test_a_closed_store_opens_again_with_everything(store: MemoryStore) -> None:
    await store.append("ana", [turn("one")])
    await store.close()
    assert ids(await store.turns("ana")) == ["one"]


async def test_many_writers_of_one_user_lose_nothing(store: MemoryStore) -> None:
    await asyncio.gather(*(store.append("ana", [turn(f"t{i}", i)], [job(f"j{i}", f"t{i}")]) for i in range(40)))
    assert [t.ordinal for t in await store.turns("ana")] == list(range(40))
    assert len(await store.jobs("ana")) == 40
