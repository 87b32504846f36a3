"""The trials of the embedded store, on a server: kills of the client, several processes on one user, hostile users."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

from evals.bench.weaviate.server import WeaviateServer
from persona_graph.memory.weaviate.store import WeaviateStore
from tests.trials import crash, processes
from tests.trials.tenants.doors import Door
from tests.trials.tenants.trial import Plan, play
from tests.trials.weaviate.part import Figures, Part

KILLS = 15
SECONDS = 20.0
HOSTILE, HONEST = 200, 60


def killed_client(folder: Path, seed: int, kills: int = KILLS) -> Figures:
    """`test-crash`: children of one store are killed at random moments, and all is looked up after each."""
    with WeaviateServer() as server:
        return crash.endure(folder, kills=kills, seed=seed, server=server.url)


def processes_share(folder: Path, seed: int, seconds: float = SECONDS) -> Figures:
    """`test-processes`: two writers, a reader and a worker on one user."""
    with WeaviateServer() as server:
        return processes.share(folder, seconds=seconds, seed=seed, pause_s=0.1, server=server.url)


def tenants(folder: Path, seed: int, hostile: int = HOSTILE, honest: int = HONEST) -> Figures:
    """`test-tenants`: hostile calls and honest round trips, by the doors that take a store as an object."""
    plan = Plan(hostile=hostile, honest=honest, seed=seed, doors=(Door.PYTHON, Door.GRAPH))
    started = time.perf_counter()
    with WeaviateServer() as server:
        tally = asyncio.run(play(plan, folder, store=WeaviateStore(server.url)))
    told = {name: getattr(tally, name)[:5] for name in ("leaks", "refused_honest", "crashed") if getattr(tally, name)}
    return (
        tally.figures()
        | {"told": told, "skipped": {"tenants by commands": COMMANDS}}
        | {"seconds": time.perf_counter() - started}
    )


COMMANDS = "the commands of that trial name the store's folder; the demo runs commands on a server"

CRASH = Part(
    name="crash",
    what="the client is killed at random moments",
    run=killed_client,
    broken=lambda figures: [name for name in crash.NONE_OF_THESE if figures[name]],
)
PROCESSES = Part(
    name="processes",
    what="two writers, a reader and a worker on one user",
    run=processes_share,
    broken=lambda figures: [name for name in processes.NONE_OF_THESE if figures[name]],
)
TENANTS = Part(
    name="tenants",
    what="hostile calls and honest round trips",
    run=tenants,
    broken=lambda figures: [name for name in ("leaks", "refused_honest", "crashed") if figures[name]],
)
