"""`SqliteStore`: everything one user has in one SQLite file; the async face over blocking work."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TypeVar

from persona_graph.conversation import Turn
from persona_graph.errors import ForeignStore, NotFound
from persona_graph.memory.commit import Commit, Tombstones
from persona_graph.memory.erase import Erase, Erased
from persona_graph.memory.open_job import OpenJob
from persona_graph.memory.row_ids import microseconds
from persona_graph.memory.sqlite import (
    append,
    commits,
    erasing,
    journal,
    memory_search,
    message_search,
    outbox,
    tombstones,
    vectors,
)
from persona_graph.memory.sqlite.files import UserFiles, user_in
from persona_graph.memory.sqlite.lanes import Lanes
from persona_graph.memory.sqlite.markers import Markers
from persona_graph.memory.sqlite.opening import Removed
from persona_graph.memory.sqlite.user_file import UserFile, told
from persona_graph.memory.store import Lookup, Reopen, Standing, Unembedded, Unsettled, Vectors
from persona_graph.memory.types import Kind, Memory
from persona_graph.personality import NeutralPolicy, PersonalityPoint
from persona_graph.retrieval.candidates import MemoryCandidates, MessageCandidates
from persona_graph.retrieval.token_vectors import StoredTokens
from persona_graph.timerange import ALWAYS, TimeRange
from persona_graph.user_id import user_id

T = TypeVar("T")

THREADS = 8
"""They wait for the disk more than they compute."""
_ALL, _CLOSING = "\0all", "\0closing"


class SqliteStore:
    """A `MemoryStore` in a folder. Cheap to make: files and threads come with the first call."""

    def __init__(self, folder: str | Path, *, neutral: NeutralPolicy = NeutralPolicy.VECTOR) -> None:
        self._folder = Path(folder).expanduser()
        users = self._folder / "users"
        self._markers = Markers(self._folder / "due", lambda name: user_in(users / f"{name}.db"))
        self._files = UserFiles(users, self._markers, neutral)
        self._lanes: Lanes | None = None
        self._lock = threading.Lock()

    async def _run(self, lane: str, work: Callable[[], T]) -> T:
        with self._lock:
            if self._lanes is None:
                self._lanes = Lanes(THREADS)
            future = self._lanes.run(user_id(lane), work)
        return await future

    async def _write(self, user: str, work: Callable[[UserFile], T]) -> T:
        """Do something with the user's file, which is made where there is none."""
        found = await self._run(user, lambda: self._with_file(user, work, create=True))
        assert found is not None
        return found[0]

    async def _ask(self, user: str, work: Callable[[UserFile], T], otherwise: T) -> T:
        """Do something with the user's file; for an unknown user there is nothing to do."""
        found = await self._run(user, lambda: self._with_file(user, work, create=False))
        return otherwise if found is None else found[0]

    def _with_file(self, user: str, work: Callable[[UserFile], T], *, create: bool) -> tuple[T] | None:
        try:
            while (file := self._files.take(user, create=create)) is not None:
                try:
                    done = work(file)
                except Removed:
                    file.close()
                    continue
                except sqlite3.Error:
                    file.close()
                    if file.stale:  # its log was taken away with it
                        continue
                    raise
                except (OSError, ForeignStore):
                    file.close()
                    raise
                except BaseException:
                    self._put_away(file)
                    raise
                self._put_away(file)
                return (done,)
            return None
        except (sqlite3.Error, OSError) as error:
            raise told(error, self._files.path(user).name) from error

    def _put_away(self, file: UserFile) -> None:
        """Give a file back; closing others for it is nobody's wait (SQLite tidies up its log then)."""
        for oldest in self._files.give_back(file):
            if self._lanes is not None:
                self._lanes.put(_CLOSING, oldest.close)

    # journal and outbox

    async def append(self, user: str, turns: Sequence[Turn], jobs: Sequence[OpenJob] = ()) -> tuple[str, ...]:
        """Write turns and their jobs durably, in one step."""
        return await self._write(user, lambda file: append.append(file, turns, jobs))

    async def turns(
        self,
        user: str,
        *,
        ids: Sequence[str] | None = None,
        window: TimeRange = ALWAYS,
        newest: int | None = None,
        receipts: bool = True,
    ) -> list[Turn]:
        """Turns by time."""
        return await self._ask(user, lambda file: journal.turns(file, ids, window, newest, receipts=receipts), [])

    async def jobs(self, user: str) -> list[OpenJob]:
        """All open jobs in order."""
        return await self._ask(user, lambda file: outbox.every(file.db), [])

    async def claim(self, user: str, *, worker: str, now: datetime, until: datetime) -> OpenJob | None:
        """Take the next due job."""
        return await self._ask(user, lambda file: outbox.claim(file, worker, now, until), None)

    async def renew(self, user: str, job: OpenJob, until: datetime) -> None:
        """Hold a claimed job longer."""
        await self._ask(user, lambda file: outbox.renew(file, job, until), None)

    async def reschedule(self, user: str, job: OpenJob) -> None:
        """Give a claimed job back."""
        await self._ask(user, lambda file: outbox.reschedule(file, job), None)

    async def finish(self, user: str, job: OpenJob) -> None:
        """Take the job's turns off the outbox."""
        await self._ask(user, lambda file: outbox.finish_alone(file, job), None)

    async def due(self, now: datetime) -> list[str]:
        """Users that may have work due."""
        return await self._run(_ALL, lambda: self._markers.due(microseconds(now)))

    async def rest(self, user: str, *, keep: bool = False) -> None:
        """Put the user's marker off, or lift it."""
        if not await self._ask(user, lambda file: outbox.rest(file, keep=keep), False):
            await self._run(user, lambda: self._files.lift_marker(user))

    # commits and projections

    async def commit(self, user: str, commit: Commit, job: OpenJob | None = None) -> Commit:
        """Append a commit, project it and finish its job."""
        if not commit.evidence:
            return await self._write(user, lambda file: commits.put(file, commit, job))
        stored = await self._ask(user, lambda file: commits.put(file, commit, job), None)
        if stored is None:  # the user was removed while the work was done, and must not come to be again
            raise NotFound(f"the commit rests on turns that do not exist: {', '.join(sorted(commit.evidence))}")
        return stored

    async def commits(self, user: str) -> list[Commit]:
        """All commits in order."""
        return await self._ask(user, lambda file: commits.every(file.db), [])

    async def memories(
        self,
        user: str,
        *,
        ids: Iterable[str] | None = None,
        kinds: Iterable[Kind] | None = None,
        history: bool = False,
        off: bool = False,
        as_of: datetime | None = None,
    ) -> list[Memory]:
        """Current versions, those held at a moment, or all; what is switched off only with `off`."""
        wanted = None if ids is None else frozenset(ids)
        of_kinds = None if kinds is None else frozenset(kinds)
        read = partial(commits.memories, ids=wanted, kinds=of_kinds, history=history, off=off, as_of=as_of)
        return await self._ask(user, read, [])

    async def personality(self, user: str, *, as_of: datetime | None = None) -> list[PersonalityPoint]:
        """The timeline of the personality."""
        return await self._ask(user, lambda file: commits.personality(file, as_of), [])

    async def standing(self, user: str, *, as_of: datetime | None = None) -> Standing:
        """Where the personality stands now, or stood."""
        return await self._ask(user, lambda file: commits.standing(file, as_of), Standing())

    async def rebuild(self, user: str) -> None:
        """Fold all commits again."""
        await self._ask(user, commits.renew, None)

    # search

    async def speakers(self, user: str) -> tuple[str, ...]:
        """Names of those who talk."""
        return await self._ask(user, journal.speakers, ())

    async def find_messages(self, user: str, lookup: Lookup) -> MessageCandidates:
        """Candidate messages with their neighbours."""
        found = await self._ask(user, lambda file: message_search.find(file, lookup), None)
        none = MessageCandidates.nothing(len(lookup.terms), dense=lookup.vector is not None)
        return none if found is None else found

    async def find_memories(self, user: str, lookup: Lookup) -> MemoryCandidates:
        """Candidate memories."""
        found = await self._ask(user, lambda file: memory_search.find(file, lookup), None)
        none = MemoryCandidates.nothing(len(lookup.terms), dense=lookup.vector is not None)
        return none if found is None else found

    async def messages_at(self, user: str, rows: Sequence[int]) -> list[tuple[Turn, int]]:
        """The turns behind rows of candidates."""
        return await self._ask(user, lambda file: message_search.at_rows(file, rows), [])

    async def token_vectors(self, user: str, rows: Sequence[int]) -> StoredTokens:
        """Token vectors of messages."""
        return await self._ask(user, lambda file: vectors.tokens(file, rows), StoredTokens.of({}))

    # vectors

    async def unembedded(self, user: str, limit: int) -> list[Unembedded]:
        """Texts that have no vector yet."""
        return await self._ask(user, lambda file: vectors.unembedded(file, limit), [])

    async def put_vectors(self, user: str, fingerprint: str, vectors_: Sequence[Vectors]) -> None:
        """Keep vectors."""
        await self._ask(user, lambda file: vectors.put(file, fingerprint, vectors_), None)

    async def drop_vectors(self, user: str) -> None:
        """Remove all vectors."""
        await self._ask(user, vectors.drop, None)

    # users and removal

    async def users(self) -> list[str]:
        """Ids of all users that have anything."""
        return await self._run(_ALL, self._files.users)

    async def erase(self, user: str, what: Erase, *, at: datetime, reopen: Reopen) -> Erased:
        """Erase with all that was made from it."""
        return await self._ask(user, lambda file: erasing.erase(file, what, at, reopen), Erased())

    async def unsettled(self, user: str) -> Unsettled:
        """What erases have left to do."""
        return await self._ask(user, erasing.unsettled, Unsettled())

    async def settle(self, user: str, images: Iterable[str] = ()) -> bool:
        """Note what is done, and try again to drop old bytes."""
        return await self._ask(user, lambda file: erasing.settle(file, images), True)

    async def tombstones(self, user: str) -> Tombstones:
        """What was erased."""
        return await self._ask(user, lambda file: tombstones.read(file.db, user), Tombstones(user=user))

    async def bury(self, user: str, ids: Iterable[str], *, at: datetime, reopen: Reopen) -> Erased:
        """Set tombstones of another store's erases, and erase what they stand for."""
        stones = frozenset(ids)
        return await self._write(user, lambda file: erasing.bury(file, stones, at, reopen))

    async def remove_user(self, user: str) -> None:
        """Remove everything that the user has."""
        await self._run(user, lambda: self._removed(user))

    def _removed(self, user: str) -> None:
        try:
            self._files.remove(user)
        except (sqlite3.Error, OSError) as error:
            raise told(error, self._files.path(user).name) from error

    async def close(self) -> None:
        """Let go of files and threads."""
        with self._lock:
            lanes, self._lanes = self._lanes, None
        if lanes is not None:
            await asyncio.to_thread(lanes.close)
        self._files.close()
