"""`Embedded`: a Weaviate of our own on this machine, by the client's embedded mode, at the version we know.

Who comes first starts it and writes down where it listens; who comes later connects to it. It ends with the process
that started it; then whoever needs it next starts it again.
"""

from __future__ import annotations

import json
import os
import socket
import threading
import urllib.request
import warnings
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from persona_graph.durable import make_folder, write_whole
from persona_graph.errors import ConfigurationError, StoreAway
from persona_graph.memory.weaviate.address import Node

VERSION = "1.39.0"
"""The server that all of this was tried with."""
PORTS = 7
"""REST, gRPC, gossip and its data port, raft and its internal one, and one to spare."""


class Embedded:
    """The server of one folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._started: Any = None
        self._lock = threading.Lock()

    def node(self) -> Node:
        """Where it listens; started here where nobody else has. Raises: StoreAway; ConfigurationError."""
        with self._lock:
            found = self._running()
            if found is None:
                self.stop()
                found = self._start()
            return found

    def stop(self) -> None:
        """End it, if it was started here."""
        started, self._started = self._started, None
        if started is not None:
            started.stop()

    def _running(self) -> Node | None:
        try:
            held = json.loads(self._place.read_text(encoding="utf-8"))
            node = _local(int(held["http"]), int(held["grpc"]))
        except (OSError, ValueError, KeyError, TypeError):
            return None
        return node if _ready(node.port) else None

    @property
    def _place(self) -> Path:
        return self._folder / "server.json"

    def _start(self) -> Node:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                from weaviate.embedded import EmbeddedOptions, EmbeddedV4
                from weaviate.exceptions import WeaviateStartUpError
            except ImportError as error:
                raise ConfigurationError(
                    "a weaviate URL needs the extra: pip install 'persona-graph[weaviate]'"
                ) from error
        make_folder(self._folder)
        http, grpc, gossip, data, raft, internal, _ = _free_ports(PORTS)
        options = EmbeddedOptions(
            version=VERSION,
            persistence_data_path=str(self._folder / "data"),
            port=http,
            grpc_port=grpc,
            additional_env_vars={
                "ENABLE_MODULES": "",
                "DISABLE_TELEMETRY": "true",
                "GO_PROFILING_DISABLE": "true",
                "LOG_LEVEL": "error",
                "CLUSTER_HOSTNAME": "persona",
                "CLUSTER_IN_LOCALHOST": "true",
                "CLUSTER_ADVERTISE_ADDR": "127.0.0.1",
                "CLUSTER_GOSSIP_BIND_PORT": str(gossip),
                "CLUSTER_DATA_BIND_PORT": str(data),
                "RAFT_PORT": str(raft),
                "RAFT_INTERNAL_RPC_PORT": str(internal),
            },
        )
        server = EmbeddedV4(options)
        try:
            server.start()
        except (WeaviateStartUpError, OSError) as error:
            raise StoreAway(f"the embedded Weaviate of {self._folder} did not start: {str(error)[:200]}") from error
        self._started = server
        write_whole(self._place, json.dumps({"http": http, "grpc": grpc, "pid": os.getpid()}).encode())
        return _local(http, grpc)


def _local(http: int, grpc: int) -> Node:
    return Node(host="127.0.0.1", port=http, grpc_host="127.0.0.1", grpc_port=grpc)


def _ready(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/v1/.well-known/ready", timeout=2) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def _free_ports(count: int) -> list[int]:
    """Ports in a row that nobody holds: data comes after gossip, and raft's two stand side by side."""
    for _ in range(100):
        with ExitStack() as held:
            first = held.enter_context(socket.socket())
            first.bind(("127.0.0.1", 0))
            start = first.getsockname()[1]
            if start + count > 65535:
                continue
            try:
                for port in range(start + 1, start + count):
                    held.enter_context(socket.socket()).bind(("127.0.0.1", port))
            except OSError:
                continue
        return list(range(start, start + count))
    raise StoreAway("no free ports were found for an embedded Weaviate")
