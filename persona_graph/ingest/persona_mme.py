"""Persona-MME's `user_data.json`: a profile, sessions of {time, user, assistant}, and a list of images.

Each `<img>` in what the person says takes the next image of the list; its base name is looked up in the
folder of the file. An `<img>` beyond the end of the list stays text.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path, PureWindowsPath
from typing import Any

from pydantic import BaseModel, Field

from persona_graph.conversation import Block, Image, Message, Role, Text
from persona_graph.errors import InputError
from persona_graph.ingest.history import Draft, History, checked, history_of
from persona_graph.timerange import parse_time

PLACEHOLDER = "<img>"


class _Exchange(BaseModel):
    time: str
    user: str
    assistant: str


class _UserData(BaseModel):
    profile: dict[str, Any] = Field(default_factory=dict)
    sessions: list[list[Any]]
    imgs: list[str] = Field(default_factory=list)


def recognises(data: Any) -> bool:
    """Whether this is one user's data."""
    return isinstance(data, dict) and isinstance(data.get("sessions"), list) and ("profile" in data or "imgs" in data)


def read(data: Any, name: str, files: Mapping[str, Path]) -> tuple[History, ...]:
    """The history of this user; `files` are the images that exist, by base name."""
    given = checked(_UserData, data, name)
    pictures, warnings, drafts = iter(given.imgs), list[str](), list[Draft]()
    for number, session in enumerate(given.sessions, 1):
        for place, row in enumerate(session, 1):
            where = f"{name}, session {number}, exchange {place}"
            drafts.append(_draft(row, f"{name}/{number}", where, pictures, files, warnings))
    profile = {key: written for key, value in given.profile.items() if (written := as_text(value))}
    return (history_of("persona-mme", name, drafts, profile=profile, warnings=warnings),)


def as_text(value: Any) -> str:
    """A profile's value as one line: lists with commas, mappings as `key: value`."""
    if value is None:
        return ""
    if isinstance(value, Mapping):
        return "; ".join(f"{key}: {text}" for key, inner in value.items() if (text := as_text(inner)))
    if isinstance(value, list):
        return ", ".join(text for inner in value if (text := as_text(inner)))
    return str(value).strip()


def _draft(
    row: Any, session: str, where: str, pictures: Iterator[str], files: Mapping[str, Path], warnings: list[str]
) -> Draft:
    given = checked(_Exchange, row, where)
    blocks, paths = list[Block](), dict[tuple[int, int], Path]()
    for piece in _pieces(given.user, pictures):
        if isinstance(piece, Image):
            path = files.get(piece.caption)
            if path is None:
                warnings.append(f"{where}: the image {piece.caption} is missing; its name stands for it")
            else:
                paths[0, len(blocks)] = path
                piece = Image(digest="")
        blocks.append(piece)
    messages = (Message(role=Role.PERSON, blocks=tuple(blocks)), Message.of(Role.ASSISTANT, given.assistant))
    return Draft(at=_time(given.time, where), session=session, messages=messages, paths=paths)


def _pieces(text: str, pictures: Iterator[str]) -> Iterator[Block]:
    """The text and the images in it, an image by its base name as its caption."""
    pending, *rest = text.split(PLACEHOLDER)
    for after in rest:
        picture = next(pictures, None)
        if picture is None:
            pending += PLACEHOLDER + after
            continue
        if pending.strip():
            yield Text(pending.strip())
        # Windows' reading of a path knows both kinds of slash.
        yield Image(digest="", caption=PureWindowsPath(picture).name)
        pending = after
    if pending.strip() or not rest:
        yield Text(pending.strip())


def _time(text: str, where: str) -> datetime:
    try:
        return parse_time(text.partition("(")[0])
    except InputError as error:
        raise InputError(f"{where}: {error}") from error
