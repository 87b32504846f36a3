"""`Needle`: bytes that must be nowhere in a store's folder after an erase; and where a planted word stands.

A needle that was not found before the erase proves nothing, so all of them are looked for then, too.
"""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from persona_graph.conversation import Turn
from persona_graph.memory.commit import Commit, memory_id
from persona_graph.memory.operations import Add, Update, searchable_in
from persona_graph.memory.sqlite.text import unpack
from persona_graph.memory.sqlite.versions import digest
from persona_graph.memory.sqlite.words import Index
from persona_graph.memory.types import Kind, Memory, Source
from persona_graph.receipt import read_set
from persona_graph.retrieval.analysis import analyse

ANY = "any erase"
"""Erases an error that a job left, whatever it erases."""
SHARED = 4
"""Letters of an indexed word that the index may leave out, since the word before it begins with them too.

Of a pair of Chinese characters those are two of its six bytes.
"""
RUN = 64
"""Bytes of a vector or a picture that no other has."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Needle:
    """One thing to look for, in all the forms that its bytes may have."""

    name: str
    forms: tuple[bytes, ...]
    indexed: bool = False
    """Whether it has to be found in the word index before."""


def of_text(name: str, text: str) -> Needle:
    """A text as it is written, folded, escaped, and in the encoding of other platforms."""
    texts = (text, text.casefold(), json.dumps(text)[1:-1], json.dumps(text, ensure_ascii=False)[1:-1])
    forms = [one.encode() for one in texts] + [text.encode("utf-16-le"), text.encode("utf-16-be")]
    return Needle(name=name, forms=tuple(dict.fromkeys(forms)))


def of_word(name: str, word: str) -> list[Needle]:
    """A planted word, and what the index holds of it."""
    ends = tuple(term.encode()[2:] if len(term) <= SHARED else term[SHARED:].encode() for term in analyse(word))
    return [of_text(name, word), Needle(name=f"terms of {name}", forms=ends, indexed=True)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Occurrence:
    """One place where a planted word stands, and what erases it there: turns, memories and pictures, by id."""

    where: str
    """`said`, `caption`, `speaker`, `receipt`, `memory`, `hand` or `error`."""
    owner: str
    """The turn or memory that holds it."""
    erased_by: frozenset[str]


def occurrences(
    word: str, turns: Iterable[Turn], commits: Iterable[Commit], versions: Iterable[Memory], errors: Iterable[str]
) -> Iterator[Occurrence]:
    """Where a word stands that somebody said; what a job made of it goes as its turns go."""
    versions = list(versions)
    rests_on = {memory.ref: frozenset((memory.id, *memory.evidence)) for memory in versions}
    fields = {(memory.kind, memory.key): memory.id for memory in versions if memory.key}
    for turn in turns:
        yield from _in_turn(word.casefold(), turn, rests_on)
    for commit in commits:
        if commit.source in (Source.PERSON, Source.CLIENT):
            yield from _in_commit(word.casefold(), commit, fields)
    if any(word in error for error in errors):
        yield Occurrence(where="error", owner="", erased_by=frozenset({ANY}))


def _in_turn(word: str, turn: Turn, rests_on: Mapping[str, frozenset[str]]) -> Iterator[Occurrence]:
    own = frozenset({turn.id})
    for message in turn.messages:
        if word in message.text.casefold():
            yield Occurrence(where="said", owner=turn.id, erased_by=own)
        if word in message.speaker.casefold():
            yield Occurrence(where="speaker", owner=turn.id, erased_by=own)
        for image in message.images:
            if word in image.caption.casefold():
                yield Occurrence(where="caption", owner=turn.id, erased_by=own | {image.digest})
    if word in json.dumps(dict(turn.receipt), ensure_ascii=False).casefold():
        read = frozenset().union(*(rests_on.get(name, frozenset({name})) for name in read_set(turn.receipt)))
        shown = {image.digest for image in turn.images}
        yield Occurrence(where="receipt", owner=turn.id, erased_by=own | read | shown)


def _in_commit(word: str, commit: Commit, fields: Mapping[tuple[Kind, str], str]) -> Iterator[Occurrence]:
    for place, operation in enumerate(commit.operations):
        if isinstance(operation, Add | Update) and word in searchable_in(operation).casefold():
            id = operation.id if isinstance(operation, Update) else memory_id(commit.id, place)
            where = "hand" if commit.source is Source.PERSON else "memory"
            field = fields.get((operation.kind, operation.key), id) if operation.kind is not None else id
            yield Occurrence(where=where, owner=id, erased_by=frozenset({id, field}))


def of_vectors(
    file: Path, messages: Collection[tuple[str, int]], memories: Iterable[str], others: bytes
) -> list[Needle]:
    """Runs of the vectors of messages (turn, place) and of their tokens, and of memories by their texts.

    Those that the vector of no other text has: of this user, or in the files of others.
    """
    db = sqlite3.connect(file)
    try:
        gone, kept = _vectors(db, frozenset(messages), {digest(text) for text in memories})
    finally:
        db.close()
    rest = b"\0\0".join([*kept, others])
    runs = {data[start : start + RUN]: name for name, data in gone for start in range(0, len(data) - RUN + 1, RUN)}
    return [Needle(name=name, forms=(run,)) for run, name in runs.items() if run not in rest]


def _vectors(
    db: sqlite3.Connection, messages: frozenset[tuple[str, int]], memories: Collection[bytes]
) -> tuple[list[tuple[str, bytes]], list[bytes]]:
    """(name, bytes) of what goes, and what stays."""
    gone: list[tuple[str, bytes]] = []
    kept: list[bytes] = []
    of_messages = "SELECT t.id, m.place, v.{} FROM {} v JOIN messages m ON m.row = v.row JOIN turns t ON t.row = m.turn"
    for table, column in (("message_vectors", "vector"), ("message_tokens", "vectors")):
        for id, place, data in db.execute(of_messages.format(column, table)):
            if (unpack(id), place) in messages:
                gone.append((f"{table} of {unpack(id)}", data))
            else:
                kept.append(data)
    for text, data in db.execute("SELECT digest, vector FROM memory_vectors"):
        if text in memories:
            gone.append(("vector of a memory", data))
        else:
            kept.append(data)
    return gone, kept


def of_picture(name: str, data: bytes) -> Needle:
    """A run from the middle of a picture's file."""
    middle = len(data) // 2
    return Needle(name=name, forms=(data[middle : middle + RUN],))


