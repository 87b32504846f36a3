"""Markers: one small file for each user with open work, so that a worker never opens every user.

A marker holds whose it is, and its time of modification says from when on something may be due: reading and
moving that takes one call of the file system. It is set and lifted only while the user's write lock is held,
and set before the work is committed: a crash leaves a marker too many, never one too few.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

from persona_graph.durable import make_folder, write_whole
from persona_graph.memory.row_ids import BEGINNING, SECOND

LATEST = 13_500_000_000 * SECOND
"""The year 2397: later is more than some file systems hold, and an earlier marker is only looked at too often."""


class Markers:
    """The folder of markers; a marker has the name of the user's file."""

    def __init__(self, folder: Path, user_of: Callable[[str], str | None]) -> None:
        self._folder, self._user_of = folder, user_of
        self._users: dict[str, str] = {}

    def _path(self, name: str) -> Path:
        return self._folder / f"{name}.json"

    def make_due(self, name: str, user: str, not_before: int) -> None:
        """Have a marker that is due at `not_before` or earlier."""
        held = self._not_before(name)
        if held is None:
            self._write(name, user, not_before)
        elif held > _kept(not_before):
            # A lost marker would lose work; an older time that comes back after a power cut only delays it.
            self._move(name, user, not_before)

    def put_off(self, name: str, user: str, not_before: int | None) -> None:
        """Have a marker that is due at `not_before` exactly, or none."""
        if not_before is None:
            self._path(name).unlink(missing_ok=True)
        elif (held := self._not_before(name)) is None:
            self._write(name, user, not_before)
        elif held != _kept(not_before):
            self._move(name, user, not_before)

    def due(self, now: int) -> list[str]:
        """Users whose markers are due, the longest waiting first."""
        found: list[tuple[int, str]] = []
        seen: dict[str, str] = {}
        for path in self._folder.glob("*.json") if self._folder.is_dir() else ():
            try:
                not_before = self._not_before(path.stem)
                user = self._users.get(path.stem) or self._user_in(path)
            except (FileNotFoundError, ValueError):
                continue  # lifted in between, or no marker of ours
            seen[path.stem] = user
            if not_before is None or not_before <= now:
                found.append((BEGINNING if not_before is None else not_before, user))
        self._users = seen
        return [user for _, user in sorted(found)]

    def _user_in(self, path: Path) -> str:
        try:
            return _parse(path.read_bytes())
        except ValueError:
            # A power cut may empty a file that was replaced; whose it is stands in the user's file.
            user = self._user_of(path.stem)
            if user is None:
                raise
            return user

    def _not_before(self, name: str) -> int | None:
        """When a marker is due; None where there is none, or an emptied one."""
        try:
            status = self._path(name).stat()
        except FileNotFoundError:
            return None
        return status.st_mtime_ns // 1000 if status.st_size else None

    def _write(self, name: str, user: str, not_before: int) -> None:
        make_folder(self._folder)
        content = json.dumps({"user": user}, ensure_ascii=False).encode("utf-8", "surrogatepass")
        write_whole(self._path(name), content, modified_ns=_kept(not_before) * 1000)

    def _move(self, name: str, user: str, not_before: int) -> None:
        at = _kept(not_before) * 1000
        try:
            os.utime(self._path(name), ns=(at, at))
        except FileNotFoundError:  # who removed the user lifted it just now, and there is work again
            self._write(name, user, not_before)


def _kept(not_before: int) -> int:
    """The time as a file can have it, in microseconds; never a later one."""
    return min(max(not_before, 0), LATEST)


def _parse(data: bytes) -> str:
    try:
        return str(json.loads(data.decode("utf-8", "surrogatepass"))["user"])
    except (KeyError, TypeError) as error:
        raise ValueError("not a marker") from error
