"""Vectors: of messages by row, of memories by text, 16 bit on disk; all of one embedder."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from persona_graph.errors import EmbeddingMismatch
from persona_graph.memory.json_rows import memory_of, messages_of
from persona_graph.memory.sqlite.columns import Columns
from persona_graph.memory.sqlite.journal import NOTHING, WAITING
from persona_graph.memory.sqlite.text import load
from persona_graph.memory.sqlite.user_file import UserFile, Writing
from persona_graph.memory.store import MISMATCH, Unembedded, Vectors
from persona_graph.retrieval.token_vectors import StoredTokens

MESSAGE, MEMORY = "message", "memory"


def unembedded(file: UserFile, limit: int) -> list[Unembedded]:
    """Messages, then current memories, that have no vector yet."""
    with file.reading() as db:
        found = _messages(db, limit)
        return found + _memories(db, limit - len(found))


def _messages(db: sqlite3.Connection, limit: int) -> list[Unembedded]:
    rows = db.execute(
        "SELECT m.row, m.place, m.written, t.messages FROM messages m JOIN turns t ON t.row = m.turn"
        " WHERE m.embedded = ? ORDER BY m.row LIMIT ?",
        (WAITING, limit),
    )
    # `written` tells a message from another that takes its row between here and `put`.
    return [
        Unembedded(ref=f"{MESSAGE}:{row}:{written}", text=messages_of(load(text))[place].searchable)
        for row, place, written, text in rows
    ]


def _memories(db: sqlite3.Connection, limit: int) -> list[Unembedded]:
    rows = db.execute(
        "SELECT hex(digest), body FROM versions WHERE current AND digest NOT IN (SELECT digest FROM memory_vectors)"
        " GROUP BY digest ORDER BY min(number) LIMIT ?",
        (max(limit, 0),),
    )
    found = [(digest, memory_of(load(body)).searchable) for digest, body in rows]
    return [Unembedded(ref=f"{MEMORY}:{digest}", text=text) for digest, text in found]


def put(file: UserFile, fingerprint: str, vectors: Sequence[Vectors]) -> None:
    """Keep vectors; those of texts that are gone by now are passed over."""
    if not vectors:
        return
    with file.writing() as write:
        _agree(write.db, fingerprint, len(vectors[0].vector))
        for one in vectors:
            where, _, name = one.ref.partition(":")
            data = np.asarray(one.vector, np.float16).tobytes()
            if where == MEMORY:
                _put_memory(write, bytes.fromhex(name), data)
            else:
                row, _, written = name.partition(":")
                _put_message(write, int(row), int(written), data, one.tokens)


def _agree(db: sqlite3.Connection, fingerprint: str, dimensions: int) -> None:
    held = db.execute("SELECT fingerprint, dimensions FROM state").fetchone()
    if not held[0]:
        db.execute("UPDATE state SET fingerprint = ?, dimensions = ?", (fingerprint, dimensions))
    elif held != (fingerprint, dimensions):
        raise EmbeddingMismatch(MISMATCH)


def _put_memory(write: Writing, digest: bytes, data: bytes) -> None:
    write.db.execute(
        "INSERT OR REPLACE INTO memory_vectors (digest, vector, written)"
        " SELECT ?1, ?2, ?3 WHERE EXISTS (SELECT 1 FROM versions WHERE digest = ?1)",
        (digest, data, write.clock),
    )


def _put_message(write: Writing, row: int, written: int, data: bytes, tokens: NDArray[np.int8] | None) -> None:
    kept = write.db.execute(
        "UPDATE messages SET embedded = ? WHERE row = ? AND written = ? AND embedded <> ?",
        (write.clock, row, written, NOTHING),
    )
    if not kept.rowcount:
        return
    write.db.execute("INSERT OR REPLACE INTO message_vectors VALUES (?, ?)", (row, data))
    if tokens is not None:
        values = (row, tokens.shape[1], np.ascontiguousarray(tokens, np.int8).tobytes())
        write.db.execute("INSERT OR REPLACE INTO message_tokens VALUES (?, ?, ?)", values)


def drop(file: UserFile) -> None:
    """Remove all vectors and which model made them."""
    with file.writing() as write:
        for table in ("message_vectors", "message_tokens", "memory_vectors"):
            write.db.execute(f"DELETE FROM {table}")
        write.db.execute("UPDATE messages SET embedded = ? WHERE embedded > ?", (WAITING, WAITING))
        write.db.execute("UPDATE state SET fingerprint = '', dimensions = 0")
        write.journal_removed = write.knowledge_removed = True


def tokens(file: UserFile, rows: Sequence[int]) -> StoredTokens:
    """Token vectors of these rows, where there are any."""
    with file.reading() as db:
        file.tokens.refresh(db)
    return file.tokens.take(rows)


def refresh_messages(db: sqlite3.Connection, columns: Columns, clock: int) -> None:
    """Bring the matrix of messages up to the state of `clock`; the columns are there already."""
    if columns.vector_clock == clock:
        return
    if columns.vector_clock < 0:
        found = db.execute("SELECT row, vector FROM message_vectors ORDER BY row").fetchall()
    else:
        found = db.execute(
            "SELECT m.row, v.vector FROM messages m JOIN message_vectors v ON v.row = m.row WHERE m.embedded > ?",
            (columns.vector_clock,),
        ).fetchall()
    if found:
        keys = np.fromiter((row for row, _ in found), np.int64, len(found))
        columns.set_vectors(np.searchsorted(columns.keys, keys), floats([data for _, data in found]))
    columns.vector_clock = clock


def floats(data: Sequence[bytes]) -> NDArray[np.float32]:
    """(n, d) vectors of their bytes."""
    return np.frombuffer(b"".join(data), np.float16).reshape(len(data), -1).astype(np.float32)
