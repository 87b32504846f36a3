"""A real Weaviate server on loopback, alone or three together: `python -m evals.bench.weaviate.server` tries one.

    with WeaviateServer() as server:
        open_store(server.url)

It runs the binary that `PERSONA_TEST_WEAVIATE` names, or the one that the client's embedded mode would run; nothing is
downloaded. Importing this takes neither pytest nor the client: benches and trials use it too.
"""

from __future__ import annotations

import argparse
import hashlib
import http.client
import os
import secrets
import signal
import socket
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from evals.bench import report
from evals.bench.weaviate.ports import PortBlock
from evals.bench.weaviate.process import ServerProcess

VERSION = "1.39.0"
GIVEN = os.environ.get("PERSONA_TEST_WEAVIATE", "")
"""URL of a server that runs, or path of a binary. Read here, because tests are shielded from the environment."""
# The client takes XDG_CACHE_HOME for the folder itself.
KEPT = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache" / "weaviate-embedded") / (
    f"weaviate-v{VERSION}-{hashlib.sha256(f'v{VERSION}'.encode()).hexdigest()}"
)
"""Where the client's embedded mode looks for this version."""
MISSING = f"needs a Weaviate server: PERSONA_TEST_WEAVIATE=URL or binary, or v{VERSION} at {KEPT}"

HOST = "127.0.0.1"
START_S, STOP_S, POLL_S = 60.0, 30.0, 0.05
TRIES = 3
TAKEN = "address already in use"
"""What the server prints, and then ends, when a port is taken."""


class DidNotStart(Exception):
    """The server ended or did not become ready; the end of its log says why."""


class PortTaken(DidNotStart):
    """Another process has one of the ports."""


def given_url() -> str | None:
    """The server that `PERSONA_TEST_WEAVIATE` names, where it names one."""
    return GIVEN if "://" in GIVEN else None


def binary() -> Path | None:
    """The server's program, or None where there is none (`MISSING` says what to do)."""
    if GIVEN and given_url() is None:
        if not Path(GIVEN).is_file():
            raise FileNotFoundError(f"PERSONA_TEST_WEAVIATE names no file and no URL: {GIVEN!r}")
        return Path(GIVEN).absolute()
    return KEPT if KEPT.is_file() else None


