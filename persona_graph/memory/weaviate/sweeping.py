"""Sweeping: a write that was given up may still arrive at the server, after an erase of what it wrote.

So each erase leaves a note with the ids of what it took out, and some time later that is looked for once more.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from persona_graph.memory.row_ids import microseconds
from persona_graph.memory.weaviate import commits, reading, schema, tombstones
from persona_graph.memory.weaviate.codec import turn_hex, turn_id, turn_tag
from persona_graph.memory.weaviate.filters import any_id, any_tag, tagged
from persona_graph.memory.weaviate.things import COMMIT, SWEEP, Thing, uid
from persona_graph.memory.weaviate.user_space import UserSpace

AFTER = timedelta(minutes=2)
"""Longer than any call waits, at a node that hangs or between nodes."""


async def note(space: UserSpace, turns: Sequence[str], gone: Sequence[str]) -> None:
    """Have turns and commits that were erased looked for once more."""
    if turns or gone:
        due = microseconds(datetime.now(UTC) + AFTER)
        body = {"turns": list(turns), "commits": list(gone)}
        await space.tenant.put([Thing(id=uid(SWEEP, *turns, *gone), tags=(SWEEP,), row=due, body=body)])


async def sweep(space: UserSpace) -> None:
    """Look for what is due, and take it out where it has come back."""
    due = await space.tenant.every(tagged(SWEEP), [schema.BODY], last=microseconds(datetime.now(UTC)))
    for thing in due:
        turns, gone = thing.body["turns"], thing.body["commits"]
        if turns:
            await space.tenant.take_out_all(any_tag(turn_tag(turn_hex(turn)) for turn in turns))
            back = await reading.held_turns(space, turns, [schema.TAGS])
            if back:
                await space.tenant.take_out([turn_id(turn) for turn in back])
            await tombstones.block(space, turns)
        if gone:
            await space.tenant.take_out([uid(COMMIT, commit) for commit in gone])
        await commits.project(space)
        await space.tenant.delete(any_id([thing.id]))
        space.search.clear()


async def due(space: UserSpace) -> int | None:
    """When there is something to look for, in microseconds; None when there is nothing."""
    return min([thing.row for thing in await space.tenant.every(tagged(SWEEP), [schema.ROW])], default=None)
