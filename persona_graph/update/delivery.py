"""Writing a turn so that it is not lost: into the store, or into the spool until the store's server is back.

A turn may be handed over more than once (nobody knows whether a write arrived whose answer did not); the store passes
over what it has, so it is kept once. What waits goes first: a user's turns reach the store in order of time.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from persona_graph.conversation import Turn
from persona_graph.engine import Engine
from persona_graph.errors import InputError, StoreAway, StoreError
from persona_graph.memory.open_job import OpenJob
from persona_graph.spool import Spooled
from persona_graph.timerange import MOMENT, TimeRange
from persona_graph.update.outbox import in_session

logger = logging.getLogger(__name__)

BEFORE = 8
"""Turns that are read to find the one before: some may be of the very same moment."""


async def write(engine: Engine, user: str, turn: Turn, jobs: Sequence[OpenJob] = (), *, away: bool = False) -> bool:
    """Write a turn with its jobs, durably; False when memory is away and it waits.

    `away` is what this turn has met already, and does not wait for again.

    Raises: StoreError when neither the store nor the spool can be written.
    """
    if not away and turn.session and not engine.spool.waits(user):
        if await engine.outage.attempt(engine.store.append(user, [turn], jobs)) is not None:
            return True
        away = True
    # The store alone knows what else is in it: the jobs are made anew when the turn is delivered.
    await engine.spool.put(user, turn, since=engine.clock())
    away = away or not await delivered(engine, user)
    engine.wake(user)
    return not away


async def delivered(engine: Engine, user: str) -> bool:
    """Deliver what waits, unless somebody does so already; False when the server is away."""
    started = time.monotonic()
    try:
        await deliver(engine, user, wait=False)
    except StoreAway as error:
        engine.outage.began(error, time.monotonic() - started)
        return False
    except StoreError as error:  # the answer does not depend on it; the worker tries again
        logger.warning("turns in the spool could not be delivered: %s", error)
    return True


async def deliver(engine: Engine, user: str, *, wait: bool = True) -> int:
    """Hand over all turns of a user that wait, in order of time, with their jobs; how many.

    Raises: StoreAway, with what is left still waiting; StoreError.
    """
    spool, count = engine.spool, 0
    if not spool.waits(user):
        return 0
    async with spool.held(user, wait=wait) as held:
        for entry in await spool.entries(user) if held else ():
            turn, jobs = await _in_session(engine, user, entry)
            try:
                await engine.store.append(user, [turn], jobs)
            except InputError as error:
                spool.refused(entry, error)
                continue
            spool.delivered(entry)
            count += 1
    if count:
        engine.outage.over()
        engine.wake(user)
    return count


async def due(engine: Engine, now: datetime) -> list[str]:
    """Users that may have work due by `now`, those whose turns wait in the spool among them. Raises: StoreError."""
    return list(dict.fromkeys([*engine.spool.users(), *await engine.store.due(now)]))


async def _in_session(engine: Engine, user: str, entry: Spooled) -> tuple[Turn, list[OpenJob]]:
    """The turn in the session that it has, or gets now that the store tells what was said before it."""
    turn, store = entry.turn, engine.store
    if not turn.session:
        held = await store.turns(user, ids=[turn.id], receipts=False)
        # Of a turn that was asked before the server went, the journal knows when and in which session.
        turn = replace(turn, at=held[0].at, session=held[0].session) if held else turn
    window = TimeRange(end=turn.at + MOMENT)
    near = await store.turns(user, window=window, newest=BEFORE, receipts=False)
    before = [other for other in near if other.id != turn.id]
    last = before[-1] if before else None
    return in_session(turn, last, now=entry.since, gap=engine.options.session_gap)
