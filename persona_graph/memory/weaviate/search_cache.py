"""`SearchCache`: what one search of a user leaves behind for its next step and for the next search."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple
from uuid import UUID

from persona_graph.conversation import Turn

MOST_PLACES = 8_000
"""Rows that are remembered; one search finds a few hundred."""
KEPT_S = 5.0
"""What was read ahead is given out for so long."""
AGREED_S = 10.0
"""Whose vectors are held is believed for so long, where they are of the model that asks."""
GROWTH = 0.02
"""How often a word occurs says nearly the same until there is so much more."""


class Place(NamedTuple):
    """What a row of candidates means."""

    id: UUID
    """The message's thing."""
    turn: str
    """Its turn's thing, hexadecimal."""
    place: int
    """Which message of the turn."""
    since: float
    """When the search that found it last began."""


class SearchCache:
    """Empty at first; dropped whenever something of the user is removed."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.clock = clock
        self.clear()

    def clear(self) -> None:
        """Forget all."""
        self._places: dict[int, Place] = {}
        self._turns: dict[str, tuple[Turn, float]] = {}
        self._counts: dict[tuple[str, str], tuple[int, int]] = {}
        self._agreed: tuple[str, float] = ("", 0.0)

    # rows

    def row_for(self, id: UUID, turn: str, place: int, *, least: int, since: float) -> int:
        """The row under which a message goes out: `least`, or the next that no other message has."""
        row = least
        while (held := self._places.get(row)) is not None and held.id != id:
            row += 1
        self._places.pop(row, None)  # so that what was found last stands last
        self._places[row] = Place(id, turn, place, since)
        return row

    def trim(self) -> None:
        """Forget the rows that were found longest ago, where there are many."""
        for row in list(self._places)[: max(len(self._places) - MOST_PLACES, 0)]:
            del self._places[row]

    def place(self, row: int) -> Place | None:
        """What a row means; None where it is not known."""
        return self._places.get(row)

    # turns read ahead

    def keep_turns(self, turns: Iterable[tuple[str, Turn]], read: float) -> None:
        """Keep turns, by the hexadecimal ids of their things, that were asked for at `read`."""
        now = self.clock()
        self._turns = {id: held for id, held in self._turns.items() if now - held[1] < KEPT_S}
        self._turns.update({id: (turn, read) for id, turn in turns})

    def turn(self, place: Place) -> Turn | None:
        """The turn of a place, if it was read after the search that found it: nothing that an erase took comes back."""
        turn, read = self._turns.get(place.turn, (None, 0.0))
        return turn if read >= place.since and self.clock() - read < KEPT_S else None

    # how often words occur

    def counted(self, index: str, term: str, total: int | None) -> int | None:
        """How many texts hold a term, counted while there were about as many texts; None where that is not known."""
        count, then = self._counts.get((index, term), (None, 0))
        if count is None or (total is not None and abs(total - then) > GROWTH * then):
            return None
        return count

    def keep_counts(self, index: str, terms: Sequence[str], counts: Sequence[int], total: int) -> None:
        """Keep counts made among `total` texts."""
        self._counts.update({(index, term): (count, total) for term, count in zip(terms, counts, strict=True)})

    # whose vectors are held

    def agree(self, fingerprint: str) -> None:
        """Remember that the vectors are this model's; an empty one forgets it."""
        self._agreed = (fingerprint, self.clock())

    def agrees(self, fingerprint: str) -> bool:
        """Whether they were this model's a moment ago."""
        held, since = self._agreed
        return bool(held) and held == fingerprint and self.clock() - since < AGREED_S
