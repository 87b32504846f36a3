from __future__ import annotations

from collections.abc import Sequence

from persona_graph.conversation import Turn
from persona_graph.memory.store import Lookup
from persona_graph.memory.weaviate.user_space import UserSpace
from persona_graph.retrieval.candidates import MessageCandidates
from persona_graph.retrieval.token_vectors import StoredTokens


async def find(space: UserSpace, lookup: Lookup) -> MessageCandidates:
    raise NotImplementedError


async def at_rows(space: UserSpace, rows: Sequence[int]) -> list[tuple[Turn, int]]:
    raise NotImplementedError


async def tokens(space: UserSpace, rows: Sequence[int]) -> StoredTokens:
    raise NotImplementedError
