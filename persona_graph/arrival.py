"""Arrival: what another store or an export has of a user is written here; stopped anywhere, the same again finishes it.

    pictures -> turns with their open jobs, which are held -> commits -> tombstones -> jobs are let go

Tombstones come after the commits. Work that an erase had done again stands where it first stood, before what it
read, and a store that knows of an erase refuses a commit that read what is not there.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterable, AsyncIterator, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TypeVar

from persona_graph.conversation import Turn
from persona_graph.engine import Engine
from persona_graph.errors import NotFound, Outdated
from persona_graph.memory.commit import Commit
from persona_graph.memory.open_job import OpenJob, held, is_held
from persona_graph.memory.store import MemoryStore
from persona_graph.update.drain import settle
from persona_graph.update.outbox import reopened

logger = logging.getLogger(__name__)

Value = TypeVar("Value")
Batch = tuple[Sequence[Turn], Sequence[OpenJob]]
"""Turns that are written in one step, and the jobs that come with them: those whose other turns are there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """All that comes."""

    pictures: AsyncIterable[bytes]
    turns: AsyncIterable[Batch]
    commits: Iterable[Commit]
    """In order."""
    jobs: Sequence[OpenJob] = ()
    """How they stand once all is here."""
    stones: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrived:
    """What was new."""

    turns: int
    commits: int


async def take_in(engine: Engine, user: str, arrival: Arrival) -> Arrived:
    """Write what came. Raises: StoreError; ImageError when a picture is none."""
    store, turns, commits = engine.store, 0, 0
    async for data in arrival.pictures:
        await engine.media.put(user, data)
    async for batch, jobs in arrival.turns:
        turns += len(await store.append(user, batch, [held(job) for job in jobs]))
    for commit in arrival.commits:
        commits += await _commit(store, user, commit)
    if fresh := arrival.stones - (await store.tombstones(user)).ids:
        now = engine.clock()
        await store.bury(user, fresh, at=now, reopen=partial(reopened, now=now))
        await settle(engine, user)
    await store.rebuild(user)
    await _let_go(engine, user, arrival.jobs)
    return Arrived(turns=turns, commits=commits)


async def _let_go(engine: Engine, user: str, jobs: Iterable[OpenJob]) -> None:
    """Let every job stand as it shall; one that an earlier arrival brought and this one does not know runs now."""
    wanted = {job.id: job for job in jobs}
    for job in await engine.store.jobs(user):
        if is_held(job):
            now = replace(job, parked=False, attempts=0, error="", not_before=engine.clock())
            free = replace(wanted.get(job.id, now), turns=job.turns, at=job.at)
            await engine.store.reschedule(user, free)


async def _commit(store: MemoryStore, user: str, commit: Commit) -> bool:
    """Take over a commit; False when what it was made from is erased."""
    try:
        await store.commit(user, commit)
    except (NotFound, Outdated):
        logger.info("a commit rests on what was erased; it is passed over")
        return False
    return True


async def each(values: Iterable[Value]) -> AsyncIterator[Value]:
    """What is at hand, as something that comes."""
    for value in values:
        yield value
