"""The store seam: everything one user has, behind one small async Protocol.

Journal (turns with their open jobs) and commits are the truth; memories, the personality's timeline,
indexes and vectors are projections. A store appends, projects, reads, searches and removes; all rules
(fold, ranking, sessions) are pure and live elsewhere. Every method takes the user first, and no method
of one user ever reads another's data.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from persona_graph.conversation import Turn
from persona_graph.memory.commit import Commit, Tombstones
from persona_graph.memory.erase import Again, Erase, Erased
from persona_graph.memory.open_job import OpenJob
from persona_graph.memory.types import Kind, Memory
from persona_graph.personality import NEUTRAL, BigFive, PersonalityPoint, Trait
from persona_graph.retrieval.candidates import MemoryCandidates, MessageCandidates
from persona_graph.retrieval.token_vectors import StoredTokens
from persona_graph.timerange import ALWAYS, TimeRange

LONGEST_WAIT = timedelta(days=1)
"""No claim, no retry and no session's end is set further ahead than this."""


MISMATCH = (
    "this user's memory holds vectors of another embedding model; run `persona reindex` to make them anew, "
    "or configure the model that made them"
)
"""What an `EmbeddingMismatch` says."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lookup:
    """What a store is asked to find: analysed terms and, where there is an embedder, a vector."""

    terms: tuple[str, ...] = ()
    vector: NDArray[np.float32] | None = None
    """Unit length."""
    fingerprint: str = ""
    """Of the embedder that made the vector."""
    window: TimeRange = ALWAYS
    """Event time: cuts before the search."""
    kinds: frozenset[Kind] = frozenset()
    """For memories: which kinds."""
    as_of: datetime | None = None
    """Belief time: only what was held then (turns: only what was said by then)."""
    images: bool = False
    """For messages: only those that carry an image."""
    turns: frozenset[str] | None = None
    """For messages: only those of these turns, which are ranked among themselves: no neighbours come along."""
    exclude: frozenset[str] = frozenset()
    """Memory ids or turn ids not to return."""
    limit: int = 20
    """For messages: how many will be shown; for few a store that reads their neighbours apart reads those of fewer."""
    depth: int = 300
    """How many candidates a store that cannot rank the whole window brings, at least."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unembedded:
    """A text that has no vector yet."""

    ref: str
    """The store's own name for it, given back to `put_vectors`."""
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Vectors:
    """What an embedder made of one text."""

    ref: str
    vector: NDArray[np.float32]
    """(d,) unit length."""
    tokens: NDArray[np.int8] | None = None
    """(k, d') quantised token vectors, where the embedder gives them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Where the personality stands."""

    point: PersonalityPoint | None = None
    """The last one of the timeline."""
    frozen: Mapping[str, float | None] = field(default_factory=dict)
    """Traits and fields that the person holds, with the value of a trait where one is given."""
    off: frozenset[str] = frozenset()
    """Traits and fields that the person has switched off."""

    @property
    def vector(self) -> BigFive:
        """The five scores: those that are held at their values, those that are switched off in the middle."""
        vector = self.point.vector if self.point is not None else BigFive()
        held = vector.replace({t: v for t in Trait if (v := self.frozen.get(t.value)) is not None})
        return held.replace({t: NEUTRAL for t in Trait if t.value in self.off})


@dataclass(frozen=True, slots=True, kw_only=True)
class Unsettled:
    """What an erase has left to do outside its own step."""

    images: frozenset[str] = frozenset()
    """Digests of pictures that `Media` still has."""
    old_bytes: bool = False
    """Removed text still lies in the file or its log, which a reader elsewhere holds."""


Reopen = Callable[[Again, datetime], OpenJob | None]
"""The open job that does a commit's work again, given the newest time of the turns that remain; None for no job."""


