"""Finding memories: the best of each kind by words and by vector, among those that a window or a moment leaves."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Coroutine, Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np

from persona_graph.memory.json_rows import Memories, Row, event_of, is_current, is_off, memory_row
from persona_graph.memory.store import Lookup
from persona_graph.memory.types import Kind
from persona_graph.memory.weaviate import schema
from persona_graph.memory.weaviate.codec import UNEMBEDDED, kind_tag, now_tag, on_tag, text_tag
from persona_graph.memory.weaviate.commits import held_at, switched_off
from persona_graph.memory.weaviate.filters import any_tag, begun, both, ended, tagged
from persona_graph.memory.weaviate.frequencies import Frequencies
from persona_graph.memory.weaviate.held_vectors import check
from persona_graph.memory.weaviate.latest import DAYS, latest
from persona_graph.memory.weaviate.search_cache import EMBEDDED
from persona_graph.memory.weaviate.things import VERSION, Found, hour
from persona_graph.memory.weaviate.user_space import UserSpace
from persona_graph.retrieval.analysis import analyse
from persona_graph.retrieval.candidates import MemoryCandidates, hits_of

LEG = 16
"""How many memories of a kind the words bring, and how many the vector."""
ENOUGH = 6
"""So few of a kind, found with others, are too few; the best two to four are shown."""
WHOLE = 64
"""Up to so many of a kind that is searched alone are read at once."""
LEAST = 12
"""So few of a kind are back-filled with what else lies in a window."""
FIELDS = (schema.ROW, schema.BODY, schema.TERMS)
HOURS_A_DAY = 24
MANY = 500
"""Tags in one filter."""

Leg = Coroutine[Any, Any, None]
"""One call of a search."""


async def find(space: UserSpace, lookup: Lookup) -> MemoryCandidates:
    """Candidates with what of the query they hold, and their cosines; empty for an unknown user.

    Raises: EmbeddingMismatch when vectors of another model are held.
    """
    search = _Search(space, lookup)
    await (search.by_kind() if lookup.as_of is None else search.held_then())
    return search.candidates()


class _Seen(NamedTuple):
    """One memory; they order by age."""

    at: int
    key: bytes
    row: Row
    """As it is stored."""
    held: list[int]
    """Which of the terms it holds."""


class _Search:
    """One search on its way."""

    def __init__(self, space: UserSpace, lookup: Lookup) -> None:
        self.space, self.lookup = space, lookup
        self.frequencies = Frequencies(space, VERSION, lookup.terms)
        self.seen: dict[bytes, _Seen] = {}
        """By the ids of the things."""
        self.words = [(place, f" {term} ") for place, term in enumerate(lookup.terms)]
        """The terms as they stand in a text of terms."""
        self.cosine: dict[bytes, float] = {}
        self.scored: list[tuple[list[int], float]] = []
        """Which terms texts hold, and what the server gives them for it."""
        self.full = False
        """Whether words or vector would bring more."""
        self.many: set[Kind] = set()
        """Kinds of which there are more than one call reads."""
        self.wide: set[Kind] = set()
        """Kinds of which there are, against expectation, too many to read all."""

    async def by_kind(self) -> None:
        """The best of each kind; where nothing but a window counts, also the latest that neither words nor vector find.

        All of that is one round, but for windows with very many memories that hold none of the words.
        """
        lookup, counting = self.lookup, self.frequencies
        kinds = sorted(lookup.kinds)
        filled = lookup.window.bounded or not lookup.terms
        known = self.space.search.things or 0
        together = [kind for kind in kinds if kind not in self.space.search.crowded]
        alone = [kind for kind in kinds if kind not in together]
        whole = [kind for kind in alone if kind not in self.space.search.wide]
        legs = [*self._legs(together), *map(self._whole, whole)]
        legs += [leg for kind in alone if kind not in whole for leg in self._legs([kind])]
        if filled and lookup.vector is None:
            legs += [self._rest(kind) for kind in kinds if kind not in whole]
        elif filled and not self.space.search.holds(self._embedded, known):
            legs.append(self._waiting(known))
        things, *_ = await asyncio.gather(counting.things(), *counting.begin(), *check(self.space, lookup), *legs)
        more: list[Leg] = [self._latest(kind) for kind in kinds if filled and kind in self.many]
        more += [leg for kind in self._crowded(together) for leg in self._legs([kind])]
        more += [leg for kind in self.wide for leg in self._legs([kind])]
        more += [self._waiting(things)] if filled and lookup.vector is not None and things != known else []
        reading = counting.read(things, self.scored, guess=True)
        await (asyncio.gather(*more, reading) if more else reading)

    @property
    def leg(self) -> int:
        """How many each leg brings; some of them may be excluded."""
        return LEG + min(len(self.lookup.exclude), LEG)

    def _where(self, kinds: Sequence[Kind]) -> Any:
        """The filter of the window, and of kinds."""
        window = self.lookup.window
        if not window.bounded:
            return any_tag(map(now_tag, kinds))
        overlapping = both(
            None if window.end is None else begun(last=hour(window.end)),
            None if window.start is None else ended(first=hour(window.start)),
        )
        return both(any_tag(map(on_tag, kinds)), overlapping)

    def _legs(self, kinds: Sequence[Kind]) -> list[Leg]:
        return [self._by_words(kinds), self._by_vector(kinds)] if kinds else []

    async def _whole(self, kind: Kind) -> None:
        """All of a kind, whatever the window: that is less work for the server than to look into the window."""
        tag = on_tag if self.lookup.window.bounded else now_tag
        found = await self.space.tenant.near(self.lookup.vector, any_tag([tag(kind)]), FIELDS, limit=WHOLE)
        self._add(found)
        if len(found) == WHOLE:
            self.wide.add(kind)
            self.space.search.wide.add(kind)

    async def _by_words(self, kinds: Sequence[Kind]) -> None:
        terms, limit = self.lookup.terms, len(kinds) * self.leg
        if terms:
            self._add(await self.space.tenant.by_words(terms, self._where(kinds), FIELDS, limit=limit), limit)
            self.frequencies.learn(self.scored)

    async def _by_vector(self, kinds: Sequence[Kind]) -> None:
        vector, limit = self.lookup.vector, len(kinds) * self.leg
        if vector is not None:
            self._add(await self.space.tenant.by_vector(vector, self._where(kinds), FIELDS, limit=limit), limit)

    def _crowded(self, kinds: Sequence[Kind]) -> list[Kind]:
        """Of kinds that were asked for together those to which others left too few places; they go alone then."""
        if len(kinds) < 2 or not self.full:
            return []
        seen = Counter(one.row["kind"] for one in self.seen.values())
        few = [kind for kind in kinds if seen[kind] < ENOUGH]
        self.space.search.crowded |= set(few)
        return few

    async def _waiting(self, things: int) -> None:
        """What a vector does not find because it has none: mostly there is nothing, and nobody asks again."""
        cache, tenant, kinds = self.space.search, self.space.tenant, sorted(self.lookup.kinds)
        limit, of_kinds = len(kinds) * self.leg, any_tag(map(kind_tag, kinds))
        if cache.holds(self._embedded, things):
            return
        waiting = await tenant.find(both(tagged(VERSION, UNEMBEDDED), of_kinds), FIELDS, limit=limit)
        if len(waiting) == limit:
            waiting = await tenant.find(both(self._where(kinds), tagged(UNEMBEDDED)), FIELDS, limit=limit)
        if waiting:
            self._add(waiting)
        else:
            cache.note(self._embedded, things)

    @property
    def _embedded(self) -> str:
        """Says that all memories of the kinds have their vector."""
        return " ".join((EMBEDDED, *sorted(self.lookup.kinds)))

    async def _rest(self, kind: Kind) -> None:
        """What there is at all, where that is little."""
        found = await self.space.tenant.find(self._where([kind]), FIELDS, limit=self.leg + 1)
        if len(found) > self.leg:
            self.many.add(kind)
        else:
            self._add(found)

    async def _latest(self, kind: Kind) -> None:
        """The memories that began last in the window, where the search found few of the kind."""
        window = self.lookup.window
        of_kind = [one.row for one in self.seen.values() if one.row["kind"] == kind]
        if len(of_kind) >= min(self.leg, LEAST):
            return
        starts = (event_of(row).start for row in of_kind)
        end = window.end or max((start for start in starts if start is not None), default=None)
        back = [] if end is None else [begun(first=hour(end) - n * HOURS_A_DAY) for n in DAYS]
        self._add(await latest(self.space.tenant, self._where([kind]), back, FIELDS, self.leg))

    def _add(self, found: Sequence[Found], limit: int = 0) -> None:
        """Take in what was read; at a limit there is more."""
        self.full |= 0 < limit == len(found)
        exclude, window = self.lookup.exclude, self.lookup.window
        bounded = window.bounded
        for thing in found:
            key = thing.key
            if key not in self.seen:
                row: Row = thing.body
                if row["id"] in exclude or is_off(row):
                    continue
                if not (event_of(row).overlaps(window) if bounded else is_current(row)):
                    continue
                said = f" {thing.properties.get(schema.TERMS, '')} "
                self.seen[key] = _Seen(thing.row, key, row, [place for place, word in self.words if word in said])
            if thing.distance is not None:
                self.cosine[key] = 1 - thing.distance
            if thing.score:
                self.scored.append((self.seen[key].held, thing.score))

    def candidates(self) -> MemoryCandidates:
        """What was seen, oldest first."""
        lookup = self.lookup
        if not self.frequencies.total:
            return MemoryCandidates.nothing(len(lookup.terms), dense=lookup.vector is not None)
        order = sorted(self.seen.values())
        dense, rows = lookup.vector is not None, [one.row for one in order]
        return MemoryCandidates(
            memories=Memories(rows),
            kinds=np.array([row["kind"] for row in rows], object),
            lengths=np.array([len(row.get("text", "")) for row in rows], np.float32),
            hits=hits_of([one.held for one in order], len(lookup.terms)),
            frequency=self.frequencies.column,
            total=self.frequencies.total,
            cosine=np.array([self.cosine.get(one.key, 0.0) for one in order], np.float32) if dense else None,
        )

    async def held_then(self) -> None:
        """What was held at a moment: the fold of the commits until then, all of it."""
        lookup, space = self.lookup, self.space
        assert lookup.as_of is not None
        held, off, things, *_ = await asyncio.gather(
            held_at(space, lookup.as_of), switched_off(space), self.frequencies.things(), *check(space, lookup)
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
            self._cosines({text_tag(m.searchable) for m in memories}), self.frequencies.read(things, ())
        )
        for place, memory in enumerate(memories):
            said = set(analyse(memory.searchable))
            key = place.to_bytes(16)
            holds = [number for number, term in enumerate(lookup.terms) if term in said]
            self.seen[key] = _Seen(place, key, memory_row(memory), holds)
            self.cosine[key] = cosine.get(text_tag(memory.searchable), 0.0)

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
