"""The server is killed with SIGKILL at random moments of a conversation and starts again; nothing is lost.

The client goes on all the while: what it says waits in the spool until the server is back.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from pathlib import Path

from evals.bench.weaviate.server import WeaviateServer
from persona_graph.update.outbox import TURN_JOBS
from tests.trials import findings, holdings
from tests.trials.place import Place
from tests.trials.weaviate.part import Figures, Part, none_of

USER = "ana"
KILLS = 4
LIFE_S = (1.0, 8.0)
"""How long the server lives, at least and at most, until it is killed."""


def tried(folder: Path, seed: int, kills: int = KILLS) -> Figures:
    """Talk and work side by side until the server was killed so often; then look everything up."""
    with WeaviateServer() as server:
        return asyncio.run(_tried(server, Place(folder, server.url), random.Random(seed), kills))


async def _tried(server: WeaviateServer, place: Place, rng: random.Random, kills: int) -> Figures:
    said: dict[str, str] = {}
    away = 0
    over = asyncio.Event()
    async with place.persona() as persona:

        async def talk() -> None:
            nonlocal away
            while not over.is_set():
                text = f"I like soup number {len(said)}."
                reply = await persona.achat(USER, text)
                said[reply.turn] = text
                away += bool(reply.receipt.get("away"))
                await asyncio.sleep(0.05)

        async def kill() -> None:
            for _ in range(kills):
                await asyncio.sleep(rng.uniform(*LIFE_S))
                await asyncio.to_thread(server.kill)
                await asyncio.to_thread(server.start)
            await asyncio.sleep(1.0)
            over.set()

        work = asyncio.create_task(persona.awork(idle_s=0.2, until=over.is_set))
        await asyncio.gather(talk(), kill())
        await work
    async with place.persona() as persona:  # as another process finds it
        await persona.aflush(USER, close_sessions=True)
        store = persona.engine.store
        held = await holdings.read(store, USER)
        await store.rebuild(USER)
        again = await holdings.read(store, USER)
    texts = Counter(turn.messages[0].text for turn in held.turns)
    done = Counter((commit.job, commit.evidence) for commit in held.commits)
    wrong = findings.of_holdings(held)
    return {
        "kills": kills,
        "acknowledged": len(said),
        "lost": len(said.keys() - {turn.id for turn in held.turns}),
        "doubled": sum(n - 1 for n in (*texts.values(), *done.values())) + len(wrong.doubled),
        "corrupt": int(again.projected != held.projected),
        "jobs_missing": sum(not done[job, (turn.id,)] for turn in held.turns for job in TURN_JOBS),
        "jobs_open": len(held.jobs),
        "answers_without_memory": away,
    }


PART = Part(
    name="killed-server",
    what="the server is killed at random moments and started again",
    run=tried,
    broken=none_of("lost", "doubled", "corrupt", "jobs_missing", "jobs_open"),
)
