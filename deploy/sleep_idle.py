"""Put users to sleep who have said nothing for some days: `python deploy/sleep_idle.py --days 30`.

A sleeping user takes disk and nothing else; whatever reads or writes them wakes them. The store is the one that
PERSONA_STORE names, and WEAVIATE_API_KEY is the administrator's. Meant to run once a day.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from persona_graph.errors import PersonaError
from persona_graph.memory.weaviate.store import WeaviateStore
from persona_graph.user_id import file_name

BATCH = 100
"""Tenants in one call: the client sends no more."""


async def sleep_idle(store: WeaviateStore, before: datetime) -> tuple[int, int]:
    """How many were put to sleep, of how many that were awake. Raises: PersonaError."""
    awake = await _awake(store)
    users = [user for user in await store.users() if file_name(user) in awake]
    due = set(await store.due(datetime.now(UTC)))
    idle = []
    for user in users:
        if user not in due and not await _spoke_since(store, user, before):
            idle.append(file_name(user))
    for start in range(0, len(idle), BATCH):
        await _put_to_sleep(store, idle[start : start + BATCH])
    return len(idle), len(users)


async def _awake(store: WeaviateStore) -> set[str]:
    """Names of tenants whose files are open: asked of the server, as a look at a user would wake them."""
    from weaviate.classes.tenants import TenantActivityStatus

    tenants: dict[str, Any] = await store.here.link.run(lambda collection: collection.tenants.get())
    return {name for name, one in tenants.items() if one.activity_status is TenantActivityStatus.ACTIVE}


async def _spoke_since(store: WeaviateStore, user: str, moment: datetime) -> bool:
    newest = await store.turns(user, newest=1, receipts=False)
    return bool(newest) and newest[-1].at >= moment


async def _put_to_sleep(store: WeaviateStore, names: Sequence[str]) -> None:
    from weaviate.classes.tenants import Tenant, TenantActivityStatus

    asleep = [Tenant(name=name, activity_status=TenantActivityStatus.INACTIVE) for name in names]
    await store.here.link.run(lambda collection: collection.tenants.update(asleep))


async def run(url: str, before: datetime) -> tuple[int, int]:
    """The same with a store of its own. Raises: PersonaError."""
    store = WeaviateStore(url)
    try:
        return await sleep_idle(store, before)
    finally:
        await store.close()


def main() -> None:
    """Put them to sleep, and tell how many."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--days", type=float, default=30, help="without a turn, 30 otherwise")
    parser.add_argument("--store", default=os.environ.get("PERSONA_STORE", ""), help="PERSONA_STORE otherwise")
    given = parser.parse_args()
    if not given.store:
        parser.error("set PERSONA_STORE or give --store")
    try:
        asleep, awake = asyncio.run(run(given.store, datetime.now(UTC) - timedelta(days=given.days)))
    except PersonaError as error:
        sys.exit(str(error))
    print(f"{asleep} of {awake} users who were awake sleep now")


if __name__ == "__main__":
    main()
