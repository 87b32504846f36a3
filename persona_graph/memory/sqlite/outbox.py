"""The outbox: open jobs of one user, claimed one at a time and in order."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from persona_graph.memory.open_job import UNTOLD, OpenJob
from persona_graph.memory.row_ids import BEGINNING, microseconds, moment
from persona_graph.memory.sqlite import journal
from persona_graph.memory.sqlite.text import dump, load, pack, unpack
from persona_graph.memory.sqlite.user_file import UserFile, Writing
from persona_graph.memory.store import LONGEST_WAIT

_JOB = "id, name, turns, at, rank, not_before, attempts, parked, error, claimed_until, claimed_by"
# Updated in place: among jobs of one moment the row id keeps the order in which they were opened.
_ANEW = ", ".join(f"{name} = excluded.{name}" for name in _JOB.split(", ")[1:])


def open_jobs(write: Writing, jobs: Sequence[OpenJob], written: Collection[str], passed_over: Collection[str]) -> None:
    """Write the jobs of an append. Turns that were passed over have had their jobs when they came."""
    for job in jobs:
        turns = tuple(turn for turn in job.turns if turn not in passed_over)
        if not job.turns or any(turn in written for turn in turns):
            _open(write.db, replace(job, turns=turns))


def _open(db: sqlite3.Connection, job: OpenJob) -> None:
    held = _held(db, job.id)
    if held is not None:
        added = tuple(turn for turn in job.turns if turn not in held.turns)
        at = max(held.at, job.at) if added else held.at
        _put(db, replace(held, turns=held.turns + added, at=at, not_before=job.not_before))
    elif job.turns:
        _put(db, job)


def _put(db: sqlite3.Connection, job: OpenJob) -> None:
    db.execute(
        f"INSERT INTO jobs ({_JOB}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET {_ANEW}",
        (
            pack(job.id),
            pack(job.name),
            dump(job.turns),
            microseconds(job.at),
            job.rank,
            microseconds(job.not_before),
            job.attempts,
            job.parked,
            pack(job.error),
            None if job.claimed_until is None else microseconds(job.claimed_until),
            pack(job.claimed_by),
        ),
    )


def _job(row: tuple[Any, ...]) -> OpenJob:
    return OpenJob(
        id=unpack(row[0]),
        name=unpack(row[1]),
        turns=tuple(load(row[2])),
        at=moment(row[3]),
        rank=row[4],
        not_before=moment(row[5]),
        attempts=row[6],
        parked=bool(row[7]),
        error=unpack(row[8]),
        claimed_until=None if row[9] is None else moment(row[9]),
        claimed_by=unpack(row[10]),
    )


def _held(db: sqlite3.Connection, job: str) -> OpenJob | None:
    row = db.execute(f"SELECT {_JOB} FROM jobs WHERE id = ?", (pack(job),)).fetchone()
    return None if row is None else _job(row)


def every(db: sqlite3.Connection) -> list[OpenJob]:
    """All open jobs in the order in which they run."""
    return [_job(row) for row in db.execute(f"SELECT {_JOB} FROM jobs ORDER BY at, rank, rowid")]


def claim(file: UserFile, worker: str, now: datetime, until: datetime) -> OpenJob | None:
    """Take the next due job."""
    with file.reading() as db:
        if _next(db, now) is None:
            return None
    with file.writing() as write:
        job = _next(write.db, now)
        if job is None:
            return None
        error = "" if job.error == UNTOLD else job.error
        job = replace(job, claimed_until=until, claimed_by=worker, error=error)
        _put(write.db, job)
        return job


def _next(db: sqlite3.Connection, now: datetime) -> OpenJob | None:
    ahead = now + LONGEST_WAIT
    claimed = "SELECT 1 FROM jobs WHERE claimed_until > ? AND claimed_until <= ? LIMIT 1"
    if db.execute(claimed, (microseconds(now), microseconds(ahead))).fetchone():
        return None
    for row in db.execute(f"SELECT {_JOB} FROM jobs WHERE NOT parked ORDER BY at, rank, rowid"):
        job = _job(row)
        if not now < job.not_before <= ahead:
            return job
        if job.attempts:
            return None  # its retry comes first
    return None


def renew(file: UserFile, job: OpenJob, until: datetime) -> None:
    """Hold a job longer, if it is still held by the same worker."""
    with file.writing() as write:
        write.db.execute(
            "UPDATE jobs SET claimed_until = ? WHERE id = ? AND claimed_by = ?",
            (microseconds(until), pack(job.id), pack(job.claimed_by)),
        )


def reschedule(file: UserFile, job: OpenJob) -> None:
    """Give a job back."""
    with file.writing() as write:
        held = _held(write.db, job.id)
        if held is not None:
            untold = held.claimed_by and held.error == UNTOLD
            error = UNTOLD if untold and job.error else job.error
            given = replace(job, turns=held.turns, at=held.at, claimed_until=None, claimed_by="", error=error)
            _put(write.db, given)
            mark(file, write.db)


def finish(write: Writing, file: UserFile, job: OpenJob) -> None:
    """Take the job's turns off; what joined it meanwhile stays open."""
    held = _held(write.db, job.id)
    if held is None:
        return
    left = tuple(turn for turn in held.turns if turn not in job.turns)
    if left:
        _put(write.db, replace(held, turns=left, attempts=0, parked=False, error="", claimed_until=None, claimed_by=""))
        mark(file, write.db)
    else:
        write.db.execute("DELETE FROM jobs WHERE id = ?", (pack(job.id),))
        write.db.execute("DELETE FROM reopened WHERE job = ?", (pack(job.id),))


