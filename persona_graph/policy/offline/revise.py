"""What new facts do to what is known: add, or update the memory that the new fact replaces (`extract_semantic`)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from persona_graph.jobs.extract_semantic import SemanticInput
from persona_graph.memory.types import Memory
from persona_graph.policy.offline.facts import Fact, contradicts, fact_of_note, facts_in
from persona_graph.policy.offline.keywords import keywords_of
from persona_graph.policy.offline.language import Slot
from persona_graph.policy.offline.sentences import statements
from persona_graph.policy.offline.window import window_of

PROFILE_ONLY = frozenset({Slot.NAME, Slot.AGE})
"""Facts that the profile alone holds."""

Row = dict[str, Any]


def operations(given: SemanticInput) -> list[Row]:
    """The operations for one turn, in the job's form."""
    rows: list[Row] = []
    replaced: set[str] = set()
    for fact in facts_in(statements((given.turn,))):
        when = _planned(fact, given.now)
        if fact.slot in PROFILE_ONLY or (fact.slot is Slot.PLANS and when is None):
            continue
        row = _row(fact, when)
        place = _replaces(fact, given.known, replaced)
        if place is None:
            rows.append({"do": "add", **row})
        elif _plain(given.known[place].text) != _plain(fact.note):
            replaced.add(given.known[place].id)
            rows.append({"do": "update", "memory": f"m{place + 1}", **row})
    return rows


def _row(fact: Fact, when: str | None) -> Row:
    return {"text": fact.note, "keywords": list(_keywords(fact)), "when": when, "picture": False}


def _keywords(fact: Fact) -> tuple[str, ...]:
    """Words of the fact, of its slot and of its kind, by which a question may look for it."""
    own = keywords_of((f"{fact.thing} {fact.value}",), fact.language)
    slot = fact.language.vocabulary.get(fact.slot, "").split()
    return tuple(word for word in dict.fromkeys((*own, *slot, fact.kind)) if word)[:12]


def _planned(fact: Fact, at: datetime) -> str | None:
    """The day a plan is for."""
    if fact.slot is not Slot.PLANS:
        return None
    start = window_of(fact.value, at, fact.language, ahead=True).start
    return start.astimezone(at.tzinfo).date().isoformat() if start is not None and start >= at else None


def _replaces(fact: Fact, known: Sequence[Memory], replaced: set[str]) -> int | None:
    """The place of the known fact that this one takes over; the nearest first."""
    for place, memory in enumerate(known):
        older = fact_of_note(memory.text)
        if memory.pinned or memory.id in replaced or older is None:
            continue
        if _plain(memory.text) == _plain(fact.note) or contradicts(fact, older):
            return place
    return None


def _plain(text: str) -> str:
    return " ".join(text.casefold().rstrip(".").split())
