"""Looking: search, and read what is remembered, believed and said. Nothing here writes."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from persona_graph.blocking import blocking
from persona_graph.conversation import Turn
from persona_graph.engine import Engine
from persona_graph.errors import NotFound
from persona_graph.memory.commit import Commit
from persona_graph.memory.types import Kind, Memory
from persona_graph.personality import BigFive, PersonalityPoint
from persona_graph.retrieval.query import DEFAULT_LIMITS, Hits, Query, Target
from persona_graph.retrieval.retrieve import retrieve
from persona_graph.timerange import ALWAYS, TimeRange


@dataclass(frozen=True, slots=True, kw_only=True)
class Personality:
    """The Big-Five vector and how it came about."""

    vector: BigFive
    timeline: tuple[PersonalityPoint, ...]
    frozen: Mapping[str, float | None]
    """What the person holds."""
    off: frozenset[str] = frozenset()
    """What the person has switched off."""


class Looking:
    """The part of `Persona` that looks."""

    engine: Engine

    async def aretrieve(self, query: Query) -> Hits:
        """Search memory. Only reads."""
        return await retrieve(self.engine.store, query, self.engine.embedder)

    retrieve = blocking(aretrieve)

    async def asearch(
        self,
        user: str,
        text: str = "",
        *,
        keywords: str = "",
        window: TimeRange = ALWAYS,
        limits: Mapping[Target, int] | None = None,
        as_of: datetime | None = None,
    ) -> Hits:
        """Search one user's memory: `aretrieve` with the query spelled out."""
        query = Query(
            user=user,
            text=text,
            keywords=keywords,
            window=window,
            limits=limits or DEFAULT_LIMITS,
            as_of=as_of,
            now=as_of or self.engine.clock(),
        )
        return await self.aretrieve(query)

    search = blocking(asearch)

    async def amemories(
        self,
        user: str,
        *,
        kinds: Sequence[Kind] | None = None,
        history: bool = False,
        off: bool = True,
        as_of: datetime | None = None,
    ) -> list[Memory]:
        """What is remembered now, or was at `as_of`, what is switched off too; `history` gives all versions."""
        return await self.engine.store.memories(user, kinds=kinds, history=history, off=off, as_of=as_of)

    memories = blocking(amemories)

    async def aprofile(self, user: str, *, as_of: datetime | None = None) -> list[Memory]:
        """Core memory: who the person is."""
        return await self.amemories(user, kinds=(Kind.CORE,), as_of=as_of)

    profile = blocking(aprofile)

    async def apersonality(self, user: str, *, as_of: datetime | None = None) -> Personality:
        """The Big-Five vector now, or at `as_of`, with its timeline."""
        store = self.engine.store
        points, then = await asyncio.gather(store.personality(user, as_of=as_of), store.standing(user, as_of=as_of))
        return Personality(vector=then.vector, timeline=tuple(points), frozen=then.frozen, off=then.off)

    personality = blocking(apersonality)

    async def ahistory(self, user: str) -> list[Commit]:
        """Every step of knowledge in order, what was undone among them: what each did, when and from which turns."""
        return await self.engine.store.commits(user)

    history = blocking(ahistory)

    async def aturns(self, user: str, *, window: TimeRange = ALWAYS, newest: int | None = None) -> list[Turn]:
        """The journal."""
        return await self.engine.store.turns(user, window=window, newest=newest)

    turns = blocking(aturns)

    async def areceipt(self, user: str, turn: str | None = None) -> Mapping[str, Any]:
        """The receipt of an answer, of the newest one when no turn is named. Raises: NotFound."""
        store = self.engine.store
        found = await (store.turns(user, newest=1) if turn is None else store.turns(user, ids=[turn]))
        if not found:
            raise NotFound(f"there is no turn {turn!r}" if turn else "nothing was said yet")
        return found[-1].receipt

    receipt = blocking(areceipt)

    async def ausers(self) -> list[str]:
        """Everybody who has a memory here."""
        return await self.engine.store.users()

    users = blocking(ausers)
