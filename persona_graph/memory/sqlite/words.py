"""The word indexes: which messages, and which versions of memories, hold a term.

They keep no text: what is taken out has to be named by the terms that were put in.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from persona_graph.memory.json_rows import memory_of, messages_of
from persona_graph.memory.sqlite.text import load
from persona_graph.retrieval.analysis import analyse


class Index(StrEnum):
    """The two indexes, by the stem of their tables' names."""

    MESSAGES = "message"
    MEMORIES = "memory"


def terms_of(text: str) -> str:
    """What is indexed of a text; each term once."""
    return " ".join(dict.fromkeys(analyse(text)))


def put(db: sqlite3.Connection, index: Index, entries: Iterable[tuple[int, str]]) -> None:
    """Index (row, terms)."""
    db.executemany(f"INSERT INTO {index}_words (rowid, terms) VALUES (?, ?)", entries)


def take_out(db: sqlite3.Connection, index: Index, entries: Iterable[tuple[int, str]]) -> None:
    """Forget (row, terms); the terms are those that were put in."""
    db.executemany(f"INSERT INTO {index}_words ({index}_words, rowid, terms) VALUES ('delete', ?, ?)", entries)


def merge(db: sqlite3.Connection, index: Index) -> None:
    """Rewrite the index so that the bytes of what was taken out are gone."""
    db.execute(f"INSERT INTO {index}_words ({index}_words) VALUES ('optimize')")


def holders(db: sqlite3.Connection, index: Index, term: str, low: int, high: int) -> NDArray[np.int64]:
    """Rows from `low` to `high`, both included, that hold a term, in order."""
    found = db.execute(
        f"SELECT rowid FROM {index}_words WHERE {index}_words MATCH ? AND rowid BETWEEN ? AND ?",
        (f'"{term}"', low, high),
    ).fetchall()
    return np.fromiter((row for (row,) in found), np.int64, len(found))


def frequencies(db: sqlite3.Connection, index: Index, terms: Sequence[str]) -> NDArray[np.int64]:
    """How many rows hold each term."""
    marks = ",".join("?" * len(terms))
    found = dict(db.execute(f"SELECT term, doc FROM {index}_terms WHERE term IN ({marks})", terms).fetchall())
    return np.array([found.get(term, 0) for term in terms], np.int64)


def index_anew(db: sqlite3.Connection) -> None:
    """Analyse every text again, after the analysis has changed."""
    for index in Index:
        db.execute(f"INSERT INTO {index}_words ({index}_words) VALUES ('delete-all')")
    for row, text in db.execute("SELECT row, messages FROM turns").fetchall():
        said = messages_of(load(text))
        put(db, Index.MESSAGES, ((row + place, terms_of(m.searchable)) for place, m in enumerate(said)))
    for number, body in db.execute("SELECT number, body FROM versions").fetchall():
        put(db, Index.MEMORIES, [(number, terms_of(memory_of(load(body)).searchable))])
