"""Our own format: one JSON object a line, one line an exchange.

    {"at": "2024-05-12 18:30", "user": "My dog is called Rufus.", "assistant": "A fine name!"}
    {"at": "2024-05-12T18:31:00+02:00", "session": "trip", "messages": [
        {"role": "user", "text": "Look!", "images": ["rufus.jpg"], "speaker": "Ana", "id": "m-17"},
        {"role": "assistant", "text": "What a dog."}]}

`at` without an offset is UTC. `role` is `user` (or `person`) or `assistant`. `session` may be left out:
then the times decide. Image paths count from the folder of the file and do not lead out of it; empty lines are skipped.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from persona_graph.conversation import Block, Image, Message, Role, Text
from persona_graph.errors import InputError
from persona_graph.ingest.history import Draft, History, checked, history_of
from persona_graph.timerange import parse_time

_ROLES = {"user": Role.PERSON, "person": Role.PERSON, "assistant": Role.ASSISTANT}


class _Message(BaseModel):
    model_config = ConfigDict(extra="forbid")
    role: Literal["user", "person", "assistant"]
    text: str = ""
    speaker: str = ""
    images: list[str] = Field(default_factory=list)
    id: str = ""


class _Line(BaseModel):
    model_config = ConfigDict(extra="forbid")
    at: str
    session: str = ""
    messages: list[_Message] = Field(min_length=1)


class _Pair(BaseModel):
    model_config = ConfigDict(extra="forbid")
    at: str
    session: str = ""
    user: str
    assistant: str


def recognises(row: Any) -> bool:
    """Whether one parsed line is in this format."""
    return isinstance(row, dict) and "at" in row and ("messages" in row or "user" in row)


def read(text: str, name: str, find: Callable[[str], Path | None]) -> tuple[History, ...]:
    """The history in these lines; `find` gives the file of an image path, None where there is none."""
    warnings: list[str] = []
    drafts = [
        _draft(_parsed(line, number), f"line {number}", find, warnings)
        for number, line in enumerate(text.split("\n"), 1)
        if line.strip()
    ]
    return (history_of("jsonl", name, drafts, warnings=warnings),)


def _parsed(line: str, number: int) -> Any:
    try:
        return json.loads(line)
    except (ValueError, RecursionError) as error:
        raise InputError(f"line {number}: this is not one JSON object ({error})") from error


def _draft(row: Any, where: str, find: Callable[[str], Path | None], warnings: list[str]) -> Draft:
    given = _read_line(row, where)
    try:
        at = parse_time(given.at)
    except InputError as error:
        raise InputError(f"{where}: {error}") from error
    paths: dict[tuple[int, int], Path] = {}
    messages: list[Message] = []
    for m, message in enumerate(given.messages):
        blocks: list[Block] = [Text(message.text)] if message.text or not message.images else []
        for image in message.images:
            path = find(image)
            if path is None:
                warnings.append(f"{where}: the image {image} is missing; its name stands for it")
                blocks.append(Image(digest="", caption=Path(image).name))
            else:
                paths[m, len(blocks)] = path
                blocks.append(Image(digest=""))
        messages.append(
            Message(role=_ROLES[message.role], blocks=tuple(blocks), speaker=message.speaker, outside_id=message.id)
        )
    return Draft(at=at, session=given.session, messages=tuple(messages), paths=paths)


def _read_line(row: Any, where: str) -> _Line:
    if not isinstance(row, dict):
        raise InputError(f"{where}: a JSON object is expected, this is {type(row).__name__}")
    if "messages" in row:
        return checked(_Line, row, where)
    pair = checked(_Pair, row, where)
    said = [_Message(role="user", text=pair.user), _Message(role="assistant", text=pair.assistant)]
    return _Line(at=pair.at, session=pair.session, messages=said)
