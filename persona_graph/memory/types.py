"""What is remembered: `Memory`, one version of one thing known, with two intervals of time.

The *event interval* says when it was true or happened; the *believed interval* says when we held it
(open = current). A new version closes the old one's believed interval and, for a fact, its event
interval, so that a question about the past finds what was true then.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from persona_graph.timerange import ALWAYS, TimeRange


class Kind(StrEnum):
    """The four memories (paper section 3.1)."""

    CORE = "core"
    """Who the person is: a profile of keyed fields."""
    SEMANTIC = "semantic"
    """Facts and preferences, one sentence each."""
    EPISODIC = "episodic"
    """What was talked about: a topic, when, and the turns it spans."""
    PROCEDURAL = "procedural"
    """Habits and goals, keyed."""


KEYED = frozenset({Kind.CORE, Kind.PROCEDURAL})
"""Kinds whose memories carry a key; at most one current memory a key."""


class Source(StrEnum):
    """Whose word a version is."""

    MODEL = "model"
    """The policy inferred it."""
    PERSON = "person"
    """The person said so by hand; it outranks the model."""
    CLIENT = "client"
    """An agent outside (an MCP client's model) wrote it."""
    PROFILE = "profile"
    """It came with the user's first profile or an import."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """One version of one memory."""

    id: str
    """The same for all versions."""
    version: int
    """Counts from 1."""
    kind: Kind
    text: str
    keywords: tuple[str, ...] = ()
    key: str = ""
    """The field's name, for core and procedural memories."""
    event: TimeRange = ALWAYS
    believed: TimeRange = ALWAYS
    images: tuple[str, ...] = ()
    """Digests of images that belong to it."""
    pinned: bool = False
    """Pinned things change only by the person's hand."""
    off: bool = False
    """Switched off by the person: kept, and left out of every search and prompt."""
    source: Source = Source.MODEL
    evidence: tuple[str, ...] = ()
    """Ids of the turns it rests on."""
    commit: str = ""
    """Id of the commit that made this version."""

    @property
    def current(self) -> bool:
        """Whether we hold it now."""
        return self.believed.end is None

    @property
    def ref(self) -> str:
        """`id@commit`: names exactly this version, in receipts and read sets, whatever stands before it."""
        return f"{self.id}@{self.commit}"

    @property
    def searchable(self) -> str:
        """Key, text and keywords: what a search by words sees."""
        return "\n".join(part for part in (self.key, self.text, " ".join(self.keywords)) if part)


def age(memory: Memory) -> tuple[float, str, int]:
    """Orders by when we began to hold it."""
    start = memory.believed.start
    return (start.timestamp() if start else float("-inf"), memory.id, memory.version)
