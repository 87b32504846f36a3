"""What a look at one's memory finds: `Finding`s, each with its remedy, gathered in a `Checkup`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from persona_graph.memory.operations import Delete, Keep
from persona_graph.memory.types import Memory

UNUSED_AFTER = timedelta(days=90)
UNUSED_ANSWERS = 50
"""Fewer answers say nothing about what is of no use."""


class Ailment(StrEnum):
    """What can be wrong."""

    EVIDENCE = "evidence"
    """What it rests on is not there."""
    OWN_WORDS = "own-words"
    """The model stored what the assistant said."""
    DUPLICATES = "duplicates"
    CONTRADICTIONS = "contradictions"
    UNUSED = "unused"
    """No answer ever looked at it."""


class Sure(StrEnum):
    """How sure it is that the remedy is right; in order."""

    POSSIBLE = "possible"
    LIKELY = "likely"
    CERTAIN = "certain"

    def at_least(self, other: Sure) -> bool:
        """Whether it is as sure as another."""
        return list(Sure).index(self) >= list(Sure).index(other)


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that is wrong."""

    what: Ailment
    memories: tuple[Memory, ...]
    """All that it is about; the one that would stay comes first."""
    why: str
    """One sentence."""
    remedy: tuple[Keep | Delete, ...] = ()
    """Empty where only the person can decide."""
    sure: Sure

    @property
    def gone(self) -> frozenset[str]:
        """Ids of the memories that the remedy takes out."""
        return frozenset(operation.id for operation in self.remedy if isinstance(operation, Delete))


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkup:
    """What was looked at, and what was found."""

    memories: int
    """Current ones."""
    turns: int
    answers: int
    """Turns whose receipt says what they read."""
    findings: tuple[Finding, ...] = ()


def remedies(findings: Iterable[Finding]) -> tuple[Keep | Delete, ...]:
    """All remedies as the operations of one commit, each once; what one takes out no other one keeps."""
    every = dict.fromkeys(operation for finding in findings for operation in finding.remedy)
    gone = {operation.id for operation in every if isinstance(operation, Delete)}
    return tuple(operation for operation in every if isinstance(operation, Delete) or operation.id not in gone)
