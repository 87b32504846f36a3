"""Finding memories: the best of each kind by words and by vector, among those that a window or a moment leaves."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

import numpy as np

from persona_graph.memory.sqlite.memory_search import nothing
from persona_graph.memory.store import Lookup
from persona_graph.memory.types import Kind, Memory
from persona_graph.memory.weaviate import schema
from persona_graph.memory.weaviate.codec import CURRENT, ON, UNEMBEDDED, kind_tag, text_tag, version_of
from persona_graph.memory.weaviate.commits import held_at, switched_off
from persona_graph.memory.weaviate.frequencies import Frequencies
from persona_graph.memory.weaviate.held_vectors import check
from persona_graph.memory.weaviate.latest import DAYS, latest
from persona_graph.memory.weaviate.tenant import any_tag, begun, both, ended, tagged
from persona_graph.memory.weaviate.things import FIRST, VERSION, Found, date
from persona_graph.memory.weaviate.user_space import UserSpace
from persona_graph.retrieval.analysis import analyse
from persona_graph.retrieval.candidates import MemoryCandidates

LEG = 24
"""How many memories of a kind the words bring, and how many the vector."""
LEAST = 12
"""So few of a kind are back-filled with what else lies in a window."""
FIELDS = (schema.ROW, schema.BODY, schema.TERMS)
MANY = 500
"""Tags in one filter."""


async def find(space: UserSpace, lookup: Lookup) -> MemoryCandidates:
    """Candidates with what of the query they hold, and their cosines; empty for an unknown user.

    Raises: EmbeddingMismatch when vectors of another model are held.
    """
    search = _Search(space, lookup)
    await (search.by_kind() if lookup.as_of is None else search.held_then())
    return search.candidates()


class _Search:
    """One search on its way."""

    def __init__(self, space: UserSpace, lookup: Lookup) -> None:
        self.space, self.lookup = space, lookup
        self.frequencies = Frequencies(space, VERSION, lookup.terms)
        self.seen: dict[UUID, tuple[int, Memory]] = {}
        """By thing: the row and the memory."""
        self.held: dict[UUID, frozenset[str]] = {}
        """The terms of each."""
        self.cosine: dict[UUID, float] = {}
        self.many: set[Kind] = set()
        """Kinds of which there are more than one call reads."""

    async def by_kind(self) -> None:
        """The best of each kind; where nothing but a window counts, also the latest that neither words nor vector find.

        All of that is one round, but for windows with very many memories that hold none of the words.
        """
        lookup, counting = self.lookup, self.frequencies
        kinds = sorted(lookup.kinds)
        filled = lookup.window.bounded or not lookup.terms
        legs = [leg for kind in kinds for leg in (self._by_words(kind), self._by_vector(kind))]
        if filled:
            legs += [self._waiting(kinds)] if lookup.vector is not None else [self._rest(kind) for kind in kinds]
        first = (counting.begin(), check(self.space, lookup), *legs)
        things, _ = await asyncio.gather(counting.things(), asyncio.gather(*first))
        more = [self._latest(kind) for kind in kinds if filled and kind in self.many]
        await asyncio.gather(*more, counting.read(things))

    @property
    def leg(self) -> int:
        """How many each leg brings; some of them may be excluded."""
        return LEG + min(len(self.lookup.exclude), LEG)

    def _where(self, *kinds: Kind) -> Any:
        """The filter of the window, and of a kind."""
        window, tags = self.lookup.window, (VERSION, ON, *map(kind_tag, kinds))
        if not window.bounded:
            return tagged(*tags, CURRENT)
        overlapping = both(
            None if window.end is None else begun(last=date(window.end)),
            None if window.start is None else ended(first=date(window.start)),
        )
        return both(tagged(*tags), overlapping)

    async def _by_words(self, kind: Kind) -> None:
        terms = self.lookup.terms
        if terms:
            self._add(await self.space.tenant.by_words(terms, self._where(kind), FIELDS, limit=self.leg))

    async def _by_vector(self, kind: Kind) -> None:
        vector = self.lookup.vector
        if vector is not None:
            self._add(await self.space.tenant.by_vector(vector, self._where(kind), FIELDS, limit=self.leg))

    async def _waiting(self, kinds: Sequence[Kind]) -> None:
        """What a vector does not find because it has none."""
        where = both(self._where(), both(any_tag(map(kind_tag, kinds)), tagged(UNEMBEDDED)))
        self._add(await self.space.tenant.find(where, FIELDS, limit=len(kinds) * self.leg))

    async def _rest(self, kind: Kind) -> None:
        """What there is at all, where that is little."""
        found = await self.space.tenant.find(self._where(kind), FIELDS, limit=self.leg + 1)
        if len(found) > self.leg:
            self.many.add(kind)
        else:
            self._add(found)

    async def _latest(self, kind: Kind) -> None:
        """The memories that began last in the window, where the search found few of the kind."""
        window = self.lookup.window
        of_kind = [memory for _, memory in self.seen.values() if memory.kind is kind]
        if len(of_kind) >= min(self.leg, LEAST):
            return
        starts = (memory.event.start for memory in of_kind)
        end = window.end or max((start for start in starts if start is not None), default=None)
        back = [] if end is None else [begun(first=date(max(end, FIRST) - timedelta(days=n))) for n in DAYS]
        self._add(await latest(self.space.tenant, self._where(kind), back, FIELDS, self.leg))

    def _add(self, found: Iterable[Found]) -> None:
        lookup = self.lookup
        for thing in found:
            if thing.id not in self.seen:
                memory = version_of(thing)
                if memory.id in lookup.exclude or not memory.event.overlaps(lookup.window):
                    continue
                self.seen[thing.id] = (thing.row, memory)
                self.held[thing.id] = frozenset((thing.properties.get(schema.TERMS) or "").split())
            if thing.distance is not None:
                self.cosine[thing.id] = 1 - thing.distance

    def candidates(self) -> MemoryCandidates:
        """What was seen, oldest first."""
        lookup = self.lookup
        if not self.frequencies.total:
            return nothing(lookup)
        order = sorted(self.seen, key=lambda id: (self.seen[id][0], id.int))
        hits = np.zeros((len(lookup.terms), len(order)), bool)
        for place, id in enumerate(order):
            hits[:, place] = [term in self.held[id] for term in lookup.terms]
        dense = lookup.vector is not None
        return MemoryCandidates(
            memories=tuple(self.seen[id][1] for id in order),
            hits=hits,
            frequency=self.frequencies.column,
            total=self.frequencies.total,
            cosine=np.array([self.cosine.get(id, 0.0) for id in order], np.float32) if dense else None,
        )

    async def held_then(self) -> None:
        """What was held at a moment: the fold of the commits until then, all of it."""
        lookup, space = self.lookup, self.space
        assert lookup.as_of is not None
        held, off, things, _ = await asyncio.gather(
            held_at(space, lookup.as_of), switched_off(space), self.frequencies.things(), check(space, lookup)
        )
        off |= lookup.exclude
        memories = [
            memory
            for memory in held
            if memory.kind in lookup.kinds
            and memory.id not in off
            and not memory.off
            and memory.event.overlaps(lookup.window)
        ]
        cosine, _ = await asyncio.gather(
            self._cosines({text_tag(m.searchable) for m in memories}), self.frequencies.read(things)
        )
        for place, memory in enumerate(memories):
            id = UUID(int=place)
            self.seen[id] = (place, memory)
            self.held[id] = frozenset(analyse(memory.searchable))
            self.cosine[id] = cosine.get(text_tag(memory.searchable), 0.0)

    async def _cosines(self, texts: Iterable[str]) -> dict[str, float]:
        """By the tag of a text: versions that say the same share a vector."""
        vector, wanted = self.lookup.vector, sorted(texts)
        if vector is None:
            return {}
        parts = [wanted[start : start + MANY] for start in range(0, len(wanted), MANY)]
        pages = await asyncio.gather(
            *(self.space.tenant.by_vector(vector, any_tag(part), (schema.TAGS,), limit=10_000) for part in parts)
        )
        near = [thing for page in pages for thing in page if thing.distance is not None]
        return {tag: 1 - (thing.distance or 0) for thing in near for tag in thing.tags if tag.startswith("text:")}
