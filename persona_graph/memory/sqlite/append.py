"""Appending: turns, the jobs they open and the marker, in one durable step."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from persona_graph.conversation import Turn
from persona_graph.memory.erase import picture, shown_in
from persona_graph.memory.open_job import OpenJob
from persona_graph.memory.sqlite import commits, journal, outbox, timeline, tombstones
from persona_graph.memory.sqlite.user_file import UserFile, Writing


def append(file: UserFile, turns: Sequence[Turn], jobs: Sequence[OpenJob]) -> tuple[str, ...]:
    """Write what is new; ids of the turns written."""
    prepared = [journal.Prepared.of(turn) for turn in turns]  # the slow part, before the lock
    with file.writing() as write:
        rows = {one.turn.id: row for one in prepared if (row := journal.put(write, one)) is not None}
        if write.journal_removed:
            commits.project(write, file)
        elif rows:
            timeline.shift(write, min(rows.values()), file.neutral)
        passed_over = [turn for turn in turns if turn.id not in rows]
        outbox.open_jobs(write, jobs, rows.keys(), {turn.id for turn in passed_over})
        unwanted = _unwanted(write, passed_over)
        tombstones.leave(write, unwanted)
        if jobs or unwanted:
            outbox.mark(file, write.db)
        return tuple(rows)


def _unwanted(write: Writing, passed_over: Iterable[Turn]) -> frozenset[str]:
    """Pictures that came to the media again with turns in which they were erased."""
    pictures = [(turn.id, digest) for turn in passed_over for digest in shown_in([turn])]
    names = {name for turn, digest in pictures for name in (turn, picture(turn, digest))}
    gone = tombstones.stands(write.db, names)
    unwanted = frozenset(digest for turn, digest in pictures if turn in gone or picture(turn, digest) in gone)
    return unwanted - journal.shown_images(write.db) if unwanted else unwanted
