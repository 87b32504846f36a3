"""Commits: appended once, projected in the same transaction; undo and `as_of` are the same fold over fewer."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterable
from dataclasses import replace
from datetime import datetime

from persona_graph.codec import commit_from_json, commit_to_json
from persona_graph.errors import NotFound
from persona_graph.memory.commit import Commit, fold, undone
from persona_graph.memory.operations import Undo
from persona_graph.memory.sqlite import journal, outbox, timeline, versions, words
from persona_graph.memory.sqlite.codec import dump, load
from persona_graph.memory.sqlite.rows import microseconds, pack
from persona_graph.memory.sqlite.user_file import UserFile, Writing
from persona_graph.memory.sqlite.words import Index
from persona_graph.memory.store import OpenJob, Standing
from persona_graph.memory.types import Memory
from persona_graph.personality import PersonalityPoint


def put(file: UserFile, commit: Commit, job: OpenJob | None) -> Commit:
    """Append, project and finish the job in one step; what is held under this id stays as it is."""
    with file.writing() as write:
        stored = _held(write.db, commit.id)
        if stored is None:
            stored = _append(write, file, commit)
        if job is not None:
            outbox.finish(write, file, job)
        return stored


def _held(db: sqlite3.Connection, commit: str) -> Commit | None:
    row = db.execute("SELECT body, sequence FROM commits WHERE id = ?", (pack(commit),)).fetchone()
    return None if row is None else replace(commit_from_json(load(row[0])), sequence=row[1])


def _append(write: Writing, file: UserFile, commit: Commit) -> Commit:
    gone = set(commit.evidence) - journal.rows_of(write.db, commit.evidence).keys()
    if gone:
        raise NotFound(f"the commit rests on turns that do not exist: {', '.join(sorted(gone))}")
    body = dump(commit_to_json(commit))
    sequence = write.db.execute(
        "INSERT INTO commits (id, at, body) VALUES (?, ?, ?)", (pack(commit.id), microseconds(commit.at), body)
    ).lastrowid
    stored = replace(commit_from_json(load(body)), sequence=sequence or 0)
    if any(isinstance(operation, Undo) for operation in stored.operations):
        project(write, file)
        return stored
    knowledge = versions.touched(write.db, stored)
    versions.put(write, knowledge.apply(stored))
    versions.put_frozen(write.db, knowledge.frozen)
    timeline.observe(write, stored, file.neutral)
    return stored


def every(db: sqlite3.Connection, as_of: datetime | None = None) -> list[Commit]:
    """All commits in order, or those of a moment and before."""
    query = "SELECT body, sequence FROM commits WHERE at <= ? ORDER BY sequence"
    until = microseconds(as_of) if as_of is not None else 2**62
    return [replace(commit_from_json(load(body)), sequence=sequence) for body, sequence in db.execute(query, (until,))]


def project(write: Writing, file: UserFile) -> None:
    """Fold all commits again and replace the projections."""
    commits = every(write.db)
    knowledge, gone = fold(commits), undone(commits)
    versions.replace_all(write, (memory for held in knowledge.versions.values() for memory in held))
    versions.put_frozen(write.db, knowledge.frozen)
    timeline.replace_all(write, (commit for commit in commits if commit.id not in gone), file.neutral)


def rebuild(file: UserFile) -> None:
    """Replace every projection."""
    with file.writing() as write:
        project(write, file)


def memories(
    file: UserFile, ids: Collection[str] | None, kinds: Collection[str] | None, *, history: bool, as_of: datetime | None
) -> list[Memory]:
    """Current versions or all of them; with `as_of` as they were held then."""
    with file.reading() as db:
        if as_of is None:
            return versions.select(
                db, None if ids is None else list(ids), None if kinds is None else list(kinds), history=history
            )
        return [
            memory
            for memory in held_at(db, as_of, history=history)
            if (ids is None or memory.id in ids) and (kinds is None or memory.kind in kinds)
        ]


def held_at(db: sqlite3.Connection, as_of: datetime, *, history: bool = False) -> list[Memory]:
    """What was held at a moment, oldest first: the fold of the commits until then."""
    knowledge = fold(every(db, as_of))
    found = (memory for held in knowledge.versions.values() for memory in held if history or memory.current)
    return sorted(found, key=versions.age)


def standing(file: UserFile) -> Standing:
    """The last point of the timeline and what is frozen."""
    with file.reading() as db:
        return Standing(point=timeline.newest(db), frozen=versions.frozen(db))


def personality(file: UserFile, as_of: datetime | None) -> list[PersonalityPoint]:
    """The timeline, or what it was at a moment."""
    with file.reading() as db:
        if as_of is None:
            return timeline.read(db)
        commits = every(db, as_of)
        gone = undone(commits)
        kept = timeline.placed(db, (commit for commit in commits if commit.id not in gone))
        return list(timeline.points_of(kept, file.neutral))


def remove_turns(file: UserFile, ids: Iterable[str]) -> None:
    """Remove turns with all that rests on them, then their bytes."""
    with file.writing() as write:
        found = journal.rows_of(write.db, ids)
        if not found:
            return
        journal.take_out(write, sorted(found.values()))
        journal.forget_names(write)
        outbox.drop_turns(write, found.keys())
        gone = [c.sequence for c in every(write.db) if rests_on(c, found.keys())]
        write.db.executemany("DELETE FROM commits WHERE sequence = ?", [(sequence,) for sequence in gone])
        write.journal_removed = write.knowledge_removed = True
        project(write, file)
        for index in Index:
            words.merge(write.db, index)
    file.scrub()


def rests_on(commit: Commit, turns: Collection[str]) -> bool:
    """Whether a commit was made from one of these turns, or with one of them in its prompt."""
    named = {*commit.evidence, *commit.read, *(observation.turn for observation in commit.observations)}
    for operation in commit.operations:
        named.update(getattr(operation, "evidence", ()))
    return not named.isdisjoint(turns)
