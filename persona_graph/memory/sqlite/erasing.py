"""Erasing: turns, memories and pictures with all that was made from them, in one step; then their bytes."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from datetime import datetime

from persona_graph.codec import commit_to_json
from persona_graph.conversation import Turn
from persona_graph.memory.commit import Tombstones
from persona_graph.memory.erase import (
    Again,
    Consequences,
    Erase,
    Erased,
    came_back,
    consequences,
    rests_on,
    without_images,
)
from persona_graph.memory.sqlite import commits, journal, outbox, tombstones, versions, words
from persona_graph.memory.sqlite.codec import dump, load
from persona_graph.memory.sqlite.rows import pack
from persona_graph.memory.sqlite.user_file import UserFile, Writing
from persona_graph.memory.sqlite.words import Index
from persona_graph.memory.store import Reopen, Unsettled
from persona_graph.memory.types import Memory
from persona_graph.receipt import read_set, scrubbed

PATIENCE_S = 1.0
"""How long an erase waits for a reader elsewhere before it leaves the log for later."""


def erase(file: UserFile, what: Erase, at: datetime, reopen: Reopen) -> Erased:
    """Remove it from the truth, project what is left, open jobs anew, and note what is to be settled outside."""
    with file.writing() as write:
        before = versions.select(write.db, None, None, history=True)
        follows, shown, turns = _take_out(write, what, before)
        _forget_commits(write, follows)
        _scrub_receipts(write, what, follows)
        tombstones.put(write, Tombstones(user=file.user).of(what.ids, follows.said).ids, at)
        for again in follows.again:
            _reopen(write, again, reopen)
        commits.project(write, file)
        after = versions.select(write.db, None, None, history=True)
        images = sorted(shown - shown_images(write.db))
        tombstones.leave(write, [tombstones.OLD_BYTES, *images])
        for index in Index:
            words.merge(write.db, index)
        outbox.mark(file, write.db)
    held = {memory.ref for memory in after}
    return Erased(
        turns=turns,
        memories=tuple(memory.ref for memory in before if memory.ref not in held),
        back=came_back(before, after),
        again=follows.again,
        images=tuple(images),
        pending=not tombstones.drop_old_bytes(file, PATIENCE_S),
    )


def unsettled(file: UserFile) -> Unsettled:
    """What an erase has left to do; a picture that was sent again since then stays."""
    with file.reading() as db:
        left = tombstones.unsettled(db)
        if not left:
            return Unsettled()
        return Unsettled(images=left - {tombstones.OLD_BYTES} - shown_images(db), old_bytes=tombstones.OLD_BYTES in left)


def settle(file: UserFile, images: Iterable[str]) -> bool:
    """Note that these pictures are removed, and try again to drop old bytes; whether all is done."""
    done = list(images)
    left = tombstones.unsettled(file.db)
    if done or left - {tombstones.OLD_BYTES}:
        with file.writing() as write:
            tombstones.done(write, {*done, *(left & shown_images(write.db))})
    return not left or tombstones.drop_old_bytes(file, 0)


def _take_out(
    write: Writing, what: Erase, before: Sequence[Memory]
) -> tuple[Consequences, frozenset[str], tuple[str, ...]]:
    """Take turns and pictures out of the journal; what follows, which pictures were shown, which turns there were."""
    db, rows = write.db, journal.rows_of(write.db, what.turns)
    taken = journal.turns_at(db, sorted(rows.values()))
    changed = [(row, turn) for row, turn in _with_images(db) if row not in rows.values() and _shows(turn, what.images)]
    journal.take_out(write, sorted([*rows.values(), *(row for row, _ in changed)]))
    for row, turn in changed:
        journal.insert(write, journal.Prepared.of(without_images(turn, what.images)), row)
    write.journal_removed = True
    journal.forget_names(write)
    outbox.drop_turns(write, rows.keys())
    outbox.drop_errors(write)
    follows = consequences(what, [turn.id for _, turn in changed], commits.every(db), before)
    shown = what.images | {image.digest for turn in taken for image in turn.images if image.digest}
    return follows, shown, tuple(turn.id for turn in taken)


def _shows(turn: Turn, images: frozenset[str]) -> bool:
    return any(image.digest in images for image in turn.images)


def _with_images(db: sqlite3.Connection) -> list[tuple[int, Turn]]:
    """Turns that show a picture, by row."""
    rows = [row for (row,) in db.execute("SELECT DISTINCT turn FROM messages WHERE images > 0 ORDER BY turn")]
    return list(zip(rows, journal.turns_at(db, rows), strict=True))


def shown_images(db: sqlite3.Connection) -> frozenset[str]:
    """Digests of all pictures that turns show."""
    return frozenset(image.digest for _, turn in _with_images(db) for image in turn.images)


def _forget_commits(write: Writing, follows: Consequences) -> None:
    write.db.executemany("DELETE FROM commits WHERE id = ?", [(pack(id),) for id in sorted(follows.gone)])
    for commit in follows.edited:
        write.db.execute("UPDATE commits SET body = ? WHERE id = ?", (dump(commit_to_json(commit)), pack(commit.id)))
    write.knowledge_removed = True


def _scrub_receipts(write: Writing, what: Erase, follows: Consequences) -> None:
    """Of answers that read what is erased, the receipt keeps ids and figures and loses what the model said."""
    query = "SELECT row, receipt FROM turns WHERE receipt <> '{}'"
    for row, text in write.db.execute(query).fetchall():
        receipt = load(text)
        if rests_on(read_set(receipt), what, follows.gone):
            write.db.execute("UPDATE turns SET receipt = ? WHERE row = ?", (dump(scrubbed(receipt)), row))


def _reopen(write: Writing, again: Again, reopen: Reopen) -> None:
    turns = journal.turns_at(write.db, sorted(journal.rows_of(write.db, again.turns).values()))
    job = reopen(again, max(turn.at for turn in turns)) if turns else None
    if job is not None:
        outbox.open_jobs(write, [job], job.turns, ())
