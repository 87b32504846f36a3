"""`UserSpace`: one user's tenant, with what this process knows of it."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

from persona_graph.memory.weaviate.search_cache import SearchCache
from persona_graph.memory.weaviate.tenant import Tenant
from persona_graph.personality import NeutralPolicy


class UserSpace:
    """Writes of one process take their turn by `lock`; other processes are another matter, which ids settle."""

    def __init__(self, user: str, tenant: Tenant, neutral: NeutralPolicy) -> None:
        self.user, self.tenant, self.neutral = user, tenant, neutral
        self.lock = asyncio.Lock()
        self.newest: int | None = None
        """The last row of the journal; None before it was read."""
        self.numbers: dict[str, tuple[int, int]] = {}
        """By session: the number that its next message takes, and its last row."""
        self.speakers: tuple[str, ...] | None = None
        self.search = SearchCache()
        self.opened = False
        """Whether what a crash may have left was looked for."""
        self._doing: asyncio.Task[None] | None = None

    def later(self, work: Coroutine[Any, Any, None]) -> None:
        """Do something after what was put here before; `settled` waits for it and tells its error."""
        before = self._doing

        async def in_turn() -> None:
            if before is not None:
                await before
            await work

        self._doing = asyncio.get_running_loop().create_task(in_turn())

    async def settled(self) -> None:
        """Wait for what was put off. Raises: what went wrong there."""
        doing = self._doing
        if doing is None:
            return
        try:
            await asyncio.shield(doing)
        finally:
            if self._doing is doing and doing.done():
                self._doing = None
