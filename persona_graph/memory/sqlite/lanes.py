"""Lanes: blocking work on a few threads, one piece at a time and in order for each user.

A user whose file is slow or locked keeps one thread waiting, never two, and nobody else's work.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections import deque
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any, TypeVar

T = TypeVar("T")

IN_A_ROW = 8
"""Pieces of one lane that a thread does before another lane may have it; a change of threads costs more than most."""

Piece = Callable[[], None]


class Lanes:
    """A few threads with one queue per name. A piece goes from a queue to the caller's loop without a pool between."""

    def __init__(self, threads: int) -> None:
        self._lock = threading.Lock()
        self._closing = False
        self._queues: dict[str, deque[Piece]] = {}
        self._ready: SimpleQueue[str | None] = SimpleQueue()
        self._threads = [
            threading.Thread(target=self._work, name=f"persona-store-{number}", daemon=True)
            for number in range(threads)
        ]
        for thread in self._threads:
            thread.start()

    def run(self, lane: str, work: Callable[[], T]) -> asyncio.Future[T]:
        """What `work` gives, run after all that was put on the same lane before; for the running loop."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        self.put(lane, lambda: _tell(loop, future, work))
        return future

    def put(self, lane: str, piece: Piece) -> None:
        """Have a piece of work done that nobody waits for; it raises nothing."""
        with self._lock:
            queue = self._queues.setdefault(lane, deque())
            queue.append(piece)
            idle = len(queue) == 1
        if idle:
            self._ready.put(lane)

    def _work(self) -> None:
        while (lane := self._ready.get()) is not None:
            while self._run(lane) and not self._queued_again(lane):
                pass

    def _queued_again(self, lane: str) -> bool:
        """Put a lane behind those that wait; not while closing, when a thread sees its lane to the end."""
        with self._lock:
            if not self._closing:
                self._ready.put(lane)
            return not self._closing

    def _run(self, lane: str) -> bool:
        """Work through a lane; whether there is more after a few pieces, when the others get their turn."""
        for _ in range(IN_A_ROW):
            with self._lock:
                piece = self._queues[lane][0]
            piece()
            with self._lock:
                queue = self._queues[lane]
                queue.popleft()
                if not queue:
                    del self._queues[lane]
                    return False
        return True

    def close(self) -> None:
        """Let what waits be done, then end the threads."""
        with self._lock:
            self._closing = True
            for _ in self._threads:
                self._ready.put(None)
        for thread in self._threads:
            thread.join()


def _tell(loop: asyncio.AbstractEventLoop, future: asyncio.Future[T], work: Callable[[], T]) -> None:
    """Run `work` here and tell the loop that waits for it."""
    if future.cancelled():
        return
    give: Callable[[Any], None] = future.set_result
    given: Any = None
    try:
        given = work()
    except BaseException as error:  # it belongs to whoever waits
        give, given = future.set_exception, error
    with contextlib.suppress(RuntimeError):  # the loop was closed: nobody waits any more
        loop.call_soon_threadsafe(_settle, future, give, given)


def _settle(future: asyncio.Future[Any], give: Callable[[Any], None], given: Any) -> None:
    if not future.done():
        give(given)
