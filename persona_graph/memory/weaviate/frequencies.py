"""How many texts there are, and how many hold each term; counts are kept while the texts are about as many."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from persona_graph.memory.weaviate.tenant import any_term, both, tagged
from persona_graph.memory.weaviate.user_space import UserSpace


class Frequencies:
    """Of the terms of one search, among things with one tag (messages, versions)."""

    def __init__(self, space: UserSpace, index: str, terms: Sequence[str]) -> None:
        self._space, self._index, self._terms = space, index, terms
        self._counts: dict[str, int] = {}
        self.total = 0

    async def read(self) -> None:
        """Count the things, and for each term that is not known yet those that hold it: calls side by side."""
        cache = self._space.search
        new = [term for term in self._terms if cache.counted(self._index, term, None) is None]
        self.total, *counts = await asyncio.gather(
            self._space.tenant.count(tagged(self._index)), *(self._count(term) for term in new)
        )
        self._keep(new, counts)

    async def renew(self) -> None:
        """Count again what was counted when there were many fewer or more; no call in the usual case."""
        cache = self._space.search
        old = [term for term in self._terms if cache.counted(self._index, term, self.total) is None]
        if old:
            self._keep(old, await asyncio.gather(*(self._count(term) for term in old)))

    @property
    def column(self) -> NDArray[np.int64]:
        """(t,) how many things hold each term."""
        return np.array([self._counts.get(term, 0) for term in self._terms], np.int64)

    async def _count(self, term: str) -> int:
        return await self._space.tenant.count(both(tagged(self._index), any_term([term])))

    def _keep(self, terms: Sequence[str], counts: Sequence[int]) -> None:
        self._space.search.keep_counts(self._index, terms, counts, self.total)
        known = ((term, self._space.search.counted(self._index, term, None)) for term in self._terms)
        self._counts = {term: count for term, count in known if count is not None}
