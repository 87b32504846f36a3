"""Moving users: FROM is read and left as it is, what TO lacks is written there, and then both are compared."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

from persona_graph.arrival import Arrival, Batch, take_in
from persona_graph.engine import Engine
from persona_graph.errors import NotFound
from persona_graph.memory.commit import Commit
from persona_graph.memory.open_job import held, is_held
from persona_graph.migration.compare import BATCH, Tell, compare, look
from persona_graph.migration.difference import TRUTH, Difference, Part
from persona_graph.migration.plan import Plan
from persona_graph.user_id import user_id

TellUser = Callable[[str, str, int, int], None]
"""Told whose, what is done, how many of it, of how many."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """What became of one user."""

    user: str
    counts: Mapping[Part, int]
    """In FROM."""
    copied: Mapping[Part, int] = field(default_factory=dict)
    already: Mapping[Part, int] = field(default_factory=dict)
    """What of these was in TO before."""
    differences: tuple[Difference, ...] = ()
    refused: bool = False
    """Nothing was changed: TO has, by these differences, what FROM has not."""


async def migrate(source: Engine, target: Engine, users: Sequence[str], tell: TellUser) -> AsyncIterator[Moved]:
    """Move users one after the other. Raises: StoreError, where the same again goes on from; ImageError."""
    for user in users:
        yield await _one(source, target, user, partial(tell, user))


async def chosen(source: Engine, named: Iterable[str]) -> list[str]:
    """The users that are named, or all. Raises: NotFound, InputError."""
    known = await source.store.users()
    users = list(dict.fromkeys(map(user_id, named)))
    for user in users:
        # Of somebody who has forgotten all there are tombstones, and these are to go along.
        if user not in known and not (await source.store.tombstones(user)).ids:
            raise NotFound(f"there is no user {user!r} in the store to move from")
    if not (users or known):
        raise NotFound("there is nobody in the store to move from")
    return users or known


async def _one(source: Engine, target: Engine, user: str, tell: Tell) -> Moved:
    plan, counts = await look(source, target, user, tell)
    if plan.conflicts:
        return Moved(user=user, counts=counts, already=plan.already, differences=plan.conflicts, refused=True)
    copied = {} if plan.empty else await _copy(source, target, user, plan, tell)
    found = await compare(source, target, user, tell)
    if found.differences and not any(one.part in TRUTH for one in found.differences):
        await target.store.rebuild(user)  # a kill may have come between a commit and what is made of it
        found = await compare(source, target, user, tell)
    return Moved(user=user, counts=found.counts, copied=copied, already=plan.already, differences=found.differences)


async def _copy(source: Engine, target: Engine, user: str, plan: Plan, tell: Tell) -> dict[Part, int]:
    store = target.store
    for job in plan.done:
        await store.finish(user, job)
    for job in await store.jobs(user):
        if not is_held(job):
            await store.reschedule(user, held(job))
    arrival = Arrival(
        pictures=_pictures(source, user, plan, tell),
        turns=_batches(source, user, plan, tell),
        commits=_told(plan.commits, tell),
        jobs=plan.jobs,
        stones=plan.stones,
    )
    arrived = await take_in(target, user, arrival)
    return {
        Part.TURNS: arrived.turns,
        Part.COMMITS: arrived.commits,
        Part.JOBS: len(plan.jobs) - plan.already[Part.JOBS],
        Part.TOMBSTONES: len(plan.stones),
        Part.IMAGES: len(plan.images),
    }


async def _pictures(source: Engine, user: str, plan: Plan, tell: Tell) -> AsyncIterator[bytes]:
    for number, digest in enumerate(plan.images, 1):
        yield await source.media.get(user, digest)
        tell("pictures", number, len(plan.images))


async def _batches(source: Engine, user: str, plan: Plan, tell: Tell) -> AsyncIterator[Batch]:
    """The turns in order, each job with the last of its turns: what was stopped goes on without opening it again."""
    jobs, ids = plan.arriving_with(), list(plan.turns)
    for start in range(0, len(ids), BATCH):
        part = ids[start : start + BATCH]
        # One that is answered just now has jobs that were not read.
        turns = [turn for turn in await source.store.turns(user, ids=part) if turn.state is plan.turns[turn.id]]
        yield turns, [job for turn in turns for job in jobs.get(turn.id, ())]
        tell("turns", start + len(part), len(ids))


def _told(commits: Sequence[Commit], tell: Tell) -> Iterator[Commit]:
    for number, commit in enumerate(commits, 1):
        yield commit
        tell("steps of knowledge", number, len(commits))
