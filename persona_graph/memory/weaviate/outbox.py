"""The outbox: open jobs of one user, put together of the tickets on their turns and of what is known of each job.

A claim is a note that others honour: two workers far apart may both take a job, and the first commit of it wins.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from persona_graph.memory.open_job import UNTOLD, OpenJob
from persona_graph.memory.row_ids import BEGINNING, microseconds, moment
from persona_graph.memory.store import LONGEST_WAIT
from persona_graph.memory.weaviate import indexing, reading, schema
from persona_graph.memory.weaviate.codec import (
    PENDING,
    WHOLE_TURN,
    Ticket,
    job_id,
    made_tag,
    ticketed_turn,
    tickets_of,
    tickets_text,
)
from persona_graph.memory.weaviate.filters import any_id, any_tag, both, tagged
from persona_graph.memory.weaviate.things import COMMIT, JOB, UNSETTLED, Found, Thing
from persona_graph.memory.weaviate.user_space import UserSpace


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """An open job with what the Protocol does not show of it."""

    job: OpenJob
    opened: int
    """When its first ticket came."""
    place: int | None = None
    """The sequence that its commit is to take."""
    moved: int = 0
    """When its `not_before` was set besides by a ticket."""

    @property
    def order(self) -> tuple[datetime, int, int]:
        """Jobs run in this order."""
        return self.job.at, self.job.rank, self.opened


def tickets_for(jobs: Sequence[OpenJob]) -> dict[str, list[Ticket]]:
    """The tickets that jobs put on their turns."""
    found: dict[str, list[Ticket]] = {}
    now = time.time_ns()
    for number, job in enumerate(jobs):
        for turn in job.turns:
            found.setdefault(turn, []).append(Ticket(job=replace(job, turns=()), opened=now + number))
    return found


async def every(space: UserSpace) -> list[Held]:
    """All open jobs in the order in which they run."""
    turns, known = await asyncio.gather(
        reading.pending(space, [schema.TAGS, schema.JOBS]), space.tenant.every(tagged(JOB), [schema.BODY])
    )
    return together(turns, [thing.body for thing in known])


def together(turns: Iterable[Found], known: Iterable[dict[str, Any]]) -> list[Held]:
    """The jobs that tickets and notes make."""
    tickets: dict[str, list[tuple[Ticket, str]]] = {}
    for thing in turns:
        for ticket in tickets_of(thing):
            tickets.setdefault(ticket.job.id, []).append((ticket, ticketed_turn(thing)))
    notes = {note["id"]: note for note in known}
    held = [_held(found, notes.get(id, {})) for id, found in tickets.items()]
    return sorted(held, key=lambda one: one.order)


def _held(tickets: list[tuple[Ticket, str]], note: dict[str, Any]) -> Held:
    tickets = sorted(tickets, key=lambda one: one[0].opened)  # stable: of one opening, by row
    first, last = tickets[0][0], tickets[-1][0]
    waits = last.job.not_before
    moved = note.get("moved", 0)
    if moved > last.opened:
        waits = moment(note["not_before"])
    until = note.get("until")
    job = replace(
        first.job,
        turns=tuple(turn for _, turn in tickets),
        at=max(ticket.job.at for ticket, _ in tickets),
        not_before=waits,
        attempts=note.get("attempts", 0),
        parked=note.get("parked", False),
        error=note.get("error", ""),
        claimed_until=None if until is None else moment(until),
        claimed_by=note.get("by", ""),
    )
    return Held(job=job, opened=note.get("first", first.opened), place=note.get("place"), moved=moved)


async def _put(space: UserSpace, held: Held, *, waits: bool = False) -> None:
    """Note the state of a job; `waits` when its `not_before` is news."""
    job = held.job
    note: dict[str, Any] = {
        "id": job.id,
        "attempts": job.attempts,
        "parked": job.parked,
        "error": job.error,
        "until": None if job.claimed_until is None else microseconds(job.claimed_until),
        "by": job.claimed_by,
        "not_before": microseconds(job.not_before),
        "moved": time.time_ns() if waits else held.moved,
        "first": held.opened,
        "place": held.place,
    }
    await space.tenant.put([Thing(id=job_id(job.id), tags=(JOB,), body=note)])


async def note_states(space: UserSpace, jobs: Sequence[OpenJob]) -> None:
    """Note what jobs have behind them that come from elsewhere; one that is held already stays as it is."""
    tried = [job for job in jobs if job.attempts or job.parked or job.error or job.claimed_by]
    if tried:
        held = {one.job.id for one in await every(space)}
        for job in tried:
            if job.id not in held:
                await _put(space, Held(job=job, opened=time.time_ns()))


async def open_on_held(
    space: UserSpace, jobs: Sequence[OpenJob], written: frozenset[str], tickets: Mapping[str, Sequence[Ticket]]
) -> None:
    """Put tickets on turns that were there already, beside those that were written; move jobs that name no turn."""
    opened = [job for job in jobs if not written.isdisjoint(job.turns)]
    names, older = {job.id for job in opened}, {turn for job in opened for turn in job.turns} - written
    if older:
        await add_tickets(space, {turn: [t for t in tickets[turn] if t.job.id in names] for turn in older})
    without = [job for job in jobs if not job.turns]
    if without:
        held = {one.job.id: one for one in await every(space)}
        for job in without:
            if job.id in held:
                one = held[job.id]
                await _put(space, replace(one, job=replace(one.job, not_before=job.not_before)), waits=True)


async def add_tickets(space: UserSpace, tickets: Mapping[str, Sequence[Ticket]]) -> None:
    """Put tickets on turns that are held; a ticket of a job that is there already stays as it was."""
    held = await reading.held_turns(space, tickets, [schema.TAGS, schema.JOBS])
    changes = []
    for turn, thing in held.items():
        there = tickets_of(thing)
        known = {ticket.job.id for ticket in there}
        added = [ticket for ticket in tickets[turn] if ticket.job.id not in known]
        if added:
            changes.append(_set(space, thing, [*there, *added]))
    await asyncio.gather(*changes)


async def _set(space: UserSpace, thing: Found, tickets: Sequence[Ticket]) -> bool:
    tags = [tag for tag in thing.tags if tag != PENDING] + ([PENDING] if tickets else [])
    jobs = tickets_text(ticketed_turn(thing), tickets)
    return await space.tenant.change(thing.id, {schema.TAGS: tags, schema.JOBS: jobs})


async def claim(space: UserSpace, worker: str, now: datetime, until: datetime) -> OpenJob | None:
    """Take the next due job."""
    while (held := due_now(await every(space), now)) is not None and (done := await _done(space, held.job)):
        await finish(space, replace(held.job, turns=tuple(done)))
    if held is None:
        return None
    error = "" if held.job.error == UNTOLD else held.job.error
    job = replace(held.job, claimed_until=until, claimed_by=worker, error=error)
    await _put(space, replace(held, job=job))
    return job


async def _done(space: UserSpace, job: OpenJob) -> list[str]:
    """Turns over which the job's work is committed: a crash came before they were taken off, or others joined since."""
    tags = {made_tag(job.name, turn): turn for turn in job.turns}
    found = await space.tenant.every(both(tagged(COMMIT), any_tag(tags)), [schema.TAGS])
    return sorted({tags[tag] for thing in found for tag in thing.tags & tags.keys()})


