"""Erasing: turns, memories and pictures with all that was made from them.

There is no transaction here. So the plan, which holds ids and what stays and no word of what goes, is written down
first; whoever finds it after a crash carries it out again, and doing so twice changes nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from persona_graph.codec import (
    commit_from_json,
    commit_to_json,
    job_from_json,
    job_to_json,
    turn_from_json,
    turn_to_json,
)
from persona_graph.conversation import Turn
from persona_graph.memory.erase import Consequences, Erase, Erased, came_back, consequences, shown_in, without_images
from persona_graph.memory.open_job import OpenJob
from persona_graph.memory.store import Reopen
from persona_graph.memory.types import Memory
from persona_graph.memory.weaviate import commits, indexing, outbox, reading, schema, sweeping, talkers, tombstones
from persona_graph.memory.weaviate.codec import (
    WHOLE_TURN,
    commit_thing,
    terms_of,
    tickets_of,
    turn_hex,
    turn_id,
    turn_of,
    turn_tag,
    turn_thing,
)
from persona_graph.memory.weaviate.filters import any_id, any_tag, any_term, both, tagged
from persona_graph.memory.weaviate.things import COMMIT, MESSAGE, STATE, Found, Thing, dump, uid
from persona_graph.memory.weaviate.user_space import UserSpace
from persona_graph.memory.weaviate.written import Written
from persona_graph.receipt import read_set, scrubbed

PLAN = uid(STATE, "plan")
"""The single thing that holds the plan of an erase at work."""


async def bury(space: UserSpace, stones: frozenset[str], at: datetime, reopen: Reopen) -> Erased:
    """Set tombstones that another store has set, and erase what they stand for here."""
    held = await reading.held_turns(space, stones, [schema.TAGS])
    versions = await commits.memories(space, None, None, history=True, off=True, as_of=None)
    what = Erase(
        turns=frozenset(held),
        memories=stones.intersection(memory.id for memory in versions),
        images=stones & await reading.shown_images(space),
    )
    return await erase(space, what, at, reopen, stones)


async def erase(
    space: UserSpace, what: Erase, at: datetime, reopen: Reopen, elsewhere: frozenset[str] = frozenset()
) -> Erased:
    """Work out what goes, write the plan down, carry it out."""
    before = await commits.memories(space, None, None, history=True, off=True, as_of=None)
    made, stones, named = await asyncio.gather(
        commits.every(space), tombstones.read(space), reading.held_turns(space, what.turns, WHOLE_TURN)
    )
    for thing in await reading.with_images(space):
        named.setdefault(turn_of(thing).id, thing)
    found = sorted(named.values(), key=lambda thing: (thing.row, thing.id.int))
    turns = [turn_of(thing) for thing in found]
    stones = replace(stones, ids=stones.ids | elsewhere)
    follows = await _consequences(space, what, turns, made, before, stones)
    plan = await _plan(space, what, follows, found, at, reopen, elsewhere)
    await space.tenant.put([Thing(id=PLAN, tags=(STATE,), body=plan)], create=True)
    await carry_out(space, plan)
    after = await commits.memories(space, None, None, history=True, off=True, as_of=None)
    held = {memory.ref for memory in after}
    return Erased(
        turns=tuple(turn.id for turn in turns if turn.id in what.turns),
        memories=tuple(memory.ref for memory in before if memory.ref not in held),
        back=came_back(before, after),
        again=follows.again,
        images=tuple(sorted(follows.images)),
    )


async def recover(space: UserSpace) -> None:
    """Carry out what a crash has left of an erase."""
    held = await space.tenant.get([PLAN], [schema.BODY])
    if PLAN in held:
        await carry_out(space, held[PLAN].body)


async def _consequences(
    space: UserSpace,
    what: Erase,
    turns: Sequence[Turn],
    made: Sequence[Any],
    before: Collection[Memory],
    stones: Any,
) -> Consequences:
    """What follows; which of the terms that are asked for other turns hold is looked up between two tries."""
    known: dict[str, bool] = {}
    wanted: set[str] = set()

    def still_said(terms: Collection[str]) -> frozenset[str]:
        wanted.update(set(terms) - known.keys())
        return frozenset(term for term in terms if known.get(term))

    while True:
        follows = consequences(what, turns, made, before, stones, still_said)
        if not wanted:
            return follows
        known.update(await _said_elsewhere(space, what, turns, sorted(wanted)))
        wanted.clear()


async def _said_elsewhere(
    space: UserSpace, what: Erase, turns: Sequence[Turn], terms: Sequence[str]
) -> dict[str, bool]:
    """For each term whether a message holds it once the turns are gone and the pictures bare."""
    counts = await asyncio.gather(*(space.tenant.count(both(any_term([term]), tagged(MESSAGE))) for term in terms))
    left = dict(zip(terms, counts, strict=True))
    for turn in turns:
        after = None if turn.id in what.turns else without_images(turn, what.images)
        if after == turn:
            continue
        for place, message in enumerate(turn.messages):
            now = set() if after is None else set(terms_of(after.messages[place].searchable).split())
            for term in set(terms_of(message.searchable).split()) - now:
                if term in left:
                    left[term] -= 1
    return {term: count > 0 for term, count in left.items()}


async def _plan(
    space: UserSpace,
    what: Erase,
    follows: Consequences,
    found: Sequence[Found],
    at: datetime,
    reopen: Reopen,
    elsewhere: frozenset[str],
) -> dict[str, Any]:
    gone, changed = [], []
    for thing in found:
        turn = turn_of(thing)
        if turn.id in what.turns:
            gone.append(turn.id)
        elif not what.images.isdisjoint(shown_in([turn])):
            # What the model said in its answer it may have said of the picture.
            bare = replace(without_images(turn, what.images), receipt=scrubbed(turn.receipt) if turn.receipt else {})
            changed.append(turn_to_json(bare))
    return {
        "at": at.isoformat(),
        "gone": gone,
        "sessions": sorted({turn.session for turn in map(turn_of, found) if turn.id in what.turns}),
        "changed": changed,
        "commits": sorted(follows.reach.commits),
        "edited": [{**commit_to_json(commit), "sequence": commit.sequence} for commit in follows.edited],
        "receipts": await _receipts(space, follows, {*gone, *(row["id"] for row in changed)}),
        "stones": sorted(follows.tombstones.ids),
        "buried": sorted(elsewhere),
        "images": sorted(follows.images),
        "again": await _jobs(space, follows, reopen),
        "times": await _times(space, frozenset(gone)),
    }


async def _receipts(space: UserSpace, follows: Consequences, but: set[str]) -> list[str]:
    """Turns whose answers read what is erased: their receipts keep ids and figures and lose what the model said."""
    found = [turn_of(thing) for thing in await reading.every_turn(space, WHOLE_TURN)]
    return [t.id for t in found if t.id not in but and t.receipt and follows.reach.touches(read_set(t.receipt))]


async def _jobs(space: UserSpace, follows: Consequences, reopen: Reopen) -> list[dict[str, Any]]:
    """Jobs that do the work of commits that go again, over the turns that remain."""
    jobs = []
    for again in follows.again:
        held = await reading.held_turns(space, again.turns, WHOLE_TURN)
        newest = max((turn_of(thing).at for thing in held.values()), default=None)
        job = reopen(again, newest) if newest is not None else None
        if job is not None:
            jobs.append({"job": job_to_json(job), "place": again.place})
    return jobs


async def _times(space: UserSpace, gone: frozenset[str]) -> dict[str, str]:
    """Jobs that lose turns stand at the time of the latest that is left to them."""
    times = {}
    for held in await outbox.every(space):
        left = [turn for turn in held.job.turns if turn not in gone]
        if left and len(left) < len(held.job.turns):
            turns = await reading.held_turns(space, left, WHOLE_TURN)
            times[held.job.id] = max((turn_of(t).at for t in turns.values()), default=held.job.at).isoformat()
    return times


async def carry_out(space: UserSpace, plan: dict[str, Any]) -> None:
    """Do what the plan says; what is done already stays done."""
    at = datetime.fromisoformat(plan["at"])
    await tombstones.put(space, plan["stones"], at)
    await _take_out(space, plan)
    await tombstones.block(space, {*plan["gone"], *plan["buried"]})
    await _edit_commits(space, plan)
    await _scrub(space, plan["receipts"])
    await outbox.drop_errors(space)
    await outbox.set_times(space, {job: datetime.fromisoformat(at) for job, at in plan["times"].items()})
    await _open_again(space, [(job_from_json(row["job"]), row["place"]) for row in plan["again"]])
    await commits.project(space)
    await tombstones.leave(space, plan["images"])
    await sweeping.note(space, plan["gone"], plan["commits"])
    await space.tenant.delete(any_id([PLAN]))
    space.search.clear()


async def _take_out(space: UserSpace, plan: dict[str, Any]) -> None:
    """Take turns out of the journal, and pictures out of those that stay."""
    changed = [turn_from_json(row) for row in plan["changed"]]
    names = [*plan["gone"], *(turn.id for turn in changed)]
    if not names:
        return
    held = await reading.held_turns(space, (turn.id for turn in changed), WHOLE_TURN)
    await space.tenant.take_out_all(any_tag(turn_tag(turn_hex(name)) for name in names))
    gone = await reading.held_turns(space, plan["gone"], [schema.TAGS])
    if gone:
        await space.tenant.take_out([turn_id(name) for name in gone])
    bare = [(turn, held[turn.id]) for turn in changed if turn.id in held]
    await space.tenant.put(
        [turn_thing(turn, thing.row, tickets := tickets_of(thing), pending=bool(tickets)) for turn, thing in bare]
    )
    await indexing.index(space, [Written(turn=turn, row=thing.row, late=True) for turn, thing in bare])
    await asyncio.gather(*(indexing.number_anew(space, session) for session in plan["sessions"]))
    await talkers.count_anew(space)
    space.newest = None


async def _edit_commits(space: UserSpace, plan: dict[str, Any]) -> None:
    if plan["commits"]:
        await space.tenant.take_out([uid(COMMIT, id) for id in plan["commits"]])
    edited = [
        replace(commit_from_json({k: v for k, v in row.items() if k != "sequence"}), sequence=row["sequence"])
        for row in plan["edited"]
    ]
    await space.tenant.put([commit_thing(commit) for commit in edited])


async def _scrub(space: UserSpace, turns: Iterable[str]) -> None:
    held = await reading.held_turns(space, turns, WHOLE_TURN)
    changes = []
    for thing in held.values():
        receipt = dump(dict(scrubbed(turn_of(thing).receipt)))
        changes.append(space.tenant.change(thing.id, {schema.RECEIPT: receipt}))
    await asyncio.gather(*changes)


async def _open_again(space: UserSpace, jobs: Sequence[tuple[OpenJob, int]]) -> None:
    await outbox.add_tickets(space, outbox.tickets_for([job for job, _ in jobs]))
    for job, place in jobs:
        await outbox.keep_place(space, job, place)
