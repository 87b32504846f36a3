"""`Likeness`: in what way one memory repeats another; `Leaders` finds the one that says it already.

A leader is found by what it says and by its terms, never by comparing all with all.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto
from typing import Self

from persona_graph.memory.gist import Gist, gist_of
from persona_graph.memory.types import KEYED, Kind, Memory
from persona_graph.retrieval.analysis import analyse

_STOPS = (",", ";", ":", ".", "(", "–", "—", "，", "；", "：", "。", "（")


class Likeness(Enum):
    """In what way one memory repeats another."""

    SAME_WORDS = auto()
    SAME_GIST = auto()
    WITHIN = auto()
    """The other goes on after a comma or a stop."""
    PERHAPS_WITHIN = auto()
    """The other has more words, which may narrow what it says."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """A memory with what it says."""

    memory: Memory
    gist: Gist
    sort: tuple[object, ...]
    """What must be the same for two to be one."""
    day: object
    """When it happened, where it says so; one that does not say may be one that does."""

    @classmethod
    def by(cls, memory: Memory) -> Self:
        """What a memory says."""
        gist, event = gist_of(memory.text), memory.event
        day: object = event.start.date() if event.start not in (None, memory.believed.start) else None
        if memory.kind is Kind.EPISODIC:
            day = event
        return cls(
            memory=memory,
            gist=gist if gist.terms else Gist((_plain(memory.text),)),
            sort=(memory.kind, _key(memory), memory.images, event.end),
            day=day,
        )


class Leaders:
    """Memories that no other one repeats."""

    def __init__(self) -> None:
        self._same: dict[tuple[object, ...], dict[object, Said]] = {}
        self._holding: dict[tuple[str, str], set[int]] = {}
        self._all: list[Said] = []

    def add(self, said: Said) -> None:
        """One more."""
        self._same.setdefault((said.sort, said.gist), {})[said.day] = said
        for term in said.gist.terms:
            self._holding.setdefault((said.memory.kind, term), set()).add(len(self._all))
        self._all.append(said)

    def of(self, said: Said) -> tuple[Said, Likeness] | None:
        """The one that says all of it already, and in what way."""
        days = self._same.get((said.sort, said.gist), {})
        same = days.get(said.day) or days.get(None) or (next(iter(days.values()), None) if said.day is None else None)
        if same is not None:
            plain = _plain(same.memory.text) == _plain(said.memory.text)
            return same, Likeness.SAME_WORDS if plain else Likeness.SAME_GIST
        if not said.gist.holds(said.gist):
            return None  # too short to stand within another
        holding = sorted((self._holding.get((said.memory.kind, term), set()) for term in said.gist.terms), key=len)
        for number in sorted(set.intersection(*holding)):
            other = self._all[number]
            near = other.sort == said.sort and (said.day is None or other.day in (None, said.day))
            if near and other.gist.holds(said.gist):
                return other, _within(said.memory.text, other.memory.text)
        return None


def _key(memory: Memory) -> object:
    """A habit's key is a label made of its words; any other key is half of what is said."""
    if memory.kind is Kind.PROCEDURAL:
        return ""
    return tuple(analyse(memory.key)) if memory.kind in KEYED else memory.key


def _within(short: str, long: str) -> Likeness:
    start, whole = _plain(short), _plain(long)
    goes_on = whole.startswith(start) and whole[len(start) :].lstrip()[:1] in _STOPS
    return Likeness.WITHIN if goes_on else Likeness.PERHAPS_WITHIN


def _plain(text: str) -> str:
    return " ".join(text.casefold().split()).strip(' .。!！"“”')
