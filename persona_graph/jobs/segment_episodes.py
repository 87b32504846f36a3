"""`segment_episodes`: a closed session as topics, each with its turns; the result is `Add`s of episodic memories."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta, tzinfo
from typing import Any

from persona_graph.conversation import Turn
from persona_graph.errors import ParseError
from persona_graph.jobs.format import DATA_RULE, digests, numbered, prompt
from persona_graph.jobs.job import Form, Job, PromptMessage
from persona_graph.jobs.reading import items, read_objects, rows, scalar, words
from persona_graph.memory.operations import Add, ModelOperation
from persona_graph.memory.types import Kind
from persona_graph.timerange import TimeRange


@dataclass(frozen=True, slots=True, kw_only=True)
class EpisodesInput:
    """The turns of one closed session."""

    turns: tuple[Turn, ...]
    zone: tzinfo | None = None
    """The person's; the turns' own where it is not known."""


INSTRUCTIONS = (
    """\
You keep the memory of a personal assistant. A conversation (<session>) is over. Divide it into the topics that were \
talked about, so that each can be found again later.

- A topic is a stretch about one thing. A short conversation is often one topic; do not cut finer than the talk does.
- "summary": one or two sentences that tell what was said and decided, with the names, places, numbers and dates that \
matter; understandable on its own, in the language of the conversation.
- "keywords": the few words by which one would look for it.
- "turns": the numbers of the turns that belong to it. Every turn belongs to a topic; a turn may belong to two.

Write one JSON object and nothing else:
{"topics": [{"summary": "...", "keywords": ["...", "..."], "turns": [1, 2, 3]}]}

"""
    + DATA_RULE
)

_SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "topics": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {
                    "summary": {"type": "string"},
                    "keywords": {"type": "array", "items": {"type": "string"}},
                    "turns": {"type": "array", "items": {"type": "integer"}},
                },
                "required": ["summary", "keywords", "turns"],
                "additionalProperties": False,
            },
        }
    },
    "required": ["topics"],
    "additionalProperties": False,
}
_SPAN = re.compile(r"(\d{1,6})(?:\s*(?:-|–|to|\.\.)\s*(\d{1,6}))?")
_LAST_TURN_LASTS = timedelta(minutes=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Topic:
    """A topic as the model gives it; turns count from 0."""

    summary: str
    keywords: tuple[str, ...]
    turns: frozenset[int]


def render(given: EpisodesInput, instructions: str) -> tuple[PromptMessage, ...]:
    """The session, its turns numbered from 1."""
    return prompt(instructions, numbered(given.turns, given.zone))


def parse(raw: str, given: EpisodesInput) -> tuple[ModelOperation, ...]:
    """One episode a topic; every turn belongs to one.

    Raises: ParseError when no topic has a summary and a turn of the session.
    """
    found = read_objects(raw)
    listed = next((row["topics"] for row in found if "topics" in row), [row for row in found if "summary" in row])
    topics = [_topic(row, len(given.turns)) for row in rows(listed)]
    return episodes([topic for topic in topics if topic.summary], given.turns, raw)


def episodes(topics: list[Topic], turns: tuple[Turn, ...], raw: str) -> tuple[ModelOperation, ...]:
    """Topics as operations, in order of time, with the turns that no topic names given to their neighbours'."""
    placed = [topic for topic in topics if topic.turns]
    if not placed and len(topics) == 1:
        placed = [Topic(summary=topics[0].summary, keywords=topics[0].keywords, turns=frozenset(range(len(turns))))]
    if not placed or not turns:
        raise ParseError('a JSON object {"topics": [...]}, each with a summary and the numbers of its turns', raw)
    members = [set(topic.turns) for topic in placed]
    for lost in set(range(len(turns))).difference(*members):
        members[_nearest(lost, placed)].add(lost)
    made = [_episode(topic, [turns[i] for i in sorted(own)]) for topic, own in zip(placed, members, strict=True)]
    return tuple(sorted(made, key=lambda add: add.event.start or turns[0].at))


def spans(value: object, most: int) -> frozenset[int]:
    """Numbers of turns up to `most`, in any dress: `[1, 2]`, `["1-3", 5]`, `"1, 2, 4-6"`."""
    text = ",".join(scalar(item) for item in items(value))
    found = ((int(first), int(last or first)) for first, last in _SPAN.findall(text))
    return frozenset(number for first, last in found for number in range(first, min(last, most) + 1))


def _nearest(lost: int, topics: list[Topic]) -> int:
    """The topic with the turn nearest to this one; of two as near, the one before it."""
    return min(range(len(topics)), key=lambda i: min((abs(turn - lost), turn > lost) for turn in topics[i].turns))


def _topic(row: Mapping[str, Any], count: int) -> Topic:
    inside = frozenset(number - 1 for number in spans(row.get("turns"), count) if number >= 1)
    return Topic(summary=scalar(row.get("summary")), keywords=words(row.get("keywords")), turns=inside)


def _episode(topic: Topic, turns: list[Turn]) -> Add:
    return Add(
        kind=Kind.EPISODIC,
        text=topic.summary,
        keywords=topic.keywords,
        event=TimeRange(start=turns[0].at, end=max(turn.at for turn in turns) + _LAST_TURN_LASTS),
        images=digests(turns),
        evidence=tuple(turn.id for turn in turns),
    )


SEGMENT_EPISODES: Job[EpisodesInput, tuple[ModelOperation, ...]] = Job(
    name="segment_episodes",
    instructions=INSTRUCTIONS,
    render=render,
    parse=parse,
    form=lambda _given: Form(schema=_SCHEMA),
    max_tokens=2048,
)
