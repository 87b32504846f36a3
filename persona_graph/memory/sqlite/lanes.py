"""Lanes: blocking work on a few threads, one piece at a time and in order for each user.

A user whose file is slow or locked keeps one thread waiting, never two, and nobody else's work.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import Any, TypeVar

T = TypeVar("T")

IN_A_ROW = 8
"""Pieces of one lane that a thread does before another lane may have it; a change of threads costs more than most."""


class Lanes:
    """A small thread pool with one queue per name."""

    def __init__(self, threads: int) -> None:
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="persona-store")
        self._lock = threading.Lock()
        self._queues: dict[str, deque[tuple[Future[Any], Callable[[], Any]]]] = {}

    def submit(self, lane: str, work: Callable[[], T]) -> Future[T]:
        """Run `work` after all that was submitted to the same lane before."""
        future: Future[T] = Future()
        with self._lock:
            queue = self._queues.setdefault(lane, deque())
            queue.append((future, work))
            idle = len(queue) == 1
        if idle:
            self._pool.submit(self._run, lane)
        return future

    def _run(self, lane: str) -> None:
        """Work through a lane; after a few pieces the others get their turn."""
        for _ in range(IN_A_ROW):
            if not self._run_next(lane):
                return
        self._pool.submit(self._run, lane)

    def _run_next(self, lane: str) -> bool:
        """Do one piece; whether there is more."""
        with self._lock:
            future, work = self._queues[lane][0]
        if future.set_running_or_notify_cancel():
            try:
                future.set_result(work())
            except BaseException as error:  # it belongs to whoever waits for the future
                future.set_exception(error)
        with self._lock:
            queue = self._queues[lane]
            queue.popleft()
            if queue:
                return True
            del self._queues[lane]
            return False

    def close(self) -> None:
        """Wait for what runs and what waits, then end the threads."""
        while True:
            with self._lock:
                last = [queue[-1][0] for queue in self._queues.values()]
            if not last:
                break
            wait(last)
        self._pool.shutdown(wait=True)
