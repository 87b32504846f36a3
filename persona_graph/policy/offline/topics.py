"""A session as topics (`segment_episodes`): a new one where a turn shares few words with what stands before it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from persona_graph.conversation import Role, Turn
from persona_graph.policy.offline.keywords import content_terms, keywords_of
from persona_graph.policy.offline.language import Language
from persona_graph.policy.offline.languages import language_of
from persona_graph.policy.offline.sentences import quoted, sentences

REACH = 2
"""How many turns back a turn is compared with."""
SHORT = 4
"""A turn with fewer words of its own ("Yes, exactly!") stays with what it answers."""
STRANGE = 0.1
"""Up to this share of known words a turn may open a topic."""
TURNS_A_TOPIC = 4
"""On average at least; the session stays in few topics."""
KEYWORDS = 6
QUOTE = 160


def topics(turns: Sequence[Turn]) -> list[dict[str, Any]]:
    """The topics of a session in the job's form; turns count from 1."""
    language = language_of(" ".join(turn.said_by(Role.PERSON) for turn in turns))
    starts = [0, *sorted(_borders(turns, language))]
    return [_topic(turns[a:b], a, language) for a, b in zip(starts, [*starts[1:], len(turns)], strict=True)]


def _borders(turns: Sequence[Turn], language: Language) -> list[int]:
    """The places where a new topic starts, the clearest ones first chosen."""
    terms = [set(content_terms(_text(turn), language)) for turn in turns]
    shares = [(_shared(terms, place), place) for place in range(1, len(turns)) if len(terms[place]) >= SHORT]
    clear = sorted((share, place) for share, place in shares if share <= STRANGE)
    return [place for _, place in clear[: len(turns) // TURNS_A_TOPIC]]


def _shared(terms: Sequence[set[str]], place: int) -> float:
    """How many of a turn's words stand in the turns before it, as a share."""
    before: set[str] = set().union(*terms[max(0, place - REACH) : place])
    return len(terms[place] & before) / max(1, len(terms[place]))


def _topic(turns: Sequence[Turn], offset: int, language: Language) -> dict[str, Any]:
    keywords = keywords_of((_text(turn) for turn in turns), language, KEYWORDS)
    quote = _salient(turns, set(keywords), language)
    # Where no spaces part words, keywords are pairs of characters: good to search, bad to read.
    summary = f"{', '.join(keywords)}: “{quote}”" if keywords and language.spaced else f"“{quote}”"
    return {
        "summary": summary,
        "keywords": list(keywords),
        "turns": [offset + place for place in range(1, len(turns) + 1)],
    }


def _salient(turns: Sequence[Turn], keywords: set[str], language: Language) -> str:
    """The sentence that says most of the topic: the person's before the assistant's, statements before questions."""
    wanted = content_terms(" ".join(keywords), language)
    for role in (Role.PERSON, Role.ASSISTANT):
        said = [s for turn in turns for s in sentences(turn.said_by(role), language)]
        if said:
            best = max(said, key=lambda s: (not s.asks, len(wanted.keys() & content_terms(s.text, language).keys())))
            return quoted(best.text, QUOTE)
    return ""


def _text(turn: Turn) -> str:
    """What tells the topic: the person's words, since answers repeat themselves; the answer's where there are none."""
    return turn.said_by(Role.PERSON) or turn.said_by(Role.ASSISTANT)
