"""Where a bench that is given `STORE=` works.

STORE=weaviate                      a server of our own on this machine, with a temporary folder
STORE=weaviate://HOST:PORT?grpc=P   a collection of its own there, which goes when the bench is done
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from evals.bench import report
from evals.bench.weaviate.server import WeaviateServer
from persona_graph.memory.weaviate.address import SCHEMES
from persona_graph.memory.weaviate.store import WeaviateStore

OWN = "weaviate"
"""Says that the bench starts the server."""


@dataclass(frozen=True, slots=True)
class Place:
    """A store, and what it runs on."""

    url: str
    server: WeaviateServer | None = None
    """Where it was started here: then its memory, files and disk can be looked at."""


def is_weaviate(store: str) -> bool:
    """Whether `STORE=` names a Weaviate."""
    return store == OWN or store.partition("://")[0] in SCHEMES


@contextmanager
def opened(store: str) -> Iterator[Place]:
    """A place to work at."""
    if store == OWN:
        report.say("starting a Weaviate server ...")
        with WeaviateServer() as server:
            yield Place(server.url, server)
        return
    if not is_weaviate(store):
        yield Place(store)
        return
    # Of two collections that an URL names the last counts, so what stands in the one that is used stays untouched.
    url = f"{store}{'&' if '?' in store else '?'}collection=Bench{secrets.token_hex(6)}"
    try:
        yield Place(url)
    finally:
        asyncio.run(_dropped(url))


async def drop(store: WeaviateStore) -> None:
    """Remove the store's whole collection."""
    await store.here.link.drop_collection()


async def _dropped(url: str) -> None:
    store = WeaviateStore(url)
    await drop(store)
    await store.close()
