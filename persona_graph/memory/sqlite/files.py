"""`UserFiles`: which file belongs to which user, and the few that are open."""

from __future__ import annotations

import logging
import sqlite3
import threading
from collections import OrderedDict
from contextlib import suppress
from pathlib import Path

from persona_graph.durable import make_folder
from persona_graph.memory.row_ids import BEGINNING
from persona_graph.memory.sqlite import commits
from persona_graph.memory.sqlite.markers import Markers
from persona_graph.memory.sqlite.migrations import copies_of
from persona_graph.memory.sqlite.opening import Removed, close, opened, passing, snapshot
from persona_graph.memory.sqlite.text import unpack
from persona_graph.memory.sqlite.user_file import UserFile
from persona_graph.personality import NeutralPolicy
from persona_graph.user_id import file_name

logger = logging.getLogger(__name__)

MOST_OPEN = 256
MOST_CACHED_BYTES = 2**30
"""What all caches together may take, one user's excepted."""


class UserFiles:
    """Opens files when they are asked for and closes those that were not for longest."""

    def __init__(self, folder: Path, markers: Markers, neutral: NeutralPolicy) -> None:
        self._folder, self._markers, self._neutral = folder, markers, neutral
        self._open: OrderedDict[str, UserFile] = OrderedDict()
        self._bytes: dict[str, int] = {}
        """What the caches of each open file take."""
        self._cached = 0
        self._lock = threading.Lock()

    def path(self, user: str) -> Path:
        """Where the user's file is or would be."""
        return self._folder / f"{file_name(user)}.db"

    def take(self, user: str, *, create: bool) -> UserFile | None:
        """The user's file, for the caller alone until it is given back; None when there is none to open."""
        with self._lock:
            file = self._open.pop(user, None)
            self._cached -= self._bytes.pop(user, 0)
        if file is not None and file.stale:
            file.close()
            file = None
        if file is not None:
            return file
        path = self.path(user)
        while file is None:
            if not path.exists():
                if not create:
                    return None
                make_folder(self._folder)
            with suppress(Removed):
                file = self._opened(path, user, create=create)
        return file

    def _opened(self, path: Path, user: str, *, create: bool) -> UserFile:
        file = UserFile(path, user, self._markers, self._neutral, create=create)
        try:
            if file.outdated:
                commits.renew(file)
        except BaseException:
            file.close()
            raise
        return file

    def give_back(self, file: UserFile) -> list[UserFile]:
        """Keep it open for the next; those that are too many now, for the caller to close."""
        with self._lock:
            self._open[file.user] = file
            self._bytes[file.user] = file.cached_bytes
            self._cached += file.cached_bytes
            surplus = []
            while len(self._open) > 1 and (len(self._open) > MOST_OPEN or self._cached > MOST_CACHED_BYTES):
                user, oldest = self._open.popitem(last=False)
                self._cached -= self._bytes.pop(user, 0)
                surplus.append(oldest)
            return surplus

    def remove(self, user: str) -> None:
        """Delete the user's file; whoever has it open elsewhere notices before the next step."""
        path = self.path(user)
        parts = [*(path.with_name(path.name + suffix) for suffix in ("", "-wal", "-shm")), *copies_of(path)]
        # A kill in the middle of this leaves a log with no file: it is opened anew, so that it goes under the lock too.
        while (file := self.take(user, create=any(part.exists() for part in parts))) is not None:
            try:
                with file.locked():  # waits for a writer to finish
                    with passing(self._folder, alone=True):
                        self._markers.put_off(file_name(user), user, None)
                        for part in parts:
                            part.unlink(missing_ok=True)
                break  # what is there from now on was written after it
            except Removed:
                continue  # somebody else was faster; what came since is removed too
            finally:
                file.close()
        self.lift_marker(user)

    def lift_marker(self, user: str) -> None:
        """Lift the marker of a user who has no file, as a writer may leave one who was overtaken by the removal."""
        self._markers.put_off(file_name(user), user, None)
        if self.path(user).exists():  # the user came back just now: a marker too many costs little, a lost one work
            self._markers.make_due(file_name(user), user, BEGINNING)

    def users(self) -> list[str]:
        """Users that have a turn or a commit; files of others are passed over."""
        found = []
        for path in sorted(self._folder.glob("*.db")) if self._folder.is_dir() else ():
            try:
                user = user_in(path)
            except sqlite3.Error:
                logger.warning("%s cannot be read and is passed over", path.name)
                continue
            if user is not None:
                found.append(user)
        return found

    def close(self) -> None:
        """Close all."""
        with self._lock:
            held, self._open = list(self._open.values()), OrderedDict()
            self._bytes, self._cached = {}, 0
        for file in held:
            file.close()


def user_in(path: Path) -> str | None:
    """Whose file it is; None when there is none, or when it holds neither a turn nor a commit."""
    with suppress(Removed, FileNotFoundError):
        db, user = opened(path, _user_of, create=False)
        close(db, path)
        return user
    return None


def _user_of(db: sqlite3.Connection) -> str | None:
    with snapshot(db):
        if db.execute("SELECT NOT EXISTS (SELECT 1 FROM sqlite_master)").fetchone()[0]:
            return None  # its tables are just being made
        query = "SELECT user FROM state WHERE EXISTS (SELECT 1 FROM turns) OR EXISTS (SELECT 1 FROM commits)"
        row = db.execute(query).fetchone()
        return None if row is None else unpack(row[0])
