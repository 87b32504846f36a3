"""`Address`: where a Weaviate is, as an URL says it.

weaviate://HOST:PORT?grpc=PORT          one server; more nodes of a cluster: HOST:PORT,HOST:PORT?grpc=PORT,PORT
weaviates://CLUSTER?grpc_host=HOST      the same over TLS
weaviate+embedded://FOLDER              a server of our own on this machine, its data in a folder
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from urllib.parse import parse_qsl, unquote

from persona_graph.errors import ConfigurationError

SCHEMES = ("weaviate", "weaviates", "weaviate+embedded")
KEY = "WEAVIATE_API_KEY"
"""The environment variable that holds the key, where the URL names no other."""
COLLECTION = "Persona"
VERSION = "1.39.0"
"""The server that all of this was tried with, and that runs embedded."""

_FORM = "write weaviate://HOST:PORT?grpc=PORT, weaviates://HOST?grpc_host=HOST or weaviate+embedded://FOLDER"
_OPTIONS = ("grpc", "grpc_host", "collection", "replicas", "consistency", "key_env")
_HEADER = "header."
_LEVELS = ("one", "quorum", "all")


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """One node of a cluster."""

    host: str
    port: int
    grpc_host: str
    grpc_port: int
    api_key: str = field(default="", repr=False)
    """Of this node alone; an embedded server has one that nobody is told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """A server, a cluster or an embedded server, and the collection of ours in it."""

    nodes: tuple[Node, ...] = ()
    tls: bool = False
    folder: Path | None = None
    """Where an embedded server keeps its data."""
    program: Path | None = None
    """The program of an embedded server."""
    collection: str = COLLECTION
    replicas: int = 1
    """How many nodes hold each tenant; counts when the collection is made."""
    consistency: str = "one"
    """How many of them have to answer: one, quorum, all."""
    api_key: str = field(default="", repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)

    @property
    def shown(self) -> str:
        """The address as messages name it, without keys."""
        return str(self.folder) if self.folder is not None else ",".join(f"{n.host}:{n.port}" for n in self.nodes)


def parse(url: str, environment: Mapping[str, str] = os.environ) -> Address:
    """The address that an URL names; keys and headers come from the environment, never from the URL.

    Raises: ConfigurationError with a sentence that says what is wrong.
    """
    scheme, found, rest = url.partition("://")
    if scheme not in SCHEMES or not found:
        raise ConfigurationError(f"{url[:80]!r} names no Weaviate; {_FORM}")
    place, _, query = rest.partition("?")
    options = dict(parse_qsl(query, keep_blank_values=True))
    unknown = [name for name in options if name not in _OPTIONS and not name.startswith(_HEADER)]
    if unknown:
        raise ConfigurationError(f"{unknown[0]!r} is no option of a weaviate URL; it has {', '.join(_OPTIONS)}")
    if "@" in place:
        raise ConfigurationError(f"a key does not belong in an URL; put it in the environment variable {KEY}")
    collection = options.get("collection", COLLECTION)
    if not re.fullmatch(r"[A-Z][A-Za-z0-9_]{0,200}", collection):
        raise ConfigurationError(f"{collection!r} is no name of a collection; a capital first, then letters and digits")
    replicas = _number("replicas", options.get("replicas", "1"))
    level = options.get("consistency", "quorum" if replicas > 1 else "one")
    if level not in _LEVELS:
        raise ConfigurationError(f"{level!r} is no consistency level; one of {', '.join(_LEVELS)}")
    key_name = options.get("key_env", KEY)
    if "key_env" in options and not environment.get(key_name):
        raise ConfigurationError(f"the environment variable {key_name!r} that the URL names holds no key")
    embedded = scheme == "weaviate+embedded"
    if embedded and not place:
        raise ConfigurationError("an embedded Weaviate needs a folder: weaviate+embedded://FOLDER")
    return Address(
        nodes=() if embedded else _nodes(place, options, tls=scheme == "weaviates"),
        tls=scheme == "weaviates",
        folder=Path(unquote(place)).expanduser() if embedded else None,
        program=_program(environment) if embedded else None,
        collection=collection,
        replicas=replicas,
        consistency=level,
        api_key="" if embedded else environment.get(key_name, ""),
        headers={
            name.removeprefix(_HEADER): _held(value, environment)
            for name, value in options.items()
            if name.startswith(_HEADER)
        },
    )


def _program(environment: Mapping[str, str]) -> Path:
    """Where the client's embedded mode keeps this version; it takes XDG_CACHE_HOME for the folder itself."""
    folder = environment.get("XDG_CACHE_HOME") or Path.home() / ".cache" / "weaviate-embedded"
    return Path(folder) / f"weaviate-v{VERSION}-{sha256(f'v{VERSION}'.encode()).hexdigest()}"


def _nodes(place: str, options: Mapping[str, str], *, tls: bool) -> tuple[Node, ...]:
    hosts = [_host(one, 443 if tls else 8080) for one in place.split(",")]
    ports = [_number("grpc", port) for port in options.get("grpc", "443" if tls else "50051").split(",")]
    names = options["grpc_host"].split(",") if "grpc_host" in options else [host for host, _ in hosts]
    if len(ports) == 1:
        ports *= len(hosts)
    if len(ports) != len(hosts) or len(names) != len(hosts):
        raise ConfigurationError(f"{place[:80]!r} names {len(hosts)} nodes; give one grpc port for all or one for each")
    return tuple(
        Node(host=host, port=port, grpc_host=name, grpc_port=grpc)
        for (host, port), name, grpc in zip(hosts, names, ports, strict=True)
    )


def _host(place: str, port: int) -> tuple[str, int]:
    found = re.fullmatch(r"(\[[0-9a-fA-F:]+\]|[^\s:/\[\]]+)(?::(\d+))?/?", place)
    if found is None:
        raise ConfigurationError(f"{place[:80]!r} is no HOST:PORT; {_FORM}")
    return found[1].strip("[]"), _number("port", found[2]) if found[2] else port


def _number(name: str, value: str) -> int:
    if not value.isascii() or not value.isdigit() or not 0 < int(value) < 65536:
        raise ConfigurationError(f"{name}={value[:40]!r} is no number from 1 to 65535")
    return int(value)


def _held(value: str, environment: Mapping[str, str]) -> str:
    """A header's value; `$NAME` is that environment variable's."""
    if not value.startswith("$"):
        return value
    if not environment.get(value[1:]):
        raise ConfigurationError(f"the environment variable {value[1:]!r} that the URL names is empty")
    return environment[value[1:]]
