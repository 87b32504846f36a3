"""`Gate`: a few at a time, in the order in which they came.

When many turns begin at once and take turns at the processor, all reach their model at the same late
moment, and again after each answer of it; let in one after the other, the first wait for their model
while the last still begin, and the processor never has all of them at once.
"""

from __future__ import annotations

import asyncio
import weakref


class Gate:
    """Lets `width` through at a time on each event loop; `async with gate:`."""

    def __init__(self, width: int = 2) -> None:
        self._width = width
        self._rooms: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Semaphore] = (
            weakref.WeakKeyDictionary()
        )

    async def __aenter__(self) -> None:
        loop = asyncio.get_running_loop()
        room = self._rooms.get(loop)
        if room is None:
            room = self._rooms[loop] = asyncio.Semaphore(self._width)
        await room.acquire()

    async def __aexit__(self, *_exc: object) -> None:
        self._rooms[asyncio.get_running_loop()].release()
