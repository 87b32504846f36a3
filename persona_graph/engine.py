"""`Engine`: what both stages work with, gathered once at the entry point and passed down."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo
from functools import partial
from pathlib import Path
from uuid import uuid4

from persona_graph.embeddings import Embedder
from persona_graph.gate import Gate
from persona_graph.media import Media
from persona_graph.memory.store import MemoryStore
from persona_graph.options import Options
from persona_graph.outage import Outage
from persona_graph.policy.policy import Policy, SeesImages
from persona_graph.spool import Spool

Clock = Callable[[], datetime]


def real_clock() -> datetime:
    """The time now, in UTC."""
    return datetime.now(UTC)


def random_id() -> str:
    """An id that no other has."""
    return uuid4().hex


def _nobody(_user: str) -> None:
    """Nobody waits for news of the outbox."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Engine:
    """Store, policy, media, spool, embedder, options, clock and ids."""

    store: MemoryStore
    policy: Policy
    media: Media
    spool: Spool
    """Where turns wait while the store's server is away."""
    embedder: Embedder | None = None
    options: Options = field(default_factory=Options)
    clock: Clock = real_clock
    new_id: Callable[[], str] = random_id
    zone: tzinfo = UTC
    """In which the person's times are shown to the model."""
    gate: Gate = field(default_factory=Gate)
    """Passed by turns on their way in."""
    outage: Outage = field(default_factory=Outage)
    """Whether that server is away."""
    home: Path | None = None
    """The folder of an embedded store: nothing but the store writes into it."""
    wake: Callable[[str], None] = _nobody
    """Told the user whose outbox has new work."""

    def policy_for(self, user: str) -> Policy:
        """The policy, able to see this user's images and nobody else's."""
        if isinstance(self.policy, SeesImages):
            return self.policy.with_media(partial(self.media.get, user))
        return self.policy
