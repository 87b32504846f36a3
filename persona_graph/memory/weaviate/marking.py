"""Marking: having the registry name a user no later than something of theirs is due, be it a job or a sweep."""

from __future__ import annotations

import asyncio

from persona_graph.memory.weaviate import outbox, sweeping
from persona_graph.memory.weaviate.registry import Registry
from persona_graph.memory.weaviate.user_space import UserSpace


async def next_due(space: UserSpace) -> int | None:
    """When there is a job to claim, or something to sweep, in microseconds; None when there is neither."""
    found = [at for at in await asyncio.gather(outbox.next_due(space), sweeping.due(space)) if at is not None]
    return min(found, default=None)


async def mark(space: UserSpace, registry: Registry) -> None:
    """Look, and mark; another process may have put the user off between our look and our work."""
    due = await next_due(space)
    if due is not None:
        await registry.make_due(space.user, due)
        space.due = due
