"""Finding messages: the best by words and by vector inside the window, then their neighbours, then their tokens.

A search is three rounds of calls, those of one round side by side: `find` is two; `tokens` is the third, and reads
the turns too, so that `at_rows` has them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Iterable, Sequence
from typing import Any
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from persona_graph.conversation import Turn
from persona_graph.errors import NotFound
from persona_graph.memory.sqlite.message_search import nothing
from persona_graph.memory.sqlite.rows import BEGINNING, END, SEQUENCE_BITS, bounds, row_bounds
from persona_graph.memory.store import Lookup
from persona_graph.memory.weaviate import schema
from persona_graph.memory.weaviate.codec import SHOWS, UNEMBEDDED, Card, card_of, tokens_of, turn_of, turn_tag
from persona_graph.memory.weaviate.frequencies import Frequencies
from persona_graph.memory.weaviate.held_vectors import check
from persona_graph.memory.weaviate.latest import DAYS, latest
from persona_graph.memory.weaviate.message_cards import Pile, Scope, Seen
from persona_graph.memory.weaviate.search_cache import Place
from persona_graph.memory.weaviate.tenant import any_tag, both, tagged
from persona_graph.memory.weaviate.tenant import rows as between
from persona_graph.memory.weaviate.things import MESSAGE, TURN
from persona_graph.memory.weaviate.user_space import UserSpace
from persona_graph.retrieval.candidates import MessageCandidates
from persona_graph.retrieval.token_vectors import StoredTokens

LEG = 100
"""How many the words bring, and how many the vector: of LoCoMo's evidence the top 10 loses 0.3 points by it."""
CORE = 40
"""How many of these have their neighbours read."""
AHEAD = 100
"""Turns of a lookup up to which their tokens are read together with their messages."""

ROWS_A_DAY = 86_400 << SEQUENCE_BITS
FIELDS = (schema.ROW, schema.BODY, schema.TERMS)
TURN_FIELDS = (schema.TAGS, schema.BODY)


async def find(space: UserSpace, lookup: Lookup) -> MessageCandidates:
    """Candidates with what of the query they hold, and their cosines; empty for an unknown user.

    Raises: EmbeddingMismatch when vectors of another model are held.
    """
    return await _Search(space, lookup).found()


class _Search:
    """One search on its way."""

    def __init__(self, space: UserSpace, lookup: Lookup) -> None:
        self.space, self.lookup = space, lookup
        self.began = space.search.clock()
        self.scope = Scope.of(lookup)
        self.pile = Pile(self.scope, lookup.terms)
        self.frequencies = Frequencies(space, MESSAGE, lookup.terms)
        start, end = bounds(lookup.window)
        first, last = row_bounds(start, min(end, self.scope.until))
        self.first = None if first == BEGINNING else first
        self.last = None if last == END else last

    async def found(self) -> MessageCandidates:
        lookup = self.lookup
        if lookup.turns is not None:
            await self._side_by_side(self._of_turns(lookup.turns), self.frequencies.read(), check(self.space, lookup))
        else:
            await self._side_by_side(
                self._by_words(), self._by_vector(), self.frequencies.read(), check(self.space, lookup)
            )
        if not self.frequencies.total:
            return nothing(lookup)
        cores = self.pile.best(CORE, self.frequencies.column, self.frequencies.total)
        await self._side_by_side(self._neighbours(cores), self._latest(), self.frequencies.renew())
        return self._candidates()

    async def _side_by_side(self, *calls: Awaitable[None]) -> None:
        await asyncio.gather(*calls)

    # the first round

    @property
    def where(self) -> Any:
        """The filter of the window."""
        return both(tagged(MESSAGE, *([SHOWS] if self.lookup.images else [])), between(self.first, self.last))

    @property
    def leg(self) -> int:
        """How many the words bring, and how many the vector; some of them may be excluded."""
        return min(self.lookup.depth, LEG) + min(2 * len(self.scope.exclude), LEG)

    async def _by_words(self) -> None:
        if self.lookup.terms:
            self.pile.add(await self.space.tenant.by_words(self.lookup.terms, self.where, FIELDS, limit=self.leg))

    async def _by_vector(self) -> None:
        if self.lookup.vector is not None:
            self.pile.add(await self.space.tenant.by_vector(self.lookup.vector, self.where, FIELDS, limit=self.leg))

    async def _of_turns(self, turns: frozenset[str]) -> None:
        """All messages of some turns; with them what will be asked next."""
        assert self.scope.turns is not None
        if not turns:
            return
        where = any_tag(map(turn_tag, self.scope.turns))
        await self._read(where, limit=10_000)

    async def _read(self, where: Any, *, limit: int) -> None:
        """Messages with their cosines."""
        tenant, vector = self.space.tenant, self.lookup.vector
        if vector is None:
            self.pile.add(await tenant.find(where, FIELDS, limit=limit))
            return
        near, waiting = await asyncio.gather(
            tenant.by_vector(vector, where, FIELDS, limit=limit),
            tenant.find(both(where, tagged(UNEMBEDDED)), FIELDS, limit=limit),
        )
        self.pile.add(near)
        self.pile.add(waiting)

    # the second

    async def _neighbours(self, cores: Iterable[Seen]) -> None:
        slots = self.pile.slots_around(cores)
        if slots:
            await self._read(any_tag(slots), limit=2 * len(slots))  # two processes may have filled one place

    async def _latest(self) -> None:
        """What lies in the window back-fills a search that found little, where nothing but a window counts."""
        lookup, missing = self.lookup, self.leg - len(self.pile.wanted)
        if missing > 0 and lookup.turns is None and (lookup.window.bounded or not lookup.terms):
            newest = max((one.row for one in self.pile.seen.values()), default=self.space.newest)
            ends = [end for end in (self.last, newest) if end is not None]
            back = [between(first=min(ends) - days * ROWS_A_DAY) for days in DAYS] if ends else []
            self.pile.add(await latest(self.space.tenant, self.where, back, FIELDS, self.leg))

    def _candidates(self) -> MessageCandidates:
        cache, began = self.space.search, self.began

        def row_for(one: Seen, least: int) -> int:
            return cache.row_for(one.id, one.card.turn, one.card.place, least=least, since=began)

        found = self.pile.candidates(
            self.frequencies.column,
            self.frequencies.total,
            dense=self.lookup.vector is not None,
            speakers=self.space.speakers or (),
            row_for=row_for,
        )
        cache.trim()
        return found


