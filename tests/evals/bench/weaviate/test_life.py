"""The made-up year that searches are measured in."""

from __future__ import annotations

from pathlib import Path

from evals.bench.weaviate.life import live
from persona_graph.memory.sqlite.store import SqliteStore
from persona_graph.memory.types import Kind


async def test_a_year_has_messages_pictures_and_memories_of_all_kinds(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path)
    count = await live(store, "ana", 600, seed=0)
    turns, memories = await store.turns("ana"), await store.memories("ana", history=True)
    assert len(turns) == 300
    assert any(turn.images for turn in turns)
    assert len(memories) == count
    assert {memory.kind for memory in memories} == set(Kind)
    assert await store.unembedded("ana", 10) == []
    await store.close()
