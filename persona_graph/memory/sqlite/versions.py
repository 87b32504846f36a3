"""Versions of memories: the projection of all commits, a row for each version."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Collection, Iterable
from typing import Any

from persona_graph.memory.commit import Commit, Knowledge, Tombstones, memory_id
from persona_graph.memory.json_rows import memory_of, memory_row
from persona_graph.memory.operations import Add, Delete, Pin, Release, SwitchOff, Update
from persona_graph.memory.sqlite import words
from persona_graph.memory.sqlite.text import dump, load, pack, unpack
from persona_graph.memory.sqlite.user_file import Writing
from persona_graph.memory.sqlite.words import Index
from persona_graph.memory.types import KEYED, Memory, age


def digest(text: str) -> bytes:
    """What ties a vector to its text, so that versions of the same text share it."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()[:16]


def touched(db: sqlite3.Connection, commit: Commit, tombstones: Tombstones) -> Knowledge:
    """As much of the knowledge as a commit can read or change."""
    ids: set[str | bytes] = set()
    for place, operation in enumerate(commit.operations):
        if isinstance(operation, Add | Update):
            ids.add(pack(memory_id(commit.id, place)))
        match operation:
            case Update() | Delete() | Pin():
                ids.add(pack(operation.id))
                if isinstance(operation, Update) and operation.kind is not None and operation.key:
                    ids |= _of_key(db, operation.kind, operation.key)
            case Release() | SwitchOff():
                kind, _, key = operation.what.partition(":")
                ids |= {pack(operation.what), *_of_key(db, kind, key)}
            case Add() if operation.kind in KEYED and operation.key:
                ids |= _of_key(db, operation.kind, operation.key)
    found = [_memory(row) for id in ids for row in db.execute("SELECT body FROM versions WHERE id = ?", (id,))]
    return Knowledge.of(found, frozen(db), switched_off(db), tombstones)


def _of_key(db: sqlite3.Connection, kind: str, key: str) -> set[str | bytes]:
    """Id of the current memory with a key, if there is one."""
    query = "SELECT id FROM versions WHERE current AND kind = ? AND key = ?"
    return {id for (id,) in db.execute(query, (kind, pack(key.casefold())))}


def _memory(row: tuple[Any, ...]) -> Memory:
    return memory_of(load(row[0]))


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


def switched_off(db: sqlite3.Connection) -> set[str]:
    """Traits and fields that the person has switched off."""
    return {unpack(what) for (what,) in db.execute("SELECT what FROM switched_off")}


def put_held(db: sqlite3.Connection, knowledge: Knowledge) -> None:
    """Make this what the person holds and has switched off."""
    if knowledge.frozen != frozen(db):
        db.execute("DELETE FROM frozen")
        rows = [(pack(what), value) for what, value in knowledge.frozen.items()]
        db.executemany("INSERT INTO frozen VALUES (?, ?)", rows)
    if knowledge.off != switched_off(db):
        db.execute("DELETE FROM switched_off")
        db.executemany("INSERT INTO switched_off VALUES (?)", [(pack(what),) for what in sorted(knowledge.off)])


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
