"""`Holdings`: everything that a store holds of one user."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from hashlib import sha256

from persona_graph.conversation import Turn
from persona_graph.errors import NotFound
from persona_graph.media import Media
from persona_graph.memory.commit import Commit, Tombstones
from persona_graph.memory.open_job import OpenJob
from persona_graph.memory.store import MemoryStore, Standing
from persona_graph.memory.types import Memory
from persona_graph.personality import PersonalityPoint


@dataclass(frozen=True, slots=True, kw_only=True)
class Holdings:
    """What one user has."""

    user: str
    turns: tuple[Turn, ...] = ()
    jobs: tuple[OpenJob, ...] = ()
    commits: tuple[Commit, ...] = ()
    versions: tuple[Memory, ...] = ()
    """All versions of all memories."""
    current: tuple[Memory, ...] = ()
    points: tuple[PersonalityPoint, ...] = ()
    standing: Standing = field(default_factory=Standing)
    tombstones: Tombstones = field(default_factory=Tombstones)

    @property
    def projected(self) -> tuple[object, ...]:
        """All that is made of the commits."""
        return self.versions, self.current, self.points, dict(self.standing.frozen), self.standing.off


async def read(store: MemoryStore, user: str) -> Holdings:
    """Everything of one user."""
    return Holdings(
        user=user,
        turns=tuple(await store.turns(user)),
        jobs=tuple(await store.jobs(user)),
        commits=tuple(await store.commits(user)),
        versions=tuple(await store.memories(user, history=True, off=True)),
        current=tuple(await store.memories(user, off=True)),
        points=tuple(await store.personality(user)),
        standing=await store.standing(user),
        tombstones=await store.tombstones(user),
    )


async def whole_images(media: Media, user: str, digests: Iterable[str]) -> frozenset[str]:
    """Which of these images lie there, whole."""
    found = set()
    for digest in digests:
        try:
            if sha256(await media.get(user, digest)).hexdigest() == digest:
                found.add(digest)
        except NotFound:
            continue
    return frozenset(found)
