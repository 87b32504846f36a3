"""Finding messages: the best by words and by vector inside the window, then their neighbours, then their tokens.

A search is three rounds of calls, those of one round side by side: `find` is two and brings token vectors along, so
that `tokens` asks for nothing; `at_rows` reads the turns of the winners that were not read ahead. Given turns are read
together with their messages, in one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Iterable, Sequence
from uuid import UUID

from persona_graph.conversation import Turn
from persona_graph.errors import NotFound
from persona_graph.memory.row_ids import BEGINNING, END, SEQUENCE_BITS, bounds, row_bounds
from persona_graph.memory.store import Lookup
from persona_graph.memory.weaviate import schema
from persona_graph.memory.weaviate.codec import (
    PICTURED,
    UNEMBEDDED,
    card_of,
    is_turn,
    own_tag,
    stored_tokens,
    turn_of,
    turn_tag,
)
from persona_graph.memory.weaviate.filters import any_tag, both, tagged
from persona_graph.memory.weaviate.filters import rows as between
from persona_graph.memory.weaviate.frequencies import Frequencies
from persona_graph.memory.weaviate.held_vectors import check
from persona_graph.memory.weaviate.latest import DAYS, latest
from persona_graph.memory.weaviate.message_cards import Pile, Scope, Seen
from persona_graph.memory.weaviate.search_cache import EMBEDDED, NO_PICTURES, Place
from persona_graph.memory.weaviate.things import MESSAGE, TURN, Found
from persona_graph.memory.weaviate.user_space import UserSpace
from persona_graph.retrieval.candidates import MessageCandidates
from persona_graph.retrieval.token_vectors import StoredTokens

LEG, CORE = 40, 20
"""How many the words bring, and how many the vector; how many of these have their neighbours read.