class WeaviateServer:
    """One node. It keeps its ports and its data until `close`, whether it runs or not.

    `keys` gives users their API keys (nobody else gets in then); `root` names those of them who may do everything and
    turns on the rights of all others (RBAC); `backups` lets it back up into `folder / "backups"`.
    """

    def __init__(
        self, *, keys: Mapping[str, str] | None = None, root: Sequence[str] = (), backups: bool = False
    ) -> None:
        self.keys, self.root, self.backups = dict(keys or {}), tuple(root), backups
        self.name = f"node-{secrets.token_hex(4)}"
        self.together: Sequence[WeaviateServer] = (self,)
        """All nodes of its cluster."""
        found = binary()
        if found is None:
            raise FileNotFoundError(MISSING)
        self._binary, self._has_run = found, False
        self._ports, self._process = PortBlock(), ServerProcess("weaviate")

    @property
    def url(self) -> str:
        """How a store is told of it."""
        return f"weaviate://{HOST}:{self.http_port}?grpc={self.grpc_port}"

    @property
    def http_port(self) -> int:
        """Of the REST interface."""
        return self._ports[0]

    @property
    def grpc_port(self) -> int:
        """Of the gRPC interface."""
        return self._ports[1]

    @property
    def gossip_port(self) -> int:
        """By which nodes find each other; the next one is for data between them."""
        return self._ports[2]

    @property
    def raft_port(self) -> int:
        """By which nodes agree on the schema; the next one is for calls between them."""
        return self._ports[4]

    @property
    def folder(self) -> Path:
        """Holds its data, its log and its backups."""
        return self._process.folder

    @property
    def pid(self) -> int:
        """Of its process, while it runs."""
        return self._process.pid

    def start(self) -> None:
        """Start it, for the first time or again with the same ports and data; returns when it is ready."""
        bring_up([self])

    def stop(self) -> None:
        """End it as an operator does (SIGTERM)."""
        self._process.stop(STOP_S)

    def kill(self) -> None:
        """End it as a crash does (SIGKILL)."""
        self._process.kill()

    def close(self) -> None:
        """End it; its data goes and its ports are free."""
        self._process.close()
        self._ports.release()

    def __enter__(self) -> Self:
        """Start it, and leave nothing behind when that fails."""
        try:
            self.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Close it."""
        self.close()

    def launch(self) -> None:
        """Start the process, and wait for nothing."""
        command = [str(self._binary), "--host", HOST, "--port", str(self.http_port), "--scheme", "http"]
        self._process.run(command, self._environment())

    def wait_until_ready(self) -> None:
        """Wait for what `launch` started. Raises: PortTaken, or DidNotStart with the end of the log."""
        deadline = time.monotonic() + START_S
        while not (_answers(self.http_port) and _listens(self.grpc_port)):
            if not self._process.running:
                kind = PortTaken if TAKEN in self._process.log else DidNotStart
                raise kind(f"{self.name} ended before it was ready:\n{self._process.log}")
            if time.monotonic() > deadline:
                raise DidNotStart(f"{self.name} was not ready within {START_S:.0f} s:\n{self._process.log}")
            time.sleep(POLL_S)
        self._has_run = True

    def move(self) -> bool:
        """Take other ports before the first run; False when it has run, as its data names its ports."""
        if self._has_run:
            return False
        self.close()
        self._ports, self._process = PortBlock(), ServerProcess("weaviate")
        return True

    def _environment(self) -> dict[str, str]:
        """All that it gets: nothing of the developer's own environment reaches it."""
        made = {
            "PERSISTENCE_DATA_PATH": str(self.folder / "data"),
            "DEFAULT_VECTORIZER_MODULE": "none",
            "ENABLE_MODULES": "backup-filesystem" if self.backups else "",
            "ENABLE_API_BASED_MODULES": "false",
            "LOG_LEVEL": "error",
            "DISABLE_TELEMETRY": "true",
            "GO_PROFILING_DISABLE": "true",
            "CLUSTER_HOSTNAME": self.name,
            "CLUSTER_IN_LOCALHOST": "true",
            "CLUSTER_ADVERTISE_ADDR": HOST,
            "CLUSTER_BIND_ADDR": HOST,
            "CLUSTER_GOSSIP_BIND_PORT": str(self.gossip_port),
            "CLUSTER_DATA_BIND_PORT": str(self.gossip_port + 1),
            "RAFT_PORT": str(self.raft_port),
            "RAFT_INTERNAL_RPC_PORT": str(self.raft_port + 1),
            "GRPC_PORT": str(self.grpc_port),
        }
        if self.backups:
            made["BACKUP_FILESYSTEM_PATH"] = str(self.folder / "backups")
        return made | self._company() | self._access()

    def _company(self) -> dict[str, str]:
        if len(self.together) == 1:
            return {"RAFT_TIMEOUTS_MULTIPLIER": "1"}  # it elects itself, five seconds sooner
        made = {
            "RAFT_BOOTSTRAP_EXPECT": str(len(self.together)),
            "RAFT_JOIN": ",".join(f"{node.name}:{node.raft_port}" for node in self.together),
        }
        # The first finds no one when all start; when it starts again, the others are there.
        others = [node for node in self.together if node is not self]
        known = others if self._has_run else others[:1] if self is not self.together[0] else []
        if known:
            made["CLUSTER_JOIN"] = ",".join(f"{HOST}:{node.gossip_port}" for node in known)
        return made

    def _access(self) -> dict[str, str]:
        if not self.keys:
            return {"AUTHENTICATION_ANONYMOUS_ACCESS_ENABLED": "true"}
        made = {
            "AUTHENTICATION_ANONYMOUS_ACCESS_ENABLED": "false",
            "AUTHENTICATION_APIKEY_ENABLED": "true",
            "AUTHENTICATION_APIKEY_ALLOWED_KEYS": ",".join(self.keys.values()),
            "AUTHENTICATION_APIKEY_USERS": ",".join(self.keys),
        }
        if self.root:
            made |= {
                "AUTHENTICATION_DB_USERS_ENABLED": "true",
                "AUTHORIZATION_RBAC_ENABLED": "true",
                "AUTHORIZATION_RBAC_ROOT_USERS": ",".join(self.root),
            }
        return made


class WeaviateCluster:
    """Three nodes that are one server; each may be stopped, killed and started again by itself."""

    def __init__(self, size: int = 3) -> None:
        self.nodes = tuple(WeaviateServer() for _ in range(size))
        for node in self.nodes:
            node.together = self.nodes

    @property
    def url(self) -> str:
        """Of the first node."""
        return self.nodes[0].url

    def start(self) -> None:
        """Start all nodes; returns when each is ready."""
        bring_up(self.nodes)

    def close(self) -> None:
        """End all nodes; their data goes."""
        for node in self.nodes:
            node.close()

    def __enter__(self) -> Self:
        """Start them, and leave nothing behind when that fails."""
        try:
            self.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Close them."""
        self.close()


def bring_up(nodes: Sequence[WeaviateServer]) -> None:
    """Start nodes together; on other ports when one of theirs was taken since they were found free."""
    for tries_left in reversed(range(TRIES)):
        try:
            for node in nodes:
                node.launch()
            for node in nodes:
                node.wait_until_ready()
            return
        except PortTaken:
            for node in nodes:
                node.kill()
            if not (tries_left and all([node.move() for node in nodes])):
                raise


def _answers(port: int) -> bool:
    """Whether it says that it is ready; asked without any proxy of the developer's."""
    connection = http.client.HTTPConnection(HOST, port, timeout=5)
    try:
        connection.request("GET", "/v1/.well-known/ready")
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _listens(port: int) -> bool:
    try:
        socket.create_connection((HOST, port), timeout=5).close()
    except OSError:
        return False
    return True


def main() -> None:
    """Start one, say how to reach it, and stop it on Ctrl-C."""
    parser = argparse.ArgumentParser(prog="python -m evals.bench.weaviate.server", description=main.__doc__)
    parser.add_argument("--cluster", action="store_true", help="three nodes")
    server = WeaviateCluster() if parser.parse_args().cluster else WeaviateServer()
    with server, suppress(KeyboardInterrupt):
        report.say(f"{server.url}  (Ctrl-C stops it, and its data goes)")
        signal.pause()


if __name__ == "__main__":
    main()
