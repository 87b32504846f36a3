"""`UserFile`: one user's open database with its caches; used by one thread at a time."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from persona_graph.errors import ForeignStore, StoreBusy, StoreError
from persona_graph.memory.sqlite import migrations, opening, schema
from persona_graph.memory.sqlite.columns import Columns
from persona_graph.memory.sqlite.markers import Markers
from persona_graph.memory.sqlite.opening import NO_FILE, Removed
from persona_graph.memory.sqlite.text import unpack
from persona_graph.memory.sqlite.tokens import TokenCache
from persona_graph.memory.types import Memory
from persona_graph.personality import NeutralPolicy


@dataclass(slots=True)
class Writing:
    """One write transaction."""

    db: sqlite3.Connection
    clock: int
    """Its number: what it writes carries it."""
    journal_removed: bool = False
    """Rows of messages are gone: caches have to be read anew."""
    knowledge_removed: bool = False
    """Versions of memories are gone."""


@dataclass(slots=True)
class Undone:
    """The commits that an undo names, among those up to a sequence."""

    epoch: int = -1
    """What was read counts until commits are removed."""
    until: int = -1
    names: set[str] = field(default_factory=set)


class UserFile:
    """An open file. Reads see one snapshot; writes take their turn with other processes."""

    def __init__(self, path: Path, user: str, markers: Markers, neutral: NeutralPolicy, *, create: bool = True) -> None:
        self.path, self.user, self.markers, self.neutral = path, user, markers, neutral
        self.messages = Columns()
        """Columns of all messages, by row."""
        self.tokens = TokenCache()
        """Token vectors of messages, by row."""
        self.memories = Columns()
        """Columns of all versions of memories, by number."""
        self.held: list[Memory] = []
        """The versions themselves, beside the columns."""
        self.undone = Undone()
        self.by_digest: dict[bytes, list[int]] = {}
        """Which of them have the text that a vector belongs to."""
        # Every process-wide lock is ours: lanes let one thread in at a time, not always the same one.
        self.inode = NO_FILE
        self.db, ready = opening.opened(path, self._look, create=create)
        try:
            self._open(ready)
        except BaseException:
            self.close()
            raise

    def _look(self, db: sqlite3.Connection) -> bool:
        """Whether the file has its tables; its log is open after that, which a removal must not come before."""
        self.inode = opening.inode(self.path)
        with opening.snapshot(db):
            if schema.is_ready(db, self.path.name):
                return True
        db.execute("PRAGMA journal_mode = WAL")
        with opening.snapshot(db):
            return schema.is_ready(db, self.path.name)

    def _open(self, ready: bool) -> None:
        if ready:
            migrations.drop_copy(self.path)
        else:
            migrations.prepare(self.db, self.user, self.path)
        self.db.execute("PRAGMA synchronous = FULL")
        self.db.execute("PRAGMA secure_delete = ON")
        held, analysis = self.db.execute("SELECT user, analysis FROM state").fetchone()
        if unpack(held) != self.user:
            raise ForeignStore(f"{self.path.name} belongs to another user; it is left untouched")
        self.outdated = analysis != schema.analysis()
        """Whether its projections are of another analysis, or of an older version of the file."""

    @property
    def stale(self) -> bool:
        """Whether the file at this path is no longer the one that is open (removed, or restored from a backup)."""
        return opening.inode(self.path) != self.inode

    @property
    def cached_bytes(self) -> int:
        """Memory that the caches take, nearly."""
        return self.messages.nbytes + self.memories.nbytes + self.tokens.nbytes

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """One snapshot for several queries; kept short, so that an erase is not held up."""
        with opening.snapshot(self.db):
            yield self.db

    @contextmanager
    def writing(self) -> Iterator[Writing]:
        """One durable step, or none; waits for other writers. Raises: Removed."""
        self.db.execute("BEGIN IMMEDIATE")
        try:
            self._refuse_removed()
            clock, version = self.db.execute("SELECT clock, user_version FROM state, pragma_user_version").fetchone()
            if version != schema.VERSION:
                raise StoreError(f"{self.path.name} was brought to a newer version meanwhile; start this program again")
            write = Writing(db=self.db, clock=clock + 1)
            yield write
            self.db.execute(
                "UPDATE state SET clock = ?1, journal_epoch = iif(?2, ?1, journal_epoch),"
                " knowledge_epoch = iif(?3, ?1, knowledge_epoch)",
                (write.clock, write.journal_removed, write.knowledge_removed),
            )
            self.db.execute("COMMIT")
        except BaseException:
            opening.roll_back(self.db)
            raise

    @contextmanager
    def locked(self) -> Iterator[sqlite3.Connection]:
        """The write lock without a change of the file. Raises: Removed."""
        self.db.execute("BEGIN IMMEDIATE")
        try:
            self._refuse_removed()
            yield self.db
        finally:
            opening.roll_back(self.db)

    def _refuse_removed(self) -> None:
        # What is written to a file that nobody finds any more is lost, though it was acknowledged.
        if self.stale:
            raise Removed(self.path.name)

    def scrub(self, patience_s: float) -> bool:
        """Drop the bytes of what was removed from the file and its log; False while a reader elsewhere keeps them."""
        self.db.execute(f"PRAGMA busy_timeout = {int(1000 * patience_s)}")
        try:
            if not self._empty_log():
                return False
            # `secure_delete` overwrites a row where it is; where it was before its page was split, it stays in the gap.
            self.db.execute("VACUUM")
            return self._empty_log()
        finally:
            self.db.execute(f"PRAGMA busy_timeout = {int(1000 * opening.PATIENCE_S)}")

    def _empty_log(self) -> bool:
        busy, *_ = self.db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        return not busy

    def close(self) -> None:
        """Let go of the file."""
        opening.close(self.db, self.path)


def told(error: Exception, name: str) -> StoreError:
    """What an error of SQLite or of the file system means to a caller."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if opening.is_busy(error):
        return StoreBusy(f"{name} was locked by another process for {opening.PATIENCE_S:.0f} seconds; try again")
    if code in (sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT):
        return ForeignStore(f"{name} is no SQLite file or is damaged; it is left untouched, restore it from a backup")
    if code == sqlite3.SQLITE_FULL:
        return StoreError(f"the disk is full; nothing was written to {name}")
    return StoreError(f"{name} could not be read or written: {error}")
