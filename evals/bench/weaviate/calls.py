"""What the calls of one search were: how many, and how many of them one after the other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from persona_graph.memory.weaviate.link import Link

Span = tuple[float, float]
"""When a call began and ended."""


def rounds(spans: Sequence[Span]) -> int:
    """The longest row of calls of which each began when the one before had ended.

    Calls that overlap may be one round. A long call beside three short ones in a row hides none of them, so this is
    never less than the round trips that somebody waited for; it may be more, where two searches go on side by side
    and a call of the one happens to begin behind a call of the other.
    """
    count, free = 0, float("-inf")
    for began, ended in sorted(spans, key=lambda span: span[1]):
        if began >= free:
            count, free = count + 1, ended
    return count


@dataclass(slots=True)
class Calls:
    """Of each step."""

    rounds: list[int] = field(default_factory=list)
    calls: list[int] = field(default_factory=list)

    @contextmanager
    def step(self, link: Link) -> Iterator[None]:
        """Watch the calls that one step makes."""
        spans = list[Span]()
        link.watch = lambda began, ended: spans.append((began, ended))
        try:
            yield
        finally:
            link.watch = None
        self.rounds.append(rounds(spans))
        self.calls.append(len(spans))
