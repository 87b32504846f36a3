"""A server of our own: shared by those who name its folder, back on the same data, gone with who started it."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from persona_graph import open_store
from persona_graph.conversation import Message, Role, Turn
from persona_graph.errors import ConfigurationError, StoreAway
from persona_graph.memory.store import MemoryStore
from persona_graph.memory.weaviate.address import parse
from persona_graph.memory.weaviate.embedded import HOST
from persona_graph.memory.weaviate.store import WeaviateStore
from tests.support.waiting import alive, eventually

PROJECT = Path(__file__).parents[4]


@pytest.fixture
def folder(tmp_path: Path, weaviate_binary: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where a server may live; its program stands under the name that the client's embedded mode expects."""
    pytest.importorskip("weaviate", reason="needs the extra: pip install 'persona-graph[weaviate]'")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    program = parse("weaviate+embedded://x", os.environ).program
    assert program is not None
    program.parent.mkdir()
    program.symlink_to(weaviate_binary)
    return tmp_path / "it"


def url(folder: Path) -> str:
    return f"weaviate+embedded://{folder}"


def turn(id: str) -> Turn:
    at, said = datetime(2024, 5, 1, tzinfo=UTC), (Message.of(Role.PERSON, f"This is {id}."),)
    return Turn(id=id, at=at, session="s", messages=said)


async def ids(store: MemoryStore) -> set[str]:
    return {turn.id for turn in await store.turns("ana")}


def free(port: int) -> bool:
    with socket.socket() as one:
        return one.connect_ex((HOST, port)) != 0


WRITES_AND_WAITS = """
import asyncio, sys
from persona_graph import open_store
from tests.persona_graph.memory.weaviate.test_embedded import turn

async def main():
    store = open_store(sys.argv[1])
    await store.append("ana", [turn("first")])
    print("there", flush=True)
    await asyncio.to_thread(sys.stdin.read)

asyncio.run(main())
"""


@pytest.mark.weaviate
@pytest.mark.network
@pytest.mark.slow
async def test_two_processes_share_it_and_one_goes_on_when_the_other_is_killed(folder: Path) -> None:
    child = subprocess.Popen(
        [sys.executable, "-c", WRITES_AND_WAITS, url(folder)],
        cwd=PROJECT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    store = open_store(url(folder))
    with child:
        assert child.stdout is not None
        assert child.stdout.readline() == "there\n"
        started = json.loads((folder / "server.json").read_text(encoding="utf-8"))
        assert await ids(store) == {"first"}
        child.send_signal(signal.SIGKILL)
    assert eventually(lambda: not alive(started["pid"]))
    with pytest.raises(StoreAway):  # nobody knows whether it arrived; it may be said again
        await store.append("ana", [turn("second")])
    await store.append("ana", [turn("second")])
    assert await ids(store) == {"first", "second"}
    again = json.loads((folder / "server.json").read_text(encoding="utf-8"))
    assert (again["ports"], again["pid"] != started["pid"]) == (started["ports"], True)
    await store.close()
    assert free(again["ports"][0])
    assert not (folder / "server.json").exists()


@pytest.mark.weaviate
@pytest.mark.network
@pytest.mark.slow
async def test_it_moves_to_other_ports_where_its_own_are_taken(folder: Path) -> None:
    store = open_store(url(folder))
    await store.append("ana", [turn("first")])
    await store.close()
    ports = json.loads((folder / "ports.json").read_text(encoding="utf-8"))
    with socket.create_server((HOST, ports[4])):
        other = open_store(url(folder))
        await other.append("ana", [turn("second")])
        assert await ids(other) == {"first", "second"}
        await other.close()
    assert json.loads((folder / "ports.json").read_text(encoding="utf-8"))[0] != ports[0]


@pytest.mark.weaviate
@pytest.mark.network
@pytest.mark.slow
async def test_nobody_else_on_the_machine_gets_in(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUTHENTICATION_ANONYMOUS_ACCESS_ENABLED", "true")  # as a developer may have it
    monkeypatch.setenv("PERSISTENCE_DATA_PATH", str(folder.parent / "elsewhere"))
    store = open_store(url(folder))
    await store.append("ana", [turn("first")])
    port, own, *_ = json.loads((folder / "ports.json").read_text(encoding="utf-8"))
    connection = http.client.HTTPConnection(HOST, port, timeout=5)
    connection.request("GET", "/v1/schema")
    assert connection.getresponse().status == 401
    connection.close()
    data = http.client.HTTPConnection(HOST, own + 2, timeout=5)  # by which nodes talk to each other
    data.request("GET", "/indices/Persona/shards/x/objects/x")
    assert data.getresponse().status == 401
    data.close()
    assert (folder / "server.json").stat().st_mode & 0o077 == 0
    assert not (folder.parent / "elsewhere").exists()
    await store.close()


async def test_a_file_in_the_place_of_its_folder_is_named_in_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "it").write_text("a file", encoding="utf-8")
    store = WeaviateStore(url(tmp_path / "it"))
    with pytest.raises(ConfigurationError, match="it is no folder"):
        await store.users()
    await store.close()


async def test_nothing_is_downloaded_unasked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    store = WeaviateStore(url(tmp_path / "it"))
    with pytest.raises(ConfigurationError, match=r"needs the program of Weaviate 1\.39\.0 at .*cache.weaviate-v1"):
        await store.users()
    await store.close()


def test_the_program_is_where_the_client_looks_for_it() -> None:
    name = "weaviate-v1.39.0-f5768c3a2fc3a38d93873cb4d5531e2d0438633c412a0a4d3503fd6205bb676e"
    assert parse("weaviate+embedded://x", {"XDG_CACHE_HOME": "/c"}).program == Path("/c", name)
    assert parse("weaviate+embedded://x", {}).program == Path.home() / ".cache" / "weaviate-embedded" / name
