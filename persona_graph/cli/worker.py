"""`persona worker`: drains everybody's outbox beside the programs that chat."""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from persona_graph.cli.edge import Model, Store, edge_of, need_model, open_persona
from persona_graph.cli.views.style import console, counted, short

if TYPE_CHECKING:
    from persona_graph.memory.open_job import OpenJob
    from persona_graph.settings import Settings


def worker(
    ctx: typer.Context,
    store: Store = None,
    model: Model = None,
    idle_s: Annotated[float, typer.Option("--idle", min=0.05, help="Seconds between looks at the store.")] = 1.0,
    once: Annotated[bool, typer.Option("--once", help="Do what is due, then stop.")] = False,
) -> None:
    """Write memory for all users of a store until interrupted. Its log holds ids, never what was said."""
    settings = edge_of(ctx).settings(store=store, model=model, options={"updates": "off"})
    need_model(settings)
    console.print(f"Working on {settings.store} with {settings.model}; Ctrl-C stops.", soft_wrap=True, markup=False)
    with _interrupts() as stop:
        done = asyncio.run(_once(settings) if once else _work(settings, idle_s, stop))
    console.print(f"Stopped after {counted(done, 'job')}.")


@contextmanager
def _interrupts() -> Iterator[threading.Event]:
    """An event that Ctrl-C and a service manager's SIGTERM set, so that the store is closed in order."""
    stop = threading.Event()
    names = (signal.SIGINT, signal.SIGTERM)
    before = [signal.signal(name, lambda *_: stop.set()) for name in names]
    try:
        yield stop
    finally:
        for name, handler in zip(names, before, strict=True):
            signal.signal(name, handler)


async def _work(settings: Settings, idle_s: float, stop: threading.Event) -> int:
    seen: list[str] = []

    def log(user: str, job: OpenJob, done: bool) -> None:
        if done:
            seen.append(job.id)
        _log(settings, user, job, done)

    async with open_persona(settings) as persona:
        await persona.awork(idle_s=idle_s, until=stop.is_set, on_job=log)
    return len(seen)


async def _once(settings: Settings) -> int:
    from persona_graph.update.delivery import due

    async with open_persona(settings) as persona:
        users = await due(persona.engine, persona.engine.clock())
        flushed = [await persona.aflush(user, on_job=partial(_log, settings)) for user in users]
    return sum(result.done for result in flushed)


def _log(settings: Settings, user: str, job: OpenJob, done: bool) -> None:
    at = datetime.now(settings.zone).isoformat(timespec="seconds")
    outcome = "done" if done else "put off"
    console.print(f"{at} {job.name} {short(job.id)} {outcome} user={user}", soft_wrap=True, markup=False)
