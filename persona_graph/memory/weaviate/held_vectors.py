"""Whose vectors a user's things have: one model's, or none yet."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any

from persona_graph.errors import EmbeddingMismatch
from persona_graph.memory.store import MISMATCH, Lookup
from persona_graph.memory.weaviate import schema
from persona_graph.memory.weaviate.codec import EMBEDDER
from persona_graph.memory.weaviate.user_space import UserSpace


def check(space: UserSpace, lookup: Lookup) -> list[Coroutine[Any, Any, None]]:
    """What is to be awaited beside a search: nothing, where it was looked a moment ago.

    Raises (when awaited): EmbeddingMismatch when vectors of another model than the one that asks are held.
    """
    agreed = lookup.vector is None or space.search.agrees(lookup.fingerprint)
    return [] if agreed else [_check(space, lookup)]


async def _check(space: UserSpace, lookup: Lookup) -> None:
    held = (await space.tenant.get([EMBEDDER], [schema.BODY])).get(EMBEDDER)
    fingerprint = "" if held is None else (held.body or {}).get("fingerprint", "")
    if fingerprint and fingerprint != lookup.fingerprint:
        raise EmbeddingMismatch(MISMATCH)
    space.search.agree(fingerprint)
