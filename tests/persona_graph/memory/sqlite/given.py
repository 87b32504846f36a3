"""Turns, jobs and files of the embedded store, here and in another process."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from datetime import UTC, datetime, timedelta
from pathlib import Path

from persona_graph.conversation import Message, Role, Turn
from persona_graph.memory.open_job import OpenJob
from persona_graph.memory.sqlite.store import SqliteStore
from persona_graph.memory.store import Lookup
from persona_graph.user_id import file_name

NOON = datetime(2024, 5, 1, 12, tzinfo=UTC)


ROOT = Path(__file__).parents[4]


def turn(name: str, text: str = "camping", day: float = 0) -> Turn:
    return Turn(id=name, at=NOON + day * timedelta(days=1), session="s", messages=(Message.of(Role.PERSON, text),))


def job(name: str, *turns: str, not_before: datetime = NOON) -> OpenJob:
    return OpenJob(id=name, name=name, turns=turns, at=NOON, rank=0, not_before=not_before)


def file_of(folder: Path, user: str = "ana") -> Path:
    return folder / "users" / f"{file_name(user)}.db"


def marker_of(folder: Path, user: str = "ana") -> Path:
    return folder / "due" / f"{file_name(user)}.json"


async def total(store: SqliteStore, *terms: str) -> tuple[int, list[int]]:
    found = await store.find_messages("ana", Lookup(terms=terms))
    return found.total, found.frequency.tolist()


def elsewhere(folder: Path, code: str) -> int:
    """Run code in another process to its end; how it exited."""
    with in_another_process(folder, code) as process:
        process.communicate()
        return process.returncode


def in_another_process(folder: Path, code: str) -> subprocess.Popen[str]:
    """Run code with `store`, `turn` and `job` there."""
    head = f"""
        import asyncio, os, signal, sys
        from datetime import UTC, datetime, timedelta
        from persona_graph.conversation import Message, Role, Turn
        from persona_graph.memory.erase import Erase
        from persona_graph.memory.sqlite.store import SqliteStore
        from persona_graph.memory.open_job import OpenJob
        store = SqliteStore({str(folder)!r})
        NOON = datetime(2024, 5, 1, 12, tzinfo=UTC)
        def turn(name, text="camping", day=0):
            at = NOON + day * timedelta(days=1)
            return Turn(id=name, at=at, session="s", messages=(Message.of(Role.PERSON, text),))
        def job(name, *turns):
            return OpenJob(id=name, name=name, turns=turns, at=NOON, rank=0, not_before=NOON)
        def erase(turn):
            return store.erase("ana", Erase(turns=frozenset([turn])), at=NOON, reopen=lambda again, at: None)
    """
    program = textwrap.dedent(head) + textwrap.dedent(code)
    return subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True, cwd=ROOT)
