"""`WeaviateStore`: everything one user has in one tenant of a Weaviate server or cluster."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterable, Sequence
from datetime import datetime
from importlib.util import find_spec
from typing import TypeVar
from weakref import WeakKeyDictionary

from persona_graph.conversation import Turn
from persona_graph.errors import ConfigurationError
from persona_graph.memory.commit import Commit, Tombstones
from persona_graph.memory.erase import Erase, Erased
from persona_graph.memory.open_job import OpenJob
from persona_graph.memory.row_ids import BEGINNING
from persona_graph.memory.store import Lookup, Reopen, Standing, Unembedded, Unsettled, Vectors
from persona_graph.memory.types import Kind, Memory
from persona_graph.memory.weaviate import (
    append,
    commits,
    erasing,
    indexing,
    journal,
    marking,
    memory_search,
    message_search,
    outbox,
    reading,
    sweeping,
    talkers,
    tombstones,
    vectors,
)
from persona_graph.memory.weaviate.address import Address, parse
from persona_graph.memory.weaviate.embedded import Embedded
from persona_graph.memory.weaviate.link import EXTRA, Link
from persona_graph.memory.weaviate.registry import Registry
from persona_graph.memory.weaviate.tenant import Tenant
from persona_graph.memory.weaviate.user_space import UserSpace
from persona_graph.personality import NeutralPolicy, PersonalityPoint
from persona_graph.retrieval.candidates import MemoryCandidates, MessageCandidates
from persona_graph.retrieval.token_vectors import StoredTokens
from persona_graph.timerange import ALWAYS, TimeRange
from persona_graph.user_id import file_name, user_id

T = TypeVar("T")

MOST_SPACES = 4_096
"""Users of whom something is kept in memory."""


class _Here:
    """What belongs to one event loop: the connection, and what is known of users through it."""

    def __init__(self, address: Address, embedded: Embedded | None) -> None:
        self.link = Link(address, embedded)
        self.registry = Registry(self.link)
        self.spaces: OrderedDict[str, UserSpace] = OrderedDict()


class WeaviateStore:
    """A `MemoryStore` on a server. Cheap to make: it connects with the first call."""

    def __init__(self, url: str, *, neutral: NeutralPolicy = NeutralPolicy.VECTOR) -> None:
        self._address, self._neutral = parse(url), neutral
        if find_spec("weaviate") is None:
            raise ConfigurationError(EXTRA)
        folder, program = self._address.folder, self._address.program
        self._embedded = None if folder is None or program is None else Embedded(folder, program)
        self._loops: WeakKeyDictionary[asyncio.AbstractEventLoop, _Here] = WeakKeyDictionary()

    @property
    def here(self) -> _Here:
        """The connection of the running loop."""
        loop = asyncio.get_running_loop()
        if loop not in self._loops:
            self._loops[loop] = _Here(self._address, self._embedded)
        return self._loops[loop]

    def _space(self, user: str) -> UserSpace:
        here = self.here
        space = here.spaces.get(user_id(user))
        if space is None:
            registry = here.registry

            async def make() -> None:
                await registry.make_tenant(user)

            space = here.spaces[user] = UserSpace(user, Tenant(here.link, file_name(user), make), self._neutral)
            if len(here.spaces) > MOST_SPACES:
                idle = next((name for name, held in here.spaces.items() if held.idle and name != user), None)
                if idle is not None:
                    del here.spaces[idle]
        here.spaces.move_to_end(user)
        return space

    async def _read(self, user: str, work: Callable[[UserSpace], Awaitable[T]]) -> T:
        """Look at something, once what was put off is done."""
        space = self._space(user)
        if not await space.settled() or not space.opened or space.tenant.unsure:
            async with space.lock:
                await self._open(space)
        return await work(space)

    async def _write(self, user: str, work: Callable[[UserSpace], Awaitable[T]]) -> T:
        """Change something, one after the other."""
        space = self._space(user)
        async with space.lock:
            await space.settled()
            await self._open(space)
            space.search.doubt()
            return await work(space)

    async def _open(self, space: UserSpace) -> None:
        """Add what a crash has left out, the first time and after work that was put off has failed."""
        if space.tenant.unsure:
            await space.tenant.mend()
        if not space.opened:
            await erasing.recover(space)
            await asyncio.gather(journal.recover(space), commits.recover(space))
            await sweeping.sweep(space)
            space.opened = True

    # journal and outbox

    async def append(self, user: str, turns: Sequence[Turn], jobs: Sequence[OpenJob] = ()) -> tuple[str, ...]:
        """Write turns and their jobs durably; a turn carries its place on its jobs."""
        space = self._space(user)
        async with space.lock:
            if space.crowded:
                await space.settled()
            await self._open(space)
            space.search.doubt()
            return await append.append(space, self.here.registry, turns, jobs)

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
        return await self._read(user, lambda space: reading.turns(space, ids, window, newest, receipts=receipts))

    async def jobs(self, user: str) -> list[OpenJob]:
        """All open jobs in order."""
        return [held.job for held in await self._read(user, outbox.every)]

    async def claim(self, user: str, *, worker: str, now: datetime, until: datetime) -> OpenJob | None:
        """Take the next due job; two workers far apart may both get it, and the first commit wins."""
        return await self._write(user, lambda space: outbox.claim(space, worker, now, until))

    async def renew(self, user: str, job: OpenJob, until: datetime) -> None:
        """Hold a claimed job longer."""
        await self._write(user, lambda space: outbox.renew(space, job, until))

    async def reschedule(self, user: str, job: OpenJob) -> None:
        """Give a claimed job back."""

        async def work(space: UserSpace) -> None:
            if await outbox.reschedule(space, job):
                await marking.mark(space, self.here.registry)

        await self._write(user, work)

    async def finish(self, user: str, job: OpenJob) -> None:
        """Take the job's turns off the outbox."""

        async def work(space: UserSpace) -> None:
            if await outbox.finish(space, job):
                await marking.mark(space, self.here.registry)

        await self._write(user, work)

    async def due(self, now: datetime) -> list[str]:
        """Users that may have work due."""
        await self._settled()
        return await self.here.registry.due(now)

    async def rest(self, user: str, *, keep: bool = False) -> None:
        """Put the user's entry off."""

        async def work(space: UserSpace) -> None:
            space.due = None
            await sweeping.sweep(space)
            due = BEGINNING if keep else await marking.next_due(space)
            await self.here.registry.put_off(user, due)
            if not keep:  # work that came from elsewhere between the look and the note
                await marking.mark(space, self.here.registry)

        await self._write(user, work)

    # commits and projections

    async def commit(self, user: str, commit: Commit, job: OpenJob | None = None) -> Commit:
        """Append a commit, project it and finish its job."""

        async def work(space: UserSpace) -> Commit:
            stored, still_open = await commits.put(space, commit, job)
            if still_open:
                await marking.mark(space, self.here.registry)
            return stored

        return await self._write(user, work)

    async def commits(self, user: str) -> list[Commit]:
        """All commits in order."""
        return await self._read(user, commits.every)

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
        return await self._read(
            user,
            lambda space: commits.memories(space, wanted, of_kinds, history=history, off=off, as_of=as_of),
        )

    async def personality(self, user: str, *, as_of: datetime | None = None) -> list[PersonalityPoint]:
        """The timeline of the personality."""
        return await self._read(user, lambda space: commits.personality(space, as_of))

    async def standing(self, user: str, *, as_of: datetime | None = None) -> Standing:
        """Where the personality stands now, or stood."""
        return await self._read(user, lambda space: commits.standing_at(space, as_of))

    async def rebuild(self, user: str) -> None:
        """Make every projection anew from journal and commits."""

        async def work(space: UserSpace) -> None:
            await indexing.index_anew(space)
            await commits.project(space, anew=True)
            space.search.clear()

        await self._write(user, work)

    # search

    async def speakers(self, user: str) -> tuple[str, ...]:
        """Names of those who talk."""
        return await self._read(user, talkers.speakers)

    async def find_messages(self, user: str, lookup: Lookup) -> MessageCandidates:
        """Candidate messages with their neighbours."""
        return await self._read(user, lambda space: message_search.find(space, lookup))

    async def find_memories(self, user: str, lookup: Lookup) -> MemoryCandidates:
        """Candidate memories."""
        return await self._read(user, lambda space: memory_search.find(space, lookup))

    async def messages_at(self, user: str, rows: Sequence[int]) -> list[tuple[Turn, int]]:
        """The turns behind rows of candidates."""
        return await self._read(user, lambda space: message_search.at_rows(space, rows))

    async def token_vectors(self, user: str, rows: Sequence[int]) -> StoredTokens:
        """Token vectors of messages."""
        return await self._read(user, lambda space: message_search.tokens(space, rows))

    # vectors

    async def unembedded(self, user: str, limit: int) -> list[Unembedded]:
        """Texts that have no vector yet."""
        return await self._read(user, lambda space: vectors.unembedded(space, limit))

    async def put_vectors(self, user: str, fingerprint: str, vectors_: Sequence[Vectors]) -> None:
        """Keep vectors."""
        await self._write(user, lambda space: vectors.put(space, fingerprint, vectors_))

    async def drop_vectors(self, user: str) -> None:
        """Remove all vectors."""
        await self._write(user, vectors.drop)

    # users and removal

    async def users(self) -> list[str]:
        """Ids of all users that have anything."""
        return await self.here.registry.users()

    async def erase(self, user: str, what: Erase, *, at: datetime, reopen: Reopen) -> Erased:
        """Erase with all that was made from it; the server keeps old bytes in its files until it compacts them."""

        async def work(space: UserSpace) -> Erased:
            done = await erasing.erase(space, what, at, reopen)
            await marking.mark(space, self.here.registry)
            return done

        return await self._write(user, work)

    async def unsettled(self, user: str) -> Unsettled:
        """What erases have left to do."""
        return Unsettled(images=await self._read(user, tombstones.unsettled))

    async def settle(self, user: str, images: Iterable[str] = ()) -> bool:
        """Note what is done; old bytes are the server's matter."""
        done = list(images)
        await self._write(user, lambda space: tombstones.done(space, done))
        return True

    async def tombstones(self, user: str) -> Tombstones:
        """What was erased."""
        return await self._read(user, tombstones.read)

    async def bury(self, user: str, ids: Iterable[str], *, at: datetime, reopen: Reopen) -> Erased:
        """Set tombstones of another store's erases, and erase what they stand for."""
        stones = frozenset(ids)

        async def work(space: UserSpace) -> Erased:
            done = await erasing.bury(space, stones, at, reopen)
            await marking.mark(space, self.here.registry)
            return done

        return await self._write(user, work)

    async def remove_user(self, user: str) -> None:
        """Remove the user's tenant with everything in it, and look that it is gone."""
        space = self._space(user)
        async with space.lock:
            await space.settled()
            await self.here.registry.remove_tenant(user)
            space.forget()

    async def _settled(self) -> None:
        for space in list(self.here.spaces.values()):
            await space.settled()

    async def close(self) -> None:
        """Let go of the connection, and of an embedded server that was started here."""
        here = self._loops.pop(asyncio.get_running_loop(), None)
        if here is not None:
            for space in here.spaces.values():
                await space.settled()
                if space.tenant.unsure:  # nobody else knows of it
                    await space.tenant.mend()
            await here.link.close()
        if self._embedded is not None and not self._loops:
            await asyncio.to_thread(self._embedded.stop)
