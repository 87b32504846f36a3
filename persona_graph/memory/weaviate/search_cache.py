"""`SearchCache`: what one search of a user leaves behind for its next step and for the next search."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from itertools import islice
from typing import Generic, NamedTuple, TypeVar

from persona_graph.memory.types import Kind
from persona_graph.memory.weaviate.things import Found

K = TypeVar("K")
T = TypeVar("T")

MOST_PLACES = 2_000
"""Rows that are remembered; one search finds a few hundred."""
MOST_COUNTS = 5_000
"""Words whose counts are remembered."""
KEPT_S = 5.0
"""What was read ahead is given out for so long."""
AGREED_S = 10.0
"""Whose vectors are held is believed for so long, where they are of the model that asks."""
GROWTH = 0.02
"""How often a word occurs says nearly the same until a user has so much more."""

EMBEDDED, NO_PICTURES = "embedded", "no pictures"
"""What may hold of a user's messages: all have their vector (as of memories), none shows a picture."""


class Place(NamedTuple):
    """What a row of candidates means."""

    key: bytes
    """The id of the message's thing."""
    turn: str
    """Its turn's thing, hexadecimal."""
    place: int
    """Which message of the turn."""
    since: float
    """When the search that found it last began."""


class _Ahead(Generic[K, T]):
    """Things that were read before they were asked for.

    They are given out for a moment, and only where they were read after the search that found them: nothing that an
    erase took meanwhile comes back.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._held: dict[K, tuple[T, float]] = {}
        """Those that were read last stand last."""
        self._waiting = False

    def keep(self, read: Mapping[K, T], at: float) -> None:
        """Keep what was asked for at that time."""
        for key, one in read.items():
            self._held.pop(key, None)
            self._held[key] = one, at
        self._forget_later()

    def get(self, key: K, since: float = 0.0) -> T | None:
        """One of them, read since then."""
        one, at = self._held.get(key, (None, 0.0))
        return one if at >= since and self._clock() - at < KEPT_S else None

    def _forget_later(self) -> None:
        if self._held and not self._waiting:
            self._waiting = True
            asyncio.get_running_loop().call_later(KEPT_S, self._forget)

    def _forget(self) -> None:
        self._waiting, now = False, self._clock()
        while self._held and now - next(iter(self._held.values()))[1] >= KEPT_S:
            del self._held[next(iter(self._held))]
        self._forget_later()


class SearchCache:
    """Empty at first; dropped whenever something of the user is removed."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.clock = clock
        self.clear()

    def clear(self) -> None:
        """Forget all."""
        self._places: dict[int, Place] = {}
        self.turns = _Ahead[str, Found](self.clock)
        """By their things, hexadecimal."""
        self.tokens = _Ahead[bytes, str](self.clock)
        """Token vectors, as they are stored, by the ids of their messages' things."""
        self._counts: dict[tuple[str, str], tuple[int, int]] = {}
        self.things: int | None = None
        """How many things of any kind the user had, when last counted."""
        self.counting: asyncio.Task[int] | None = None
        """Counts them, and is not yet on its way."""
        self.crowded: set[Kind] = set()
        """Kinds of memories that are searched alone, because others leave them no place."""
        self.few_pictures = False
        """Whether there were few pictures where the last search for some looked."""
        self.wide: set[Kind] = set()
        """Kinds of those with too many memories to read them all."""
        self._facts: dict[str, int] = {}
        self._agreed: tuple[str, float] = ("", 0.0)

    # rows

    def row_for(self, key: bytes, turn: str, place: int, *, least: int, since: float) -> int:
        """The row under which a message goes out: `least`, or the next that no other message has."""
        row = least
        while (held := self._places.pop(row, None)) is not None and held.key != key:
            self._places[row] = held
            row += 1
        self._places[row] = Place(key, turn, place, since)  # what was found last stands last
        return row

    def trim(self) -> None:
        """Forget the rows that were found longest ago, where there are many."""
        surplus = len(self._places) - MOST_PLACES
        for row in list(islice(self._places, max(surplus, 0))):
            del self._places[row]

    def place(self, row: int) -> Place | None:
        """What a row means; None where it is not known."""
        return self._places.get(row)

    # how often words occur

    def counted(self, index: str, term: str, things: int) -> int | None:
        """How many texts hold a term, counted when the user had about as many things; None where it is not known."""
        count, then = self._counts.get((index, term), (None, 0))
        return None if count is None or abs(things - then) > GROWTH * then else count

    def keep_counts(self, index: str, counts: Mapping[str, int], things: int) -> None:
        """Keep counts of terms made when the user had so many things."""
        if len(self._counts) + len(counts) > MOST_COUNTS:
            self._counts.clear()
        self._counts.update({(index, term): (count, things) for term, count in counts.items()})

    # what holds of all messages

    def holds(self, fact: str, things: int) -> bool:
        """Whether it held when the user had as many things as now."""
        return self._facts.get(fact) == things

    def note(self, fact: str, things: int) -> None:
        """Remember that it holds."""
        self._facts[fact] = things

    def doubt(self) -> None:
        """Forget what holds: something was written."""
        self._facts.clear()

    # whose vectors are held

    def agree(self, fingerprint: str) -> None:
        """Remember that the vectors are this model's; an empty one forgets it."""
        self._agreed = (fingerprint, self.clock())

    def agrees(self, fingerprint: str) -> bool:
        """Whether they were this model's a moment ago."""
        held, since = self._agreed
        return bool(held) and held == fingerprint and self.clock() - since < AGREED_S
