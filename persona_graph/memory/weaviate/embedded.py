"""`Embedded`: a Weaviate of our own on this machine, its data in a folder; the program is the client's embedded one.

Who comes first starts it and writes down where it listens; who comes later connects to it. It ends with the process
that started it, however that ends; then whoever needs it next starts it again. A lock on the folder is held by the
program that watches over the server, so it is free when no server runs on the data. POSIX only.
"""

from __future__ import annotations

import http.client
import json
import os
import secrets
import socket
import stat
import subprocess
import sys
import threading
import time
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

from persona_graph.durable import make_folder, write_whole
from persona_graph.errors import ConfigurationError, StoreAway
from persona_graph.memory.weaviate.address import VERSION, Node

if sys.platform != "win32":
    import fcntl

HOST = "127.0.0.1"
PORTS = 6
"""REST, gRPC, gossip and its data port, raft and its internal one."""
FIRST, LAST = 20_000, 32_000
"""Ports below those that systems give to outgoing connections, which would come and go in between."""
TRIES = 200
START_S, STOP_S, POLL_S = 60.0, 30.0, 0.05

WATCH = """read -r _
kill -TERM "$1" && n=0
while kill -0 "$1" && [ "$n" -lt 300 ]; do sleep 0.1; n=$((n + 1)); done
kill -KILL "$1"
"""
"""`read` ends when the other end of the pipe does, which is ours: after SIGKILL too."""


