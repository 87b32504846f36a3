"""`Spool`: a folder of turns that wait while the store's server is away, one file a turn, until they are delivered.

A file never changes: a later state of a turn is a new file, and then the old ones go. So who delivers removes exactly
what was delivered, whatever came meanwhile. Each user's files lie in a folder of their own, which is locked while they
are delivered or removed: a user who is removed does not come back by a delivery that was on its way.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import shutil
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from persona_graph.codec import turn_to_json
from persona_graph.conversation import Turn, TurnState, digest_of
from persona_graph.durable import make_folder, sync_folder, write_whole
from persona_graph.errors import StoreError
from persona_graph.foreign import turn_of
from persona_graph.timerange import instant
from persona_graph.user_id import file_name

if sys.platform != "win32":
    import fcntl

logger = logging.getLogger(__name__)

WAITING, ASIDE = ".json", ".aside"
"""How names end: of what is to be delivered, and of what is kept for a person to look at."""

TRIES = 20
"""How often a folder is made while another program removes it."""
LOOK_S = 0.02
"""Between two looks whether a lock is free."""

_LATER = {TurnState.ASKED: 0, TurnState.FAILED: 1, TurnState.ANSWERED: 2}


@dataclass(frozen=True, slots=True, kw_only=True)
class Spooled:
    """A turn that waits."""

    turn: Turn
    """Its session is empty where the store was needed to tell it."""
    since: datetime
    """When it was put here, by the clock that its jobs count with."""
    files: tuple[Path, ...]
    """The one that holds it, and those of earlier states that a kill left."""


class Spool:
    """The folder. Nothing is made before the first turn has to wait."""

    def __init__(self, folder: Path | str, *, now: Callable[[], int] = time.time_ns) -> None:
        self.folder = Path(folder).expanduser()
        self._now = now
        self._users: dict[str, str] = {}
        """Whose folder it is, by its name."""

    def _of(self, user: str) -> Path:
        return self.folder / file_name(user)

    def waits(self, user: str) -> bool:
        """Whether anything of this user is to be delivered; one look at a folder."""
        return bool(_names(self._of(user)))

    def count(self) -> int:
        """How many turns are to be delivered, of all users; by the names of files alone. Raises: OSError."""
        folders = self.folder.iterdir() if self.folder.exists() else ()
        return sum(len({name.partition("-")[2] for name in _names(folder)}) for folder in folders)

    def users(self) -> list[str]:
        """Users of whom something is to be delivered."""
        try:
            folders = sorted(path for path in self.folder.iterdir() if _names(path))
        except OSError:
            return []  # nothing ever had to wait
        seen = {folder.name: user for folder in folders if (user := self._user_in(folder)) is not None}
        self._users = seen
        return list(seen.values())

    def _user_in(self, folder: Path) -> str | None:
        return self._users.get(folder.name) or next((u for f in _files(folder) if (u := _user_of(f)) is not None), None)

    async def put(self, user: str, turn: Turn, *, since: datetime) -> None:
        """Keep a turn durably, in place of earlier states of it. Raises: StoreError when that is not possible."""
        await asyncio.to_thread(self._put, user, turn, since)

    def _put(self, user: str, turn: Turn, since: datetime) -> None:
        folder = self._of(user)
        content = json.dumps({"user": user, "since": since.isoformat(), "turn": turn_to_json(turn)}).encode()
        path = folder / f"{self._now():020d}-{digest_of(turn.id)}{WAITING}"
        earlier = [file for file in _of_turn(folder, turn.id, WAITING) if file != path]
        try:
            for left in reversed(range(TRIES)):
                try:
                    make_folder(folder)
                    write_whole(path, content)
                    break
                except FileNotFoundError:  # removed in between, with all that was delivered
                    if not left:
                        raise
            for file in earlier:
                file.unlink(missing_ok=True)
        except OSError as error:
            raise StoreError(f"the turn could not be kept in the spool {self.folder}: {error.strerror}") from error

    async def entries(self, user: str) -> list[Spooled]:
        """What is to be delivered, in order of time; what cannot be read is set aside."""
        return await asyncio.to_thread(self._entries, user) if self.waits(user) else []

    def _entries(self, user: str) -> list[Spooled]:
        found: dict[str, Spooled] = {}
        for file in _files(self._of(user)):
            entry = self._read(user, file)
            if entry is None:
                continue
            held = found.get(entry.turn.id)
            files = (*(held.files if held else ()), file)
            newest = entry if held is None or _LATER[entry.turn.state] >= _LATER[held.turn.state] else held
            found[entry.turn.id] = Spooled(turn=newest.turn, since=newest.since, files=files)
        # Equal times keep the order in which they came: names begin with it, and a dict keeps it.
        return sorted(found.values(), key=lambda entry: entry.turn.at)

    def _read(self, user: str, file: Path) -> Spooled | None:
        try:
            row = json.loads(file.read_bytes())
            if row["user"] != user:
                raise ValueError("it is another user's")
            turn, since = turn_of(row["turn"]), instant(datetime.fromisoformat(row["since"]), "since")
            return Spooled(turn=turn, since=since, files=(file,))
        except FileNotFoundError:
            return None  # delivered in between
        except (OSError, AttributeError, KeyError, TypeError, ValueError, RecursionError) as error:
            _set_aside(file, type(error).__name__)
            return None

    async def find(self, user: str, turn: str) -> Turn | None:
        """A turn that waits, by its id."""
        return next((entry.turn for entry in await self.entries(user) if entry.turn.id == turn), None)

    def delivered(self, entry: Spooled) -> None:
        """Let go of what the store has."""
        for file in entry.files:
            file.unlink(missing_ok=True)
        with suppress(OSError):  # something else waits
            entry.files[0].parent.rmdir()

    def refused(self, entry: Spooled, error: Exception) -> None:
        """Keep aside what the store will never take."""
        for file in entry.files:
            _set_aside(file, type(error).__name__)

    def forget(self, user: str, turns: Iterable[str]) -> None:
        """Remove turns, what was set aside of them too."""
        folder = self._of(user)
        for file in (file for turn in turns for file in _of_turn(folder, turn, "")):
            file.unlink(missing_ok=True)

    def remove_user(self, user: str) -> None:
        """Remove all that waits or was set aside of a user. Raises: StoreError."""
        folder = self._of(user)
        self._users.pop(folder.name, None)
        if not folder.exists():
            return
        try:
            shutil.rmtree(folder)
            sync_folder(self.folder)
        except FileNotFoundError:
            return  # the last one was delivered in between
        except OSError as error:
            raise StoreError(f"what waits in the spool {self.folder} cannot be removed: {error.strerror}") from error

    @asynccontextmanager
    async def held(self, user: str, *, wait: bool = True) -> AsyncIterator[bool]:
        """Hold a user's folder against deliveries and removals; False when another holds it and one does not wait."""
        folder, held = self._of(user), _lock(self._of(user))
        while held is _TAKEN and wait:
            await asyncio.sleep(LOOK_S)
            held = _lock(folder)
        try:
            yield held is not _TAKEN
        finally:
            if held is not None and held is not _TAKEN:
                os.close(held)  # which lets go of the lock, as the end of the process does


