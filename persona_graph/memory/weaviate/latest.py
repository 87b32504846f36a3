"""The last things before the end of a window: sorting on the server reads all of them, so we look back in steps."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from persona_graph.memory.weaviate.filters import both
from persona_graph.memory.weaviate.tenant import Tenant
from persona_graph.memory.weaviate.things import Found

DAYS = (1, 8, 64, 512)
"""How far it is looked back."""


async def latest(tenant: Tenant, where: Any, back: Sequence[Any], fields: Sequence[str], count: int) -> list[Found]:
    """At least the last `count` things that fit, or all where they are fewer: that is one call, else three in a row.

    `back` are filters that each let in what lies some days back, the fewest first; with none of them all is read.
    """
    some = await tenant.find(where, fields, limit=count + 1)
    if len(some) <= count:
        return some
    held = await asyncio.gather(*(tenant.count(both(where, step)) for step in back))
    enough = (step for step, there in zip(back, held, strict=True) if there >= count)
    return await tenant.every(both(where, next(enough, None)), fields)
