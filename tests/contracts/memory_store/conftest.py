"""The stores that keep the contract of `MemoryStore`: what every store promises, whatever it is made of."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import pytest

from evals.bench.weaviate.place import drop
from persona_graph.memory.sqlite.store import SqliteStore
from persona_graph.memory.store import MemoryStore
from persona_graph.memory.weaviate.store import WeaviateStore

Opened = Callable[[pytest.FixtureRequest, Path], AbstractAsyncContextManager[MemoryStore]]
"""An empty store, given an empty folder and a way to ask for fixtures; whatever it made elsewhere goes at the end."""


@asynccontextmanager
async def sqlite(_request: pytest.FixtureRequest, folder: Path) -> AsyncIterator[MemoryStore]:
    """Files in the folder."""
    store = SqliteStore(folder / "store")
    yield store
    await store.close()


@asynccontextmanager
async def weaviate(request: pytest.FixtureRequest, _folder: Path) -> AsyncIterator[MemoryStore]:
    """A collection of its own on a server that all tests share."""
    pytest.importorskip("weaviate", reason="needs the extra: pip install 'persona-graph[weaviate]'")
    store = WeaviateStore(f"{request.getfixturevalue('weaviate_url')}&collection=Test{secrets.token_hex(6)}")
    yield store
    await store.close()
    await drop(store)


STORES = [
    pytest.param(sqlite, id="sqlite"),
    pytest.param(weaviate, id="weaviate", marks=[pytest.mark.weaviate, pytest.mark.network]),
]


@pytest.fixture(params=STORES)
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[MemoryStore]:
    """A store with nothing in it."""
    opened: Opened = request.param
    async with opened(request, tmp_path) as made:
        yield made
