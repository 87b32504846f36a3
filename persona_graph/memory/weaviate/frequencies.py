"""How many texts there are, and how many hold each term; counts are kept while a user has about as many things.

A search by one word tells how many things hold it by its score alone, ten times as fast as the server counts them.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Coroutine, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from persona_graph.memory.weaviate import schema
from persona_graph.memory.weaviate.filters import any_tag, tagged
from persona_graph.memory.weaviate.rarities import count_of, counts_of, guesses_of
from persona_graph.memory.weaviate.things import MESSAGE, VERSION
from persona_graph.memory.weaviate.user_space import UserSpace

Scored = Sequence[tuple[Sequence[int], float]]
"""Of texts the terms that they hold, by number, and the scores that the server gives them."""

ALL = ""
"""Stands among terms for all texts."""
ANY = ""
"""Stands for messages and versions together."""
FEW = 100
"""Of so few things those that hold a term are read, and counted by what they are; of more they are counted together."""


class Frequencies:
    """Of the terms of one search, among things with one tag (messages, versions)."""

    def __init__(self, space: UserSpace, index: str, terms: Sequence[str]) -> None:
        self._space, self._index, self._terms = space, index, (ALL, *terms)
        self._counts: dict[str, int] = {}

    async def things(self) -> int:
        """How many things of any kind the user has; the server knows it without a look.

        Searches that begin together share a call that is not yet on its way.
        """
        cache = self._space.search
        if cache.counting is None:
            cache.counting = asyncio.create_task(self._things())
        return await asyncio.shield(cache.counting)

    async def about(self) -> int:
        """The same, where that is not known; of many things a few more say nothing."""
        things = self._space.search.things
        return things if things is not None and things > FEW else await self.things()

    async def _things(self) -> int:
        cache = self._space.search
        cache.counting = None
        cache.things = await self._space.tenant.count(None)
        return cache.things

    def begin(self) -> list[Coroutine[Any, Any, None]]:
        """Count before that is known, as if the user had as many things as last time; not what scores will tell.

        What is to be awaited: mostly nothing.
        """
        things = self._space.search.things
        if things is None:
            return []
        terms = [ALL] if things > FEW else self._terms
        return [] if self._known(things).keys() >= set(terms) else [self._ask(terms, things)]

    async def read(self, things: int, scored: Scored = (), *, guess: bool = False, but: Iterable[int] = ()) -> None:
        """Count what is not known or was counted when the user had many fewer or more things: calls side by side.

        `scored` is what a search by words found. With `guess` nothing is asked about a term of which that tells too
        little (nearly always no text holds it where the search looked), `but` about some, by number.
        """
        guess &= things > FEW
        self.learn(scored, things)
        await self._ask([ALL, *(self._terms[number + 1] for number in sorted(but))] if guess else self._terms, things)
        self._counts = self._known(things)
        if guess:
            numbers = self._numbers(self._counts)
            others = set(range(len(self._terms) - 1)) - numbers.keys()
            guesses = guesses_of(scored, things, numbers, others)
            self._counts |= {self._terms[number + 1]: count for number, count in guesses.items()}

    def learn(self, scored: Scored, things: int | None = None) -> None:
        """Keep what scores tell, for all searches that run now; the user has about as many things as last time."""
        cache = self._space.search
        things = cache.things if things is None else things
        if things is None or things <= FEW:
            return
        numbers = self._numbers(self._known(things))
        if len(numbers) < len(self._terms) - 1:
            told = counts_of(scored, things, numbers)
            cache.keep_counts(ANY, {self._terms[number + 1]: count for number, count in told.items()}, things)

    def _known(self, things: int) -> dict[str, int]:
        cache, index = self._space.search, self._kept(things)
        counted = ((term, cache.counted(index, term, things)) for term in self._terms)
        return {term: count for term, count in counted if count is not None}

    def _numbers(self, counts: Mapping[str, int]) -> dict[int, int]:
        return {number: counts[term] for number, term in enumerate(self._terms[1:]) if term in counts}

    def _kept(self, things: int) -> str:
        """Under which name counts are kept."""
        return ANY if things > FEW else self._index

    async def _ask(self, terms: Sequence[str], things: int) -> None:
        known = self._known(things)
        new = [term for term in terms if term not in known]
        if new:
            counts = await (self._one_by_one(new, things) if things > FEW else self._few(new))
            self._space.search.keep_counts(self._kept(things), counts, things)

    @property
    def total(self) -> int:
        """How many texts there are."""
        return self._counts.get(ALL, 0)

    @property
    def column(self) -> NDArray[np.int64]:
        """(t,) how many texts hold each term."""
        return np.array([min(self._counts.get(term, 0), self.total) for term in self._terms[1:]], np.int64)

    async def _one_by_one(self, terms: Sequence[str], things: int) -> dict[str, int]:
        counts = await asyncio.gather(*(self._told(term, things) for term in terms))
        return dict(zip(terms, counts, strict=True))

    async def _told(self, term: str, things: int) -> int:
        tenant = self._space.tenant
        if term == ALL:
            return await tenant.count(any_tag((MESSAGE, VERSION)))
        best = await tenant.by_words([term], None, (), limit=1)
        return max(round(count_of(best[0].score, things)), 1) if best else 0

    async def _few(self, terms: Sequence[str]) -> dict[str, int]:
        """Exact counts among things of the tag, by reading all that hold a term."""
        tenant, words = self._space.tenant, [term for term in terms if term != ALL]
        where = tagged(self._index)
        reads = [tenant.by_words(words, where, (schema.TERMS,), limit=2 * FEW)] if words else []
        total, found = await asyncio.gather(tenant.count(where), asyncio.gather(*reads))
        held = Counter(term for page in found for thing in page for term in thing.properties[schema.TERMS].split())
        return {ALL: total, **{term: held[term] for term in words}}
