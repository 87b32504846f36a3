"""`Thing`: one object of a user's tenant, and how turns, messages, commits and the others become one.

Ids follow from what a thing is, so that writing it twice is writing it once.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Any, NamedTuple
from uuid import UUID

import numpy as np
import orjson
from numpy.typing import NDArray

from persona_graph.conversation import digest_of, id_text
from persona_graph.memory.weaviate import schema
from persona_graph.timerange import TimeRange

TURN, MESSAGE, COMMIT, VERSION, JOB, STONE, UNSETTLED, SWEEP, STATE = (
    "turn",
    "message",
    "commit",
    "version",
    "job",
    "stone",
    "unsettled",
    "sweep",
    "state",
)
"""What a thing is: the first of its tags."""
PROJECTIONS = ((MESSAGE,), (VERSION,))
"""What is made of turns and commits."""

GONE = "gone"
"""The tag of what stands in the place of something erased."""

FIRST, LAST = datetime(1700, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)
"""What lies beyond stands at the edge."""
HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Thing:
    """An object to write."""

    id: UUID
    tags: tuple[str, ...]
    row: int | None = None
    event: TimeRange | None = None
    terms: str = ""
    body: Any = None
    more: Mapping[str, Any] = field(default_factory=dict)
    """Further properties by name, as they are stored."""
    vector: NDArray[np.float32] | None = None

    @property
    def properties(self) -> dict[str, Any]:
        """What Weaviate stores."""
        row = self.id.int >> 68 if self.row is None else self.row  # any number will do for what has no order
        found: dict[str, Any] = {schema.TAGS: list(self.tags), schema.ROW: row, schema.BODY: dump(self.body)}
        if self.event is not None:
            found[schema.BEGINS], found[schema.ENDS] = hours(self.event)
        if self.terms:
            found[schema.TERMS] = self.terms
        return {**found, **self.more}

    @property
    def unindexed(self) -> Thing:
        """The same, but for all that stands in an index.

        Of what can be made again nothing else stays either: no erase would find it. There is a vector where the thing
        has none, and none where it has one: what changes its vector gets a new number inside the server, under which
        all of it is indexed anew.
        """
        kept = {name: value for name, value in self.more.items() if name not in schema.INDEXED}
        made = self.tags[:1] in PROJECTIONS
        return Thing(
            id=self.id,
            tags=(),
            row=int(self.row == 0),
            body=None if made else self.body,
            more={} if made else kept,
            vector=_SOME_VECTOR if self.vector is None else None,
        )

    @property
    def vectors(self) -> dict[str, list[float]]:
        """Its vector by name."""
        return {} if self.vector is None else {schema.vector_name(len(self.vector)): self.vector.tolist()}


_SOME_VECTOR = np.eye(1, schema.ALWAYS_HAS, dtype=np.float32)[0]


class Found(NamedTuple):
    """An object that was read: what was asked for of it. A search makes hundreds of them."""

    key: bytes
    """Its id as it is sent: an UUID is slow to make and to look up."""
    properties: Mapping[str, Any]
    vectors: Mapping[str, NDArray[np.float32]] = MappingProxyType({})
    distance: float | None = None
    """From the vector asked with; None where it has none."""
    score: float = 0.0
    """By the words asked with."""

    @property
    def id(self) -> UUID:
        """Its id."""
        return UUID(bytes=self.key)

    @property
    def tags(self) -> frozenset[str]:
        """Its tags."""
        return frozenset(self.properties.get(schema.TAGS) or ())

    @property
    def row(self) -> int:
        """Its row."""
        return int(self.properties[schema.ROW])

    @property
    def body(self) -> Any:
        """What it holds."""
        return load(self.properties[schema.BODY])

    @property
    def thing(self) -> Thing:
        """It as it is to be written; all that things have was asked for."""
        apart = (schema.TAGS, schema.ROW, schema.TERMS, schema.BODY)
        return Thing(
            id=self.id,
            tags=tuple(self.properties.get(schema.TAGS) or ()),
            row=self.row,
            terms=self.properties.get(schema.TERMS) or "",
            body=self.body,
            more={name: value for name, value in self.properties.items() if name not in apart},
            vector=self.vector,
        )

    @property
    def vector(self) -> NDArray[np.float32] | None:
        """Its vector; None where it has none."""
        for vector in self.vectors.values():
            if len(vector):
                return np.array(vector, np.float32)
        return None


def uid(kind: str, *parts: str) -> UUID:
    """The id of a thing."""
    return UUID(digits(kind, *parts))


def digits(kind: str, *parts: str) -> str:
    """The same, hexadecimal."""
    return digest_of("weaviate", kind, *map(id_text, parts))


def name_of(text: str) -> str:
    """A short name for any text, fit for a tag."""
    return digest_of("tag", id_text(text))[:20]


def dump(value: Any) -> str:
    """A value as a property."""
    text = _written(value)
    try:
        fit = _written(orjson.loads(text)) == text
    except ValueError:
        fit = False
    # What the fast reader does not read as it stands: huge numbers, no numbers, lone surrogates.
    return text if fit else _PACKED + base64.b64encode(text.encode("utf-8", "surrogatepass")).decode()


def load(text: str) -> Any:
    """The value that `dump` wrote. A search reads hundreds of small texts."""
    if text.startswith(_PACKED):
        return json.loads(base64.b64decode(text.removeprefix(_PACKED)).decode("utf-8", "surrogatepass"))
    return orjson.loads(text)


_PACKED = "~"
"""No JSON begins with it."""


def _written(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def hour(at: datetime) -> int:
    """In which hour since `FIRST` a moment lies. The server's range index takes as long as a number has bits."""
    return int((min(max(at, FIRST), LAST) - FIRST) // HOUR)


def hours(event: TimeRange) -> tuple[int, int]:
    """The hours of start and end of an interval; open sides stand at the edges."""
    return hour(event.start or FIRST), hour(event.end or LAST)