def keep_place(write: Writing, job: OpenJob, sequence: int) -> None:
    """Have the commit of a job stand where the one stood that an erase took."""
    write.db.execute("INSERT OR REPLACE INTO reopened VALUES (?, ?)", (pack(job.id), sequence))


def place_of(db: sqlite3.Connection, job: OpenJob) -> int | None:
    """Where the commit of a job is to stand; None for the end."""
    row = db.execute("SELECT sequence FROM reopened WHERE job = ?", (pack(job.id),)).fetchone()
    return None if row is None else int(row[0])


def finish_alone(file: UserFile, job: OpenJob) -> None:
    """Finish a job that leaves no commit."""
    with file.writing() as write:
        finish(write, file, job)


def drop_turns(write: Writing, ids: Collection[str]) -> None:
    """Take removed turns off all jobs, which then stand at the time of the latest that is left to them."""
    for job in every(write.db):
        left = tuple(turn for turn in job.turns if turn not in ids)
        if not left:
            write.db.execute("DELETE FROM jobs WHERE id = ?", (pack(job.id),))
        elif len(left) < len(job.turns):
            _put(write.db, replace(job, turns=left, at=journal.newest(write.db, left) or job.at))


def drop_errors(write: Writing) -> None:
    """Drop the errors of jobs, that of one at work too: they may quote what a model made of what is erased."""
    write.db.execute("UPDATE jobs SET error = ? WHERE error <> '' OR claimed_by <> ''", (UNTOLD,))


def next_due(db: sqlite3.Connection) -> int | None:
    """When the next job can be claimed, as far as can be known now; None when all are parked or done."""
    if db.execute("SELECT 1 FROM unsettled LIMIT 1").fetchone():
        return BEGINNING
    retry = db.execute(
        "SELECT at, rank, rowid, not_before FROM jobs WHERE attempts AND NOT parked ORDER BY at, rank, rowid LIMIT 1"
    ).fetchone()
    if retry is None:
        (due,) = db.execute("SELECT min(not_before) FROM jobs WHERE NOT parked").fetchone()
    else:  # those after it wait for its retry
        (due,) = db.execute(
            "SELECT min(not_before) FROM jobs WHERE NOT parked AND (at, rank, rowid) <= (?, ?, ?)", retry[:3]
        ).fetchone()
    (claimed,) = db.execute("SELECT max(claimed_until) FROM jobs WHERE claimed_until IS NOT NULL").fetchone()
    return None if due is None else max(int(due), BEGINNING if claimed is None else int(claimed))


def mark(file: UserFile, db: sqlite3.Connection) -> None:
    """Have a marker no later than the next due job; under the write lock."""
    due = next_due(db)
    if due is not None:
        file.markers.make_due(file.path.stem, file.user, due)


def rest(file: UserFile, *, keep: bool) -> bool:
    """Put the marker off to the next due job, or lift it; always True."""
    with file.locked() as db:
        if keep:
            file.markers.make_due(file.path.stem, file.user, BEGINNING)
        else:
            file.markers.put_off(file.path.stem, file.user, next_due(db))
    return True
