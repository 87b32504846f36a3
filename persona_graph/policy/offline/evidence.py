"""`Evidence`: one thing that may answer a question, from the prompt or from what a retrieval found.

The policy sees what a model would see, so memories are read back from the text of the `<memories>` blocks.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, tzinfo
from enum import StrEnum

from persona_graph.conversation import Role, Turn
from persona_graph.errors import InputError
from persona_graph.jobs.format import unescape
from persona_graph.jobs.job import PromptMessage
from persona_graph.jobs.reason import Opening
from persona_graph.memory.types import Memory
from persona_graph.policy.offline.facts import Fact, fact_of, fact_of_field, fact_of_note
from persona_graph.policy.offline.language import Language
from persona_graph.policy.offline.sentences import sentences, words_of
from persona_graph.retrieval.query import Hit, Target
from persona_graph.timerange import parse_time


class Origin(StrEnum):
    """Where it stands."""

    PROFILE = "profile"
    FACT = "fact"
    HABIT = "habit"
    TOPIC = "topic"
    PERSON = "person"
    """A sentence the person said."""
    ASSISTANT = "assistant"
    PICTURE = "picture"


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """One sentence with what is known of it."""

    origin: Origin
    text: str
    about: str = ""
    """Words that it is found by and that are not told."""
    at: datetime | None = None
    """When it was said, or since when it holds."""
    superseded: bool = False
    recent: bool = False
    """Whether it was said in the conversation that the prompt holds: newer than any memory."""
    facts: tuple[Fact, ...] = field(default=())


_SECTIONS = re.compile(r"<(profile|habits|facts|episodes|said|pictures)>\n(.*?)</\1>", re.DOTALL)
_FIELD = re.compile(r"- (?P<key>[^:\n]+): (?P<text>.+)")
_FACT = re.compile(
    r"(?:- |\[\w+\] )(?:\(since (?P<since>\d{4}-\d\d-\d\d)\) )?"
    r"(?P<text>.+?)(?P<past> \(no longer true[^)]*\))?(?: \(pinned[^)]*\))?"
)
_EPISODE = re.compile(r'<episode(?: at="(?P<at>[^"]*)")?>\n(?P<text>[^\n]*)\n(?P<turns>.*?)</episode>', re.DOTALL)
_TURN = re.compile(r'<turn[^>]* at="(?P<at>[^"]*)">\n(?P<said>.*?)</turn>', re.DOTALL)
_SAID = re.compile(r"<(?P<role>person|assistant)[^>]*>(?P<text>.*?)</(?P=role)>", re.DOTALL)
_PICTURE = re.compile(r"\[image: (?P<caption>[^\]]*)\]")


def opening_evidence(opening: Opening, language: Language) -> tuple[Evidence, ...]:
    """What stands in the prompt before anything is looked up."""
    return (
        *(_profile(m.key, m.text, language) for m in opening.profile),
        *(Evidence(origin=Origin.HABIT, text=m.text, about=m.key, at=m.event.start) for m in opening.habits),
        *(replace(each, recent=True) for each in turns_evidence(opening.recent)),
    )


def turns_evidence(turns: Iterable[Turn]) -> Iterator[Evidence]:
    """Each sentence of each message, and each caption."""
    for turn in turns:
        for message in turn.messages:
            yield from _said(words_of(message), message.role, turn.at)
            for image in message.images:
                if image.caption:
                    yield Evidence(origin=Origin.PICTURE, text=image.caption, at=turn.at)


def hits_evidence(hits: Sequence[Hit], language: Language) -> tuple[Evidence, ...]:
    """What one retrieval found, as values."""
    return tuple(evidence for hit in hits for evidence in _hit(hit, language))


def transcript_evidence(
    transcript: Iterable[PromptMessage], zone: tzinfo | None, language: Language
) -> tuple[Evidence, ...]:
    """What retrievals found, read back from the text of the transcript."""
    found = (m.text for m in transcript if m.role == "user")
    return tuple(
        e for text in found for name, body in _SECTIONS.findall(text) for e in _section(name, body, zone, language)
    )


def retrievals(transcript: Iterable[PromptMessage]) -> int:
    """How often memory was looked into."""
    return sum("<memories>" in message.text for message in transcript if message.role == "user")


def _hit(hit: Hit, language: Language) -> Iterator[Evidence]:
    memory = hit.memory
    if memory is None:
        if hit.turn is not None:
            yield from turns_evidence((hit.turn,))
        return
    if hit.target is Target.CORE:
        yield _profile(memory.key, memory.text, language)
    elif hit.target is Target.SEMANTIC:
        yield _fact(memory.text, memory.event.start, hit.superseded)
    else:
        yield Evidence(origin=_origin(memory, hit.target), text=memory.text, about=memory.key, at=memory.event.start)
        yield from turns_evidence(hit.turns)


def _origin(memory: Memory, target: Target) -> Origin:
    return Origin.HABIT if target is Target.PROCEDURAL else Origin.TOPIC


def _section(name: str, body: str, zone: tzinfo | None, language: Language) -> Iterator[Evidence]:
    match name:
        case "profile":
            yield from (_profile(m["key"], unescape(m["text"]), language) for m in _FIELD.finditer(body))
        case "habits":
            yield from (
                Evidence(origin=Origin.HABIT, text=unescape(m["text"]), about=m["key"]) for m in _FIELD.finditer(body)
            )
        case "facts":
            for line in body.splitlines():
                if match := _FACT.fullmatch(line):
                    yield _fact(unescape(match["text"]), _time(match["since"], zone), match["past"] is not None)
        case "episodes":
            for match in _EPISODE.finditer(body):
                yield Evidence(origin=Origin.TOPIC, text=unescape(match["text"]), at=_time(match["at"], zone))
                yield from _turns(match["turns"], zone)
        case _:
            yield from _turns(body, zone)


def _turns(body: str, zone: tzinfo | None) -> Iterator[Evidence]:
    for turn in _TURN.finditer(body):
        at = _time(turn["at"], zone)
        for said in _SAID.finditer(turn["said"]):
            text = unescape(said["text"])
            yield from _said(_PICTURE.sub(" ", text), Role(said["role"]), at)
            for picture in _PICTURE.finditer(text):
                yield Evidence(origin=Origin.PICTURE, text=picture["caption"], at=at)


def _said(text: str, role: Role, at: datetime | None) -> Iterator[Evidence]:
    for sentence in sentences(text):
        if role is Role.PERSON and sentence.asks:
            continue
        clauses = sentence.clauses if role is Role.PERSON else ()
        made = tuple(fact for clause in clauses if (fact := fact_of(clause, sentence.language)) is not None)
        yield Evidence(origin=Origin(role.value), text=sentence.text, at=at, facts=made)


def _fact(text: str, at: datetime | None, superseded: bool) -> Evidence:
    made = fact_of_note(text)
    return Evidence(
        origin=Origin.FACT, text=text, at=at, superseded=superseded, facts=(made,) if made is not None else ()
    )


def _profile(key: str, text: str, language: Language) -> Evidence:
    made = fact_of_field(key, text, language)
    return Evidence(origin=Origin.PROFILE, text=f"{key}: {text}", facts=(made,) if made is not None else ())


def _time(text: str | None, zone: tzinfo | None) -> datetime | None:
    """The moment of a stamp such as `2024-05-31 18:30 Friday`."""
    try:
        return parse_time(" ".join(text.split()[:2]), zone or UTC) if text else None
    except InputError:
        return None
