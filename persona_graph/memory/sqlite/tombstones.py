"""Tombstones: what was erased, without a word of it; and what an erase still has to do outside its transaction."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Collection, Iterable
from datetime import datetime

from persona_graph.memory.commit import Tombstones
from persona_graph.memory.row_ids import microseconds
from persona_graph.memory.sqlite.text import pack, unpack
from persona_graph.memory.sqlite.user_file import UserFile, Writing

logger = logging.getLogger(__name__)

OLD_BYTES = ""
"""Stands in `unsettled` for old bytes in the file and its log; everything else there is a picture's digest."""


def read(db: sqlite3.Connection, user: str) -> Tombstones:
    """All of them."""
    return Tombstones(user=user, ids=frozenset(unpack(id) for (id,) in db.execute("SELECT id FROM tombstones")))


def put(write: Writing, ids: Iterable[str], at: datetime) -> None:
    """Set tombstones."""
    rows = [(pack(id), microseconds(at)) for id in ids]
    write.db.executemany("INSERT OR IGNORE INTO tombstones VALUES (?, ?)", rows)


def stands(db: sqlite3.Connection, ids: Collection[str]) -> frozenset[str]:
    """Which of these were erased."""
    found = (id for id in ids if db.execute("SELECT 1 FROM tombstones WHERE id = ?", (pack(id),)).fetchone())
    return frozenset(found)


def read_erased(db: sqlite3.Connection, read: Iterable[str]) -> bool:
    """Whether any of what was read (a read set) is erased, or is a version whose commit is gone."""
    if db.execute("SELECT 1 FROM tombstones LIMIT 1").fetchone() is None:
        return False
    # A turn's id is anybody's choice, and may look like the name of a memory's version.
    names = {name for name in read if not db.execute("SELECT 1 FROM turns WHERE id = ?", (pack(name),)).fetchone()}
    refs = [(memory, made) for memory, found, made in (name.partition("@") for name in names) if found]
    if stands(db, {*names, *(memory for memory, _ in refs)}):
        return True
    return not all(db.execute("SELECT 1 FROM commits WHERE id = ?", (pack(made),)).fetchone() for _, made in refs)


def lift(write: Writing, images: Iterable[str]) -> None:
    """Take back the tombstones of pictures that the person sends again, and let them lie."""
    rows = [(pack(one),) for one in images]
    write.db.executemany("DELETE FROM tombstones WHERE id = ?", rows)
    write.db.executemany("DELETE FROM unsettled WHERE what = ?", rows)


def leave(write: Writing, what: Iterable[str]) -> None:
    """Note what is left to do: pictures to remove, and `OLD_BYTES`."""
    write.db.executemany("INSERT OR IGNORE INTO unsettled VALUES (?)", [(pack(one),) for one in what])


def unsettled(db: sqlite3.Connection) -> frozenset[str]:
    """Digests of pictures that still have to be removed, and `OLD_BYTES`."""
    return frozenset(unpack(what) for (what,) in db.execute("SELECT what FROM unsettled"))


def done(write: Writing, what: Iterable[str]) -> None:
    """Note that it is done."""
    write.db.executemany("DELETE FROM unsettled WHERE what = ?", [(pack(one),) for one in what])


def drop_old_bytes(file: UserFile, patience_s: float) -> bool:
    """Drop what was removed from the file and its log too; False when it has to be tried again.

    That is while a reader elsewhere keeps it, or a full disk has no room for the file made anew: the erase is done.
    """
    if OLD_BYTES not in unsettled(file.db):
        return True
    try:
        if not file.scrub(patience_s):
            return False
        with file.writing() as write:
            done(write, [OLD_BYTES])
    except sqlite3.OperationalError as error:
        logger.warning("old bytes of an erase are not dropped yet; it is tried again: %s", error)
        return False
    return True
