"""How many texts there are, and how many hold each term; counts are kept while a user has about as many things."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from persona_graph.memory.weaviate.rarities import counts_of
from persona_graph.memory.weaviate.tenant import any_term, both, tagged
from persona_graph.memory.weaviate.user_space import UserSpace

ALL = ""
"""Stands among terms for all texts."""
MANY = 1_000
"""Of so many things it will do how many of any kind hold a term, which the scores of a search tell."""


class Frequencies:
    """Of the terms of one search, among things with one tag (messages, versions)."""

    def __init__(self, space: UserSpace, index: str, terms: Sequence[str]) -> None:
        self._space, self._index, self._terms = space, index, (ALL, *terms)
        self._counts: dict[str, int] = {}

    async def things(self) -> int:
        """How many things of any kind the user has; the server knows it without a look."""
        things = await self._space.tenant.count(None)
        self._space.search.things = things
        return things

    async def begin(self) -> None:
        """Count before that is known, as if the user had as many things as last time."""
        if self._space.search.things is not None:
            await self.read(self._space.search.things)

    async def read(self, things: int, scored: Iterable[tuple[Sequence[int], float]] = ()) -> None:
        """Count what is not known or was counted when the user had many fewer or more things: calls side by side.

        `scored` are the terms, by number, and the scores of what a search by words found.
        """
        cache = self._space.search
        if things >= MANY:
            told = counts_of(scored, things)
            fresh = {self._terms[number + 1]: count for number, count in told.items()}
            fresh = {term: n for term, n in fresh.items() if cache.counted(self._index, term, things) is None}
            cache.keep_counts(self._index, list(fresh), list(fresh.values()), things)
        new = [term for term in self._terms if cache.counted(self._index, term, things) is None]
        cache.keep_counts(self._index, new, await asyncio.gather(*map(self._count, new)), things)
        known = ((term, cache.counted(self._index, term, things)) for term in self._terms)
        self._counts = {term: count for term, count in known if count is not None}

    @property
    def total(self) -> int:
        """How many texts there are."""
        return self._counts.get(ALL, 0)

    @property
    def column(self) -> NDArray[np.int64]:
        """(t,) how many texts hold each term."""
        return np.array([min(self._counts.get(term, 0), self.total) for term in self._terms[1:]], np.int64)

    async def _count(self, term: str) -> int:
        where = tagged(self._index)
        return await self._space.tenant.count(both(where, any_term([term])) if term else where)