def due_now(jobs: Sequence[Held], now: datetime) -> Held | None:
    """The job that may be taken; None while another is at work."""
    ahead = now + LONGEST_WAIT
    if any(one.job.claimed_until is not None and now < one.job.claimed_until <= ahead for one in jobs):
        return None
    for one in jobs:
        if one.job.parked:
            continue
        if not now < one.job.not_before <= ahead:
            return one
        if one.job.attempts:
            return None  # its retry comes first
    return None


async def _one(space: UserSpace, job: OpenJob) -> Held | None:
    return next((one for one in await every(space) if one.job.id == job.id), None)


async def renew(space: UserSpace, job: OpenJob, until: datetime) -> None:
    """Hold a job longer, if it is still held by the same worker."""
    held = await _one(space, job)
    if held is not None and held.job.claimed_by == job.claimed_by:
        await _put(space, replace(held, job=replace(held.job, claimed_until=until)))


async def reschedule(space: UserSpace, job: OpenJob) -> bool:
    """Give a job back; whether it is open."""
    held = await _one(space, job)
    if held is None:
        return False
    untold = held.job.claimed_by and held.job.error == UNTOLD
    error = UNTOLD if untold and job.error else job.error
    given = replace(job, turns=held.job.turns, at=held.job.at, claimed_until=None, claimed_by="", error=error)
    await _put(space, replace(held, job=given), waits=True)
    return True


