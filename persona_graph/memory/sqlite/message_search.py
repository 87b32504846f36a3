"""Finding messages: the window cuts first, then words and vectors are looked up for what is left."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from persona_graph.conversation import Turn
from persona_graph.errors import EmbeddingMismatch, NotFound
from persona_graph.memory.row_ids import END, bounds, microseconds, row_bounds
from persona_graph.memory.sqlite import journal, vectors, words
from persona_graph.memory.sqlite.columns import Columns, cosines, ints
from persona_graph.memory.sqlite.text import unpack
from persona_graph.memory.sqlite.user_file import UserFile
from persona_graph.memory.sqlite.words import Index
from persona_graph.memory.store import MISMATCH, Lookup
from persona_graph.retrieval.candidates import MessageCandidates

REACH = 2
"""Neighbours on each side that ranking looks at."""

MOST_RANKED = 20_000
"""Windows with more messages are cut to the best before they are ranked."""

_COLUMNS = "row, turn, place, at, session, speaker, role, marks, images"
_ROW, _TURN, _PLACE, _AT, _SESSION, _SPEAKER, _ROLE, _MARKS, _IMAGES = range(9)

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]


def refresh(db: sqlite3.Connection, columns: Columns) -> tuple[int, str]:
    """Bring the columns up to this snapshot, whoever wrote; its clock, and whose vectors are held."""
    clock, epoch, fingerprint = db.execute("SELECT clock, journal_epoch, fingerprint FROM state").fetchone()
    if epoch != columns.epoch:
        columns.clear()
        columns.epoch = epoch
    if clock != columns.clock:
        query = f"SELECT {_COLUMNS} FROM messages WHERE written > ? ORDER BY row"
        found = db.execute(query, (columns.clock,)).fetchall()
        if found:
            columns.merge(ints(found))
        columns.clock = clock
    return clock, fingerprint


@dataclass(slots=True)
class _Slice:
    """The messages from place `low` to before `high`, which of them are wanted, and which come along."""

    low: int
    high: int
    wanted: Bools
    along: Bools

    def take(self, values: Ints) -> Ints:
        """The part of a column that comes along."""
        return values[self.low : self.high][self.along]


def find(file: UserFile, lookup: Lookup) -> MessageCandidates:
    """The window's messages, their neighbours, what of the query they hold, and their cosines."""
    with file.reading() as db:
        columns = file.messages
        clock, fingerprint = refresh(db, columns)
        if lookup.images and not columns.column(_IMAGES).any():
            return MessageCandidates.nothing(len(lookup.terms), dense=lookup.vector is not None)
        if lookup.vector is not None:
            if fingerprint and fingerprint != lookup.fingerprint:
                raise EmbeddingMismatch(MISMATCH)
            vectors.refresh_messages(db, columns, clock)
        part = _slice(db, columns, lookup)
        hits = _hits(db, part.take(columns.keys), lookup.terms)
        frequency = words.frequencies(db, Index.MESSAGES, lookup.terms)
        cosine = _cosine(columns, part, lookup.vector)
        if hits.shape[1] > MOST_RANKED:
            best = _best(hits, frequency, cosine, columns.length, lookup.depth)
            hits, cosine = hits[:, best], None if cosine is None else cosine[best]
            part.along[part.along] = best
        return MessageCandidates(
            rows=part.take(columns.keys),
            session=part.take(columns.column(_SESSION)),
            position=np.arange(part.low, part.high)[part.along],
            speaker=part.take(columns.column(_SPEAKER)) - 1,  # SQLite counts from 1
            speakers=_speakers(db),
            role=part.take(columns.column(_ROLE)),
            marks=part.take(columns.column(_MARKS)),
            hits=hits,
            frequency=frequency,
            total=columns.length,
            cosine=cosine,
            eligible=part.wanted[part.along],
        )


