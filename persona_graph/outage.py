"""`Outage`: whether the store's server is away, as far as this process knows."""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

from persona_graph.errors import StoreAway

logger = logging.getLogger(__name__)

T = TypeVar("T")

LONGEST_S = 30.0
"""No answer goes without memory for longer than this because of what an earlier one met."""


class Outage:
    """Told once when the server goes and once when it is back, however many turns meet it.

    Where finding out took five seconds, turns of the next five seconds do not find out again: they go on without
    memory at once. A server that refuses at once is asked by every turn.
    """

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._since: float | None = None
        self._until = 0.0

    @property
    def lasts(self) -> bool:
        """Whether it is not worth asking again yet."""
        return self._now() < self._until

    def began(self, error: StoreAway, waited_s: float = 0.0) -> None:
        """Note that the server did not answer, and how long that took."""
        now = self._now()
        self._until = max(self._until, now + min(waited_s, LONGEST_S))
        if self._since is None:
            self._since = now
            logger.warning("memory is away; answers go on without it and turns wait in the spool: %s", error)

    def over(self) -> None:
        """Note that the server did what it was asked."""
        since, self._since, self._until = self._since, None, 0.0
        if since is not None:
            logger.warning("memory is back after %.0f s", self._now() - since)

    async def attempt(self, asked: Awaitable[T]) -> T | None:
        """What the store gives; None when it is away."""
        started = self._now()
        try:
            given = await asked
        except StoreAway as error:
            self.began(error, self._now() - started)
            return None
        self.over()
        return given
