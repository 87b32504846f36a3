"""LoCoMo: a list of samples, each a conversation of two people in numbered, dated sessions.

`speaker_a` is the person, `speaker_b` takes the assistant's side; both keep their names. Images are there
as captions only, and the search phrase (`query`) that found an image is never read.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

from pydantic import BaseModel, Field

from persona_graph.conversation import Block, Image, Message, Role, Text
from persona_graph.errors import InputError
from persona_graph.ingest.history import MINUTE, Draft, History, checked, exchanges, history_of

_SESSION = re.compile(r"session_(\d+)")
_WHEN = "%I:%M %p on %d %B, %Y"


class _Message(BaseModel):
    speaker: str
    dia_id: str
    text: str = ""
    blip_caption: str | None = None


class _Speakers(BaseModel):
    speaker_a: str = Field(min_length=1)
    speaker_b: str = Field(min_length=1)


def recognises(data: Any) -> bool:
    """Whether this is a list of samples, or one sample."""
    rows = data if isinstance(data, list) else [data]
    return bool(rows) and all(
        isinstance(row, dict) and isinstance(row.get("conversation"), dict) and "speaker_a" in row["conversation"]
        for row in rows
    )


def read(data: Any) -> tuple[History, ...]:
    """One history a sample, named by its `sample_id`."""
    rows = data if isinstance(data, list) else [data]
    return tuple(_sample(row, str(row.get("sample_id", f"sample-{place}"))) for place, row in enumerate(rows))


def _sample(row: dict[str, Any], name: str) -> History:
    conversation = row["conversation"]
    person = checked(_Speakers, conversation, name)
    if person.speaker_a == person.speaker_b:
        raise InputError(f"{name}: speaker_a and speaker_b are both {person.speaker_a!r}; two names are needed")
    numbers = sorted(int(match[1]) for key in conversation if (match := _SESSION.fullmatch(key)))
    drafts = [draft for number in numbers for draft in _session(conversation, person, name, number)]
    return history_of("locomo", name, drafts)


def _session(conversation: dict[str, Any], speakers: _Speakers, name: str, number: int) -> list[Draft]:
    where = f"{name}, session_{number}"
    start = _time(conversation.get(f"session_{number}_date_time"), where)
    rows = conversation[f"session_{number}"]
    if not isinstance(rows, list):
        raise InputError(f"{where}: a list of messages is expected, this is {type(rows).__name__}")
    messages = [_message(row, speakers, f"{where}, message {place}") for place, row in enumerate(rows, 1)]
    session = f"{name}/{number}"
    return [
        Draft(at=start + place * MINUTE, session=session, messages=exchange) for place, exchange in exchanges(messages)
    ]


def _message(row: Any, speakers: _Speakers, where: str) -> Message:
    given = checked(_Message, row, where)
    roles = {speakers.speaker_a: Role.PERSON, speakers.speaker_b: Role.ASSISTANT}
    if given.speaker not in roles:
        raise InputError(f"{where}: {given.speaker!r} is neither {' nor '.join(map(repr, roles))}")
    blocks: list[Block] = [Text(given.text)]
    if given.blip_caption:
        blocks.append(Image(digest="", caption=given.blip_caption))
    return Message(role=roles[given.speaker], blocks=tuple(blocks), speaker=given.speaker, outside_id=given.dia_id)


def _time(text: Any, where: str) -> datetime:
    try:
        return datetime.strptime(str(text).strip().upper(), _WHEN).replace(tzinfo=UTC)
    except ValueError as error:
        raise InputError(f'{where}: {text!r} is no time of a session; "1:56 pm on 8 May, 2023" is expected') from error
