"""The outbox: jobs are written with their turns, run in order, one at a time, and are due by the clock."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta

from persona_graph.memory.store import MemoryStore
from tests.contracts.memory_store.given import DAY, HOUR, NOON, job, take, turn


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


async def test_a_job_over_turns_that_came_just_before_without_it_has_them_all(store: MemoryStore) -> None:
    for number in range(8):
        older, newer = turn(f"older {number}", number), turn(f"newer {number}", number + 0.5)
        await store.append("ana", [older])
        await store.append("ana", [newer], [job(f"j{number}", older.id, newer.id)])
    assert {one.id: one.turns for one in await store.jobs("ana")} == {
        f"j{number}": (f"older {number}", f"newer {number}") for number in range(8)
    }
