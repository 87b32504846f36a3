"""A key that the server confines to one user's tenant: what it can do for its user, and that it can do no more.

Every method of the store is called with it twice: for its own user, where all has to work, and for another's, where
each call has to be refused. What the other has is compared with what it was, and so is whom the key can list.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from evals.bench.weaviate.server import WeaviateServer
from persona_graph import Options, Persona
from persona_graph.errors import AccessDenied, PersonaError
from persona_graph.memory.erase import Erase
from persona_graph.memory.open_job import OpenJob
from persona_graph.memory.store import Lookup, MemoryStore, Vectors
from persona_graph.memory.types import Source
from persona_graph.memory.weaviate.address import COLLECTION
from persona_graph.memory.weaviate.codec import message_id
from persona_graph.memory.weaviate.things import MESSAGE, name_of
from persona_graph.options import Updates
from persona_graph.user_id import file_name
from tests.contracts.memory_store.given import DAY, HOUR, NOON, by_hand, core, fact, job, turn, unit
from tests.trials import holdings
from tests.trials.weaviate.part import Figures, Part

OWN, OTHER, THIRD = "ana", "ben", "Zoë 🦊"
SECRET = "the other's secret"
ROOT_KEY, KEY_ENV = "root-key", "PERSONA_TRIAL_KEY"

REF = f"{MESSAGE}:{message_id('a', 0).hex}:{name_of(SECRET)}"
"""The store's name for the text of the first message; the same for every user."""


def _job(turn: str) -> OpenJob:
    return replace(job("j", turn), name="infer_personality")


async def _messages_at(store: MemoryStore, user: str) -> Any:
    """By rows that its own user has, which another's tenant has too."""
    rows = (await store.find_messages(OWN, Lookup(terms=("tea",)))).rows
    return await store.messages_at(user, [int(row) for row in rows])


Call = Callable[[MemoryStore, str], Awaitable[Any]]

CALLS: Mapping[str, Call] = {
    "append": lambda store, user: store.append(user, [turn("new", 3, "hello")], [_job("new")]),
    "append again": lambda store, user: store.append(user, [turn("a", 0, "mine now")]),
    "turns": lambda store, user: store.turns(user),
    "jobs": lambda store, user: store.jobs(user),
    "claim": lambda store, user: store.claim(user, worker="w", now=NOON + DAY, until=NOON + DAY + HOUR),
    "renew": lambda store, user: store.renew(user, _job("new"), NOON + 2 * DAY),
    "reschedule": lambda store, user: store.reschedule(user, _job("new")),
    "rest": lambda store, user: store.rest(user),
    "commit": lambda store, user: store.commit(user, fact("c", "likes cake", evidence=("a",))),
    "commit by hand": lambda store, user: store.commit(user, by_hand("h", core("Name", "Mallory"))),
    "finish": lambda store, user: store.finish(user, _job("new")),
    "commits": lambda store, user: store.commits(user),
    "memories": lambda store, user: store.memories(user, history=True, off=True),
    "personality": lambda store, user: store.personality(user),
    "standing": lambda store, user: store.standing(user),
    "rebuild": lambda store, user: store.rebuild(user),
    "speakers": lambda store, user: store.speakers(user),
    "find_messages": lambda store, user: store.find_messages(user, Lookup(terms=("secret",))),
    "find_memories": lambda store, user: store.find_memories(user, Lookup(terms=("secret",))),
    "messages_at": _messages_at,
    "token_vectors": lambda store, user: store.token_vectors(user, [0]),
    "unembedded": lambda store, user: store.unembedded(user, 9),
    "put_vectors": lambda store, user: store.put_vectors(user, "f", [Vectors(ref=REF, vector=unit(0))]),
    "drop_vectors": lambda store, user: store.drop_vectors(user),
    "erase": lambda store, user: store.erase(
        user, Erase(turns=frozenset({"new"})), at=NOON, reopen=lambda _again, _newest: None
    ),
    "unsettled": lambda store, user: store.unsettled(user),
    "settle": lambda store, user: store.settle(user, ["0" * 64]),
    "tombstones": lambda store, user: store.tombstones(user),
    "bury": lambda store, user: store.bury(user, ["z"], at=NOON, reopen=lambda _again, _newest: None),
    "remove_user": lambda store, user: store.remove_user(user),
}
"""Every method that is about one user."""
NOT_OF_A_USER = frozenset({"users", "due", "close"})


@contextmanager
def confined(server: WeaviateServer) -> Iterator[str]:
    """The URL of a store whose key may touch the tenant of `OWN` alone; the key is in the environment meanwhile."""
    before = os.environ.get(KEY_ENV)
    os.environ[KEY_ENV] = _key(server)
    try:
        yield f"{server.url}&key_env={KEY_ENV}"
    finally:
        os.environ.pop(KEY_ENV)
        if before is not None:
            os.environ[KEY_ENV] = before


