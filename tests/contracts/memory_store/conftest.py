"""The stores that keep the contract of `MemoryStore`: what every store promises, whatever it is made of."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import pytest

from persona_graph.memory.sqlite.store import SqliteStore
from persona_graph.memory.store import MemoryStore

Opened = Callable[[pytest.FixtureRequest, Path], AbstractAsyncContextManager[MemoryStore]]
"""An empty store, given an empty folder and a way to ask for fixtures; whatever it made elsewhere goes at the end."""


@asynccontextmanager
async def sqlite(_request: pytest.FixtureRequest, folder: Path) -> AsyncIterator[MemoryStore]:
    """Files in the folder."""
    store = SqliteStore(folder / "store")
    yield store
    await store.close()


STORES = [pytest.param(sqlite, id="sqlite")]
"""A store on a server that all tests share asks the request for the server's URL and takes a collection of a new name
on it (`weaviate://host:port?grpc=port&collection=NAME`), so that no test meets another, and drops it at the end. Its
parameter is marked `weaviate` and `network`."""


@pytest.fixture(params=STORES)
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[MemoryStore]:
    """A store with nothing in it."""
    opened: Opened = request.param
    async with opened(request, tmp_path) as made:
        yield made
