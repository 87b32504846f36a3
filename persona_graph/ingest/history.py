"""`History`: one person's past as turns, and what all formats share on the way there.

A turn's id depends on the format, the person, the time and the place among turns of the same time, so a
file that is ingested twice, or after it has grown, gives each exchange once.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from persona_graph.conversation import Image, Message, Role, Turn, digest_of
from persona_graph.errors import InputError

MINUTE = timedelta(minutes=1)
"""How far apart messages stand where a format gives a session's time alone."""

Model = TypeVar("Model", bound=BaseModel)


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """An image file and the block of a turn that waits for it."""

    turn: str
    message: int
    block: int
    path: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """One person's part of a file."""

    user_hint: str
    """A user id to take where none is given: short and without spaces."""
    name: str
    """What the file calls this person or sample."""
    turns: tuple[Turn, ...]
    """In order of time."""
    profile: Mapping[str, str] = field(default_factory=dict)
    """The initial profile, where the format has one."""
    pictures: tuple[Picture, ...] = ()
    """Images to load; their blocks have no digest yet."""
    warnings: tuple[str, ...] = ()
    """Sentences about what is left out."""

    @property
    def messages(self) -> int:
        """How many messages the turns hold."""
        return sum(len(turn.messages) for turn in self.turns)

    def with_images(self, images: Mapping[Path, Image]) -> tuple[Turn, ...]:
        """The turns with each picture's block replaced by the image that was kept for its path.

        A caption that the file gives stays; a path that is not in `images` stays a caption alone.
        """
        found = {(p.turn, p.message, p.block): images[p.path] for p in self.pictures if p.path in images}
        return tuple(_placed(turn, found) for turn in self.turns)


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A turn that has no id yet."""

    at: datetime
    session: str
    messages: tuple[Message, ...]
    paths: Mapping[tuple[int, int], Path] = field(default_factory=dict)
    """(message, block) -> the image file it stands for."""


def history_of(
    source: str,
    name: str,
    drafts: Iterable[Draft],
    *,
    profile: Mapping[str, str] | None = None,
    warnings: Iterable[str] = (),
) -> History:
    """The history of these drafts, sorted by time, each with its id; `source` is the format's name."""
    seen: Counter[datetime] = Counter()
    turns: list[Turn] = []
    pictures: list[Picture] = []
    for draft in sorted(drafts, key=lambda draft: draft.at):
        place = str(seen[draft.at])
        seen[draft.at] += 1
        id = digest_of("ingest", source, name, draft.at.isoformat(), place)
        turns.append(Turn(id=id, at=draft.at, session=draft.session, messages=draft.messages))
        pictures += [Picture(turn=id, message=m, block=b, path=path) for (m, b), path in draft.paths.items()]
    return History(
        user_hint=user_hint(name),
        name=name.strip(),
        turns=tuple(turns),
        profile=profile or {},
        pictures=tuple(pictures),
        warnings=tuple(warnings),
    )


def exchanges(messages: Sequence[Message]) -> list[tuple[int, tuple[Message, ...]]]:
    """Messages gathered into exchanges, each with the place of its first message.

    An exchange is what the person says and the reply to it; what the other side says before the person
    has spoken opens the first one.
    """
    starts = [0] if messages else []
    spoken = False
    for place, message in enumerate(messages):
        if message.role is not Role.PERSON:
            continue
        if spoken and messages[place - 1].role is not Role.PERSON:
            starts.append(place)
        spoken = True
    return [(a, tuple(messages[a:b])) for a, b in zip(starts, [*starts[1:], len(messages)], strict=True)]


def user_hint(name: str) -> str:
    """A name as a user id: casefolded, everything but letters and digits a dash."""
    dashed = "".join(c if c.isalnum() else "-" for c in name.strip().casefold())
    return "-".join(part for part in dashed.split("-") if part) or "user"


def checked(model: type[Model], data: Any, where: str) -> Model:
    """The data as the model.

    Raises: InputError saying where and what is wrong.
    """
    try:
        return model.model_validate(data)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        raise InputError(f"{where}: {place + ': ' if place else ''}{first['msg']}") from error


def _placed(turn: Turn, found: Mapping[tuple[str, int, int], Image]) -> Turn:
    messages = list(turn.messages)
    for (id, m, b), image in found.items():
        if id == turn.id:
            blocks = list(messages[m].blocks)
            old = blocks[b]
            caption = old.caption if isinstance(old, Image) and old.caption else image.caption
            blocks[b] = replace(image, caption=caption)
            messages[m] = replace(messages[m], blocks=tuple(blocks))
    return replace(turn, messages=tuple(messages))
