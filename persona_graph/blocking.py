"""The sync face: one background event loop that runs the very coroutines of the async core.

class Persona:
    async def achat(self, user: str, message: str) -> Reply: ...
    chat = blocking(achat)
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from functools import wraps
from typing import Any, ParamSpec, TypeVar, cast

P = ParamSpec("P")
R = TypeVar("R")


class BackgroundLoop:
    """An event loop in a daemon thread, started at first use and shared by the whole process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None

    def run(self, coroutine: Coroutine[Any, Any, R]) -> R:
        """Run a coroutine there and wait for it; the caller's context variables are visible inside."""
        loop = self._started()
        if threading.current_thread() is self._thread:
            coroutine.close()
            raise RuntimeError("a blocking call inside the background loop would wait for itself; use the async form")
        value, ended = asyncio.run_coroutine_threadsafe(_carried(coroutine), loop).result()
        if ended is not None:
            raise ended
        return cast(R, value)

    def _started(self) -> asyncio.AbstractEventLoop:
        with self._lock:
            if self._loop is None or self._thread is None or not self._thread.is_alive():
                loop = asyncio.new_event_loop()
                loop.set_exception_handler(_report)
                self._thread = threading.Thread(target=loop.run_forever, name="persona-graph", daemon=True)
                self._thread.start()
                self._loop = loop
            return self._loop


async def _carried(coroutine: Coroutine[Any, Any, R]) -> tuple[R | None, BaseException | None]:
    """What a coroutine gives; an order to end the program goes to the caller, for it would end the loop instead."""
    try:
        return await coroutine, None
    except (SystemExit, KeyboardInterrupt) as ended:
        return None, ended


def _report(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Say what went wrong in a task, but not while the process ends: threads are gone then, and the outbox waits."""
    if threading.main_thread().is_alive():
        loop.default_exception_handler(context)


background = BackgroundLoop()


def blocking(function: Callable[P, Coroutine[Any, Any, R]]) -> Callable[P, R]:
    """The sync twin of an async function or method."""

    @wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        return background.run(function(*args, **kwargs))

    call.__name__ = function.__name__.removeprefix("a")
    call.__qualname__ = function.__qualname__.replace(f".{function.__name__}", f".{call.__name__}")
    return call
