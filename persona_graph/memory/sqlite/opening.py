"""Opening and closing a user's file so that nobody removes one in the middle of it.

SQLite opens a database, its log and the log's index by name, one after the other, and drops the log by name as it
closes. Whoever does that while another process removes the user takes up the log of a file that is gone, or of the
next one: it reads half a database, leaves a log behind that no file goes with, or takes away what another has just
written. So opening and closing hold a lock on the folder together, removing holds it alone, and none of them holds it
for longer than a step takes: what is locked by others is waited for outside.
"""

from __future__ import annotations

import os
import sqlite3
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TypeVar

from persona_graph.errors import StoreBusy

if sys.platform != "win32":
    import fcntl

T = TypeVar("T")

NO_FILE = (0, 0)
PATIENCE_S = 5.0
"""How long one waits for another process."""
BREATH_S = 0.001


class Removed(Exception):
    """The user was removed while one waited for the file; the user's next file, if there is one, is another."""


def opened(path: Path, first: Callable[[sqlite3.Connection], T], *, create: bool) -> tuple[sqlite3.Connection, T]:
    """A connection, and what is done first with it: a read at least, with which SQLite opens the log.

    Raises: Removed when there is no file, and none is to be made.
    """
    until = time.monotonic() + PATIENCE_S
    while True:
        try:
            with passing(path.parent):
                if not create and not path.exists():
                    raise Removed(path.name)
                return _connected(path, first, create=create)
        except sqlite3.OperationalError as error:
            if not is_busy(error) or time.monotonic() > until:
                raise
        time.sleep(BREATH_S)


def _connected(path: Path, first: Callable[[sqlite3.Connection], T], *, create: bool) -> tuple[sqlite3.Connection, T]:
    db = sqlite3.connect(
        f"{path.absolute().as_uri()}?mode={'rwc' if create else 'rw'}",
        uri=True,
        timeout=0,
        isolation_level=None,
        check_same_thread=False,
        cached_statements=256,
    )
    try:
        done = first(db)
        db.execute(f"PRAGMA busy_timeout = {int(1000 * PATIENCE_S)}")
    except BaseException:
        db.close()
        raise
    return db, done


def close(db: sqlite3.Connection, path: Path) -> None:
    """Close a connection; the last one of a file takes the log into it."""
    with suppress(StoreBusy, FileNotFoundError), passing(path.parent):
        db.close()
    db.close()  # also where the folder is gone, or somebody hangs who removes from it


@contextmanager
def snapshot(db: sqlite3.Connection) -> Iterator[None]:
    """One state of the database for several queries."""
    db.execute("BEGIN")
    try:
        yield
    finally:
        roll_back(db)


def roll_back(db: sqlite3.Connection) -> None:
    """End a transaction, if an error of the disk has not ended it."""
    if db.in_transaction:
        db.execute("ROLLBACK")


def is_busy(error: Exception) -> bool:
    """Whether another process has it locked."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


def inode(path: Path) -> tuple[int, int]:
    """What tells a file from a later one of the same name, as long as it is open."""
    try:
        found = os.stat(path)
    except FileNotFoundError:
        return NO_FILE
    return (found.st_dev, found.st_ino)


if sys.platform == "win32":

    @contextmanager
    def passing(folder: Path, *, alone: bool = False) -> Iterator[None]:
        """Windows removes no file that is open."""
        yield

else:

    @contextmanager
    def passing(folder: Path, *, alone: bool = False) -> Iterator[None]:
        """Open and close files in a folder together with others, or remove them alone. Raises: StoreBusy."""
        with ExitStack() as inside:
            # Who waits to be alone keeps the outer door, or those who come and go would never let it in.
            with _locked(folder.parent, alone=alone):
                inside.enter_context(_locked(folder, alone=alone))
            yield

    @contextmanager
    def _locked(folder: Path, *, alone: bool) -> Iterator[None]:
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            _lock(descriptor, fcntl.LOCK_EX if alone else fcntl.LOCK_SH, folder)
            try:
                yield
            finally:
                # A process forked meanwhile has the descriptor too, and closing ours would not end the lock.
                with suppress(OSError):
                    fcntl.flock(descriptor, fcntl.LOCK_UN)
        finally:
            os.close(descriptor)

    def _lock(descriptor: int, how: int, folder: Path) -> None:
        until = time.monotonic() + PATIENCE_S
        while True:
            try:
                return fcntl.flock(descriptor, how | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() > until:
                    message = f"{folder} was locked by another process for {PATIENCE_S:.0f} seconds; try again"
                    raise StoreBusy(message) from None
            except OSError:
                return None  # a file system without locks: a removal may make others fail there, as ever
            time.sleep(BREATH_S)