def _slice(db: sqlite3.Connection, columns: Columns, lookup: Lookup) -> _Slice:
    keys, total = columns.keys, columns.length
    start, end = bounds(lookup.window)
    until = END if lookup.as_of is None else microseconds(lookup.as_of) + 1
    first, last = row_bounds(start, min(end, until))
    low, high = (int(i) for i in np.searchsorted(keys, (first, last), side="left"))
    # Ranking looks at neighbours outside the window, but never at what was not yet said.
    limit = total if until == END else high
    low, high = max(low - REACH, 0), min(high + REACH, limit)
    at = columns.column(_AT)[low:high]
    known = at < until
    wanted = known & (at >= start) & (at < end)
    if lookup.images:
        wanted &= columns.column(_IMAGES)[low:high] > 0
    if lookup.turns is not None:
        wanted &= np.isin(columns.column(_TURN)[low:high], _first_rows(db, lookup.turns))
    near = wanted if lookup.turns is not None else _widened(wanted) if lookup.images else _edges(wanted)
    if lookup.exclude:
        wanted = wanted & ~np.isin(columns.column(_TURN)[low:high], _first_rows(db, lookup.exclude))
    return _Slice(low=low, high=high, wanted=wanted, along=known & near)


def _first_rows(db: sqlite3.Connection, turns: Iterable[str]) -> Ints:
    return np.array(sorted(journal.rows_of(db, turns).values()), np.int64)


def _widened(wanted: Bools) -> Bools:
    near = wanted.copy()
    for step in range(1, REACH + 1):
        near[step:] |= wanted[:-step]
        near[:-step] |= wanted[step:]
    return near


def _edges(wanted: Bools) -> Bools:
    """All from the first wanted one to the last, and the neighbours of both."""
    near = np.zeros(len(wanted), bool)
    if wanted.any():
        first, last = int(wanted.argmax()), len(wanted) - 1 - int(wanted[::-1].argmax())
        near[max(first - REACH, 0) : last + REACH + 1] = True
    return near


def _hits(db: sqlite3.Connection, rows: Ints, terms: Sequence[str]) -> Bools:
    hits = np.zeros((len(terms), len(rows)), bool)
    if not len(rows):
        return hits
    low, high = int(rows[0]), int(rows[-1])
    for number, term in enumerate(terms):
        found = words.holders(db, Index.MESSAGES, term, low, high)
        places = np.searchsorted(rows, found)
        hits[number, places[rows[places] == found]] = True
    return hits


def _cosine(columns: Columns, part: _Slice, vector: NDArray[np.float32] | None) -> NDArray[np.float32] | None:
    if vector is None:
        return None
    if columns.matrix is None:
        return np.zeros(int(part.along.sum()), np.float32)
    return cosines(columns.matrix[part.low : part.high], vector)[part.along]


def _best(hits: Bools, frequency: Ints, cosine: NDArray[np.float32] | None, total: int, depth: int) -> Bools:
    """Of very many, those worth ranking: the best by the words in and around them and by cosine, with neighbours."""
    rarity = np.log1p((total - frequency + 0.5) / (frequency + 0.5)).astype(np.float32)
    own = rarity @ hits
    around = own.copy()
    for step, share in ((1, 0.8), (2, 0.6)):
        around[step:] += share * own[:-step]
    around[:-1] += 0.6 * own[1:]
    best = np.zeros(len(own), bool)
    for values, count in ((around, 8 * depth), (cosine, 2 * depth)):
        if values is not None and count < len(values):
            best[np.argpartition(values, -count)[-count:]] = True
    return _widened(best) if best.any() else ~best


def _speakers(db: sqlite3.Connection) -> tuple[str, ...]:
    """By number, less one; a number that nobody has any more is an empty name."""
    held = dict(db.execute("SELECT number, name FROM speakers").fetchall())
    return tuple(unpack(held.get(number, "")) for number in range(1, max(held, default=0) + 1))


def at_rows(file: UserFile, rows: Sequence[int]) -> list[tuple[Turn, int]]:
    """The turn and the place in it of each row."""
    with file.reading() as db:
        wanted = [int(row) for row in rows]
        found: dict[int, tuple[int, int]] = {}
        for start in range(0, len(wanted), journal.CHUNK):
            chunk = wanted[start : start + journal.CHUNK]
            query = f"SELECT row, turn, place FROM messages WHERE row IN ({','.join('?' * len(chunk))})"
            found.update((row, (turn, place)) for row, turn, place in db.execute(query, chunk))
        missing = [row for row in wanted if row not in found]
        if missing:
            raise NotFound(f"message {missing[0]} is no longer there; search again")
        first = sorted({turn for turn, _ in found.values()})
        refresh(db, file.messages)
        begins = file.messages.keys[file.messages.column(_PLACE) == 0]
        ordinals = [int(place) for place in np.searchsorted(begins, np.array(first, np.int64))]
        turns = dict(zip(first, journal.turns_at(db, first, ordinals), strict=True))
        return [(turns[found[row][0]], found[row][1]) for row in wanted]
