"""`TokenCache`: the token vectors of one user's messages in memory, one after the other, found by row."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from persona_graph.retrieval.token_vectors import StoredTokens

Ints = NDArray[np.int64]


class TokenCache:
    """Read when it is first asked for; afterwards only what is new is read, whoever wrote it."""

    def __init__(self) -> None:
        self._clear()

    def _clear(self) -> None:
        self._clock = self._epoch = -1
        self._rows: Ints = np.empty(0, np.int64)
        self._starts: Ints = np.empty(0, np.int64)
        self._lengths: Ints = np.empty(0, np.int64)
        self._room: NDArray[np.int8] = np.empty((0, 1), np.int8)
        self._used = 0

    @property
    def nbytes(self) -> int:
        """Memory taken."""
        return self._room.nbytes + 3 * self._rows.nbytes

    def refresh(self, db: sqlite3.Connection) -> None:
        """Bring it up to this snapshot."""
        clock, epoch = db.execute("SELECT clock, journal_epoch FROM state").fetchone()
        if epoch != self._epoch:
            self._clear()
            self._epoch = epoch
        if clock == self._clock:
            return
        found = db.execute(
            "SELECT t.row, t.width, t.vectors FROM messages m JOIN message_tokens t ON t.row = m.row"
            " WHERE m.embedded > ? ORDER BY m.row",
            (max(self._clock, 0),),
        ).fetchall()
        self._clock = clock
        found = [entry for entry in found if entry[2]]
        if found:
            self._append(found)

    def _append(self, found: Sequence[tuple[int, int, bytes]]) -> None:
        width = found[0][1]
        new = np.frombuffer(b"".join(data for _, _, data in found), np.int8).reshape(-1, width)
        lengths = np.array([len(data) // width for _, _, data in found], np.int64)
        starts = self._used + np.cumsum(lengths) - lengths
        end = self._used + len(new)
        if end > len(self._room) or self._room.shape[1] != width:
            room = np.empty((end * 3 // 2 if self._used else end, width), np.int8)
            room[: self._used] = self._room[: self._used]
            self._room = room
        self._room[self._used : end] = new
        self._used = end
        rows = np.concatenate(([row for row, _, _ in found], self._rows)).astype(np.int64)
        # Of a row that was written again the first, which is the newer, counts.
        self._rows, first = np.unique(rows, return_index=True)
        self._starts = np.concatenate((starts, self._starts))[first]
        self._lengths = np.concatenate((lengths, self._lengths))[first]

    def take(self, rows: Sequence[int]) -> StoredTokens:
        """Those of these rows; a row without any is absent."""
        wanted = np.unique(np.asarray(rows, np.int64))
        places = np.searchsorted(self._rows, wanted)
        inside = places < len(self._rows)
        held = places[inside][self._rows[places[inside]] == wanted[inside]]
        if not len(held):
            return StoredTokens.of({})
        lengths = self._lengths[held]
        starts = np.cumsum(lengths) - lengths
        index = np.repeat(self._starts[held] - starts, lengths) + np.arange(int(lengths.sum()))
        return StoredTokens(rows=self._rows[held], starts=starts, vectors=self._room[index])
