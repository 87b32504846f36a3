"""The worker: drains the outboxes of all users, each in order, users side by side.

One runs in every process that chats; `persona worker` runs one beside them. A job is claimed until a
time, so any number may run on one store and one that is killed is taken over. While the store's server is
away it asks ever more seldom, and goes on by itself when it is back.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import logging
from uuid import uuid4

from persona_graph.engine import Engine
from persona_graph.errors import ConfigurationError, StoreAway, StoreError
from persona_graph.update.delivery import due
from persona_graph.update.drain import OnJob, drain

logger = logging.getLogger(__name__)

SIDE_BY_SIDE = 32
"""Users drained at once: enough to keep a model busy, few enough to leave it, and this process, to answers."""


BREATH_S = 0.02
"""Between news and work: the answer that brought the news goes first, and more may come with it."""

LONGEST_PAUSE_S = 30.0
"""Between two looks for a server that is away; a turn that is written wakes the worker before."""


class Worker:
    """Runs on one event loop; `wake` may be called from any thread."""

    def __init__(self, engine: Engine, *, idle_s: float = 1.0, on_job: OnJob | None = None) -> None:
        self.name = f"worker-{uuid4().hex[:8]}"
        self._engine, self._idle_s, self._on_job = engine, idle_s, on_job
        self._loop = asyncio.get_running_loop()
        self._woken = asyncio.Event()
        self._named: set[str] = set()
        self._draining: dict[str, asyncio.Task[None]] = {}
        self._room = asyncio.Semaphore(SIDE_BY_SIDE)
        self._task: asyncio.Task[None] | None = None
        self._away, self._pause_s = False, idle_s

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        """The event loop it runs on."""
        return self._loop

    def start(self) -> None:
        """Begin, in a task that inherits nothing from the caller (a graph's run must not own the worker)."""
        if self._task is None or self._task.done():
            self._task = self._loop.create_task(self.run(), context=contextvars.Context())

    def wake(self, user: str) -> None:
        """Tell it that a user's outbox has new work."""
        self._loop.call_soon_threadsafe(self._note, user)

    def _note(self, user: str) -> None:
        self._named.add(user)
        self._woken.set()

    async def run(self) -> None:
        """Drain whoever is due until cancelled; looks at what other processes left every `idle_s` seconds."""
        while True:
            for user in await self._due():
                if user not in self._draining:
                    task = self._loop.create_task(self._drain(user), context=contextvars.Context())
                    self._draining[user] = task
            # Not `wait_for`: before Python 3.12 it loses a cancellation that comes together with the event.
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._pause()):
                    await self._woken.wait()
            await asyncio.sleep(BREATH_S)

    async def _due(self) -> set[str]:
        self._woken.clear()
        named, self._named = self._named, set()
        # One that is being drained right now may miss what just came; it is looked at again afterwards.
        self._named = {user for user in named if user in self._draining}
        try:
            found = named | set(await due(self._engine, self._engine.clock()))
        except StoreAway as error:
            self._met_nobody(error)
            self._named |= named
            return set()
        except StoreError:
            logger.exception("the store does not say who is due")
            return named
        if not found:
            self._met_somebody()
        return found

    def _met_nobody(self, error: StoreAway) -> None:
        self._away = True
        self._engine.outage.began(error)

    def _met_somebody(self) -> None:
        self._away = False
        self._engine.outage.over()

    def _pause(self) -> float:
        """How long to wait for news: longer from one look to the next while the server is away."""
        longest = max(LONGEST_PAUSE_S, self._idle_s)
        self._pause_s = min(2 * self._pause_s, longest) if self._away else self._idle_s
        return self._pause_s

    async def _drain(self, user: str) -> None:
        try:
            async with self._room:
                await drain(self._engine, user, worker=self.name, on_job=self._on_job)
            self._met_somebody()
        except StoreAway as error:
            self._met_nobody(error)
        except (StoreError, ConfigurationError) as error:
            logger.warning("an outbox could not be drained; it is tried again: %s", error)
            await asyncio.sleep(self._idle_s)
        finally:
            self._draining.pop(user, None)
            if user in self._named:
                self._woken.set()

    async def stop(self) -> None:
        """Cancel; jobs that were claimed are free again at once."""
        tasks = [*self._draining.values(), *([self._task] if self._task else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._task = None
