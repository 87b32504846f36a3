"""One measurement of the store on a server, in a process of its own: a job as JSON in, figures as JSON out.

`{"do": "search", "url": ...}`; what can be done is in `DO`. Times are `[p50, p95]` in milliseconds.
"""

from __future__ import annotations

import asyncio
import json
import random
import sys
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from itertools import count, islice
from typing import Any

from evals.bench.ours import persona_over
from evals.bench.store_child import fill
from evals.bench.synthetic import SESSION, START, YEAR, MadeUpTokens, Year
from evals.bench.timing import Times, rss_mb
from evals.bench.weaviate.calls import Calls, far_away
from evals.bench.weaviate.life import live
from evals.bench.weaviate.raw import Raw
from persona_graph.conversation import Turn
from persona_graph.embeddings import Embedder
from persona_graph.graph.recall import SEARCHED
from persona_graph.memory.row_ids import microseconds
from persona_graph.memory.weaviate.store import WeaviateStore
from persona_graph.retrieval.query import DEFAULT_LIMITS, Query, Target
from persona_graph.retrieval.retrieve import retrieve
from persona_graph.update.outbox import jobs_after

Figures = dict[str, Any]
USER = "bench-year"
WARM_UP = 20
FAR_QUERIES = 5
"""Searches of each kind whose rounds are counted: they take seconds."""
TURNS_ALONE: Mapping[Target, int] = {Target.TURN: 10}
TENANT_MESSAGES = 40
AT_ONCE = 8
"""Tenants that are filled at a time."""
SEARCHES_OF_TENANTS, INSERTS_OF_TENANTS = 200, 100


async def build(store: WeaviateStore, job: Mapping[str, Any]) -> Figures:
    """One user's year."""
    started = time.perf_counter()
    memories = await live(store, USER, job["messages"], seed=0)
    return {"memories": memories, "build_s": time.perf_counter() - started}


async def search(store: WeaviateStore, job: Mapping[str, Any]) -> Figures:
    """Searches of all kinds in 60 days of a year, beside one bare hybrid call with the same window, in turns."""
    year, made_up = Year(2), MadeUpTokens()
    embedder, raw = Embedder(made_up), await Raw.of(store)
    await embedder.fingerprint()
    first, opening, calls, far = Times(), Calls(), Calls(), Calls()
    link = store.here.link
    with opening.step(link), first.step():
        await retrieve(store, question(year, made_up, USER, DEFAULT_LIMITS), embedder)
    times = {name: Times() for name in ("ours", "raw", "ours_agent", "raw_100", "ours_turns")}
    for _ in range(job["queries"] + WARM_UP):
        query = question(year, made_up, USER, DEFAULT_LIMITS)
        vector = await embedder.embed_query(query.text)
        with calls.step(link), times["ours"].step():
            hits = await retrieve(store, query, embedder)
        assert {hit.target for hit in hits.hits} == set(DEFAULT_LIMITS), "the year has everything"
        with times["raw"].step():
            assert await raw.hybrid(USER, query.text, vector, query.window, limit=10)
        for name, limits in (("ours_agent", SEARCHED), ("ours_turns", TURNS_ALONE)):
            other = question(year, made_up, USER, limits)
            with calls.step(link), times[name].step():
                await retrieve(store, other, embedder)
        with times["raw_100"].step():
            assert await raw.hybrid(USER, query.text, vector, query.window, limit=100)
    for limits in (DEFAULT_LIMITS, SEARCHED, TURNS_ALONE) * FAR_QUERIES:
        query = question(year, made_up, USER, limits)
        with far_away(link), far.step(link):
            await retrieve(store, query, embedder)
    figures: Figures = {f"{name}_ms": of.figures(WARM_UP)["wall"] for name, of in times.items()}
    return {
        **figures,
        "ours_minus_raw_ms": figures["ours_ms"][0] - figures["raw_ms"][0],
        "ours_cpu_ms": times["ours"].figures(WARM_UP)["cpu"],
        "rounds": max(far.rounds[::3]),
        "rounds_agent": max(far.rounds[1::3]),
        "rounds_turns": max(far.rounds[2::3]),
        "calls": max(calls.calls),
        "first_ms": first.wall[0],
        "first_calls": opening.calls[0],
        "client_rss_mb": rss_mb(),
    }


