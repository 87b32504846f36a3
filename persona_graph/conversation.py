"""What was said: `Message`s of ordered content blocks, gathered into `Turn`s, gathered into sessions.

A turn is one exchange (usually the person's message and the assistant's answer). It is written
before the answer returns; once answered it changes only by erase.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from persona_graph.errors import InputError
from persona_graph.timerange import EARLIEST, LATEST, instant, within_calendar

SESSION_GAP = timedelta(minutes=60)
"""Silence that closes a session, and the reach of the short-term context (paper section 3.1, t_s)."""


class Role(StrEnum):
    """Who speaks, from the memory's point of view."""

    PERSON = "person"
    ASSISTANT = "assistant"


class TurnState(StrEnum):
    """Where a turn stands."""

    ASKED = "asked"
    """The message is in the journal, no answer yet."""
    ANSWERED = "answered"
    FAILED = "failed"
    """The model could not be reached; the turn can be answered again."""


@dataclass(frozen=True, slots=True)
class Text:
    """A block of text."""

    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """A block that stands for an image kept by `Media`."""

    digest: str
    """sha256 of the bytes, hexadecimal; the empty string when only the caption is known."""
    caption: str = ""
    media_type: str = "image/png"


Block = Text | Image


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One utterance: ordered blocks by one speaker."""

    role: Role
    blocks: tuple[Block, ...]
    speaker: str = ""
    """The speaker's name where it is known; the role speaks for itself otherwise."""
    outside_id: str = ""
    """The id that the message has in the outside source it came from."""

    @classmethod
    def of(cls, role: Role, text: str, *, speaker: str = "", outside_id: str = "") -> Message:
        """A message of one text block."""
        return cls(role=role, blocks=(Text(text),), speaker=speaker, outside_id=outside_id)

    @property
    def text(self) -> str:
        """The text blocks, joined by newlines."""
        return "\n".join(block.text for block in self.blocks if isinstance(block, Text))

    @property
    def images(self) -> tuple[Image, ...]:
        """The image blocks in order."""
        return tuple(block for block in self.blocks if isinstance(block, Image))

    @property
    def searchable(self) -> str:
        """Text and captions: what a search by words sees."""
        parts = [b.text if isinstance(b, Text) else b.caption for b in self.blocks]
        return "\n".join(part for part in parts if part)


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """One exchange: its messages in order, when it happened, where it stands."""

    id: str
    at: datetime
    """When the person spoke, timezone-aware."""
    session: str
    messages: tuple[Message, ...]
    state: TurnState = TurnState.ANSWERED
    receipt: Mapping[str, Any] = field(default_factory=dict)
    """How the answer came about (ids, never copied text); JSON."""
    ordinal: int = -1
    """How many turns of this user stand before it (the paper's m); the store fills it in on reading."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "at", instant(self.at, "a turn's time"))
        if within_calendar(self.at) != self.at:
            raise InputError(f"a turn's time lies between {EARLIEST:%Y-%m-%d} and {LATEST:%Y-%m-%d}, unlike {self.at}")
        if not self.messages:
            raise InputError("a turn holds at least one message; this one has none")

    def said_by(self, role: Role) -> str:
        """All that one side says in this turn."""
        return "\n".join(m.searchable for m in self.messages if m.role is role)

    @property
    def images(self) -> tuple[Image, ...]:
        """All images of the turn in order."""
        return tuple(image for message in self.messages for image in message.images)


def starts_session(previous: datetime | None, at: datetime, gap: timedelta = SESSION_GAP) -> bool:
    """Whether a message at `at` opens a new session: no turn before it, or `gap` or more between them."""
    return previous is None or abs(at - previous) >= gap


def id_text(id: str) -> str:
    """An id that came from outside. Raises: InputError for what is no text."""
    if not isinstance(id, str):
        raise InputError(f"{repr(id)[:80]} is no id; ids are texts")
    return id


def digest_of(*parts: str | Iterable[str]) -> str:
    """A short id that depends on the parts and their borders alone (sha256, 32 hexadecimal digits)."""
    sha = hashlib.sha256()
    for part in parts:
        for piece in (part,) if isinstance(part, str) else part:
            data = piece.encode("utf-8", "surrogatepass")
            sha.update(len(data).to_bytes(8, "big") + data)
        sha.update(b"\xff" * 8)
    return sha.hexdigest()[:32]
