from __future__ import annotations

from persona_graph.memory.store import Lookup
from persona_graph.memory.weaviate.user_space import UserSpace
from persona_graph.retrieval.candidates import MemoryCandidates


async def find(space: UserSpace, lookup: Lookup) -> MemoryCandidates:
    raise NotImplementedError
