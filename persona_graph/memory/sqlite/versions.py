"""Versions of memories: the projection of all commits, a row for each version."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from persona_graph.memory.commit import Commit, Knowledge
from persona_graph.memory.operations import Add, Delete, Pin, Release, Update
from persona_graph.memory.sqlite import words
from persona_graph.memory.sqlite.codec import dump, load, memory_of, memory_row
from persona_graph.memory.sqlite.rows import pack, unpack
from persona_graph.memory.sqlite.user_file import Writing
from persona_graph.memory.sqlite.words import Index
from persona_graph.memory.types import KEYED, Memory


def digest(text: str) -> bytes:
    """What ties a vector to its text, so that versions of the same text share it."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()[:16]


def touched(db: sqlite3.Connection, commit: Commit) -> Knowledge:
    """As much of the knowledge as a commit can read or change."""
    found: dict[str, Memory] = {}
    for operation in commit.operations:
        body: tuple[Any, ...] | None = None
        match operation:
            case Update() | Delete() | Pin():
                body = _newest(db, operation.id)
            case Release():
                body = _newest(db, operation.what)
            case Add() if operation.kind in KEYED and operation.key:
                body = db.execute(
                    "SELECT body FROM versions WHERE current AND kind = ? AND key = ?",
                    (operation.kind, pack(operation.key.casefold())),
                ).fetchone()
        if body is not None:
            memory = memory_of(load(body[0]))
            found[memory.id] = memory
    return Knowledge.of(found.values(), frozen(db))


def _newest(db: sqlite3.Connection, memory: str) -> tuple[Any, ...] | None:
    query = "SELECT body FROM versions WHERE id = ? ORDER BY version DESC LIMIT 1"
    row: tuple[Any, ...] | None = db.execute(query, (pack(memory),)).fetchone()
    return row


def put(write: Writing, changed: Iterable[Memory]) -> None:
    """Write versions that are new or changed; the text of a version that is held stays."""
    for memory in changed:
        searchable = memory.searchable
        values = (int(memory.current), digest(searchable), write.clock, dump(memory_row(memory)))
        held = write.db.execute(
            "UPDATE versions SET current = ?, digest = ?, written = ?, body = ? WHERE id = ? AND version = ?",
            (*values, pack(memory.id), memory.version),
        )
        if not held.rowcount:
            number = write.db.execute(
                "INSERT INTO versions (id, version, kind, key, current, digest, written, body)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (pack(memory.id), memory.version, memory.kind, pack(memory.key.casefold()), *values),
            ).lastrowid
            words.put(write.db, Index.MEMORIES, [(number or 0, words.terms_of(searchable))])


def replace_all(write: Writing, memories: Iterable[Memory]) -> None:
    """Make these the versions that are held; those that did not change keep their rows."""
    wanted = {(memory.id, memory.version): memory for memory in memories}
    changed = dict(wanted)
    for number, body in write.db.execute("SELECT number, body FROM versions ORDER BY number").fetchall():
        held = memory_of(load(body))
        place = (held.id, held.version)
        new = wanted.get(place)
        if new == held:
            del changed[place]
        elif new is None or (new.searchable, new.kind, new.key) != (held.searchable, held.kind, held.key):
            words.take_out(write.db, Index.MEMORIES, [(number, words.terms_of(held.searchable))])
            write.db.execute("DELETE FROM versions WHERE number = ?", (number,))
            write.knowledge_removed = True
    put(write, changed.values())
    write.db.execute("DELETE FROM memory_vectors WHERE digest NOT IN (SELECT digest FROM versions)")


def frozen(db: sqlite3.Connection) -> dict[str, float | None]:
    """What the person holds."""
    return {unpack(what): value for what, value in db.execute("SELECT what, value FROM frozen ORDER BY rowid")}


def put_frozen(db: sqlite3.Connection, held: Mapping[str, float | None]) -> None:
    """Make this what the person holds."""
    if held != frozen(db):
        db.execute("DELETE FROM frozen")
        db.executemany("INSERT INTO frozen VALUES (?, ?)", [(pack(what), value) for what, value in held.items()])


def select(
    db: sqlite3.Connection, ids: Collection[str] | None, kinds: Collection[str] | None, *, history: bool
) -> list[Memory]:
    """Current versions, or all, oldest first."""
    query, values = "SELECT body FROM versions WHERE 1", list[Any]()
    if not history:
        query += " AND current"
    for column, wanted in (("id", None if ids is None else [pack(i) for i in ids]), ("kind", kinds)):
        if wanted is not None:
            query += f" AND {column} IN ({','.join('?' * len(wanted))})"
            values += wanted
    found = [memory_of(load(body)) for (body,) in db.execute(f"{query} ORDER BY number", values)]
    return sorted(found, key=age)


def age(memory: Memory) -> tuple[float, str, int]:
    """Orders by when we began to hold it."""
    start = memory.believed.start
    return (start.timestamp() if start else float("-inf"), memory.id, memory.version)
