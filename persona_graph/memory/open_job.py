"""`OpenJob`: work of the Update stage that waits in the outbox."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from persona_graph.conversation import digest_of
from persona_graph.timerange import LATEST


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


UNTOLD = "(gone with what was erased)"
"""Stands for an error, or on a job whose work began before an erase: its error is not to be told."""
HELD = "waits until all of this user has arrived; run the same import or migrate again to finish that"


def held(job: OpenJob) -> OpenJob:
    """The job as no worker takes it up: what it would read has not arrived yet."""
    return replace(job, parked=True, not_before=LATEST, error=HELD, claimed_until=None, claimed_by="")


def is_held(job: OpenJob) -> bool:
    """Whether it waits for an arrival. An erase drops the errors of all jobs, and leaves their times."""
    return job.not_before == LATEST


def job_id(name: str, scope: str) -> str:
    """The id of the open job of that name for a turn or a session."""
    return digest_of("job", name, scope)
