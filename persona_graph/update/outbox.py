"""What a turn leaves to do: the open jobs that are written with it (pure).

Personality and facts follow each turn. Episodes, habits and profile wait until the session closes: by the
next message after 60 minutes of silence, or by the clock.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from persona_graph.conversation import Turn, TurnState, digest_of, starts_session
from persona_graph.jobs.extract_semantic import EXTRACT_SEMANTIC
from persona_graph.jobs.infer_personality import INFER_PERSONALITY
from persona_graph.jobs.segment_episodes import SEGMENT_EPISODES
from persona_graph.jobs.update_core import UPDATE_CORE
from persona_graph.jobs.update_procedural import UPDATE_PROCEDURAL
from persona_graph.memory.erase import Again
from persona_graph.memory.open_job import OpenJob, job_id

TURN_JOBS = (INFER_PERSONALITY.name, EXTRACT_SEMANTIC.name)
SESSION_JOBS = (SEGMENT_EPISODES.name, UPDATE_PROCEDURAL.name, UPDATE_CORE.name)
RANKS = {name: rank for rank, name in enumerate((*TURN_JOBS, *SESSION_JOBS))}


def jobs_after(turn: Turn, *, now: datetime, gap: timedelta) -> tuple[OpenJob, ...]:
    """The jobs that one answered turn opens; those of its session start to wait anew."""
    at_once = [_job(name, turn.id, turn, now) for name in TURN_JOBS]
    at_close = [_job(name, turn.session, turn, now + gap) for name in SESSION_JOBS]
    return (*at_once, *at_close)


def in_session(turn: Turn, last: Turn | None, *, now: datetime, gap: timedelta) -> tuple[Turn, list[OpenJob]]:
    """A turn in its session, given or told by the turn before it; its jobs, with what closes the session before."""
    new = last is None or starts_session(last.at, turn.at, gap)
    session = turn.session or (session_opened_by(turn) if new or last is None else last.session)
    turn = replace(turn, session=session)
    jobs = list(closing(last.session, at=last.at, now=now)) if last is not None and last.session != session else []
    # What is asked and not answered yet gets its jobs with its answer.
    return turn, [*jobs, *(jobs_after(turn, now=now, gap=gap) if turn.state is TurnState.ANSWERED else ())]


def session_opened_by(turn: Turn) -> str:
    """The name of the session that begins with a turn."""
    return digest_of("session", turn.id)[:16]


def closing(session: str, *, at: datetime, now: datetime) -> tuple[OpenJob, ...]:
    """What makes a session's waiting jobs due now, whatever the clock says."""
    return tuple(
        OpenJob(id=job_id(name, session), name=name, turns=(), at=at, rank=RANKS[name], not_before=now)
        for name in SESSION_JOBS
    )


def closing_of(jobs: Sequence[OpenJob], *, now: datetime) -> tuple[OpenJob, ...]:
    """The same for every open session of a user, from the jobs that wait."""
    waiting = (job for job in jobs if job.name in SESSION_JOBS and job.not_before > now and not job.attempts)
    return tuple(
        OpenJob(id=job.id, name=job.name, turns=(), at=job.at, rank=job.rank, not_before=now) for job in waiting
    )


def reopened(again: Again, newest: datetime, *, now: datetime) -> OpenJob | None:
    """The open job that does the work of a commit that an erase took again; None for work that is nobody's job."""
    if again.job not in RANKS:
        return None
    id, rank = job_id(again.job, f"again {again.commit}"), RANKS[again.job]
    return OpenJob(id=id, name=again.job, turns=again.turns, at=newest, rank=rank, not_before=now)


def _job(name: str, scope: str, turn: Turn, not_before: datetime) -> OpenJob:
    return OpenJob(
        id=job_id(name, scope), name=name, turns=(turn.id,), at=turn.at, rank=RANKS[name], not_before=not_before
    )
