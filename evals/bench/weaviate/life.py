"""A made-up year with everything in it: messages, pictures on some turns, memories of all kinds, vectors of all."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import timedelta

from evals.bench.ours import persona_over
from evals.bench.synthetic import START, MadeUpTokens, Year
from persona_graph.conversation import Image, Turn, digest_of
from persona_graph.memory.commit import Commit
from persona_graph.memory.operations import Add
from persona_graph.memory.store import MemoryStore
from persona_graph.memory.types import Kind
from persona_graph.timerange import TimeRange
from persona_graph.update.drain import embed_pending

BATCH = 1000
"""Turns a write."""
A_PICTURE, A_COMMIT = 50, 250
"""Every so many turns one shows a picture, or a commit learns from what was said."""
A_SESSION, A_FACT, A_HABIT = 5, 10, 125
"""Every so many turns an episode ends, or something new is learned."""
FIELDS = 20
"""The profile has so many; what is said later takes the place of what stood there."""


async def live(store: MemoryStore, user: str, messages: int, *, seed: int) -> int:
    """Write a user's year; how many memories came of it."""
    year, count = Year(seed), 0
    turns = [with_picture(turn) if n % A_PICTURE == 0 else turn for n, turn in enumerate(year.turns(messages))]
    for start in range(0, len(turns), BATCH):
        await store.append(user, turns[start : start + BATCH])
    for commit in commits(year, turns):
        await store.commit(user, commit)
        count += len(commit.operations)
    await embed_pending(persona_over(store, MadeUpTokens()).engine, user)
    return count


def with_picture(turn: Turn) -> Turn:
    """The turn, its first message showing a picture."""
    first, *others = turn.messages
    picture = Image(digest=digest_of("picture", turn.id), caption=first.text[:20])
    return replace(turn, messages=(replace(first, blocks=(*first.blocks, picture)), *others))


def commits(year: Year, turns: Sequence[Turn]) -> Iterator[Commit]:
    """What is learned of these turns."""
    for start in range(0, len(turns), A_COMMIT):
        some = turns[start : start + A_COMMIT]
        learned = [add for number, turn in enumerate(some, start) for add in _learned(year, turns, number, turn)]
        yield Commit(
            id=digest_of("commit", some[0].id),
            job="profile",
            at=some[-1].at,
            operations=tuple(learned),
            evidence=tuple(turn.id for turn in some),
        )


def _learned(year: Year, turns: Sequence[Turn], number: int, turn: Turn) -> Iterator[Add]:
    since, this = TimeRange(start=turn.at), (turn.id,)
    if number % A_SESSION == A_SESSION - 1:
        session = turns[number - A_SESSION + 1 : number + 1]
        said = TimeRange(start=session[0].at, end=turn.at + timedelta(minutes=1))
        yield Add(kind=Kind.EPISODIC, text=year.sentence(25), event=said, evidence=tuple(t.id for t in session))
    if number % A_FACT == 0:
        yield Add(kind=Kind.SEMANTIC, text=year.sentence(8), event=since, evidence=this)
    if number % A_HABIT == 0:
        key = f"habit-{number}"
        yield Add(kind=Kind.PROCEDURAL, key=key, text=year.sentence(10), event=TimeRange(start=START), evidence=this)
        field = f"field-{number // A_HABIT % FIELDS}"
        yield Add(kind=Kind.CORE, key=field, text=year.sentence(4), event=since, evidence=this)
