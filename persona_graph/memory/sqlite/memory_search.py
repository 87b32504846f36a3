"""Finding memories: current versions, those whose event overlaps a window, or those held at a moment."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from persona_graph.errors import EmbeddingMismatch
from persona_graph.memory.json_rows import memory_of
from persona_graph.memory.row_ids import bounds
from persona_graph.memory.sqlite import commits, vectors, words
from persona_graph.memory.sqlite.columns import Columns, cosines, ints
from persona_graph.memory.sqlite.text import load
from persona_graph.memory.sqlite.user_file import UserFile
from persona_graph.memory.sqlite.versions import digest
from persona_graph.memory.sqlite.words import Index
from persona_graph.memory.store import MISMATCH, Lookup
from persona_graph.memory.types import Kind, Memory
from persona_graph.retrieval.analysis import analyse
from persona_graph.retrieval.candidates import MemoryCandidates

_NUMBER, _KIND, _CURRENT, _ON, _START, _END = range(6)
_KINDS = {kind: place for place, kind in enumerate(Kind)}

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]
Floats = NDArray[np.float32]


def find(file: UserFile, lookup: Lookup) -> MemoryCandidates:
    """Candidates with what of the query they hold, and their cosines."""
    with file.reading() as db:
        fingerprint = _refresh(db, file)
        if lookup.vector is not None and fingerprint and fingerprint != lookup.fingerprint:
            raise EmbeddingMismatch(MISMATCH)
        frequency = words.frequencies(db, Index.MEMORIES, lookup.terms)
        if lookup.as_of is not None:
            return _held_then(file, lookup, frequency)
        columns = file.memories
        chosen = np.flatnonzero(_wanted(file, lookup))
        return MemoryCandidates.of(
            tuple(file.held[place] for place in chosen),
            hits=_hits(db, columns.keys[chosen], lookup.terms),
            frequency=frequency,
            total=columns.length,
            cosine=_cosine(columns, chosen, lookup.vector),
        )


def _refresh(db: sqlite3.Connection, file: UserFile) -> str:
    """Bring the versions and their vectors up to this snapshot, whoever wrote; whose vectors are held."""
    columns = file.memories
    clock, epoch, fingerprint = db.execute("SELECT clock, knowledge_epoch, fingerprint FROM state").fetchone()
    if epoch != columns.epoch:
        columns.clear()
        columns.epoch = epoch
        file.held.clear()
        file.by_digest.clear()
    if clock != columns.clock:
        _refresh_versions(db, file)
        _refresh_vectors(db, file)
        columns.clock = clock
    return str(fingerprint)


def _refresh_versions(db: sqlite3.Connection, file: UserFile) -> None:
    columns = file.memories
    query = "SELECT number, digest, body FROM versions WHERE written > ? ORDER BY number"
    found = [(n, text, memory_of(load(body))) for n, text, body in db.execute(query, (columns.clock,))]
    if not found:
        return
    known, matrix = columns.length, columns.matrix
    new = ints([_numbers(number, memory) for number, _, memory in found])
    places = np.searchsorted(columns.keys, new[0])
    kept = None if matrix is None else matrix[places[places < known]].copy()
    columns.merge(new)
    if kept is not None:  # a version that was closed keeps its text, and so its vector
        columns.set_vectors(places[places < known], kept)
    for place, (_, text, memory) in zip(np.searchsorted(columns.keys, new[0]), found, strict=True):
        if place < known:
            file.held[place] = memory
            continue
        file.held.append(memory)
        same = file.by_digest.setdefault(text, [])
        if same and columns.matrix is not None:
            columns.set_vectors(np.array([place]), columns.matrix[same[:1]])
        same.append(int(place))


def _refresh_vectors(db: sqlite3.Connection, file: UserFile) -> None:
    query = "SELECT digest, vector FROM memory_vectors WHERE written > ?"
    found = db.execute(query, (file.memories.clock,)).fetchall()
    places = [(place, number) for number, (text, _) in enumerate(found) for place in file.by_digest.get(text, ())]
    if places:
        made = vectors.floats([data for _, data in found])
        where, which = np.array(places, np.int64).T
        file.memories.set_vectors(where, made[which])


def _numbers(number: int, memory: Memory) -> tuple[int, ...]:
    start, end = bounds(memory.event)
    return number, _KINDS[memory.kind], int(memory.current), int(not memory.off), start, end


def _wanted(file: UserFile, lookup: Lookup) -> Bools:
    columns = file.memories
    wanted = np.isin(columns.column(_KIND), [_KINDS[kind] for kind in lookup.kinds])
    wanted &= columns.column(_ON) > 0
    if lookup.window.bounded:
        wanted &= _overlaps(columns.column(_START), columns.column(_END), *bounds(lookup.window))
    else:
        wanted &= columns.column(_CURRENT) > 0
    if lookup.exclude and wanted.any():
        places = np.flatnonzero(wanted)
        wanted[[place for place in places if file.held[place].id in lookup.exclude]] = False
    return wanted


def _overlaps(start: Ints, end: Ints, low: int, high: int) -> Bools:
    """`TimeRange.overlaps` for many: an empty interval counts as its start."""
    both: Bools = (start < high) & (end > low)
    moments: Bools = (start == end) & (start >= low) & (start < high)
    found: Bools = (both & (start != end)) | moments
    return found


def _hits(db: sqlite3.Connection, numbers: Ints, terms: Sequence[str]) -> Bools:
    hits = np.zeros((len(terms), len(numbers)), bool)
    if not len(numbers):
        return hits
    low, high = int(numbers[0]), int(numbers[-1])
    for place, term in enumerate(terms):
        hits[place] = np.isin(numbers, words.holders(db, Index.MEMORIES, term, low, high))
    return hits


def _cosine(columns: Columns, chosen: Ints, vector: Floats | None) -> Floats | None:
    if vector is None:
        return None
    return np.zeros(len(chosen), np.float32) if columns.matrix is None else cosines(columns.matrix[chosen], vector)


def _held_then(file: UserFile, lookup: Lookup, frequency: Ints) -> MemoryCandidates:
    """What was held at a moment is folded anew, so its words are looked at one by one."""
    assert lookup.as_of is not None
    off = {memory.id for memory in file.held if memory.off}  # what is switched off today is so for every day
    memories = [
        memory
        for memory in commits.held_at(file, lookup.as_of)
        if memory.kind in lookup.kinds
        and memory.id not in lookup.exclude | off
        and not memory.off
        and memory.event.overlaps(lookup.window)
    ]
    hits = np.zeros((len(lookup.terms), len(memories)), bool)
    cosine = None if lookup.vector is None else np.zeros(len(memories), np.float32)
    matrix = file.memories.matrix
    for place, memory in enumerate(memories):
        held = set(analyse(memory.searchable))
        hits[:, place] = [term in held for term in lookup.terms]
        same = file.by_digest.get(digest(memory.searchable))
        if cosine is not None and matrix is not None and same:
            cosine[place] = float(matrix[same[0]] @ lookup.vector)
    return MemoryCandidates.of(memories, hits=hits, frequency=frequency, total=file.memories.length, cosine=cosine)