_TAKEN = -1


def _lock(folder: Path) -> int | None:
    """The open folder with its lock; `_TAKEN` when another holds it, None where there is nothing to hold."""
    if sys.platform == "win32":
        return None  # folders cannot be opened there; a removal that crosses a delivery has to be repeated
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.path.samestat(os.fstat(descriptor), os.stat(folder)):
            return descriptor
    except (BlockingIOError, FileNotFoundError):
        pass
    except BaseException:
        os.close(descriptor)
        raise
    os.close(descriptor)
    return _TAKEN


def _names(folder: Path) -> list[str]:
    """Names of what is to be delivered, in the order in which it came."""
    try:
        return sorted(name for name in os.listdir(folder) if name.endswith(WAITING) and not name.startswith("."))
    except (FileNotFoundError, NotADirectoryError):
        return []


def _files(folder: Path) -> list[Path]:
    return [folder / name for name in _names(folder)]


def _of_turn(folder: Path, turn: str, ending: str) -> list[Path]:
    return list(folder.glob(f"*-{digest_of(turn)}*{ending}"))


def _user_of(file: Path) -> str | None:
    try:
        user = json.loads(file.read_bytes())["user"]
        return user if file_name(user) == file.parent.name else None
    except (OSError, KeyError, TypeError, ValueError, RecursionError):
        _set_aside(file, "no user")
        return None


def _set_aside(file: Path, why: str) -> None:
    aside = file.with_suffix(ASIDE)
    with suppress(FileNotFoundError):
        file.rename(aside)
        logger.warning("a turn in the spool cannot be delivered (%s); it is kept aside in %s", why, aside)
