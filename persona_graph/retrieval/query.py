"""What is asked of memory, and what comes back: `Query` in, `Hit`s with the parts of their scores out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from persona_graph.conversation import Image, Turn
from persona_graph.errors import InputError
from persona_graph.memory.types import Memory
from persona_graph.timerange import ALWAYS, TimeRange, instant, within_calendar


class Target(StrEnum):
    """What can be searched."""

    SEMANTIC = "semantic"
    EPISODIC = "episodic"
    PROCEDURAL = "procedural"
    CORE = "core"
    IMAGE = "image"
    TURN = "turn"
    """Single messages of the journal."""


DEFAULT_LIMITS: Mapping[Target, int] = {
    Target.SEMANTIC: 4,
    Target.EPISODIC: 2,
    Target.PROCEDURAL: 2,
    Target.IMAGE: 2,
}
"""Top-k a kind (paper section 4.1)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """One search of one user's memory."""

    user: str
    text: str = ""
    """The person's own words."""
    keywords: str = ""
    """What the model asked for; both search."""
    window: TimeRange = ALWAYS
    """Event time; filters before the search."""
    limits: Mapping[Target, int] = field(default_factory=lambda: dict(DEFAULT_LIMITS))
    """Top-k of each thing to search; what is absent is not searched."""
    as_of: datetime | None = None
    """Belief time: only what was held then."""
    exclude: frozenset[str] = frozenset()
    """Memory ids, turn ids and image digests not to return; the next best fill in."""
    turn_tokens: int = 1200
    """Budget for the best turns of all episodic hits together."""
    now: datetime | None = None
    """When the question is asked, for dates like "last May"."""
    dense_only: bool = False
    """Vectors alone, the better of keywords and own words (the paper's search); needs an embedder."""
    back_fill: bool = True
    """False: what is excluded is taken out of the top k and nothing takes its place (the paper's way)."""
    by_speaker: bool = True
    """Whether it counts who speaks: the person that the question names, or the side that it asks about."""

    def __post_init__(self) -> None:
        check_limits(self.limits)
        if self.as_of is not None:
            object.__setattr__(self, "as_of", within_calendar(instant(self.as_of, "as_of")))
        if self.now is not None:
            instant(self.now, "now")  # it keeps its zone: "yesterday" is a matter of the person's clock


def check_limits(limits: Mapping[Target, int]) -> None:
    """Raises: InputError when something is limited that cannot be searched, or by what is no count."""
    for target, count in limits.items():
        if target not in set(Target):
            raise InputError(f"{target!r} cannot be searched; what can is {', '.join(Target)}")
        if not isinstance(count, int) or count < 0:
            raise InputError(f"the limit of {target} is {count!r}; limits count hits and are at least 0")


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """One thing found, with the parts that its score is the sum of."""

    target: Target
    score: float
    parts: Mapping[str, float]
    memory: Memory | None = None
    """For memories."""
    turn: Turn | None = None
    """For single messages and images: the turn it stands in."""
    message: int = 0
    """For single messages and images: which message of the turn."""
    image: Image | None = None
    turns: tuple[Turn, ...] = ()
    """For episodes: its best turns within the token budget, in order of time."""
    superseded: bool = False
    """It was true in the window and no longer is."""

    @property
    def id(self) -> str:
        """What `exclude` and receipts call it."""
        if self.memory is not None:
            return self.memory.id
        if self.image is not None and self.image.digest:
            return self.image.digest
        assert self.turn is not None
        return f"{self.turn.id}#{self.message}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Hits:
    """All that one search found, each target's hits best first."""

    hits: tuple[Hit, ...]
    terms: tuple[str, ...] = ()
    """The analysed query."""
    weights: Mapping[str, float] = field(default_factory=dict)
    """How keywords, words and vectors were combined."""

    def of(self, target: Target) -> tuple[Hit, ...]:
        """The hits of one target."""
        return tuple(hit for hit in self.hits if hit.target is target)
