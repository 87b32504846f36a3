"""Three nodes, and a conversation of 200 turns in which two of them are killed and come back, one after the other.

First the node that the program is connected to, then another. What was acknowledged has to be on every node in the
end, and what was erased while a node was down must not come back with it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median, quantiles

from evals.bench.report import say
from evals.bench.weaviate.server import HOST, WeaviateCluster, WeaviateServer
from persona_graph import Options, Persona
from persona_graph.conversation import Turn
from persona_graph.errors import StoreError
from persona_graph.memory.open_job import OpenJob
from persona_graph.memory.weaviate.filters import tagged
from persona_graph.memory.weaviate.store import WeaviateStore
from persona_graph.memory.weaviate.things import MESSAGE
from persona_graph.options import Updates
from persona_graph.update.delivery import deliver
from tests.trials import holdings
from tests.trials.weaviate.part import Figures, Part

USER = "ana"
TURNS = 200
P50_MS = 20.0
CATCH_UP_S = 180.0
LOOK_S = 0.5
PAUSE_S = 0.02
"""Between two turns; a person takes longer."""


@dataclass(slots=True)
class Timed:
    """How long writes took, in milliseconds, by how the cluster was then."""

    whole: list[float] = field(default_factory=list)
    broken: list[float] = field(default_factory=list)


class TimedStore(WeaviateStore):
    """Tells how long each turn's writes take."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.timed, self.all_up = Timed(), True

    async def append(self, user: str, turns: Sequence[Turn], jobs: Sequence[OpenJob] = ()) -> tuple[str, ...]:
        """Append, and note how long it took."""
        started, up = time.perf_counter(), self.all_up
        try:
            return await super().append(user, turns, jobs)
        finally:
            kept = self.timed.whole if up and self.all_up else self.timed.broken
            kept.append((time.perf_counter() - started) * 1e3)


def url_of(nodes: Sequence[WeaviateServer]) -> str:
    """A store on all of them, each tenant on three."""
    hosts = ",".join(f"{HOST}:{node.http_port}" for node in nodes)
    return f"weaviate://{hosts}?grpc={','.join(str(node.grpc_port) for node in nodes)}&replicas=3"


def tried(folder: Path, turns: int) -> Figures:
    """The whole conversation."""
    with WeaviateCluster() as cluster:
        return asyncio.run(_talk(cluster, folder, turns))


async def _talk(cluster: WeaviateCluster, folder: Path, turns: int) -> Figures:
    store = TimedStore(url_of(cluster.nodes))
    persona = Persona.open(
        store, model="offline", options=Options(updates=Updates.OFF), media=folder / "media", spool=folder / "spool"
    )
    said: dict[str, str] = {}
    erased: list[str] = []
    away, longest, catching_up = 0, 0.0, list[asyncio.Task[float]]()
    async with persona:
        await persona.achat(USER, "warm")  # the tenant is made, and the connections
        store.timed.whole.clear()
        down: WeaviateServer | None = None
        for number in range(turns):
            before, down = down, await _fate(cluster, store, number / turns, down)
            if before is not None and down is None:
                catching_up.append(asyncio.create_task(_caught_up(before, set(said), erased)))
            if down is not None and not erased and number / turns > 0.25:
                erased.append(next(iter(said)))
                await _forgotten(persona, erased[-1])
                said.pop(erased[-1])
            started = time.perf_counter()
            reply = await persona.achat(USER, f"I like soup number {number}.")
            longest = max(longest, time.perf_counter() - started)
            away += bool(reply.receipt.get("away"))
            said[reply.turn] = f"number {number}"
            await asyncio.sleep(PAUSE_S)
        spooled = len(list((folder / "spool").rglob("*.json")))
        await deliver(persona.engine, USER)
        whole = await holdings.read(store, USER)
        caught_up = await asyncio.gather(*catching_up)
        await asyncio.gather(*(_caught_up(node, set(said), erased) for node in cluster.nodes))
        per_node = [await _held(node) for node in cluster.nodes]
    held = {turn.id for turn in whole.turns}
    writes = store.timed
    return {
        "nodes": len(cluster.nodes),
        "acknowledged": len(said) + len(erased),
        "lost": len(said.keys() - held),
        "lost_by_node": [len(said.keys() - ids) for ids in per_node],
        "erased_that_came_back": sum(turn in ids for turn in erased for ids in (held, *per_node)),
        "doubled": len(whole.turns) - len(held),
        "answers_without_memory": away,
        "waited_in_the_spool": spooled,
        "longest_turn_s": longest,
        "caught_up_s": list(caught_up),
        "write_p50_ms": median(writes.whole),
        "write_p95_ms": quantiles(writes.whole, n=20)[18],
        "write_p50_ms_one_down": median(writes.broken) if writes.broken else None,
        "write_max_ms_one_down": max(writes.broken, default=None),
    }


