"""`Difference`: one item of a user that two stores do not have alike, named by its id, never by a text (pure)."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any


class Part(StrEnum):
    """What a user has, kind by kind."""

    TURNS = "turns"
    COMMITS = "commits"
    JOBS = "jobs"
    TOMBSTONES = "tombstones"
    IMAGES = "images"
    MEMORIES = "memories"
    PERSONALITY = "personality"
    STANDING = "standing"


TRUTH = (Part.TURNS, Part.COMMITS, Part.JOBS, Part.TOMBSTONES, Part.IMAGES)
"""What is copied; a store makes the rest of it."""

_NOUNS = {
    Part.TURNS: "turn",
    Part.COMMITS: "commit",
    Part.JOBS: "open job",
    Part.TOMBSTONES: "tombstone",
    Part.IMAGES: "picture",
    Part.MEMORIES: "memory",
    Part.PERSONALITY: "point of the personality for turn",
    Part.STANDING: "what the person holds and has switched off",
}


class Way(StrEnum):
    """How an item differs."""

    MISSING = "is in FROM and not in TO"
    MORE = "is in TO and not in FROM"
    LOST = "is in neither, though a turn shows it"
    CHANGED = "is not the same in TO"


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One item."""

    user: str
    part: Part
    id: str
    way: Way
    fields: tuple[str, ...] = ()
    """Where the two differ; `place` is the order among all."""

    @property
    def sentence(self) -> str:
        """What a person reads."""
        name = " ".join(part for part in (_NOUNS[self.part], self.id) if part)
        where = f" ({', '.join(self.fields)})" if self.fields else ""
        return f"{self.user}: {name} {self.way}{where}."


def differences(
    user: str,
    part: Part,
    here: Mapping[str, Any],
    there: Mapping[str, Any],
    *,
    ordered: bool = False,
    ignoring: Collection[str] = (),
) -> Iterator[Difference]:
    """What differs between items by id, here in FROM and there in TO.

    An item that only one has does not change the places of the others.
    """
    common = [id for id in here if id in there]
    places = zip(common, (id for id in there if id in here), strict=True) if ordered else ()
    moved = {one for one, other in places if one != other}
    for id, item in here.items():
        if id not in there:
            yield Difference(user=user, part=part, id=id, way=Way.MISSING)
        elif names := (*_unlike(item, there[id], ignoring), *(["place"] if id in moved else ())):
            yield Difference(user=user, part=part, id=id, way=Way.CHANGED, fields=names)
    for id in there:
        if id not in here:
            yield Difference(user=user, part=part, id=id, way=Way.MORE)


def _unlike(one: Any, other: Any, ignoring: Collection[str]) -> tuple[str, ...]:
    """Names of the fields that differ."""
    if not is_dataclass(one):
        return () if one == other else ("value",)
    pairs = ((f.name, getattr(one, f.name), getattr(other, f.name)) for f in fields(one) if f.name not in ignoring)
    return tuple(name for name, a, b in pairs if a != b or _offset(a) != _offset(b))


def _offset(value: Any) -> Any:
    """Two moments may be one instant, and show another clock."""
    return value.utcoffset() if isinstance(value, datetime) else None
