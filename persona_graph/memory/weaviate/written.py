"""`Written`: a turn that was really written."""

from __future__ import annotations

from dataclasses import dataclass

from persona_graph.conversation import Turn


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """A turn that was really written."""

    turn: Turn
    row: int
    late: bool
    """It stands before turns that were there already."""
