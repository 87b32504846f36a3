"""Open jobs: put together of tickets and notes."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from persona_graph.conversation import Message, Role, Turn
from persona_graph.memory.open_job import OpenJob
from persona_graph.memory.store import LONGEST_WAIT
from persona_graph.memory.weaviate import codec
from persona_graph.memory.weaviate.outbox import Held, due_now, tickets_for, together
from persona_graph.memory.weaviate.things import Found

NOON = datetime(2024, 5, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def ticketed(turn: str, *tickets: codec.Ticket) -> Found:
    thing = codec.turn_thing(
        Turn(id=turn, at=NOON, session="s", messages=(Message.of(Role.PERSON, "hi"),)), 0, tickets, pending=True
    )
    return Found(key=thing.id.bytes, properties=thing.properties)


def ticket(job: str, opened: int, *, at: datetime = NOON, not_before: datetime = NOON, rank: int = 0) -> codec.Ticket:
    waits = OpenJob(id=job, name=job, turns=(), at=at, rank=rank, not_before=not_before)
    return codec.Ticket(job=waits, opened=opened)


def note(job: str, **more: Any) -> dict[str, Any]:
    return {"id": job, "attempts": 0, "parked": False, "error": "", "until": None, "by": "", **more}


def held(name: str, minutes: float = 0, **more: Any) -> Held:
    at = NOON + timedelta(minutes=minutes)
    given: dict[str, Any] = {"not_before": at, **more}
    return Held(job=OpenJob(id=name, name=name, turns=("t",), at=at, rank=0, **given), opened=0)


def test_a_job_has_the_turns_whose_tickets_name_it_in_the_order_of_opening() -> None:
    (one,) = together([ticketed("b", ticket("j", 2, at=NOON + HOUR)), ticketed("a", ticket("j", 1))], [])
    assert one.job.turns == ("a", "b")
    assert one.job.at == NOON + HOUR
    assert one.opened == 1


def test_the_newest_ticket_says_how_long_a_job_waits_and_a_newer_note_outdoes_it() -> None:
    turns = [ticketed("a", ticket("j", 1)), ticketed("b", ticket("j", 5, not_before=NOON + HOUR))]
    (one,) = together(turns, [])
    assert one.job.not_before == NOON + HOUR
    later = int((NOON + 2 * HOUR).timestamp()) * 1_000_000
    (one,) = together(turns, [note("j", moved=9, not_before=later)])
    assert one.job.not_before == NOON + 2 * HOUR
    (one,) = together(turns, [note("j", moved=3, not_before=later)])
    assert one.job.not_before == NOON + HOUR


def test_a_note_without_a_ticket_is_no_job() -> None:
    assert together([], [note("j", attempts=3)]) == []


def test_jobs_run_by_time_then_rank_then_opening() -> None:
    tickets = [ticket("late", 1, at=NOON + HOUR), ticket("c", 4), ticket("b", 3), ticket("a", 5, rank=-1)]
    assert [one.job.id for one in together([ticketed("t", *tickets)], [])] == ["a", "b", "c", "late"]


def test_tickets_of_one_append_keep_the_order_of_their_jobs() -> None:
    jobs = [replace(held(name).job, turns=("t",)) for name in "zyx"]
    turn = ticketed("t", *tickets_for(jobs)["t"])
    assert [one.job.id for one in together([turn], [])] == ["z", "y", "x"]


def test_one_at_a_time_and_a_retry_holds_back_those_after_it() -> None:
    claimed = held("a", claimed_until=NOON + HOUR, claimed_by="w")
    assert due_now([claimed, held("b")], NOON) is None
    assert due_now([claimed, held("b")], NOON + 2 * HOUR) == claimed
    retried = held("a", attempts=1, not_before=NOON + HOUR)
    assert due_now([retried, held("b")], NOON) is None
    parked = held("a", attempts=1, parked=True)
    assert due_now([parked, held("b")], NOON) == held("b")
    open_session = held("a", not_before=NOON + HOUR)
    assert due_now([open_session, held("b")], NOON) == held("b")


def test_what_a_clock_set_too_far_ahead_is_due() -> None:
    ahead = held("a", not_before=NOON + 2 * LONGEST_WAIT, claimed_until=NOON + 2 * LONGEST_WAIT)
    assert due_now([ahead], NOON) == ahead