async def _fate(
    cluster: WeaviateCluster, store: TimedStore, at: float, down: WeaviateServer | None
) -> WeaviateServer | None:
    """Kill or start a node when its time has come; which one is down."""
    connected = store.here.link.node
    if down is None and 0.2 <= at < 0.4:
        down = cluster.nodes[connected]
    elif down is None and 0.6 <= at < 0.8:
        down = cluster.nodes[(connected + 1) % len(cluster.nodes)]
    elif down is not None and (0.4 <= at < 0.6 or at >= 0.8):
        await asyncio.to_thread(down.start)
        say(f"node {cluster.nodes.index(down)} is back")
        store.all_up = True
        return None
    else:
        return down
    store.all_up = False
    say(f"node {cluster.nodes.index(down)} is killed; the program is connected to {connected}")
    await asyncio.to_thread(down.kill)
    return down


async def _forgotten(persona: Persona, turn: str) -> None:
    """Erase a turn; a cluster that has lost a node may take a moment for it."""
    for left in reversed(range(10)):
        try:
            await persona.aforget(USER, turn=turn)
            return
        except StoreError:
            if not left:
                raise
            await asyncio.sleep(1)


def _at(node: WeaviateServer) -> WeaviateStore:
    """The store as this node alone has it."""
    return WeaviateStore(f"{node.url}&replicas=3&consistency=one")


async def _held(node: WeaviateServer) -> set[str]:
    store = _at(node)
    held = {turn.id for turn in await store.turns(USER)}
    await store.close()
    return held


async def _caught_up(node: WeaviateServer, wanted: set[str], erased: list[str]) -> float:
    """Seconds until a node by itself has these turns and their messages, and nothing of what was erased."""
    started, store = time.perf_counter(), _at(node)
    try:
        while time.perf_counter() - started < CATCH_UP_S:
            ids = await _ids(store)
            if wanted <= ids and not ids & set(erased):
                break
            await asyncio.sleep(LOOK_S)
        return time.perf_counter() - started
    finally:
        await store.close()


async def _ids(store: WeaviateStore) -> set[str]:
    """Turns that a node has; none while it has more or fewer messages than they have."""
    try:
        turns = await store.turns(USER, receipts=False)
        messages = await store._space(USER).tenant.count(tagged(MESSAGE))
    except StoreError:  # it is not quite there yet
        return set()
    return {turn.id for turn in turns} if messages == sum(len(turn.messages) for turn in turns) else set()


def broken(figures: Figures) -> list[str]:
    """Which figures break a promise."""
    zero = ("lost", "doubled", "erased_that_came_back")
    found = [name for name in zero if figures[name]] + ["lost_by_node"] * any(figures["lost_by_node"])
    return found + ["write_p50_ms"] * (figures["write_p50_ms"] >= P50_MS)


PART = Part(
    name="cluster",
    what="three nodes, two of them killed and started again in a conversation",
    run=lambda folder, _seed: tried(folder, TURNS),
    broken=broken,
)