def found(needles: Iterable[Needle], folder: Path) -> list[str]:
    """Names of the needles that stand in any file of a folder, with the file's name."""
    files = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    return [
        f"{needle.name} in {path.suffix or 'media'}"
        for needle in needles
        for path, data in files.items()
        if any(form in data or form in path.name.encode() for form in needle.forms)
    ]


def unfound(needles: Iterable[Needle], folder: Path, file: Path) -> list[str]:
    """Needles that stand nowhere, or not in the word index where they should."""
    whole = b"\0\0".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())
    whole += b"\0\0".join(path.name.encode() for path in folder.rglob("*"))
    index = _index_bytes(file)
    return [
        needle.name
        for needle in needles
        if not any(form in (index if needle.indexed else whole) for form in needle.forms)
    ]


def names_that_stay(file: Path, names: Collection[str]) -> dict[str, int]:
    """In how many rows of which tables any of these ids stands."""
    if not names:
        return {}
    any_name = re.compile(rf"(?<!\w)(?:{'|'.join(map(re.escape, sorted(names)))})(?!\w)")
    db = sqlite3.connect(file)
    try:
        tables = ("turns", "commits", "versions", "points", "jobs", "tombstones", "unsettled", "sessions", "speakers")
        rows = {table: db.execute(f"SELECT * FROM {table}").fetchall() for table in tables}
    finally:
        db.close()
    standing = {table: sum(bool(any_name.search(repr(row))) for row in found) for table, found in rows.items()}
    return {table: count for table, count in standing.items() if count}


def _index_bytes(file: Path) -> bytes:
    db = sqlite3.connect(file)
    try:
        tables = [f"{index}_words_data" for index in Index]
        return b"\0\0".join(data for table in tables for (data,) in db.execute(f"SELECT block FROM {table}"))
    finally:
        db.close()
