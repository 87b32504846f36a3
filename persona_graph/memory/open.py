"""Opening a store: the one that a URL names."""

from __future__ import annotations

import os

from persona_graph.errors import ConfigurationError
from persona_graph.memory.sqlite.store import SqliteStore
from persona_graph.memory.store import MemoryStore
from persona_graph.memory.weaviate.address import SCHEMES
from persona_graph.personality import NeutralPolicy


def open_store(url: str, *, neutral: NeutralPolicy = NeutralPolicy.VECTOR) -> MemoryStore:
    """The store that a URL names: `sqlite:FOLDER`, a bare path or `weaviate://HOST:PORT`.

    `neutral` is how it folds the personality.

    Raises: ConfigurationError when the scheme is unknown, or the folder missing or none that a file system can have.
    """
    try:
        sound = b"\0" not in os.fsencode(url)
    except UnicodeEncodeError:
        sound = False
    if not sound:
        raise ConfigurationError(f"{url[:80]!r} is no folder; write sqlite:FOLDER or a folder's path")
    scheme, found, rest = url.partition(":")
    if not found or scheme == "sqlite" or len(scheme) == 1:  # one letter is a Windows drive
        folder = rest if scheme == "sqlite" else url
        if not folder:  # as a path it would be whatever folder one happens to stand in
            raise ConfigurationError("the store has no folder; write sqlite:FOLDER or a folder's path")
        return SqliteStore(folder, neutral=neutral)
    if scheme in SCHEMES:
        from persona_graph.memory.weaviate.store import WeaviateStore

        return WeaviateStore(url, neutral=neutral)
    raise ConfigurationError(
        f"no store is known for {url[:80]!r}; write sqlite:FOLDER, a folder's path or a weaviate URL"
    )
