"""How the two stages behave: one frozen value. Every place where we differ from the paper is a field.

`Options()` is our way; `Options.paper()` sets them all back and is what "PersonaVLM" means in a table.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum

from persona_graph.conversation import SESSION_GAP
from persona_graph.errors import InputError
from persona_graph.memory.store import LONGEST_WAIT
from persona_graph.personality import NeutralPolicy
from persona_graph.retrieval.query import DEFAULT_LIMITS, Target, check_limits


class Updates(StrEnum):
    """When the Update stage runs."""

    BACKGROUND = "background"
    """A worker drains the outbox off the answer's path."""
    INLINE = "inline"
    """Every turn waits for it (the paper's M_{m-1} exactly)."""
    OFF = "off"
    """Jobs are written to the outbox; another process runs them."""


class Search(StrEnum):
    """What a retrieval searches with."""

    HYBRID = "hybrid"
    """Words and vectors over the model's keywords and the person's own words, our ranking."""
    DENSE = "dense"
    """The paper's: vectors only, keywords against keywords and the query against content, the better of both."""


_DAY_S = int(LONGEST_WAIT.total_seconds())
_BOUNDS: Mapping[str, tuple[int, int]] = {
    "max_retrievals": (0, 100),
    "context_tokens": (0, 10**9),
    "turn_tokens": (0, 10**9),
    "message_tokens": (1, 10**9),
    "session_tokens": (1, 10**9),
    "habits_shown": (0, 10**6),
    "claim_s": (1, _DAY_S),
}
"""Least and most; beyond, sums of times overflow and a graph runs out of steps."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """Settings of behaviour, the same for every user of a `Persona`."""

    reasoning: bool = True
    """False: one retrieval and one plain answer (`respond`), no think."""
    max_retrievals: int = 3
    """Then an answer is forced."""
    force_retrieve: bool = False
    """The first step must retrieve."""
    force_retrieve_choices: bool = False
    """The first step must retrieve when the question offers choices (a) to (d)."""
    limits: Mapping[Target, int] = field(default_factory=lambda: dict(DEFAULT_LIMITS))
    """Top-k a kind."""
    search: Search = Search.HYBRID
    back_fill: bool = True
    """What was shown is left out before ranking, so the next best fill in."""
    context_tokens: int = 2000
    """Budget for the turns of the last 60 minutes."""
    turn_tokens: int = 1200
    """Budget for the best turns of one retrieval's episodes."""
    message_tokens: int = 8000
    """The most that is shown of one message or exchange; of a longer one its beginning and its end."""
    session_tokens: int = 16_000
    """The same for the conversation that the jobs of a session read; its longest messages are cut first."""
    habits_shown: int = 5
    """The liveliest procedural memories that stand in the prompt."""
    session_gap: timedelta = SESSION_GAP
    updates: Updates = Updates.BACKGROUND
    neutral: NeutralPolicy = NeutralPolicy.VECTOR
    personality_from_query_alone: bool = False
    """p' from the person's latest message, without the conversation around it."""
    append_only_semantic: bool = False
    """Facts are only added, never updated or deleted."""
    rewrite_whole: bool = False
    """Core and procedural memory are replaced by what the model says; what it leaves out is gone."""
    retry_delays_s: tuple[float, ...] = (2.0, 10.0, 60.0)
    """Waits before a failed update job is tried again; after the last it is parked."""
    claim_s: float = 20.0
    """How long a worker that is gone keeps others from its job; one that lives renews its claim."""

    def __post_init__(self) -> None:
        for name, (least, most) in _BOUNDS.items():
            value = getattr(self, name)
            if not isinstance(value, int | float) or not least <= value <= most:
                raise InputError(f"{name} is {repr(value)[:80]}; it lies between {least} and {most}")
        if not timedelta(0) < self.session_gap <= LONGEST_WAIT:
            raise InputError("session_gap is longer than nothing and at most a day, for example timedelta(minutes=60)")
        if not all(0 <= delay <= _DAY_S for delay in self.retry_delays_s):
            raise InputError(f"retry_delays_s are seconds between 0 and {_DAY_S}")
        check_limits(self.limits)

    @classmethod
    def paper(cls) -> Options:
        """The paper's way, setting by setting."""
        return cls(
            updates=Updates.INLINE,
            search=Search.DENSE,
            append_only_semantic=True,
            rewrite_whole=True,
            personality_from_query_alone=True,
            back_fill=False,
            force_retrieve_choices=True,
        )
