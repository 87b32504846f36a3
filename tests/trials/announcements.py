"""What a child says of its errands: before one starts, and after the store acknowledged it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

STEP = timedelta(minutes=4)
"""The clock of the trial moves by this with each errand, so that some sessions close by silence."""


class Errand(StrEnum):
    """What a child does to the store."""

    CHAT = "chat"
    AGAIN = "again"
    """Answers a turn that a kill left without an answer."""
    UPDATE = "update"
    CLOSE = "close"
    """Updates too, with the open session taken as over."""
    CORRECT = "correct"
    FORGET_TURN = "forget_turn"
    FORGET_WINDOW = "forget_window"
    FORGET_MEMORY = "forget_memory"
    FORGET_USER = "forget_user"
    MIGRATE = "migrate"
    """Opens a store of an older schema."""


ERASES = frozenset({Errand.FORGET_TURN, Errand.FORGET_WINDOW, Errand.FORGET_MEMORY, Errand.FORGET_USER})
"""They take what they name, and what rests on it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Started:
    """An errand begins."""

    number: int
    """Its number in the whole trial; its time follows from it."""
    errand: Errand
    user: str
    text: str = ""
    """What is told, or what is right."""
    image: str = ""
    """Digest of the image that is sent along."""
    turns: tuple[str, ...] = ()
    """Ids of the turns that are erased or answered."""
    memory: str = ""
    """Id of the memory that is corrected or forgotten."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Updated:
    """A job of the Update stage was committed."""

    user: str
    job: str
    turns: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """An errand was acknowledged."""

    number: int
    turn: str = ""
    """Id of the turn that was written."""
    answer: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """What an errand was to work on is gone since it was chosen: an update took it."""

    number: int


Announcement = Started | Updated | Done | Refused


def moment(number: int) -> datetime:
    """The time of an errand."""
    return datetime(2024, 1, 1, tzinfo=UTC) + number * STEP
