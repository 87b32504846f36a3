"""Upkeep: the Update stage by hand, what it could not do, vectors made anew, and being a worker."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace

from persona_graph.blocking import blocking
from persona_graph.engine import Engine
from persona_graph.errors import ConfigurationError
from persona_graph.memory.open_job import OpenJob
from persona_graph.update import drain
from persona_graph.update.delivery import deliver
from persona_graph.update.outbox import closing_of
from persona_graph.update.worker import Worker


@dataclass(frozen=True, slots=True, kw_only=True)
class Flushed:
    """What a flush did."""

    done: int
    parked: tuple[OpenJob, ...]
    """Jobs whose model kept failing; `retry` takes them up again."""


class Upkeep:
    """The part of `Persona` that keeps house."""

    engine: Engine

    async def aflush(self, user: str, *, close_sessions: bool = False, on_job: drain.OnJob | None = None) -> Flushed:
        """Run the user's Update stage until nothing is due; waits for retries and for other workers.

        What waits in the spool is delivered first. `close_sessions` treats the open session as over.

        Raises: StoreError; a flush may be repeated.
        """
        store, name, done = self.engine.store, f"flush-{self.engine.new_id()[:8]}", 0
        await deliver(self.engine, user)
        if close_sessions:
            await store.append(user, [], closing_of(await store.jobs(user), now=self.engine.clock()))
        while True:
            done += (await drain.drain(self.engine, user, worker=name, on_job=on_job)).done
            jobs = await store.jobs(user)
            now = self.engine.clock()
            waits = [j for j in jobs if not j.parked and (j.not_before <= now or j.attempts > 0)]
            if not waits:
                return Flushed(done=done, parked=tuple(job for job in jobs if job.parked))
            await asyncio.sleep(min(0.05 if j.not_before <= now else 0.5 for j in waits))

    flush = blocking(aflush)

    async def aproblems(self, user: str) -> list[OpenJob]:
        """Update jobs that were given up, with their errors."""
        return [job for job in await self.engine.store.jobs(user) if job.parked]

    problems = blocking(aproblems)

    async def aretry(self, user: str) -> int:
        """Take up again what was given up; how many jobs."""
        problems = await self.aproblems(user)
        for job in problems:
            fresh = replace(job, parked=False, attempts=0, error="", not_before=self.engine.clock())
            await self.engine.store.reschedule(user, fresh)
        self.engine.wake(user)
        return len(problems)

    retry = blocking(aretry)

    async def arebuild(self, user: str) -> None:
        """Make every projection anew from journal and commits."""
        await deliver(self.engine, user)
        await self.engine.store.rebuild(user)

    rebuild = blocking(arebuild)

    async def areindex(self, user: str) -> int:
        """Make all vectors anew with the present embedder; how many."""
        if self.engine.embedder is None:
            raise ConfigurationError(
                "there is no embedder to reindex with; set PERSONA_EMBEDDINGS, or open the Persona with embeddings=..."
            )
        await self.engine.store.drop_vectors(user)
        return await drain.embed_pending(self.engine, user)

    reindex = blocking(areindex)

    async def awork(
        self, *, idle_s: float = 1.0, until: Callable[[], bool] | None = None, on_job: drain.OnJob | None = None
    ) -> None:
        """Be a worker for all users until cancelled, or until `until()` says so."""
        worker = Worker(self.engine, idle_s=idle_s, on_job=on_job)
        worker.start()
        try:
            while until is None or not until():
                await asyncio.sleep(min(idle_s, 0.2))
        finally:
            await worker.stop()

    work = blocking(awork)
