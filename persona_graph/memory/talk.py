"""`Talk`: who said what in which turn, and whether something was the assistant's word alone."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

from persona_graph.conversation import Role, Turn
from persona_graph.retrieval.analysis import analyse

SAID = 0.8
"""Share of a memory's words from which it stands in what was said."""
UNSAID = 0.2
"""Share up to which it does not."""
REACH = 50
"""Turns of a session before this one, within which somebody may have said it first."""


class Talk:
    """Who said what, by turn; each turn is read when it is needed."""

    def __init__(self, turns: Sequence[Turn]) -> None:
        self._turns = {turn.id: turn for turn in turns}
        self.names = frozenset(message.speaker for turn in turns for message in turn.messages if message.speaker)
        self._before: dict[str, str | None] = {}
        self._read: dict[str, tuple[frozenset[str], frozenset[str]]] = {}
        last: dict[str, str] = {}
        for turn in turns:
            self._before[turn.id] = last.get(turn.session)
            last[turn.session] = turn.id

    def is_the_assistants(self, terms: Mapping[str, float], evidence: Iterable[str]) -> bool:
        """Whether the words stand in the assistant's last word on those turns, and nowhere before it in the session.

        What the assistant said first and the person then answered may have been confirmed.
        """
        there = [turn for turn in evidence if turn in self._turns]
        if not there or any(self._shows_a_picture(turn) for turn in there):
            return False
        heard = frozenset[str]().union(*(self._words(turn)[0] for turn in there))
        answered = frozenset[str]().union(*(self._words(turn)[1] for turn in there))
        if _share(terms, heard) > UNSAID or _share(terms, answered) < SAID:
            return False
        earlier = {before for turn in there for before in self._earlier(turn)} - set(there)
        return all(_share(terms, words) <= UNSAID for turn in earlier for words in self._words(turn))

    def _earlier(self, turn: str) -> Iterator[str]:
        before = self._before[turn]
        for _ in range(REACH):
            if before is None:
                return
            yield before
            before = self._before[before]

    def _words(self, name: str) -> tuple[frozenset[str], frozenset[str]]:
        """The terms up to the person's last message, and those of the assistant after it."""
        if name not in self._read:
            messages = self._turns[name].messages
            heard = max((n for n, m in enumerate(messages, 1) if m.role is Role.PERSON), default=0)
            parts = ("\n".join(m.searchable for m in part) for part in (messages[:heard], messages[heard:]))
            first, second = (frozenset(analyse(part)) for part in parts)
            self._read[name] = first, second
        return self._read[name]

    def _shows_a_picture(self, name: str) -> bool:
        return any(message.images for message in self._turns[name].messages if message.role is Role.PERSON)


def _share(terms: Mapping[str, float], words: Collection[str]) -> float:
    return sum(weight for term, weight in terms.items() if term in words) / sum(terms.values())
