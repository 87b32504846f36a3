"""One measurement of `bench-store`, in a process of its own: a job as JSON in, figures as JSON out.

`{"do": "search", "url": ..., "size": n, "tokens": true}`; what can be done is in `DO`.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from typing import Any

from evals.bench.ours import persona_over
from evals.bench.synthetic import START, YEAR, MadeUpEmbeddings, MadeUpTokens, Year
from evals.bench.timing import Times, rss_mb
from persona_graph.embeddings import Embedder
from persona_graph.memory.open import open_store
from persona_graph.memory.store import MemoryStore
from persona_graph.retrieval.query import Query, Target
from persona_graph.retrieval.retrieve import retrieve
from persona_graph.service import Persona
from persona_graph.update.drain import embed_pending

Figures = dict[str, Any]
BATCH = 1000
QUERIES, WARM_UP, INSERTS, WRITTEN = 200, 5, 50, 20
COLD_MESSAGES = 200


async def build(store: MemoryStore, job: Mapping[str, Any]) -> Figures:
    """One user with all vectors."""
    started = time.perf_counter()
    await fill(persona_over(store, MadeUpTokens()), user_of(job), job["size"], seed=0)
    return {"build_s": time.perf_counter() - started}


async def search(store: MemoryStore, job: Mapping[str, Any]) -> Figures:
    """Hybrid searches of a 60-day window, full ranking; the first one opens the user."""
    year, made_up = Year(2), MadeUpTokens() if job["tokens"] else MadeUpEmbeddings()
    embedder = Embedder(made_up)
    await embedder.fingerprint()
    times, opened = Times(), 0.0
    for number in range(QUERIES + WARM_UP):
        query = question(year, made_up, user_of(job))
        with times.step():
            hits = await retrieve(store, query, embedder)
        assert hits.hits
        opened = opened or (times.wall[0] if number == 0 else 0.0)
    return {"search": times.figures(WARM_UP), "open_wall": opened, "rss_mb": rss_mb()}


async def insert(store: MemoryStore, job: Mapping[str, Any]) -> Figures:
    """Single messages, each durable when `append` returns; then searches right after such a write."""
    user, year, made_up = user_of(job), Year(3), MadeUpTokens()
    embedder, writes, after = Embedder(made_up), Times(), Times()
    await retrieve(store, question(year, made_up, user), embedder)
    for number in range(INSERTS + WRITTEN):
        turn = year.turn(f"new-{time.time_ns()}", START + YEAR + timedelta(minutes=number), "session-new", count=1)
        with writes.step():
            await store.append(user, [turn])
        if number >= INSERTS:
            query = question(year, made_up, user)
            with after.step():
                await retrieve(store, query, embedder)
    return {"insert": writes.figures(), "search_after_write": after.figures()}


async def build_many(store: MemoryStore, job: Mapping[str, Any]) -> Figures:
    """Many users of 200 messages."""
    started, persona = time.perf_counter(), persona_over(store, MadeUpTokens())
    for number in range(job["users"]):
        await fill(persona, cold_user(number), COLD_MESSAGES, seed=number)
    return {"build_s": time.perf_counter() - started}


async def cold(store: MemoryStore, job: Mapping[str, Any]) -> Figures:
    """Each of many users met for the first time by one store, beside one user met anew by another, in turns."""
    year, made_up = Year(4), MadeUpTokens()
    embedder, many, one = Embedder(made_up), Times(), Times()
    await embedder.fingerprint()
    again = open_store(job["url"])
    for number in range(job["users"]):
        first, second = (question(year, made_up, cold_user(n)) for n in (number, 0))
        with many.step():
            await retrieve(store, first, embedder)
        with one.step():
            await retrieve(again, second, embedder)
        await again.close()
    return {"many": many.figures(), "one": one.figures(), "rss_mb": rss_mb()}


async def fill(persona: Persona, user: str, messages: int, *, seed: int) -> None:
    """Write a year of messages a batch at a time, then give them vectors as the Update stage does."""
    turns = list(Year(seed).turns(messages))
    for start in range(0, len(turns), BATCH):
        await persona.engine.store.append(user, turns[start : start + BATCH])
    await embed_pending(persona.engine, user)


def question(year: Year, made_up: MadeUpEmbeddings, user: str) -> Query:
    """Six words and a window; its vectors are drawn here, before the clock runs."""
    text = year.sentence(6)
    made_up.prepare(text)
    return Query(user=user, text=text, window=year.window(), limits={Target.TURN: 10})


def user_of(job: Mapping[str, Any]) -> str:
    """The one user of a size."""
    return f"bench-store-{job['size']}"


def cold_user(number: int) -> str:
    """One of many users."""
    return f"bench-cold-{number}"


async def remove(store: MemoryStore, job: Mapping[str, Any]) -> Figures:
    """Leave a store that was given as it was found."""
    for user in await store.users():
        if user.startswith(("bench-store-", "bench-cold-")):
            await store.remove_user(user)
    return {}


DO: Mapping[str, Callable[[MemoryStore, Mapping[str, Any]], Awaitable[Figures]]] = {
    function.__name__: function for function in (build, search, insert, build_many, cold, remove)
}


async def work(job: Mapping[str, Any]) -> Figures:
    """Open the store, do the job, close."""
    store = open_store(job["url"])
    try:
        return await DO[job["do"]](store, job)
    finally:
        await store.close()


if __name__ == "__main__":
    print(json.dumps(asyncio.run(work(json.loads(sys.argv[1])))))
