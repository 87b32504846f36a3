"""`infer_personality`: the five traits that one turn shows, p' (paper section 3.2), with the words that show them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import tzinfo
from typing import Any

from persona_graph.conversation import Role, Turn
from persona_graph.errors import ParseError
from persona_graph.jobs.format import (
    DATA_RULE,
    Piece,
    conversation,
    fields,
    prompt,
    section,
    stamp,
    utterance,
)
from persona_graph.jobs.job import Form, Job, PromptMessage
from persona_graph.jobs.reading import items, read_objects, scalar, without_think
from persona_graph.memory.types import Memory
from persona_graph.personality import NEUTRAL, TRAITS, BigFive, Trait


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonalityInput:
    """The turn, and what stands around it."""

    turn: Turn
    recent: tuple[Turn, ...] = ()
    profile: tuple[Memory, ...] = ()
    zone: tzinfo | None = None
    """The person's; the turns' own where it is not known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Inferred:
    """What the turn shows: scores from 1 to 5, 3 where it shows nothing."""

    scores: BigFive
    words: tuple[str, ...] = ()
    """Short quotes of the person's own words; only quotes that stand in the turn are kept."""


INSTRUCTIONS = (
    """\
Judge what one message (<message>) shows of the personality of the person who wrote it, on the five traits of the \
Big Five. <profile> and <conversation> help to understand it; judge the message, and only what the person says, \
never what an assistant says.

For each trait give a whole number:
1 clearly low, 2 rather low, 3 the message shows nothing of it, 4 rather high, 5 clearly high.
- openness: curiosity, imagination, taste for the new / for the familiar and practical
- conscientiousness: order, planning, care / spontaneity, carelessness
- extraversion: company, energy, talkativeness / calm, reserve
- agreeableness: warmth, trust, helpfulness / bluntness, suspicion
- neuroticism: worry, irritation, mood swings / calm, steadiness

Most messages show little: 3 is the right number unless words of the message speak for another. For every number \
other than 3, quote the words that show it, exactly as they stand in the message, a few words each.

Write one JSON object and nothing else:
{"openness": 3, "conscientiousness": 3, "extraversion": 3, "agreeableness": 3, "neuroticism": 3, "words": ["..."]}

"""
    + DATA_RULE
)

_MOST_QUOTES, _LONGEST_QUOTE = 5, 200
_SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        **{trait.value: {"type": "integer", "enum": [1, 2, 3, 4, 5]} for trait in TRAITS},
        "words": {"type": "array", "items": {"type": "string"}},
    },
    "required": [*(trait.value for trait in TRAITS), "words"],
    "additionalProperties": False,
}
_NUMBER = re.compile(r"[-+]?\d{1,3}(?:\.\d{1,6})?")


def render(given: PersonalityInput, instructions: str) -> tuple[PromptMessage, ...]:
    """The person's own words of the turn, after what stands before them."""
    return prompt(instructions, before(given))


def before(given: PersonalityInput) -> list[Piece]:
    """Profile, recent context, time and the person's words."""
    turn, zone = given.turn, given.zone or given.turn.at.tzinfo
    own = [piece for message in turn.messages if message.role is Role.PERSON for piece in utterance(message)]
    return [
        *fields(given.profile, "profile"),
        *conversation(given.recent, zone),
        f"<now>{stamp(turn.at, zone)}</now>\n",
        *section("message", own),
    ]


def parse(raw: str, given: PersonalityInput) -> Inferred:
    """Five whole numbers in whatever dress; one that is missing or out of range says nothing (3).

    Raises: ParseError when none of the five is there.
    """
    found = next((row for row in read_objects(raw) if any(trait in row for trait in TRAITS)), {})
    scores = {trait: _score(found[trait]) if trait in found else _score_in(raw, trait) for trait in TRAITS}
    if all(score is None for score in scores.values()):
        raise ParseError('a JSON object such as {"openness": 3, ...} with a whole number for each of five traits', raw)
    neutral = {trait: NEUTRAL if score is None else score for trait, score in scores.items()}
    return Inferred(scores=BigFive().replace(neutral), words=_quotes(found.get("words"), given.turn))


def _score_in(raw: str, trait: Trait) -> float | None:
    """The last line that gives this trait a number: `"openness": 4`, `Openness = 4`."""
    found = re.findall(rf"(?i)\b{trait.value}\b[\"'*]*\s*[:=]\s*[\"'*]*([^\s,;}}]{{1,20}})", without_think(raw))
    return _score(found[-1]) if found else None


def _score(value: object) -> float | None:
    """A number from 1 to 5, rounded; 3 for a number that lies outside; None for what is no number."""
    if isinstance(value, dict):
        value = value.get("score")
    number = _NUMBER.match(str(value).strip()) if not isinstance(value, bool) else None
    if number is None:
        return None
    rounded = float(int(float(number[0]) + 0.5))
    return rounded if 1 <= rounded <= 5 else NEUTRAL


def _quotes(value: object, turn: Turn) -> tuple[str, ...]:
    """Those quotes that the person really wrote: what a model makes up proves nothing."""
    said = " ".join(turn.said_by(Role.PERSON).split())
    quotes = (" ".join(scalar(item).strip("\"'“”« »").split()) for item in items(value))
    kept = dict.fromkeys(q for q in quotes if q and len(q) <= _LONGEST_QUOTE and q in said)
    return tuple(kept)[:_MOST_QUOTES]


INFER_PERSONALITY: Job[PersonalityInput, Inferred] = Job(
    name="infer_personality",
    instructions=INSTRUCTIONS,
    render=render,
    parse=parse,
    form=lambda _given: Form(schema=_SCHEMA),
    max_tokens=400,
)
