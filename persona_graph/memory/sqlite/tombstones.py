"""Tombstones: what was erased, without a word of it; and what an erase still has to do outside its transaction."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterable
from datetime import datetime

from persona_graph.memory.commit import Tombstones
from persona_graph.memory.sqlite.rows import microseconds, pack, unpack
from persona_graph.memory.sqlite.user_file import UserFile, Writing

LOG = ""
"""Stands in `unsettled` for old bytes in the write-ahead log; everything else there is a picture's digest."""


def read(db: sqlite3.Connection, user: str) -> Tombstones:
    """All of them."""
    return Tombstones(user=user, ids=frozenset(unpack(id) for (id,) in db.execute("SELECT id FROM tombstones")))


def put(write: Writing, ids: Iterable[str], at: datetime) -> None:
    """Set tombstones."""
    rows = [(pack(id), microseconds(at)) for id in ids]
    write.db.executemany("INSERT OR IGNORE INTO tombstones VALUES (?, ?)", rows)


def bury(file: UserFile, ids: Iterable[str], at: datetime) -> None:
    """Set tombstones in a step of their own."""
    with file.writing() as write:
        put(write, ids, at)


def stands(db: sqlite3.Connection, ids: Collection[str]) -> frozenset[str]:
    """Which of these were erased."""
    found = (id for id in ids if db.execute("SELECT 1 FROM tombstones WHERE id = ?", (pack(id),)).fetchone())
    return frozenset(found)


def any_stands(db: sqlite3.Connection) -> bool:
    """Whether anything was ever erased here."""
    return db.execute("SELECT 1 FROM tombstones LIMIT 1").fetchone() is not None


def leave(write: Writing, images: Iterable[str]) -> None:
    """Note what is left to do: these pictures, and the log."""
    write.db.executemany("INSERT OR IGNORE INTO unsettled VALUES (?)", [(one,) for one in (LOG, *images)])


def unsettled(db: sqlite3.Connection) -> frozenset[str]:
    """Digests of pictures that still have to be removed, and `LOG`."""
    return frozenset(what for (what,) in db.execute("SELECT what FROM unsettled"))


def done(write: Writing, what: Iterable[str]) -> None:
    """Note that it is done."""
    write.db.executemany("DELETE FROM unsettled WHERE what = ?", [(one,) for one in what])


def drop_old_bytes(file: UserFile, patience_s: float) -> bool:
    """Drop what was removed from the write-ahead log too; False while a reader elsewhere keeps it."""
    if LOG not in unsettled(file.db):
        return True
    if not file.scrub(patience_s):
        return False
    with file.writing() as write:
        done(write, [LOG])
    return True
