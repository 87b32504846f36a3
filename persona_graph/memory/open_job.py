"""`OpenJob`: work of the Update stage that waits in the outbox."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from persona_graph.conversation import digest_of


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenJob:
    """Work of the Update stage that waits in the outbox."""

    id: str
    name: str
    turns: tuple[str, ...]
    """The turns it works from."""
    at: datetime
    """The newest of those turns: jobs of a user run in this order, then by `rank`."""
    rank: int
    not_before: datetime
    """When it may run: now, when its session closes, or when a retry is due."""
    attempts: int = 0
    parked: bool = False
    """Tried too often; waits for a person to retry it."""
    error: str = ""
    claimed_until: datetime | None = None
    claimed_by: str = ""


def job_id(name: str, scope: str) -> str:
    """The id of the open job of that name for a turn or a session."""
    return digest_of("job", name, scope)