async def finish(space: UserSpace, job: OpenJob) -> bool:
    """Take the job's turns off; what joined it meanwhile stays open. Whether something is left."""
    held = await _one(space, job)
    if held is None:
        return False
    done = [turn for turn in held.job.turns if turn in job.turns]
    left = [turn for turn in held.job.turns if turn not in job.turns]
    await take_off(space, job.id, done)
    if left:
        fresh = replace(held.job, attempts=0, parked=False, error="", claimed_until=None, claimed_by="")
        await _put(space, replace(held, job=fresh))
    else:
        await space.tenant.delete(any_id([job_id(job.id)]))
    return bool(left)


async def take_off(space: UserSpace, job: str, turns: Iterable[str]) -> None:
    """Take a job's tickets off turns; one that has none left has to be indexed before it rests."""
    held = await reading.held_turns(space, turns, WHOLE_TURN)
    left = {turn: [t for t in tickets_of(thing) if t.job.id != job] for turn, thing in held.items()}
    await indexing.index_missing(space, (thing for turn, thing in held.items() if not left[turn]))
    await asyncio.gather(*(_set(space, thing, left[turn]) for turn, thing in held.items()))


async def keep_place(space: UserSpace, job: OpenJob, place: int) -> None:
    """Have the commit of a job stand where the one stood that an erase took."""
    held = await _one(space, job)
    if held is not None:
        await _put(space, replace(held, place=place))


async def drop_errors(space: UserSpace) -> None:
    """Drop the errors of jobs, that of one at work too: they may quote what a model made of what is erased."""
    for one in await every(space):
        if one.job.error or one.job.claimed_by:
            await _put(space, replace(one, job=replace(one.job, error=UNTOLD)))


async def set_times(space: UserSpace, times: Mapping[str, datetime]) -> None:
    """Have jobs stand at other times."""
    if not times:
        return
    changes = []
    for thing in await reading.pending(space, [schema.TAGS, schema.JOBS]):
        there = tickets_of(thing)
        moved = [replace(t, job=replace(t.job, at=times.get(t.job.id, t.job.at))) for t in there]
        if moved != there:
            changes.append(_set(space, thing, moved))
    await asyncio.gather(*changes)


async def next_due(space: UserSpace) -> int | None:
    """When the next job can be claimed, as far as can be known now, in microseconds; None when none ever can."""
    jobs, unsettled = await asyncio.gather(every(space), space.tenant.count(tagged(UNSETTLED)))
    if unsettled:
        return BEGINNING
    waiting = [one for one in jobs if not one.job.parked]
    retry = next((one for one in waiting if one.job.attempts), None)
    if retry is not None:  # those after it wait for its retry
        waiting = [one for one in waiting if one.order <= retry.order]
    if not waiting:
        return None
    due = min(microseconds(one.job.not_before) for one in waiting)
    claimed = [microseconds(one.job.claimed_until) for one in jobs if one.job.claimed_until is not None]
    return max([due, *claimed])


async def place_of(space: UserSpace, job: OpenJob) -> int | None:
    """Where the commit of a job is to stand; None for the end."""
    held = await space.tenant.get([job_id(job.id)], [schema.BODY])
    return next((thing.body["place"] for thing in held.values()), None)
