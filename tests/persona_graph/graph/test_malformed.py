"""10,000 malformed outputs through whole turns: each ends in a defined answer, none leaves the graph."""

from __future__ import annotations

import asyncio
import random
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from persona_graph import Kind, Options, Persona
from persona_graph.jobs.job import Job
from persona_graph.memory.commit import Commit
from persona_graph.memory.operations import Add
from persona_graph.options import Updates
from persona_graph.policy.scripted import ScriptedPolicy
from tests.support.malformed import malformed

NOW = datetime(2024, 6, 1, tzinfo=UTC)
OUTPUTS = 10_000
AT_ONCE = 50


async def test_no_malformed_output_leaves_the_graph_as_an_exception(tmp_path: Path) -> None:
    chance = random.Random(7)
    said = 0

    def script(_job: Job[Any, Any], _given: Any) -> str:
        nonlocal said
        said += 1
        return malformed(chance)

    policy, options = ScriptedPolicy(script), Options(updates=Updates.OFF)
    async with Persona.open(f"sqlite:{tmp_path}", policy=policy, options=options, clock=lambda: NOW) as persona:
        for text in ("words of the person", "likes tea"):
            add = Add(kind=Kind.SEMANTIC, text=text)
            await persona.engine.store.commit("ana", Commit(id=text, job="test", at=NOW, operations=(add,)))
        while said < OUTPUTS:
            policy.asked.clear()
            replies = await asyncio.gather(*(persona.achat("ana", "words?", read_only=True) for _ in range(AT_ONCE)))
            for reply in replies:
                assert reply.text.strip()
                assert reply.receipt["steps"][-1]["act"] == "answer"
                assert len(reply.receipt["steps"]) <= 4
