"""Turns, commits and jobs from a file of somebody else's making: read by our codec, then checked to the last field.

What a store holds is ours and read as it is; what comes from outside must not break what reads it later.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass, replace
from datetime import datetime
from types import NoneType
from typing import Any

from pydantic import BaseModel, ValidationError

from persona_graph.codec import Json, commit_from_json, job_from_json, turn_from_json
from persona_graph.conversation import Turn
from persona_graph.errors import InputError
from persona_graph.memory.commit import Commit, is_trait
from persona_graph.memory.open_job import OpenJob
from persona_graph.memory.operations import Freeze
from persona_graph.personality import BigFive, Trait
from persona_graph.update.outbox import RANKS

MOST_ATTEMPTS = 1_000


class _Hit(BaseModel):
    target: str
    id: str
    score: float
    parts: dict[str, float]
    ref: str = ""
    turn: str = ""
    message: int = 0
    turns: list[str] = []


class _Search(BaseModel):
    keywords: str
    window: dict[str, datetime]
    terms: dict[str, float]
    hits: list[_Hit]
    milliseconds: float
    away: bool = False


class _Said(BaseModel):
    role: str
    text: str


class _Usage(BaseModel):
    calls: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    milliseconds: float = 0.0


class _Step(BaseModel):
    job: str
    act: str
    said: list[_Said] = []
    search: _Search | None = None
    usage: _Usage = _Usage()


class _Opening(BaseModel):
    at: datetime | None = None
    profile: list[str] = []
    habits: list[str] = []
    recent: list[str] = []
    personality: dict[str, float] = {}
    away: bool = False


class _Receipt(BaseModel):
    """The parts of a receipt that anything reads; `receipt.py` writes them."""

    policy: str = ""
    opening: _Opening = _Opening()
    steps: list[_Step] = []
    usage: _Usage = _Usage()
    away: bool = False


def turn_of(row: Json) -> Turn:
    """A turn. Raises: InputError."""
    turn = turn_from_json(row)
    check_types(turn)
    try:
        _Receipt.model_validate(turn.receipt, strict=False)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        raise InputError(f"the receipt is none of ours: {place}: {first['msg']}") from error
    return turn


def commit_of(row: Json) -> Commit:
    """A commit. Raises: InputError."""
    commit = commit_from_json(row)
    check_types(commit)
    for operation in commit.operations:
        if isinstance(operation, Freeze) and operation.value is not None and is_trait(operation.what):
            BigFive().replace({Trait(operation.what): operation.value})
    return commit


def job_of(row: Json) -> OpenJob:
    """An open job. Raises: InputError."""
    job = job_from_json(row)
    check_types(job)
    if job.name not in RANKS or not 0 <= job.attempts < MOST_ATTEMPTS:
        raise InputError(f"{job.name[:80]!r} after {job.attempts} attempts is no job of the Update stage")
    return replace(job, rank=RANKS[job.name])


def tombstone_of(row: Json) -> str:
    """The id on a tombstone. Raises: InputError."""
    id = row.get("id")
    if not isinstance(id, str):
        raise InputError(f"{repr(id)[:80]} is no id")
    return id


_TYPES: Mapping[str, type | tuple[type, ...]] = {
    "str": str,
    "int": int,
    "bool": bool,
    "float": (int, float),
    "float | None": (int, float, NoneType),
    "int | None": (int, NoneType),
    "datetime": datetime,
    "Mapping[str, Any]": Mapping,
    "tuple[str, ...]": tuple,
}


def check_types(value: Any) -> None:
    """Whether what a file of others held has the types that it is declared with, however deep.

    Raises: InputError naming the field.
    """
    for field in fields(value):
        held, declared = getattr(value, field.name), str(field.type)
        if not isinstance(held, _TYPES.get(declared, object)):
            raise InputError(f"{field.name} is {repr(held)[:80]}; it is {declared}")
        for part in held if isinstance(held, tuple) else (held,):
            if declared == "tuple[str, ...]" and not isinstance(part, str):
                raise InputError(f"{field.name} holds {repr(part)[:80]}; it holds texts")
            if is_dataclass(part):
                check_types(part)
