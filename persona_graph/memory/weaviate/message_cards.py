"""Messages that a search has seen, and the columns that ranking takes of them (pure)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from persona_graph.memory.row_ids import BEGINNING, END, bounds, microseconds
from persona_graph.memory.store import Lookup
from persona_graph.memory.weaviate import schema
from persona_graph.memory.weaviate.codec import Card, card_of, slot_tag, turn_hex
from persona_graph.memory.weaviate.things import Found
from persona_graph.retrieval.candidates import MessageCandidates, hits_of

REACH = 2
"""Neighbours on each side that ranking looks at."""
APART = REACH + 1
"""What parts two messages that are no neighbours."""
WORDS_SHARE = 0.5
"""What the best match of a question's words counts beside a cosine, when it is chosen whose neighbours are read."""


@dataclass(slots=True)
class Seen:
    """One message."""

    key: bytes
    row: int
    card: Card
    held: list[int]
    """Which of the terms it holds."""
    tokens: str = ""
    """Its token vectors, as they are stored."""
    cosine: float = 0.0
    score: float = 0.0
    """By its words, as the server has it."""


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
            turns=None if lookup.turns is None else frozenset(turn_hex(turn) for turn in lookup.turns),
            exclude=frozenset(turn_hex(turn) for turn in lookup.exclude),
        )

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
    seen: dict[bytes, Seen] = field(default_factory=dict)
    """By the ids of the things."""

    def add(self, found: Iterable[Found]) -> None:
        """Take in what was read; a distance becomes a cosine."""
        seen, words = self.seen, [(place, f" {term} ") for place, term in enumerate(self.terms)]
        for thing in found:
            one = seen.get(thing.key)
            if one is None:
                card = card_of(thing)
                if card.at >= self.scope.until:
                    continue
                said = f" {thing.properties.get(schema.TERMS, '')} "
                held = [place for place, word in words if word in said]
                vectors = thing.properties.get(schema.TOKENS) or ""
                one = seen[thing.key] = Seen(thing.key, thing.row, card, held, vectors)
            if thing.distance is not None:
                one.cosine = 1 - thing.distance
            if thing.score > one.score:
                one.score = thing.score

    @property
    def wanted(self) -> list[Seen]:
        """Those that may be found."""
        return [one for one in self.seen.values() if self.scope.wants(one.card)]

    def best(self, count: int) -> list[Seen]:
        """The best by their own words and cosines."""
        wanted = self.wanted
        if len(wanted) <= count:
            return wanted
        # Where the server was not asked by words, each that a message holds counts the same.
        words = [one.score for one in wanted]
        words = words if any(words) else [float(len(one.held)) for one in wanted]
        share = WORDS_SHARE / max(*words, 1e-9)
        worth = [share * score + max(one.cosine, 0) for score, one in zip(words, wanted, strict=True)]
        return [wanted[place] for place in sorted(range(len(wanted)), key=worth.__getitem__, reverse=True)[:count]]

    def slots_around(self, cores: Iterable[Seen]) -> set[str]:
        """The places beside some messages that were not seen yet."""
        known = {(one.card.session, one.card.number) for one in self.seen.values()}
        around = {
            (one.card.session, number)
            for one in cores
            for number in range(max(one.card.number - REACH, 0), one.card.number + REACH + 1)
        }
        return {slot_tag(*place) for place in around - known}

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
        order = sorted(self.seen.values(), key=lambda one: (one.row, one.key))
        cards, rows, least = [one.card for one in order], list[int](), BEGINNING
        for one in order:
            least = row_for(one, max(one.row, least + 1))
            rows.append(least)
        sessions, numbers, talkers, roles, marks, *_ = zip(*cards, strict=True) if cards else ((),) * len(Card._fields)
        names = {name: place for place, name in enumerate(dict.fromkeys((*speakers, *talkers)))}
        known = {name: place for place, name in enumerate(dict.fromkeys(sessions))}
        session = np.array([known[name] for name in sessions], np.int64)
        return MessageCandidates(
            rows=np.array(rows, np.int64),
            session=session,
            position=_positions(session, np.array(numbers, np.int64)),
            speaker=np.array([names[name] for name in talkers], np.int64),
            speakers=tuple(names),
            role=np.array(roles, np.int64),
            marks=np.array(marks, np.int64),
            hits=hits_of([one.held for one in order], len(self.terms)),
            frequency=frequency,
            total=total,
            cosine=np.array([one.cosine for one in order], np.float32) if dense else None,
            eligible=np.array([self.scope.wants(card) for card in cards], bool),
        )


def _positions(session: NDArray[np.int64], number: NDArray[np.int64]) -> NDArray[np.int64]:
    """Running numbers in which messages are as far apart as in their session, and far from those of another."""
    steps = np.diff(number)
    steps[(np.diff(session) != 0) | (steps <= 0)] = APART
    return np.concatenate(([0], np.cumsum(steps)))[: len(number)]
