"""What a store hands to ranking: columns of numbers, no text.

The store finds (window first, then words and vectors); ranking, which is pure and the same for every
store, decides. Messages that are there only because a candidate stands beside them are not `eligible`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from persona_graph.memory.types import Memory


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageCandidates:
    """n messages of one user in time order, and t query terms."""

    rows: NDArray[np.int64]
    """(n,) ids that order by time: `unix seconds << 20 | sequence`, ascending."""
    session: NDArray[np.int64]
    """(n,) equal numbers are one session."""
    position: NDArray[np.int64]
    """(n,) running number among all messages of the user in time order: neighbours differ by 1."""
    speaker: NDArray[np.int64]
    """(n,) index into `speakers`."""
    speakers: tuple[str, ...]
    role: NDArray[np.int64]
    """(n,) 0 person, 1 assistant."""
    marks: NDArray[np.int64]
    """(n,) bit set of what the text itself shows (`retrieval.marks`), found once, on writing."""
    hits: NDArray[np.bool_]
    """(t, n) whether query term i is in message j."""
    frequency: NDArray[np.int64]
    """(t,) how many messages of the user hold the term, whatever the window."""
    total: int
    """How many messages the user has."""
    cosine: NDArray[np.float32] | None
    """(n,) cosine with the query's vector, 0 where a message has no vector yet; None without an embedder."""
    eligible: NDArray[np.bool_]
    """(n,) inside the window and not excluded."""

    @classmethod
    def nothing(cls, terms: int, *, dense: bool) -> Self:
        """What is found for a user who has nothing."""
        none = np.empty(0, np.int64)
        return cls(
            rows=none,
            session=none,
            position=none,
            speaker=none,
            speakers=(),
            role=none,
            marks=none,
            hits=np.zeros((terms, 0), bool),
            frequency=np.zeros(terms, np.int64),
            total=0,
            cosine=np.empty(0, np.float32) if dense else None,
            eligible=np.empty(0, bool),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryCandidates:
    """n memories of one user and t query terms."""

    memories: Sequence[Memory]
    """n of them; a store may make each only when it is looked at."""
    kinds: NDArray[np.object_]
    """(n,)"""
    lengths: NDArray[np.float32]
    """(n,) of the texts, in characters."""
    hits: NDArray[np.bool_]
    """(t, n)"""
    frequency: NDArray[np.int64]
    """(t,) how many memories of the user hold the term."""
    total: int
    cosine: NDArray[np.float32] | None
    """(n,)"""

    @classmethod
    def of(cls, memories: Sequence[Memory], **columns: Any) -> Self:
        """Of memories that are at hand, and the other columns."""
        return cls(
            memories=memories,
            kinds=np.array([memory.kind for memory in memories], object),
            lengths=np.array([len(memory.text) for memory in memories], np.float32),
            **columns,
        )

    @classmethod
    def nothing(cls, terms: int, *, dense: bool) -> Self:
        """What is found for a user who has nothing."""
        return cls.of(
            (),
            hits=np.zeros((terms, 0), bool),
            frequency=np.zeros(terms, np.int64),
            total=0,
            cosine=np.empty(0, np.float32) if dense else None,
        )


def hits_of(held: Sequence[Sequence[int]], terms: int) -> NDArray[np.bool_]:
    """(t, n) of which terms each of n texts holds, by number."""
    hits = np.zeros((terms, len(held)), np.bool_)
    hits[[term for one in held for term in one], [place for place, one in enumerate(held) for _ in one]] = True
    return hits
