"""What the calls of one search are: how many, and in how many rounds.

    with far_away(link), calls.step(link):
        await retrieve(store, query, embedder)
    calls.rounds[-1]

On a busy machine calls that were sent together end anyhow, and times alone do not tell who waited for whom. So rounds
are counted with a server that is far away: every call takes half a second more, and calls of one round begin together.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from persona_graph.memory.weaviate.link import Link

FAR_S = 0.5


def rounds(began: Sequence[float], far_s: float = FAR_S) -> int:
    """How many groups calls form by when they began, where a call that waits for another begins `far_s` later."""
    ordered = sorted(began)
    return min(len(ordered), 1) + sum(later - sooner > far_s / 2 for sooner, later in pairwise(ordered))


@contextmanager
def far_away(link: Link) -> Iterator[None]:
    """Have every call take so much longer."""
    near = link.run

    async def run(call: Callable[[Any], Awaitable[Any]], *, timed: bool = False) -> Any:
        await asyncio.sleep(FAR_S)
        return await near(call, timed=timed)

    link.run = run  # type: ignore[method-assign]
    try:
        yield
    finally:
        del link.run


@dataclass(slots=True)
class Calls:
    """Of each step."""

    rounds: list[int] = field(default_factory=list)
    """True of a server that is far away."""
    calls: list[int] = field(default_factory=list)

    @contextmanager
    def step(self, link: Link) -> Iterator[None]:
        """Watch the calls that one step makes."""
        began = list[float]()
        link.watch = lambda begins, _: began.append(begins)
        try:
            yield
        finally:
            link.watch = None
        self.rounds.append(rounds(began))
        self.calls.append(len(began))