async def insert(store: WeaviateStore, job: Mapping[str, Any]) -> Figures:
    """Durable appends beside bare inserts: one by one in turns, then many in a row with what follows behind them."""
    year, raw = Year(3), await Raw.of(store)
    turns, times = (
        new_turns(year, days=job.get("days", 0)),
        {name: Times() for name in ("insert", "raw_insert", "append_with_jobs")},
    )

    async def write(name: str, turn: Turn) -> None:
        alone, vector = replace(turn, messages=turn.messages[:1]), year.vectors(1)[0]
        jobs = jobs_after(turn, now=turn.at, gap=timedelta(hours=1))
        with times[name].step():
            if name == "insert":
                await store.append(USER, [alone])
            elif name == "append_with_jobs":
                await store.append(USER, [turn], jobs)
            else:
                await raw.insert(USER, turn.messages[0].text, vector, microseconds(turn.at))
        await settled(store, USER)

    for number in range(job["inserts"] + WARM_UP):
        for name in random.Random(number).sample(sorted(times), len(times)):
            await write(name, next(turns))
    figures: Figures = {f"{name}_ms": of.figures(WARM_UP)["wall"] for name, of in times.items()}
    figures["insert_over_raw"] = figures["insert_ms"][0] / figures["raw_insert_ms"][0]
    return figures | await _in_a_row(store, raw, year, list(islice(turns, job["in_a_row"])))


async def _in_a_row(store: WeaviateStore, raw: Raw, year: Year, turns: Sequence[Turn]) -> Figures:
    """A chat's turns without a pause until all are indexed, beside a bare insert for each of their messages."""
    started = time.perf_counter()
    for turn in turns:
        await store.append(USER, [turn])
    await settled(store, USER)
    ours = time.perf_counter() - started
    said = [(message.text, microseconds(turn.at)) for turn in turns for message in turn.messages]
    vectors = year.vectors(len(said))
    started = time.perf_counter()
    for (text, at), vector in zip(said, vectors, strict=True):
        await raw.insert(USER, text, vector, at)
    bare = time.perf_counter() - started
    return {
        "insert_sustained_per_s": len(turns) / ours,
        "raw_insert_sustained_per_s": len(said) / bare,
        "insert_sustained_over_raw": ours / bare,
    }


async def populate(store: WeaviateStore, job: Mapping[str, Any]) -> Figures:
    """More users of a few dozen messages."""
    started, persona = time.perf_counter(), persona_over(store, MadeUpTokens())
    for start in range(job["first"], job["last"], AT_ONCE):
        some = range(start, min(start + AT_ONCE, job["last"]))
        await asyncio.gather(*(fill(persona, tenant(number), TENANT_MESSAGES, seed=number) for number in some))
    return {"populate_s": time.perf_counter() - started}


async def touch(store: WeaviateStore, job: Mapping[str, Any]) -> Figures:
    """Searches of users that this process, and a server that has just started, meet for the first time; then again.

    The same of inserts.
    """
    year, made_up = Year(4), MadeUpTokens()
    embedder, first, warm, first_inserts, inserts = Embedder(made_up), Times(), Times(), Times(), Times()
    await embedder.fingerprint()
    await store.users()  # connects
    pick = random.Random(job["users"])
    met = pick.sample(range(job["users"]), min(job["users"], SEARCHES_OF_TENANTS))
    for number in met:
        query = question(year, made_up, tenant(number), DEFAULT_LIMITS)
        with first.step():
            await retrieve(store, query, embedder)
    for _ in range(SEARCHES_OF_TENANTS):
        query = question(year, made_up, tenant(pick.choice(met)), DEFAULT_LIMITS)
        with warm.step():
            await retrieve(store, query, embedder)
    turns = new_turns(year, days=job["users"])
    for times, often in ((first_inserts, 1), (inserts, INSERTS_OF_TENANTS)):
        for number in (met * often)[:INSERTS_OF_TENANTS]:
            turn = next(turns)
            with times.step():
                await store.append(tenant(number), [turn])
            await settled(store, tenant(number))
    of = {"first_search": first, "search": warm, "first_insert": first_inserts, "insert": inserts}
    return {f"{name}_ms": times.figures()["wall"] for name, times in of.items()}


def question(year: Year, made_up: MadeUpTokens, user: str, limits: Mapping[Target, int]) -> Query:
    """Six words and a window; its vectors are drawn here, before the clock runs."""
    text = year.sentence(6)
    made_up.prepare(text)
    return Query(user=user, text=text, window=year.window(), limits=limits)


def new_turns(year: Year, *, days: int = 0) -> Iterator[Turn]:
    """What is said so many days after the year, a minute after the other, in sessions of ten messages."""
    for number in count():
        at = START + YEAR + timedelta(days=days, minutes=number)
        yield year.turn(f"new-{days}-{number}", at, f"session-{days}-{2 * number // SESSION}")


def tenant(number: int) -> str:
    """One of many users."""
    return f"bench-tenant-{number}"


async def settled(store: WeaviateStore, user: str) -> None:
    """Wait for what follows behind a write; itself it makes no call."""
    await store.turns(user, newest=0)


DO: Mapping[str, Callable[[WeaviateStore, Mapping[str, Any]], Awaitable[Figures]]] = {
    function.__name__: function for function in (build, search, insert, populate, touch)
}


async def work(job: Mapping[str, Any]) -> Figures:
    """Open the store, do the job, close."""
    store = WeaviateStore(job["url"])
    try:
        return await DO[job["do"]](store, job)
    finally:
        await store.close()


if __name__ == "__main__":
    print(json.dumps(asyncio.run(work(json.loads(sys.argv[1])))))
