"""Child processes that start in milliseconds: forked from a server that has imported everything and opened nothing.

The server is the standard library's fork server, a process with one thread and no event loop. It is POSIX only,
as SIGKILL is: elsewhere the trials are skipped.
"""

from __future__ import annotations

import asyncio
import logging
import multiprocessing
import threading
import time
import traceback
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerContext
from types import TracebackType
from typing import Any, Self

POSSIBLE = "forkserver" in multiprocessing.get_all_start_methods()
IMPOSSIBLE = "the trials fork and kill processes, which takes a POSIX system"

WARM = (
    "langchain_core.tracers.context",
    "langchain_core.tracers.stdout",
    "persona_graph.graph.build",
    "persona_graph.memory.sqlite.store",
    "persona_graph.policy.offline.policy",
    "persona_graph.service",
)
"""What the server imports; a child would import it at its first turn anyway."""

PATIENCE_S = 60.0


@cache
def _server() -> ForkServerContext:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([*WARM])
    return context


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed:
    """Something went wrong in a child."""

    what: str
    """What was being done, and the error."""


class Line:
    """A child's end of the line to its parent. What is told is in the pipe at once and outlives the child."""

    def __init__(self, connection: Connection) -> None:
        self._connection, self._lock = connection, threading.Lock()

    def tell(self, news: object) -> None:
        """Tell the parent."""
        with self._lock:
            self._connection.send(news)

    def told_to_stop(self) -> bool:
        """Whether the parent wants an end."""
        return self._connection.poll()


Program = Callable[..., Awaitable[None]]
"""`async def program(line, *given, **named)`, at the top of a module."""


@dataclass(slots=True)
class Child:
    """A running child: `with Child.start(program, ...) as child:`; it is dead when the block ends."""

    process: multiprocessing.process.BaseProcess
    connection: Connection
    news: list[tuple[float, Any]] = field(default_factory=list)
    """All it told so far, each with the moment at which it came."""

    @classmethod
    def start(cls, program: Program, *given: object, **named: object) -> Self:
        """Fork a child that runs a program."""
        ours, theirs = _server().Pipe()
        process = _server().Process(target=_run, args=(program, theirs, given, named), daemon=True)
        process.start()
        theirs.close()
        return cls(process, ours)

    def listen(self, seconds: float) -> list[Any]:
        """What it tells within a time; less than that when something came, or when it is gone."""
        found: list[Any] = []
        try:
            while self.connection.poll(0 if found else max(seconds, 0)):
                found.append(self.connection.recv())
                self.news.append((time.monotonic(), found[-1]))
        except (EOFError, OSError):  # gone, perhaps in the middle of a message
            self.process.join(PATIENCE_S)
        return found

    def kill(self) -> list[Any]:
        """SIGKILL; what it told before that was not heard yet."""
        self.process.kill()
        self.process.join(PATIENCE_S)
        return self.last_words()

    def stop(self) -> list[Any]:
        """Ask for an end and wait for it; what it told meanwhile."""
        with suppress(OSError):  # it has gone already
            self.connection.send("stop")
        return self.last_words()

    def last_words(self) -> list[Any]:
        """All that it tells until its end, or until it has been silent for too long."""
        found: list[Any] = []
        heard = time.monotonic()
        while self.process.is_alive() and time.monotonic() - heard < PATIENCE_S:
            if news := self.listen(0.2):
                found += news
                heard = time.monotonic()
        return found + self.listen(0)

    @property
    def failures(self) -> list[Failed]:
        """What went wrong in it, an end that nobody asked for included."""
        code = self.process.exitcode
        ended = [Failed(what=f"a child ended with {code}")] if code else []
        return [news for _, news in self.news if isinstance(news, Failed)] + ended

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.process.kill()
        self.process.join(PATIENCE_S)
        self.connection.close()


def _run(program: Program, connection: Connection, given: tuple[object, ...], named: Mapping[str, object]) -> None:
    line = Line(connection)
    logging.getLogger("persona_graph").addHandler(_Complaints(line))
    asyncio.run(_tried(line, program.__name__, program(line, *given, **named)))


async def _tried(line: Line, name: str, running: Awaitable[None]) -> None:
    try:
        await running
    except Exception as error:  # a rim: the parent counts it
        line.tell(Failed(what=f"{name}: {''.join(traceback.format_exception(error))}"))


class _Complaints(logging.Handler):
    """A worker logs what it will try again; here nothing should have to be."""

    def __init__(self, line: Line) -> None:
        super().__init__(logging.WARNING)
        self._line = line

    def emit(self, record: logging.LogRecord) -> None:
        """Tell the parent."""
        self._line.tell(Failed(what=f"logged: {self.format(record)}"))
