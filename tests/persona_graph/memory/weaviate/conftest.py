"""Stores on one collection of a real server."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Callable

import pytest

from evals.bench.weaviate.place import drop
from persona_graph.memory.weaviate.store import WeaviateStore

Open = Callable[[], WeaviateStore]


@pytest.fixture
async def another(weaviate_url: str) -> AsyncIterator[Open]:
    """Opens one more store on the same collection, as another process would have it."""
    pytest.importorskip("weaviate", reason="needs the extra: pip install 'persona-graph[weaviate]'")
    url, opened = f"{weaviate_url}&collection=Test{secrets.token_hex(6)}", list[WeaviateStore]()

    def open_one() -> WeaviateStore:
        opened.append(WeaviateStore(url))
        return opened[-1]

    yield open_one
    for store in opened:
        await store.close()
    await drop(open_one())
