"""Appending: turns with the jobs they open; durable when the turn is, searchable right behind."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import replace

from persona_graph.conversation import Turn, TurnState
from persona_graph.memory.erase import picture, shown_in
from persona_graph.memory.open_job import OpenJob
from persona_graph.memory.row_ids import microseconds
from persona_graph.memory.weaviate import commits, indexing, journal, marking, outbox, reading, tombstones
from persona_graph.memory.weaviate.codec import Ticket, turn_id
from persona_graph.memory.weaviate.registry import Registry
from persona_graph.memory.weaviate.things import Found
from persona_graph.memory.weaviate.user_space import UserSpace
from persona_graph.memory.weaviate.written import Written
from persona_graph.receipt import read_set, scrubbed


async def append(
    space: UserSpace, registry: Registry, turns: Sequence[Turn], jobs: Sequence[OpenJob]
) -> tuple[str, ...]:
    """Write what is new; ids of the turns written."""
    turns = list({turn.id: turn for turn in reversed(turns)}.values())[::-1]  # of one id the first, as they came
    tickets = outbox.tickets_for(jobs)
    await outbox.note_states(space, jobs)
    written = await _written(space, registry, turns, tickets, jobs)
    new = frozenset(one.turn.id for one in written)
    passed_over = [turn for turn in turns if turn.id not in new]
    over = {turn.id for turn in passed_over}
    left = [replace(job, turns=tuple(t for t in job.turns if t not in over)) for job in jobs]
    opened = [job for job, asked in zip(left, jobs, strict=True) if job.turns or not asked.turns]
    if any(not new.issuperset(job.turns) or not job.turns for job in opened):
        await space.settled()  # what follows an older turn must not take the tickets off again that it gets now
        await outbox.open_on_held(space, opened, new, tickets)
    unwanted = await _unwanted(space, passed_over)
    if unwanted:
        await tombstones.leave(space, unwanted)
    if jobs or unwanted:
        space.later(marking.mark(space, registry))
    return tuple(turn.id for turn in turns if turn.id in new)


async def _written(
    space: UserSpace,
    registry: Registry,
    turns: Sequence[Turn],
    tickets: dict[str, list[Ticket]],
    jobs: Sequence[OpenJob],
) -> list[Written]:
    if not turns:
        return []
    if not space.made:
        await registry.make_tenant(space.user)
        space.made = True
    for turn in turns:
        await tombstones.lift(space, shown_in([turn]))
    if len(turns) == 1 and turns[0].id not in space.unanswered:
        mine = tickets.get(turns[0].id, ())
        first, _ = await asyncio.gather(journal.put(space, turns[0], mine), _announce(space, registry, jobs))
        if first is not None:
            _remember(space, [first])
            _index_behind(space, first, rest=not mine and turns[0].state is TurnState.ANSWERED)
            return [first]
    held = await reading.held_or_gone(space, [turn.id for turn in turns])
    fresh = [turn for turn in turns if turn_id(turn.id) not in held]
    again = [turn for turn in turns if (one := held.get(turn_id(turn.id))) and not reading.is_answered(one)]
    if again:
        await space.settled()  # what still follows the question must not overtake the answer
    await _announce(space, registry, jobs)
    written = await journal.put_many(space, fresh, tickets) if fresh else []
    for turn in again:
        answered = await _put_again(space, turn, held[turn_id(turn.id)], tickets.get(turn.id, ()))
        written += [] if answered is None else [answered]
    _remember(space, written)
    late = [one.row for one in written if one.late]
    if late:
        space.search.clear()
        await commits.move_points(space, min(late))
    return written


async def _put_again(space: UserSpace, turn: Turn, held: Found, tickets: Sequence[Ticket]) -> Written | None:
    if turn.receipt:
        stones = await tombstones.read(space)
        if await tombstones.read_erased(space, stones, read_set(turn.receipt)):
            turn = replace(turn, receipt=scrubbed(turn.receipt))  # erased while the model spoke
    one = await journal.put_again(space, turn, held, tickets)
    if one is not None:
        _index_behind(space, one, rest=not tickets and turn.state is TurnState.ANSWERED)
    return one


def _index_behind(space: UserSpace, written: Written, *, rest: bool) -> None:
    """Have a turn's messages written after what is put off; turns that come meanwhile are written together."""
    space.unindexed[written.turn.id] = written, rest  # a turn written again stands for what it was
    if len(space.unindexed) == 1:
        space.later(_index(space))


async def _index(space: UserSpace) -> None:
    behind, space.unindexed = space.unindexed, {}
    await indexing.index(space, [w for w, _ in behind.values()], done=[id for id, (_, rest) in behind.items() if rest])
    late = [written.row for written, _ in behind.values() if written.late]
    if late:
        await commits.move_points(space, min(late))


def _remember(space: UserSpace, written: Iterable[Written]) -> None:
    for one in written:
        if one.turn.state is TurnState.ANSWERED:
            space.unanswered.discard(one.turn.id)
        else:
            space.unanswered.add(one.turn.id)


async def _announce(space: UserSpace, registry: Registry, jobs: Sequence[OpenJob]) -> None:
    """Have the user due in time before the work is there: too early costs a look, too late loses it."""
    if jobs:
        due = min(microseconds(job.not_before) for job in jobs)
        if space.due is None or space.due > due:
            await registry.make_due(space.user, due)
            space.due = due


async def _unwanted(space: UserSpace, passed_over: Iterable[Turn]) -> frozenset[str]:
    """Pictures that came to the media again with turns in which they were erased."""
    pictures = [(turn.id, digest) for turn in passed_over for digest in shown_in([turn])]
    if not pictures:
        return frozenset()
    stones = (await tombstones.read(space)).ids
    unwanted = frozenset(d for turn, d in pictures if turn in stones or picture(turn, d) in stones)
    return unwanted - await reading.shown_images(space) if unwanted else unwanted
