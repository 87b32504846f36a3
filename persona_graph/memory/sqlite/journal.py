"""The journal: turns in order of time, each message under a row id that orders by time."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import numpy as np

from persona_graph.conversation import Role, Turn, TurnState
from persona_graph.errors import StoreError
from persona_graph.memory.erase import shown_in
from persona_graph.memory.json_rows import message_rows, messages_of
from persona_graph.memory.row_ids import bounds, first_row, last_row_of_second, microseconds, row_bounds
from persona_graph.memory.sqlite import tombstones, words
from persona_graph.memory.sqlite.text import dump, load, pack, unpack
from persona_graph.memory.sqlite.user_file import UserFile, Writing
from persona_graph.memory.sqlite.words import Index
from persona_graph.receipt import read_set, scrubbed
from persona_graph.retrieval.marks import marks
from persona_graph.timerange import TimeRange

CHUNK = 10_000
"""Ids in one query; SQLite allows 32,766."""
WAITING, NOTHING = 0, -1
"""`messages.embedded` where a vector is wanted, and where there is no text to make one of."""

_TURN = "row, id, at, session, state, receipt, messages"
_BRIEF = _TURN.replace("receipt", "'{}'")
"""The same without the receipt, which is long."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """A turn with what is found in its texts, done before the write lock is taken."""

    turn: Turn
    terms: tuple[str, ...]
    marks: tuple[int, ...]

    @classmethod
    def of(cls, turn: Turn) -> Prepared:
        """Analyse the turn."""
        return cls(
            turn=turn,
            terms=tuple(words.terms_of(m.searchable) for m in turn.messages),
            marks=tuple(marks(m.searchable, image=bool(m.images)) for m in turn.messages),
        )


def put(write: Writing, prepared: Prepared) -> int | None:
    """Write one turn; its row, or None when it is held as answered, or was erased."""
    turn, db = prepared.turn, write.db
    at = microseconds(turn.at)
    held = db.execute("SELECT row, state, at FROM turns WHERE id = ?", (pack(turn.id),)).fetchone()
    if held is None and tombstones.stands(db, [turn.id]):
        return None
    if held is not None and held[1] == TurnState.ANSWERED:
        return None
    if held is not None and turn.receipt and tombstones.read_erased(db, read_set(turn.receipt)):
        # What the answer read was erased while the model spoke.
        turn = replace(turn, receipt=scrubbed(turn.receipt))
        prepared = replace(prepared, turn=turn)
    tombstones.lift(write, shown_in([turn]))
    if held is not None and _extend(write, prepared, held[0], at, held[2]):
        return int(held[0])
    count, removed = len(turn.messages), 0
    if held is not None:
        removed = take_out(write, [held[0]])
    same_place = held is not None and microseconds(datetime.fromisoformat(held[2])) == at and _free(db, held[0], count)
    row = held[0] if same_place else free_row(db, at, count)
    if removed and (row != held[0] or count < removed):
        write.journal_removed = True
    insert(write, prepared, row)
    return row


def _extend(write: Writing, prepared: Prepared, row: int, at: int, held_at: str) -> bool:
    """Answer an asked turn by adding what was said since; False where anything before that changed."""
    turn, db = prepared.turn, write.db
    session, text = db.execute("SELECT session, messages FROM turns WHERE row = ?", (row,)).fetchone()
    held = load(text)
    said = message_rows(turn.messages)
    added = len(said) - len(held)
    same = turn.at.isoformat() == held_at and unpack(session) == turn.session and said[: len(held)] == held
    if not same or (added and not _free(db, row + len(held), added)):
        return False
    values = (turn.state, dump(dict(turn.receipt)), dump(said), row)
    db.execute("UPDATE turns SET state = ?, receipt = ?, messages = ? WHERE row = ?", values)
    _insert_messages(write, prepared, row, at, first=len(held))
    return True


def insert(write: Writing, prepared: Prepared, row: int) -> None:
    """Write a turn at rows that are free."""
    turn, db = prepared.turn, write.db
    db.execute(
        f"INSERT INTO turns ({_TURN}) VALUES (?, ?, ?, ?, ?, ?, ?)",
        (
            row,
            pack(turn.id),
            turn.at.isoformat(),
            pack(turn.session),
            turn.state,
            dump(dict(turn.receipt)),
            dump(message_rows(turn.messages)),
        ),
    )
    _insert_messages(write, prepared, row, microseconds(turn.at), first=0)


def _insert_messages(write: Writing, prepared: Prepared, row: int, at: int, *, first: int) -> None:
    turn, db = prepared.turn, write.db
    session = _number(db, "sessions", turn.session)
    db.executemany(
        "INSERT INTO messages VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [
            (
                row + place,
                row,
                place,
                at,
                session,
                _number(db, "speakers", message.speaker),
                int(message.role is Role.ASSISTANT),
                prepared.marks[place],
                len(message.images),
                write.clock,
                WAITING if message.searchable.strip() else NOTHING,
            )
            for place, message in enumerate(turn.messages)
            if place >= first
        ],
    )
    entries = ((row + place, terms) for place, terms in enumerate(prepared.terms) if terms and place >= first)
    words.put(db, Index.MESSAGES, entries)


def take_out(write: Writing, rows: Sequence[int]) -> int:
    """Remove the turns that begin at these rows with their messages, words and vectors; how many messages."""
    db, removed = write.db, 0
    for row in rows:
        (text,) = db.execute("SELECT messages FROM turns WHERE row = ?", (row,)).fetchone()
        said = messages_of(load(text))
        entries = ((row + place, words.terms_of(message.searchable)) for place, message in enumerate(said))
        words.take_out(db, Index.MESSAGES, ((number, terms) for number, terms in entries if terms))
        last = row + len(said) - 1
        for table in ("messages", "message_vectors", "message_tokens"):
            db.execute(f"DELETE FROM {table} WHERE row BETWEEN ? AND ?", (row, last))
        db.execute("DELETE FROM turns WHERE row = ?", (row,))
        removed += len(said)
    return removed


def free_row(db: sqlite3.Connection, at: int, count: int) -> int:
    """Where `count` messages of that microsecond go: at it, or behind all that follow it in the same second."""
    first = first_row(at)
    if _free(db, first, count):
        return first
    last = last_row_of_second(first)
    (taken,) = db.execute("SELECT max(row) FROM messages WHERE row BETWEEN ? AND ?", (first, last)).fetchone()
    if taken + count > last:
        raise StoreError("more than a million messages of one user in one second cannot be kept in order")
    return int(taken) + 1


def _free(db: sqlite3.Connection, row: int, count: int) -> bool:
    block = (row, row + count - 1)
    return db.execute("SELECT 1 FROM messages WHERE row BETWEEN ? AND ? LIMIT 1", block).fetchone() is None


def _number(db: sqlite3.Connection, table: str, name: str) -> int:
    value = pack(name)
    found = db.execute(f"SELECT number FROM {table} WHERE name = ?", (value,)).fetchone()
    if found is None:
        return int(db.execute(f"INSERT INTO {table} (name) VALUES (?)", (value,)).lastrowid or 0)
    return int(found[0])


def rows_of(db: sqlite3.Connection, ids: Iterable[str]) -> dict[str, int]:
    """First rows of the turns with these ids; unknown ids are absent."""
    wanted = [pack(turn) for turn in dict.fromkeys(ids)]
    found: dict[str, int] = {}
    for start in range(0, len(wanted), CHUNK):
        chunk = wanted[start : start + CHUNK]
        places = ",".join("?" * len(chunk))
        rows = db.execute(f"SELECT id, row FROM turns WHERE id IN ({places})", chunk)
        found.update((unpack(turn), row) for turn, row in rows)
    return found


def newest(db: sqlite3.Connection, ids: Iterable[str]) -> datetime | None:
    """The time of the latest of these turns; None when none of them exists."""
    found = (db.execute("SELECT at FROM turns WHERE id = ?", (pack(turn),)).fetchone() for turn in ids)
    return max((datetime.fromisoformat(row[0]) for row in found if row is not None), default=None)


def turns(
    file: UserFile, ids: Sequence[str] | None, window: TimeRange, newest: int | None, *, receipts: bool = True
) -> list[Turn]:
    """Turns of a window by time, or those of them with these ids; `newest` keeps the last n."""
    with file.reading() as db:
        if ids is not None:
            rows = sorted(rows_of(db, ids).values())
            found = turns_at(db, rows, None if receipts else [-1] * len(rows))
            kept = [turn for turn in found if turn.at in window]
            return kept[-newest:] if newest else ([] if newest == 0 else kept)
        return _of_window(db, window, newest, _TURN if receipts else _BRIEF)


def _of_window(db: sqlite3.Connection, window: TimeRange, newest: int | None, columns: str) -> list[Turn]:
    low, high = row_bounds(*bounds(window))
    found: list[tuple[Any, ...]] = []
    query = f"SELECT {columns} FROM turns WHERE row BETWEEN ? AND ? ORDER BY row DESC"
    for row in db.execute(query, (low, high)):
        if newest is not None and len(found) >= newest:
            break
        if datetime.fromisoformat(row[2]) in window:
            found.append(row)
    found.reverse()
    return list(_read(found, _ordinals(db, [row[0] for row in found])))


def turns_at(db: sqlite3.Connection, rows: Sequence[int], ordinals: Sequence[int] | None = None) -> list[Turn]:
    """The turns that begin at these rows, in the order given; with `ordinals` that are at hand, without receipts."""
    columns = _TURN if ordinals is None else _BRIEF
    found: dict[int, tuple[Any, ...]] = {}
    for start in range(0, len(rows), CHUNK):
        chunk = rows[start : start + CHUNK]
        places = ",".join("?" * len(chunk))
        found.update((row[0], row) for row in db.execute(f"SELECT {columns} FROM turns WHERE row IN ({places})", chunk))
    return list(_read([found[row] for row in rows], _ordinals(db, rows) if ordinals is None else ordinals))


def _ordinals(db: sqlite3.Connection, rows: Sequence[int]) -> list[int]:
    """How many turns stand before each of these."""
    if not rows:
        return []
    first, before = min(rows), ordinal(db, min(rows))
    between = "SELECT row FROM messages WHERE place = 0 AND row BETWEEN ? AND ? ORDER BY row"
    near = [row for (row,) in db.execute(between, (first, max(rows)))]
    return [before + int(place) for place in np.searchsorted(near, rows)]


def ordinal(db: sqlite3.Connection, row: int) -> int:
    """How many turns stand before that row."""
    return int(db.execute("SELECT count(*) FROM messages WHERE place = 0 AND row < ?", (row,)).fetchone()[0])


def _read(rows: Sequence[tuple[Any, ...]], ordinals: Sequence[int]) -> Iterator[Turn]:
    for (_, turn, at, session, state, receipt, messages), number in zip(rows, ordinals, strict=True):
        yield Turn(
            id=unpack(turn),
            at=datetime.fromisoformat(at),
            session=unpack(session),
            messages=messages_of(load(messages)),
            state=TurnState(state),
            receipt=load(receipt),
            ordinal=number,
        )


def speakers(file: UserFile) -> tuple[str, ...]:
    """Names of those who talk, in the order in which they came."""
    rows = file.db.execute("SELECT name FROM speakers ORDER BY number").fetchall()
    return tuple(name for (value,) in rows if (name := unpack(value)))


def rows_with_images(db: sqlite3.Connection) -> list[int]:
    """First rows of the turns that show a picture."""
    return [row for (row,) in db.execute("SELECT DISTINCT turn FROM messages WHERE images > 0 ORDER BY turn")]


def shown_images(db: sqlite3.Connection) -> frozenset[str]:
    """Digests of all pictures that turns show."""
    return shown_in(turns_at(db, rows_with_images(db)))


def forget_names(write: Writing) -> None:
    """Drop the names of speakers and sessions of which no message is left."""
    for table, column in (("speakers", "speaker"), ("sessions", "session")):
        write.db.execute(f"DELETE FROM {table} WHERE number NOT IN (SELECT {column} FROM messages)")
