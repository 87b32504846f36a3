"""What the tests of the contract write into a store, and how they read it back."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from persona_graph.conversation import Message, Role, Turn, TurnState
from persona_graph.memory.commit import Commit
from persona_graph.memory.erase import Again, Erase, Erased
from persona_graph.memory.open_job import OpenJob
from persona_graph.memory.operations import Add, Delete, Operation, Update
from persona_graph.memory.store import Lookup, MemoryStore, Vectors
from persona_graph.memory.types import Kind, Memory, Source
from persona_graph.personality import BigFive, Observation
from persona_graph.timerange import TimeRange

NOON = datetime(2024, 5, 1, 12, tzinfo=UTC)
DAY, HOUR = timedelta(days=1), timedelta(hours=1)
KINDS = frozenset(Kind)
SAID = {"job": "reason", "said": [{"role": "assistant", "text": "the sea"}]}
"""A step of a receipt, with what was said in it."""


def turn(
    name: str,
    day: float = 0,
    *said: str,
    session: str = "s",
    state: TurnState = TurnState.ANSWERED,
    speaker: str = "Ana",
) -> Turn:
    """A turn on that day; person and assistant speak by turns."""
    sides = ((Role.PERSON, speaker), (Role.ASSISTANT, ""))
    messages = tuple(
        Message.of(sides[i % 2][0], text, speaker=sides[i % 2][1]) for i, text in enumerate(said or (name,))
    )
    return Turn(id=name, at=NOON + day * DAY, session=session, messages=messages, state=state)


def job(name: str, *turns: str, at: datetime = NOON, rank: int = 0, not_before: datetime = NOON) -> OpenJob:
    return OpenJob(id=name, name=name, turns=turns, at=at, rank=rank, not_before=not_before)


def fact(name: str, text: str, at: datetime = NOON, **more: object) -> Commit:
    """A commit that adds one fact."""
    return Commit(id=name, job="extract_semantic", at=at, operations=(Add(kind=Kind.SEMANTIC, text=text),), **more)  # type: ignore[arg-type]


def core(key: str, text: str) -> Add:
    return Add(kind=Kind.CORE, key=key, text=text)


def by_hand(name: str, *operations: Operation, **more: object) -> Commit:
    return Commit(id=name, job="person", at=NOON + 9 * DAY, source=Source.PERSON, operations=operations, **more)  # type: ignore[arg-type]


def seen(name: str, day: float, score: float = 5.0) -> Commit:
    observation = Observation(turn=name, at=NOON + day * DAY, scores=BigFive(*[score] * 5), words=("so",))
    return Commit(
        id=f"p-{name}",
        job="infer_personality",
        at=observation.at,
        observations=(observation,),
        evidence=(name,),
    )


async def history(store: MemoryStore) -> list[Commit]:
    """Facts, a field that changes, a pin and a deletion."""
    first = await store.commit("ana", fact("c0", "lives in Rome", NOON))
    (home,) = await store.memories("ana")
    core = Add(kind=Kind.CORE, key="Name", text="Ana")
    await store.commit("ana", Commit(id="c1", job="update_core", at=NOON + DAY, operations=(core,)))
    moved = Update(id=home.id, text="lives in Oslo", event=TimeRange(start=NOON + 5 * DAY))
    await store.commit("ana", Commit(id="c2", job="extract_semantic", at=NOON + 6 * DAY, operations=(moved,)))
    core = Add(kind=Kind.CORE, key="name", text="Ana Maria")
    await store.commit("ana", Commit(id="c3", job="update_core", at=NOON + 7 * DAY, operations=(core,)))
    gone = Delete(id=home.id)
    last = Commit(id="c4", job="person", at=NOON + 8 * DAY, source=Source.PERSON, operations=(gone,))
    return [first, await store.commit("ana", last)]


def unit(direction: int, size: int = 8) -> NDArray[np.float32]:
    made = np.zeros(size, np.float32)
    made[direction % size] = 1
    return made


async def embed(store: MemoryStore, fingerprint: str = "f", size: int = 8) -> list[str]:
    """Give text number i the unit vector i; returns the texts."""
    waiting = await store.unembedded("ana", 99)
    made = [Vectors(ref=u.ref, vector=unit(i, size)) for i, u in enumerate(waiting)]
    await store.put_vectors("ana", fingerprint, made)
    return [u.text for u in waiting]


async def erase(store: MemoryStore, *turns: str, memories: Iterable[str] = (), images: Iterable[str] = ()) -> Erased:
    """Erase things of Ana; the work of a commit that goes is opened again under its id."""

    def reopen(again: Again, newest: datetime) -> OpenJob:
        return replace(job(f"again {again.commit}", *again.turns), at=newest)

    what = Erase(turns=frozenset(turns), memories=frozenset(memories), images=frozenset(images))
    return await store.erase("ana", what, at=NOON, reopen=reopen)


async def take(store: MemoryStore, now: datetime = NOON, worker: str = "w", user: str = "ana") -> OpenJob | None:
    return await store.claim(user, worker=worker, now=now, until=now + HOUR)


async def found(store: MemoryStore, lookup: Lookup, user: str = "ana") -> list[str]:
    """Eligible messages that hold any of the terms, as `turn#place`."""
    candidates = await store.find_messages(user, lookup)
    chosen = candidates.rows[candidates.eligible & candidates.hits.any(axis=0)]
    return [f"{one.id}#{place}" for one, place in await store.messages_at(user, [int(row) for row in chosen])]


async def remembered(store: MemoryStore, *terms: str) -> list[str]:
    """Texts of the memories that hold any of the terms."""
    candidates = await store.find_memories("ana", Lookup(terms=terms, kinds=KINDS))
    return [candidates.memories[place].text for place in np.flatnonzero(candidates.hits.any(axis=0)).tolist()]


def ids(turns: Sequence[Turn]) -> list[str]:
    return [one.id for one in turns]


def texts(memories: Sequence[Memory]) -> list[str]:
    return [memory.text for memory in memories]
