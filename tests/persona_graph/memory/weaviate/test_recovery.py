"""What a crash leaves between two calls is made good by whoever looks next."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from datetime import timedelta

import pytest

from persona_graph.memory.erase import Erase
from persona_graph.memory.store import Lookup
from persona_graph.memory.types import Source
from persona_graph.memory.weaviate import codec, erasing, journal, outbox, reading
from persona_graph.memory.weaviate.codec import commit_thing, gone_thing, turn_thing
from persona_graph.memory.weaviate.filters import any_tag, tagged
from persona_graph.memory.weaviate.store import WeaviateStore
from persona_graph.memory.weaviate.things import JOB, MESSAGE, SWEEP, Thing
from persona_graph.memory.weaviate.user_space import UserSpace
from tests.contracts.memory_store.given import DAY, NOON, fact, found, ids, job, texts, turn
from tests.persona_graph.memory.weaviate.conftest import Open

pytestmark = [pytest.mark.weaviate, pytest.mark.network]


def space(store: WeaviateStore) -> UserSpace:
    return store._space("ana")


async def test_a_turn_without_its_messages_gets_them(another: Open) -> None:
    crashed = another()
    await crashed.append("ana", [turn("before", 0, "tea")])
    await crashed.turns("ana")
    row = await journal.free_rows(space(crashed), [turn("late", 1)])
    tickets = outbox.tickets_for([job("j", "late")])["late"]
    await space(crashed).tenant.insert(turn_thing(turn("late", 1, "camping"), row[0], tickets, pending=True))
    await space(crashed).tenant.insert(turn_thing(turn("idle", 2, "camping"), row[0] + 9, (), pending=True))
    after = another()
    assert await found(after, Lookup(terms=("camp",))) == ["late#0", "idle#0"]
    assert [one.id for one in await after.jobs("ana")] == ["j"]
    assert len(await reading.pending(space(after), codec.TURN_FIELDS)) == 1


async def test_a_worker_elsewhere_indexes_a_turn_before_it_lets_it_rest(another: Open) -> None:
    worker, crashed = another(), another()
    await crashed.append("ana", [turn("before", 0, "tea")])
    await worker.turns("ana")  # it has looked for what a crash left, and looks no more
    (row,) = await journal.free_rows(space(crashed), [turn("late", 1)])
    tickets = outbox.tickets_for([job("j", "late")])["late"]
    await space(crashed).tenant.insert(turn_thing(turn("late", 1, "camping"), row, tickets, pending=True))
    (open_job,) = await worker.jobs("ana")
    await worker.finish("ana", open_job)
    assert await worker.jobs("ana") == []
    assert await found(worker, Lookup(terms=("camp",))) == ["late#0"]


async def test_a_commit_that_was_not_projected_is(another: Open) -> None:
    crashed = another()
    await crashed.append("ana", [turn("a", 0, "tea")], [job("j", "a")])
    await crashed.commit("ana", fact("one", "likes tea", evidence=("a",)))
    lost = replace(fact("two", "likes cake", evidence=("a",)), sequence=2)
    await space(crashed).tenant.insert(commit_thing(lost))
    after = another()
    assert sorted(texts(await after.memories("ana"))) == ["likes cake", "likes tea"]
    # Its job comes again, as it was not finished either.
    (open_job,) = await after.jobs("ana")
    assert (
        await after.commit("ana", fact("two", "likes cakes", evidence=("a",)), open_job)
    ).operations == lost.operations
    assert await after.jobs("ana") == []
    assert len(await after.commits("ana")) == 2


async def test_a_job_whose_work_was_committed_before_a_crash_works_on_what_joined_it_alone(another: Open) -> None:
    crashed = another()
    await crashed.append("ana", [turn("a", 0, "tea"), turn("b", 1, "cake")], [job("extract_semantic", "a", "b")])
    await crashed.commit("ana", fact("one", "likes tea", evidence=("a", "b")))  # and it dies before it finishes the job
    after = another()
    await after.append("ana", [turn("c", 2, "milk")], [job("extract_semantic", "c")])
    taken = await after.claim("ana", worker="w", now=NOON + DAY, until=NOON + 2 * DAY)
    assert taken is not None
    assert taken.turns == ("c",)
    await after.commit("ana", fact("two", "likes milk", evidence=("c",)), taken)
    assert await after.claim("ana", worker="w", now=NOON + DAY, until=NOON + 2 * DAY) is None
    assert await after.jobs("ana") == []


async def test_a_job_whose_whole_work_was_committed_before_a_crash_leaves_nothing(another: Open) -> None:
    crashed = another()
    await crashed.append("ana", [turn("a", 0, "tea")], [job("extract_semantic", "a")])
    assert await crashed.claim("ana", worker="w", now=NOON, until=NOON + DAY) is not None
    await crashed.commit("ana", fact("one", "likes tea", evidence=("a",)))  # and it dies before it finishes the job
    after = another()
    assert await after.claim("ana", worker="v", now=NOON + 2 * DAY, until=NOON + 3 * DAY) is None
    assert await after.jobs("ana") == []
    assert await space(after).tenant.count(tagged(JOB)) == 0  # a job of this id that comes later is nobody's yet


async def test_an_erase_that_was_cut_off_is_carried_out(another: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    crashed = another()
    await crashed.append("ana", [turn("a", 0, "rome"), turn("b", 1, "oslo")])
    await crashed.commit("ana", fact("c", "was in Oslo", evidence=("b",)))

    async def dies(_space: object, _plan: object) -> None:
        raise ZeroDivisionError

    with monkeypatch.context() as patched:
        patched.setattr(erasing, "carry_out", dies)
        with pytest.raises(ZeroDivisionError):
            await crashed.erase("ana", Erase(turns=frozenset({"b"})), at=NOON + DAY, reopen=lambda *_: None)
    after = another()
    assert ids(await after.turns("ana")) == ["a"]
    assert await after.memories("ana", history=True) == []
    assert await after.commits("ana") == []
    assert await found(after, Lookup(terms=("oslo",))) == []
    assert "b" in (await after.tombstones("ana")).ids
    assert await after.append("ana", [turn("b", 1, "oslo")]) == ()


async def test_a_write_that_arrives_after_an_erase_is_swept_away(another: Open) -> None:
    store = another()
    await store.append("ana", [turn("a", 0, "rome"), turn("b", 1, "tea")])
    await store.commit("ana", fact("c", "was in Rome", evidence=("a",)))
    await store.turns("ana")
    late = await space(store).tenant.every(any_tag([codec.turn_tag(codec.turn_id("a").hex)]), ["tags", "body", "terms"])
    await store.erase("ana", Erase(turns=frozenset({"a"})), at=NOON, reopen=lambda *_: None)
    assert await found(store, Lookup(terms=("rome",))) == []
    (one,) = late
    things = [turn_thing(turn("a", 0, "rome"), one.row, (), pending=False)]
    things += [Thing(id=one.id, tags=tuple(one.tags), row=one.row, body=one.body, terms=one.properties["terms"])]
    await space(store).tenant.put([*things, commit_thing(replace(fact("c", "was in Rome"), sequence=1))])
    assert ids(await store.turns("ana")) == ["a", "b"]
    (note,) = await space(store).tenant.every(tagged(SWEEP), ["body"])
    assert note.row > time.time() * 1_000_000
    await store.rest("ana")
    assert ids(await store.turns("ana")) == ["a", "b"]  # it is not time yet
    await space(store).tenant.change(note.id, {"row": 0})
    assert await store.due(NOON) == []
    await store.rest("ana")
    assert ids(await store.turns("ana")) == ["b"]
    assert await store.commits("ana") == []
    assert await store.memories("ana", history=True) == []
    assert await found(store, Lookup(terms=("rome",))) == []
    assert await space(store).tenant.count(tagged(SWEEP)) == 0
    assert await store.append("ana", [turn("a", 0, "rome")]) == ()


async def test_the_place_of_an_erased_turn_stays_taken_for_every_process(another: Open) -> None:
    one, other = another(), another()
    await one.append("ana", [turn("a", 0, "rome")])
    await other.turns("ana")
    await one.erase("ana", Erase(turns=frozenset({"a"})), at=NOON, reopen=lambda *_: None)
    assert await other.append("ana", [turn("a", 0, "rome")]) == ()
    assert not await space(other).tenant.insert(gone_thing("a"))
    stale = turn_thing(turn("a", 0, "rome"), 0, (), pending=True).tags
    await space(other).tenant.change(gone_thing("a").id, {"tags": list(stale)})
    assert await other.turns("ana") == []
    assert await other.jobs("ana") == []
    assert await another().turns("ana", newest=1) == []


async def test_of_two_processes_the_first_commit_wins(another: Open) -> None:
    one, other = another(), another()
    await one.append("ana", [turn("a", 0, "tea")], [job("j", "a")])
    stored = await asyncio.gather(
        *(s.commit("ana", fact("c", f"likes {tea}", evidence=("a",))) for s, tea in ((one, "tea"), (other, "cake")))
    )
    assert stored[0].operations == stored[1].operations
    for store in (one, other):
        assert [c.operations for c in await store.commits("ana")] == [stored[0].operations]
        assert texts(await store.memories("ana")) == [stored[0].operations[0].text]  # type: ignore[union-attr]


async def test_two_processes_write_one_user_and_nothing_is_lost(another: Open) -> None:
    stores = [another(), another()]
    names = [f"{number}" for number in range(20)]
    await asyncio.gather(
        *(stores[int(n) % 2].append("ana", [turn(n, int(n) / 100, "tea")], [job("j", n)]) for n in names)
    )
    for store in (*stores, another()):
        assert ids(await store.turns("ana")) == names
        assert len(await found(store, Lookup(terms=("tea",)))) == 20
        (open_job,) = await store.jobs("ana")
        assert set(open_job.turns) == set(names)


async def test_a_rebuild_puts_right_what_projections_lost(another: Open) -> None:
    store = another()
    await store.append("ana", [turn("a", 0, "rome", "oslo"), turn("b", 1, "tea")])
    by_hand = replace(fact("c", "likes tea"), source=Source.PERSON)
    await store.commit("ana", by_hand)
    await store.turns("ana")
    await space(store).tenant.delete(tagged(MESSAGE))
    await space(store).tenant.delete(tagged("version"))
    space(store).search.clear()
    assert await found(store, Lookup(terms=("rome", "oslo", "tea"))) == []
    await store.rebuild("ana")
    assert await found(store, Lookup(terms=("rome", "oslo", "tea"))) == ["a#0", "a#1", "b#0"]
    assert texts(await store.memories("ana")) == ["likes tea"]
    assert await store.speakers("ana") == ("Ana",)


async def test_turns_of_one_moment_written_by_two_processes_stand_apart_and_in_order(another: Open) -> None:
    one, other = another(), another()
    await one.append("ana", [turn("before", 0)])
    await other.turns("ana")
    await one.append("ana", [turn("first", 1)])
    await one.append("ana", [replace(turn("later", 1), at=NOON + DAY + timedelta(milliseconds=300))])
    assert ids(await other.turns("ana", newest=2)) == ["first", "later"]
    await other.append("ana", [turn("second", 1)])  # as a conversation does whose clock stands behind
    held = await another().turns("ana")
    assert [(one.id, one.ordinal) for one in held] == [("before", 0), ("first", 1), ("second", 2), ("later", 3)]
