"""A key that reaches one user's memory and nothing else: `python deploy/confine.py ana`.

With `--everyone` it reaches the memory of all users, and no key, role or backup: for a worker. The store is the one
that PERSONA_STORE names, and WEAVIATE_API_KEY is the administrator's. The key is printed once, the server keeps a
digest of it. Run again it makes a new key and the old one ends; `--revoke` takes it away for good.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from typing import Any

from persona_graph.errors import PersonaError
from persona_graph.memory.weaviate.store import WeaviateStore
from persona_graph.user_id import file_name


def name_of(user: str | None) -> str:
    """The name of the role, and of who has the key on the server: it says nothing about the user; None is everyone."""
    return "persona-everyone" if user is None else f"persona-{file_name(user)[:32]}"


def permissions(collection: str, user: str | None) -> list[Any]:
    """All that the store asks for on behalf of one user, and no more; None is everyone."""
    from weaviate.classes.rbac import Permissions

    tenant = "*" if user is None else file_name(user)
    return [
        Permissions.data(collection=collection, tenant=tenant, create=True, read=True, update=True, delete=True),
        # Each program's first write makes the tenant where there is none; forgetting everything wakes and removes it.
        Permissions.tenants(collection=collection, tenant=tenant, create=True, read=True, update=True, delete=True),
        Permissions.collections(collection=collection, read_config=True),
    ]


async def confine(store: WeaviateStore, user: str | None) -> str:
    """A new key for the user's role, or everyone's. Raises: PersonaError."""
    link, name = store.here.link, name_of(user)
    if user is not None:
        # What such a key writes is not told to the list of users, which it may not see.
        await store.here.registry.make_tenant(user)

    async def make(_: Any) -> str:
        client = await link.client()
        if not await client.roles.exists(name):
            await client.roles.create(role_name=name, permissions=permissions(link.address.collection, user))
        users = client.users.db
        known = await users.get(user_id=name) is not None
        key = await (users.rotate_key(user_id=name) if known else users.create(user_id=name))
        await users.assign_roles(user_id=name, role_names=[name])
        return str(key)

    return await link.run(make)


async def revoke(store: WeaviateStore, user: str | None) -> None:
    """Take key and role away; the memory stays. Raises: PersonaError."""
    link, name = store.here.link, name_of(user)

    async def take(_: Any) -> None:
        client = await link.client()
        await client.users.db.delete(user_id=name)
        await client.roles.delete(name)

    await link.run(take)


async def run(url: str, user: str | None, *, away: bool) -> str:
    """What is printed. Raises: PersonaError."""
    store = WeaviateStore(url)
    try:
        if away:
            await revoke(store, user)
            return ""
        return await confine(store, user)
    finally:
        await store.close()


def main() -> None:
    """Make a key, or take it away."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    whose = parser.add_mutually_exclusive_group(required=True)
    whose.add_argument("user", nargs="?", help="whose memory the key reaches")
    whose.add_argument("--everyone", action="store_true", help="the memory of all users")
    parser.add_argument("--store", default=os.environ.get("PERSONA_STORE", ""), help="PERSONA_STORE otherwise")
    parser.add_argument("--revoke", action="store_true", help="take the key and the role away; the memory stays")
    given = parser.parse_args()
    if not given.store:
        parser.error("set PERSONA_STORE or give --store")
    try:
        key = asyncio.run(run(given.store, given.user, away=given.revoke))
    except PersonaError as error:
        sys.exit(str(error))
    if key:
        print(key)


if __name__ == "__main__":
    main()
