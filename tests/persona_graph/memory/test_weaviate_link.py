"""What a call on a real server ends with when its connection goes, and when somebody cancels it."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from persona_graph.errors import StoreAway
from persona_graph.memory.weaviate.address import parse
from persona_graph.memory.weaviate.link import Link

pytestmark = [pytest.mark.weaviate, pytest.mark.network]


@pytest.fixture
def link(weaviate_url: str) -> Link:
    pytest.importorskip("weaviate", reason="needs the extra: pip install 'persona-graph[weaviate]'")
    return Link(parse(f"{weaviate_url}&collection=TestLink"), None)


async def test_a_call_under_which_the_connection_is_closed_says_that_the_store_is_away(link: Link) -> None:
    async def closed(_: Any) -> None:
        raise asyncio.CancelledError  # as the client's channel does to all calls in flight

    with pytest.raises(StoreAway):
        await link.run(closed)
    assert await link.run(lambda collection: collection.exists())
    await link.drop_collection()
    await link.close()


async def test_a_call_that_somebody_cancels_stays_cancelled(link: Link) -> None:
    async def hangs(_: Any) -> None:
        began.set()
        await asyncio.Event().wait()

    began = asyncio.Event()
    call = asyncio.create_task(link.run(hangs))
    await began.wait()
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    await link.drop_collection()
    await link.close()
