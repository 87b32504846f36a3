"""One user's outbox, worked through in order: claim, gather, ask, submit; embed what has no vector yet."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta

import numpy as np
from numpy.typing import NDArray

from persona_graph.engine import Engine
from persona_graph.errors import (
    ConfigurationError,
    EmbeddingError,
    EmbeddingMismatch,
    NotFound,
    Outdated,
    PolicyError,
    StoreAway,
    StoreError,
)
from persona_graph.memory.open_job import OpenJob
from persona_graph.memory.store import Vectors
from persona_graph.tokens import excerpt
from persona_graph.update.delivery import deliver
from persona_graph.update.steps import STEPS, gather, submit

logger = logging.getLogger(__name__)

EMBED_BATCH = 64
EMBEDDED_TOKENS = 2000
"""The most of a text that a vector is made of; servers refuse a longer one, and with it all that wait behind it."""

OnJob = Callable[[str, OpenJob, bool], None]
"""Told (user, job, whether it is done) after each job; what is not done is tried again, parked or without turns."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Drained:
    """What one pass over an outbox did."""

    done: int = 0
    waiting: bool = False
    """Another worker holds a job of this user, or a retry is not due yet."""


async def drain(engine: Engine, user: str, *, worker: str, on_job: OnJob | None = None) -> Drained:
    """Deliver what waits in the spool, do every job of a user that is due, in order, embed, note that nothing is due.

    A job whose model fails is tried again later and parked in the end; the others go on.

    Raises: StoreError, which counts as no attempt; ConfigurationError when there is no model to do a job (it waits).
    """
    await deliver(engine, user)
    await settle(engine, user)
    await embed_pending(engine, user)
    done = 0
    while (job := await claim(engine, user, worker)) is not None:
        did = await run_job(engine, user, job)
        done += did
        if on_job is not None:
            on_job(user, job, did)
    if done:
        await embed_pending(engine, user)
    held = [j for j in await engine.store.jobs(user) if j.claimed_by and j.claimed_by != worker and not j.parked]
    await engine.store.rest(user, keep=bool(held))
    return Drained(done=done, waiting=bool(held))


async def settle(engine: Engine, user: str) -> bool:
    """Do what an erase has left to do: pictures, then old bytes of a file; whether all is done.

    What cannot be done now is tried again, and holds up nothing else.
    """
    left = await engine.store.unsettled(user)
    if not left.images and not left.old_bytes:
        return True
    removed = [digest for digest in sorted(left.images) if await _removed(engine, user, digest)]
    return await engine.store.settle(user, removed) and len(removed) == len(left.images)


async def _removed(engine: Engine, user: str, digest: str) -> bool:
    """Remove a picture; False when it has to be tried again."""
    try:
        await engine.media.remove(user, [digest])
    except NotFound:
        return True  # what a turn names as a digest may be none, and then it is nothing that is kept
    except StoreError as error:
        logger.warning("a picture that was erased is not removed yet; it is tried again: %s", error)
        return False
    return True


async def claim(engine: Engine, user: str, worker: str) -> OpenJob | None:
    """Take the next due job of a user."""
    now = engine.clock()
    return await engine.store.claim(user, worker=worker, now=now, until=now + timedelta(seconds=engine.options.claim_s))


async def run_job(engine: Engine, user: str, job: OpenJob) -> bool:
    """Do one claimed job, holding the claim meanwhile; False when it was put off or its turns are gone."""
    holding = asyncio.create_task(_hold(engine, user, job))
    try:
        return await _do(engine, user, job)
    except (asyncio.CancelledError, ConfigurationError):
        with contextlib.suppress(StoreAway):  # it is free when the claim runs out
            await engine.store.reschedule(user, job)  # free at once for whoever comes next
        raise
    finally:
        holding.cancel()


async def _hold(engine: Engine, user: str, job: OpenJob) -> None:
    lease = timedelta(seconds=engine.options.claim_s)
    while True:
        await asyncio.sleep(engine.options.claim_s / 3)
        with contextlib.suppress(StoreAway):  # should another take it, the first commit of the two holds
            await engine.store.renew(user, job, engine.clock() + lease)


async def _do(engine: Engine, user: str, job: OpenJob) -> bool:
    try:
        given = await gather(engine, user, job)
        completion = await engine.policy_for(user).ask(STEPS[job.name].job, given)
        await submit(engine, user, job, given, completion.value)
    except NotFound:
        await engine.store.finish(user, job)  # the person erased what it would have worked from
        return False
    except Outdated as error:
        if job.attempts:  # it must not go round for ever
            await put_off(engine, user, job, error)
        else:  # over what is left, and reading what stands now
            await engine.store.reschedule(user, replace(job, attempts=1, not_before=engine.clock()))
        return False
    except (PolicyError, EmbeddingError) as error:
        logger.warning("update job %s failed (attempt %d): %s", job.name, job.attempts + 1, type(error).__name__)
        await put_off(engine, user, job, error)
        return False
    except (StoreError, ConfigurationError):
        raise
    except Exception as error:  # a rim: a fault of ours in one job must not hold up all others for ever
        logger.exception("update job %s broke", job.name)
        await put_off(engine, user, job, error)
        return False
    return True


async def put_off(engine: Engine, user: str, job: OpenJob, error: Exception) -> None:
    """Give a failed job back: to be tried again after a while, or parked with its error."""
    delays = engine.options.retry_delays_s
    parked = job.attempts >= len(delays)
    wait = timedelta(seconds=0 if parked else delays[job.attempts])
    given_back = replace(
        job,
        attempts=job.attempts + 1,
        not_before=engine.clock() + wait,
        parked=parked,
        error=str(error)[:500] or type(error).__name__,
    )
    await engine.store.reschedule(user, given_back)


async def embed_pending(engine: Engine, user: str) -> int:
    """Give a vector to every text that has none; how many. A failing embedder is tried again with the next turn."""
    embedder, count = engine.embedder, 0
    if embedder is None:
        return 0
    try:
        while batch := await engine.store.unembedded(user, EMBED_BATCH):
            texts = [excerpt(item.text, EMBEDDED_TOKENS, mark="\n") for item in batch]
            vectors = await embedder.embed_documents(texts)
            tokens: list[NDArray[np.int8] | None] = [None] * len(batch)
            space = await embedder.token_space()
            if embedder.tokens is not None and space is not None:
                tokens = [space.stored(t) for t in await embedder.tokens.embed_tokens(texts)]
            made = [
                Vectors(ref=item.ref, vector=vector, tokens=token)
                for item, vector, token in zip(batch, vectors, tokens, strict=True)
            ]
            await engine.store.put_vectors(user, await embedder.fingerprint(), made)
            count += len(batch)
            await asyncio.sleep(0)
    except (EmbeddingError, EmbeddingMismatch) as error:
        logger.warning("vectors of new texts are not written: %s", error)
    return count