class Embedded:
    """The server of one folder."""

    def __init__(self, folder: Path, program: Path) -> None:
        self._folder, self._program = folder, program
        self._server: subprocess.Popen[bytes] | None = None
        self._watch: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()

    def node(self) -> Node:
        """Where it listens; started here where nobody else has. Raises: StoreAway; ConfigurationError."""
        with self._lock:
            deadline = time.monotonic() + START_S
            while (found := self._running()) is None:
                self._ended()
                if (held := self._locked()) is None:
                    # Another process starts it, or its server is on its way out.
                    if time.monotonic() > deadline:
                        raise StoreAway(f"the embedded Weaviate of {self._folder} does not answer")
                    time.sleep(POLL_S)
                    continue
                try:
                    return self._running() or self._start(held)
                finally:
                    os.close(held)
            return found

    def stop(self) -> None:
        """End it, if it was started here; others start their own, on the same data."""
        with self._lock:
            if self._server is None:
                return
            self._place.unlink(missing_ok=True)  # nobody shall connect to it any more
            self._server.terminate()
            try:
                self._server.wait(STOP_S)
            except subprocess.TimeoutExpired:
                self._server.kill()
            self._ended()

    def _ended(self) -> None:
        """Wait for a server of ours that does not answer, and for who watched it."""
        server, watch = self._server, self._watch
        if server is None or watch is None:
            return
        if watch.stdin is not None:
            watch.stdin.close()
        server.wait()
        watch.wait()
        self._server = self._watch = None

    # what is known of the folder

    @property
    def _place(self) -> Path:
        """Says where the server listens, with the key to it, while it runs."""
        return self._folder / "server.json"

    def _running(self) -> Node | None:
        try:
            held = json.loads(self._place.read_text(encoding="utf-8"))
            node = _node(int(held["ports"][0]), int(held["ports"][1]), str(held["key"]))
        except (OSError, ValueError, KeyError, TypeError, IndexError):
            return None
        return node if _ready(node) else None

    def _locked(self) -> int | None:
        """An open file with the folder's lock; None while a server runs on it, starts or ends."""
        if sys.platform == "win32":
            raise ConfigurationError("an embedded Weaviate does not run on Windows; run a server and name it")
        try:
            make_folder(self._folder)
        except (FileExistsError, NotADirectoryError) as error:
            raise ConfigurationError(f"{self._folder} is no folder, where a Weaviate could keep its files") from error
        held = os.open(self._folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(held)
            return None
        return held

    # starting

    def _start(self, held: int) -> Node:
        need_program(self._program)
        ports, moved = self._ports()
        key = secrets.token_urlsafe(24)
        self._place.unlink(missing_ok=True)
        with (self._folder / "server.log").open("wb") as log:
            server = self._server = subprocess.Popen(
                [str(self._program), "--host", HOST, "--port", str(ports[0]), "--scheme", "http"],
                env=_environment(self._folder, ports, key, moved=moved),
                cwd=self._folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C is for us, and we still want it while we finish
            )
        self._watch = subprocess.Popen(
            ["sh", "-c", WATCH, "sh", str(server.pid)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            pass_fds=[held],
        )
        node = _node(ports[0], ports[1], key)
        self._wait(server, node)
        self._keep("ports.json", ports)
        self._keep("server.json", {"ports": ports, "key": key, "pid": server.pid})
        return node

    def _wait(self, server: subprocess.Popen[bytes], node: Node) -> None:
        deadline = time.monotonic() + START_S
        while not _ready(node):
            if server.poll() is not None or time.monotonic() > deadline:
                server.kill()
                self._ended()
                raise StoreAway(
                    f"the embedded Weaviate of {self._folder} did not start; "
                    f"{self._folder / 'server.log'} says why: {self._why()[:200]}"
                )
            time.sleep(POLL_S)

    def _why(self) -> str:
        """The last line that it printed."""
        with suppress(OSError):
            lines = (self._folder / "server.log").read_text(encoding="utf-8", errors="replace").split("\n")
            return next((line for line in reversed(lines) if line.strip()), "")
        return ""

    def _ports(self) -> tuple[list[int], bool]:
        """The ports of the last time where they are free, others where not; and whether these are others.

        The data names the ports, so they stay where they can.
        """
        try:
            old = [int(port) for port in json.loads((self._folder / "ports.json").read_text(encoding="utf-8"))]
        except (OSError, ValueError, TypeError):
            old = []
        if len(old) == PORTS and _all_free(old):
            return old, False
        for start in secrets.SystemRandom().sample(range(FIRST, LAST, PORTS + 2), TRIES):
            found = list(range(start, start + PORTS))
            if _all_free(found):
                return found, bool(old)
        raise StoreAway("no free ports were found for an embedded Weaviate")

    def _keep(self, name: str, value: Any) -> None:
        path = self._folder / name
        write_whole(path, json.dumps(value).encode())
        path.chmod(stat.S_IRUSR | stat.S_IWUSR)


def need_program(program: Path) -> None:
    """Raises: ConfigurationError where the server's program is not there."""
    if not program.is_file():
        raise ConfigurationError(
            f"an embedded Weaviate needs the program of Weaviate {VERSION} at {program}; "
            "nothing is downloaded unasked: put it there and make it executable"
        )


def _node(port: int, grpc: int, key: str) -> Node:
    return Node(host=HOST, port=port, grpc_host=HOST, grpc_port=grpc, api_key=key)


def _environment(folder: Path, ports: list[int], key: str, *, moved: bool) -> dict[str, str]:
    """All that the server gets: nothing of ours reaches it, and nobody else on this machine gets in."""
    _, grpc, gossip, data, raft, internal = ports
    return {
        "PERSISTENCE_DATA_PATH": str((folder / "data").absolute()),
        "DEFAULT_VECTORIZER_MODULE": "none",
        "ENABLE_MODULES": "",
        "ENABLE_API_BASED_MODULES": "false",
        "LOG_LEVEL": "error",
        "DISABLE_TELEMETRY": "true",
        "GO_PROFILING_DISABLE": "true",
        "AUTHENTICATION_ANONYMOUS_ACCESS_ENABLED": "false",
        "AUTHENTICATION_APIKEY_ENABLED": "true",
        "AUTHENTICATION_APIKEY_ALLOWED_KEYS": key,
        "AUTHENTICATION_APIKEY_USERS": "persona",
        "CLUSTER_HOSTNAME": "persona",
        "CLUSTER_IN_LOCALHOST": "true",
        "CLUSTER_ADVERTISE_ADDR": HOST,
        "CLUSTER_BIND_ADDR": HOST,
        "CLUSTER_BASIC_AUTH_USERNAME": "persona",
        "CLUSTER_BASIC_AUTH_PASSWORD": key,
        "CLUSTER_GOSSIP_BIND_PORT": str(gossip),
        "CLUSTER_DATA_BIND_PORT": str(data),
        "RAFT_PORT": str(raft),
        "RAFT_INTERNAL_RPC_PORT": str(internal),
        "RAFT_BOOTSTRAP_EXPECT": "1",
        "RAFT_JOIN": f"persona:{raft}",
        "RAFT_TIMEOUTS_MULTIPLIER": "1",  # it elects itself, and need not wait for others
        "RAFT_ENABLE_ONE_NODE_RECOVERY": str(moved).lower(),
        "GRPC_PORT": str(grpc),
    }


def _ready(node: Node) -> bool:
    """Whether it takes calls; asked without any proxy."""
    connection = http.client.HTTPConnection(node.host, node.port, timeout=5)
    try:
        connection.request("GET", "/v1/.well-known/ready")
        if connection.getresponse().status != 200:
            return False
        socket.create_connection((node.grpc_host, node.grpc_port), timeout=5).close()
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
    return True


def _all_free(ports: list[int]) -> bool:
    """Whether nobody listens on any of them; as servers do, ports that were closed a moment ago count as free."""
    with ExitStack() as held:
        for port in ports:
            for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
                one = held.enter_context(socket.socket(socket.AF_INET, kind))
                try:
                    if kind is socket.SOCK_STREAM:
                        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                    one.bind((HOST, port))
                except OSError:
                    return False
    return True
