"""`AwayStore`: a real store behind a server that can be away, before a call arrives or after it was carried out."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from datetime import datetime
from enum import Enum, auto
from typing import TypeVar

from persona_graph.conversation import Turn
from persona_graph.errors import StoreAway
from persona_graph.memory.commit import Commit, Tombstones
from persona_graph.memory.erase import Erase, Erased
from persona_graph.memory.open_job import OpenJob
from persona_graph.memory.store import Lookup, MemoryStore, Reopen, Standing, Unembedded, Unsettled, Vectors
from persona_graph.memory.types import Kind, Memory
from persona_graph.personality import PersonalityPoint
from persona_graph.retrieval.candidates import MemoryCandidates, MessageCandidates
from persona_graph.retrieval.token_vectors import StoredTokens
from persona_graph.timerange import ALWAYS, TimeRange

T = TypeVar("T")


class Fate(Enum):
    """What becomes of a call."""

    ANSWERED = auto()
    REFUSED = auto()
    """The server is away; nothing arrives."""
    UNKNOWN = auto()
    """It does what it is asked, but its answer does not come."""


class AwayStore:
    """`away` and `back` switch it; `fate` decides for each call, by its number from 0 and its name."""

    def __init__(self, inner: MemoryStore) -> None:
        self.inner = inner
        self.calls: list[str] = []
        self.fate: Callable[[int, str], Fate] = lambda _number, _name: Fate.ANSWERED

    def away(self, fate: Fate = Fate.REFUSED, *names: str) -> None:
        """From now on; these calls alone where some are named."""
        self.fate = lambda _number, name: fate if not names or name in names else Fate.ANSWERED

    def back(self) -> None:
        """From now on it answers."""
        self.fate = lambda _number, _name: Fate.ANSWERED

    async def _meet(self, name: str, asked: Callable[[], Awaitable[T]]) -> T:
        number = len(self.calls)
        self.calls.append(name)
        fate = self.fate(number, name)
        if fate is not Fate.REFUSED:
            given = await asked()
            if fate is Fate.ANSWERED:
                return given
        raise StoreAway("the memory server at away.test does not answer")

    async def close(self) -> None:
        await self.inner.close()

    async def append(self, user: str, turns: Sequence[Turn], jobs: Sequence[OpenJob] = ()) -> tuple[str, ...]:
        return await self._meet("append", lambda: self.inner.append(user, turns, jobs))

    async def turns(
        self,
        user: str,
        *,
        ids: Sequence[str] | None = None,
        window: TimeRange = ALWAYS,
        newest: int | None = None,
        receipts: bool = True,
    ) -> list[Turn]:
        return await self._meet(
            "turns", lambda: self.inner.turns(user, ids=ids, window=window, newest=newest, receipts=receipts)
        )

    async def jobs(self, user: str) -> list[OpenJob]:
        return await self._meet("jobs", lambda: self.inner.jobs(user))

    async def claim(self, user: str, *, worker: str, now: datetime, until: datetime) -> OpenJob | None:
        return await self._meet("claim", lambda: self.inner.claim(user, worker=worker, now=now, until=until))

    async def renew(self, user: str, job: OpenJob, until: datetime) -> None:
        return await self._meet("renew", lambda: self.inner.renew(user, job, until))

    async def reschedule(self, user: str, job: OpenJob) -> None:
        return await self._meet("reschedule", lambda: self.inner.reschedule(user, job))

    async def finish(self, user: str, job: OpenJob) -> None:
        return await self._meet("finish", lambda: self.inner.finish(user, job))

    async def due(self, now: datetime) -> list[str]:
        return await self._meet("due", lambda: self.inner.due(now))

    async def rest(self, user: str, *, keep: bool = False) -> None:
        return await self._meet("rest", lambda: self.inner.rest(user, keep=keep))

    async def commit(self, user: str, commit: Commit, job: OpenJob | None = None) -> Commit:
        return await self._meet("commit", lambda: self.inner.commit(user, commit, job))

    async def commits(self, user: str) -> list[Commit]:
        return await self._meet("commits", lambda: self.inner.commits(user))

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
        return await self._meet(
            "memories", lambda: self.inner.memories(user, ids=ids, kinds=kinds, history=history, off=off, as_of=as_of)
        )

    async def personality(self, user: str, *, as_of: datetime | None = None) -> list[PersonalityPoint]:
        return await self._meet("personality", lambda: self.inner.personality(user, as_of=as_of))

    async def standing(self, user: str, *, as_of: datetime | None = None) -> Standing:
        return await self._meet("standing", lambda: self.inner.standing(user, as_of=as_of))

    async def rebuild(self, user: str) -> None:
        return await self._meet("rebuild", lambda: self.inner.rebuild(user))

    async def speakers(self, user: str) -> tuple[str, ...]:
        return await self._meet("speakers", lambda: self.inner.speakers(user))

    async def find_messages(self, user: str, lookup: Lookup) -> MessageCandidates:
        return await self._meet("find_messages", lambda: self.inner.find_messages(user, lookup))

    async def find_memories(self, user: str, lookup: Lookup) -> MemoryCandidates:
        return await self._meet("find_memories", lambda: self.inner.find_memories(user, lookup))

    async def messages_at(self, user: str, rows: Sequence[int]) -> list[tuple[Turn, int]]:
        return await self._meet("messages_at", lambda: self.inner.messages_at(user, rows))

    async def token_vectors(self, user: str, rows: Sequence[int]) -> StoredTokens:
        return await self._meet("token_vectors", lambda: self.inner.token_vectors(user, rows))

    async def unembedded(self, user: str, limit: int) -> list[Unembedded]:
        return await self._meet("unembedded", lambda: self.inner.unembedded(user, limit))

    async def put_vectors(self, user: str, fingerprint: str, vectors: Sequence[Vectors]) -> None:
        return await self._meet("put_vectors", lambda: self.inner.put_vectors(user, fingerprint, vectors))

    async def drop_vectors(self, user: str) -> None:
        return await self._meet("drop_vectors", lambda: self.inner.drop_vectors(user))

    async def users(self) -> list[str]:
        return await self._meet("users", lambda: self.inner.users())

    async def erase(self, user: str, what: Erase, *, at: datetime, reopen: Reopen) -> Erased:
        return await self._meet("erase", lambda: self.inner.erase(user, what, at=at, reopen=reopen))

    async def unsettled(self, user: str) -> Unsettled:
        return await self._meet("unsettled", lambda: self.inner.unsettled(user))

    async def settle(self, user: str, images: Iterable[str] = ()) -> bool:
        return await self._meet("settle", lambda: self.inner.settle(user, images))

    async def tombstones(self, user: str) -> Tombstones:
        return await self._meet("tombstones", lambda: self.inner.tombstones(user))

    async def bury(self, user: str, ids: Iterable[str], *, at: datetime, reopen: Reopen) -> Erased:
        return await self._meet("bury", lambda: self.inner.bury(user, ids, at=at, reopen=reopen))

    async def remove_user(self, user: str) -> None:
        return await self._meet("remove_user", lambda: self.inner.remove_user(user))
