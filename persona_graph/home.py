"""The local folder of a store: its own files, or what a store on a server keeps beside it (images, spool)."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from persona_graph.conversation import digest_of
from persona_graph.memory.weaviate.address import parse
from persona_graph.settings import data_folder

REMOTE = ("weaviate://", "weaviates://")


def home_of(url: str, env: Mapping[str, str] = os.environ) -> Path:
    """Where the store of this URL lies, or a folder of this machine that no other store has."""
    if url.startswith(REMOTE):
        address = parse(url, env)
        nodes = sorted(f"{node.host}:{node.port}" for node in address.nodes)
        return data_folder(env) / "servers" / digest_of("server", nodes, address.collection)[:16]
    if url.startswith("weaviate+embedded://") and (folder := parse(url, env).folder) is not None:
        return folder
    return Path(url.removeprefix("sqlite:")).expanduser()
