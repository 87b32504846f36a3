"""`Columns`: numbers of many rows in memory, sorted by key, with a matrix of their vectors beside them.

Made for growth at the end: what comes in order is appended to spare room; what comes late is sorted in.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float32]


class Columns:
    """Rows of integers; column 0 is the key. `clock` and `epoch` say which state of the file they show."""

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        """Hold nothing, so that all is read anew."""
        self.clock = self.epoch = self.vector_clock = -1
        self.length = 0
        self._table: Ints = np.empty((0, 0), np.int64)
        self._matrix: Floats | None = None

    @property
    def nbytes(self) -> int:
        """Memory taken."""
        return self._table.nbytes + (0 if self._matrix is None else self._matrix.nbytes)

    def column(self, number: int) -> Ints:
        """One column of all rows."""
        return self._table[number, : self.length] if len(self._table) else np.empty(0, np.int64)

    @property
    def keys(self) -> Ints:
        """The keys, ascending."""
        return self.column(0)

    @property
    def matrix(self) -> Floats | None:
        """(n, d) vectors, zeros where there is none; None before any was set."""
        return None if self._matrix is None else self._matrix[: self.length]

    def merge(self, new: Ints) -> None:
        """Take in rows, (c, k) sorted by key; a key that is held takes the new values and loses its vector."""
        if not new.shape[1]:
            return
        keys = self.keys
        places = np.searchsorted(keys, new[0])
        held = np.zeros(len(places), bool)
        inside = places < self.length
        held[inside] = keys[places[inside]] == new[0][inside]
        if held.any():
            self._table[:, places[held]] = new[:, held]
            if self._matrix is not None:
                self._matrix[places[held]] = 0
        fresh = new[:, ~held]
        if fresh.shape[1]:
            in_order = not self.length or fresh[0, 0] > keys[-1]
            self._append(fresh)
            if not in_order:
                self._sort()

    def _append(self, fresh: Ints) -> None:
        end = self.length + fresh.shape[1]
        if not len(self._table):
            self._table = np.zeros((len(fresh), _room(end)), np.int64)
        elif end > self._table.shape[1]:
            room = np.zeros((len(self._table), _room(end)), np.int64)
            room[:, : self.length] = self._table[:, : self.length]
            self._table = room
        self._table[:, self.length : end] = fresh
        if self._matrix is not None:
            if end > len(self._matrix):
                wider = np.zeros((_room(end), self._matrix.shape[1]), np.float32)
                wider[: self.length] = self._matrix[: self.length]
                self._matrix = wider
            self._matrix[self.length : end] = 0
        self.length = end

    def _sort(self) -> None:
        order = np.argsort(self.keys, kind="stable")
        self._table[:, : self.length] = self._table[:, order]
        if self._matrix is not None:
            self._matrix[: self.length] = self._matrix[order]

    def set_vectors(self, places: Ints, vectors: Floats) -> None:
        """Give rows at these places their vectors."""
        if self._matrix is None:
            self._matrix = np.zeros((self._table.shape[1], vectors.shape[1]), np.float32)
        self._matrix[places] = vectors

    def drop_vectors(self) -> None:
        """Hold no vectors, so that all are read anew."""
        self._matrix, self.vector_clock = None, -1


def _room(least: int) -> int:
    # Zeros that nobody has touched take no memory yet.
    return least * 5 // 4 + 64


def ints(rows: Sequence[Sequence[int]]) -> Ints:
    """(c, n) columns of n rows."""
    width = len(rows[0])
    return np.fromiter(chain.from_iterable(rows), np.int64, len(rows) * width).reshape(-1, width).T


def cosines(matrix: Floats, vector: Floats) -> Floats:
    """Products of unit rows with a unit vector. On one thread: BLAS spins on the others, which hurts a busy machine."""
    found: Floats = np.einsum("ij,j->i", matrix, vector)
    return found
