"""The operator's scripts against a real server: a key that reaches one user, and idle users who sleep."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from deploy.confine import confine, revoke
from deploy.sleep_idle import sleep_idle
from evals.bench.weaviate.server import WeaviateServer
from persona_graph.errors import AccessDenied
from persona_graph.memory.store import Lookup
from persona_graph.memory.weaviate.store import WeaviateStore
from persona_graph.user_id import file_name
from tests.contracts.memory_store.given import DAY, KINDS, NOON, embed, erase, fact, ids, job, take, turn

pytestmark = [pytest.mark.weaviate, pytest.mark.network]


@asynccontextmanager
async def opened(url: str, key: str, patch: pytest.MonkeyPatch) -> AsyncIterator[WeaviateStore]:
    patch.setenv("WEAVIATE_API_KEY", key)
    store = WeaviateStore(url)
    yield store
    await store.close()


@pytest.mark.slow
async def test_a_confined_key_does_all_that_a_store_does_for_its_user_and_nothing_for_others(
    weaviate_binary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("weaviate", reason="needs the extra: pip install 'persona-graph[weaviate]'")
    with WeaviateServer(keys={"admin": "admin-key"}, root=["admin"]) as server:
        async with opened(server.url, "admin-key", monkeypatch) as root:
            await root.append("bo", [turn("b")])
            await root.here.link.have_vector(8)
            key = await confine(root, "ana")
            assert sorted(await root.users()) == ["ana", "bo"]
            async with opened(server.url, key, monkeypatch) as store:
                await everything(store)
                assert await store.users() == ["ana"]
                assert await store.due(NOON + DAY) == ["ana"]
                await store.remove_user("ana")
                assert await store.append("ana", [turn("again")]) == ("again",)
                with pytest.raises(AccessDenied):
                    await store.turns("bo")
                with pytest.raises(AccessDenied):
                    await store.append("bo", [turn("from ana")])
                with pytest.raises(AccessDenied):
                    await store.remove_user("bo")
                with pytest.raises(AccessDenied):
                    await store.append("cy", [turn("nobody yet")])
                with pytest.raises(AccessDenied):
                    await store.here.link.have_vector(9)
                with pytest.raises(AccessDenied):
                    await confine(store, "bo")
            assert ids(await root.turns("bo")) == ["b"]

            renewed = await confine(root, "ana")
            async with opened(server.url, key, monkeypatch) as old:
                with pytest.raises(AccessDenied):
                    await old.turns("ana")
            async with opened(server.url, renewed, monkeypatch) as store:
                assert ids(await store.turns("ana")) == ["again"]
            worker = await confine(root, None)
            async with opened(server.url, worker, monkeypatch) as store:
                assert sorted(await store.users()) == ["ana", "bo"]
                assert await store.append("bo", [turn("late")], [job("l", "late")]) == ("late",)
                assert await store.due(NOON + DAY) == ["bo"]
                with pytest.raises(AccessDenied):
                    await confine(store, "bo")
            await revoke(root, "ana")
            async with opened(server.url, renewed, monkeypatch) as store:
                with pytest.raises(AccessDenied):
                    await store.turns("ana")


async def everything(store: WeaviateStore) -> None:
    """What doors and worker ask of a store for one user."""
    await store.append("ana", [turn("a", 0, "the sea"), turn("c", 1, "the sky")], [job("j", "a")])
    held = await take(store)
    assert held is not None
    await store.renew("ana", held, NOON + DAY)
    await store.reschedule("ana", held)
    await store.commit("ana", fact("f", "likes the sea", evidence=("a",)), held)
    await store.finish("ana", held)
    await store.rest("ana")
    assert len(await store.memories("ana")) == len(await store.commits("ana")) == 1
    assert await embed(store)
    assert (await store.find_messages("ana", Lookup(terms=("sea",)))).rows.size
    assert (await store.find_memories("ana", Lookup(terms=("sea",), kinds=KINDS))).memories
    await store.drop_vectors("ana")
    await store.rebuild("ana")
    assert (await erase(store, "c")).turns == ("c",)
    await store.settle("ana")
    assert "c" in (await store.tombstones("ana")).ids


async def test_users_who_have_been_silent_sleep_until_somebody_asks(weaviate_url: str) -> None:
    pytest.importorskip("weaviate", reason="needs the extra: pip install 'persona-graph[weaviate]'")
    store = WeaviateStore(f"{weaviate_url}&collection=TestSleep")
    await store.append("ana", [turn("old", 0)])
    await store.append("bo", [turn("old", 0), turn("new", 9)])
    await store.append("cy", [turn("work left", 0)], [job("j", "work left")])
    assert await sleep_idle(store, NOON + 5 * DAY) == (1, 3)
    assert await sleep_idle(store, NOON + 5 * DAY) == (0, 2)
    tenants = await store.here.link.run(lambda collection: collection.tenants.get())
    asleep = {name for name, one in tenants.items() if one.activity_status.value == "INACTIVE"}
    assert asleep == {file_name("ana")}
    assert ids(await store.turns("ana")) == ["old"]
    await store.remove_user("ana")
    assert sorted(await store.users()) == ["bo", "cy"]
    await store.here.link.drop_collection()
    await store.close()