Of the evidence in LoCoMo's development conversations the first ten lose 0.35 points at most by it.
"""
CORE_EACH = 2
"""So many have their neighbours read for each that will be shown: of the first three no evidence is lost by it, of the
first five a quarter of a point; of the first two pictures none.
"""
WORDS_ALONE = 2
"""Without a vector both are so much more."""
FEW_TURNS = 64
"""Up to so many given turns are read ahead."""
LEAST = 32
"""So few found are back-filled with what else lies in a window."""
MOST = 10_000
"""What the server gives in one answer."""

ROWS_A_DAY = 86_400 << SEQUENCE_BITS
PLAIN = (schema.ROW, schema.BODY, schema.TERMS)
FIELDS = (*PLAIN, schema.TOKENS)
TURN_FIELDS = (schema.TAGS, schema.BODY)


async def find(space: UserSpace, lookup: Lookup) -> MessageCandidates:
    """Candidates with what of the query they hold, and their cosines; empty for an unknown user.

    Raises: EmbeddingMismatch when vectors of another model are held.
    """
    search = _Search(space, lookup)
    if lookup.turns is not None:
        return await search.in_turns()
    return await (search.among_pictures() if lookup.images else search.found())


class _Search:
    """One search on its way."""

    def __init__(self, space: UserSpace, lookup: Lookup) -> None:
        self.space, self.lookup = space, lookup
        self.tenant, self.cache = space.tenant, space.search
        self.began = self.cache.clock()
        self.scope = Scope.of(lookup)
        self.pile = Pile(self.scope, lookup.terms)
        self.frequencies = Frequencies(space, MESSAGE, lookup.terms)
        start, end = bounds(lookup.window)
        first, last = row_bounds(start, min(end, self.scope.until))
        self.last = None if last == END else last
        window = between(None if first == BEGINNING else first, self.last)
        self.where = both(tagged(PICTURED if lookup.images else MESSAGE), window)
        wide = 1 if lookup.vector is not None else WORDS_ALONE
        self.leg = min(lookup.depth, wide * LEG) + min(2 * len(lookup.exclude), LEG)
        self.few = CORE_EACH * lookup.limit <= CORE
        self.core = wide * min(CORE, CORE_EACH * lookup.limit)
        self.exhausted = False
        """Whether the vector has brought all that have one and lie in the window."""
        self.whole = False
        """Whether all that lie in the window were read."""

    async def among_pictures(self) -> MessageCandidates:
        """The same, where it is not known that there is no picture."""
        known = self.cache.things
        if known is not None and self.cache.holds(NO_PICTURES, known) and await self.frequencies.things() == known:
            return MessageCandidates.nothing(len(self.lookup.terms), dense=self.lookup.vector is not None)
        return await self.found()

    async def found(self) -> MessageCandidates:
        """The two rounds; neighbours are asked for as soon as it is known whose, whatever else is on its way."""
        first = asyncio.create_task(self._in_window())
        things, *_ = await asyncio.gather(self._others(first), self._neighbours(first), *check(self.space, self.lookup))
        if not things:
            return MessageCandidates.nothing(len(self.lookup.terms), dense=self.lookup.vector is not None)
        self.cache.tokens.keep({key: one.tokens for key, one in self.pile.seen.items()}, self.began)
        return self._candidates()

    async def in_turns(self) -> MessageCandidates:
        """The messages of given turns, read in one call with the turns themselves where these are few."""
        turns = self.scope.turns
        if not turns:
            return MessageCandidates.nothing(len(self.lookup.terms), dense=self.lookup.vector is not None)
        wanted = [*map(turn_tag, turns), *(map(own_tag, turns) if len(turns) <= FEW_TURNS else ())]
        things, found, *_ = await asyncio.gather(
            self.frequencies.about(),
            self.tenant.near(self.lookup.vector, any_tag(wanted), PLAIN, limit=MOST),
            *check(self.space, self.lookup),
        )
        self._take_in(found)
        await self._count(things, guess=True)
        return self._candidates()

    def _take_in(self, found: Iterable[Found]) -> None:
        """Messages, and turns that are read ahead."""
        turns = {thing.key: thing for thing in found if is_turn(thing)}
        self.cache.turns.keep({key.hex(): thing for key, thing in turns.items()}, self.began)
        self.pile.add(thing for thing in found if thing.key not in turns)

    async def _count(self, things: int, *, guess: bool) -> None:
        """How often the words occur: with `guess` those that none of the messages found holds are not counted."""
        seen = self.pile.seen.values()
        scored = [(one.held, one.score) for one in seen if one.score]
        held = {term for one in seen if not one.score for term in one.held} if not scored else set[int]()
        await self.frequencies.read(things, scored, guess=guess, but=held)

    async def _look_for_pictures(self, things: int) -> None:
        """Remember where no message shows one, so that nobody looks again."""
        if not await self.tenant.count(tagged(PICTURED)):
            self.cache.note(NO_PICTURES, things)

    # the first round

    async def _by_words(self) -> None:
        if self.lookup.terms:
            self.pile.add(await self.tenant.by_words(self.lookup.terms, self.where, FIELDS, limit=self.leg))

    async def _in_window(self) -> None:
        """All, where there were few pictures the last time; otherwise the best."""
        if self.lookup.images and self.cache.few_pictures:
            found = await self.tenant.near(self.lookup.vector, self.where, FIELDS, limit=self.leg)
            self.whole = len(found) < self.leg
            self.pile.add(found if self.whole else ())
        if not self.whole:
            found_by_vector, _ = await asyncio.gather(self._by_vector(), self._by_words())
            self.exhausted = self.lookup.vector is not None and found_by_vector < self.leg
        if self.lookup.images:
            self.cache.few_pictures = self.whole or self.exhausted

    async def _by_vector(self) -> int:
        """How many it brings."""
        if self.lookup.vector is None:
            return 0
        found = await self.tenant.by_vector(self.lookup.vector, self.where, FIELDS, limit=self.leg)
        self.pile.add(found)
        return len(found)

    # the second

    async def _neighbours(self, first: Awaitable[None]) -> None:
        """The neighbours of the best; where few will be shown, also their turns, of which those are mostly some."""
        await first
        best = self.pile.best(self.core)
        slots = self.pile.slots_around(best)
        turns = {own_tag(one.card.turn) for one in best} if self.few else set[str]()
        if slots or turns:  # two messages may have taken one place
            limit = 2 * len(slots) + len(turns)
            self._take_in(await self.tenant.near(self.lookup.vector, any_tag(slots | turns), FIELDS, limit=limit))

    async def _others(self, first: Awaitable[None]) -> int:
        """What else is to be asked; how many things the user has."""
        things = await self.frequencies.things()
        await first
        if not things:
            return 0
        asked = [self._count(things, guess=self.lookup.images)]
        if not self.whole and not (self.exhausted and self.cache.holds(EMBEDDED, things)):
            asked.append(self._rest_in_window(things))
        if self.lookup.images and not self.pile.seen:
            asked.append(self._look_for_pictures(things))
        await asyncio.gather(*asked)
        return things

    async def _rest_in_window(self, things: int) -> None:
        """What the first round has left, where a vector has not brought all, or there may be some without one."""
        look = [self._look_for_vectors(things)] if self.exhausted else []
        await asyncio.gather(self._latest(), *look)

    async def _look_for_vectors(self, things: int) -> None:
        """Remember where all messages have their vectors."""
        if not await self.tenant.find(tagged(MESSAGE, UNEMBEDDED), (), limit=1):
            self.cache.note(EMBEDDED, things)

    async def _latest(self) -> None:
        """What lies in the window back-fills a search that found little, where nothing but a window counts."""
        lookup = self.lookup
        if not (lookup.window.bounded or not lookup.terms):
            return
        if len(self.pile.wanted) >= min(self.leg, LEAST):
            return
        newest = max((one.row for one in self.pile.seen.values()), default=self.space.newest)
        ends = [end for end in (self.last, newest) if end is not None]
        back = [between(first=min(ends) - days * ROWS_A_DAY) for days in DAYS] if ends else []
        self.pile.add(await latest(self.tenant, self.where, back, FIELDS, self.leg))

    def _candidates(self) -> MessageCandidates:
        def row_for(one: Seen, least: int) -> int:
            return self.cache.row_for(one.key, one.card.turn, one.card.place, least=least, since=self.began)

        found = self.pile.candidates(
            self.frequencies.column,
            self.frequencies.total,
            dense=self.lookup.vector is not None,
            speakers=self.space.speakers or (),
            row_for=row_for,
        )
        self.cache.trim()
        return found


async def at_rows(space: UserSpace, rows: Sequence[int]) -> list[tuple[Turn, int]]:
    """The turn, without its receipt and its ordinal, and the place in it of each row.

    Raises: NotFound when a message is no longer there.
    """
    wanted = [int(row) for row in rows]
    places = await _places(space, wanted)
    ahead = ((place.turn, space.search.turns.get(place.turn, place.since)) for place in places.values())
    turns = {id: turn_of(thing) for id, thing in dict(ahead).items() if thing is not None}
    missing = {place.turn for place in places.values()} - turns.keys()
    turns |= await _turns(space, missing)
    for row in wanted:
        if row not in places or places[row].turn not in turns:
            raise NotFound(f"message {row} is no longer there; search again")
    return [(turns[places[row].turn], places[row].place) for row in wanted]


async def tokens(space: UserSpace, rows: Sequence[int]) -> StoredTokens:
    """Token vectors of messages; rows without any are absent."""
    places, ahead = await _places(space, [int(row) for row in rows]), space.search.tokens
    # A message's tokens stay what they are, whichever search has read them.
    held = {row: text for row, place in places.items() if (text := ahead.get(place.key)) is not None}
    missing = {UUID(bytes=place.key): row for row, place in places.items() if row not in held}
    found = await space.tenant.get(missing.keys(), [schema.TOKENS])
    held |= {missing[id]: thing.properties.get(schema.TOKENS) or "" for id, thing in found.items()}
    return stored_tokens(held)


async def _turns(space: UserSpace, ids: Iterable[str]) -> dict[str, Turn]:
    """Turns by the hexadecimal ids of their things."""
    found = await space.tenant.get(list(map(UUID, ids)), TURN_FIELDS)
    return {id.hex: turn_of(thing) for id, thing in found.items() if TURN in thing.tags}


async def _places(space: UserSpace, rows: Iterable[int]) -> dict[int, Place]:
    """What rows mean: as the last search said, or as they stand."""
    wanted = list(dict.fromkeys(rows))
    known = {row: place for row in wanted if (place := space.search.place(row)) is not None}
    others = [row for row in wanted if row not in known]
    found = await asyncio.gather(*(_at(space, row) for row in others))
    return known | {row: place for row, place in zip(others, found, strict=True) if place is not None}


async def _at(space: UserSpace, row: int) -> Place | None:
    began = space.search.clock()
    found = await space.tenant.find(both(tagged(MESSAGE), between(row, row)), (schema.BODY,), limit=10)
    if not found:
        return None
    first = min(found, key=lambda thing: thing.key)
    card = card_of(first)
    return Place(first.key, card.turn, card.place, began)
