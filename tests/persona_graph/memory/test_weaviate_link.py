"""What a call on a real server ends with when its connection goes, and when somebody cancels it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from persona_graph.errors import StoreAway
from persona_graph.memory.weaviate.address import parse
from persona_graph.memory.weaviate.asking import Asking
from persona_graph.memory.weaviate.filters import tagged
from persona_graph.memory.weaviate.link import Link

pytestmark = [pytest.mark.weaviate, pytest.mark.network]


Ask = Callable[[Link, Any], Awaitable[object]]


async def _by_words_of_the_server(link: Link, collection: Any) -> object:
    return await Asking(link.address.collection, "ana", "one").find(collection, tagged("turn"), [], 1)


async def _by_the_client(_: Link, collection: Any) -> object:
    return await collection.with_tenant("ana").query.fetch_objects(limit=1)


async def _by_rest(_: Link, collection: Any) -> object:
    return await collection.tenants.create("ana")


async def _again(_: Link, __: Any) -> object:
    raise RuntimeError("Channel is closed.")  # what the client's own second try ends with, as no error of its own


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


@pytest.mark.parametrize("ask", [_by_words_of_the_server, _by_the_client, _by_rest, _again])
async def test_a_call_on_a_connection_that_another_has_given_up_says_so_too(link: Link, ask: Ask) -> None:
    async def given_up(collection: Any) -> None:
        await link.close()
        await ask(link, collection)

    with pytest.raises(StoreAway):
        await link.run(given_up)
    await link.drop_collection()
    await link.close()


async def test_a_call_that_too_few_nodes_can_answer_yet_is_made_again(link: Link) -> None:
    tried = []

    async def soon(_: Any) -> str:
        tried.append("once")
        if len(tried) < 3:
            raise WeaviateBaseError(
                'cannot achieve consistency level "QUORUM": cannot reach enough replicas: shard ...'
            )
        return "done"

    from weaviate.exceptions import WeaviateBaseError

    assert await link.run(soon) == "done"
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