def _key(server: WeaviateServer) -> str:
    import weaviate
    from weaviate.classes.init import Auth
    from weaviate.classes.rbac import Permissions

    tenant = file_name(OWN)
    allowed = [
        Permissions.data(collection=COLLECTION, tenant=tenant, create=True, read=True, update=True, delete=True),
        Permissions.tenants(collection=COLLECTION, tenant=tenant, create=True, read=True, update=True, delete=True),
        Permissions.collections(collection=COLLECTION, read_config=True),
    ]
    with weaviate.connect_to_local(
        "127.0.0.1", server.http_port, server.grpc_port, auth_credentials=Auth.api_key(ROOT_KEY), skip_init_checks=True
    ) as client:
        key = client.users.db.create(user_id="app")
        client.roles.create(role_name="one-user", permissions=allowed)
        client.users.db.assign_roles(user_id="app", role_names="one-user")
    return str(key)


def run(_folder: Path, _seed: int) -> Figures:
    """A server with rights, three users, one key."""
    with WeaviateServer(keys={"admin": ROOT_KEY}, root=["admin"]) as server:
        os.environ["TRIAL_ROOT"] = ROOT_KEY
        return asyncio.run(_tried(server))


async def _tried(server: WeaviateServer) -> Figures:
    whole = Persona.open(
        f"{server.url}&key_env=TRIAL_ROOT",
        model="offline",
        options=Options(updates=Updates.OFF),
        media=server.folder / "media",
    )
    async with whole:
        store = whole.engine.store
        for user in (OWN, OTHER, THIRD):
            await _furnish(store, user)
        before = {user: await holdings.read(store, user) for user in (OTHER, THIRD)}
        with confined(server) as url:
            figures = await _with_the_key(server, url)
        after = {user: await holdings.read(store, user) for user in (OTHER, THIRD)}
        changed = [user for user in before if before[user] != after[user]]
        users = sorted(await store.users())
    return figures | {
        "changed": changed,
        "leaks": len(figures["leaked"]) + len(changed),
        "users_with_the_whole_key": users,
    }


async def _furnish(store: MemoryStore, user: str) -> None:
    """A turn, a memory by hand, a vector."""
    words = SECRET if user != OWN else "tea"
    await store.append(user, [turn("a", 0, words, speaker=words)], [_job("a")])
    await store.commit(user, fact("f", f"knows {words}", evidence=("a",), source=Source.PERSON))
    waiting = await store.unembedded(user, 9)
    await store.put_vectors(user, "f", [Vectors(ref=one.ref, vector=unit(n)) for n, one in enumerate(waiting)])


async def _with_the_key(server: WeaviateServer, url: str) -> Figures:
    persona = Persona.open(
        url, model="offline", options=Options(updates=Updates.OFF), media=server.folder / "media-of-own"
    )
    async with persona:
        store = persona.engine.store
        listed = await store.users()
        due = await store.due(NOON + timedelta(days=9_999))
        others = [await _ends(store, user, call) for user in (OTHER, THIRD, "nobody yet") for call in CALLS.values()]
        # Once more in a conversation, as a program has it.
        reply = await persona.achat(OWN, "I live in Porto.")
        await persona.aflush(OWN, close_sessions=True)
        found = await persona.asearch(OWN, "Porto")
        (memory, *_) = await persona.amemories(OWN)
        await persona.acorrect(OWN, memory.id, "lives in Braga")
        await persona.aforget(OWN, turn=reply.turn)
        own = {name: await _ends(store, OWN, call) for name, call in CALLS.items()}
        listed_after = await store.users()
    return {
        "methods": len({name.split(" ")[0] for name in CALLS}),
        "calls_on_others": len(others),
        "refused": others.count("refused"),
        "leaked": [end for end in others if end not in ("refused", "nothing")],
        "nothing_told": others.count("nothing"),
        "listed": listed,
        "due": due,
        "listed_after_own_was_removed": listed_after,
        "calls_on_own": len(own),
        "done": sum(end.startswith("done") or end == "nothing" for end in own.values()),
        "own_refused": {name: end for name, end in own.items() if end == "refused" or end.startswith("failed")},
        "found": len(found.hits),
    }


async def _ends(store: MemoryStore, user: str, call: Call) -> str:
    """How a call ended: refused, with nothing, or done with what came back."""
    try:
        given = await call(store, user)
    except AccessDenied:
        return "refused"
    except PersonaError as error:
        return f"failed: {type(error).__name__}: {error}"
    told = repr(given)
    if not given or told.endswith("()") or (user != OWN and SECRET not in told and _is_empty(given)):
        return "nothing"
    return f"done: {told[:200]}"


def _is_empty(given: Any) -> bool:
    return given == type(given)() if callable(type(given)) else False


def broken(figures: Figures) -> list[str]:
    """Which figures break a promise."""
    found = [name for name in ("leaks", "own_refused") if figures[name]]
    found += ["refused"] * (figures["refused"] != figures["calls_on_others"])
    return found + ["listed"] * (figures["listed"] != [OWN])


PART = Part(name="confined-key", what="a key for one user's tenant", run=run, broken=broken)
