"""Processes that have a store open while something is erased from it: one looks on, one holds a read transaction."""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path

from persona_graph import open_store
from persona_graph.memory.store import Lookup
from persona_graph.memory.types import Kind
from persona_graph.retrieval.analysis import analyse
from tests.trials.children import Line

BREATH_S = 0.02
READY = "ready"


async def look_on(line: Line, folder: Path, user: str) -> None:
    """Read and search now and then, until told to stop."""
    store = open_store(f"sqlite:{folder}")
    lookup = Lookup(terms=tuple(analyse("dog harbour love")), kinds=frozenset(Kind))
    told = False
    while not line.told_to_stop():
        await store.turns(user)
        await store.find_messages(user, lookup)
        await store.find_memories(user, lookup)
        if not told:
            line.tell(READY)
            told = True
        await asyncio.sleep(BREATH_S)
    await store.close()


async def hold(line: Line, file: Path) -> None:
    """Hold one snapshot of a user's file, as a program that hangs or a debugger does, until told to stop."""
    db = sqlite3.connect(file, isolation_level=None)
    db.execute("BEGIN")
    db.execute("SELECT count(*) FROM turns").fetchone()
    line.tell(READY)
    while not line.told_to_stop():
        await asyncio.sleep(BREATH_S)
    db.execute("ROLLBACK")
    db.close()
