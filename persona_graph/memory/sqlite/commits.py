"""Commits: appended once, projected in the same transaction; undo and `as_of` are the same fold over fewer."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterable
from dataclasses import replace
from datetime import datetime

from persona_graph.codec import commit_from_json, commit_to_json
from persona_graph.errors import NotFound, Outdated
from persona_graph.memory.commit import Commit, effective, fold
from persona_graph.memory.erase import without_erased
from persona_graph.memory.open_job import OpenJob
from persona_graph.memory.operations import Undo
from persona_graph.memory.row_ids import microseconds
from persona_graph.memory.sqlite import journal, outbox, schema, timeline, tombstones, versions, words
from persona_graph.memory.sqlite.text import dump, load, pack, unpack
from persona_graph.memory.sqlite.user_file import Undone, UserFile, Writing
from persona_graph.memory.store import Standing
from persona_graph.memory.types import Memory, age
from persona_graph.personality import PersonalityPoint


def put(file: UserFile, commit: Commit, job: OpenJob | None) -> Commit:
    """Append, project and finish the job in one step; what is held under this id stays as it is."""
    with file.writing() as write:
        stored = _held(write.db, commit.id)
        if stored is None:
            place = None if job is None else outbox.place_of(write.db, job)
            stored = _append(write, file, commit, place)
        if job is not None:
            outbox.finish(write, file, job)
        return stored


def _held(db: sqlite3.Connection, commit: str) -> Commit | None:
    row = db.execute("SELECT body, sequence FROM commits WHERE id = ?", (pack(commit),)).fetchone()
    return None if row is None else replace(commit_from_json(load(row[0])), sequence=row[1])


def _append(write: Writing, file: UserFile, commit: Commit, place: int | None) -> Commit:
    """Append a commit; work that an erase had done again goes to its old place, before what the person did since."""
    _refuse_erased(write.db, commit)
    stones = tombstones.read(write.db, file.user)
    body = dump(commit_to_json(without_erased(commit, stones)))
    if place is not None and write.db.execute("SELECT 1 FROM commits WHERE sequence = ?", (place,)).fetchone():
        place = None
    sequence = write.db.execute(
        "INSERT INTO commits (sequence, id, at, body) VALUES (?, ?, ?, ?)",
        (place, pack(commit.id), microseconds(commit.at), body),
    ).lastrowid
    stored = replace(commit_from_json(load(body)), sequence=sequence or 0)
    undoes = any(isinstance(operation, Undo) for operation in stored.operations)
    if place is not None or undoes or _undone_before(file, write.db, stored):
        project(write, file)
        return stored
    knowledge = versions.touched(write.db, stored, stones)
    versions.put(write, knowledge.apply(stored))
    versions.put_held(write.db, knowledge)
    timeline.observe(write, stored, file.neutral)
    return stored


def _refuse_erased(db: sqlite3.Connection, commit: Commit) -> None:
    """Refuse a commit made from what is gone.

    Raises: NotFound when nothing of its evidence is left; Outdated when something of it, or of what was read, is not.
    """
    gone = set(commit.evidence) - journal.rows_of(db, commit.evidence).keys()
    if gone and (len(gone) == len(set(commit.evidence)) or gone - tombstones.stands(db, gone)):
        raise NotFound(f"the commit rests on turns that do not exist: {', '.join(sorted(gone))}")
    if gone or tombstones.read_erased(db, commit.read):
        raise Outdated("what this was worked from has been erased in the meantime; it is to be done again")


def _undone_before(file: UserFile, db: sqlite3.Connection, commit: Commit) -> bool:
    """Whether an undo names it: its job ran again over the same turns."""
    (epoch,) = db.execute("SELECT knowledge_epoch FROM state").fetchone()
    known = file.undone if file.undone.epoch == epoch else Undone(epoch=epoch)
    # Each commit is looked at once, not at every commit; what this transaction writes, when it is there to stay.
    query = "SELECT sequence, body FROM commits WHERE sequence > ? AND sequence < ? ORDER BY sequence"
    for sequence, body in db.execute(query, (known.until, commit.sequence)).fetchall():
        known.until = sequence
        if '"do":"undo"' in unpack(body):
            known.names |= {o.commit for o in commit_from_json(load(body)).operations if isinstance(o, Undo)}
    file.undone = known
    return commit.id in known.names


def every(db: sqlite3.Connection, as_of: datetime | None = None) -> list[Commit]:
    """All commits in order, or those of a moment and before."""
    query = "SELECT body, sequence FROM commits WHERE at <= ? ORDER BY sequence"
    until = microseconds(as_of) if as_of is not None else 2**62
    return [replace(commit_from_json(load(body)), sequence=sequence) for body, sequence in db.execute(query, (until,))]


def project(write: Writing, file: UserFile) -> None:
    """Fold all commits again and replace the projections."""
    commits = every(write.db)
    knowledge = fold(commits, tombstones=tombstones.read(write.db, file.user))
    versions.replace_all(write, (memory for held in knowledge.versions.values() for memory in held))
    versions.put_held(write.db, knowledge)
    timeline.replace_all(write, effective(commits), file.neutral)


def renew(file: UserFile) -> None:
    """Index every text and make every projection anew, as when the analysis or the version of the file has changed."""
    with file.writing() as write:
        words.index_anew(write.db)
        project(write, file)
        write.db.execute("UPDATE state SET analysis = ?", (schema.analysis(),))
    file.outdated = False


def memories(
    file: UserFile,
    ids: Collection[str] | None,
    kinds: Collection[str] | None,
    *,
    history: bool,
    off: bool,
    as_of: datetime | None,
) -> list[Memory]:
    """Current versions or all of them; with `as_of` as they were held then."""
    with file.reading() as db:
        if as_of is None:
            found = versions.select(
                db, None if ids is None else list(ids), None if kinds is None else list(kinds), history=history
            )
            hidden = {memory.id for memory in found if memory.off}
        else:
            found = [
                memory
                for memory in held_at(file, as_of, history=history)
                if (ids is None or memory.id in ids) and (kinds is None or memory.kind in kinds)
            ]
            # What is switched off today is so for every day.
            hidden = {m.id for m in versions.select(db, None, None, history=False) if m.off} if not off else set()
        return found if off else [memory for memory in found if memory.id not in hidden and not memory.off]


def held_at(file: UserFile, as_of: datetime, *, history: bool = False) -> list[Memory]:
    """What was held at a moment, oldest first: the fold of the commits until then."""
    knowledge = fold(every(file.db, as_of), tombstones=tombstones.read(file.db, file.user))
    found = (memory for held in knowledge.versions.values() for memory in held if history or memory.current)
    return sorted(found, key=age)


def standing(file: UserFile, as_of: datetime | None) -> Standing:
    """The last point of the timeline, what the person holds and what is switched off; or all that at a moment."""
    with file.reading() as db:
        if as_of is None:
            off = frozenset(versions.switched_off(db))
            return Standing(point=timeline.newest(db), frozen=versions.frozen(db), off=off)
        commits = every(db, as_of)
        knowledge, points = fold(commits), _points(file, commits)
        last = points[-1] if points else None
        return Standing(point=last, frozen=knowledge.frozen, off=frozenset(knowledge.off))


def personality(file: UserFile, as_of: datetime | None) -> list[PersonalityPoint]:
    """The timeline, or what it was at a moment."""
    with file.reading() as db:
        if as_of is None:
            return timeline.read(db)
        return _points(file, every(db, as_of))


def _points(file: UserFile, commits: Iterable[Commit]) -> list[PersonalityPoint]:
    return list(timeline.points_of(timeline.placed(file.db, effective(commits)), file.neutral))
