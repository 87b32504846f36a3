"""Appending: turns, the jobs they open and the marker, in one durable step."""

from __future__ import annotations

from collections.abc import Sequence

from persona_graph.conversation import Turn
from persona_graph.memory.sqlite import commits, journal, outbox, timeline
from persona_graph.memory.sqlite.user_file import UserFile
from persona_graph.memory.store import OpenJob


def append(file: UserFile, turns: Sequence[Turn], jobs: Sequence[OpenJob]) -> tuple[str, ...]:
    """Write what is new; ids of the turns written."""
    prepared = [journal.Prepared.of(turn) for turn in turns]  # the slow part, before the lock
    with file.writing() as write:
        rows = {one.turn.id: row for one in prepared if (row := journal.put(write, one)) is not None}
        if write.journal_removed:
            commits.project(write, file)
        elif rows:
            timeline.shift(write, min(rows.values()), file.neutral)
        passed_over = {turn.id for turn in turns} - rows.keys()
        outbox.open_jobs(write, jobs, rows.keys(), passed_over)
        if jobs:
            outbox.mark(file, write.db)
        return tuple(rows)