class MemoryStore(Protocol):
    """Everything one user has. Times are timezone-aware; lists of turns and commits are in order.

    Raises (every method): InputError when the user is no user id; StoreError and its kinds, when the boundary breaks.
    """

    # journal and outbox

    async def append(self, user: str, turns: Sequence[Turn], jobs: Sequence[OpenJob] = ()) -> tuple[str, ...]:
        """Write turns and their jobs durably, in one step; returns the ids of the turns really written.

        An answered turn is never written twice: an id that is held as answered, or was erased, is passed over,
        one that is held as asked or failed is replaced. An open job whose id is held takes the union of both
        `turns` and the new `not_before`; a job with no turns that is not held is passed over. Jobs are
        written only when at least one of their turns was, or when they have none; turns that are passed
        over here join no job.
        """
        ...

    async def turns(
        self,
        user: str,
        *,
        ids: Sequence[str] | None = None,
        window: TimeRange = ALWAYS,
        newest: int | None = None,
        receipts: bool = True,
    ) -> list[Turn]:
        """Turns by time, each with its `ordinal`; `newest` keeps only the last n of the window.

        Receipts are long; `receipts=False` leaves them out, and where `ids` are given their `ordinal` too (-1).
        """
        ...

    async def jobs(self, user: str) -> list[OpenJob]:
        """All open jobs, in the order in which they will run; parked ones among them."""
        ...

    async def claim(self, user: str, *, worker: str, now: datetime, until: datetime) -> OpenJob | None:
        """Take the user's next due job until a time; None while another worker holds one or none is due.

        Jobs run in order of (`at`, `rank`); one that waits for a retry holds back those after it, parked
        ones and sessions still open do not. What is claimed or waits for longer than `LONGEST_WAIT` was set by a
        clock that has been put back since: it is due.
        """
        ...

    async def renew(self, user: str, job: OpenJob, until: datetime) -> None:
        """Hold a claimed job until a later time; nothing happens when the claim has gone to another worker."""
        ...

    async def reschedule(self, user: str, job: OpenJob) -> None:
        """Give a claimed job back with new `not_before`, `attempts`, `error` or `parked`; the claim ends."""
        ...

    async def finish(self, user: str, job: OpenJob) -> None:
        """Take the job's turns off the outbox; the job goes when no turn is left on it."""
        ...

    async def due(self, now: datetime) -> list[str]:
        """Users that may have work due by `now`, without opening any of them; may name one too many."""
        ...

    async def rest(self, user: str, *, keep: bool = False) -> None:
        """Note that the user has nothing due before its next open job; `keep` leaves it due all the same."""
        ...

    # commits and projections

    async def commit(self, user: str, commit: Commit, job: OpenJob | None = None) -> Commit:
        """Append a commit, project it and finish its job; returns what is stored (first write wins).

        Raises: NotFound when the turns of its evidence do not exist; Outdated when some of them, or anything that
        was read for it, have been erased since.
        """
        ...

    async def commits(self, user: str) -> list[Commit]:
        """All commits, in order."""
        ...

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
        """Current versions (those held at `as_of`), oldest first; `history` gives all versions.

        What the person has switched off comes only with `off`, whatever the moment: prompts never ask for it.
        """
        ...

    async def personality(self, user: str, *, as_of: datetime | None = None) -> list[PersonalityPoint]:
        """The timeline of the personality, oldest first, up to `as_of`."""
        ...

    async def standing(self, user: str, *, as_of: datetime | None = None) -> Standing:
        """Where the personality stands now, or stood: the last point of the timeline, and what the person holds."""
        ...

    async def rebuild(self, user: str) -> None:
        """Index all texts and fold all commits again (vectors of unchanged texts stay)."""
        ...

    # search

    async def speakers(self, user: str) -> tuple[str, ...]:
        """Names of those who talk in the journal; cheap, asked before every search."""
        ...

    async def find_messages(self, user: str, lookup: Lookup) -> MessageCandidates:
        """Candidate messages of the window, with their neighbours in the session; empty for an unknown user.

        Raises: EmbeddingMismatch when vectors of another model are stored.
        """
        ...

    async def find_memories(self, user: str, lookup: Lookup) -> MemoryCandidates:
        """Candidate memories: current ones, or with a window or `as_of` those that overlap it, superseded too."""
        ...

    async def messages_at(self, user: str, rows: Sequence[int]) -> list[tuple[Turn, int]]:
        """For rows of candidates, in their order: the turn, and which of its messages it is.

        Without its receipt, and where it costs a look also without its `ordinal` (-1).
        """
        ...

    async def token_vectors(self, user: str, rows: Sequence[int]) -> StoredTokens:
        """Quantised token vectors of messages; rows without any are absent."""
        ...

    # vectors

    async def unembedded(self, user: str, limit: int) -> list[Unembedded]:
        """Texts of messages and current memories that have no vector yet, oldest first."""
        ...

    async def put_vectors(self, user: str, fingerprint: str, vectors: Sequence[Vectors]) -> None:
        """Keep vectors. Raises: EmbeddingMismatch when others of another model are held."""
        ...

    async def drop_vectors(self, user: str) -> None:
        """Remove all vectors, so that another model can make them anew."""
        ...

    # users and removal

    async def users(self) -> list[str]:
        """Ids of all users that have anything."""
        ...

    async def erase(self, user: str, what: Erase, *, at: datetime, reopen: Reopen) -> Erased:
        """Erase turns, memories and pictures with all that was made from them (`memory.erase`), in one step.

        Tombstones stay, so that neither a replay nor inference brings anything back. Jobs whose work went are opened
        anew over the turns that remain. Unknown ids are no error.
        """
        ...

    async def unsettled(self, user: str) -> Unsettled:
        """What erases have left to do."""
        ...

    async def settle(self, user: str, images: Iterable[str] = ()) -> bool:
        """Note that these pictures are removed, and try again to drop old bytes; whether all is done."""
        ...

    async def tombstones(self, user: str) -> Tombstones:
        """What was erased, without a word of it."""
        ...

    async def bury(self, user: str, ids: Iterable[str], *, at: datetime, reopen: Reopen) -> Erased:
        """Set tombstones of another store's erases: what they stand for goes here too, and does not come back."""
        ...

    async def remove_user(self, user: str) -> None:
        """Remove everything that the user has; an unknown user is no error."""
        ...

    async def close(self) -> None:
        """Let go of files and connections; the store can be opened again."""
        ...
