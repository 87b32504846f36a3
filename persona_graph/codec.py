"""Turns and commits as JSON values and back: what files of ours hold."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from datetime import datetime
from typing import Any

from persona_graph.conversation import Block, Image, Message, Role, Text, Turn, TurnState
from persona_graph.errors import InputError
from persona_graph.memory.commit import Commit
from persona_graph.memory.open_job import OpenJob
from persona_graph.memory.operations import from_json, to_json
from persona_graph.memory.types import Source
from persona_graph.personality import BigFive, Observation
from persona_graph.timerange import instant

Json = dict[str, Any]
_UNREADABLE = (AttributeError, KeyError, TypeError, ValueError)
"""What a row of another form raises, wherever in it the other form begins."""


def message_to_json(message: Message) -> Json:
    """A message; empty fields are left out."""
    row: Json = {"role": message.role.value, "blocks": [_block_to_json(b) for b in message.blocks]}
    if message.speaker:
        row["speaker"] = message.speaker
    if message.outside_id:
        row["outside_id"] = message.outside_id
    return row


def message_from_json(row: Mapping[str, Any]) -> Message:
    """The message that `message_to_json` wrote."""
    return Message(
        role=Role(row["role"]),
        blocks=tuple(_block_from_json(b) for b in row["blocks"]),
        speaker=row.get("speaker", ""),
        outside_id=row.get("outside_id", ""),
    )


def turn_to_json(turn: Turn) -> Json:
    """A turn, without its ordinal, which depends on its neighbours."""
    return {
        "id": turn.id,
        "at": turn.at.isoformat(),
        "session": turn.session,
        "state": turn.state.value,
        "messages": [message_to_json(m) for m in turn.messages],
        "receipt": dict(turn.receipt),
    }


def turn_from_json(row: Mapping[str, Any]) -> Turn:
    """The turn that `turn_to_json` wrote. Raises: InputError."""
    try:
        return Turn(
            id=row["id"],
            at=datetime.fromisoformat(row["at"]),
            session=row["session"],
            state=TurnState(row["state"]),
            messages=tuple(message_from_json(m) for m in row["messages"]),
            receipt=row.get("receipt", {}),
        )
    except _UNREADABLE as error:
        raise InputError(f"this is no turn: {type(error).__name__} {error}") from error


def commit_to_json(commit: Commit) -> Json:
    """A commit, without its sequence, which depends on the store."""
    return {
        "id": commit.id,
        "job": commit.job,
        "at": commit.at.isoformat(),
        "source": commit.source.value,
        "operations": [to_json(o) for o in commit.operations],
        "observations": [observation_to_json(o) for o in commit.observations],
        "evidence": list(commit.evidence),
        "read": list(commit.read),
    }


def commit_from_json(row: Mapping[str, Any]) -> Commit:
    """The commit that `commit_to_json` wrote. Raises: InputError."""
    try:
        return Commit(
            id=row["id"],
            job=row["job"],
            at=_moment(row["at"]),
            source=Source(row["source"]),
            operations=tuple(from_json(o) for o in row["operations"]),
            observations=tuple(observation_from_json(o) for o in row["observations"]),
            evidence=tuple(row["evidence"]),
            read=tuple(row["read"]),
        )
    except _UNREADABLE as error:
        raise InputError(f"this is no commit: {type(error).__name__} {error}") from error


def job_to_json(job: OpenJob) -> Json:
    """An open job, without who holds it, which is a matter of the moment."""
    return {
        "id": job.id,
        "name": job.name,
        "turns": list(job.turns),
        "at": job.at.isoformat(),
        "rank": job.rank,
        "not_before": job.not_before.isoformat(),
        "attempts": job.attempts,
        "parked": job.parked,
        "error": job.error,
    }


def job_from_json(row: Mapping[str, Any]) -> OpenJob:
    """The job that `job_to_json` wrote. Raises: InputError."""
    try:
        return OpenJob(
            id=row["id"],
            name=row["name"],
            turns=tuple(row["turns"]),
            at=_moment(row["at"]),
            rank=int(row["rank"]),
            not_before=_moment(row["not_before"]),
            attempts=int(row["attempts"]),
            parked=bool(row["parked"]),
            error=row["error"],
        )
    except _UNREADABLE as error:
        raise InputError(f"this is no open job: {type(error).__name__} {error}") from error


def observation_to_json(observation: Observation) -> Json:
    """An observation of the person's traits."""
    return {
        "turn": observation.turn,
        "at": observation.at.isoformat(),
        "scores": list(observation.scores.scores),
        "words": list(observation.words),
    }


def observation_from_json(row: Mapping[str, Any]) -> Observation:
    """The observation that `observation_to_json` wrote."""
    return Observation(
        turn=row["turn"],
        at=_moment(row["at"]),
        scores=BigFive(*row["scores"]),
        words=tuple(row["words"]),
    )


def _moment(text: str) -> datetime:
    return instant(datetime.fromisoformat(text), "at")


def _block_to_json(block: Block) -> Json:
    if isinstance(block, Text):
        return {"text": block.text}
    return {"image": {f.name: getattr(block, f.name) for f in fields(Image)}}


def _block_from_json(row: Mapping[str, Any]) -> Block:
    return Image(**row["image"]) if "image" in row else Text(row["text"])
