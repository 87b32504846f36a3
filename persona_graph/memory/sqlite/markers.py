"""Markers: one small file for each user with open work, so that a worker never opens every user.

A marker says from when on something may be due. It is set and lifted only while the user's write lock is
held, and set before the work is committed: a crash leaves a marker too many, never one too few.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from persona_graph.durable import make_folder, write_whole
from persona_graph.memory.sqlite.rows import BEGINNING


class Markers:
    """The folder of markers; a marker has the name of the user's file."""

    def __init__(self, folder: Path, user_of: Callable[[str], str | None]) -> None:
        self._folder, self._user_of = folder, user_of
        self._read: dict[str, tuple[tuple[int, int], tuple[str, int]]] = {}

    def _path(self, name: str) -> Path:
        return self._folder / f"{name}.json"

    def make_due(self, name: str, user: str, not_before: int) -> None:
        """Have a marker that is due at `not_before` or earlier."""
        held = self._not_before(name)
        if held is None or held > not_before:
            # A lost marker would lose work; an older one that comes back after a power cut only delays it.
            self._write(name, user, not_before, durable=held is None)

    def put_off(self, name: str, user: str, not_before: int | None) -> None:
        """Have a marker that is due at `not_before` exactly, or none."""
        if not_before is None:
            self._path(name).unlink(missing_ok=True)
        elif (held := self._not_before(name)) != not_before:
            self._write(name, user, not_before, durable=held is None)

    def due(self, now: int) -> list[str]:
        """Users whose markers are due, the longest waiting first."""
        found: list[tuple[int, str]] = []
        seen: dict[str, tuple[tuple[int, int], tuple[str, int]]] = {}
        for path in self._folder.glob("*.json") if self._folder.is_dir() else ():
            try:
                status = path.stat()
                stamp = (status.st_mtime_ns, status.st_ino)
                held = self._read.get(path.name)
                user, not_before = held[1] if held and held[0] == stamp else self._content(path)
            except (FileNotFoundError, ValueError):
                continue  # lifted in between, or no marker of ours
            seen[path.name] = (stamp, (user, not_before))
            if not_before <= now:
                found.append((not_before, user))
        self._read = seen
        return [user for _, user in sorted(found)]

    def _content(self, path: Path) -> tuple[str, int]:
        try:
            return _parse(path.read_bytes())
        except ValueError:
            # A power cut may empty a file that was replaced; whose it is stands in the user's file.
            user = self._user_of(path.stem)
            if user is None:
                raise
            return user, BEGINNING

    def _not_before(self, name: str) -> int | None:
        try:
            return _parse(self._path(name).read_bytes())[1]
        except (FileNotFoundError, ValueError):
            return None

    def _write(self, name: str, user: str, not_before: int, *, durable: bool) -> None:
        make_folder(self._folder)
        content = {"user": user, "not_before": None if not_before <= BEGINNING else not_before}
        write_whole(
            self._path(name), json.dumps(content, ensure_ascii=False).encode("utf-8", "surrogatepass"), durable=durable
        )


def _parse(data: bytes) -> tuple[str, int]:
    try:
        row = json.loads(data.decode("utf-8", "surrogatepass"))
        return str(row["user"]), BEGINNING if row["not_before"] is None else int(row["not_before"])
    except (KeyError, TypeError) as error:
        raise ValueError("not a marker") from error
