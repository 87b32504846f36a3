"""`UserSpace`: one user's tenant, with what this process knows of it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any

from persona_graph.errors import StoreError
from persona_graph.memory.weaviate.search_cache import SearchCache
from persona_graph.memory.weaviate.tenant import Tenant
from persona_graph.memory.weaviate.written import Written
from persona_graph.personality import NeutralPolicy

MOST_PUT_OFF = 16
"""Pieces of work that may wait behind writes; whoever writes more waits for them."""
MOST_UNINDEXED = 64
"""The same for turns whose messages are written together."""


class UserSpace:
    """Writes of one process take their turn by `lock`; other processes are another matter, which ids settle."""

    def __init__(self, user: str, tenant: Tenant, neutral: NeutralPolicy) -> None:
        self.user, self.tenant, self.neutral = user, tenant, neutral
        self.lock = asyncio.Lock()
        self.search = SearchCache()
        self._doing: asyncio.Task[None] | None = None
        self._waiting = 0
        self.unindexed: dict[str, tuple[Written, bool]] = {}
        """Turns that were written and whose messages wait, and whether nothing is left to do for them then."""
        self.forget()

    def forget(self) -> None:
        """Know nothing, as at first."""
        self.newest: int | None = None
        """The last row of the journal; None before it was read."""
        self.speakers: tuple[str, ...] | None = None
        self.unanswered: set[str] = set()
        """Turns that were asked here and have no answer yet."""
        self.due: int | None = None
        """From when on the registry has the user due, at the latest; None where that is not known."""
        self.made = False
        """Whether there is a tenant, as far as is known here."""
        self.opened = False
        """Whether what a crash may have left was looked for."""
        self.search.clear()

    def note(self, row: int) -> None:
        """Know of a row of the journal that is taken."""
        self.newest = row if self.newest is None else max(self.newest, row)

    @property
    def crowded(self) -> bool:
        """Whether much is put off."""
        return self._waiting >= MOST_PUT_OFF or len(self.unindexed) >= MOST_UNINDEXED

    @property
    def idle(self) -> bool:
        """Whether nobody writes, and nothing is put off."""
        return self._doing is None and not self.lock.locked()

    def later(self, work: Coroutine[Any, Any, None]) -> None:
        """Do something after what was put off before; `settled` waits for it."""
        before = self._doing
        self._waiting += 1

        async def in_turn() -> None:
            if before is not None:
                await asyncio.wait([before])  # however it ended: one failure must not stop all that follow
            done = False
            try:
                await work
                done = True
            except StoreError as error:
                logging.getLogger(__name__).debug("work behind a write is left for later: %s", error)
            finally:
                # The turns themselves are written, and marked as not done with: it is made good at the next look.
                self.opened = self.opened and done
                self._waiting -= 1

        self._doing = asyncio.get_running_loop().create_task(in_turn())

    async def settled(self) -> bool:
        """Wait for what was put off; whether all of it was done."""
        while (doing := self._doing) is not None:
            try:
                await asyncio.shield(doing)
            finally:
                if self._doing is doing and doing.done():
                    self._doing = None
        return self.opened
