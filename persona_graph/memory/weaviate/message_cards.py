"""Messages that a search has seen, and the columns that ranking takes of them (pure)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from persona_graph.memory.sqlite.rows import END, bounds, microseconds
from persona_graph.memory.store import Lookup
from persona_graph.memory.weaviate import schema
from persona_graph.memory.weaviate.codec import Card, card_of, slot_tag, turn_id
from persona_graph.memory.weaviate.things import Found
from persona_graph.retrieval.candidates import MessageCandidates
from persona_graph.retrieval.features import rarity

REACH = 2
"""Neighbours on each side that ranking looks at."""
APART = REACH + 1
"""What parts two messages that are no neighbours."""
WORDS_SHARE = 0.85
"""What a question's words say beside its vector, roughly, when it is chosen whose neighbours are read."""


@dataclass(slots=True)
class Seen:
    """One message."""

    id: UUID
    row: int
    card: Card
    held: list[int]
    """Which of the terms it holds."""
    cosine: float = 0.0

    @property
    def slot(self) -> str:
        """The tag of its place in its session."""
        return slot_tag(self.card.session, self.card.number)


@dataclass(frozen=True, slots=True)
class Scope:
    """Which messages a lookup asks for."""

    start: int
    end: int
    until: int
    """What was not yet said then is not even a neighbour."""
    images: bool
    turns: frozenset[str] | None
    exclude: frozenset[str]
    """Of turns the hexadecimal ids of their things."""

    @classmethod
    def of(cls, lookup: Lookup) -> Scope:
        """The scope of a lookup."""
        start, end = bounds(lookup.window)
        return cls(
            start=start,
            end=end,
            until=END if lookup.as_of is None else microseconds(lookup.as_of) + 1,
            images=lookup.images,
            turns=None if lookup.turns is None else frozenset(turn_id(turn).hex for turn in lookup.turns),
            exclude=frozenset(turn_id(turn).hex for turn in lookup.exclude),
        )

    def knows(self, card: Card) -> bool:
        """Whether it was said by then."""
        return card.at < self.until

    def wants(self, card: Card) -> bool:
        """Whether it may be found."""
        return (
            self.start <= card.at < min(self.end, self.until)
            and (card.images > 0 or not self.images)
            and (self.turns is None or card.turn in self.turns)
            and card.turn not in self.exclude
        )


@dataclass(slots=True)
class Pile:
    """All that a search has seen, each message once."""

    scope: Scope
    terms: Sequence[str]
    seen: dict[UUID, Seen] = field(default_factory=dict)

    def add(self, found: Iterable[Found]) -> None:
        """Take in what was read; a distance becomes a cosine."""
        places = {term: place for place, term in enumerate(self.terms)}
        for thing in found:
            one = self.seen.get(thing.id)
            if one is None:
                card = card_of(thing)
                if not self.scope.knows(card):
                    continue
                said = (thing.properties.get(schema.TERMS) or "").split()
                held = [places[term] for term in said if term in places]
                one = self.seen[thing.id] = Seen(thing.id, thing.row, card, held)
            if thing.distance is not None:
                one.cosine = 1 - thing.distance

    def give_cosines(self, found: Iterable[Found]) -> None:
        """The same for messages that were read elsewhere."""
        for thing in found:
            if thing.distance is not None and thing.id in self.seen:
                self.seen[thing.id].cosine = 1 - thing.distance

    @property
    def wanted(self) -> list[Seen]:
        """Those that may be found."""
        return [one for one in self.seen.values() if self.scope.wants(one.card)]

    def best(self, count: int, frequency: NDArray[np.int64], total: int) -> list[Seen]:
        """The best by their own words and cosines."""
        wanted = self.wanted
        if len(wanted) <= count:
            return wanted
        rare = rarity(frequency, total)
        whole = max(float(rare.sum()), 1e-9)
        share = [WORDS_SHARE * float(rare[one.held].sum()) / whole + max(one.cosine, 0) for one in wanted]
        return [wanted[place] for place in np.argsort(-np.array(share), kind="stable")[:count]]

    def slots_around(self, cores: Iterable[Seen]) -> list[str]:
        """The places beside some messages that were not seen yet."""
        known = {one.slot for one in self.seen.values()}
        around = {
            slot_tag(one.card.session, number)
            for one in cores
            for number in range(max(one.card.number - REACH, 0), one.card.number + REACH + 1)
        }
        return sorted(around - known)

    def candidates(
        self,
        frequency: NDArray[np.int64],
        total: int,
        *,
        dense: bool,
        speakers: Sequence[str],
        row_for: Callable[[Seen, int], int],
    ) -> MessageCandidates:
        """The columns, in order of rows; `row_for` gives a message a row, from a least one on."""
        order = sorted(self.seen.values(), key=lambda one: (one.row, one.id.int))
        rows, least = list[int](), -(2**62)
        for one in order:
            rows.append(row_for(one, max(one.row, least)))
            least = rows[-1] + 1
        cards = [one.card for one in order]
        names = list(dict.fromkeys((*speakers, *(card.speaker for card in cards))))
        hits = np.zeros((len(self.terms), len(order)), bool)
        for place, one in enumerate(order):
            hits[one.held, place] = True
        return MessageCandidates(
            rows=_ints(rows),
            session=_ints(_numbered(card.session for card in cards)),
            position=_positions(cards),
            speaker=_ints(
                map({name: place for place, name in enumerate(names)}.__getitem__, (c.speaker for c in cards))
            ),
            speakers=tuple(names),
            role=_ints(card.role for card in cards),
            marks=_ints(card.marks for card in cards),
            hits=hits,
            frequency=frequency,
            total=total,
            cosine=np.array([one.cosine for one in order], np.float32) if dense else None,
            eligible=np.array([self.scope.wants(card) for card in cards], bool),
        )


def _ints(values: Iterable[int]) -> NDArray[np.int64]:
    return np.array(list(values), np.int64)


def _numbered(names: Iterable[str]) -> list[int]:
    numbers: dict[str, int] = {}
    return [numbers.setdefault(name, len(numbers)) for name in names]


def _positions(cards: Sequence[Card]) -> NDArray[np.int64]:
    """Running numbers in which messages are as far apart as in their session, and far from those of another."""
    steps = [
        after.number - before.number if after.session == before.session and after.number > before.number else APART
        for before, after in zip(cards[:-1], cards[1:], strict=True)
    ]
    return np.cumsum([0, *steps], dtype=np.int64)[: len(cards)]
