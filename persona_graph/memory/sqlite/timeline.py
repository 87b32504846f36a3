"""The personality's timeline: a row for each observation, in the order of the turns observed."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from typing import Any

from persona_graph.codec import observation_from_json, observation_to_json
from persona_graph.memory.commit import Commit
from persona_graph.memory.row_ids import first_row, microseconds
from persona_graph.memory.sqlite import journal
from persona_graph.memory.sqlite.text import dump, load
from persona_graph.memory.sqlite.user_file import Writing
from persona_graph.personality import BigFive, NeutralPolicy, Observation, PersonalityPoint
from persona_graph.personality import timeline as fold

Placed = tuple[int, int, int, int, Observation]
"""Row of the turn, sequence of the commit, place in it, m, observation."""

_NEWEST_FIRST = "ORDER BY row DESC, sequence DESC, place DESC LIMIT 1"


def placed(db: sqlite3.Connection, commits: Iterable[Commit]) -> list[Placed]:
    """The observations of commits with their m, in order; one of no turn stands where its time puts it."""
    found: list[Placed] = []
    for commit in commits:
        rows = journal.rows_of(db, (observation.turn for observation in commit.observations))
        for place, seen in enumerate(commit.observations):
            row = rows.get(seen.turn, first_row(microseconds(seen.at)))
            found.append((row, commit.sequence, place, journal.ordinal(db, row), seen))
    return sorted(found, key=lambda entry: entry[:3])


def points_of(observed: Sequence[Placed], neutral: NeutralPolicy) -> tuple[PersonalityPoint, ...]:
    """The timeline that placed observations make."""
    return fold(((seen, m) for *_, m, seen in observed), neutral)


def observe(write: Writing, commit: Commit, neutral: NeutralPolicy) -> None:
    """Add a commit's observations: behind the last, or folded in where they belong."""
    new = placed(write.db, [commit])
    if not new:
        return
    newest = write.db.execute(
        "SELECT row, sequence, place, vector FROM points ORDER BY row DESC, sequence DESC, place DESC LIMIT 1"
    ).fetchone()
    late = newest is not None and newest[:3] > new[0][:3]
    start = BigFive(*load(newest[3])) if newest is not None and not late else None
    _insert(write.db, new, fold(((seen, m) for *_, m, seen in new), neutral, start))
    if late:
        refold(write.db, neutral, new[0][0])


def _insert(db: sqlite3.Connection, observed: Sequence[Placed], points: Iterable[PersonalityPoint]) -> None:
    db.executemany(
        "INSERT OR REPLACE INTO points VALUES (?, ?, ?, ?, ?, ?)",
        [
            (row, sequence, place, m, dump(point.vector.scores), dump(observation_to_json(seen)))
            for (row, sequence, place, m, seen), point in zip(observed, points, strict=True)
        ],
    )


def replace_all(write: Writing, commits: Iterable[Commit], neutral: NeutralPolicy) -> None:
    """Make the timeline anew from these commits."""
    write.db.execute("DELETE FROM points")
    observed = placed(write.db, commits)
    _insert(write.db, observed, points_of(observed, neutral))


def shift(write: Writing, row: int, neutral: NeutralPolicy) -> None:
    """A turn came to stand at `row`: where observed turns follow it, their m grows."""
    if write.db.execute("SELECT 1 FROM points WHERE row > ? LIMIT 1", (row,)).fetchone():
        refold(write.db, neutral, row)


def refold(db: sqlite3.Connection, neutral: NeutralPolicy, row: int) -> None:
    """Count and fold again all that stands at `row` or behind it."""
    before = db.execute(
        "SELECT vector FROM points WHERE row < ? ORDER BY row DESC, sequence DESC, place DESC LIMIT 1", (row,)
    ).fetchone()
    start = None if before is None else BigFive(*load(before[0]))
    held = db.execute(
        "SELECT row, sequence, place, body FROM points WHERE row >= ? ORDER BY row, sequence, place", (row,)
    ).fetchall()
    later: list[Placed] = [
        (at, sequence, place, journal.ordinal(db, at), observation_from_json(load(body)))
        for at, sequence, place, body in held
    ]
    _insert(db, later, fold(((seen, m) for *_, m, seen in later), neutral, start))


def read(db: sqlite3.Connection) -> list[PersonalityPoint]:
    """All points in order."""
    return [_point(row) for row in db.execute("SELECT m, vector, body FROM points ORDER BY row, sequence, place")]


def newest(db: sqlite3.Connection) -> PersonalityPoint | None:
    """The last point."""
    row = db.execute(f"SELECT m, vector, body FROM points {_NEWEST_FIRST}").fetchone()
    return None if row is None else _point(row)


def _point(row: tuple[Any, ...]) -> PersonalityPoint:
    m, vector, body = row
    return PersonalityPoint(observation=observation_from_json(load(body)), m=m, vector=BigFive(*load(vector)))
