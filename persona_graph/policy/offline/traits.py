"""The five traits from cues in the person's own words (`infer_personality`): 3 and a step for each cue."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from persona_graph.conversation import Role, Turn
from persona_graph.jobs.infer_personality import PersonalityInput
from persona_graph.personality import TRAITS, Trait
from persona_graph.policy.offline.language import Cue
from persona_graph.policy.offline.languages import language_of
from persona_graph.policy.offline.sentences import words_of

_MOST_STEPS = 2
"""From neutral to either end."""
_MOST_QUOTES = 6


def inferred(given: PersonalityInput) -> dict[str, Any]:
    """Scores and the quotes that caused them, in the job's form."""
    seen = list(dict.fromkeys(_seen(given.turn)))
    steps = {trait: sum(cue.sign for cue, _ in seen if cue.trait is trait) for trait in TRAITS}
    scores: dict[str, Any] = {trait.value: _score(steps[trait]) for trait in Trait}
    return scores | {"words": list(dict.fromkeys(quote for _, quote in seen))[:_MOST_QUOTES]}


def _seen(turn: Turn) -> Iterator[tuple[Cue, str]]:
    """Each cue with the words that show it, as they stand in the turn."""
    for message in turn.messages:
        if message.role is Role.PERSON:
            text = words_of(message)
            for cue in language_of(text).cues:
                for match in cue.pattern.finditer(text.replace("’", "'")):
                    yield cue, text[slice(*match.span())]


def _score(steps: int) -> int:
    return 3 + max(-_MOST_STEPS, min(steps, _MOST_STEPS))
