"""The server that other tests talk to: it starts, stops and starts again, and does not outlive who started it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from evals.bench.weaviate.server import HOST, TAKEN, DidNotStart, PortTaken, WeaviateCluster, WeaviateServer
from tests.support.waiting import alive, eventually

pytestmark = [pytest.mark.weaviate, pytest.mark.network, pytest.mark.usefixtures("weaviate_binary")]

ROOT = Path(__file__).parents[4]


def connect(server: WeaviateServer, key: str = "") -> Any:
    weaviate = pytest.importorskip("weaviate")
    # With its checks the client asks PyPI for its newest version.
    return weaviate.connect_to_local(
        HOST,
        server.http_port,
        server.grpc_port,
        auth_credentials=weaviate.auth.Auth.api_key(key) if key else None,
        additional_config=weaviate.classes.init.AdditionalConfig(
            timeout=weaviate.classes.init.Timeout(query=5, insert=5)
        ),
        skip_init_checks=True,
    )


def put(server: WeaviateServer, *texts: str) -> None:
    with connect(server) as client:
        notes = client.collections.use("Note")
        for text in texts:
            notes.data.insert({"text": text}, vector=[1.0, 0.0])


def held(server: WeaviateServer) -> list[str]:
    with connect(server) as client:
        return sorted(one.properties["text"] for one in client.collections.use("Note").query.fetch_objects().objects)


def test_what_was_written_is_there_after_a_stop_and_after_a_kill() -> None:
    with WeaviateServer() as server:
        put(server, "one")
        url = server.url
        server.stop()
        server.start()
        assert (server.url, held(server)) == (url, ["one"])
        put(server, "two")
        server.kill()
        server.start()
        assert held(server) == ["one", "two"]
    assert not server.folder.exists()


def test_a_shared_server_is_reached_by_its_url(weaviate_url: str) -> None:
    address, grpc = weaviate_url.removeprefix("weaviate://").split("?grpc=")
    host, port = address.split(":")
    weaviate = pytest.importorskip("weaviate")
    with weaviate.connect_to_local(host, int(port), int(grpc), skip_init_checks=True) as client:
        assert client.get_meta()["version"]


def test_only_those_with_a_key_get_in_and_only_root_may_do_everything() -> None:
    weaviate = pytest.importorskip("weaviate")
    with WeaviateServer(keys={"admin": "admin-key", "app": "app-key"}, root=["admin"]) as server:
        with connect(server, "admin-key") as client:
            client.collections.create("Note")
        with connect(server, "app-key") as client, pytest.raises(weaviate.exceptions.InsufficientPermissionsError):
            client.collections.delete("Note")
        with pytest.raises(weaviate.exceptions.WeaviateBaseError):
            connect(server, "wrong")


@pytest.mark.slow
def test_of_three_nodes_one_may_crash_and_come_back() -> None:
    pytest.importorskip("weaviate")
    from weaviate.classes.config import Configure, ConsistencyLevel, DataType, Property
    from weaviate.exceptions import WeaviateTimeoutError

    def write(node: WeaviateServer, text: str) -> bool:
        """Without the node that agreed on the schema a write hangs until the others have chosen another."""
        with connect(node) as client, suppress(WeaviateTimeoutError):
            notes = client.collections.use("Note").with_consistency_level(ConsistencyLevel.QUORUM)
            notes.data.insert({"text": text}, vector=[1.0, 0.0])
            return True
        return False

    with WeaviateCluster() as cluster:
        first, *others = cluster.nodes
        with connect(first) as client:
            text = Property(name="text", data_type=DataType.TEXT)
            client.collections.create("Note", properties=[text], replication_config=Configure.replication(factor=3))
        first.kill()
        assert eventually(lambda: write(others[0], "one"))
        first.start()
        assert write(first, "two")
        assert eventually(lambda: all(held(node) == ["one", "two"] for node in others))


def test_ports_that_were_taken_meanwhile_are_given_up_for_others_but_not_those_of_its_data() -> None:
    server = WeaviateServer()
    first = server.http_port
    with socket.create_server((HOST, first)), server:
        assert server.http_port != first
        server.stop()
        with socket.create_server((HOST, server.http_port)), pytest.raises(PortTaken, match=TAKEN):
            server.start()


def test_a_server_that_cannot_start_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(WeaviateServer, "_access", lambda _: {"AUTHENTICATION_APIKEY_ENABLED": "true"})
    with pytest.raises(DidNotStart, match="ended before it was ready:\n.*keys"), WeaviateServer():
        pass


STARTS_ONE = """
import sys
from evals.bench.weaviate.server import WeaviateServer
server = WeaviateServer()
server.start()
print(server.folder, (server.folder / "pid").read_text(), flush=True)
sys.stdin.read()
"""


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_it_does_not_outlive_who_started_it(how: signal.Signals, weaviate_binary: Path) -> None:
    child = subprocess.Popen(
        [sys.executable, "-c", STARTS_ONE],
        cwd=ROOT,
        env=os.environ | {"PERSONA_TEST_WEAVIATE": str(weaviate_binary)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    with child:
        assert child.stdout is not None
        folder, number = child.stdout.readline().split()
        child.send_signal(how)
    assert eventually(lambda: not Path(folder).exists())
    assert not alive(int(number))
