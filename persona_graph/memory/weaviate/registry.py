"""`Registry`: who has a tenant, and whose work is due; a tenant of its own, so that a worker opens nobody's.

A user's entry is due no later than the user's next open job. A key that may not read it still serves the users whose
tenants it may see.
"""

from __future__ import annotations

from collections.abc import Awaitable
from datetime import datetime
from typing import Any, TypeVar

from persona_graph.errors import AccessDenied, StoreError
from persona_graph.memory.row_ids import microseconds
from persona_graph.memory.weaviate import schema
from persona_graph.memory.weaviate.codec import OWNER, state_thing
from persona_graph.memory.weaviate.filters import any_id, tagged
from persona_graph.memory.weaviate.link import Link
from persona_graph.memory.weaviate.tenant import Tenant
from persona_graph.memory.weaviate.things import Thing, uid
from persona_graph.user_id import file_name

T = TypeVar("T")

NAME, USER = "registry", "user"
NEVER = 2**62
"""The row of a user who has nothing due."""


class Registry:
    """Entries of users by the hash that names their tenants."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._tenant = Tenant(link, NAME, self._make)

    async def _make(self) -> None:
        await self._link.run(lambda collection: _create(collection, NAME))

    async def make_tenant(self, user: str) -> None:
        """Have a tenant for the user, and an entry; the entry first, so that no tenant is forgotten."""
        name = file_name(user)
        await self._quietly(self._tenant.insert(_entry(user, NEVER), create=True), False)
        await self._link.run(lambda collection: _create(collection, name))
        await Tenant(self._link, name).insert(state_thing(OWNER, user))

    async def remove_tenant(self, user: str) -> None:
        """Remove the user's tenant with everything in it, and the entry. Raises: StoreError when it is still there."""
        name = file_name(user)
        await self._link.run(lambda collection: _remove(collection, name))
        await self._quietly(self._drop(user), None)

    async def _drop(self, user: str) -> None:
        await self._tenant.delete(any_id([uid(USER, user)]))

    async def users(self) -> list[str]:
        """All users."""
        try:
            return [thing.body for thing in await self._tenant.every(tagged(USER), [schema.BODY])]
        except AccessDenied:
            return await self._seen()

    async def due(self, now: datetime) -> list[str]:
        """Users whose entries are due, the longest waiting first."""
        try:
            held = await self._tenant.every(tagged(USER), [schema.BODY], last=microseconds(now))
        except AccessDenied:
            return await self._seen()
        return [thing.body for thing in held]

    async def make_due(self, user: str, not_before: int) -> None:
        """Have an entry that is due at `not_before` or earlier."""
        await self._quietly(self._earlier(user, not_before), None)

    async def _earlier(self, user: str, not_before: int) -> None:
        id = uid(USER, user)
        held = await self._tenant.get([id], [schema.ROW])
        if id not in held:
            await self._tenant.put([_entry(user, not_before)], create=True)
        elif held[id].row > not_before:
            await self._tenant.change(id, {schema.ROW: not_before})

    async def put_off(self, user: str, not_before: int | None) -> None:
        """Have the entry of a user who has one due at `not_before` exactly, or never."""
        row = NEVER if not_before is None else not_before
        await self._quietly(self._tenant.change(uid(USER, user), {schema.ROW: row}), False)

    async def _quietly(self, call: Awaitable[T], otherwise: T) -> T:
        """What a key that serves a few users may not do, and need not."""
        try:
            return await call
        except AccessDenied:
            return otherwise

    async def _seen(self) -> list[str]:
        """The users whose tenants this key may see."""
        names: Any = await self._link.run(lambda collection: collection.tenants.get())
        found = []
        for name in names:
            if name == NAME:
                continue
            held = await Tenant(self._link, name).get([OWNER], [schema.BODY])
            found += [thing.body for thing in held.values()]
        return found


def _entry(user: str, row: int) -> Thing:
    return Thing(id=uid(USER, user), tags=(USER,), row=row, body=user)


async def _create(collection: Any, name: str) -> None:
    from weaviate.classes.tenants import Tenant as TenantConfig

    await collection.tenants.create([TenantConfig(name=name)])


async def _remove(collection: Any, name: str) -> None:
    from weaviate.classes.tenants import Tenant as TenantConfig
    from weaviate.classes.tenants import TenantActivityStatus

    found = await collection.tenants.get_by_name(name)
    if found is None:
        return
    if found.activity_status is not TenantActivityStatus.ACTIVE:
        # The files of a tenant that sleeps would stay behind.
        await collection.tenants.update([TenantConfig(name=name, activity_status=TenantActivityStatus.ACTIVE)])
    await collection.tenants.remove([name])
    if await collection.tenants.exists(name):
        raise StoreError("Weaviate still has the user's tenant after it was removed")