async def at_rows(space: UserSpace, rows: Sequence[int]) -> list[tuple[Turn, int]]:
    """The turn, without its receipt and its ordinal, and the place in it of each row.

    Raises: NotFound when a message is no longer there.
    """
    wanted = [int(row) for row in rows]
    places = await _places(space, wanted)
    for row in wanted:
        if row not in places:
            raise NotFound(_gone(row))
    known = {place.turn: turn for place in places.values() if (turn := space.search.turn(place)) is not None}
    known |= await _turns(space, {place.turn for place in places.values()} - known.keys())
    for row in wanted:
        if places[row].turn not in known:
            raise NotFound(_gone(row))
    return [(known[places[row].turn], places[row].place) for row in wanted]


def _gone(row: int) -> str:
    return f"message {row} is no longer there; search again"


async def tokens(space: UserSpace, rows: Sequence[int]) -> StoredTokens:
    """Token vectors of messages; rows without any are absent. Their turns are read in the same round."""
    places = await _places(space, [int(row) for row in rows])
    began = space.search.clock()
    held, turns = await asyncio.gather(
        space.tenant.get([place.id for place in places.values()], [schema.TOKENS]),
        _turns(space, {place.turn for place in places.values()}),
    )
    space.search.keep_turns(turns.items(), began)
    kept: dict[int, NDArray[np.int8]] = {}
    for row, place in places.items():
        thing = held.get(place.id)
        if thing is not None and (text := thing.properties.get(schema.TOKENS)):
            kept[row] = tokens_of(text)
    return StoredTokens.of(kept)


async def _turns(space: UserSpace, ids: Iterable[str]) -> dict[str, Turn]:
    """Turns by the hexadecimal ids of their things."""
    found = await space.tenant.get([UUID(id) for id in ids], TURN_FIELDS)
    return {id.hex: turn_of(thing) for id, thing in found.items() if TURN in thing.tags}


async def _places(space: UserSpace, rows: Iterable[int]) -> dict[int, Place]:
    """What rows mean: as the last search said, or as they stand."""
    cache = space.search
    known = {row: place for row in rows if (place := cache.place(row)) is not None}
    others = [row for row in dict.fromkeys(rows) if row not in known]
    found = await asyncio.gather(*(_at(space, row) for row in others))
    return known | {row: place for row, place in zip(others, found, strict=True) if place is not None}


async def _at(space: UserSpace, row: int) -> Place | None:
    where = both(tagged(MESSAGE), between(row, row))
    found = sorted(await space.tenant.find(where, (schema.BODY,), limit=10), key=lambda thing: thing.id.int)
    if not found:
        return None
    card: Card = card_of(found[0])
    return Place(found[0].id, card.turn, card.place, space.search.clock())
