"""Erasing: turns, memories and pictures with all that was made from them, in one step; then their bytes."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterable
from dataclasses import replace
from datetime import datetime
from functools import partial

from persona_graph.codec import commit_to_json
from persona_graph.conversation import Turn
from persona_graph.memory.erase import (
    Again,
    Consequences,
    Erase,
    Erased,
    came_back,
    consequences,
    shown_in,
    without_images,
)
from persona_graph.memory.sqlite import commits, journal, outbox, tombstones, versions, words
from persona_graph.memory.sqlite.text import dump, load, pack
from persona_graph.memory.sqlite.tombstones import OLD_BYTES
from persona_graph.memory.sqlite.user_file import UserFile, Writing
from persona_graph.memory.sqlite.words import Index
from persona_graph.memory.store import Reopen, Unsettled
from persona_graph.receipt import read_set, scrubbed

PATIENCE_S = 1.0
"""How long an erase waits for a reader elsewhere before it leaves the old bytes for later."""
BRIEF_S = 0.1
"""The same for each try after that: readers of ours are faster, and nobody shall wait for one that is not."""


def bury(file: UserFile, stones: frozenset[str], at: datetime, reopen: Reopen) -> Erased:
    """Set tombstones that another store has set, and erase what they stand for here."""
    with file.reading() as db:
        turns = journal.rows_of(db, stones).keys()
        memories = stones.intersection(memory.id for memory in versions.select(db, None, None, history=True))
        images = stones & journal.shown_images(db)
    what = Erase(turns=frozenset(turns), memories=memories, images=images)
    return erase(file, what, at, reopen, stones)


def erase(
    file: UserFile, what: Erase, at: datetime, reopen: Reopen, stones_elsewhere: frozenset[str] = frozenset()
) -> Erased:
    """Remove it from the truth, project what is left, open jobs anew, and note what is to be settled outside."""
    with file.writing() as write:
        before = versions.select(write.db, None, None, history=True)
        turns = _named(write.db, what)
        tombstones.put(write, stones_elsewhere, at)
        stones = tombstones.read(write.db, file.user)
        _take_out(write, what, turns)
        said = partial(_still_said, write.db)
        follows = consequences(what, turns.values(), commits.every(write.db), before, stones, said)
        _forget_commits(write, follows)
        _scrub_receipts(write, follows)
        tombstones.put(write, follows.tombstones.ids - stones.ids, at)
        for again in follows.again:
            _reopen(write, again, reopen)
        commits.project(write, file)
        after = versions.select(write.db, None, None, history=True)
        tombstones.leave(write, [OLD_BYTES, *follows.images])
        for index in Index:
            words.merge(write.db, index)
        outbox.mark(file, write.db)
    held = {memory.ref for memory in after}
    return Erased(
        turns=tuple(turn.id for turn in turns.values() if turn.id in what.turns),
        memories=tuple(memory.ref for memory in before if memory.ref not in held),
        back=came_back(before, after),
        again=follows.again,
        images=tuple(sorted(follows.images)),
        pending=not tombstones.drop_old_bytes(file, PATIENCE_S),
    )


def unsettled(file: UserFile) -> Unsettled:
    """What erases have left to do."""
    left = tombstones.unsettled(file.db)
    return Unsettled(images=left - {OLD_BYTES}, old_bytes=OLD_BYTES in left)


def settle(file: UserFile, images: Iterable[str]) -> bool:
    """Note that these pictures are removed, and try again to drop old bytes; whether all is done."""
    done = list(images)
    if done:
        with file.writing() as write:
            tombstones.done(write, done)
            tombstones.leave(write, [OLD_BYTES])  # the names of the pictures among them
    return tombstones.drop_old_bytes(file, BRIEF_S)


def _named(db: sqlite3.Connection, what: Erase) -> dict[int, Turn]:
    """Turns that go and turns that show a picture, by row and in order."""
    rows = sorted({*journal.rows_of(db, what.turns).values(), *journal.rows_with_images(db)})
    return dict(zip(rows, journal.turns_at(db, rows), strict=True))


def _still_said(db: sqlite3.Connection, terms: Collection[str]) -> frozenset[str]:
    """Which of these terms messages hold."""
    ordered = sorted(terms)
    counts = words.frequencies(db, Index.MESSAGES, ordered) if ordered else ()
    return frozenset(term for term, count in zip(ordered, counts, strict=True) if count)


def _take_out(write: Writing, what: Erase, turns: dict[int, Turn]) -> None:
    """Take turns and pictures out of the journal, and the turns out of the outbox."""
    gone = {row: turn for row, turn in turns.items() if turn.id in what.turns}
    changed = {r: t for r, t in turns.items() if r not in gone and not what.images.isdisjoint(shown_in([t]))}
    journal.take_out(write, sorted([*gone, *changed]))
    for row, turn in changed.items():
        # What the model said in its answer it may have said of the picture.
        bare = replace(without_images(turn, what.images), receipt=scrubbed(turn.receipt) if turn.receipt else {})
        journal.insert(write, journal.Prepared.of(bare), row)
    write.journal_removed = True
    journal.forget_names(write)
    outbox.drop_turns(write, {turn.id for turn in gone.values()})
    outbox.drop_errors(write)


def _forget_commits(write: Writing, follows: Consequences) -> None:
    gone = sorted(follows.reach.commits)
    write.db.executemany("DELETE FROM commits WHERE id = ?", [(pack(id),) for id in gone])
    for commit in follows.edited:
        write.db.execute("UPDATE commits SET body = ? WHERE id = ?", (dump(commit_to_json(commit)), pack(commit.id)))
    write.knowledge_removed = True


def _scrub_receipts(write: Writing, follows: Consequences) -> None:
    """Of answers that read what is erased, the receipt keeps ids and figures and loses what the model said."""
    query = "SELECT row, receipt FROM turns WHERE receipt <> '{}'"
    for row, text in write.db.execute(query).fetchall():
        receipt = load(text)
        if follows.reach.touches(read_set(receipt)):
            write.db.execute("UPDATE turns SET receipt = ? WHERE row = ?", (dump(scrubbed(receipt)), row))


def _reopen(write: Writing, again: Again, reopen: Reopen) -> None:
    newest = journal.newest(write.db, again.turns)
    job = reopen(again, newest) if newest is not None else None
    if job is not None:
        outbox.open_jobs(write, [job], job.turns, ())
        outbox.keep_place(write, job, again.place)
