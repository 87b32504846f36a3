"""Migrations: how a new or older file comes to have the tables of this version, losing nothing.

An older file is copied first; the copy goes when the migrated file is verified. All steps are one transaction, so a
process killed anywhere leaves the old file or the new one.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterable, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

from persona_graph.conversation import digest_of
from persona_graph.durable import sync_folder
from persona_graph.errors import StoreError
from persona_graph.memory.json_rows import memory_of
from persona_graph.memory.sqlite import schema
from persona_graph.memory.sqlite.opening import roll_back
from persona_graph.memory.sqlite.text import dump, load, pack


def _name_versions_by_commit(db: sqlite3.Connection) -> None:
    """Version 2: refs of memories are `id@commit` where they were `id@version`; tables for erase."""
    schema.make_erasable(db)
    versions = (memory_of(load(body)) for (body,) in db.execute("SELECT body FROM versions"))
    named = {f"{memory.id}@{memory.version}": memory.ref for memory in versions}
    for sequence, body in db.execute("SELECT sequence, body FROM commits").fetchall():
        row = load(body)
        row["read"] = _renamed(row["read"], named)
        db.execute("UPDATE commits SET body = ? WHERE sequence = ?", (dump(row), sequence))
    for number, receipt in db.execute("SELECT row, receipt FROM turns WHERE receipt <> '{}'").fetchall():
        row = load(receipt)
        _rename_in_receipt(row, named)
        db.execute("UPDATE turns SET receipt = ? WHERE row = ?", (dump(row), number))


def _renamed(refs: Iterable[str], named: Mapping[str, str]) -> list[str]:
    return [named.get(ref, ref) for ref in refs]


def _rename_in_receipt(receipt: dict[str, Any], named: Mapping[str, str]) -> None:
    opening = receipt.get("opening", {})
    for part in ("profile", "habits"):
        if part in opening:
            opening[part] = _renamed(opening[part], named)
    for step in receipt.get("steps", ()):
        for hit in step.get("search", {}).get("hits", ()):
            if "ref" in hit:
                hit["ref"] = named.get(hit["ref"], hit["ref"])


STEPS: tuple[Callable[[sqlite3.Connection], None], ...] = (schema.create, _name_versions_by_commit)
"""Step n takes a file from version n to n + 1."""


def prepare(db: sqlite3.Connection, user: str, path: Path) -> None:
    """Bring a new or older file to this version; two processes may do so at once.

    Raises: ForeignStore when it is none of ours; StoreError when what was migrated is not what was there.
    """
    db.execute("BEGIN IMMEDIATE")
    try:
        if not schema.is_ready(db, path.name):
            if _version(db):
                _copy(path)
            _migrate(db, user, path.name)
        db.execute("COMMIT")
    except BaseException:
        roll_back(db)
        raise
    drop_copy(path)


def _migrate(db: sqlite3.Connection, user: str, name: str) -> None:
    version = _version(db)
    before = _truth(db) if version else ""
    for step in STEPS[version:]:
        step(db)
    new = "INSERT OR IGNORE INTO state (one, user, analysis) VALUES (1, ?, ?)"
    db.execute(new, (pack(user), schema.analysis()))
    if version:  # whoever opens it projects it anew
        db.execute("UPDATE state SET analysis = ''")
    db.execute(f"PRAGMA application_id = {schema.APPLICATION_ID}")
    db.execute(f"PRAGMA user_version = {schema.VERSION}")
    if before and (_truth(db) != before or not _sound(db)):
        raise StoreError(f"{name} could not be brought to this version; it is as it was, with a copy beside it")


def _version(db: sqlite3.Connection) -> int:
    (version,) = db.execute("PRAGMA user_version").fetchone()
    return int(version)


def _truth(db: sqlite3.Connection) -> str:
    """A digest of what no migration may change: what was said, what was done with it, what is still to do."""
    turns = db.execute("SELECT id, at, session, state, messages FROM turns ORDER BY row")
    commits = (load(body) | {"read": []} for (body,) in db.execute("SELECT body FROM commits ORDER BY sequence"))
    jobs = db.execute("SELECT id, turns, attempts, parked FROM jobs ORDER BY rowid")
    vectors = db.execute("SELECT row, length(vector) FROM message_vectors ORDER BY row")
    return digest_of(*(repr(row) for rows in (turns, commits, jobs, vectors) for row in rows))


def _sound(db: sqlite3.Connection) -> bool:
    return bool(db.execute("PRAGMA integrity_check").fetchone() == ("ok",))


def copy_of(path: Path) -> Path:
    """Where the copy of an older file stands until the migration is verified."""
    return path.with_name(f"{path.name}.before")


def copies_of(path: Path) -> tuple[Path, Path]:
    """The copy, and what becomes it while it is made."""
    return copy_of(path), path.with_name(f"{path.name}.before.part")


def drop_copy(path: Path) -> None:
    """Remove the copy that a migration left, or was making when it was killed."""
    for copy in copies_of(path):
        copy.unlink(missing_ok=True)


def _copy(path: Path) -> None:
    """Copy the older file; under the write lock, so that one process does, through a connection that may read."""
    drop_copy(path)
    whole, beside = copies_of(path)
    try:
        with closing(sqlite3.connect(path)) as old, closing(sqlite3.connect(beside)) as copy:
            copy.execute("PRAGMA journal_mode = OFF")  # no second file that a kill would leave
            old.backup(copy)
        with beside.open("rb+") as file:
            os.fsync(file.fileno())
        beside.replace(whole)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)
